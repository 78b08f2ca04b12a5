#include "tests/sim/cluster_storm.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_join.h"

namespace skiff::sim {
namespace {

// Each twice.
void Survive(uint64_t seed, int members) {
  ClusterStormOptions options;
  options.seed = seed;
  options.members = members;
  const ClusterStormResult result = RunClusterStorm(options);
  INFO("seed " << seed << ", " << members << " members: " << absl::StrJoin(result.faults, "; "));
  CHECK(result.faults.empty());
  CHECK(RunClusterStorm(options).trace == result.trace);  // One seed is one storm.
}

TEST_CASE("ControlPlanesOfThreeMembersGetOverStorms") {
  for (uint64_t seed = 1; seed <= 12; ++seed) Survive(seed, 3);
}

TEST_CASE("ControlPlanesOfFiveMembersGetOverStorms") {
  for (uint64_t seed = 101; seed <= 104; ++seed) Survive(seed, 5);
}

}  // namespace
}  // namespace skiff::sim
