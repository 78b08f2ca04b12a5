// A store of several members in virtual time: their disks, their network, and what happens to them.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/sim_executor.h"
#include "raft/sim_disk.h"
#include "raft/sim_network.h"
#include "store/member_note.h"
#include "store/store.h"
#include "tests/sim/member_loop.h"
#include "tests/store/fixture.h"

namespace skiff::store {

using skiff::sim::HostClock;
using skiff::sim::MemberLoop;

class SimMembers {
 public:
  explicit SimMembers(int count, uint64_t seed = 1, std::map<raft::MemberId, uint32_t> newest = {})
      : sim(seed), network(&sim), newest(std::move(newest)) {
    for (raft::MemberId id = 1; id <= static_cast<raft::MemberId>(count); ++id) {
      initial.voters.insert(id);
      initial.notes[id] = Note(id);
    }
    for (const raft::MemberId id : initial.voters) Start(id);
  }
  ~SimMembers() {
    for (auto& [id, member] : members) Stop(id);
    sim.RunDue();
  }

  struct Member {
    std::unique_ptr<raft::SimDisk> disk;
    std::unique_ptr<HostClock> clock;
    std::unique_ptr<MemberLoop> loop;
    std::unique_ptr<Store> store;
    bool leads = false;
  };

  // `joins`: it hears from others who the members are.
  void Start(raft::MemberId id, bool joins = false) {
    const absl::Status status = TryStart(id, joins);
    INFO(status);
    REQUIRE(status.ok());
  }
  absl::Status TryStart(raft::MemberId id, bool joins = false) {
    Member& member = members[id];
    if (member.disk == nullptr)
      member.disk = std::make_unique<raft::SimDisk>(Rng(sim.rng().Next()));
    if (member.clock == nullptr) member.clock = std::make_unique<HostClock>(&sim.clock());
    member.loop = std::make_unique<MemberLoop>(&sim, member.clock.get());
    StoreOptions options;
    options.history_events = history_events;
    options.storage = member.disk->Open();
    options.membership = std::make_unique<Membership>();
    options.membership->id = id;
    options.membership->initial = initial;
    if (joins) {
      options.membership->initial.voters.clear();
      options.membership->initial.notes[id] = Note(id);
    }
    options.membership->transport = network.Join(id, member.loop.get(), NewestOf(id));
    auto opened = Store::Open(std::move(options), member.loop.get(), &sim.pool(), logger, &metrics);
    if (!opened.ok()) return opened.status();
    member.store = *std::move(opened);
    member.store->OnLeadership([&member](bool leads) { member.leads = leads; });
    return absl::OkStatus();
  }
  // Orderly.
  void Stop(raft::MemberId id) {
    Member& member = members[id];
    member.store.reset();
    member.loop.reset();
    member.leads = false;
  }
  // As when the power fails: what was not on disk is gone.
  void Crash(raft::MemberId id) {
    members[id].disk->Crash();
    Stop(id);
  }

  // The id of the one member that leads, once there is one; 0 if none comes within `limit`.
  raft::MemberId Leader(absl::Duration limit = absl::Seconds(10)) {
    for (absl::Duration passed; passed < limit; passed += absl::Milliseconds(20)) {
      for (const auto& [id, member] : members) {
        if (member.leads && member.store != nullptr) return id;
      }
      sim.RunFor(absl::Milliseconds(20));
    }
    return 0;
  }
  raft::MemberId Follower() {
    const raft::MemberId leader = Leader();
    for (const auto& [id, member] : members) {
      if (id != leader && member.store != nullptr) return id;
    }
    return 0;
  }

  absl::StatusOr<TxnResult> Commit(raft::MemberId id, Txn txn,
                                   absl::Duration limit = absl::Seconds(30)) {
    // Shared: the answer may come after the wait.
    auto out = std::make_shared<std::optional<absl::StatusOr<TxnResult>>>();
    members[id].store->Commit(
        std::move(txn), [out](absl::StatusOr<TxnResult> result) { *out = std::move(result); });
    Await([&] { return out->has_value(); }, limit);
    REQUIRE(out->has_value());
    return **out;
  }
  absl::Status Barrier(raft::MemberId id, absl::Duration limit = absl::Seconds(30)) {
    auto out = std::make_shared<std::optional<absl::Status>>();
    members[id].store->Barrier([out](absl::Status result) { *out = std::move(result); });
    Await([&] { return out->has_value(); }, limit);
    REQUIRE(out->has_value());
    return **out;
  }
  StoreStatus Status(raft::MemberId id) {
    auto out = std::make_shared<std::optional<StoreStatus>>();
    members[id].store->Status([out](StoreStatus status) { *out = std::move(status); });
    Await([&] { return out->has_value(); }, absl::Seconds(1));
    REQUIRE(out->has_value());
    return **out;
  }
  absl::Status ChangeMembers(raft::MemberId id, MemberChange change) {
    auto out = std::make_shared<std::optional<absl::Status>>();
    members[id].store->ChangeMembers(std::move(change),
                                     [out](absl::Status result) { *out = std::move(result); });
    Await([&] { return out->has_value(); }, absl::Seconds(30));
    REQUIRE(out->has_value());
    return **out;
  }
  absl::Status Lead(raft::MemberId id, raft::MemberId to) {
    auto out = std::make_shared<std::optional<absl::Status>>();
    members[id].store->TransferLeadership(to,
                                          [out](absl::Status result) { *out = std::move(result); });
    Await([&] { return out->has_value(); }, absl::Seconds(30));
    REQUIRE(out->has_value());
    return **out;
  }
  static std::string Note(raft::MemberId id) {
    return MemberNote(absl::StrCat("m", id), absl::StrCat("sim:", id));
  }
  std::string Value(raft::MemberId id, const std::string& name) {
    return ValueOf(members[id].store->snapshot()->Get(MapKey(name)));
  }

  bool Await(const std::function<bool()>& holds, absl::Duration limit) {
    for (absl::Duration passed; passed < limit; passed += absl::Milliseconds(5)) {
      if (holds()) return true;
      sim.RunFor(absl::Milliseconds(5));
    }
    return holds();
  }
  // Every running member has the same state.
  bool Agree() {
    const Member* first = nullptr;
    for (const auto& [id, member] : members) {
      if (member.store == nullptr) continue;
      if (first == nullptr) first = &member;
      if (Dump(*member.store) != Dump(*first->store)) return false;
    }
    return true;
  }
  static std::string Dump(const Store& store) {
    const auto snapshot = store.snapshot();
    std::string out = absl::StrCat(snapshot->revision(), ":");
    snapshot->Scan("", "", [&](absl::string_view key, const api::ObjectPtr& object) {
      absl::StrAppend(&out, key, "=", ValueOf(object), "@", object->revision(), ";");
      return true;
    });
    return out;
  }

  Simulation sim;
  raft::SimNetwork network;
  Metrics metrics;
  Logger logger;
  // The newest version that a member understands, as of its next start.
  uint32_t NewestOf(raft::MemberId id) const {
    const auto it = newest.find(id);
    return it == newest.end() ? raft::kNewestVersion : it->second;
  }

  std::map<raft::MemberId, uint32_t> newest;
  int64_t history_events = 10'000;
  raft::Config initial;
  std::map<raft::MemberId, Member> members;
};

}  // namespace skiff::store
