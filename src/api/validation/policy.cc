#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/system_objects.h"
#include "api/validation/kinds.h"
#include "k8s.io/api/policy/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr int32_t kMostOfUsers = 1'000'000'000;
constexpr absl::string_view kSystemPrefix = "system-";

template <typename T>
std::string JsonOrNull(bool has, const T& value) {
  return has ? JsonOf(value) : "null";
}

// What is wrong with a class of a reserved name; "" if it is the one that is meant.
std::string SystemFault(const schedulingv1::PriorityClass& given) {
  const std::string& name = given.metadata().name();
  for (const schedulingv1::PriorityClass& wanted : SystemPriorityClasses()) {
    if (wanted.metadata().name() != name) continue;
    if (given.value() != wanted.value()) {
      return absl::StrCat("value of ", name, " PriorityClass must be ", wanted.value());
    }
    if (given.global_default()) {
      return absl::StrCat("globalDefault of ", name, " PriorityClass must be false");
    }
    return "";
  }
  return absl::StrCat(name, " is not a known system priority class");
}

}  // namespace

void CheckPodDisruptionBudget(const policyv1::PodDisruptionBudget& budget, ErrorList* errors) {
  const policyv1::PodDisruptionBudgetSpec& spec = budget.spec();
  const Path path("spec");
  if (spec.has_min_available() && spec.has_max_unavailable()) {
    errors->Invalid(
        path,
        RawJson{absl::StrCat("{\"MinAvailable\":", JsonOf(spec.min_available()),
                             ",\"Selector\":", JsonOrNull(spec.has_selector(), spec.selector()),
                             ",\"MaxUnavailable\":", JsonOf(spec.max_unavailable()),
                             ",\"UnhealthyPodEvictionPolicy\":",
                             JsonOrNull(spec.has_unhealthy_pod_eviction_policy(),
                                        spec.unhealthy_pod_eviction_policy()),
                             "}")},
        "minAvailable and maxUnavailable cannot be both set");
  }
  if (spec.has_min_available()) {
    CheckIntOrPercent(spec.min_available(), path / "minAvailable", errors);
    CheckAtMostAll(spec.min_available(), path / "minAvailable", errors);
  }
  if (spec.has_max_unavailable()) {
    CheckIntOrPercent(spec.max_unavailable(), path / "maxUnavailable", errors);
    CheckAtMostAll(spec.max_unavailable(), path / "maxUnavailable", errors);
  }
  CheckLabelSelector(spec.selector(), path / "selector", errors);
  if (spec.has_unhealthy_pod_eviction_policy()) {
    errors->OneOf(path / "unhealthyPodEvictionPolicy", spec.unhealthy_pod_eviction_policy(),
                  {"AlwaysAllow", "IfHealthyBudget"});
  }
}

void CheckPodDisruptionBudgetUpdate(const policyv1::PodDisruptionBudget& now,
                                    const policyv1::PodDisruptionBudget&, ErrorList* errors) {
  CheckPodDisruptionBudget(now, errors);
}

void CheckPodDisruptionBudgetStatus(const policyv1::PodDisruptionBudget& now,
                                    const policyv1::PodDisruptionBudget&, ErrorList* errors) {
  const policyv1::PodDisruptionBudgetStatus& status = now.status();
  const Path path("status");
  CheckConditions(status.conditions(), path / "conditions", errors);
  errors->NotNegative(path / "disruptionsAllowed", status.disruptions_allowed());
  errors->NotNegative(path / "currentHealthy", status.current_healthy());
  errors->NotNegative(path / "desiredHealthy", status.desired_healthy());
  errors->NotNegative(path / "expectedPods", status.expected_pods());
}

void CheckPriorityClass(const schedulingv1::PriorityClass& priority, ErrorList* errors) {
  if (absl::StartsWith(priority.metadata().name(), kSystemPrefix)) {
    const std::string fault = SystemFault(priority);
    if (!fault.empty()) {
      errors->Forbidden(Path("metadata.name"),
                        absl::StrCat("priority class names with '", kSystemPrefix,
                                     "' prefix are reserved for system use only. error: ", fault));
    }
  } else if (priority.value() > kMostOfUsers) {
    errors->Forbidden(Path("value"), absl::StrCat("maximum allowed value of a user defined "
                                                  "priority is ",
                                                  kMostOfUsers));
  }
  errors->OneOfRequired(Path("preemptionPolicy"), priority.preemption_policy(),
                        {"PreemptLowerPriority", "Never"});
}

void CheckPriorityClassUpdate(const schedulingv1::PriorityClass& now,
                              const schedulingv1::PriorityClass& old, ErrorList* errors) {
  if (now.value() != old.value()) {
    errors->Forbidden(Path("value"), "may not be changed in an update.");
  }
  errors->Immutable(Path("preemptionPolicy"), now.preemption_policy(),
                    now.preemption_policy() == old.preemption_policy());
}

}  // namespace skiff::api
