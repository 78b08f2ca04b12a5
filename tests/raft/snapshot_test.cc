// States in the place of entries (section 7).
#include "core_fixture.h"

namespace skiff::raft {
namespace {

using State = Follower::State;

Checkpoint At(Index index, Term term, std::set<MemberId> voters = {1, 2, 3}) {
  Checkpoint checkpoint{index, term, {}, "note"};
  checkpoint.config.voters = std::move(voters);
  return checkpoint;
}

// Leads in term 2; its log begins after entry 3. Member 2 has everything, 3 nothing.
Core LeaderOfACompactedLog() {
  Core core = OneOfThree(LogOf({1, 1, 1, 1}, 1, 4));
  core.Compacted(At(3, 1));
  MakeLeader(&core);
  Settle(&core);
  core.Step(Appended(2, 2, 5));
  core.Step(Refused(3, 2, 4, 0, 0));
  return core;
}

std::vector<Message> To3(Core* core, MessageType type) { return Of(Settle(core), type, 3); }

}  // namespace

TEST_CASE("WhoNeedsWhatIsCompactedAwayIsSentTheState") {
  Core core = LeaderOfACompactedLog();
  std::vector<Message> asked = To3(&core, MessageType::kSnapshot);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].log_index == 3);
  CHECK(core.followers().at(3).state == State::kSnapshot);
  // Heartbeats only, until it is known what became of it.
  core.Step(Ack(3, 2, 1));
  core.Tick();
  REQUIRE(core.Propose({"x"}).ok());
  const Ready ready = Settle(&core);
  CHECK(Of(ready, MessageType::kHeartbeat, 3).size() == 1);
  CHECK(Of(ready, MessageType::kAppend, 3).empty());
  CHECK(Of(ready, MessageType::kAppend, 2).size() == 1);

  core.SnapshotSent(3, 4, /*arrived=*/true);
  const std::vector<Message> next = To3(&core, MessageType::kAppend);
  REQUIRE(next.size() == 1);
  CHECK((next[0].log_index == 4 && next[0].send_to == 6));
  core.Step(Appended(3, 2, 6));
  CHECK(core.followers().at(3).state == State::kReplicate);
}

TEST_CASE("AStateThatDidNotArriveIsSentAgainWhenTheMemberIsHeardOf") {
  Core core = LeaderOfACompactedLog();
  CHECK(To3(&core, MessageType::kSnapshot).size() == 1);
  core.SnapshotSent(3, 4, /*arrived=*/false);
  CHECK(To3(&core, MessageType::kSnapshot).empty());
  core.Step(Ack(3, 2, 1));
  CHECK(To3(&core, MessageType::kSnapshot).size() == 1);
}

TEST_CASE("AStateThatCameAnotherWayEndsTheWait") {
  Core core = LeaderOfACompactedLog();
  Settle(&core);
  core.Step(Appended(3, 2, 2));
  CHECK(core.followers().at(3).state == State::kSnapshot);
  core.Step(Appended(3, 2, 4));
  CHECK(core.followers().at(3).state == State::kReplicate);
  core.SnapshotSent(3, 4, /*arrived=*/false);  // Late.
  CHECK(core.followers().at(3).state == State::kReplicate);
}

TEST_CASE("WhoIsBehindTheLogWhileInFlightIsAskedWhereItIs") {
  CoreOptions options;
  options.max_in_flight = 1;
  options.max_append_bytes = 1;
  Core core = OneOfThree(LogOf({}, 0), options);
  MakeLeader(&core);
  Follow(&core);
  REQUIRE(core.Propose({"a", "b", "c"}).ok());
  Settle(&core);
  for (Index index = 2; index <= 4; ++index) {
    core.Step(Appended(2, 1, index));
    Settle(&core);
  }
  REQUIRE(core.commit() == 4);
  core.Compacted(At(4, 1));
  core.Step(Ack(3, 1, 1));
  const std::vector<Message> question = To3(&core, MessageType::kAppend);
  REQUIRE(question.size() == 1);
  CHECK((question[0].log_index == 4 && question[0].send_to <= 4));
  core.Step(Refused(3, 1, 4, 1, 1));
  CHECK(To3(&core, MessageType::kSnapshot).size() == 1);
}

TEST_CASE("AStateReplacesALogThatLacksItsEntry") {
  for (const std::vector<Term>& log :
       {std::vector<Term>{}, std::vector<Term>{1}, std::vector<Term>{1, 1, 1, 1, 1, 1}}) {
    Core core = OneOfThree(LogOf(log, 2));
    core.Step(From(2, MessageType::kHeartbeat, 2));
    Settle(&core);
    CHECK(core.Restore(At(5, 2, {1, 2})));
    CHECK(core.first_index() == 6);
    CHECK(core.last_index() == 5);
    CHECK(core.commit() == 5);
    CHECK(core.TermAt(5) == 2);
    CHECK(core.config().voters == std::set<MemberId>{1, 2});
    const std::vector<Message> answers = core.TakeReady().after_write;
    REQUIRE(answers.size() == 1);
    CHECK((answers[0].to == 2 && answers[0].match == 5));
    core.Step(Append(2, 5, 2, {{2, 6, EntryType::kData, "x"}}));
    CHECK(core.last_index() == 6);
  }
}

// They may have been confirmed to the leader, which may have committed them by that.
TEST_CASE("AStateDoesNotTakeEntriesThatFollowIt") {
  Core core = OneOfThree(LogOf({1, 1, 2, 2}, 2, 1));
  core.Step(From(2, MessageType::kHeartbeat, 2));
  Settle(&core);
  CHECK(!core.Restore(At(3, 2)));
  CHECK(core.commit() == 3);
  CHECK(core.first_index() == 1);
  CHECK(core.last_index() == 4);
  CHECK(Of(core.TakeReady(), MessageType::kAppended).at(0).match == 3);
}

TEST_CASE("AStateThatIsNoNewsChangesNothing") {
  Core core = OneOfThree(LogOf({1, 1, 2, 2}, 2, 3));
  CHECK(!core.Restore(At(2, 1)));
  CHECK(!core.Restore(At(3, 2)));
  CHECK(core.commit() == 3);
  CHECK(core.TakeReady().empty());
  MakeLeader(&core);
  CHECK(!core.Restore(At(9, 2)));
  CHECK(core.last_index() == 5);
}

TEST_CASE("AStateOfALaterTermBringsTheTerm") {
  Core core = OneOfThree(LogOf({1}, 1));
  CHECK(core.Restore(At(7, 5)));
  CHECK(core.term() == 5);
  CHECK(core.hard_state() == HardState{5, 0});
}

TEST_CASE("AppendsThatBeginBeforeTheLogAreTakenFromItsBeginning") {
  Core core = OneOfThree(LogOf({1, 1, 1, 1}, 1, 4));
  core.Compacted(At(3, 1));
  std::vector<Entry> entries;
  for (Index index = 2; index <= 5; ++index) {
    entries.push_back({1, index, EntryType::kData, "x"});
  }
  core.Step(Append(1, 1, 1, entries, 5));
  CHECK(core.last_index() == 5);
  CHECK(core.commit() == 5);
  const Ready ready = core.TakeReady();
  REQUIRE(ready.append.size() == 1);
  CHECK(ready.append[0].index == 5);
}

TEST_CASE("AConfigurationOutlivesTheCompactionOfItsEntry") {
  Config learner;
  learner.voters = {1, 2, 3};
  learner.learners = {4};
  Core core = OneOfThree(LogOf({1}, 1, 1));
  core.Step(Append(
      1, 1, 1, {{1, 2, EntryType::kConfig, EncodeConfig(learner)}, {1, 3, EntryType::kData, "x"}},
      3));
  Settle(&core);
  CHECK(core.ConfigAt(1).learners.empty());
  CHECK(core.ConfigAt(3) == learner);
  core.Compacted({3, 1, core.ConfigAt(3), ""});
  CHECK(core.config() == learner);
  CHECK(core.ConfigAt(3) == learner);
}

}  // namespace skiff::raft
