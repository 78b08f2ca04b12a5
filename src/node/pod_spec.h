// From a Kubernetes pod to what a runtime is asked to run: environment, mounts, resources, rights.
//
// Threads: any; volumes touch the disk and block.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "api/object.h"
#include "runtime/runtime.h"

namespace skiff::node {

// What a pod refers to, fetched beforehand: "configmaps/NAME", "secrets/NAME" -> the object; null
// if it does not exist.
using References = std::map<std::string, api::ObjectPtr>;

// The names above of everything the pod's volumes and environment need.
std::vector<std::string> ReferencesOf(const corev1::PodSpec& spec);

struct PodPlaces {
  std::string volumes_dir;  // Of this pod.
  std::string log_dir;
  std::string node_name;
  std::string pod_ip;
  std::string host_ip;
};

runtime::PodSpec MakePodSpec(const corev1::Pod& pod, const PodPlaces& places);

// kNotFound, kInvalidArgument: a reference is missing or wrong (CreateContainerConfigError).
absl::StatusOr<runtime::ContainerSpec> MakeContainerSpec(const corev1::Pod& pod,
                                                         const corev1::Container& container,
                                                         int attempt, const PodPlaces& places,
                                                         const References& references);

// Makes the pod's volumes; a volume's directory or file by its name. Idempotent.
absl::StatusOr<std::map<std::string, std::string>> MakeVolumes(const corev1::Pod& pod,
                                                               const PodPlaces& places,
                                                               const References& references);

}  // namespace skiff::node
