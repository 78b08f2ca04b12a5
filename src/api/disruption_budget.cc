#include "api/disruption_budget.h"

#include "api/conditions.h"
#include "api/selector.h"

namespace skiff::api {

bool Selects(const policyv1::PodDisruptionBudget& budget, const corev1::Pod& pod) {
  if (!budget.spec().has_selector()) return false;
  const auto selector = LabelSelector::FromProto(budget.spec().selector());
  return selector.ok() && selector->Matches(pod.metadata().labels());
}

void SetDisruptionAllowed(absl::Time now, policyv1::PodDisruptionBudget* budget) {
  const bool allowed = budget->status().disruptions_allowed() > 0;
  auto* condition = SetCondition("DisruptionAllowed", allowed ? "True" : "False",
                                 allowed ? "SufficientPods" : "InsufficientPods", "", now,
                                 budget->mutable_status()->mutable_conditions());
  condition->set_observed_generation(budget->status().observed_generation());
}

}  // namespace skiff::api
