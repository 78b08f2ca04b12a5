#include "cluster/loops.h"

#include <fcntl.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"

namespace skiff::cluster {
namespace {

// Those of a control plane and of one node that runs nothing.
constexpr int kDescriptors = 56;

}  // namespace

absl::Status CheckDescriptors() {
  std::vector<UniqueFd> held;
  while (held.size() < kDescriptors) {
    held.emplace_back(open("/", O_PATH | O_CLOEXEC));
    if (held.back().valid()) continue;
    return absl::ResourceExhaustedError(absl::StrCat("this process may open only ", held.size() - 1,
                                                     " more files, a cluster takes ", kDescriptors,
                                                     " at its start: raise its limit (ulimit -n)"));
  }
  return absl::OkStatus();
}

}  // namespace skiff::cluster
