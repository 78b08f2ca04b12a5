// Section 5.3, as followers and leaders do it.
#include <algorithm>

#include "core_fixture.h"

namespace skiff::raft {
namespace {

using State = Follower::State;

std::vector<Message> AppendsTo(Core* core, MemberId to) {
  return Of(Settle(core), MessageType::kAppend, to);
}

}  // namespace

TEST_CASE("AppendsAreCheckedAgainstTheEntryBefore") {
  struct Case {
    const char* what;
    std::vector<Term> log;
    Message message;
    bool rejected;
    Index match;
    Index last;  // Afterwards.
  };
  const auto data = [](Term term, Index index) {
    return Entry{term, index, EntryType::kData, "x"};
  };
  for (const Case& c : std::vector<Case>{
           {"first entries", {}, Append(3, 0, 0, {data(3, 1), data(3, 2)}), false, 2, 2},
           {"no entries", {3, 3}, Append(3, 2, 3, {}), false, 2, 2},
           {"entries known already", {3, 3}, Append(3, 0, 0, {data(3, 1)}), false, 1, 2},
           {"a gap", {3}, Append(3, 4, 3, {data(3, 5)}), true, 1, 1},
           {"another term before", {1, 2}, Append(3, 2, 3, {data(3, 3)}), true, 1, 2},
           {"whole terms are skipped", {1, 2, 2, 2}, Append(3, 4, 1, {}), true, 1, 4},
           {"a conflict", {1, 2, 2, 2}, Append(3, 1, 1, {data(3, 2)}), false, 2, 2},
           {"a term that is over", {3}, Append(2, 1, 2, {data(2, 2)}), true, 1, 1}}) {
    INFO(c.what);
    Core core = OneOfThree(LogOf(c.log, 3));
    core.Step(c.message);
    const std::vector<Message> answers = Of(Settle(&core), MessageType::kAppended);
    REQUIRE(!answers.empty());
    CHECK(answers.back().term == 3);
    CHECK(answers.back().reject == c.rejected);
    CHECK(answers.back().match == c.match);
    CHECK(core.last_index() == c.last);
  }
}

TEST_CASE("WhatCannotBeTrueIsIgnored") {
  const Entry good{3, 2, EntryType::kData, "x"};
  for (const Message& message : std::vector<Message>{
           Append(3, 1, 1, {good, good}),                             // An index twice.
           Append(3, 1, 1, {{4, 2, EntryType::kData, "x"}}),          // Of a term to come.
           Append(3, 1, 1, {{3, 2, EntryType::kConfig, "damaged"}}),  //
           Append(3, 1, 1, {good, {2, 3, EntryType::kData, "x"}}),    // Terms that fall.
           Append(3, 0, 0, {{3, 1, EntryType::kData, "x"}}),          // Other than committed.
           Append(3, 1, 2, {good})}) {
    Core core = OneOfThree(LogOf({1, 1}, 3, 1));
    core.Step(message);
    CHECK(Of(Settle(&core), MessageType::kAppended).empty());
    CHECK(core.last_index() == 2);
  }
}

TEST_CASE("AFollowerCommitsOnlyWhatItKnowsToBeTheSame") {
  Core core = OneOfThree(LogOf({1, 1, 1}, 1));
  core.Step(Append(2, 1, 1, {}, 3));
  CHECK(core.commit() == 1);  // 2 and 3 may differ from the leader's.
  Message heartbeat = From(2, MessageType::kHeartbeat, 2);
  heartbeat.commit = 2;
  core.Step(heartbeat);
  CHECK(core.commit() == 2);
  heartbeat.commit = 9;  // It cannot have confirmed that.
  core.Step(heartbeat);
  CHECK(core.commit() == 2);
}

TEST_CASE("NothingIsConfirmedBeforeItIsOnDisk") {
  Core core = OneOfThree();
  core.Step(Append(1, 0, 0, {{1, 1, EntryType::kData, "a"}, {1, 2, EntryType::kData, "b"}}));
  Ready ready = core.TakeReady();
  CHECK(ready.append.size() == 2);
  for (const Message& answer : Of(ready, MessageType::kAppended)) CHECK(answer.match == 0);
  core.Step(Append(1, 2, 1, {}));  // Once more, while the disk is busy.
  ready = core.TakeReady();
  for (const Message& answer : Of(ready, MessageType::kAppended)) CHECK(answer.match == 0);
  core.Persisted(1, 1);
  CHECK(Of(core.TakeReady(), MessageType::kAppended).at(0).match == 1);
  core.Persisted(2, 1);
  CHECK(Of(core.TakeReady(), MessageType::kAppended).at(0).match == 2);
  core.Persisted(2, 1);
  CHECK(core.TakeReady().empty());
}

// A report of a write could otherwise be taken for one of entries that came after it.
TEST_CASE("WhatIsBeingWrittenIsNotReplaced") {
  Core core = OneOfThree(LogOf({1}, 1));
  core.Step(Append(1, 1, 1, {{1, 2, EntryType::kData, "old"}}));
  REQUIRE(core.TakeReady().append.size() == 1);
  const Message other = Append(2, 1, 1, {{2, 2, EntryType::kData, "new"}});
  core.Step(other);
  CHECK(core.TakeReady().append.empty());
  CHECK(core.TermAt(2) == 1);
  core.Persisted(2, 1);
  core.Step(other);
  CHECK(core.TermAt(2) == 2);
  const Ready ready = core.TakeReady();
  REQUIRE(ready.append.size() == 1);
  CHECK(ready.append[0].data == "new");
  core.Persisted(2, 1);  // Nobody wrote that again.
  for (const Message& answer : Of(core.TakeReady(), MessageType::kAppended)) {
    CHECK(answer.match < 2);
  }
}

TEST_CASE("HeartbeatsAreAnsweredThoughTheDiskIsBusy") {
  Core core = OneOfThree(LogOf({1}, 1));
  core.Step(Append(2, 1, 1, {{2, 2, EntryType::kData, "x"}}));
  core.TakeReady();
  Message heartbeat = From(2, MessageType::kHeartbeat, 2);
  heartbeat.context = 5;
  core.Step(heartbeat);
  const Ready ready = core.TakeReady();
  REQUIRE(ready.messages.size() == 1);
  CHECK(ready.messages[0].type == MessageType::kHeartbeatAck);
  CHECK(ready.messages[0].context == 5);
  heartbeat.context = 0;  // It only tells what is committed.
  core.Step(heartbeat);
  CHECK(core.TakeReady().empty());
}

// Section 5.4.2, figure 8: an entry of an earlier term is not committed by counting.
TEST_CASE("EntriesOfEarlierTermsAreCommittedOnlyUnderOneOfThisTerm") {
  Core core = OneOfThree(LogOf({1, 2}, 2));
  MakeLeader(&core);
  Settle(&core);
  core.Step(Appended(2, 3, 2));
  CHECK(core.commit() == 0);
  core.Step(Appended(2, 3, 3));
  CHECK(core.commit() == 3);
}

TEST_CASE("ALeaderCommitsByTheOthersDisksBeforeItsOwn") {
  Core core = OneOfThree();
  MakeLeader(&core);
  const Ready ready = core.TakeReady();
  CHECK(Of(ready, MessageType::kAppend).size() == 2);  // Not after the write.
  core.Step(Appended(2, 1, 1));
  CHECK(core.commit() == 0);
  core.Step(Appended(3, 1, 1));
  CHECK(core.commit() == 1);
}

TEST_CASE("StaleLeaderCannotCommit") {
  Core core = OneOfThree();
  MakeLeader(&core);
  REQUIRE(core.Propose({"x"}).ok());
  Settle(&core);
  core.Step(Append(2, 0, 0, {{2, 1, EntryType::kData, ""}}));  // The others went on without it.
  CHECK(core.role() == Role::kFollower);
  core.Persisted(2, 1);
  core.Step(Appended(3, 1, 2));
  CHECK(core.commit() == 0);
  CHECK(core.last_index() == 1);
  CHECK(core.TermAt(1) == 2);
}

TEST_CASE("WhatALeaderWantedSentIsNotSentOnceItStepsDown") {
  Core core = OneOfThree();
  MakeLeader(&core);
  REQUIRE(core.Propose({"x"}).ok());
  core.Step(From(2, MessageType::kHeartbeat, 2));
  CHECK(Of(core.TakeReady(), MessageType::kAppend).empty());
}

TEST_CASE("ALeaderBacksUpToWhereAFollowerAgrees") {
  Core core = OneOfThree(LogOf({1, 1, 1, 1}, 1));
  MakeLeader(&core);
  const std::vector<Message> probe = AppendsTo(&core, 2);
  REQUIRE(probe.size() == 1);
  CHECK(probe[0].log_index == 4);
  CHECK(core.followers().at(2).state == State::kProbe);
  core.Step(Refused(2, 2, 4, 2, 1));
  const std::vector<Message> next = AppendsTo(&core, 2);
  REQUIRE(next.size() == 1);
  CHECK(next[0].log_index == 2);
  CHECK(next[0].log_term == 1);
  CHECK(next[0].send_to == 5);
  core.Step(Refused(2, 2, 4, 1, 1));  // The old answer, again.
  CHECK(AppendsTo(&core, 2).empty());
  core.Step(Appended(2, 2, 5));
  CHECK(core.followers().at(2).state == State::kReplicate);
  CHECK(core.followers().at(2).match == 5);
}

TEST_CASE("ALeaderSkipsTermsThatTheFollowerLacks") {
  Core core = OneOfThree(LogOf({1, 1, 4, 4, 4}, 4));
  MakeLeader(&core);
  Settle(&core);
  core.Step(Refused(2, 5, 5, 4, 2));  // It has entries of term 2 up to index 4.
  CHECK(AppendsTo(&core, 2).at(0).log_index == 2);
}

TEST_CASE("AppendsAreSentOnBeforeTheyAreAnsweredUpToALimit") {
  CoreOptions options;
  options.max_in_flight = 3;
  options.max_append_bytes = 4;
  Core core = OneOfThree(LogOf({}, 0), options);
  MakeLeader(&core);
  Follow(&core);
  REQUIRE(core.Propose({"aa", "bb", "cc", "large one", "dd", "ee", "ff", "gg"}).ok());
  std::vector<Message> sent = AppendsTo(&core, 2);
  REQUIRE(sent.size() == 3);
  CHECK((sent[0].log_index == 1 && sent[0].send_to == 3));
  CHECK((sent[1].log_index == 3 && sent[1].send_to == 4));
  CHECK((sent[2].log_index == 4 && sent[2].send_to == 5));  // One entry may exceed it.
  core.Step(Appended(2, 1, 4));
  sent = AppendsTo(&core, 2);
  REQUIRE(sent.size() == 2);
  CHECK((sent[1].log_index == 7 && sent[1].send_to == 9));
  CHECK(AppendsTo(&core, 2).empty());
}

TEST_CASE("ProposalsUntilTheNextReadyShareOneAppend") {
  Core core = OneOfThree();
  MakeLeader(&core);
  Follow(&core);
  for (int i = 0; i < 10; ++i) REQUIRE(core.Propose({"x"}).ok());
  const std::vector<Message> sent = AppendsTo(&core, 2);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].send_to == 11);
}

TEST_CASE("WhatWasLostIsFoundOutByTheNextHeartbeat") {
  Core core = OneOfThree();
  MakeLeader(&core);
  Follow(&core);
  REQUIRE(core.Propose({"x"}).ok());
  CHECK(AppendsTo(&core, 2).size() == 1);  // Lost.
  core.Step(Ack(2, 1, 1));
  const std::vector<Message> question = AppendsTo(&core, 2);
  REQUIRE(question.size() == 1);
  CHECK(question[0].log_index == 2);
  CHECK(question[0].send_to == 2);
  CHECK(AppendsTo(&core, 2).empty());
  core.Step(Refused(2, 1, 2, 1, 1));
  const std::vector<Message> again = AppendsTo(&core, 2);
  REQUIRE(again.size() == 1);
  CHECK((again[0].log_index == 1 && again[0].send_to == 2));
  core.Step(Appended(2, 1, 2));
  core.Step(Ack(2, 1, 2));
  CHECK(AppendsTo(&core, 2).empty());  // Nothing is open.
}

TEST_CASE("WhatIsCommittedIsToldAtOnce") {
  Core core = OneOfThree();
  MakeLeader(&core);
  Follow(&core);
  REQUIRE(core.Propose({"x"}).ok());
  Settle(&core);
  core.Step(Appended(2, 1, 2));
  const std::vector<Message> told = Of(Settle(&core), MessageType::kHeartbeat);
  REQUIRE(told.size() == 1);  // Member 3 has not confirmed it.
  CHECK(told[0].to == 2);
  CHECK(told[0].commit == 2);
  CHECK(told[0].context == 0);
  core.Tick();
  for (const Message& heartbeat : Of(Settle(&core), MessageType::kHeartbeat)) {
    CHECK(heartbeat.commit == (heartbeat.to == 2 ? 2 : 1));
    CHECK(heartbeat.context != 0);
  }
}

}  // namespace skiff::raft
