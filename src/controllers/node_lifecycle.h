// Nodes that have fallen silent or are not well: their conditions and taints say so, their pods are
// no longer ready, and go after the time that each of them tolerates.
#pragma once

#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

struct NodeObserved {
  api::ObjectPtr node;
  // Since the last sign of life, as seen from here: what the node's own clock says does not count.
  absl::Duration silent_for;
  // Bound to it, in any order. Only needed while it is not well (see NeedsPods).
  std::vector<api::ObjectPtr> pods;
  absl::Time now;
  // Since when each of its taints has been seen, in their order, for those that do not say it
  // themselves.
  std::vector<absl::Time> tainted_since;
  // No node is ready, this one included: more likely it is us whom nobody reaches, and there would
  // be nowhere to go. Nobody is driven away then.
  bool all_down = false;
};

// How long the node may be silent.
absl::Duration GraceOf(const corev1::Node& node);
// It is looked at once more that long before its time is over: who was himself away for longer
// (stopped, or on a machine that slept) has then had the time to hear it.
inline constexpr absl::Duration kSecondLook = absl::Seconds(5);

// Whether ReconcileNode looks at the pods.
bool NeedsPods(const corev1::Node& node, absl::Duration silent_for);

Plan ReconcileNode(const NodeObserved& observed);

}  // namespace skiff::controllers
