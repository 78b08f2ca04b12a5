// A good object as JSON, and what validation says of it after a merge patch: rules as tables.
//
//   const PatchedObject set("apps/v1", "StatefulSet", R"({"metadata": …})");
//   CHECK(set.Created(R"({"spec": {"replicas": -1}})") == "spec.replicas: Invalid value: …");
#pragma once

#include <catch2/catch.hpp>
#include <memory>
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

class PatchedObject {
 public:
  PatchedObject(absl::string_view api_version, absl::string_view kind, absl::string_view json)
      : resource_(FindKind(api_version, kind)), json_(json) {
    REQUIRE(resource_ != nullptr);
  }

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

// A patch, and the errors after it.
struct PatchRow {
  const char* patch;
  const char* errors;
};

template <size_t N>
void CheckCreated(const PatchedObject& object, const PatchRow (&rows)[N]) {
  for (const PatchRow& row : rows) {
    INFO(row.patch);
    CHECK(object.Created(row.patch) == row.errors);
  }
}

}  // namespace skiff::api
