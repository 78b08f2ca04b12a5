// Wall clocks that are wrong, or set while a member runs: nothing of a store goes by them.
#include "tests/store/sim_members.h"

namespace skiff::store {
namespace {

constexpr absl::Duration kYear = absl::Hours(24 * 365);

TEST_CASE("members whose clocks are years apart agree, and setting a clock changes nothing") {
  SimMembers members(3);
  members.members[1].clock->Jump(3 * kYear);
  members.members[2].clock->Jump(-40 * kYear);
  const raft::MemberId leader = members.Leader();
  REQUIRE(leader != 0);
  REQUIRE(members.Commit(leader, PutTxn("a", "1")).ok());
  const raft::Term term = members.Status(leader).term;
  for (const absl::Duration jump : {-absl::Hours(1), absl::Hours(240), -absl::Hours(480)}) {
    for (auto& [id, member] : members.members) {
      member.clock->Jump(jump);
      REQUIRE(members.Commit(id, PutTxn("a", absl::StrCat(id)), absl::Seconds(1)).ok());
      REQUIRE(members.Barrier(id, absl::Seconds(1)).ok());
    }
    members.sim.RunFor(absl::Seconds(10));
  }
  CHECK(members.Status(leader).term == term);
  CHECK(members.Leader() == leader);
  CHECK(members.Agree());
}

TEST_CASE("history neither ends nor lasts because a clock is set") {
  SimMembers members(1);
  REQUIRE(members.Commit(1, PutTxn("a", "1")).ok());
  REQUIRE(members.Commit(1, PutTxn("a", "2")).ok());
  Store* const store = members.members[1].store.get();
  Seen seen;
  members.members[1].clock->Jump(absl::Hours(24));
  REQUIRE(members.Commit(1, PutTxn("a", "3")).ok());
  CHECK(store->StartWatch("", 2, seen.Sink()).ok());
  members.members[1].clock->Jump(-absl::Hours(48));
  members.sim.RunFor(absl::Minutes(11));  // Ten minutes of it are kept.
  REQUIRE(members.Commit(1, PutTxn("a", "4")).ok());
  CHECK(absl::IsOutOfRange(store->StartWatch("", 2, seen.Sink()).status()));
}

TEST_CASE("a write that waits for a majority is answered in its time when the clock is set back") {
  SimMembers members(2);
  const raft::MemberId leader = members.Leader();
  REQUIRE(leader != 0);
  members.Stop(members.Follower());
  members.members[leader].clock->Jump(-absl::Hours(1));
  CHECK_FALSE(members.Commit(leader, PutTxn("a", "1"), absl::Seconds(15)).ok());
}

}  // namespace
}  // namespace skiff::store
