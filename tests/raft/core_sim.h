// Cores on a network that delays, loses, repeats and reorders messages and is cut one way or both,
// on disks that are slow and lose what was not synced, in processes that crash and pause, with
// clocks that drift. Time is simulated; one seed decides everything. What Raft promises is checked
// after each step.
#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "raft/core.h"

namespace skiff::raft {

struct CoreSimOptions {
  int voters = 3;
  int spares = 2;  // Run, but take no part at first.
  uint64_t seed = 1;
  bool membership = true;
  // Messages that may leave after a write leave at once when their Ready has none of its own.
  bool hasty_shell = false;
};

class CoreSim {
 public:
  explicit CoreSim(const CoreSimOptions& options);

  void RunWithFaults(uint64_t ticks);
  // Ends all faults; the ticks until everybody agrees on one more entry. More than `limit`: never.
  uint64_t Heal(uint64_t limit);

  size_t committed() const { return committed_.size(); }
  uint64_t reads_served() const { return reads_served_; }
  uint64_t states_restored() const { return states_restored_; }
  uint64_t configs_left() const { return configs_left_; }
  size_t unanswered_reads() const { return reads_.size(); }
  // Of everything that happened, in order.
  uint64_t trace() const { return trace_; }
  std::string Describe() const;

 private:
  struct Write {
    std::optional<HardState> hard_state;
    std::vector<Entry> append;
    std::vector<Message> after;
    std::optional<Checkpoint> compact;
    std::optional<Checkpoint> install;
  };
  struct Disk {
    HardState hard_state;
    Checkpoint checkpoint;
    std::vector<Entry> log;
    void Apply(const Write& write);
  };
  struct Node {
    MemberId id = 0;
    std::optional<Core> core;
    int life = 0;  // Counts starts: what was meant for an earlier one is dropped.
    Disk disk;
    std::vector<Entry> log;  // As the core has it, from its first index on.
    std::deque<Write> writes;
    bool disk_busy = false;
    bool slow_disk = false;
    bool installing = false;
    std::optional<Checkpoint> arrived;  // A state that waits for the disk.
    uint64_t tick_period = 0;
    bool paused = false;
    int owed_ticks = 0;
    std::vector<std::function<void()>> deferred;
    Index seen_commit = 0;
    Config seen_config;
  };
  struct Committed {
    Entry entry;
    Term at;  // In which term.
  };
  struct Read {
    MemberId node;
    Index floor;  // What was committed anywhere when it was asked.
  };

  uint64_t Below(uint64_t bound) { return rng_.Below(bound); }
  bool Chance(uint64_t percent) { return Below(100) < percent; }
  void After(uint64_t delay, std::function<void()> event);
  void RunFor(uint64_t ticks);
  // Something happens to a process of now: later if it is paused, never if it dies.
  void OnNode(Node* node, std::function<void()> event);
  Node* RandomNode();
  void Must(bool ok, const char* what) const;
  // `event` every `period` units of time, while there are faults.
  void Repeat(uint64_t period, std::function<void()> event);

  void Start(Node* node);
  void Crash(Node* node);
  void TickLater(Node* node);
  void Pause(Node* node);
  void Resume(Node* node);
  void Settle(Node* node);
  void Handle(Node* node, Ready ready);
  void Sync(Node* node);
  void Synced(Node* node, size_t writes);
  void Send(Node* node, Message message);
  void StreamState(Node* node, const Message& message);
  void TryRestore(Node* node);
  void Check(Node* node);
  void CheckCommit(Node* node);

  void RandomFault();
  void Isolate(Node* node);
  void DeposeLeader();
  void RandomRequest();
  void ChangeMembers(Node* leader);
  void Compact(Node* node);
  bool Converged(Index beyond);

  CoreSimOptions options_;
  Rng rng_;
  bool faults_ = true;
  uint64_t now_ = 0;
  uint64_t sequence_ = 0;
  std::map<std::pair<uint64_t, uint64_t>, std::function<void()>> events_;
  std::map<MemberId, Node> nodes_;
  std::set<std::pair<MemberId, MemberId>> cut_;

  std::map<Term, MemberId> leaders_;
  std::map<std::pair<Index, Term>, std::pair<Term, std::string>> entries_;
  std::vector<Committed> committed_;
  std::map<uint64_t, Read> reads_;
  uint64_t next_read_ = 0;
  uint64_t proposed_ = 0;
  uint64_t reads_served_ = 0;
  uint64_t states_restored_ = 0;
  uint64_t configs_left_ = 0;
  uint64_t trace_ = 0;
};

}  // namespace skiff::raft
