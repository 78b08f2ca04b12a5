// /etc/hosts, /etc/hostname and /etc/resolv.conf of a pod.
//
// Threads: any; MakePodFiles blocks on the disk, the rest is pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "node/pod_fields.h"
#include "runtime/runtime.h"

namespace skiff::node {

// The pod's own name on its network: spec.hostname or the pod's name.
std::string HostnameOf(const corev1::Pod& pod);

// `machine`: what the machine's own file holds, for pods in its network.
std::string HostsFile(const corev1::Pod& pod, const PodPlaces& places, const std::string& machine);

// `machine` likewise, for pods that ask whom the machine asks (dnsPolicy).
std::string ResolvConf(const corev1::Pod& pod, const PodPlaces& places, const std::string& machine);

// Writes the three into places.files_dir, and returns how they are mounted into a container:
// without those that it mounts something else onto.
absl::StatusOr<std::vector<runtime::Mount>> MakePodFiles(const corev1::Pod& pod,
                                                         const corev1::Container& container,
                                                         const PodPlaces& places);

}  // namespace skiff::node
