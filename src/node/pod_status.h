// The status that a node reports of a pod, from what the runtime has. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "node/pod_plan.h"

namespace skiff::node {

struct StatusInputs {
  std::optional<runtime::PodState> state;
  const PodMemory* memory = nullptr;
  std::map<std::string, bool> ready;  // By container: what its readiness probe says; none: it is.
  std::string pod_ip;
  std::string host_ip;
  absl::Time now;
};

// The pod's next status; `pod` has the one before it, from which times of transition and earlier
// ends are kept.
corev1::PodStatus MakeStatus(const corev1::Pod& pod, const StatusInputs& inputs);

}  // namespace skiff::node
