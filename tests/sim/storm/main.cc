// Runs storms from a seed on, one after the other, and names those in which something was wrong.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "absl/strings/numbers.h"
#include "tests/sim/store_storm.h"

namespace {

struct Arguments {
  uint64_t from = 1;
  uint64_t seeds = 1;
  uint64_t stride = 1;
  uint64_t members = 3;
  uint64_t seconds = 8;
  bool upgrade = false;
  bool twice = false;
  bool verbose = false;
};

bool Parse(int argc, char** argv, Arguments* out) {
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--verbose") == 0) {
      out->verbose = true;
      continue;
    }
    if (strcmp(argv[i], "--upgrade") == 0) {
      out->upgrade = true;
      continue;
    }
    if (strcmp(argv[i], "--twice") == 0) {
      out->twice = true;
      continue;
    }
    uint64_t* value = strcmp(argv[i], "--from") == 0      ? &out->from
                      : strcmp(argv[i], "--seeds") == 0   ? &out->seeds
                      : strcmp(argv[i], "--stride") == 0  ? &out->stride
                      : strcmp(argv[i], "--members") == 0 ? &out->members
                      : strcmp(argv[i], "--seconds") == 0 ? &out->seconds
                                                          : nullptr;
    if (value == nullptr || ++i == argc || !absl::SimpleAtoi(argv[i], value)) return false;
  }
  return out->stride > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, &arguments)) {
    fprintf(stderr,
            "usage: %s [--from SEED] [--seeds N] [--stride N] [--members 3|5] [--seconds N]"
            " [--upgrade] [--twice] [--verbose]\n",
            argv[0]);
    return 2;
  }
  int bad = 0;
  skiff::sim::StormResult all;
  for (uint64_t i = 0; i < arguments.seeds; ++i) {
    skiff::sim::StormOptions options;
    options.seed = arguments.from + i * arguments.stride;
    options.members = static_cast<int>(arguments.members);
    options.length = absl::Seconds(static_cast<int64_t>(arguments.seconds));
    options.upgrade = arguments.upgrade;
    options.verbose = arguments.verbose;
    skiff::sim::StormResult result = skiff::sim::RunStorm(options);
    if (arguments.twice && skiff::sim::RunStorm(options).trace != result.trace) {
      result.faults.push_back("the same seed gives another storm");
    }
    all.writes += result.writes;
    all.unknown += result.unknown;
    all.nothing += result.nothing;
    all.reads += result.reads;
    all.crashes += result.crashes;
    all.states += result.states;
    all.replaced += result.replaced;
    all.damaged += result.damaged;
    if (result.faults.empty()) continue;
    ++bad;
    printf(
        "seed %llu: tests/sim/run --from %llu --seeds 1 --members %d --seconds %llu%s --verbose\n",
        static_cast<unsigned long long>(options.seed),
        static_cast<unsigned long long>(options.seed), options.members,
        static_cast<unsigned long long>(arguments.seconds), options.upgrade ? " --upgrade" : "");
    for (const std::string& fault : result.faults) printf("  %s\n", fault.c_str());
    fflush(stdout);
  }
  printf(
      "%llu storms, %d bad: %lld writes (%lld unknown, %lld refused), %lld reads, %lld crashes, "
      "%lld states taken over, %lld members replaced, %lld for a damaged disk\n",
      static_cast<unsigned long long>(arguments.seeds), bad, static_cast<long long>(all.writes),
      static_cast<long long>(all.unknown), static_cast<long long>(all.nothing),
      static_cast<long long>(all.reads), static_cast<long long>(all.crashes),
      static_cast<long long>(all.states), static_cast<long long>(all.replaced),
      static_cast<long long>(all.damaged));
  return bad == 0 ? 0 : 1;
}
