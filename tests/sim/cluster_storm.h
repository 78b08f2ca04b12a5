// Whole control planes in a storm: members that crash, are cut off, have bad disks, a bad network
// and bad clocks, or are lost and replaced; nodes that die and come back, while users change what
// is to run. Afterwards everything heals, and everything must be as it was asked to be. One seed,
// one history.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace skiff::sim {

struct ClusterStormOptions {
  uint64_t seed = 1;
  int members = 3;
  int nodes = 3;
  absl::Duration length = absl::Seconds(60);
  bool verbose = false;  // What happens, on standard output.
};

struct ClusterStormResult {
  // One sentence each:
  // - what the owner checker says: no pod bound twice, no address of two;
  // - what the record of the storm says (storm_record.h): of what members applied, who led, what
  //   clients were answered, what each member's watch told;
  // - what is not as it was asked to be within 20 minutes after all has healed;
  // - members whose states differ at one revision; controllers that do not rest.
  std::vector<std::string> faults;
  uint64_t trace = 0;        // The same for the same history.
  int64_t acknowledged = 0;  // Writes.
  int64_t refused = 0;       // Or unknown.
  int64_t reads = 0;         // Linearizable ones.
  int64_t kills = 0;
  int64_t cuts = 0;
  int64_t replaced = 0;   // Members that lost their disk.
  int64_t elections = 0;  // How often somebody else led.
  uint64_t revision = 0;
};

ClusterStormResult RunClusterStorm(const ClusterStormOptions& options);

}  // namespace skiff::sim
