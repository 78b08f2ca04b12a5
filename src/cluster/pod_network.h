// Which addresses the pods of a cluster have on this machine.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace skiff::cluster {

// N of the network 10.N.0.0/16 in which the pods of the cluster at `home` live, 100 to 227. Chosen
// once, by `seed` and so that no link of the machine has it, and kept in the file pod-network
// there: clusters on one machine do not meet, and pods that go on are found again. kDataLoss: the
// file holds something else; kResourceExhausted: none is free. Any thread; blocks on disk and
// kernel.
absl::StatusOr<int> PodNetworkOf(const std::string& home, uint64_t seed);

}  // namespace skiff::cluster
