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
  REQUIRE(members.ChangeMembers(1, {.add = {{2, members.Note(2)}, {3, members.Note(3)}}}).ok());
  CHECK(!members.members[1].store->alone());
  members.Start(2, /*joins=*/true);
  members.Start(3, /*joins=*/true);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(5)));
  REQUIRE(members.ChangeMembers(1, {.promote = {2, 3}}).ok());
  REQUIRE(members.Commit(2, PutTxn("b", "2")).ok());
  const absl::Status left = members.ChangeMembers(members.Leader(), {.remove = {1}});
  INFO(left);
  REQUIRE(left.ok());
  members.Stop(1);
  REQUIRE(members.Commit(3, PutTxn("c", "3")).ok());
  REQUIRE(members.Commit(2, PutTxn("d", "4")).ok());
  CHECK(members.Value(2, "a") == "1");
}

// Members 1 to 3, of which 2 and 3 joined the first.
void GrowToThree(SimMembers* members) {
  for (const raft::MemberId id : {2, 3}) {
    REQUIRE(members->ChangeMembers(1, {.add = {{id, members->Note(id)}}}).ok());
    members->Start(id, /*joins=*/true);
    REQUIRE(members->ChangeMembers(1, {.promote = {id}}).ok());
  }
  REQUIRE(members->Await([&] { return members->Agree(); }, absl::Seconds(5)));
}

TEST_CASE("a voter that comes back without its disk does not vote away what it acknowledged") {
  SimMembers members(1);
  GrowToThree(&members);
  members.Stop(3);
  REQUIRE(members.Commit(1, PutTxn("a", "acknowledged")).ok());
  members.Crash(1);
  members.Crash(2);
  members.members[2].disk->Restore(nullptr);
  members.Start(2, /*joins=*/true);
  members.Start(3, /*joins=*/true);
  CHECK(members.Leader(absl::Seconds(20)) == 0);
  CHECK(members.Status(2).expelled.ok());  // Nobody can tell yet.
  CHECK(absl::IsUnavailable(members.Barrier(2)));
  members.Start(1);
  REQUIRE(members.Leader() == 1);
  REQUIRE(members.Barrier(3).ok());
  CHECK(members.Value(3, "a") == "acknowledged");
  const absl::Status lost = members.Barrier(2);
  CHECK(absl::IsUnavailable(lost));
  CHECK_THAT(std::string(lost.message()), Catch::Contains("\"m2\" has joined the cluster before"));
  CHECK(members.Commit(2, PutTxn("b", "1")).status() == lost);
  CHECK(members.Status(2).expelled == absl::FailedPreconditionError(lost.message()));
  // As it says.
  REQUIRE(members.ChangeMembers(3, {.remove = {2}}).ok());
  members.Stop(2);
  REQUIRE(members.ChangeMembers(3, {.add = {{4, members.Note(4)}}}).ok());
  members.Start(4, /*joins=*/true);
  REQUIRE(members.ChangeMembers(3, {.promote = {4}}).ok());
  REQUIRE(members.Barrier(4).ok());
}

TEST_CASE("a voter that comes back without its disk confirms nothing to a leader it knew before") {
  SimMembers members(1);
  GrowToThree(&members);
  members.Stop(3);
  members.Crash(2);
  members.members[2].disk->Restore(nullptr);
  members.Start(2, /*joins=*/true);
  const auto written = members.Commit(1, PutTxn("a", "1"), absl::Seconds(40));
  CHECK(!written.ok());
  CHECK(members.Status(2).applied == 0);
}

TEST_CASE("a learner that crashes before it has anything asks again and goes on") {
  SimMembers members(1);
  REQUIRE(members.ChangeMembers(1, {.add = {{2, members.Note(2)}}}).ok());
  members.network.Isolate(2);
  members.Start(2, /*joins=*/true);
  members.sim.RunFor(absl::Seconds(2));
  members.Crash(2);
  members.network.Rejoin(2);
  members.Start(2, /*joins=*/true);
  REQUIRE(members.ChangeMembers(1, {.promote = {2}}).ok());
  REQUIRE(members.Commit(2, PutTxn("a", "1")).ok());
}

TEST_CASE("a member that was removed while it was away is told so when it comes back") {
  SimMembers members(1);
  GrowToThree(&members);
  members.Stop(3);
  REQUIRE(members.ChangeMembers(2, {.remove = {3}}).ok());
  members.Start(3, /*joins=*/true);
  REQUIRE(members.Await([&] { return !members.Status(3).expelled.ok(); }, absl::Seconds(10)));
  const absl::Status told = members.Barrier(3);
  CHECK(absl::IsUnavailable(told));
  CHECK_THAT(std::string(told.message()), Catch::Contains("\"m3\" was removed from the cluster"));
  // Also of the only one that is left.
  members.Stop(3);
  const raft::MemberId leader = members.Leader();
  REQUIRE(members.ChangeMembers(leader, {.remove = {3 - leader}}).ok());
  REQUIRE(
      members.Await([&] { return !members.Status(3 - leader).expelled.ok(); }, absl::Seconds(10)));
  members.Start(3, /*joins=*/true);
  REQUIRE(members.Await([&] { return !members.Status(3).expelled.ok(); }, absl::Seconds(10)));
  REQUIRE(members.Commit(leader, PutTxn("a", "1")).ok());
}

TEST_CASE("a member that is not there yet is not told that it was removed") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  members.network.Isolate(leader);
  members.Start(4, /*joins=*/true);
  REQUIRE(members.Await([&] { return members.Leader() != leader; }, absl::Seconds(10)));
  REQUIRE(members.ChangeMembers(leader == 1 ? 2 : 1, {.add = {{4, members.Note(4)}}}).ok());
  members.network.Rejoin(leader);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(10)));
  CHECK(members.Status(4).expelled.ok());
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
  std::set<raft::MemberId> old = members->initial.voters;
  old.erase(away);
  for (const raft::MemberId fresh : {4, 5}) {
    const raft::MemberId leader = members->Leader();
    const raft::MemberId leaves = *old.rbegin();
    old.erase(leaves);
    REQUIRE(members->ChangeMembers(leader, {.add = {{fresh, members->Note(fresh)}}}).ok());
    members->Start(fresh, /*joins=*/true);
    REQUIRE(members->Await([&] { return members->Agree(); }, absl::Seconds(5)));
    REQUIRE(members->ChangeMembers(leader, {.promote = {fresh}, .remove = {leaves}}).ok());
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
  REQUIRE(members.ChangeMembers(leader, {.add = {{3, members.Note(3)}}}).ok());
  members.Start(3, /*joins=*/true);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(5)));
  members.network.Isolate(3);
  for (const raft::MemberId fresh : {4, 5}) {
    leader = members.Leader();
    members.Start(fresh, /*joins=*/true);
    REQUIRE(members.ChangeMembers(leader, {.add = {{fresh, members.Note(fresh)}}}).ok());
    REQUIRE(members.ChangeMembers(leader, {.promote = {fresh}}).ok());
  }
  for (const raft::MemberId leaves : {1, 2}) {
    REQUIRE(members.ChangeMembers(members.Leader(), {.remove = {leaves}}).ok());
    members.Stop(leaves);
  }
  REQUIRE(members.Commit(4, PutTxn("a", "1")).ok());
  members.network.Rejoin(3);
  REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(10)));
  CHECK(members.Value(3, "a") == "1");
}

TEST_CASE("only one voter is left, which has not heard yet that it leads") {
  SimMembers members(2);
  raft::MemberId other = members.Follower();
  for (raft::MemberId fresh = 3; fresh < 7; ++fresh) {
    const raft::MemberId leader = members.Leader();
    // Whatever the one that leaves says last is lost.
    members.members[leader].store->ChangeMembers(
        {.remove = {leader}},
        [&, leader, other](const absl::Status&) { members.network.Cut(leader, other); });
    members.sim.RunFor(absl::Seconds(5));
    members.network.Heal();
    REQUIRE(members.Await([&] { return members.members[other].leads; }, absl::Seconds(10)));
    members.Stop(leader);
    REQUIRE(members.Commit(other, PutTxn("a", "1")).ok());
    REQUIRE(members.ChangeMembers(other, {.add = {{fresh, members.Note(fresh)}}}).ok());
    members.Start(fresh, /*joins=*/true);
    REQUIRE(members.ChangeMembers(other, {.promote = {fresh}}).ok());
    REQUIRE(members.Await([&] { return members.Agree(); }, absl::Seconds(10)));
    other = fresh;
  }
}

TEST_CASE("any member has the others changed, and the lead moved") {
  SimMembers members(3);
  const raft::MemberId follower = members.Follower();
  REQUIRE(members.ChangeMembers(follower, {.add = {{4, members.Note(4)}}}).ok());
  members.Start(4, /*joins=*/true);
  // At once: it is waited for until it has caught up.
  const absl::Status promoted = members.ChangeMembers(follower, {.promote = {4}});
  INFO(promoted);
  REQUIRE(promoted.ok());
  for (const raft::MemberId to : {4, 1, 2, 3, 4}) {
    const absl::Status leads = members.Lead(2, to);
    INFO(to << ": " << leads);
    REQUIRE(leads.ok());
    // What comes next finds a leader that is new.
    REQUIRE(members.ChangeMembers(1, {.add = {{10 + to, members.Note(10 + to)}}}).ok());
    REQUIRE(members.ChangeMembers(to, {.remove = {10 + to}}).ok());
    CHECK(members.Leader() == to);
  }
  REQUIRE(members.ChangeMembers(1, {.remove = {4}}).ok());
  CHECK(members.Status(1).members.size() == 3);
  REQUIRE(members.Lead(1, 1).ok());
  REQUIRE(members.ChangeMembers(2, {.remove = {2}}).ok());
  members.Stop(2);
  REQUIRE(members.Commit(3, PutTxn("a", "1")).ok());
}

TEST_CASE("what a leader refuses whoever was asked says") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  for (const raft::MemberId id : {leader, members.Follower()}) {
    CHECK(absl::IsAlreadyExists(members.ChangeMembers(id, {.add = {{9, "m2 sim:9"}}})));
    CHECK(absl::IsAlreadyExists(members.ChangeMembers(id, {.add = {{9, "m9 sim:2"}}})));
    CHECK(absl::IsNotFound(members.ChangeMembers(id, {.promote = {9}})));
    CHECK(absl::IsNotFound(members.Lead(id, 9)));
    CHECK(absl::IsInvalidArgument(members.ChangeMembers(id, {.remove = {1, 2, 3}})));
    CHECK(members.ChangeMembers(id, {.remove = {9}}).ok());
    CHECK(members.ChangeMembers(id, {.promote = {2}}).ok());
    // It never comes.
    const raft::MemberId fresh = 10 + id;
    REQUIRE(members.ChangeMembers(id, {.add = {{fresh, members.Note(fresh)}}}).ok());
    const absl::Status silent = members.ChangeMembers(id, {.promote = {fresh}});
    CHECK(absl::IsFailedPrecondition(silent));
    CHECK_THAT(std::string(silent.message()), Catch::Contains("has not been heard of"));
  }
  const raft::MemberId away = members.Follower();
  members.Stop(away);
  CHECK(absl::IsUnavailable(members.Lead(leader, away)));
  CHECK(members.Leader() == leader);
}

TEST_CASE("a leader that does not answer is named") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  const raft::MemberId follower = members.Follower();
  members.network.Cut(follower, leader);
  const absl::Status lost = members.ChangeMembers(follower, {.remove = {follower}});
  CHECK(absl::IsDeadlineExceeded(lost));
  CHECK_THAT(std::string(lost.message()), Catch::Contains(absl::StrCat("\"m", leader, "\" (sim:")));
  members.network.Heal();
  members.network.Isolate(follower);
  CHECK(absl::IsUnavailable(members.ChangeMembers(follower, {.remove = {leader}})) == false);
  CHECK(absl::IsUnavailable(members.ChangeMembers(follower, {.remove = {leader}})));
  CHECK(members.Status(leader).members.size() == 3);
}

TEST_CASE("a member that lags does not take a change for done that it has not heard of") {
  SimMembers members(3);
  const raft::MemberId leader = members.Leader();
  const raft::MemberId behind = members.Follower();
  members.network.Cut(leader, behind);
  REQUIRE(members.ChangeMembers(leader, {.add = {{9, members.Note(9)}}}).ok());
  std::optional<absl::Status> removed;
  members.members[behind].store->ChangeMembers(
      {.remove = {9}}, [&](const absl::Status& status) { removed = status; });
  members.sim.RunFor(absl::Milliseconds(200));
  CHECK(!removed.has_value());
  members.network.Heal();
  REQUIRE(members.Await([&] { return removed.has_value(); }, absl::Seconds(10)));
  CHECK(removed->ok());
  CHECK(members.Status(members.Leader()).members.size() == 3);
}

TEST_CASE("writes go on while the members change and the lead moves") {
  SimMembers members(1);
  members.Leader();
  int writes = 0;
  std::vector<absl::Status> failed;
  bool over = false;
  std::function<void(raft::MemberId)> write = [&](raft::MemberId id) {
    Txn txn = PutTxn(absl::StrCat("w", id, "-", writes), "x");
    txn.preconditions.push_back(Precondition::Absent(MapKey(absl::StrCat("w", id, "-", writes))));
    ++writes;
    members.members[id].store->Commit(std::move(txn), [&, id](absl::StatusOr<TxnResult> result) {
      if (!result.ok()) failed.push_back(result.status());
      if (result.ok() && !result->applied) failed.push_back(absl::AbortedError("not applied"));
      members.members[id].loop->PostAfter(absl::Milliseconds(1), [&, id] {
        if (!over) write(id);
      });
    });
  };
  write(1);
  for (const raft::MemberId id : {2, 3}) {
    REQUIRE(members.ChangeMembers(1, {.add = {{id, members.Note(id)}}}).ok());
    members.Start(id, /*joins=*/true);
    REQUIRE(members.ChangeMembers(id - 1, {.promote = {id}}).ok());
    write(id);
  }
  for (const raft::MemberId to : {2, 3, 1}) REQUIRE(members.Lead(to, to).ok());
  over = true;
  members.sim.RunFor(absl::Seconds(1));
  CHECK(writes > 50);
  for (const absl::Status& status : failed) CHECK(status == absl::OkStatus());
}

TEST_CASE("the only member asks a disk that fails again after a pause, with whatever is left") {
  SimMembers members(1);
  members.Stop(1);
  members.history_events = 5;  // A checkpoint is due soon, and stays so.
  members.Start(1);
  for (int i = 0; i < 20; ++i) REQUIRE(members.Commit(1, PutTxn("a", absl::StrCat(i))).ok());
  members.members[1].disk->FailWrites(30, absl::ResourceExhaustedError("no space"));
  CHECK(absl::IsResourceExhausted(members.Commit(1, PutTxn("a", "lost")).status()));
  members.sim.RunFor(absl::Seconds(1));  // Without a pause it would be asked for the last time now.
  CHECK(absl::IsResourceExhausted(members.Commit(1, PutTxn("a", "lost")).status()));
  CHECK(members.Await([&] { return members.Commit(1, PutTxn("a", "last")).ok(); },
                      absl::Seconds(10)));
  CHECK(members.Value(1, "a") == "last");
}

}  // namespace
}  // namespace skiff::store
