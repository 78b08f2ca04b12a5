// Rules as tables: an object that is right, and what validation says of it after a merge patch.
//
//   const PatchedObject set("apps/v1", "StatefulSet", R"({"metadata": …})");
//   CHECK(set.Created(R"({"spec": {"replicas": -1}})") == "spec.replicas: Invalid value: …");
//   CheckCreates<rbacv1::Role>(kRole, {
//       {R"({})", ""},
//       {R"({"rules": [{}]})", "rules[0].verbs: Required value: …"},
//   });
#pragma once

#include <catch2/catch.hpp>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "api/codec.h"
#include "api/defaulting.h"
#include "api/object.h"
#include "api/patch.h"
#include "api/resource.h"
#include "api/validation/validation.h"

namespace skiff::api {

// A merge patch, and the errors that the object has with it, joined by "; ".
struct RuleRow {
  std::string patch;
  std::string errors;
};

class PatchedObject {
 public:
  PatchedObject(const ResourceInfo* resource, absl::string_view json)
      : resource_(resource), json_(json) {
    REQUIRE(resource_ != nullptr);
  }
  PatchedObject(absl::string_view api_version, absl::string_view kind, absl::string_view json)
      : PatchedObject(FindKind(api_version, kind), json) {}

  // The errors of a new object, defaulted; "" for none.
  std::string Created(absl::string_view patch = "{}") const {
    return Text(ValidateCreate(*Patched(json_, patch)));
  }
  // Of an update of what `before` makes of the object, by `patch` on top.
  std::string Updated(absl::string_view patch, absl::string_view before = "{}") const {
    const std::string old = PatchedJson(json_, before);
    return Text(ValidateUpdate(*Stored(old, patch), *Stored(old, "{}")));
  }
  std::string StatusUpdated(absl::string_view patch, absl::string_view before = "{}") const {
    const std::string old = PatchedJson(json_, before);
    return Text(ValidateStatusUpdate(*Stored(old, patch), *Stored(old, "{}")));
  }

  const std::string& json() const { return json_; }
  // The object of that JSON after the patch, defaulted.
  MessagePtr Patched(absl::string_view json, absl::string_view patch) const {
    MessagePtr object(resource_->prototype->New());
    const std::string text = PatchedJson(json, patch);
    const absl::Status decoded = DecodeJson(text, object.get());
    INFO(decoded.message() << " in " << text);
    REQUIRE(decoded.ok());
    SetDefaults(object.get());
    return object;
  }

  static std::string Text(const std::vector<FieldError>& errors) {
    return absl::StrJoin(errors, "; ", [](std::string* out, const FieldError& error) {
      out->append(error.ToString());
    });
  }

 private:
  MessagePtr Stored(const std::string& json, absl::string_view patch) const {
    MessagePtr object = Patched(json, patch);
    MutableMetaOf(object.get())->set_resource_version("1");
    return object;
  }
  static std::string PatchedJson(absl::string_view json, absl::string_view patch) {
    auto patched = MergePatch(json, patch);
    INFO(patch);
    REQUIRE(patched.ok());
    return *std::move(patched);
  }

  const ResourceInfo* resource_;
  std::string json_;
};

// The object of a kind after the patch, defaulted.
template <typename T>
T Patched(const std::string& base, const std::string& patch) {
  const MessagePtr made = PatchedObject(&ResourceOf<T>(), base).Patched(base, patch);
  return static_cast<const T&>(*made);
}

inline void CheckCreates(const PatchedObject& object, std::span<const RuleRow> rows) {
  for (const RuleRow& row : rows) {
    INFO(row.patch);
    CHECK(object.Created(row.patch) == row.errors);
  }
}

template <typename T>
void CheckCreates(const std::string& base, std::initializer_list<RuleRow> rows) {
  CheckCreates(PatchedObject(&ResourceOf<T>(), base), {rows.begin(), rows.size()});
}

template <typename T>
void CheckUpdates(const std::string& base, std::initializer_list<RuleRow> rows) {
  const PatchedObject object(&ResourceOf<T>(), base);
  for (const RuleRow& row : rows) {
    INFO(row.patch);
    CHECK(object.Updated(row.patch) == row.errors);
  }
}

template <typename T>
void CheckStatusUpdates(const std::string& base, std::initializer_list<RuleRow> rows) {
  const PatchedObject object(&ResourceOf<T>(), base);
  for (const RuleRow& row : rows) {
    INFO(row.patch);
    CHECK(object.StatusUpdated(row.patch) == row.errors);
  }
}

}  // namespace skiff::api
