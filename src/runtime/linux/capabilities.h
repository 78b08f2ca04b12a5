// Capability names and the set that a container gets (capabilities(7)).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace skiff::runtime {

// The mask of the default set with `add` and `drop` ("NET_ADMIN", "CAP_NET_ADMIN", "ALL"): drops
// first, then adds, as Kubernetes. Bits that this kernel does not have are left out.
// kInvalidArgument names an unknown capability.
absl::StatusOr<uint64_t> CapabilityMask(const std::vector<std::string>& add,
                                        const std::vector<std::string>& drop);

// Every capability that this process may hand on.
uint64_t BoundingSet();

}  // namespace skiff::runtime
