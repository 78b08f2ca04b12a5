// Tables of rules: an object that is right, and what is wrong with it after a change.
//
//   CheckCreates<rbacv1::Role>(kRole, {
//       {R"({})", ""},
//       {R"({"rules": [{}]})", "rules[0].verbs: Required value: ..."},
//   });
#pragma once

#include <catch2/catch.hpp>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "api/defaulting.h"
#include "api/patch.h"
#include "api/validation/validation.h"
#include "tests/api/from_json.h"

namespace skiff::api {

// A merge patch, and the errors that the object has with it, joined by "; ".
struct RuleRow {
  std::string change;
  std::string errors;
};

inline std::string ErrorsText(const std::vector<FieldError>& errors) {
  return absl::StrJoin(errors, "; ", [](std::string* out, const FieldError& error) {
    out->append(error.ToString());
  });
}

template <typename T>
T Patched(const std::string& base, const std::string& change) {
  const absl::StatusOr<std::string> json = MergePatch(base, change);
  REQUIRE(json.ok());
  T object = FromJson<T>(*json);
  object.mutable_metadata()->set_resource_version("1");
  SetDefaults(&object);
  return object;
}

template <typename T>
void CheckCreates(const std::string& base, std::initializer_list<RuleRow> rows) {
  for (const RuleRow& row : rows) {
    INFO(row.change);
    CHECK(ErrorsText(ValidateCreate(Patched<T>(base, row.change))) == row.errors);
  }
}

template <typename T>
void CheckUpdates(const std::string& base, std::initializer_list<RuleRow> rows) {
  for (const RuleRow& row : rows) {
    INFO(row.change);
    CHECK(ErrorsText(ValidateUpdate(Patched<T>(base, row.change), Patched<T>(base, "{}"))) ==
          row.errors);
  }
}

template <typename T>
void CheckStatusUpdates(const std::string& base, std::initializer_list<RuleRow> rows) {
  for (const RuleRow& row : rows) {
    INFO(row.change);
    CHECK(ErrorsText(ValidateStatusUpdate(Patched<T>(base, row.change), Patched<T>(base, "{}"))) ==
          row.errors);
  }
}

}  // namespace skiff::api
