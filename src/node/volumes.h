// A pod's volumes on this machine: made before its containers, brought up to date while they run,
// removed with the pod. ConfigMaps, Secrets, downwardAPI and projected volumes are written as
// kubelet writes them: all of a version in a directory of its own, to which `..data` points, so
// that a reader sees the old files or the new ones and nothing between.
//
// Threads: any, one call at a time for a pod; calls block on the disk.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "node/pod_fields.h"

namespace skiff::node {

// Makes what is not there yet and updates what follows an object. A volume's directory (or, for a
// hostPath, file) by its name. kNotFound: a ConfigMap, Secret or key does not exist;
// kInvalidArgument: the volume cannot be made as asked, and why. Without a `volumes_dir` (simulated
// pods) nothing is made, and only the errors of references are found.
absl::StatusOr<std::map<std::string, std::string>> MakeVolumes(const corev1::Pod& pod,
                                                               const PodPlaces& places,
                                                               const References& references);

// Brings those volumes that follow an object up to date. Volumes that cannot be (their object is
// gone) stay as they are; the error is the first one's.
absl::Status UpdateVolumes(const corev1::Pod& pod, const PodPlaces& places,
                           const References& references);

// The names ("configmaps/NAME", "secrets/NAME") of what the pod's volumes hold.
std::vector<std::string> VolumeReferencesOf(const corev1::PodSpec& spec);

// Whether a volume shows fields of the pod itself.
bool ShowsPodFields(const corev1::PodSpec& spec);

// Takes a pod's volumes away: what is mounted there, then the files. OK if there is nothing.
absl::Status RemoveVolumes(const std::string& dir);

// Shows a place inside a volume under the path `staging`, so that it can be mounted into a
// container: no link that a container puts into the volume leads out of it, also not in the moment
// of mounting. Makes directories that are missing.
absl::Status StageSubPath(const std::string& volume, const std::string& sub_path,
                          const std::string& staging);

// Where the containers of a pod have their places staged; and the end of it, once they have started
// and hold what they need.
std::string StagingDir(const std::string& volumes_dir);
absl::Status RemoveStaging(const std::string& volumes_dir);

}  // namespace skiff::node
