// Whether a member that joins may take part (docs/decisions/a-token-is-good-for-one-life.md).
#include "core_fixture.h"

namespace skiff::raft {
namespace {

Core Newcomer() {
  CoreOptions options;
  options.joins = true;
  return Core(options, Persistent(), Rng(1));
}

// Hears of leader 2 in term 1, and asks it what it is: the number of its question.
uint64_t Ask(Core* core) {
  Message heartbeat = From(2, MessageType::kHeartbeat, 1);
  heartbeat.context = 1;
  core->Step(std::move(heartbeat));
  const Ready ready = core->TakeReady();
  REQUIRE(Of(ready, MessageType::kHeartbeatAck, 2).at(0).context == 0);
  const std::vector<Message> asked = Of(ready, MessageType::kReadIndex, 2);
  REQUIRE(asked.size() == 1);
  return asked[0].context;
}

void Tell(Core* core, uint64_t number, uint64_t what, bool reject = false) {
  Message answer = From(2, MessageType::kReadIndexAnswer, 1);
  answer.context = number;
  answer.match = what;
  answer.read_index = 1;
  answer.reject = reject;
  core->Step(std::move(answer));
}

bool Votes(Core* core) {
  for (int tick = 0; tick < 10; ++tick) core->Tick();
  bool granted = false;
  for (const MessageType type : {MessageType::kPreVoteRequest, MessageType::kVoteRequest}) {
    Message request = From(3, type, core->term() + 1);
    request.log_index = request.log_term = 9;
    core->Step(std::move(request));
    const Ready ready = Settle(core);
    for (const MessageType answer : {MessageType::kPreVote, MessageType::kVote}) {
      for (const Message& each : Of(ready, answer)) granted = granted || !each.reject;
    }
  }
  return granted;
}

bool TakesEntries(Core* core, Term term) {
  core->Step(Append(term, 0, 0, {{1, 1, EntryType::kData, "x"}}));
  return !Of(Settle(core), MessageType::kAppended).empty();
}

}  // namespace

TEST_CASE("WhoJoinsTakesNoPartBeforeALeaderHasLetItIn") {
  Core strange = Newcomer();
  CHECK(strange.standing() == Standing::kUnknown);
  CHECK(!Votes(&strange));
  Core core = Newcomer();
  const uint64_t number = Ask(&core);
  CHECK(!TakesEntries(&core, 1));
  CHECK(Ask(&core) == number);
  Tell(&core, number, 0);
  Tell(&core, number, 1, /*reject=*/true);
  Tell(&core, number + 1, 1);  // To a question of another life.
  CHECK(core.standing() == Standing::kUnknown);
  Tell(&core, number, 1);
  CHECK(core.standing() == Standing::kMember);
  CHECK(TakesEntries(&core, 1));
  CHECK(Votes(&core));
}

TEST_CASE("WhoHasLostItsLogNeverTakesPartAgain") {
  Core core = Newcomer();
  const uint64_t number = Ask(&core);
  Tell(&core, number, 2);
  CHECK(core.standing() == Standing::kLost);
  Tell(&core, number, 1);
  CHECK(core.standing() == Standing::kLost);
  CHECK(!TakesEntries(&core, 1));
  CHECK(!Votes(&core));
}

TEST_CASE("ALogThatIsNotEmptyShowsThatItWasLetIn") {
  CoreOptions options;
  options.joins = true;
  CHECK(Core(options, LogOf({1}, 1, 0, {}), Rng(1)).standing() == Standing::kMember);
}

TEST_CASE("ALeaderTellsWhoAsksWhatItIs") {
  Persistent persistent = LogOf({}, 0);
  persistent.checkpoint.config.learners = {4, 5};
  Core core = OneOfThree(persistent);
  MakeLeader(&core);
  Follow(&core);
  core.Step(Appended(5, 1, 1));
  Settle(&core);
  const auto told = [&](MemberId asker) {
    Message question = From(asker, MessageType::kReadIndex, 1);
    question.context = 7;
    core.Step(std::move(question));
    const Ready ready = Settle(&core);
    for (const Message& heartbeat : Of(ready, MessageType::kHeartbeat, 2)) {
      core.Step(Ack(2, 1, heartbeat.context));
    }
    std::vector<Message> answers = Of(ready, MessageType::kReadIndexAnswer, asker);
    if (answers.empty()) answers = Of(Settle(&core), MessageType::kReadIndexAnswer, asker);
    return answers.at(0).match;
  };
  CHECK(told(2) == 2);
  CHECK(told(4) == 1);
  CHECK(told(5) == 2);  // It confirmed something once.
  CHECK(told(6) == 0);
}

}  // namespace skiff::raft
