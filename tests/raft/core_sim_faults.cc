// What happens to the simulated members, and how they come to rest.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core_sim.h"
#include "raft/quorum.h"

namespace skiff::raft {

void CoreSim::Repeat(uint64_t period, std::function<void()> event) {
  After(1 + Below(2 * period), [this, period, event] {
    if (!faults_) return;
    event();
    Repeat(period, event);
  });
}

void CoreSim::RunWithFaults(uint64_t ticks) {
  Repeat(15, [this] { RandomRequest(); });
  // Some storms are wilder than others.
  Repeat(300 << (options_.seed / 8 % 4), [this] { RandomFault(); });
  RunFor(ticks);
}

void CoreSim::RandomFault() {
  Node* node = RandomNode();
  switch (Below(12)) {
    case 0:
    case 1:
      Crash(node);
      return;
    case 2:
    case 3:
    case 4:
      if (!node->core) {
        Start(node);
        if (Chance(50)) node->core->Campaign();
        Settle(node);
      }
      return;
    case 5: {  // One way.
      const MemberId to = RandomNode()->id;
      if (to != node->id) cut_.insert({node->id, to});
      return;
    }
    case 6:
      if (Chance(50)) cut_.clear();
      Isolate(node);
      return;
    case 7:
      cut_.clear();
      return;
    case 8:
      node->slow_disk = !node->slow_disk;
      return;
    case 9:
      Pause(node);
      return;
    default:
      DeposeLeader();
      return;
  }
}

void CoreSim::Isolate(Node* node) {
  for (const auto& [id, other] : nodes_) {
    if (id == node->id) continue;
    cut_.insert({node->id, id});
    cut_.insert({id, node->id});
  }
}

// The worst for leases: a leader is cut off while it has reason to feel safe, and the others do
// everything to get another one soon.
void CoreSim::DeposeLeader() {
  Node* leader = nullptr;
  for (auto& [id, node] : nodes_) {
    if (node.core && node.core->role() == Role::kLeader) leader = &node;
  }
  if (leader == nullptr) return;
  cut_.clear();
  Isolate(leader);
  const bool restart = Chance(50);
  for (auto& [id, node] : nodes_) {
    if (&node == leader || !node.core) continue;
    if (restart) {
      Crash(&node);
      Start(&node);
    }
    if (!node.paused) node.core->Campaign();
    Settle(&node);
  }
}

void CoreSim::RandomRequest() {
  Node* node = RandomNode();
  if (!node->core || node->paused || node->installing) return;
  Core& core = *node->core;
  const uint64_t dice = Below(100);
  if (dice < 40) {
    reads_[++next_read_] = {node->id, committed_.size()};
    core.ReadIndex(next_read_);
  } else if (dice < 90) {
    std::vector<std::string> data;
    for (uint64_t i = Below(4); i > 0; --i) {
      data.push_back(absl::StrCat(++proposed_, std::string(Below(40), '.')));
    }
    const absl::StatusOr<Index> last = core.Propose(std::move(data));
    Must(last.ok() || core.role() != Role::kLeader || absl::IsFailedPrecondition(last.status()),
         "a proposal that a leader refused");
  } else if (dice < 94) {
    Compact(node);
  } else if (dice < 96) {
    (void)core.TransferTo(RandomNode()->id);
  } else if (options_.membership) {
    ChangeMembers(node);
  }
  Settle(node);
}

void CoreSim::ChangeMembers(Node* leader) {
  Config target;
  for (const auto& [id, node] : nodes_) {
    const uint64_t dice = Below(10);
    if (dice < 6) target.voters.insert(id);
    if (dice == 6) target.learners.insert(id);
    target.notes[id] = absl::StrCat("member ", id);
  }
  const absl::StatusOr<Index> index = leader->core->ProposeConfig(target);
  Must(!index.ok() || leader->core->config().voters == target.voters,
       "a configuration not in force when appended");
}

void CoreSim::Compact(Node* node) {
  const Core& core = *node->core;
  const Index on_disk = node->disk.checkpoint.index + node->disk.log.size();
  const Index most = std::min(core.commit(), on_disk);
  if (most < core.first_index()) return;
  const Index index = most - Below(std::min<Index>(most + 1 - core.first_index(), 4));
  // One that waits to be written may reach further already.
  node->writes.push_back({std::nullopt,
                          {},
                          {},
                          Checkpoint{index, core.TermAt(index), core.ConfigAt(index), "state"},
                          std::nullopt});
  Sync(node);
}

uint64_t CoreSim::Heal(uint64_t limit) {
  faults_ = false;
  cut_.clear();
  for (auto& [id, node] : nodes_) {
    if (!node.core) Start(&node);
    Resume(&node);
    Settle(&node);
  }
  const Index before = committed_.size();
  uint64_t ticks = 0;
  while (ticks <= limit && !Converged(before)) {
    RunFor(1);
    ++ticks;
    for (auto& [id, node] : nodes_) {
      if (node.core->role() != Role::kLeader || committed_.size() > before + 1) continue;
      (void)node.core->Propose({"after the storm"});
      Settle(&node);
    }
  }
  RunFor(50);  // What was asked before is answered, or given up, in an election time.
  return ticks;
}

bool CoreSim::Converged(Index beyond) {
  const Core* leader = nullptr;
  for (const auto& [id, node] : nodes_) {
    const Core& core = *node.core;
    if (core.role() == Role::kLeader && (leader == nullptr || core.term() > leader->term())) {
      leader = &core;
    }
  }
  if (leader == nullptr || leader->commit() <= beyond + 1 || leader->config().joint()) return false;
  for (const MemberId id : MembersOf(leader->config())) {
    const Node& node = nodes_.at(id);
    const Core& core = *node.core;
    if (core.last_index() != leader->last_index() || core.commit() != leader->last_index() ||
        core.leader() != leader->id() || !node.writes.empty()) {
      return false;
    }
  }
  return true;
}

}  // namespace skiff::raft
