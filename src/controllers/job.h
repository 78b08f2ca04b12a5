// Jobs: work that ends. Pods are counted once each, in the transaction that lets them go: the
// finalizer batch.kubernetes.io/job-tracking keeps a finished pod until the job's status has it.
#pragma once

#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

struct JobObserved {
  api::ObjectPtr job;
  std::vector<api::ObjectPtr> pods;  // Those it controls, in key order.
  absl::Time now;
};

Plan ReconcileJob(const JobObserved& observed);

}  // namespace skiff::controllers
