#include "tests/sim/cluster_storm.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_join.h"

namespace skiff::sim {
namespace {

ClusterStormResult Weather(uint64_t seed, int members) {
  ClusterStormOptions options;
  options.seed = seed;
  options.members = members;
  ClusterStormResult result = RunClusterStorm(options);
  INFO("seed " << seed << ", " << members << " members: " << absl::StrJoin(result.faults, "; "));
  CHECK(result.faults.empty());
  return result;
}

TEST_CASE("ControlPlanesOfThreeMembersGetOverStorms") {
  for (uint64_t seed = 1; seed <= 12; ++seed) Weather(seed, 3);
}

TEST_CASE("ControlPlanesOfFiveMembersGetOverStorms") {
  for (uint64_t seed = 101; seed <= 104; ++seed) Weather(seed, 5);
}

TEST_CASE("TheSameSeedGivesTheSameStormOfControlPlanes") {
  for (uint64_t seed = 201; seed <= 203; ++seed) {
    CHECK(Weather(seed, 3).trace == Weather(seed, 3).trace);
  }
}

}  // namespace
}  // namespace skiff::sim
