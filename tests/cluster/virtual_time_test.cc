// Time that stands still but when it is let pass.
#include "cluster/virtual_time.h"

#include <catch2/catch.hpp>

namespace skiff::cluster {
namespace {

TEST_CASE("WhatGoesOnWithoutEndAtOneInstantIsFound") {
  VirtualTime time(7, /*permute=*/false);
  const std::unique_ptr<Loop> loop = time.New("test");
  CHECK(time.Advance(absl::Hours(1)));
  CHECK_FALSE(time.stuck());
  std::atomic<int64_t> rounds = 0;
  std::atomic<bool> enough = false;
  std::function<void()> again = [&] {
    ++rounds;
    if (!enough) loop->Post(again);
  };
  time.Run([&] { loop->PostAfter(absl::Minutes(1), again); });
  const absl::Duration begin = time.clock().Monotonic();
  CHECK_FALSE(time.Advance(absl::Hours(1)));
  CHECK(time.stuck());
  CHECK(time.clock().Monotonic() == begin + absl::Minutes(1));
  CHECK(rounds > 10'000);
  // Others get their turn all the same, and time passes once it has an end.
  time.Run([&] { enough = true; });
  CHECK(time.Advance(absl::Hours(1)));
  CHECK_FALSE(time.stuck());
  CHECK(time.clock().Monotonic() == begin + absl::Minutes(61));
  time.Run([&] { loop->Stop(); });
}

TEST_CASE("ManyTasksAtOneInstantAreNotWithoutEnd") {
  VirtualTime time(7, /*permute=*/false);
  const std::unique_ptr<Loop> loop = time.New("test");
  int done = 0;
  time.Run([&] {
    for (int i = 0; i < 100'000; ++i) loop->Post([&] { ++done; });
  });
  CHECK(done == 100'000);
  CHECK(time.Advance(absl::Seconds(1)));
}

}  // namespace
}  // namespace skiff::cluster
