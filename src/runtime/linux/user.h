// Whom a container runs as, from what the pod and the image say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/image/image_store.h"
#include "runtime/runtime.h"

namespace skiff::runtime {

struct User {
  int64_t uid = 0;
  int64_t gid = 0;
  std::vector<int64_t> groups;
};

// Names are looked up in the image's own /etc/passwd and /etc/group, read without leaving its root.
// kInvalidArgument: run_as_non_root and it would be root; kFailedPrecondition: a name that the
// image does not have.
absl::StatusOr<User> ResolveUser(const ContainerSpec& container, const Image& image);

}  // namespace skiff::runtime
