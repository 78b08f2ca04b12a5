#include "raft/core.h"

#include "absl/status/status.h"
#include "core_fixture.h"

namespace skiff::raft {

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
  CHECK(ready.after_write.empty());
  CHECK(core.TakeReady().empty());
}

TEST_CASE("ALoneVoterAlsoLeadsByWaiting") {
  Core core = LoneVoter();
  for (int tick = 0; tick < 20; ++tick) core.Tick();
  CHECK(core.role() == Role::kLeader);
  for (int tick = 0; tick < 100; ++tick) core.Tick();
  CHECK(core.role() == Role::kLeader);
  CHECK(core.term() == 1);
}

TEST_CASE("WhoTakesNoPartKeepsQuiet") {
  Core core(CoreOptions(), LogOf({}, 0, 0, {}), Rng(1));
  for (int tick = 0; tick < 100; ++tick) core.Tick();
  core.Campaign();
  CHECK(core.role() == Role::kFollower);
  CHECK(core.TakeReady().empty());
}

TEST_CASE("NothingIsCommittedBeforeItIsOnDisk") {
  Core core = LoneVoter();
  core.Campaign();
  REQUIRE(core.Propose({"a", "b"}).value() == 3);
  core.TakeReady();
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
  Core core = LoneVoter({1, 1, 2}, 2, 1);
  core.Campaign();
  CHECK(core.role() == Role::kLeader);  // At once: nobody else could lead.
  CHECK(core.term() == 3);
  CHECK(core.last_index() == 4);
  CHECK(core.commit() == 1);
  core.Persisted(4, 3);
  CHECK(core.commit() == 4);
}

TEST_CASE("AnAbandonedEntryGivesItsNumberBack") {
  Core core = LoneVoter();
  core.Campaign();
  Settle(&core);
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

TEST_CASE("ALoneVoterBeginsItsTermAnewWhenItsFirstEntryWasAbandoned") {
  Core core = LoneVoter({1}, 1);
  core.Campaign();
  core.TakeReady();
  core.ReadIndex(7);
  core.Abandon(2);
  const Ready ready = Settle(&core);
  REQUIRE(ready.append.size() == 1);
  CHECK(ready.append[0].index == 2);
  CHECK(ready.append[0].term == 2);
  CHECK(ready.append[0].data.empty());
  CHECK(core.commit() == 2);
  REQUIRE(ready.reads.size() == 1);
  CHECK(ready.reads[0].index == 2);
}

TEST_CASE("AnAbandonedConfigurationIsNotInForce") {
  Core core = LoneVoter();
  core.Campaign();
  Settle(&core);
  Config target = core.config();
  target.notes[1] = "a name";
  REQUIRE(core.ProposeConfig(target).value() == 2);
  CHECK(core.config().notes.size() == 1);
  core.TakeReady();
  core.Abandon(2);
  CHECK(core.config().notes.empty());
}

TEST_CASE("ACompactedLogStillKnowsTheTermBeforeIt") {
  Core core = LoneVoter({1, 1, 2, 2, 5}, 5, 5);
  const Config config = core.config();
  core.Compacted({3, 2, config, ""});
  CHECK(core.first_index() == 4);
  CHECK(core.TermAt(3) == 2);
  CHECK(core.TermAt(4) == 2);
  CHECK(core.TermAt(5) == 5);
  core.Compacted({5, 5, config, ""});
  CHECK(core.TermAt(5) == 5);
  core.Compacted({1, 1, config, ""});  // Never back.
  CHECK(core.first_index() == 6);
  core.Campaign();
  CHECK(core.TermAt(6) == 6);
}

TEST_CASE("WhoDoesNotLeadRefusesProposals") {
  Core core = OneOfThree();
  CHECK(core.Propose({"x"}).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(core.ProposeConfig(core.config()).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(core.TransferTo(2).code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("MessagesThatAreNotForItOrFromNobodyAreIgnored") {
  Core core = OneOfThree();
  Message message = Append(7, 0, 0, {});
  message.to = 2;
  core.Step(message);
  message = Append(7, 0, 0, {});
  message.from = 1;
  core.Step(message);
  message.from = 0;
  core.Step(message);
  CHECK(core.term() == 0);
  CHECK(core.TakeReady().empty());
}

TEST_CASE("AConfigurationReadsAsItWasWritten") {
  Config config;
  config.voters = {1, 2, 3};
  config.outgoing = {1, 4};
  config.learners = {9, UINT64_MAX};
  config.notes = {{1, "one"}, {9, std::string("\0\xff", 2)}};
  const std::string bytes = EncodeConfig(config);
  CHECK(DecodeConfig(bytes).value() == config);
  CHECK(DecodeConfig(EncodeConfig({})).value() == Config());
  CHECK(bytes[0] == 1);
  Config raised = config;
  raised.version = 2;
  CHECK(DecodeConfig(EncodeConfig(raised)).value() == raised);
  for (size_t length = 0; length < bytes.size(); ++length) {  // Cut anywhere.
    CHECK(absl::IsDataLoss(DecodeConfig(absl::string_view(bytes).substr(0, length)).status()));
  }
  CHECK(absl::IsDataLoss(DecodeConfig(bytes + "x").status()));
  CHECK(absl::IsDataLoss(DecodeConfig(std::string(1, '\0') + bytes.substr(1)).status()));
  const absl::Status later = DecodeConfig("\x03" + bytes.substr(1)).status();
  CHECK(absl::IsFailedPrecondition(later));
  CHECK(later.message() ==
        "the log of the cluster is of version 3, this program understands versions up to 2: start "
        "the newer program that the other members run");
  std::string huge = bytes;
  huge[1] = '\x7f';  // The number of voters.
  CHECK(absl::IsDataLoss(DecodeConfig(huge).status()));
}

}  // namespace skiff::raft
