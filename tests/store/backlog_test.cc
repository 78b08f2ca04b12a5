// Writes that wait are bounded: beyond it they are refused, and what went comes back.
#include "api/errors.h"
#include "tests/store/sim_members.h"

namespace skiff::store {
namespace {

constexpr int kBound = 8;  // So many of kLarge wait; the next is refused.
const std::string kLarge((64 << 20) / kBound, 'x');

// Gives member `id` so many large writes; how many are refused for what waits.
struct Burst {
  int refused = 0;
  int answered = 0;
  absl::Status last;  // Refusal.
};
std::shared_ptr<Burst> Give(SimMembers* members, raft::MemberId id, int count) {
  auto burst = std::make_shared<Burst>();
  for (int i = 0; i < count; ++i) {
    members->members[id].store->Commit(
        PutTxn("a", kLarge), [burst](const absl::StatusOr<TxnResult>& result) {
          ++burst->answered;
          if (api::ToMetaStatus(result.status()).reason() != "TooManyRequests") return;
          ++burst->refused;
          burst->last = result.status();
        });
  }
  members->sim.RunFor(absl::Milliseconds(1));
  return burst;
}

TEST_CASE("a disk that is slow lets no more than a bound of writes wait") {
  SimMembers members(1);
  members.Leader();
  REQUIRE(members.Commit(1, PutTxn("a", "1")).ok());
  raft::SimDisk& disk = *members.members[1].disk;
  for (int round = 0; round < 2; ++round) {
    disk.SlowWrites(absl::Seconds(3), absl::Seconds(3));
    Seen seen;
    const Store& store = *members.members[1].store;
    const auto before = store.snapshot()->revision();
    const auto burst = Give(&members, 1, kBound + 3);
    CHECK(burst->refused == 3);
    CHECK(burst->answered == 3);
    CHECK(absl::IsResourceExhausted(burst->last));
    CHECK(api::ToMetaStatus(burst->last).details().retry_after_seconds() == 1);
    CHECK_THAT(std::string(burst->last.message()),
               Catch::Contains("64 MiB") && Catch::Contains("the disk does not take them"));
    CHECK(members.Barrier(1).ok());
    CHECK(store.snapshot()->revision() == before);
    members.sim.RunFor(absl::Seconds(20));
    CHECK(burst->answered == kBound + 3);
    CHECK(store.snapshot()->revision() == before + kBound);
  }
}

TEST_CASE("a disk that is full is told from writes that wait") {
  SimMembers members(1);
  members.Leader();
  raft::SimDisk& disk = *members.members[1].disk;
  disk.FailWrites(raft::SimDisk::kAll, absl::ResourceExhaustedError("the disk is full"));
  const absl::Status full = members.Commit(1, PutTxn("a", "1")).status();
  CHECK(full.message() == "the disk is full");
  CHECK(api::ToMetaStatus(full).details().retry_after_seconds() == 0);
  const auto burst = Give(&members, 1, kBound + 3);
  CHECK(burst->last.message() == "the disk is full");
  members.sim.RunFor(absl::Seconds(5));
  disk.ClearFaults();
  members.sim.RunFor(absl::Seconds(1));
  CHECK(Give(&members, 1, kBound)->refused == 0);
}

TEST_CASE("without a majority no more than a bound of writes waits, and reads and watches go on") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  REQUIRE(members.Commit(leader, PutTxn("a", "1")).ok());
  members.network.Isolate(leader);
  auto burst = Give(&members, leader, kBound + 3);
  CHECK(burst->refused == 3);
  CHECK(members.Value(leader, "a") == "1");
  Seen seen;
  const auto watch = members.members[leader].store->StartWatch("", 1, seen.Sink());
  REQUIRE(watch.ok());
  members.sim.RunDue();
  CHECK(seen.events.size() == 1);
  // Those that were given up are in its log as before: it takes no more.
  members.sim.RunFor(absl::Seconds(15));
  CHECK(burst->answered == kBound + 3);
  burst = Give(&members, leader, 2);
  CHECK(burst->refused == 2);
  CHECK_THAT(std::string(burst->last.message()), Catch::Contains("no majority"));
  members.network.Heal();
  REQUIRE(members.Await([&] { return members.Commit(leader, PutTxn("a", "2")).ok(); },
                        absl::Seconds(10)));
  CHECK(Give(&members, leader, kBound)->refused == 0);
}

TEST_CASE("of what waits nothing is left behind by changes of the leader") {
  SimMembers members(3);
  for (int round = 0; round < 2 * kBound; ++round) {
    const raft::MemberId old = members.Leader();
    if (round % 2 == 0) members.network.Isolate(old);
    for (raft::MemberId id = 1; id <= 3; ++id) {
      const auto burst = Give(&members, id, 1);
      INFO("round " << round << ", member " << id << ": " << burst->last);
      CHECK(burst->refused == 0);
    }
    if (round % 2 == 1) members.Lead(old % 3 + 1, old % 3 + 1).IgnoreError();
    members.sim.RunFor(absl::Seconds(round % 4 == 0 ? 2 : 12));
    members.network.Heal();
    REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(20)));
    members.sim.RunFor(absl::Seconds(12));
  }
  for (raft::MemberId id = 1; id <= 3; ++id) CHECK(Give(&members, id, kBound)->refused == 0);
  for (raft::MemberId id = 1; id <= 3; ++id) members.Stop(id);
}

}  // namespace
}  // namespace skiff::store
