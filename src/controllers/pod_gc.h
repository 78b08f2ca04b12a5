// Pods that no node will ever speak for again: those of nodes that do not exist (any more), and
// those that were to be deleted before they had one.
#pragma once

#include "controllers/plan.h"

namespace skiff::controllers {

struct PodGcObserved {
  api::ObjectPtr pod;
  bool node_exists;          // Of a pod that is bound.
  absl::Time missing_since;  // The node, as seen from here.
  absl::Time now;
};

// A node may come back, or be seen late: its pods have 40 s. Then the pod has failed, and goes.
Plan ReconcilePodGc(const PodGcObserved& observed);

}  // namespace skiff::controllers
