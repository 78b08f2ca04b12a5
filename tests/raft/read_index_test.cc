// Reads (the dissertation, 6.4).
#include "core_fixture.h"

namespace skiff::raft {
namespace {

CoreOptions Asking() {
  CoreOptions options;
  options.lease_reads = false;
  return options;
}

// Leads in term 1, commit index 1, after the round of heartbeats of its first Ready.
Core Leader(const CoreOptions& options) {
  Core core = OneOfThree(LogOf({}, 0), options);
  MakeLeader(&core);
  Follow(&core);
  return core;
}

uint64_t RoundOf(const Ready& ready) {
  const std::vector<Message> sent = Of(ready, MessageType::kHeartbeat);
  REQUIRE(sent.size() == 2);
  return sent[0].context;
}

}  // namespace

TEST_CASE("ALoneVoterReadsAtOnce") {
  Core core = LoneVoter();
  core.Campaign();
  core.ReadIndex(7);
  Ready ready = core.TakeReady();
  CHECK(ready.reads.empty());  // What is committed is known when an entry of the term is.
  core.Persisted(1, 1);
  ready = core.TakeReady();
  REQUIRE(ready.reads.size() == 1);
  CHECK(ready.reads[0].context == 7);
  CHECK(ready.reads[0].index == 1u);
}

TEST_CASE("ReadsShareARoundOfHeartbeats") {
  Core core = Leader(Asking());
  core.ReadIndex(1);
  core.ReadIndex(2);
  Ready ready = core.TakeReady();
  const uint64_t round = RoundOf(ready);
  CHECK(ready.reads.empty());
  core.Step(Ack(2, 1, round - 1));  // Sent before they were asked.
  CHECK(core.TakeReady().reads.empty());
  core.ReadIndex(3);
  CHECK(RoundOf(core.TakeReady()) == round + 1);
  core.Step(Ack(2, 1, round));
  ready = core.TakeReady();
  REQUIRE(ready.reads.size() == 2);
  CHECK(ready.reads[0].context == 1);
  CHECK(ready.reads[1].index == 1u);
  core.Tick();  // A later round confirms, too.
  core.Step(Ack(3, 1, RoundOf(core.TakeReady())));
  CHECK(core.TakeReady().reads.at(0).context == 3);
}

TEST_CASE("AReadWaitsForAnEntryOfTheTerm") {
  Core core = OneOfThree(LogOf({}, 0), Asking());
  MakeLeader(&core);
  core.ReadIndex(1);
  const uint64_t round = RoundOf(Settle(&core));
  core.Step(Ack(2, 1, round));
  CHECK(Settle(&core).reads.empty());
  core.Step(Appended(2, 1, 1));
  const Ready ready = Settle(&core);
  CHECK(ready.reads.empty());
  uint64_t asked = 0;
  for (const Message& message : Of(ready, MessageType::kHeartbeat, 2)) {
    asked = std::max(asked, message.context);
  }
  REQUIRE(asked > round);
  core.Step(Ack(2, 1, asked));
  CHECK(core.TakeReady().reads.at(0).index == 1u);
}

TEST_CASE("AReadFailsWhenTheLeaderStepsDown") {
  Core core = Leader(Asking());
  core.ReadIndex(1);
  core.Step({MessageType::kReadIndex, 3, 1, 1, 0, 0, 0, {}, 0, false, 0, 99});
  core.TakeReady();
  core.Step(From(2, MessageType::kHeartbeat, 2));
  const Ready ready = core.TakeReady();
  REQUIRE(ready.reads.size() == 1);
  CHECK(!ready.reads[0].index);
  const std::vector<Message> answers = Of(ready, MessageType::kReadIndexAnswer, 3);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].context == 99);
  CHECK(answers[0].reject);
}

// 7 ticks: election_ticks less the drift, and a tick on either side that may have been about to
// come.
TEST_CASE("ALeaseLastsLessThanAnElectionTimeOfTheFastestClock") {
  Core core = Leader({});
  core.ReadIndex(1);
  const Ready asked = core.TakeReady();  // Nobody has answered a round: no lease.
  CHECK(asked.reads.empty());
  core.Step(Ack(2, 1, RoundOf(asked)));
  CHECK(core.TakeReady().reads.size() == 1);
  for (int age = 0; age <= 8; ++age) {
    INFO(age);
    core.ReadIndex(2);
    CHECK(core.TakeReady().reads.size() == (age <= 6 ? 1 : 0));
    core.Tick();
  }
}

TEST_CASE("NoLeaseOutlivesAnInvitationToCampaign") {
  Core core = Leader({});
  core.Tick();
  core.Step(Ack(2, 1, RoundOf(core.TakeReady())));
  core.ReadIndex(1);
  CHECK(core.TakeReady().reads.size() == 1);
  REQUIRE(core.TransferTo(2).ok());
  REQUIRE(Of(core.TakeReady(), MessageType::kTimeoutNow).size() == 1);
  for (int tick = 0; tick < 12; ++tick) {
    core.Tick();
    core.Step(Ack(3, 1, RoundOf(core.TakeReady())));
  }
  CHECK(core.Propose({"x"}).ok());  // Given up; but the message may still arrive.
  core.ReadIndex(2);
  CHECK(core.TakeReady().reads.empty());
}

TEST_CASE("WhoHasNothingOnDiskHelpsToNoLease") {
  Core core = OneOfThree();
  Message heartbeat = From(2, MessageType::kHeartbeat, 1);
  heartbeat.context = 5;
  core.Step(heartbeat);
  CHECK(Of(core.TakeReady(), MessageType::kHeartbeatAck).at(0).context == 0);
}

TEST_CASE("AFollowerAsksItsLeader") {
  Core core = OneOfThree(LogOf({1}, 1));
  core.ReadIndex(1);
  Ready ready = core.TakeReady();
  REQUIRE(ready.reads.size() == 1);  // There is nobody to ask.
  CHECK(!ready.reads[0].index);

  core.Step(From(2, MessageType::kHeartbeat, 1));
  core.ReadIndex(2);
  core.ReadIndex(3);
  ready = core.TakeReady();
  const std::vector<Message> asked = Of(ready, MessageType::kReadIndex);
  REQUIRE(asked.size() == 1);  // One question for both.
  CHECK(asked[0].to == 2);
  Message answer = From(2, MessageType::kReadIndexAnswer, 1);
  answer.context = asked[0].context + 1;
  answer.read_index = 1;
  core.Step(answer);  // To something else.
  CHECK(core.TakeReady().reads.empty());
  answer.context = asked[0].context;
  core.Step(answer);
  core.Step(answer);
  ready = core.TakeReady();
  REQUIRE(ready.reads.size() == 2);
  CHECK(ready.reads[0].context == 2);
  CHECK(ready.reads[1].index == 1u);
}

TEST_CASE("AForwardedReadFailsWithItsLeaderAndInTime") {
  Core core = OneOfThree(LogOf({1}, 1));
  core.Step(From(2, MessageType::kHeartbeat, 1));
  core.ReadIndex(1);
  core.TakeReady();
  core.ReadIndex(2);
  core.Step(From(3, MessageType::kHeartbeat, 2));
  Ready ready = core.TakeReady();
  REQUIRE(ready.reads.size() == 2);
  CHECK(!ready.reads[0].index);
  CHECK(!ready.reads[1].index);
  core.ReadIndex(3);
  core.TakeReady();
  for (int tick = 0; tick < 10; ++tick) {
    CHECK(core.TakeReady().reads.empty());
    core.Step(From(3, MessageType::kHeartbeat, 2));
    core.Tick();
  }
  CHECK(core.TakeReady().reads.size() == 1);
}

TEST_CASE("ALeaderAnswersForOthers") {
  Core core = Leader(Asking());
  Message question = From(3, MessageType::kReadIndex, 1);
  question.context = 42;
  core.Step(question);
  core.Step(Ack(3, 1, RoundOf(core.TakeReady())));
  const std::vector<Message> answers = Of(core.TakeReady(), MessageType::kReadIndexAnswer);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].to == 3);
  CHECK(answers[0].context == 42);
  CHECK(answers[0].read_index == 1);
  CHECK(!answers[0].reject);
}

}  // namespace skiff::raft
