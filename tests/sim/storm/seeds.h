// What the programs that run storms have in common: how many seeds, from which on, of how many
// members and how long; and the loop over them.
//
// Threads: one.
#pragma once

#include <stdio.h>

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace skiff::sim {

// An option of one program alone: it takes a number, not 0, or stands by itself.
struct SeedsOption {
  const char* name;
  uint64_t* number;  // Null: `flag` is set.
  bool* flag = nullptr;
};

struct Seeds {
  uint64_t from = 1;
  uint64_t seeds = 1;
  uint64_t stride = 1;
  uint64_t members = 3;
  uint64_t seconds = 8;
  bool twice = false;  // Each must end alike both times.
  bool verbose = false;

  // False: the usage is on the error stream.
  bool Parse(int argc, char** argv, const SeedsOption& own);
};

// Runs each seed with `options`, gives every result to `count`, prints the faults of those in which
// something was wrong below what repeats them, and returns how many those were. `command`: what
// runs one of `options`, without seeds, members and seconds.
template <typename Result, typename Options>
int RunSeeds(const Seeds& seeds, const std::string& command, Options options,
             Result (*run)(const Options&), const std::function<void(const Result&)>& count) {
  options.members = static_cast<int>(seeds.members);
  options.length = absl::Seconds(static_cast<int64_t>(seeds.seconds));
  options.verbose = seeds.verbose;
  int bad = 0;
  for (uint64_t i = 0; i < seeds.seeds; ++i) {
    options.seed = seeds.from + i * seeds.stride;
    Result result = run(options);
    if (seeds.twice && run(options).trace != result.trace) {
      result.faults.push_back("the same seed gives another storm");
    }
    count(result);
    if (result.faults.empty()) continue;
    ++bad;
    absl::PrintF("seed %u: %s --from %u --seeds 1 --members %u --seconds %u --verbose\n",
                 options.seed, command, options.seed, seeds.members, seeds.seconds);
    for (const std::string& fault : result.faults) absl::PrintF("  %s\n", fault);
    fflush(stdout);
  }
  return bad;
}

}  // namespace skiff::sim
