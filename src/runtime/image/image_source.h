// What an image file says it holds: the manifests of a `docker save` archive or of an OCI layout
// (as a directory or a tar of one), each as a config and its layers, as files that can be read.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace skiff::runtime {

struct ImageManifest {
  std::string config_path;
  std::string config_digest;               // Empty where the format does not say (docker save).
  std::vector<std::string> layer_paths;    // Lowest first.
  std::vector<std::string> layer_digests;  // Of the files as they are; empty likewise.
  std::vector<std::string> references;     // As written; may be empty.
};

// Reads `path`. A tar is unpacked into the existing, empty directory `staging` (regular files only,
// under names of our own, so nothing of it can leave that directory). kInvalidArgument, naming what
// is missing or broken; of an image for several platforms, the one for this machine is taken.
absl::StatusOr<std::vector<ImageManifest>> ReadImageSource(const std::string& path,
                                                           const std::string& staging);

}  // namespace skiff::runtime
