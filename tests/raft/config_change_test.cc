// Section 6: joint consensus; the dissertation, 4.
#include "absl/status/status.h"
#include "core_fixture.h"
#include "raft/quorum.h"

namespace skiff::raft {
namespace {

Config Voters(std::set<MemberId> voters, std::set<MemberId> learners = {}) {
  Config config;
  config.voters = std::move(voters);
  config.learners = std::move(learners);
  return config;
}

Config Joint(std::set<MemberId> voters, std::set<MemberId> outgoing) {
  Config config = Voters(std::move(voters));
  config.outgoing = std::move(outgoing);
  return config;
}

// Leads three in term 1, everything so far committed (index 1).
Core Leader() {
  Core core = OneOfThree();
  MakeLeader(&core);
  Follow(&core);
  return core;
}

Entry ConfigEntry(Term term, Index index, const Config& config) {
  return {term, index, EntryType::kConfig, EncodeConfig(config)};
}

}  // namespace

TEST_CASE("AMemberThatLeavesStandsAlsoAfterARestartForOnlyItMayHaveTheEntry") {
  CoreOptions options;
  options.id = 1;
  Persistent persistent;
  persistent.checkpoint.config = Voters({2}, {1});  // Long ago.
  for (const Config& config : {Voters({1, 2}), Joint({2}, {1, 2}), Voters({2})}) {
    persistent.log.push_back({1, 8, config});
  }
  persistent.hard_state.term = 1;
  Core core(options, std::move(persistent), Rng(1));
  bool asked = false;
  for (int i = 0; i < 3 * options.election_ticks; ++i) {
    core.Tick();
    for (const Message& message : core.TakeReady().messages) {
      asked |= message.type == MessageType::kPreVoteRequest && message.to == 2;
    }
  }
  CHECK(asked);
}

TEST_CASE("AQuorumIsAMajorityOfEachSide") {
  struct Case {
    Config config;
    std::set<MemberId> agree;
    bool quorum;
  };
  for (const Case& c : std::vector<Case>{{Voters({1}), {1}, true},
                                         {Voters({}), {1}, false},
                                         {Voters({1, 2}), {1}, false},
                                         {Voters({1, 2, 3}), {1, 3}, true},
                                         {Voters({1, 2, 3, 4}), {1, 3}, false},
                                         {Voters({1, 2, 3}, {4, 5}), {1, 4, 5}, false},
                                         {Joint({1, 2, 3}, {3, 4, 5}), {1, 2}, false},
                                         {Joint({1, 2, 3}, {3, 4, 5}), {1, 3, 4}, true},
                                         {Joint({1, 2, 3}, {3, 4, 5}), {3, 4, 5}, false},
                                         {Joint({1}, {2}), {1, 2}, true}}) {
    CHECK(HasQuorum(c.config, [&](MemberId id) { return c.agree.count(id) != 0; }) == c.quorum);
  }
  const auto ten_times = [](MemberId id) { return 10 * id; };
  CHECK(QuorumValue(Voters({1, 2, 3}), ten_times) == 20);
  CHECK(QuorumValue(Voters({1, 2, 3, 4}), ten_times) == 20);
  CHECK(QuorumValue(Joint({4, 5, 6}, {1, 2, 3}), ten_times) == 20);
  CHECK(QuorumValue(Voters({}), ten_times) == 0);
}

TEST_CASE("VotersChangeByWayOfAJointConfiguration") {
  Core core = Leader();
  Config target = Voters({1, 4, 5});
  target.notes = {{1, "one"}, {4, "four"}};
  REQUIRE(core.ProposeConfig(target).value() == 2);
  CHECK(core.config().voters == std::set<MemberId>{1, 4, 5});  // In force at once.
  CHECK(core.config().outgoing == std::set<MemberId>{1, 2, 3});
  CHECK(core.followers().size() == 4);
  CHECK(absl::IsFailedPrecondition(core.ProposeConfig(target).status()));
  Settle(&core);
  core.Step(Appended(4, 1, 2));
  Settle(&core);
  CHECK(core.commit() == 1);  // A majority of the new, not of the old.
  core.Step(Appended(2, 1, 2));
  CHECK(core.commit() == 2);
  // The second step, by itself.
  CHECK(core.last_index() == 3);
  CHECK(core.config() == target);
  CHECK(core.ConfigAt(2).joint());
  CHECK(!core.ConfigAt(1).joint());
  CHECK(absl::IsFailedPrecondition(core.ProposeConfig(target).status()));
  Settle(&core);
  core.Step(Appended(2, 1, 3));
  core.Step(Appended(3, 1, 3));
  CHECK(core.commit() == 2);  // They no longer count.
  core.Step(Appended(4, 1, 3));
  CHECK(core.commit() == 3);
  // Who left is told so, and then no more.
  CHECK(Of(Settle(&core), MessageType::kHeartbeat, 2).size() == 1);
  CHECK(core.followers().size() == 2);
  CHECK(core.ProposeConfig(target).ok());
}

TEST_CASE("LearnersGetTheLogAndCountForNothing") {
  Core core = Leader();
  REQUIRE(core.ProposeConfig(Voters({1, 2, 3}, {4})).value() == 2);
  CHECK(!core.config().joint());  // No majority changes.
  CHECK(Of(Settle(&core), MessageType::kAppend, 4).size() == 1);
  core.Step(Appended(4, 1, 2));
  CHECK(core.commit() == 1);
  core.Step(Appended(3, 1, 2));
  CHECK(core.commit() == 2);
  CHECK(core.followers().at(4).match == 2);
  CHECK(absl::IsNotFound(core.TransferTo(4)));
}

TEST_CASE("ALearnerNeverStands") {
  Persistent persistent = LogOf({1}, 1, 1, {2, 3});
  persistent.checkpoint.config.learners = {1};
  Core core = OneOfThree(persistent);
  for (int tick = 0; tick < 50; ++tick) core.Tick();
  CHECK(core.role() == Role::kFollower);
}

TEST_CASE("ConfigurationsThatCannotBeAreRefused") {
  Core core = Leader();
  for (const Config& target : {Voters({}), Voters({1, 2}, {2}), Voters({0, 1}), Voters({1}, {0})}) {
    CHECK(absl::IsInvalidArgument(core.ProposeConfig(target).status()));
  }
  CHECK(core.last_index() == 1);
}

TEST_CASE("AChangeWaitsForTheFirstEntryOfTheTerm") {
  Core core = OneOfThree();
  MakeLeader(&core);
  CHECK(absl::IsFailedPrecondition(core.ProposeConfig(Voters({1, 2})).status()));
}

TEST_CASE("AConfigurationThatIsReplacedIsNoLongerInForce") {
  Core core = OneOfThree(LogOf({1}, 1, 1));
  const Config old = core.config();
  core.Step(Append(1, 1, 1, {ConfigEntry(1, 2, Joint({1, 4, 5}, {1, 2, 3}))}));
  CHECK(core.config().joint());
  Settle(&core);
  core.Step(Append(2, 1, 1, {{2, 2, EntryType::kData, "x"}}));
  CHECK(core.config() == old);
}

TEST_CASE("ANewLeaderFinishesTheChangeOfTheLast") {
  Core core = OneOfThree(LogOf({1}, 1, 1));
  core.Step(Append(1, 1, 1, {ConfigEntry(1, 2, Joint({1, 2}, {1, 2, 3}))}));
  Settle(&core);
  MakeLeader(&core);
  Follow(&core, {2});
  CHECK(!core.config().joint());
  CHECK(core.config().voters == std::set<MemberId>{1, 2});
  CHECK(core.last_index() == 4);
}

TEST_CASE("AJointElectionNeedsBothMajorities") {
  Persistent persistent = LogOf({1}, 1);
  persistent.checkpoint.config = Joint({1, 4, 5}, {1, 2, 3});
  Core core = OneOfThree(persistent);
  WaitForCampaign(&core);
  core.Step(From(4, MessageType::kPreVote, 2));
  CHECK(core.role() == Role::kPreCandidate);
  core.Step(From(2, MessageType::kPreVote, 2));
  REQUIRE(core.role() == Role::kCandidate);
  core.Step(From(4, MessageType::kVote, 2));
  core.Step(From(5, MessageType::kVote, 2));
  CHECK(core.role() == Role::kCandidate);
  core.Step(From(3, MessageType::kVote, 2));
  CHECK(core.role() == Role::kLeader);
}

TEST_CASE("ALeaderThatIsRemovedLeadsUntilThatIsCommitted") {
  Core core = Leader();
  REQUIRE(core.ProposeConfig(Voters({2, 3})).ok());
  Follow(&core);
  REQUIRE(core.last_index() == 3);
  CHECK(core.role() == Role::kLeader);
  core.Step(Appended(2, 1, 3));
  CHECK(core.role() == Role::kLeader);  // Its own disk does not count.
  core.Step(Appended(3, 1, 3));
  CHECK(core.commit() == 3);
  CHECK(core.role() == Role::kFollower);
  // The others know, and one of them need not wait.
  const Ready ready = Settle(&core);
  for (const MemberId id : {2, 3}) {
    CHECK(Of(ready, MessageType::kHeartbeat, id).back().commit == 3);
  }
  CHECK(Of(ready, MessageType::kTimeoutNow).size() == 1);
  for (int tick = 0; tick < 50; ++tick) core.Tick();
  CHECK(core.role() == Role::kFollower);
}

// It may be the only one that has the entry by which it leaves, and the others cannot elect anybody
// whose log is shorter.
TEST_CASE("WhoLeavesStandsUntilThatIsCommitted") {
  Core core = OneOfThree(LogOf({1}, 1, 1));
  core.Step(
      Append(1, 1, 1, {ConfigEntry(1, 2, Joint({2}, {1, 2, 3})), ConfigEntry(1, 3, Voters({2}))}));
  Settle(&core);
  REQUIRE(core.config() == Voters({2}));
  WaitForCampaign(&core);
  core.Step(From(2, MessageType::kPreVote, 2));
  core.Step(From(2, MessageType::kVote, 2));
  REQUIRE(core.role() == Role::kLeader);
  Settle(&core);
  core.Step(Appended(2, 2, 4));
  CHECK(core.commit() == 4);
  CHECK(core.role() == Role::kFollower);
}

}  // namespace skiff::raft
