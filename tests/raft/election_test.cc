// Who leads (section 5.2 and 5.4.1; the dissertation, 6.2 and 9.6).
#include "core_fixture.h"

namespace skiff::raft {
namespace {

Message VoteRequest(MemberId from, Term term, Index log_index = 0, Term log_term = 0) {
  Message message = From(from, MessageType::kVoteRequest, term);
  message.log_index = log_index;
  message.log_term = log_term;
  return message;
}

Message PreVoteRequest(MemberId from, Term term, Index log_index = 0, Term log_term = 0) {
  Message message = VoteRequest(from, term, log_index, log_term);
  message.type = MessageType::kPreVoteRequest;
  return message;
}

// Has not heard of a leader for so long that it gives its vote.
Core Undecided(const Persistent& persistent = LogOf({}, 0)) {
  Core core = OneOfThree(persistent);
  for (int tick = 0; tick < 10; ++tick) core.Tick();
  core.TakeReady();
  return core;
}

TEST_CASE("ALearnerForgetsALeaderThatIsSilent") {
  Persistent persistent = LogOf({1}, 1, 0, {2, 3});
  persistent.checkpoint.config.learners = {1};
  Core core = OneOfThree(persistent);
  core.Step(Append(1, 1, 1, {}));
  CHECK(core.leader() == 2);
  for (int tick = 0; tick < 20; ++tick) core.Tick();
  CHECK(core.leader() == 0);
  CHECK(core.role() == Role::kFollower);
  CHECK(core.term() == 1);
}

}  // namespace

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
    INFO("candidate at " << c.log_index << " of term " << c.log_term);
    Core core = Undecided(LogOf(c.log, 3));
    core.Step(PreVoteRequest(2, c.candidate_term, c.log_index, c.log_term));
    Ready ready = core.TakeReady();
    std::vector<Message> answers = Of(ready, MessageType::kPreVote);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].reject == !c.granted);
    CHECK(!ready.hard_state);  // Nothing is promised.
    CHECK(core.term() == 3);

    core.Step(VoteRequest(2, c.candidate_term, c.log_index, c.log_term));
    ready = core.TakeReady();
    answers = Of(ready, MessageType::kVote);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].reject == !c.granted);
    // The vote must be on disk before the answer leaves.
    if (c.granted) {
      CHECK(ready.hard_state == HardState{c.candidate_term, 2});
      CHECK(ready.messages.empty());
    }
  }
}

TEST_CASE("OneVoteATerm") {
  Core core = Undecided();
  core.Step(VoteRequest(2, 1));
  CHECK(!core.TakeReady().after_write.at(0).reject);
  core.Step(VoteRequest(3, 1));
  CHECK(core.TakeReady().after_write.at(0).reject);
  core.Step(VoteRequest(2, 1));  // Asked again, perhaps before the first write is done.
  const Ready again = core.TakeReady();
  CHECK(!again.after_write.at(0).reject);
  CHECK(again.hard_state == HardState{1, 2});
  // A restart does not forget it.
  Persistent persistent = LogOf({}, 1);
  persistent.hard_state.vote = 2;
  Core restarted = Undecided(persistent);
  restarted.Step(VoteRequest(3, 1));
  CHECK(restarted.TakeReady().after_write.at(0).reject);
}

TEST_CASE("AnElectionAsksFirstAndVotesThen") {
  Core core = OneOfThree();
  core.Campaign();
  CHECK(core.role() == Role::kPreCandidate);
  CHECK(core.term() == 0);
  Ready ready = core.TakeReady();
  REQUIRE(Of(ready, MessageType::kPreVoteRequest).size() == 2);
  CHECK(ready.messages[0].term == 1);
  CHECK(!ready.hard_state);
  core.Step(From(3, MessageType::kPreVote, 1));
  CHECK(core.role() == Role::kCandidate);
  ready = core.TakeReady();
  CHECK(ready.hard_state == HardState{1, 1});
  CHECK(ready.messages.empty());  // Its own vote is on disk before it asks.
  CHECK(Of(ready, MessageType::kVoteRequest).size() == 2);
  Message no = From(2, MessageType::kVote, 1);
  no.reject = true;
  core.Step(no);
  CHECK(core.role() == Role::kCandidate);
  core.Step(From(3, MessageType::kPreVote, 1));  // Late.
  core.Step(From(3, MessageType::kVote, 0));     // Of another term.
  core.Step(From(9, MessageType::kVote, 1));     // Of no voter.
  CHECK(core.role() == Role::kCandidate);
  core.Step(From(3, MessageType::kVote, 1));
  CHECK(core.role() == Role::kLeader);
  CHECK(Of(core.TakeReady(), MessageType::kHeartbeat).size() == 2);
}

// After a crash it could lead in the same term again, and send other entries under the same
// indexes.
TEST_CASE("WhoElectsItselfIsNotHeardOfBeforeThatIsOnDisk") {
  Persistent persistent = LogOf({}, 0, 0, {1});
  persistent.checkpoint.config.learners = {2};
  Core core = OneOfThree(persistent);
  core.Campaign();
  REQUIRE(core.role() == Role::kLeader);
  Ready ready = core.TakeReady();
  CHECK(ready.messages.empty());
  CHECK(ready.after_write.empty());
  core.Tick();
  REQUIRE(core.Propose({"x"}).ok());
  CHECK(core.TakeReady().messages.empty());
  core.Persisted(1, 1);
  ready = core.TakeReady();
  CHECK(Of(ready, MessageType::kAppend, 2).size() == 1);
}

TEST_CASE("ALostElectionIsGivenUp") {
  Core core = OneOfThree();
  core.Campaign();
  Message no = From(2, MessageType::kPreVote, 0);
  no.reject = true;
  core.Step(no);
  CHECK(core.role() == Role::kPreCandidate);
  no.from = 3;
  core.Step(no);
  CHECK(core.role() == Role::kFollower);
  CHECK(core.term() == 0);
}

TEST_CASE("WhoIsCutOffDoesNotRaiseTheTerm") {
  Core core = OneOfThree();
  for (int tick = 0; tick < 200; ++tick) core.Tick();
  CHECK(core.role() == Role::kPreCandidate);
  CHECK(core.term() == 0);
}

TEST_CASE("ACandidateYieldsToALeaderOfItsTerm") {
  for (const MessageType type : {MessageType::kAppend, MessageType::kHeartbeat}) {
    Core core = OneOfThree();
    core.Campaign();
    core.Step(From(3, MessageType::kPreVote, 1));
    REQUIRE(core.role() == Role::kCandidate);
    core.Step(From(2, type, 1));
    CHECK(core.role() == Role::kFollower);
    CHECK(core.leader() == 2);
  }
}

TEST_CASE("WhoHearsALeaderElectsNobodyElse") {
  Core core = Undecided(LogOf({1}, 1));
  core.Step(From(2, MessageType::kHeartbeat, 1));
  core.TakeReady();
  for (int tick = 0; tick < 9; ++tick) core.Tick();
  core.Step(VoteRequest(3, 5, 9, 4));
  CHECK(core.term() == 1);
  CHECK(core.TakeReady().empty());
  core.Step(PreVoteRequest(3, 5, 9, 4));
  CHECK(core.TakeReady().messages.at(0).reject);
  // Nor does it stand itself.
  core.Campaign();
  CHECK(core.role() == Role::kFollower);
  core.Tick();
  core.TakeReady();
  core.Step(VoteRequest(3, 5, 9, 4));
  CHECK(core.TakeReady().hard_state == HardState{5, 3});
}

TEST_CASE("ARestartDoesNotForgetThatALeaderWasHeard") {
  Core core = OneOfThree(LogOf({1}, 1));
  core.Step(VoteRequest(3, 2, 1, 1));
  CHECK(core.term() == 1);
  core.Campaign();
  CHECK(core.role() == Role::kFollower);
}

TEST_CASE("WhoKnowsThatNobodyLeadsStandsAtOnceAndIsElected") {
  Core core = OneOfThree(LogOf({3}, 3));
  core.Campaign(/*nobody_leads=*/true);
  const Ready ready = core.TakeReady();
  const std::vector<Message> asked = Of(ready, MessageType::kVoteRequest);
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].term == 4);
  Core other = OneOfThree(LogOf({3}, 3));  // Has just started.
  Message request = VoteRequest(2, asked[0].term, asked[0].log_index, asked[0].log_term);
  request.context = asked[0].context;
  other.Step(request);
  const std::vector<Message> votes = Of(other.TakeReady(), MessageType::kVote);
  REQUIRE(votes.size() == 1);
  CHECK_FALSE(votes[0].reject);
}

TEST_CASE("ALeaderWithoutAQuorumStepsDown") {
  Core core = OneOfThree();
  MakeLeader(&core);
  for (int tick = 0; tick < 9; ++tick) core.Tick();
  CHECK(core.role() == Role::kLeader);
  core.Step(Ack(3, 1, 0));  // One other is enough.
  for (int tick = 0; tick < 9; ++tick) core.Tick();
  CHECK(core.role() == Role::kLeader);
  CHECK(!core.followers().at(2).active);
  CHECK(core.followers().at(3).active);
  core.Tick();
  CHECK(core.role() == Role::kFollower);
  CHECK(core.leader() == 0);
}

TEST_CASE("ALeaderIsNotDeposedByWhoCannotHearIt") {
  Core core = OneOfThree();
  MakeLeader(&core);
  core.Step(VoteRequest(3, 9, 9, 9));
  core.Step(PreVoteRequest(3, 9, 9, 9));
  CHECK(core.role() == Role::kLeader);
  CHECK(core.term() == 1);
}

TEST_CASE("ALeaderOfAnEarlierTermLearnsThatItIsOver") {
  for (const auto& [sent, answered] :
       {std::pair(MessageType::kAppend, MessageType::kAppended),
        std::pair(MessageType::kHeartbeat, MessageType::kHeartbeatAck)}) {
    Core core = Undecided(LogOf({1}, 4));
    core.Step(From(2, sent, 3));
    const Ready ready = core.TakeReady();
    REQUIRE(Of(ready, answered).size() == 1);
    CHECK(Of(ready, answered)[0].term == 4);
    CHECK(core.leader() == 0);
  }
  Core leader = OneOfThree();
  MakeLeader(&leader);
  leader.Step(Ack(3, 4, 0));
  CHECK(leader.role() == Role::kFollower);
  CHECK(leader.term() == 4);
}

TEST_CASE("LeadershipIsHandedToWhoHasEverything") {
  Core core = OneOfThree();
  MakeLeader(&core);
  Follow(&core, {3});
  REQUIRE(core.Propose({"x"}).ok());
  CHECK(absl::IsNotFound(core.TransferTo(9)));
  CHECK(core.TransferTo(1).ok());  // It leads.
  REQUIRE(core.TransferTo(2).ok());
  CHECK(core.TransferTo(2).ok());
  CHECK(absl::IsFailedPrecondition(core.TransferTo(3)));
  CHECK(absl::IsFailedPrecondition(core.Propose({"y"}).status()));
  CHECK(absl::IsFailedPrecondition(core.ProposeConfig(core.config()).status()));
  CHECK(Of(Settle(&core), MessageType::kTimeoutNow).empty());
  core.Step(Appended(2, 1, 1));
  CHECK(Of(Settle(&core), MessageType::kTimeoutNow).empty());
  core.Step(Appended(2, 1, 2));
  const Ready ready = Settle(&core);
  REQUIRE(Of(ready, MessageType::kTimeoutNow).size() == 1);
  CHECK(Of(ready, MessageType::kTimeoutNow)[0].to == 2);
  // Its request is heard though there is a leader.
  Message request = VoteRequest(2, 2, 2, 1);
  request.context = 1;
  core.Step(request);
  CHECK(core.role() == Role::kFollower);
  CHECK(!Of(Settle(&core), MessageType::kVote).at(0).reject);
}

TEST_CASE("AHandoverThatDoesNotHappenIsGivenUp") {
  Core core = OneOfThree();
  MakeLeader(&core);
  Follow(&core, {3});
  REQUIRE(core.TransferTo(2).ok());
  for (int tick = 0; tick < 10; ++tick) {
    core.Step(Ack(3, 1, 1));
    core.Tick();
  }
  CHECK(core.role() == Role::kLeader);
  CHECK(core.Propose({"y"}).ok());
}

TEST_CASE("WhoIsToldToTakeOverStandsAtOnce") {
  Core core = OneOfThree(LogOf({1}, 1));
  core.Step(From(3, MessageType::kTimeoutNow, 1));  // Of nobody it follows.
  CHECK(core.role() == Role::kFollower);
  core.Step(From(2, MessageType::kHeartbeat, 1));
  core.TakeReady();
  core.Step(From(2, MessageType::kTimeoutNow, 1));
  CHECK(core.role() == Role::kCandidate);
  const Ready ready = core.TakeReady();
  REQUIRE(Of(ready, MessageType::kVoteRequest).size() == 2);
  CHECK(Of(ready, MessageType::kVoteRequest)[0].context != 0);
}

}  // namespace skiff::raft
