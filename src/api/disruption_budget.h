// What a PodDisruptionBudget means to those that read or keep it.
//
// Threads: any.
#pragma once

#include "absl/time/time.h"
#include "api/types.h"
#include "k8s.io/api/policy/v1/generated.pb.h"

namespace skiff::api {

// So long a pod that was evicted has to begin to go, before it counts again.
inline constexpr absl::Duration kEvictionTimeout = absl::Minutes(2);

// A budget without a selector selects nothing, one with an empty one every pod of its namespace.
bool Selects(const policyv1::PodDisruptionBudget& budget, const corev1::Pod& pod);

// Sets the condition DisruptionAllowed as status.disruptionsAllowed has it.
void SetDisruptionAllowed(absl::Time now, policyv1::PodDisruptionBudget* budget);

}  // namespace skiff::api
