// Which device nodes a container may open. Root in a container may make any node (CAP_MKNOD is in
// the usual set), so what it may open has to be held back elsewhere: by a program on its cgroup
// (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE), which hybrid and pure v2 hierarchies take alike.
//
// Threads: any.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace skiff::runtime {

class DeviceFilter {
 public:
  // kFailedPrecondition: the kernel takes no such programs, and why.
  static absl::StatusOr<DeviceFilter> Load();

  // Any node may be made; null, zero, full, random, urandom, tty and pseudo-terminals may be
  // opened, nothing else, by every process of the v2 group at `path`. The group takes it with it.
  absl::Status Attach(const std::string& path) const;

 private:
  UniqueFd program_;
};

}  // namespace skiff::runtime
