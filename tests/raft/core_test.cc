#include "raft/core.h"

#include <catch2/catch.hpp>

#include "absl/status/status.h"

namespace skiff::raft {
namespace {

Core LoneVoter(const Persistent& persistent = {}) {
  return Core(CoreOptions(), persistent, Rng(1));
}

Core OneOfThree(const Persistent& persistent = {}) {
  CoreOptions options;
  options.id = 1;
  options.voters = {1, 2, 3};
  return Core(options, persistent, Rng(1));
}

// A log whose entry i has the i-th of `terms`.
Persistent LogOf(const std::vector<Term>& terms, Term term, Index commit = 0) {
  Persistent out;
  out.hard_state.term = term;
  out.commit = commit;
  for (const Term entry_term : terms) {
    ++out.last;
    if (out.term_starts.empty() || out.term_starts.back().second != entry_term) {
      out.term_starts.emplace_back(out.last, entry_term);
    }
  }
  return out;
}

Message Append(Term term, Index previous, Term previous_term, std::vector<Entry> entries,
               Index commit = 0) {
  Message message{MessageType::kAppend, 2, 1, term};
  message.log_index = previous;
  message.log_term = previous_term;
  message.entries = std::move(entries);
  message.commit = commit;
  return message;
}

void MakeLeader(Core* core) {
  core->Campaign();
  core->Step({MessageType::kVote, 2, 1, core->term()});
  REQUIRE(core->role() == Role::kLeader);
}

}  // namespace

TEST_CASE("ALoneVoterLeadsByItsOwnVote") {
  Core core = LoneVoter();
  CHECK(core.role() == Role::kFollower);
  core.Campaign();
  CHECK(core.role() == Role::kLeader);
  CHECK(core.leader() == 1);
  const Ready ready = core.TakeReady();
  REQUIRE(ready.hard_state);
  CHECK(*ready.hard_state == HardState{1, 1});
  REQUIRE(ready.append.size() == 1);
  CHECK(ready.append[0].data.empty());
  CHECK(ready.messages.empty());
  CHECK(core.TakeReady().empty());
}

TEST_CASE("ALoneVoterAlsoLeadsByWaiting") {
  Core core = LoneVoter();
  for (int tick = 0; tick < 20; ++tick) core.Tick();
  CHECK(core.role() == Role::kLeader);
}

TEST_CASE("NothingIsCommittedBeforeItIsOnDisk") {
  Core core = LoneVoter();
  core.Campaign();
  REQUIRE(core.Propose({"a", "b"}).value() == 3);
  CHECK(core.commit() == 0);
  core.Persisted(2, 1);
  CHECK(core.commit() == 2);
  core.Persisted(3, 1);
  CHECK(core.commit() == 3);
}

TEST_CASE("ProposalsGoOnWhileTheDiskIsBusy") {
  Core core = LoneVoter();
  core.Campaign();
  const Ready first = core.TakeReady();
  REQUIRE(core.Propose({"a"}).ok());
  const Ready second = core.TakeReady();
  REQUIRE(second.append.size() == 1);
  CHECK(second.append[0].index == first.append.back().index + 1);
  CHECK(!second.hard_state);
  core.Persisted(second.append[0].index, second.append[0].term);
  CHECK(core.commit() == 2);
}

TEST_CASE("ARestartTakesANewTermAndKeepsTheLog") {
  Core core = LoneVoter(LogOf({1, 1, 2}, 2, 1));
  core.Campaign();
  CHECK(core.term() == 3);
  CHECK(core.last_index() == 4);
  CHECK(core.commit() == 1);
  core.Persisted(4, 3);
  CHECK(core.commit() == 4);
}

TEST_CASE("AnAbandonedEntryGivesItsNumberBack") {
  Core core = LoneVoter();
  core.Campaign();
  core.Persisted(1, 1);
  REQUIRE(core.Propose({"lost"}).value() == 2);
  core.TakeReady();
  core.Abandon(2);
  CHECK(core.last_index() == 1);
  REQUIRE(core.Propose({"kept"}).value() == 2);
  const Ready ready = core.TakeReady();
  REQUIRE(ready.append.size() == 1);
  CHECK(ready.append[0].data == "kept");
  core.Persisted(2, 1);
  CHECK(core.commit() == 2);
}

TEST_CASE("ACompactedLogStillKnowsTheTermBeforeIt") {
  Core core = LoneVoter(LogOf({1, 1, 2, 2, 5}, 5, 5));
  core.Compacted(4);
  CHECK(core.first_index() == 4);
  CHECK(core.TermAt(3) == 2);
  CHECK(core.TermAt(4) == 2);
  CHECK(core.TermAt(5) == 5);
  core.Compacted(6);
  CHECK(core.TermAt(5) == 5);
  core.Compacted(2);  // Never back.
  CHECK(core.first_index() == 6);
  core.Campaign();
  CHECK(core.TermAt(6) == 6);
}

TEST_CASE("VotesGoToCandidatesWhoseLogIsNoOlder") {
  struct Case {
    std::vector<Term> log;
    Term candidate_term;
    Index log_index;
    Term log_term;
    bool granted;
  };
  for (const Case& c : std::vector<Case>{{{}, 4, 0, 0, true},
                                         {{1, 2}, 4, 2, 2, true},   // The same.
                                         {{1, 2}, 4, 3, 2, true},   // Longer.
                                         {{1, 2}, 4, 1, 3, true},   // Shorter, of a later term.
                                         {{1, 2}, 4, 1, 2, false},  // Shorter.
                                         {{1, 2}, 4, 9, 1, false},  // Longer, of an earlier term.
                                         {{1, 2}, 2, 9, 9, false}}) {  // A term that is over.
    Core core = OneOfThree(LogOf(c.log, 3));
    Message request{MessageType::kRequestVote, 2, 1, c.candidate_term};
    request.log_index = c.log_index;
    request.log_term = c.log_term;
    core.Step(request);
    const Ready ready = core.TakeReady();
    INFO("candidate at " << c.log_index << " of term " << c.log_term);
    REQUIRE(ready.messages.size() == 1);
    CHECK(ready.messages[0].type == MessageType::kVote);
    CHECK(ready.messages[0].reject == !c.granted);
    // The vote must be on disk before the answer leaves: they come out together.
    if (c.granted) CHECK(ready.hard_state == HardState{c.candidate_term, 2});
  }
}

TEST_CASE("OneVoteATerm") {
  Core core = OneOfThree();
  core.Step({MessageType::kRequestVote, 2, 1, 1});
  CHECK(!core.TakeReady().messages.at(0).reject);
  core.Step({MessageType::kRequestVote, 3, 1, 1});
  CHECK(core.TakeReady().messages.at(0).reject);
  core.Step({MessageType::kRequestVote, 2, 1, 1});  // Asked again.
  CHECK(!core.TakeReady().messages.at(0).reject);
  // A restart does not forget it.
  Persistent persistent;
  persistent.hard_state = {1, 2};
  Core restarted = OneOfThree(persistent);
  restarted.Step({MessageType::kRequestVote, 3, 1, 1});
  CHECK(restarted.TakeReady().messages.at(0).reject);
}

TEST_CASE("ACandidateNeedsAQuorumOfThisTerm") {
  Core core = OneOfThree();
  core.Campaign();
  CHECK(core.role() == Role::kCandidate);
  CHECK(core.TakeReady().messages.size() == 2);
  Message no{MessageType::kVote, 2, 1, 1};
  no.reject = true;
  core.Step(no);
  CHECK(core.role() == Role::kCandidate);
  core.Step({MessageType::kVote, 3, 1, 0});  // Of another term.
  CHECK(core.role() == Role::kCandidate);
  core.Step({MessageType::kVote, 3, 1, 1});
  CHECK(core.role() == Role::kLeader);
}

TEST_CASE("ACandidateYieldsToALeaderOfItsTerm") {
  Core core = OneOfThree();
  core.Campaign();
  core.Step(Append(1, 0, 0, {}));
  CHECK(core.role() == Role::kFollower);
  CHECK(core.leader() == 2);
}

TEST_CASE("WhoDoesNotLeadRefusesProposals") {
  Core core = OneOfThree();
  CHECK(core.Propose({"x"}).status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("AppendsAreCheckedAgainstTheEntryBefore") {
  struct Case {
    const char* what;
    std::vector<Term> log;
    Message message;
    bool rejected;
    Index match;
    Index last;  // Afterwards.
  };
  for (const Case& c : std::vector<Case>{
           {"first entries", {}, Append(3, 0, 0, {{3, 1, "a"}, {3, 2, "b"}}), false, 2, 2},
           {"a heartbeat", {3, 3}, Append(3, 2, 3, {}), false, 2, 2},
           {"entries known already", {3, 3}, Append(3, 0, 0, {{3, 1, "a"}}), false, 1, 2},
           {"a gap", {3}, Append(3, 4, 3, {{3, 5, "e"}}), true, 1, 1},
           {"another term before", {1, 2}, Append(3, 2, 3, {{3, 3, "c"}}), true, 1, 2},
           {"a conflict", {1, 2, 2, 2}, Append(3, 1, 1, {{3, 2, "b"}}), false, 2, 2},
           {"a term that is over", {3}, Append(2, 1, 2, {{2, 2, "b"}}), true, 1, 1}}) {
    INFO(c.what);
    Core core = OneOfThree(LogOf(c.log, 3));
    core.Step(c.message);
    const Ready ready = core.TakeReady();
    REQUIRE(ready.messages.size() == 1);
    CHECK(ready.messages[0].type == MessageType::kAppended);
    CHECK(ready.messages[0].term == 3);
    CHECK(ready.messages[0].reject == c.rejected);
    CHECK(ready.messages[0].match == c.match);
    CHECK(core.last_index() == c.last);
  }
}

TEST_CASE("AFollowerCommitsOnlyWhatItKnowsToBeTheSame") {
  Core core = OneOfThree(LogOf({1, 1, 1}, 1));
  core.Step(Append(2, 1, 1, {}, 3));
  CHECK(core.commit() == 1);  // 2 and 3 may differ from the leader's.
}

// Section 5.4.2, figure 8: an entry of an earlier term is not committed by counting.
TEST_CASE("EntriesOfEarlierTermsAreCommittedOnlyUnderOneOfThisTerm") {
  Core core = OneOfThree(LogOf({1, 2}, 2));
  MakeLeader(&core);
  core.Persisted(3, 3);
  Message appended{MessageType::kAppended, 2, 1, 3};
  appended.match = 2;
  core.Step(appended);
  CHECK(core.commit() == 0);
  appended.match = 3;
  core.Step(appended);
  CHECK(core.commit() == 3);
}

TEST_CASE("StaleLeaderCannotCommit") {
  Core core = OneOfThree();
  MakeLeader(&core);
  REQUIRE(core.Propose({"x"}).ok());
  const Ready ready = core.TakeReady();
  core.Persisted(2, 1);
  core.Step(Append(2, 0, 0, {{2, 1, ""}}));  // The others went on without it.
  CHECK(core.role() == Role::kFollower);
  core.Persisted(2, 1);
  Message appended{MessageType::kAppended, 3, 1, 1};
  appended.match = 2;
  core.Step(appended);
  CHECK(core.commit() == 0);
  CHECK(core.last_index() == 1);
  CHECK(core.TermAt(1) == 2);
}

TEST_CASE("ReportsOfReplacedWritesCountForNothing") {
  Core core = OneOfThree();
  MakeLeader(&core);
  REQUIRE(core.Propose({"x"}).ok());
  core.TakeReady();
  core.Step(Append(2, 0, 0, {{2, 1, ""}, {2, 2, "y"}}));
  MakeLeader(&core);     // Term 3.
  core.Persisted(2, 1);  // The write of the old entry 2.
  Message appended{MessageType::kAppended, 3, 1, 3};
  appended.match = 3;
  core.Step(appended);
  CHECK(core.commit() == 0);
  core.Persisted(3, 3);
  CHECK(core.commit() == 3);
}

TEST_CASE("WhatALeaderWantedSentIsNotSentOnceItStepsDown") {
  Core core = OneOfThree();
  MakeLeader(&core);
  REQUIRE(core.Propose({"x"}).ok());
  core.Step(Append(2, 0, 0, {{2, 1, ""}}));
  for (const Message& message : core.TakeReady().messages) {
    CHECK(message.type != MessageType::kAppend);
  }
}

TEST_CASE("ALeaderBacksUpToWhereAFollowerAgrees") {
  Core core = OneOfThree(LogOf({1, 1, 1, 1}, 1));
  MakeLeader(&core);
  core.TakeReady();
  Message no{MessageType::kAppended, 2, 1, 2};
  no.reject = true;
  no.match = 2;
  core.Step(no);
  const Ready ready = core.TakeReady();
  REQUIRE(ready.messages.size() == 1);
  CHECK(ready.messages[0].to == 2);
  CHECK(ready.messages[0].log_index == 2);
  CHECK(ready.messages[0].log_term == 1);
  CHECK(ready.messages[0].send_to == 5);
}

}  // namespace skiff::raft
