#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "api/time.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

constexpr size_t kMaxReason = 1024;
constexpr size_t kMaxMessage = 32 * 1024;

bool IsReason(absl::string_view text) {
  const char last = text.back();
  return absl::ascii_isalpha(text.front()) && last != ',' && last != ':' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == ',' || c == ':';
         });
}

void CheckReason(const std::string& reason, const Path& path, ErrorList* errors) {
  if (reason.empty()) {
    errors->Required(path);
    return;
  }
  if (!IsReason(reason)) {
    errors->Invalid(path, reason,
                    "a condition reason must start with alphabetic character, optionally followed "
                    "by a string of alphanumeric characters or '_,:', and must end with an "
                    "alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  "
                    "or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
                    "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')");
  }
  if (reason.size() > kMaxReason) errors->TooLong(path, kMaxReason);
}

}  // namespace

void CheckConditions(const google::protobuf::RepeatedPtrField<metav1::Condition>& conditions,
                     const Path& path, ErrorList* errors) {
  std::set<std::string> types;
  for (int i = 0; i < conditions.size(); ++i) {
    const metav1::Condition& condition = conditions[i];
    const Path at = path[i];
    if (!types.insert(condition.type()).second) errors->Duplicate(at / "type", condition.type());
    errors->InvalidEach(at / "type", condition.type(), CheckQualifiedName(condition.type()));
    errors->OneOf(at / "status", condition.status(), {"False", "True", "Unknown"});
    if (condition.observed_generation() < 0) {
      errors->Invalid(at / "observedGeneration", condition.observed_generation(),
                      "must be greater than or equal to zero");
    }
    if (!IsSet(condition.last_transition_time())) {
      errors->Required(at / "lastTransitionTime");
    }
    CheckReason(condition.reason(), at / "reason", errors);
    if (condition.message().size() > kMaxMessage) errors->TooLong(at / "message", kMaxMessage);
  }
}

}  // namespace skiff::api
