// Nodes that have fallen silent: they are marked, and their pods, after the time that each
// tolerates, let go.
#pragma once

#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

struct NodeObserved {
  api::ObjectPtr node;
  api::ObjectPtr lease;              // Null if it has none.
  std::vector<api::ObjectPtr> pods;  // Bound to it, in key order.
  absl::Time now;
};

Plan ReconcileNode(const NodeObserved& observed);

}  // namespace skiff::controllers
