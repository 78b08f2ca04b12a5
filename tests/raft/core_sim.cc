#include "core_sim.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace skiff::raft {
namespace {

constexpr uint64_t kTick = 100;  // Units of time, by a clock that is right.

Persistent FromDisk(const HardState& hard_state, const Checkpoint& checkpoint,
                    const std::vector<Entry>& log) {
  Persistent out;
  out.hard_state = hard_state;
  out.checkpoint = checkpoint;
  for (const Entry& entry : log) {
    Persistent::Held held{entry.term, static_cast<uint32_t>(entry.data.size()), std::nullopt};
    if (entry.type == EntryType::kConfig) held.config = DecodeConfig(entry.data).value();
    out.log.push_back(std::move(held));
  }
  return out;
}

void Overwrite(std::vector<Entry>* log, Index first, const std::vector<Entry>& append) {
  if (append.empty()) return;
  REQUIRE(append.front().index >= first);
  REQUIRE(append.front().index <= first + log->size());
  log->resize(append.front().index - first);
  log->insert(log->end(), append.begin(), append.end());
}

void CutBefore(std::vector<Entry>* log, Index first) {
  const auto kept = std::find_if(log->begin(), log->end(),
                                 [&](const Entry& entry) { return entry.index >= first; });
  log->erase(log->begin(), kept);
}

}  // namespace

void CoreSim::Disk::Apply(const Write& write) {
  if (write.hard_state) hard_state = *write.hard_state;
  Overwrite(&log, checkpoint.index + 1, write.append);
  if (write.compact && write.compact->index > checkpoint.index) {
    checkpoint = *write.compact;
    CutBefore(&log, checkpoint.index + 1);
  }
  if (write.install) {
    checkpoint = *write.install;
    log.clear();
  }
}

CoreSim::CoreSim(const CoreSimOptions& options) : options_(options), rng_(options.seed) {
  Config first;
  for (int id = 1; id <= options.voters; ++id) first.voters.insert(id);
  for (int i = 1; i <= options.voters + options.spares; ++i) {
    Node& node = nodes_[i];
    node.id = i;
    // The slowest clock has 9/11 of the fastest one's speed: within max_drift, not by much.
    node.tick_period = kTick * 9 / 10 + Below(kTick / 5 + 1);
    if (i <= options.voters) node.disk.checkpoint.config = first;
    Start(&node);
    TickLater(&node);
  }
}

void CoreSim::Must(bool ok, const char* what) const {
  if (!ok) FAIL(what << "; " << Describe());
}

std::string CoreSim::Describe() const {
  std::string out = absl::StrCat("voters ", options_.voters, ", seed ", options_.seed, ", time ",
                                 now_, ", committed ", committed_.size(), ":");
  for (const auto& [id, node] : nodes_) {
    if (!node.core) {
      absl::StrAppend(&out, " [", id, " down]");
      continue;
    }
    const Core& core = *node.core;
    absl::StrAppend(&out, " [", id, " role ", static_cast<int>(core.role()), " term ", core.term(),
                    " log ", core.first_index(), "-", core.last_index(), " commit ", core.commit(),
                    core.config().joint() ? " joint" : "", " voters");
    for (const MemberId voter : core.config().voters) absl::StrAppend(&out, " ", voter);
    for (const auto& [to, follower] : core.followers()) {
      absl::StrAppend(&out, " {", to, ": ", static_cast<int>(follower.state), " ", follower.match,
                      " ", follower.next, "}");
    }
    absl::StrAppend(&out, "]");
  }
  return out;
}

void CoreSim::After(uint64_t delay, std::function<void()> event) {
  events_.emplace(std::pair(now_ + delay, ++sequence_), std::move(event));
}

void CoreSim::RunFor(uint64_t ticks) {
  const uint64_t time = now_ + ticks * kTick;
  while (!events_.empty() && events_.begin()->first.first <= time) {
    const auto it = events_.begin();
    now_ = it->first.first;
    const std::function<void()> event = std::move(it->second);
    events_.erase(it);
    event();
  }
  now_ = time;
}

void CoreSim::OnNode(Node* node, std::function<void()> event) {
  if (!node->core) return;
  if (node->paused) {
    node->deferred.push_back(std::move(event));
  } else {
    event();
  }
}

CoreSim::Node* CoreSim::RandomNode() {
  return &std::next(nodes_.begin(), static_cast<ptrdiff_t>(Below(nodes_.size())))->second;
}

void CoreSim::Start(Node* node) {
  CoreOptions options;
  options.id = node->id;
  options.max_append_bytes = 64;
  options.max_in_flight = 4;
  options.lease_reads = options_.seed % 3 != 0;
  node->core.emplace(options,
                     FromDisk(node->disk.hard_state, node->disk.checkpoint, node->disk.log),
                     Rng(rng_.Next()));
  node->log = node->disk.log;
  node->seen_commit = node->disk.checkpoint.index;
  node->seen_config = node->core->config();
}

// What is not synced may have reached the disk or not, in the order written.
void CoreSim::Crash(Node* node) {
  if (!node->core) return;
  for (size_t i = Below(node->writes.size() + 1); i > 0; --i) {
    node->disk.Apply(node->writes.front());
    node->writes.pop_front();
  }
  ++node->life;
  node->core.reset();
  node->writes.clear();
  node->disk_busy = node->installing = node->paused = false;
  node->arrived.reset();
  node->deferred.clear();
  node->owed_ticks = 0;
  std::erase_if(reads_, [&](const auto& read) { return read.second.node == node->id; });
}

void CoreSim::TickLater(Node* node) {
  After(node->tick_period, [this, node] {
    TickLater(node);
    if (!node->core) return;
    if (node->paused) {
      ++node->owed_ticks;
      return;
    }
    node->core->Tick();
    Settle(node);
  });
}

void CoreSim::Pause(Node* node) {
  if (!node->core || node->paused) return;
  node->paused = true;
  After(Below(40 * kTick), [this, node, life = node->life] {
    if (node->life == life) Resume(node);
  });
}

void CoreSim::Resume(Node* node) {
  if (!node->paused) return;
  node->paused = false;
  for (; node->owed_ticks > 0; --node->owed_ticks) node->core->Tick();
  Settle(node);
  for (const auto& event : std::exchange(node->deferred, {})) event();
}

// Does what the core wants until it wants nothing.
void CoreSim::Settle(Node* node) {
  TryRestore(node);
  while (node->core && !node->installing) {
    Check(node);
    Ready ready = node->core->TakeReady();
    if (ready.empty()) break;
    Handle(node, std::move(ready));
  }
  if (node->core && !node->installing) CheckCommit(node);
}

void CoreSim::Handle(Node* node, Ready ready) {
  Must(ready.append.empty() || ready.append.back().index == node->core->last_index(),
       "a Ready that lacks the end of the log");
  Overwrite(&node->log, node->core->first_index(), ready.append);
  for (const Entry& entry : ready.append) {  // Log matching.
    const Term before = node->core->TermAt(entry.index - 1);
    const auto [it, fresh] =
        entries_.emplace(std::pair(entry.index, entry.term), std::pair(before, entry.data));
    Must(it->second == std::pair(before, entry.data), "two logs differ under one index and term");
  }
  CheckCommit(node);
  for (Message& message : ready.messages) Send(node, std::move(message));
  if (ready.hard_state || !ready.append.empty() ||
      (!options_.hasty_shell && !node->writes.empty())) {
    node->writes.push_back({ready.hard_state, std::move(ready.append), std::move(ready.after_write),
                            std::nullopt, std::nullopt});
    Sync(node);
  } else {
    for (Message& message : ready.after_write) Send(node, std::move(message));
  }
  for (const Readable& readable : ready.reads) {
    const auto it = reads_.find(readable.context);
    Must(it != reads_.end() && it->second.node == node->id, "an answer to no read");
    if (readable.index) {
      ++reads_served_;
      Must(*readable.index >= it->second.floor, "a read that is stale");
      Must(*readable.index <= committed_.size(), "a read of what is not committed");
    }
    reads_.erase(it);
  }
}

void CoreSim::Sync(Node* node) {
  if (node->disk_busy || node->writes.empty()) return;
  node->disk_busy = true;
  const size_t writes = 1 + Below(node->writes.size());
  const uint64_t delay = node->slow_disk && faults_ ? Below(15 * kTick) : 1 + Below(kTick / 4);
  After(delay, [this, node, writes, life = node->life] {
    if (node->life != life) return;
    OnNode(node, [this, node, writes] { Synced(node, writes); });
  });
}

// Several writes that were synced together are reported by their last.
void CoreSim::Synced(Node* node, size_t writes) {
  const Entry* last = nullptr;
  std::vector<Write> done;
  for (; writes > 0; --writes) {
    done.push_back(std::move(node->writes.front()));
    node->writes.pop_front();
  }
  node->disk_busy = false;
  for (const Write& write : done) {
    node->disk.Apply(write);
    if (!write.append.empty()) last = &write.append.back();
    if (write.compact) {
      node->core->Compacted(*write.compact);
      CutBefore(&node->log, node->core->first_index());
    }
    if (write.install) node->installing = false;
    for (const Message& message : write.after) Send(node, message);
  }
  if (last != nullptr) node->core->Persisted(last->index, last->term);
  Sync(node);
  Settle(node);
}

void CoreSim::Send(Node* node, Message message) {
  if (message.type == MessageType::kSnapshot) return StreamState(node, message);
  if (message.type == MessageType::kAppend) {
    const Index first = node->core->first_index();
    Must(message.log_index + 1 >= first, "an append from before the log");
    for (Index i = message.log_index + 1; i <= message.send_to; ++i) {
      message.entries.push_back(node->log.at(i - first));
    }
  }
  if (faults_ && Chance(4)) return;
  for (int copies = faults_ && Chance(4) ? 2 : 1; copies > 0; --copies) {
    uint64_t delay = 1 + Below(kTick / 4);
    if (faults_ && Chance(5)) delay = Below(30 * kTick);
    After(delay, [this, message] {
      if (cut_.count({message.from, message.to}) != 0) return;
      const auto it = nodes_.find(message.to);
      Must(it != nodes_.end(), "a message to nobody");
      Node* to = &it->second;
      OnNode(to, [this, to, message] {
        trace_ = trace_ * 1099511628211u ^ (now_ + to->core->commit() + to->core->term());
        to->core->Step(message);
        Settle(to);
      });
    });
  }
}

void CoreSim::StreamState(Node* node, const Message& message) {
  const Core& core = *node->core;
  Must(core.commit() >= message.log_index, "a state of what is not committed");
  const Index index = core.commit();
  const Checkpoint checkpoint{index, core.TermAt(index), core.ConfigAt(index), "state"};
  Node* to = &nodes_.at(message.to);
  After(1 + Below(5 * kTick), [this, node, to, checkpoint, life = node->life] {
    bool arrived = to->core && !to->paused && cut_.count({node->id, to->id}) == 0;
    if (faults_ && Chance(20)) arrived = false;
    if (arrived) {
      to->arrived = checkpoint;
      Settle(to);
    }
    After(Below(3 * kTick), [this, node, to, checkpoint, arrived, life] {
      if (node->life != life) return;
      OnNode(node, [this, node, to, checkpoint, arrived] {
        node->core->SnapshotSent(to->id, checkpoint.index, arrived);
        Settle(node);
      });
    });
  });
}

void CoreSim::TryRestore(Node* node) {
  if (!node->core || !node->arrived || !node->writes.empty() || node->installing) return;
  // Everything wanted so far is taken, written and reported: `writes` is empty after a Ready, too.
  Ready ready = node->core->TakeReady();
  if (!ready.empty()) Handle(node, std::move(ready));
  if (!node->writes.empty()) return;
  const Checkpoint checkpoint = *std::exchange(node->arrived, std::nullopt);
  if (!node->core->Restore(checkpoint)) return;
  ++states_restored_;
  Must(checkpoint.index <= committed_.size() &&
           committed_[checkpoint.index - 1].entry.term == checkpoint.term,
       "a state of what is not committed");
  node->seen_commit = checkpoint.index;
  node->log.clear();
  node->installing = true;
  node->writes.push_back({node->core->hard_state(), {}, {}, std::nullopt, checkpoint});
  Sync(node);
}

void CoreSim::Check(Node* node) {
  const Core& core = *node->core;
  if (core.role() == Role::kLeader) {
    const auto [it, fresh] = leaders_.emplace(core.term(), node->id);
    Must(it->second == node->id, "two leaders in one term");
    if (fresh) {
      for (Index i = core.first_index(); i <= committed_.size(); ++i) {
        const Committed& each = committed_[i - 1];
        if (each.at >= core.term()) break;
        Must(i <= core.last_index() && core.TermAt(i) == each.entry.term,
             "a leader that lacks a committed entry");
      }
    }
  }
  Must(core.commit() >= node->seen_commit, "a commit index that went back");
  Must(core.commit() <= core.last_index(), "a commit index beyond the log");
}

// What is committed is compared with what was committed there before, by whomever.
void CoreSim::CheckCommit(Node* node) {
  const Core& core = *node->core;
  while (node->seen_commit < core.commit()) {
    const Index index = ++node->seen_commit;
    const Entry& entry = node->log.at(index - core.first_index());
    if (index > committed_.size()) {
      committed_.push_back({entry, core.term()});
      if (entry.type == EntryType::kConfig && !core.ConfigAt(index).joint()) ++configs_left_;
    }
    const Entry& agreed = committed_[index - 1].entry;
    Must(entry.index == index && agreed.term == entry.term && agreed.data == entry.data,
         "two entries committed under one index");
  }
}

}  // namespace skiff::raft
