// Store over one Raft member: proposals in, log entries to disk, committed entries through the state
// machine, results and events out. While one batch is being synced the next gathers: a batch is as large
// as the load makes it, and an idle store adds no wait.
//
// Objects reach their own rows on disk with the next batch (the log is what makes them durable), together
// with the index up to which they are applied; a start replays the log from there.
//
// Threads: as Store; private methods on the loop.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "raft/core.h"
#include "raft/log.h"
#include "store/history.h"
#include "store/state_machine.h"
#include "store/store.h"

namespace skiff::store {

class Replica final : public Store {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<TxnResult>) &&>;

  Replica(const StoreOptions& options, Executor* executor, WorkPool* pool, Logger logger,
          Metrics* metrics);
  ~Replica() override;

  // Loads what is on disk and becomes leader. Before anything else; blocks.
  absl::Status Recover();

  void Close() override;
  void Commit(Txn txn, Done done) override;
  std::shared_ptr<const Snapshot> snapshot() const override { return snapshot_.load(); }
  absl::StatusOr<std::shared_ptr<const Snapshot>> SnapshotAt(uint64_t revision) const override {
    return history_.SnapshotAt(revision);
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(std::string prefix, uint64_t after,
                                                    WatchSink sink) override {
    return history_.StartWatch(std::move(prefix), after, std::move(sink));
  }

 private:
  struct Proposal {
    Txn txn;
    std::string bytes;
    Done done;
  };
  // A write on its way to the disk.
  struct Batch {
    rocksdb::WriteBatch rows;
    raft::Index first = 0;      // The entries in it; 0: none.
    raft::Index last = 0;
    raft::Term term = 0;
    raft::Index compact_to = 0;  // The log begins here afterwards; 0: as before.
    absl::Status result;
  };

  absl::Status LoadObjects(raft::Index* applied);
  absl::Status WriteReady();
  void Flush();
  std::unique_ptr<Batch> MakeBatch(const raft::Ready& ready, raft::Index last_before);
  void OnWritten(std::unique_ptr<Batch> batch);
  void Abandon(const Batch& batch);
  absl::Status ApplyCommitted();
  absl::StatusOr<Txn> TakeTxn(raft::Index index, Done* done);
  void AddRows(const std::vector<Event>& events);
  void CloseOnLoop(absl::AnyInvocable<void() &&> closed);
  void FinishClose();

  const StoreOptions options_;
  Executor* const executor_;
  WorkPool* const pool_;
  const Logger logger_;
  prometheus::Counter& commits_;
  prometheus::Counter& syncs_;
  prometheus::Gauge& revision_gauge_;

  std::unique_ptr<raft::Log> log_;   // Null: in memory.
  std::unique_ptr<raft::Core> core_;
  StateMachine machine_;
  History history_;
  std::atomic<std::shared_ptr<const Snapshot>> snapshot_;

  raft::Index applied_ = 0;
  std::map<raft::Index, Proposal> proposals_;     // Not yet applied, by index.
  std::map<std::string, std::string> rows_;       // Applied, not yet on disk; "": deleted.
  bool writing_ = false;
  absl::AnyInvocable<void() &&> closed_;          // Set while closing.

  absl::Mutex mutex_;
  std::vector<Proposal> inbox_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff::store
