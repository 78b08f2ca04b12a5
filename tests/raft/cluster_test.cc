// Cores that talk through a network which loses, repeats and reorders messages, on disks that keep
// what was written and processes that do not. The rules of figure 3 are checked after every step.
#include <catch2/catch.hpp>
#include <deque>
#include <optional>

#include "raft/core.h"

namespace skiff::raft {
namespace {

class Cluster {
 public:
  Cluster(int members, uint64_t seed) : rng_(seed) {
    for (int i = 1; i <= members; ++i) voters_.push_back(i);
    for (const MemberId id : voters_) Start(id);
  }

  // One random thing happens.
  void Step(bool faults) {
    const MemberId id = voters_[rng_.Below(voters_.size())];
    Member& member = members_[id];
    const uint64_t dice = rng_.Below(100);
    if (faults && dice < 2) {
      if (member.core) {
        member.core.reset();
      } else {
        Start(id);
      }
    } else if (!member.core) {
      if (!faults) Start(id);
    } else if (dice < 12) {
      member.core->Tick();
    } else if (dice < 20) {
      if (member.core->role() == Role::kLeader) {
        REQUIRE(member.core->Propose({std::to_string(++proposed_)}).ok());
      }
    } else {
      DeliverOne(faults);
    }
    for (auto& [each, state] : members_) Settle(each, state);
  }

  // Whether all have committed the same log, and a leader could commit the last proposal.
  bool Converged() const {
    Index last = 0;
    for (const auto& [id, member] : members_) {
      if (!member.core || member.core->commit() == 0) return false;
      if (last != 0 && member.core->commit() != last) return false;
      last = member.core->commit();
    }
    for (const auto& [id, member] : members_) {
      if (member.core->last_index() != last) return false;
    }
    return true;
  }
  size_t committed() const { return committed_.size(); }
  uint64_t proposed() const { return proposed_; }

 private:
  struct Member {
    std::optional<Core> core;
    // The disk.
    HardState hard_state;
    std::vector<Entry> log;
    Index commit = 0;  // Known when it last ran.
  };

  void Start(MemberId id) {
    Member& member = members_[id];
    Persistent persistent;
    persistent.hard_state = member.hard_state;
    persistent.last = member.log.size();
    persistent.commit = member.commit;
    for (const Entry& entry : member.log) {
      if (persistent.term_starts.empty() || persistent.term_starts.back().second != entry.term) {
        persistent.term_starts.emplace_back(entry.index, entry.term);
      }
    }
    CoreOptions options;
    options.id = id;
    options.voters = voters_;
    member.core.emplace(options, persistent, Rng(rng_.Next()));
  }

  void DeliverOne(bool faults) {
    if (network_.empty()) return;
    const size_t which = faults ? rng_.Below(std::min<size_t>(network_.size(), 8)) : 0;
    const Message message = network_[which];
    const uint64_t fate = faults ? rng_.Below(10) : 9;
    if (fate != 0) network_.erase(network_.begin() + which);  // 0: it arrives again later.
    if (fate == 1) return;                                    // Lost.
    Member& to = members_[message.to];
    if (to.core) to.core->Step(message);
  }

  // Does what the core wants: writes, then sends.
  void Settle(MemberId id, Member& member) {
    if (!member.core) return;
    Core& core = *member.core;
    Ready ready = core.TakeReady();
    if (ready.hard_state) member.hard_state = *ready.hard_state;
    if (!ready.append.empty()) {
      REQUIRE(ready.append.front().index <= member.log.size() + 1);
      member.log.resize(ready.append.front().index - 1);
      for (const Entry& entry : ready.append) {
        REQUIRE(entry.index == member.log.size() + 1);
        member.log.push_back(entry);
      }
      core.Persisted(member.log.size(), member.log.back().term);
    }
    for (Message& message : ready.messages) {
      if (message.type == MessageType::kAppend) {
        REQUIRE(message.send_to <= member.log.size());
        message.entries.assign(member.log.begin() + message.log_index,
                               member.log.begin() + message.send_to);
      }
      network_.push_back(message);
    }
    Check(id, member);
  }

  void Check(MemberId id, Member& member) {
    const Core& core = *member.core;
    REQUIRE(core.last_index() == member.log.size());
    if (core.role() == Role::kLeader) {  // Election safety.
      const auto [it, fresh] = leaders_.emplace(core.term(), id);
      REQUIRE(it->second == id);
      if (fresh) {  // Leader completeness.
        REQUIRE(member.log.size() >= committed_.size());
        for (size_t i = 0; i < committed_.size(); ++i) {
          REQUIRE(member.log[i].data == committed_[i].data);
        }
      }
    }
    REQUIRE(core.commit() >= member.commit);
    for (; member.commit < core.commit(); ++member.commit) {  // State machine safety.
      const Entry& entry = member.log[member.commit];
      if (member.commit == committed_.size()) committed_.push_back(entry);
      REQUIRE(committed_[member.commit].term == entry.term);
      REQUIRE(committed_[member.commit].data == entry.data);
    }
  }

  Rng rng_;
  std::vector<MemberId> voters_;
  std::map<MemberId, Member> members_;
  std::deque<Message> network_;
  std::map<Term, MemberId> leaders_;
  std::vector<Entry> committed_;
  uint64_t proposed_ = 0;
};

}  // namespace

TEST_CASE("ClustersStaySafeUnderFaultsAndConvergeAfterThem") {
  for (const int members : {3, 5}) {
    for (uint64_t seed = 1; seed <= 25; ++seed) {
      INFO("members " << members << ", seed " << seed);
      Cluster cluster(members, seed);
      for (int step = 0; step < 4000; ++step) cluster.Step(/*faults=*/true);
      int steps = 0;
      while (steps++ < 20'000 && (steps < 2000 || !cluster.Converged())) {
        cluster.Step(/*faults=*/false);
      }
      CHECK(cluster.Converged());
      CHECK(cluster.committed() > 10);
    }
  }
}

}  // namespace skiff::raft
