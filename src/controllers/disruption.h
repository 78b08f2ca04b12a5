// PodDisruptionBudgets: how many of the pods that one counts are healthy, and how many may be
// evicted now. Evictions spend of it (apiserver/rest/eviction.cc).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controllers/plan.h"

namespace skiff::controllers {

// What controls some of the pods, and how many of them it is asked for.
struct Scaled {
  std::string uid;
  int32_t replicas = 0;
};

struct DisruptionObserved {
  api::ObjectPtr budget;
  std::vector<api::ObjectPtr> pods;  // That it selects, in key order.
  absl::Time now;
  // Of a pod that has a controller. kNotFound: it is not there. Another error: it has no scale.
  std::function<absl::StatusOr<Scaled>(const api::Object& pod)> scale_of;
};

Plan ReconcileDisruption(const DisruptionObserved& observed);

}  // namespace skiff::controllers
