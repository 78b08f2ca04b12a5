#include "tests/sim/watch_checker.h"

#include <catch2/catch.hpp>

namespace skiff::sim {
namespace {

using Kind = WatchFault::Kind;
constexpr auto kPut = Change::Type::kPut;
constexpr auto kDelete = Change::Type::kDelete;

// Revision 4 is one transaction of two changes.
const std::vector<Change>& Log() {
  static const auto* log = new std::vector<Change>{
      {1, "/pods/a", kPut}, {2, "/nodes/n", kPut},   {3, "/pods/b", kPut},
      {4, "/pods/a", kPut}, {4, "/pods/b", kDelete}, {5, "/pods/a", kDelete},
  };
  return *log;
}

WatchStream Pods(std::vector<Change> seen, uint64_t after = 0, uint64_t complete_to = 0) {
  return {"/pods/", after, complete_to, std::move(seen)};
}

std::vector<Kind> Faults(const WatchStream& stream) {
  std::vector<Kind> kinds;
  for (const WatchFault& fault : CheckWatch(Log(), stream)) {
    CHECK(!Describe(fault).empty());
    kinds.push_back(fault.kind);
  }
  return kinds;
}

}  // namespace

TEST_CASE("AWatcherThatSawEverythingOnceInOrderIsRight") {
  CHECK(Faults(Pods({Log()[0], Log()[2], Log()[3], Log()[4], Log()[5]}, 0, 5)).empty());
  CHECK(Faults(Pods({Log()[0], Log()[2], Log()[4], Log()[3], Log()[5]}, 0, 5)).empty());
  CHECK(Faults(Pods({Log()[3], Log()[4]}, 3)).empty());
  CHECK(Faults(Pods({}, 0)).empty());
  CHECK(Faults({"/nodes/", 0, 5, {Log()[1]}}).empty());
}

TEST_CASE("AGapIsFoundInTheMiddleAtTheEndAndWithinATransaction") {
  CHECK(Faults(Pods({Log()[0], Log()[3], Log()[4]})) == std::vector<Kind>{Kind::kGap});
  CHECK(Faults(Pods({Log()[0], Log()[2]}, 0, 3)).empty());
  CHECK(Faults(Pods({Log()[0], Log()[2]}, 0, 4)) == std::vector<Kind>{Kind::kGap, Kind::kGap});
  CHECK(Faults(Pods({Log()[0], Log()[2], Log()[3]})) == std::vector<Kind>{Kind::kGap});
}

TEST_CASE("ARepeatAfterAResumeIsFound") {
  CHECK(Faults(Pods({Log()[0], Log()[2], Log()[2], Log()[3], Log()[4]})) ==
        std::vector<Kind>{Kind::kRepeat});
  // Everything once more from the beginning is repeats, not inversions.
  CHECK(Faults(Pods({Log()[0], Log()[2], Log()[0], Log()[2]})) ==
        std::vector<Kind>{Kind::kRepeat, Kind::kRepeat});
}

TEST_CASE("AnInversionIsFound") {
  CHECK(Faults(Pods({Log()[2], Log()[0]})) == std::vector<Kind>{Kind::kInversion});
}

TEST_CASE("WhatNeverHappenedIsFound") {
  CHECK(Faults(Pods({Log()[0], {2, "/pods/x", kPut}})) == std::vector<Kind>{Kind::kInvented});
  // Of another type, or already seen by whoever asked, or of another prefix.
  CHECK(Faults(Pods({{1, "/pods/a", kDelete}})) == std::vector<Kind>{Kind::kInvented, Kind::kGap});
  CHECK(Faults(Pods({Log()[2]}, 3)) == std::vector<Kind>{Kind::kInvented});
  CHECK(Faults(Pods({Log()[0], Log()[1], Log()[2]})) == std::vector<Kind>{Kind::kInvented});
}

TEST_CASE("AFaultSaysWhatAndWhere") {
  const auto faults = CheckWatch(Log(), Pods({Log()[0], Log()[3], Log()[4]}));
  REQUIRE(faults.size() == 1);
  CHECK(Describe(faults[0]) == "put /pods/b at revision 3 was not told");
}

}  // namespace skiff::sim
