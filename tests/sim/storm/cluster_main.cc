// Runs storms of whole control planes from a seed on, one after the other, and names those in which
// something was wrong.
#include <stdio.h>
#include <string.h>

#include "absl/strings/numbers.h"
#include "tests/sim/cluster_storm.h"

namespace {

struct Arguments {
  uint64_t from = 1;
  uint64_t seeds = 1;
  uint64_t stride = 1;
  uint64_t members = 3;
  uint64_t nodes = 3;
  uint64_t seconds = 60;
  bool twice = false;
  bool verbose = false;
};

bool Parse(int argc, char** argv, Arguments* out) {
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--verbose") == 0 || strcmp(argv[i], "--twice") == 0) {
      (argv[i][2] == 'v' ? out->verbose : out->twice) = true;
      continue;
    }
    uint64_t* value = strcmp(argv[i], "--from") == 0      ? &out->from
                      : strcmp(argv[i], "--seeds") == 0   ? &out->seeds
                      : strcmp(argv[i], "--stride") == 0  ? &out->stride
                      : strcmp(argv[i], "--members") == 0 ? &out->members
                      : strcmp(argv[i], "--nodes") == 0   ? &out->nodes
                      : strcmp(argv[i], "--seconds") == 0 ? &out->seconds
                                                          : nullptr;
    if (value == nullptr || ++i == argc || !absl::SimpleAtoi(argv[i], value)) return false;
  }
  return out->stride > 0 && out->members > 0 && out->nodes > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!Parse(argc, argv, &arguments)) {
    fprintf(stderr,
            "usage: %s [--from SEED] [--seeds N] [--stride N] [--members N] [--nodes N]"
            " [--seconds N] [--twice] [--verbose]\n",
            argv[0]);
    return 2;
  }
  int bad = 0;
  skiff::sim::ClusterStormResult all;
  for (uint64_t i = 0; i < arguments.seeds; ++i) {
    skiff::sim::ClusterStormOptions options;
    options.seed = arguments.from + i * arguments.stride;
    options.members = static_cast<int>(arguments.members);
    options.nodes = static_cast<int>(arguments.nodes);
    options.length = absl::Seconds(static_cast<int64_t>(arguments.seconds));
    options.verbose = arguments.verbose;
    skiff::sim::ClusterStormResult result = skiff::sim::RunClusterStorm(options);
    if (arguments.twice && skiff::sim::RunClusterStorm(options).trace != result.trace) {
      result.faults.push_back("the same seed gives another storm");
    }
    all.acknowledged += result.acknowledged;
    all.refused += result.refused;
    all.kills += result.kills;
    all.cuts += result.cuts;
    all.elections += result.elections;
    if (result.faults.empty()) continue;
    ++bad;
    printf("seed %llu, %d members, %llu seconds:\n", static_cast<unsigned long long>(options.seed),
           options.members, static_cast<unsigned long long>(arguments.seconds));
    for (const std::string& fault : result.faults) printf("  %s\n", fault.c_str());
    fflush(stdout);
  }
  printf(
      "%llu storms, %d bad: %lld writes acknowledged, %lld refused or unknown, %lld crashes and "
      "%lld cuts of members, %lld changes of leader\n",
      static_cast<unsigned long long>(arguments.seeds), bad,
      static_cast<long long>(all.acknowledged), static_cast<long long>(all.refused),
      static_cast<long long>(all.kills), static_cast<long long>(all.cuts),
      static_cast<long long>(all.elections));
  return bad == 0 ? 0 : 1;
}
