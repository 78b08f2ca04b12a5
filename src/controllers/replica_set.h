// ReplicaSets: as many pods as asked for, no more and no fewer.
#pragma once

#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

struct ReplicaSetObserved {
  api::ObjectPtr replica_set;
  std::vector<api::ObjectPtr> pods;  // Those it controls, in key order.
  absl::Time now;
  std::vector<api::ObjectPtr> strays =
      {};  // Pods of its namespace that nobody controls, in key order.
};

Plan ReconcileReplicaSet(const ReplicaSetObserved& observed);

}  // namespace skiff::controllers
