// Reads that wait until they show what was acknowledged.
#include "store/barriers.h"

#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

// How reads ended, in that order.
struct Reads {
  Barriers barriers;
  std::vector<std::string> ended;

  void Add(const std::string& name, absl::Duration now = absl::ZeroDuration()) {
    barriers.Add(
        [this, name](absl::Status status) { ended.push_back(name + (status.ok() ? "+" : "-")); },
        now);
  }
};

using Ended = std::vector<std::string>;

TEST_CASE("AReadIsAnsweredOnceItsIndexIsApplied") {
  Reads reads;
  CHECK(!reads.barriers.Begin().has_value());  // Nobody waits.
  reads.Add("a");
  const auto round = reads.barriers.Begin();
  REQUIRE(round.has_value());
  reads.barriers.OnApplied(100);
  CHECK(reads.ended.empty());  // Nobody knows yet how far it must be.
  reads.barriers.OnReadable(*round, 101);
  reads.barriers.OnApplied(100);
  CHECK(reads.ended.empty());
  reads.barriers.OnApplied(101);
  CHECK(reads.ended == Ended{"a+"});
  CHECK(reads.barriers.empty());
}

TEST_CASE("ReadsThatComeDuringARoundWaitForTheNext") {
  Reads reads;
  reads.Add("a");
  const auto first = reads.barriers.Begin();
  reads.Add("b");
  reads.Add("c");
  CHECK(!reads.barriers.Begin().has_value());
  reads.barriers.OnReadable(*first, 1);
  const auto second = reads.barriers.Begin();
  REQUIRE(second.has_value());
  CHECK(*second != *first);
  reads.barriers.OnApplied(5);
  CHECK(reads.ended == Ended{"a+"});
  reads.barriers.OnReadable(*second, 5);
  reads.barriers.OnApplied(5);
  CHECK(reads.ended == Ended{"a+", "b+", "c+"});
}

TEST_CASE("AFailedRoundIsAskedAnewBeforeThoseThatCameLater") {
  Reads reads;
  reads.Add("a");
  const auto first = reads.barriers.Begin();
  reads.Add("b");
  reads.barriers.OnReadable(*first, std::nullopt);
  const auto second = reads.barriers.Begin();
  REQUIRE(second.has_value());
  reads.barriers.OnReadable(*first, 1);  // Late, of a round that is over.
  reads.barriers.OnApplied(1);
  CHECK(reads.ended.empty());
  reads.barriers.OnReadable(*second, 2);
  reads.barriers.OnApplied(2);
  CHECK(reads.ended == Ended{"a+", "b+"});
}

TEST_CASE("OldReadsExpireWhereverTheyWaitAndTheirRoundIsGivenUp") {
  Reads reads;
  reads.Add("readable", absl::Seconds(1));
  reads.barriers.OnReadable(*reads.barriers.Begin(), 100);
  reads.Add("asked", absl::Seconds(2));
  const auto round = reads.barriers.Begin();
  reads.Add("waiting", absl::Seconds(3));
  reads.Add("young", absl::Seconds(9));
  reads.barriers.Expire(absl::Seconds(4), absl::UnavailableError("no majority"));
  std::sort(reads.ended.begin(), reads.ended.end());
  CHECK(reads.ended == Ended{"asked-", "readable-", "waiting-"});
  reads.ended.clear();
  reads.barriers.OnReadable(*round, 1);
  reads.barriers.OnApplied(200);
  CHECK(reads.ended.empty());
  const auto next = reads.barriers.Begin();
  REQUIRE(next.has_value());
  reads.barriers.OnReadable(*next, 200);
  reads.barriers.OnApplied(200);
  CHECK(reads.ended == Ended{"young+"});
}

TEST_CASE("AllReadsEndWithTheStore") {
  Reads reads;
  reads.Add("a", absl::Hours(1));
  reads.barriers.OnReadable(*reads.barriers.Begin(), 7);
  reads.Add("b", absl::Hours(2));
  REQUIRE(reads.barriers.Begin().has_value());
  reads.Add("c", absl::Hours(3));
  reads.barriers.FailAll(absl::UnavailableError("closed"));
  CHECK(reads.ended.size() == 3);
  reads.barriers.OnApplied(7);
  CHECK(reads.ended.size() == 3);
  CHECK(reads.barriers.empty());
}

}  // namespace
}  // namespace skiff::store
