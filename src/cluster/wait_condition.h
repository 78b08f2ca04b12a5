// What `wait` waits for, read once and asked of each state of the object.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/json_value.h"

namespace skiff::cluster {

// "condition=NAME[=STATUS]" (status True if not given, names without regard to case, as kubectl),
// "delete", "create", or "jsonpath={.a.b[0].c}=VALUE" (VALUE left out: any).
class WaitCondition {
 public:
  static absl::StatusOr<WaitCondition> Parse(absl::string_view text);

  // Whether it waits for the object to be gone.
  bool for_delete() const { return kind_ == Kind::kDelete; }
  // Whether a missing object may still come.
  bool for_create() const { return kind_ == Kind::kCreate; }
  // Whether this state of the object is what was waited for.
  bool Holds(const api::JsonValue& object) const;
  // What the object is like instead, for the error: `condition Ready is "False":
  // ContainersNotReady`.
  std::string Describe(const api::JsonValue& object) const;

 private:
  enum class Kind { kCondition, kDelete, kCreate, kJsonPath };
  Kind kind_ = Kind::kCondition;
  std::string name_;  // The condition's type, or the path as written.
  std::string value_;
  bool any_value_ = false;
  std::vector<std::string> steps_;  // Of the path; "0" style steps index lists.
};

}  // namespace skiff::cluster
