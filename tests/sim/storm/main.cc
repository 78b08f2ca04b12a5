// Runs storms from a seed on, one after the other, and names those in which something was wrong.
#include "tests/sim/store_storm.h"
#include "tests/sim/storm/seeds.h"

int main(int argc, char** argv) {
  skiff::sim::Seeds seeds;
  skiff::sim::StormOptions options;
  if (!seeds.Parse(argc, argv, {"--upgrade", nullptr, &options.upgrade})) return 2;
  skiff::sim::StormResult all;
  const int bad = skiff::sim::RunSeeds<skiff::sim::StormResult>(
      seeds, options.upgrade ? "tests/sim/run --upgrade" : "tests/sim/run", options,
      skiff::sim::RunStorm, [&all](const skiff::sim::StormResult& result) {
        all.writes += result.writes;
        all.unknown += result.unknown;
        all.nothing += result.nothing;
        all.reads += result.reads;
        all.crashes += result.crashes;
        all.states += result.states;
        all.replaced += result.replaced;
        all.damaged += result.damaged;
      });
  absl::PrintF(
      "%u storms, %d bad: %d writes (%d unknown, %d refused), %d reads, %d crashes, "
      "%d states taken over, %d members replaced, %d for a damaged disk\n",
      seeds.seeds, bad, all.writes, all.unknown, all.nothing, all.reads, all.crashes, all.states,
      all.replaced, all.damaged);
  return bad == 0 ? 0 : 1;
}
