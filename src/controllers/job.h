// Jobs: work that ends.
//
// Every pod is counted once. It carries the finalizer batch.kubernetes.io/job-tracking from its
// creation, and the transaction that adds it to the job's status is the one that takes the
// finalizer off: both happen or neither does. So the status never needs to name pods that are
// between the two (uncountedTerminatedPods stays empty), and nobody can delete a pod for good
// before it is counted.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

// When pods failed that are gone since, by their uid: the back-off must not forget them because
// somebody has cleaned up.
using LostFailures = std::map<std::string, absl::Time>;

struct JobObserved {
  api::ObjectPtr job;
  std::vector<api::ObjectPtr> pods;  // Those it controls, in any order.
  absl::Time now;
  std::vector<api::ObjectPtr> strays;  // Of its namespace, those that nobody controls.
  LostFailures lost_failures;
};

Plan ReconcileJob(const JobObserved& observed);

// A pod that is tracked for a job that does not exist (any more), or for none: nobody will count
// it, and it must not be held for ever.
Plan ReconcileUntrackedPod(const api::ObjectPtr& pod);

}  // namespace skiff::controllers
