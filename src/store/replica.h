// Store over one Raft member: proposals in, log entries to disk, committed entries through the
// state machine, results and events out. While one batch is being synced the next gathers: a batch
// is as large as the load makes it, and an idle store adds no wait.
//
// Objects reach their own rows on disk with the next batch (the log is what makes them durable),
// together with the index up to which they are applied; a start replays the log from there.
//
// Threads: as Store; private methods on the loop.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/notification.h"
#include "base/shared_slot.h"
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
  using Rows = std::map<std::string, api::ObjectPtr>;  // Null: deleted.
  // A write on its way to the disk. The loop makes it, the writer reads it and sets `result`.
  struct Batch {
    raft::Ready ready;
    raft::Index tail = 0;  // The disk may hold entries up to this one.
    Rows rows;
    raft::Index applied = 0;  // With `rows`, and at this revision.
    uint64_t revision = 0;
    raft::Index compact_to = 0;  // The log begins here afterwards; 0: as before.
    raft::Term before_compact_term = 0;
    absl::Status result;
    Notification written;

    raft::Index first() const { return ready.append.front().index; }
    raft::Index last() const { return ready.append.back().index; }
  };

  absl::Status LoadObjects(raft::Index* applied);
  absl::Status WriteReady();
  void Flush();
  std::shared_ptr<Batch> MakeBatch(raft::Ready ready, raft::Index last_before);
  absl::Status WriteBatch(const Batch& batch) const;  // On the writer's thread.
  void OnWritten();
  void Abandon(Batch* batch);
  absl::Status ApplyCommitted();
  absl::StatusOr<Txn> TakeTxn(raft::Index index, Done* done);
  void CloseOnLoop();

  const StoreOptions options_;
  Executor* const executor_;
  WorkPool* const pool_;
  const Logger logger_;
  prometheus::Counter& commits_;
  prometheus::Counter& syncs_;
  prometheus::Counter& synced_entries_;
  prometheus::Gauge& revision_gauge_;
  prometheus::Gauge& objects_gauge_;

  std::unique_ptr<raft::Log> log_;  // Null: in memory.
  std::unique_ptr<raft::Core> core_;
  StateMachine machine_;
  History history_;
  SharedSlot<Snapshot> snapshot_;

  raft::Index applied_ = 0;
  std::map<raft::Index, Proposal> proposals_;  // Not yet applied, by index.
  Rows rows_;                                  // Applied, not yet on disk.
  std::shared_ptr<Batch> in_flight_;           // At the writer.
  raft::Index abandoned_to_ =
      0;                    // Up to here the disk may hold entries that were given up; 0: none.
  uint64_t log_bytes_ = 0;  // Appended since the log was cut.
  bool closed_ = false;
  // Tasks on the loop check it: they may run after this object is gone.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  Mutex mutex_;
  std::vector<Proposal> inbox_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff::store
