// A store of several members: what one acknowledges every other keeps.
#include "tests/store/sim_members.h"

namespace skiff::store {
namespace {

TEST_CASE("three members elect one leader, and all take writes") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  REQUIRE(leader != 0);
  for (raft::MemberId id = 1; id <= 3; ++id) {
    const auto result = members.Commit(id, PutTxn(absl::StrCat("from-", id), "x"));
    INFO(result.status());
    REQUIRE(result.ok());
    CHECK(result->applied);
    CHECK(result->revision == id + 1);
    CHECK(result->objects.size() == 1);
  }
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(5)));
}

TEST_CASE("a follower's barrier shows what another member acknowledged") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  const raft::MemberId follower = members.Follower();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(members.Commit(leader, PutTxn("a", absl::StrCat(i))).ok());
    REQUIRE(members.Barrier(follower).ok());
    CHECK(members.Value(follower, "a") == absl::StrCat(i));
  }
}

TEST_CASE("what was acknowledged survives the leader, and its watchers elsewhere miss nothing") {
  SimMembers members(3);
  std::map<raft::MemberId, Seen> seen;
  std::vector<std::unique_ptr<Watch>> watches;
  raft::MemberId leader = members.Leader();
  for (auto& [id, member] : members.members) {
    if (id == leader) continue;
    watches.push_back(*member.store->StartWatch("", 1, seen[id].Sink()));
  }
  const raft::MemberId survivor = members.Follower();
  for (int i = 0; i < 10; ++i) {
    REQUIRE(members.Commit(leader, PutTxn(absl::StrCat("a", i), "x")).ok());
  }
  members.Crash(leader);
  for (int i = 0; i < 10; ++i) {
    const auto result = members.Commit(survivor, PutTxn(absl::StrCat("b", i), "x"));
    INFO(result.status());
    REQUIRE(result.ok());
  }
  members.Start(leader);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(5)));
  for (auto& [id, events] : seen) {
    REQUIRE(events.events.size() == 20);
    for (int i = 0; i < 10; ++i) {
      CHECK(events.events[i] == absl::StrCat("+a", i, "=x@", i + 2));
      CHECK(events.events[10 + i] == absl::StrCat("+b", i, "=x@", i + 12));
    }
  }
  CHECK(members.Leader() != 0);
}

TEST_CASE("a write whose message is lost is done once") {
  SimMembers members(3, 5);
  members.Leader();
  members.network.SetFaults(
      {.delay_max = absl::Milliseconds(30), .loss = 0.2, .duplicate = 0.2, .reorder = 0.2});
  for (int i = 0; i < 50; ++i) {
    Txn txn = PutTxn(absl::StrCat("n", i), "x");
    txn.preconditions.push_back(Precondition::Absent(MapKey(absl::StrCat("n", i))));
    const auto result = members.Commit(1 + i % 3, std::move(txn));
    INFO(i << " " << result.status());
    REQUIRE(result.ok());
    CHECK(result->applied);
  }
}

TEST_CASE("a leader that is cut off serves neither writes nor linearizable reads") {
  SimMembers members(3);
  const raft::MemberId old = members.Leader();
  members.network.Isolate(old);
  const raft::MemberId other = old == 1 ? 2 : 1;
  REQUIRE(members.Commit(other, PutTxn("a", "new")).ok());
  CHECK(absl::IsUnavailable(members.Barrier(old)));
  const auto lost = members.Commit(old, PutTxn("a", "old"));
  CHECK(!lost.ok());
  members.network.Heal();
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(5)));
  CHECK(members.Value(old, "a") == "new");
}

TEST_CASE("a member that was away for longer than the log reaches gets the state") {
  SimMembers members(3);
  members.history_events = 20;
  for (raft::MemberId id = 1; id <= 3; ++id) {
    members.Stop(id);
    members.Start(id);
  }
  const raft::MemberId away = members.Follower();
  members.Crash(away);
  const raft::MemberId leader = members.Leader();
  for (int i = 0; i < 1500; ++i) {
    REQUIRE(members.Commit(leader, PutTxn(absl::StrCat("k", i % 700), std::string(500, 'x'))).ok());
  }
  REQUIRE(members.Status(leader).first > 500);
  members.Start(away);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(20)));
  members.Crash(away);
  members.Start(away);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(20)));
}

TEST_CASE("a member joins, is made a voter, and the first leader leaves") {
  SimMembers members(1);
  REQUIRE(members.Commit(1, PutTxn("a", "1")).ok());
  CHECK(members.members[1].store->alone());
  raft::Config config = members.initial;
  config.learners = {2, 3};
  config.notes[2] = "m2 sim:2";
  config.notes[3] = "m3 sim:3";
  REQUIRE(members.ChangeMembers(1, config).ok());
  CHECK(!members.members[1].store->alone());
  members.Start(2, /*joins=*/true);
  members.Start(3, /*joins=*/true);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(5)));
  config.voters = {1, 2, 3};
  config.learners.clear();
  REQUIRE(members.ChangeMembers(1, config).ok());
  REQUIRE(members.Commit(2, PutTxn("b", "2")).ok());
  config.voters = {2, 3};
  config.notes.erase(1);
  const absl::Status left = members.ChangeMembers(members.Leader(), config);
  INFO(left);
  REQUIRE(left.ok());
  members.Stop(1);
  REQUIRE(members.Commit(3, PutTxn("c", "3")).ok());
  REQUIRE(members.Commit(2, PutTxn("d", "4")).ok());
  CHECK(members.Value(2, "a") == "1");
}

TEST_CASE("leadership is handed over without losing a write") {
  SimMembers members(3);
  for (int i = 0; i < 10; ++i) {
    const raft::MemberId leader = members.Leader();
    const raft::MemberId next = leader % 3 + 1;
    std::optional<absl::Status> done;
    members.members[leader].store->TransferLeadership(next,
                                                      [&](absl::Status status) { done = status; });
    REQUIRE(members.Commit(leader, PutTxn(absl::StrCat("t", i), "x")).ok());
    REQUIRE(done->ok());
    REQUIRE(members.Await([&] { return members.members[next].leads; }, absl::Seconds(3)));
  }
}

TEST_CASE("a write given to a leader that hands over, and given again, is done once") {
  SimMembers members(3, 11);
  members.Leader();
  members.network.SetFaults(
      {.delay_max = absl::Milliseconds(20), .duplicate = 0.8, .reorder = 0.5});
  uint64_t revision = members.Commit(1, PutTxn("a", "0"))->revision;
  for (int i = 0; i < 30; ++i) {
    const raft::MemberId leader = members.Leader();
    const raft::MemberId follower = members.Follower();
    const auto written = std::make_shared<std::optional<uint64_t>>();
    members.members[follower].store->Commit(PutTxn("a", absl::StrCat(i)), [=](auto result) {
      REQUIRE(result.ok());
      *written = result->revision;
    });
    members.members[leader].store->TransferLeadership(leader % 3 + 1, [](const absl::Status&) {});
    REQUIRE(members.Await([&] { return written->has_value(); }, absl::Seconds(10)));
    CHECK(**written == ++revision);
    members.sim.RunFor(absl::Seconds(1));
    REQUIRE(members.Barrier(follower).ok());
    CHECK(members.members[follower].store->snapshot()->revision() == revision);
  }
}

TEST_CASE("what is asked of a store that closes is answered") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  int answers = 0;
  Store& store = *members.members[leader].store;
  store.Barrier([&](const absl::Status& status) { answers += absl::IsUnavailable(status); });
  store.ChangeMembers({},
                      [&](const absl::Status& status) { answers += absl::IsUnavailable(status); });
  store.TransferLeadership(
      1, [&](const absl::Status& status) { answers += absl::IsUnavailable(status); });
  store.Status([&](const StoreStatus& status) { answers += absl::IsUnavailable(status.disk); });
  store.Close();
  members.sim.RunDue();
  CHECK(answers == 4);
}

// One after the other, by members 4 and 5.
void ReplaceTheOthers(SimMembers* members, raft::MemberId away) {
  raft::Config config = members->initial;
  for (const raft::MemberId fresh : {4, 5}) {
    const raft::MemberId leader = members->Leader();
    raft::MemberId leaves = 0;
    for (const raft::MemberId id : config.voters) {
      if (id != away && id < 4) leaves = id;
    }
    config.learners = {fresh};
    config.notes[fresh] = MemberNote(absl::StrCat("m", fresh), absl::StrCat("sim:", fresh));
    REQUIRE(members->ChangeMembers(leader, config).ok());
    members->Start(fresh, /*joins=*/true);
    REQUIRE(members->Await([&] { return members->Agree(); }, absl::Seconds(5)));
    config.learners.clear();
    config.voters.insert(fresh);
    config.voters.erase(leaves);
    config.notes.erase(leaves);
    REQUIRE(members->ChangeMembers(leader, config).ok());
    members->Stop(leaves);
  }
}

TEST_CASE("a member that was away finds those that came meanwhile, though it knows none of them") {
  SimMembers members(3);
  members.Leader();
  const raft::MemberId away = members.Follower();
  members.Crash(away);
  ReplaceTheOthers(&members, away);
  REQUIRE(members.Commit(4, PutTxn("a", "1")).ok());
  members.Start(away);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(10)));
  CHECK(members.Value(away, "a") == "1");
}

TEST_CASE(
    "those that came meanwhile elect a leader with one that was away and knows none of them") {
  SimMembers members(3);
  members.Leader();
  const raft::MemberId away = members.Follower();
  members.Crash(away);
  ReplaceTheOthers(&members, away);
  members.Stop(4);
  members.Stop(5);
  members.Start(away);
  members.Start(4, /*joins=*/true);
  REQUIRE(members.Leader() == 4);
  REQUIRE(members.Commit(away, PutTxn("a", "1")).ok());
}

TEST_CASE("a learner that is cut off finds those that came meanwhile") {
  SimMembers members(2);
  raft::MemberId leader = members.Leader();
  REQUIRE(members.Commit(leader, PutTxn("a", "0")).ok());
  raft::Config config = members.initial;
  config.learners = {3};
  config.notes[3] = MemberNote("m3", "sim:3");
  REQUIRE(members.ChangeMembers(leader, config).ok());
  members.Start(3, /*joins=*/true);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(5)));
  members.network.Isolate(3);
  for (const raft::MemberId fresh : {4, 5}) {
    leader = members.Leader();
    config.voters.insert(fresh);
    config.notes[fresh] = MemberNote(absl::StrCat("m", fresh), absl::StrCat("sim:", fresh));
    members.Start(fresh, /*joins=*/true);
    REQUIRE(members.ChangeMembers(leader, config).ok());
  }
  for (const raft::MemberId leaves : {1, 2}) {
    config.voters.erase(leaves);
    config.notes.erase(leaves);
    REQUIRE(members.ChangeMembers(members.Leader(), config).ok());
    members.Stop(leaves);
  }
  REQUIRE(members.Commit(4, PutTxn("a", "1")).ok());
  members.network.Rejoin(3);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(10)));
  CHECK(members.Value(3, "a") == "1");
}

TEST_CASE("only one voter is left, which has not heard yet that it leads") {
  SimMembers members(2);
  for (int i = 0; i < 4; ++i) {
    const raft::MemberId leader = members.Leader();
    const raft::MemberId other = 3 - leader;
    raft::Config config = members.initial;
    config.voters.erase(leader);
    // Whatever the one that leaves says last is lost.
    members.members[leader].store->ChangeMembers(
        config, [&, leader, other](const absl::Status&) { members.network.Cut(leader, other); });
    members.sim.RunFor(absl::Seconds(5));
    members.network.Heal();
    REQUIRE(members.Await([&] { return members.members[other].leads; }, absl::Seconds(10)));
    REQUIRE(members.Commit(other, PutTxn("a", "1")).ok());
    config = members.initial;
    REQUIRE(members.ChangeMembers(other, config).ok());
    REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(10)));
  }
}

}  // namespace
}  // namespace skiff::store
