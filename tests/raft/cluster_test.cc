// Members among themselves, in storms (core_sim.h). SKIFF_RAFT_SEEDS=from-to runs others than
// usual.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core_sim.h"

namespace skiff::raft {
namespace {

// Thirty election times at the least.
constexpr uint64_t kConvergenceTicks = 400;

CoreSimOptions OptionsOf(uint64_t seed) {
  CoreSimOptions options;
  options.seed = seed;
  options.voters = seed % 2 == 0 ? 3 : 5;
  options.membership = seed % 4 < 2;
  options.spares = options.membership ? 2 : 0;
  options.hasty_shell = seed % 8 < 4;
  return options;
}

}  // namespace

TEST_CASE("ClustersStaySafeInStormsAndConvergeAfterThem") {
  uint64_t from = 1;
  uint64_t to = 200;
  if (const char* seeds = std::getenv("SKIFF_RAFT_SEEDS"); seeds != nullptr) {
    REQUIRE(std::sscanf(seeds, "%lu-%lu", &from, &to) == 2);
  }
  uint64_t committed = 0;
  uint64_t reads = 0;
  uint64_t states = 0;
  uint64_t configs = 0;
  uint64_t slowest = 0;
  for (uint64_t seed = from; seed <= to; ++seed) {
    CoreSim sim(OptionsOf(seed));
    sim.RunWithFaults(600);
    const uint64_t ticks = sim.Heal(kConvergenceTicks);
    INFO(sim.Describe());
    REQUIRE(ticks <= kConvergenceTicks);
    REQUIRE(sim.unanswered_reads() == 0);
    committed += sim.committed();
    reads += sim.reads_served();
    states += sim.states_restored();
    configs += sim.configs_left();
    slowest = std::max(slowest, ticks);
  }
  INFO("committed " << committed << ", reads " << reads << ", states " << states << ", configs "
                    << configs << ", slowest " << slowest << " ticks");
  // The storms are no standstill.
  CHECK(committed > 50 * (to - from + 1));
  CHECK(reads > 50 * (to - from + 1));
  CHECK(states > (to - from + 1) / 4);
  CHECK(configs > (to - from + 1) / 4);
  if (std::getenv("SKIFF_RAFT_SEEDS") != nullptr) {
    WARN("committed " << committed << ", reads " << reads << ", states " << states << ", configs "
                      << configs << ", slowest " << slowest << " ticks");
  }
}

TEST_CASE("SeedsThatFoundSomething") {
  for (const uint64_t seed : std::vector<uint64_t>{
           984,   // Only members that leave had the entry by which they do.
           9768,  // A lone voter with learners lost, by a crash, that it had elected itself.
       }) {
    CoreSim sim(OptionsOf(seed));
    sim.RunWithFaults(600);
    CHECK(sim.Heal(kConvergenceTicks) <= kConvergenceTicks);
  }
}

TEST_CASE("OneSeedIsOneHistory") {
  for (const uint64_t seed : {7, 8}) {
    CoreSim first(OptionsOf(seed));
    first.RunWithFaults(200);
    CoreSim second(OptionsOf(seed));
    second.RunWithFaults(200);
    CHECK(first.trace() == second.trace());
    CHECK(first.trace() != 0);
  }
}

}  // namespace skiff::raft
