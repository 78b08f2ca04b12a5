// Files written so that readers see one whole version of them: kubelet's layout of `..data`.
//
// Threads: any, one call at a time for a directory; blocks.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace skiff::node {

struct VolumeFile {
  std::string content;
  mode_t mode = 0644;
};
// By path within the volume: relative, without "..".
using VolumeFiles = std::map<std::string, VolumeFile>;

// Makes the volume's content exactly `files`; does nothing if it is already. With a group, files
// and directories are its own and readable by it (fsGroup).
absl::Status PublishFiles(const std::string& dir, const VolumeFiles& files,
                          std::optional<int64_t> group);

// kInvalidArgument: it is no path inside a volume.
absl::Status CheckVolumePath(const std::string& path);

}  // namespace skiff::node
