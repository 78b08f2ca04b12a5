// One hundred storms, each twice; tests/sim/run runs as many as one likes.
#include "tests/sim/store_storm.h"

#include <catch2/catch.hpp>

namespace skiff::sim {
namespace {

void Survive(const StormOptions& options) {
  const StormResult result = RunStorm(options);
  INFO("tests/sim/run --from " << options.seed << " --seeds 1 --members " << options.members
                               << (options.upgrade ? " --upgrade" : "") << " --verbose");
  for (const std::string& fault : result.faults) FAIL_CHECK(fault);
  CHECK(result.revision > 1);
  CHECK(RunStorm(options).trace == result.trace);  // One seed is one storm.
}

TEST_CASE("three members of a store keep their word in any weather") {
  for (uint64_t seed = 1; seed <= 70; ++seed)
    Survive({.seed = seed, .members = 3, .length = absl::Seconds(5)});
}

TEST_CASE("five members of a store keep their word in any weather") {
  for (uint64_t seed = 1; seed <= 30; ++seed)
    Survive({.seed = seed, .members = 5, .length = absl::Seconds(5)});
}

TEST_CASE("members that are brought up to date one by one keep their word in any weather") {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    Survive({.seed = seed,
             .members = seed % 3 == 0 ? 5 : 3,
             .length = absl::Seconds(5),
             .upgrade = true});
  }
}

}  // namespace
}  // namespace skiff::sim
