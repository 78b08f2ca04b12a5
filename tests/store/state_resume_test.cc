// A state that is streamed to a member, and cut off on its way.
#include "tests/store/sim_members.h"

namespace skiff::store {
namespace {

constexpr uint64_t kBytes = 200 * 50'000;  // Of the state.
constexpr raft::Index kWritten = 220;

// Three members, one of which has been away for longer than the log reaches and has got about half
// of the state.
class Halfway {
 public:
  explicit Halfway(uint64_t seed = 1) : members(3, seed) {
    members.history_events = 5;
    for (raft::MemberId id = 1; id <= 3; ++id) {
      members.Stop(id);
      members.Start(id);
    }
    away = members.Follower();
    members.Crash(away);
    leader = members.Leader();
    for (int i = 0; i < static_cast<int>(kWritten); ++i) {
      const std::string value(kBytes / 200, 'x');
      REQUIRE(members.Commit(leader, PutTxn(absl::StrCat("k", i % 200), value)).ok());
    }
    REQUIRE(members.Status(leader).first > 150);
    raft::NetworkFaults slow;
    slow.delay_min = slow.delay_max = absl::Milliseconds(20);
    members.network.SetLinkFaults(leader, away, slow);
    before_ = members.network.counts().bytes;
    members.Start(away);
    REQUIRE(members.Await([&] { return sent() > kBytes / 2; }, absl::Seconds(10)));
    REQUIRE(sent() < kBytes);
  }

  // Bytes, by all members, since it is back.
  uint64_t sent() { return members.network.counts().bytes - before_; }
  // Up to which entry the leader has dropped its log.
  raft::Index first() { return members.Status(leader).first; }

  SimMembers members;
  raft::MemberId away = 0;
  raft::MemberId leader = 0;

 private:
  uint64_t before_ = 0;
};

TEST_CASE("a state that is cut off on its way goes on where it was, while writes go on") {
  for (const int seconds : {1, 3, 20, 50}) {
    INFO(seconds << " s");
    Halfway half;
    SimMembers& members = half.members;
    members.network.Isolate(half.away);
    for (int i = 0; i < seconds * 10; ++i) {
      REQUIRE(members.Commit(half.leader, PutTxn(absl::StrCat("meanwhile", i % 50), "1")).ok());
      members.sim.RunFor(absl::Milliseconds(100));
    }
    CHECK(half.first() < kWritten + 2);  // What comes after the state is kept.
    members.network.Rejoin(half.away);
    REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(20)));
    CHECK(half.sent() < kBytes * 5 / 4);
    for (int i = 0; i < 20; ++i) REQUIRE(members.Commit(half.leader, PutTxn("a", "1")).ok());
    CHECK(half.first() > kWritten + 2);
  }
}

TEST_CASE("a state is given up when nobody takes it for a minute, or its log grows too long") {
  for (const bool grows : {false, true}) {
    INFO((grows ? "grows" : "waits"));
    Halfway half;
    SimMembers& members = half.members;
    members.network.Isolate(half.away);
    members.sim.RunFor(absl::Seconds(grows ? 10 : 62));
    for (int i = 0; i < 30; ++i) {
      const std::string value(grows ? 4 << 20 : 1, 'x');
      REQUIRE(members.Commit(half.leader, PutTxn("large", value)).ok());
    }
    members.sim.RunFor(absl::Seconds(1));
    REQUIRE(members.Commit(half.leader, PutTxn("large", "")).ok());
    members.sim.RunFor(absl::Seconds(1));
    CHECK(half.first() > kWritten + 2);
    members.network.Rejoin(half.away);
    REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(20)));
    CHECK(half.sent() > kBytes * 5 / 4);
  }
}

TEST_CASE("what a member has of one state is not taken for a part of another") {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    Halfway half(seed);
    SimMembers& members = half.members;
    members.network.Isolate(half.away);
    const raft::MemberId other = 6 - half.leader - half.away;
    REQUIRE(members.Commit(half.leader, PutTxn("meanwhile", "1")).ok());
    REQUIRE(members.Lead(other, other).ok());
    REQUIRE(members.Commit(other, PutTxn("meanwhile", "2")).ok());
    raft::NetworkFaults bad;
    bad.loss = 0.5;
    bad.reorder = 0.5;
    bad.delay_max = absl::Milliseconds(10);
    members.network.SetLinkFaults(other, half.away, bad);
    members.network.Rejoin(half.away);
    members.sim.RunFor(absl::Seconds(2));
    members.network.SetLinkFaults(other, half.away, {});
    REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(5)));
  }
}

}  // namespace
}  // namespace skiff::store
