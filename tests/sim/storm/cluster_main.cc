// Runs storms of whole control planes from a seed on, one after the other, and names those in which
// something was wrong.
#include "absl/strings/str_cat.h"
#include "tests/sim/cluster_storm.h"
#include "tests/sim/storm/seeds.h"

int main(int argc, char** argv) {
  skiff::sim::Seeds seeds;
  seeds.seconds = 60;
  uint64_t nodes = 3;
  if (!seeds.Parse(argc, argv, {"--nodes", &nodes})) return 2;
  skiff::sim::ClusterStormOptions options;
  options.nodes = static_cast<int>(nodes);
  skiff::sim::ClusterStormResult all;
  const int bad = skiff::sim::RunSeeds<skiff::sim::ClusterStormResult>(
      seeds, absl::StrCat("tests/sim/run --clusters --nodes ", nodes), options,
      skiff::sim::RunClusterStorm, [&all](const skiff::sim::ClusterStormResult& result) {
        all.acknowledged += result.acknowledged;
        all.refused += result.refused;
        all.reads += result.reads;
        all.kills += result.kills;
        all.cuts += result.cuts;
        all.replaced += result.replaced;
        all.elections += result.elections;
      });
  absl::PrintF(
      "%u storms, %d bad: %d writes acknowledged, %d refused or unknown, %d reads, %d crashes and "
      "%d cuts of members, %d members replaced, %d changes of leader\n",
      seeds.seeds, bad, all.acknowledged, all.refused, all.reads, all.kills, all.cuts, all.replaced,
      all.elections);
  return bad == 0 ? 0 : 1;
}
