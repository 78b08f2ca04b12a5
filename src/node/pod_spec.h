// From a Kubernetes pod to what a runtime is asked to run.
//
// Threads: any; MakeContainerSpec makes the pod's volumes and files, and blocks on the disk.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "node/pod_fields.h"
#include "runtime/runtime.h"

namespace skiff::node {

// The names ("configmaps/NAME", "secrets/NAME") of everything that the pod's volumes and
// environment need.
std::vector<std::string> ReferencesOf(const corev1::PodSpec& spec);

// Fields of the pod that this node passes over, each as a sentence for people.
std::vector<std::string> UnsupportedFields(const corev1::Pod& pod);

runtime::PodSpec MakePodSpec(const corev1::Pod& pod, const PodPlaces& places);

// kNotFound, kInvalidArgument: a reference is missing or wrong (CreateContainerConfigError). Places
// inside volumes (subPath) are staged until RemoveStaging (volumes.h).
absl::StatusOr<runtime::ContainerSpec> MakeContainerSpec(const corev1::Pod& pod,
                                                         const corev1::Container& container,
                                                         int attempt, const PodPlaces& places,
                                                         const References& references);

}  // namespace skiff::node
