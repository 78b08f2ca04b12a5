// Several members of a store in a storm, in virtual time: clients read and write and watch while
// messages are late, lost, doubled and overtaken, links are cut, machines crash, stop for a while,
// have clocks that drift and jump and disks that are slow, full, broken or damaged, and members
// come and go. Then the weather clears, and everything must come together. One seed decides
// everything.
//
//   StormResult result = RunStorm({.seed = 7});
//   CHECK(result.faults.empty());
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace skiff::sim {

struct StormOptions {
  uint64_t seed = 1;
  int members = 3;
  int clients = 8;
  absl::Duration length = absl::Seconds(8);
  // They begin as members of version 1, which is all that their log may hold, and are replaced one
  // by one by such that understand more, sometimes back again, while the storm lasts.
  bool upgrade = false;
  bool verbose = false;  // What happens, on standard error.
};

struct StormResult {
  std::vector<std::string> faults;  // What must not be. Empty: all is well.
  uint64_t trace = 0;               // Of everything seen, in order: the same for the same seed.
  uint64_t revision = 0;
  int64_t writes = 0;   // Acknowledged.
  int64_t unknown = 0;  // Nobody knows whether they were done.
  int64_t nothing = 0;  // Refused: they were not.
  int64_t reads = 0;    // Linearizable ones.
  int64_t crashes = 0;
  int64_t states = 0;  // That a member took over from another.
  int64_t replaced = 0;
  int64_t damaged = 0;  // Members that refused their disk, and were replaced.
};

StormResult RunStorm(const StormOptions& options);

}  // namespace skiff::sim
