#include "raft/sim_network.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

namespace skiff::raft {
namespace {

// Three members that know one another.
class World {
 public:
  explicit World(uint64_t seed) : sim_(seed), network_(&sim_) {
    for (MemberId id = 1; id <= 3; ++id) {
      loops_[id] = sim_.NewLoop();
      Join(id);
    }
  }

  void Join(MemberId id) {
    members_[id] = network_.Join(id, loops_[id].get());
    members_[id]->Start([this, id](Message message) {
      CHECK(message.to == id);
      got_[id].push_back(message.context);
    });
    members_[id]->SetPeers({{1, ""}, {2, ""}, {3, ""}});
  }
  void Crash(MemberId id) { members_.erase(id); }

  void Send(MemberId from, MemberId to, uint64_t number, size_t bulk = 0) {
    Message message{.type = bulk != 0 ? MessageType::kSnapshotChunk : MessageType::kHeartbeat};
    message.from = from;
    message.to = to;
    message.context = number;
    message.data = std::string(bulk, 'x');
    members_[from]->Send(std::move(message));
  }

  std::vector<uint64_t> Run(MemberId id) {
    sim_.RunFor(absl::Seconds(10));
    return std::exchange(got_[id], {});
  }

  Simulation sim_;
  SimNetwork network_;
  std::map<MemberId, std::unique_ptr<Executor>> loops_;
  std::map<MemberId, std::unique_ptr<Transport>> members_;
  std::map<MemberId, std::vector<uint64_t>> got_;
};

TEST_CASE("WithoutFaultsEverythingArrivesInOrderAndLater") {
  World world(1);
  for (uint64_t i = 1; i <= 100; ++i) world.Send(1, 2, i);
  CHECK(world.got_[2].empty());
  const std::vector<uint64_t> got = world.Run(2);
  REQUIRE(got.size() == 100);
  CHECK(std::is_sorted(got.begin(), got.end()));
  CHECK(world.network_.counts().delivered == 100);
}

TEST_CASE("LossDuplicationAndReorderingHappenAsOftenAsTold") {
  World world(2);
  world.network_.SetFaults({.loss = 0.5});
  for (uint64_t i = 1; i <= 1000; ++i) world.Send(1, 2, i);
  size_t got = world.Run(2).size();
  CHECK(got > 400);
  CHECK(got < 600);
  world.network_.SetFaults({.duplicate = 0.5});
  for (uint64_t i = 1; i <= 1000; ++i) world.Send(1, 2, i);
  got = world.Run(2).size();
  CHECK(got > 1400);
  CHECK(got < 1600);
  world.network_.SetFaults({.reorder = 0.5});
  for (uint64_t i = 1; i <= 1000; ++i) world.Send(1, 2, i);
  std::vector<uint64_t> order = world.Run(2);
  CHECK(order.size() == 1000);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
  world.network_.SetFaults({});
  world.network_.SetLinkFaults(1, 2, {.loss = 1});
  world.Send(1, 2, 1);
  world.Send(2, 1, 2);
  CHECK(world.Run(2).empty());
  CHECK(world.Run(1).size() == 1);
  world.network_.ClearLinkFaults();
  world.Send(1, 2, 3);
  CHECK(world.Run(2).size() == 1);
}

TEST_CASE("TheSameSeedGivesTheSameFaults") {
  std::vector<std::vector<uint64_t>> runs;
  for (const uint64_t seed : {7, 7, 8}) {
    World world(seed);
    world.network_.SetFaults({.loss = 0.2, .duplicate = 0.2, .reorder = 0.5});
    for (uint64_t i = 1; i <= 200; ++i) world.Send(1, 2, i);
    runs.push_back(world.Run(2));
  }
  CHECK(runs[0] == runs[1]);
  CHECK(runs[0] != runs[2]);
}

TEST_CASE("ACutIsOneWayAPartitionBothAndHealingEndsThem") {
  World world(3);
  world.network_.Cut(1, 2);
  world.Send(1, 2, 1);
  world.Send(2, 1, 2);
  CHECK(world.Run(2).empty());
  CHECK(world.Run(1).size() == 1);
  world.network_.Restore(1, 2);
  world.network_.Partition({1}, {2, 3});
  world.Send(1, 2, 1);
  world.Send(2, 1, 2);
  world.Send(2, 3, 3);
  CHECK(world.Run(2).empty());
  CHECK(world.Run(1).empty());
  CHECK(world.Run(3).size() == 1);
  world.network_.Heal();
  world.network_.Isolate(3);
  world.Send(1, 2, 1);
  world.Send(1, 3, 2);
  world.Send(3, 1, 3);
  CHECK_FALSE(world.network_.Connected(3, 2));
  CHECK(world.Run(2).size() == 1);
  CHECK(world.Run(3).empty());
  CHECK(world.Run(1).empty());
  world.network_.Rejoin(3);
  world.Send(3, 1, 4);
  CHECK(world.Run(1) == std::vector<uint64_t>{4});
}

TEST_CASE("WhatIsUnderWayWhenALinkIsCutIsLost") {
  World world(4);
  world.Send(1, 2, 1);
  world.network_.Cut(1, 2);
  CHECK(world.Run(2).empty());
  CHECK(world.network_.counts().lost == 1);
}

TEST_CASE("AMemberThatCrashedGetsNothingUntilItJoinsAgain") {
  World world(5);
  world.Send(1, 2, 1);
  world.Crash(2);
  CHECK(world.Run(2).empty());
  world.Send(1, 2, 2);
  CHECK(world.Run(2).empty());
  world.Join(2);
  world.Send(1, 2, 3);
  CHECK(world.Run(2) == std::vector<uint64_t>{3});
}

TEST_CASE("AnEndpointMayEndWithinItsOwnReceiver") {
  World world(6);
  world.members_[2]->Start([&](Message) {
    world.got_[2].push_back(0);
    world.Crash(2);
  });
  world.Send(1, 2, 1);
  world.Send(1, 2, 2);
  CHECK(world.Run(2).size() == 1);
}

TEST_CASE("ThoseWhoAreNoPeersGetNothingAndAreNotHeard") {
  World world(7);
  world.members_[1]->SetPeers({{3, ""}});
  world.Send(1, 2, 1);
  world.Send(2, 1, 2);
  CHECK(world.Run(2).empty());
  CHECK(world.Run(1).empty());
  CHECK(world.members_[1]->BulkRoom(2) == 0);
  CHECK(world.members_[1]->BulkRoom(3) > 0);
}

TEST_CASE("BulkBeyondTheRoomForItIsDroppedAndRoomComesBack") {
  World world(8);
  const size_t room = world.members_[1]->BulkRoom(2);
  world.Send(1, 2, 1, room - 10);
  CHECK(world.members_[1]->BulkRoom(2) == 10);
  world.Send(1, 2, 2, 11);
  world.Send(1, 2, 3, 10);
  CHECK(world.members_[1]->BulkRoom(2) == 0);
  CHECK(world.Run(2) == std::vector<uint64_t>{1, 3});
  CHECK(world.members_[1]->BulkRoom(2) == room);
}

TEST_CASE("AnEndpointOutlivesItsNetwork") {
  Simulation sim(9);
  auto loop = sim.NewLoop();
  std::unique_ptr<Transport> member;
  {
    SimNetwork network(&sim);
    member = network.Join(1, loop.get());
    member->SetPeers({{2, ""}});
    member->Send({.type = MessageType::kVote, .from = 1, .to = 2});
  }
  member->Send({.type = MessageType::kVote, .from = 1, .to = 2});
  CHECK(member->BulkRoom(2) == 0);
  sim.RunFor(absl::Seconds(1));
}

}  // namespace
}  // namespace skiff::raft
