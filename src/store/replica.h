// Store as one member of a Raft cluster, often the only one: proposals in, log entries to disk and
// to the other members, committed entries through the state machine, results and events out. While
// one batch is being synced the next gathers: a batch is as large as the load makes it, and an idle
// store adds no wait.
//
// On disk are the state at a checkpoint, as rows, and the log since. The checkpoint follows at the
// distance of history: what watches may resume over is what the log holds, and a start that replays
// the log over the rows has its history again.
//
// A member that does not lead gives its proposals to the one that does, and answers them when they
// come back to it in the log.
//
// Threads: as Store; private methods on the loop.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/shared_slot.h"
#include "raft/core.h"
#include "store/asks.h"
#include "store/barriers.h"
#include "store/disk_writer.h"
#include "store/history.h"
#include "store/proposals.h"
#include "store/snapshot_stream.h"
#include "store/state_machine.h"
#include "store/store.h"

namespace skiff::store {

class Replica final : public Store {
 public:
  Replica(StoreOptions options, Executor* executor, WorkPool* pool, Logger logger,
          Metrics* metrics);
  ~Replica() override;

  // Loads what is on disk; the only member becomes leader. Before anything else; blocks.
  absl::Status Recover();

  void Close() override;
  void Commit(Txn txn, CommitDone done) override;
  std::shared_ptr<const Snapshot> snapshot() const override { return snapshot_.load(); }
  absl::StatusOr<std::shared_ptr<const Snapshot>> SnapshotAt(uint64_t revision) const override {
    return history_.SnapshotAt(revision);
  }
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(std::string prefix, uint64_t after,
                                                    WatchSink sink) override {
    return history_.StartWatch(std::move(prefix), after, std::move(sink));
  }
  void Barrier(absl::AnyInvocable<void(absl::Status) &&> done) override;
  void Restore(const std::shared_ptr<const Snapshot>& saved) override;
  bool alone() const override { return alone_; }
  void OnLeadership(std::function<void(bool leads)> listener) override;
  void Status(absl::AnyInvocable<void(StoreStatus) &&> done) override;
  void ChangeMembers(MemberChange change, absl::AnyInvocable<void(absl::Status) &&> done) override;
  void TransferLeadership(raft::MemberId to,
                          absl::AnyInvocable<void(absl::Status) &&> done) override;

 private:
  using Rows = std::map<std::string, api::ObjectPtr>;  // Null: deleted.
  // One write to the log. The loop gathers it; then it is the writer's until it is written.
  struct Batch {
    raft::DiskWrite write;
    std::vector<raft::Message> after_write;
    bool empty() const { return !write.hard_state && write.append.empty(); }
  };
  struct PendingCheckpoint {
    raft::Checkpoint checkpoint;
    Rows rows;
    int64_t bytes = 0;
  };
  using Answers = std::vector<std::pair<CommitDone, TxnResult>>;

  // Start.
  absl::Status LoadState(raft::Persistent* persistent);
  absl::Status Begin(raft::Persistent persistent);

  // The turn of the loop: from what came in to what goes out.
  void Post(Executor::Task task);
  void PumpSoon();
  void Pump();
  bool Gathers() const;
  bool Full() const;
  absl::Status WhyFull() const;
  void TakeInbox();
  void Give();
  void Propose(const std::vector<Proposal*>& proposals);
  void Forward(const std::vector<Proposal*>& proposals);
  void TakeReady();
  void Gather(raft::Ready ready);
  void NoteConfig();
  void NoteLeadership();

  // The disk (replica_disk.cc).
  void StartWrite();
  void RunWrite(const std::shared_ptr<Batch>& batch);
  void StartCheckpoint();
  void OnCheckpoint(const std::shared_ptr<PendingCheckpoint>& pending, const absl::Status& result);
  void OnWritten(const std::shared_ptr<Batch>& batch, absl::Status result);
  void OnWriteFailed(const std::shared_ptr<Batch>& batch);
  void Abandon(Batch* batch);
  void RefuseEntries(const std::vector<raft::Entry>& entries);
  void Pause(bool* paused, Executor::Task then);
  void DropWindowFrom(raft::Index first);
  void TrimWindow();

  // The state.
  absl::Status ApplyCommitted();
  absl::Status ApplyUpTo(raft::Index last);
  absl::Status Apply(const raft::Entry& entry, Answers* answers);
  absl::Status ForEachEntry(raft::Index from, raft::Index to,
                            absl::FunctionRef<absl::Status(const raft::Entry&)> visit) const;
  void Publish();
  void MeasureDisk();

  // Other members (replica_members.cc).
  bool OnlyVoter() const;  // By the configuration in force; another may lead it still.
  uint32_t newest_version() const;
  bool solo() const;  // It leads, and there is nobody else.
  void StartTicking();
  void ScheduleTick();
  void CatchUpTicks();
  void ExpireWaits();
  void OnMessage(raft::Message message);
  void SendAll(std::vector<raft::Message> messages);
  void OnPropose(const raft::Message& message);
  void Put(Ask ask, absl::AnyInvocable<void(absl::Status) &&> done);
  void StepAsks();
  void AnswerAsks();
  void SendOne(raft::Message message);
  absl::Status Unanswered() const;
  void StartSnapshot(raft::MemberId to, raft::Index at_least);
  void PumpSnapshot(raft::MemberId to);
  void TickSnapshots();
  void EndSnapshot(raft::MemberId to, bool arrived);
  void OnSnapshotAck(const raft::Message& message);
  void NoteVersion();
  void RaiseVersion();
  void TellMembers();
  void OnMembers(const raft::Message& message);
  void NoteStanding();
  std::string OwnName() const;
  void Expel(const std::string& why);
  void RefuseIfExpelled();
  void AnswerStranger(raft::MemberId stranger, const raft::Config& known);
  bool IsMember(raft::MemberId id) const;  // By what is applied, or in force.
  void NoteMembership();
  void OnRemoved(raft::Index as_of);
  void ExpelRemoved();
  void TakeChunk();
  void OnStaged(const absl::Status& staged);
  void InstallWhenQuiet();
  void Install(uint64_t revision);
  void OnInstalled(uint64_t revision);
  void AckSnapshot(raft::Index index, bool done);
  absl::Duration Now() const { return executor_->clock().Monotonic(); }
  absl::Status NoAnswer() const;
  static absl::Status Unknown();
  static absl::Status Closing();

  void CloseOnLoop();

  StoreOptions options_;
  Executor* const executor_;
  const Logger logger_;
  prometheus::Counter& commits_;
  prometheus::Counter& syncs_;
  prometheus::Counter& synced_entries_;
  prometheus::Gauge& revision_gauge_;
  prometheus::Gauge& objects_gauge_;
  prometheus::Gauge& version_gauge_;
  prometheus::Gauge& log_gauge_;
  prometheus::Gauge& disk_gauge_;

  std::unique_ptr<raft::Storage> storage_;  // Null: in memory.
  std::unique_ptr<raft::Core> core_;
  raft::Transport* transport_ = nullptr;
  DiskWriter writer_;        // Of the log, and of what other members send.
  DiskWriter checkpointer_;  // Beside it.
  StateMachine machine_;
  History history_;
  SharedSlot<Snapshot> snapshot_;

  absl::Status expelled_;  // Why it takes part no more.
  raft::Index applied_ = 0;
  raft::Term applied_term_ = 0;
  absl::Status unapplied_;          // Why the next entry could not be applied.
  int64_t applied_bytes_ = 0;       // Of entries applied since history last heard.
  std::vector<Event> events_;       // The same.
  std::deque<raft::Entry> window_;  // The end of the log.
  size_t window_bytes_ = 0;
  Batch next_;                 // Gathers.
  raft::Index disk_tail_ = 0;  // The disk may hold entries up to this one...
  raft::Index written_ = 0;    // ...and holds those up to this one.
  bool retrying_ = false;      // A write that failed waits to be tried again...
  bool later_ = false;         // ...and so does a checkpoint.
  absl::Status disk_;          // How the last write went...
  absl::Status checkpointed_;  // ...and the last checkpoint.
  absl::Duration measured_;    // When it was last seen what the disk takes.
  Rows rows_;                  // Forgotten by history since the checkpoint: its next rows.
  int64_t rows_bytes_ = 0;
  uint64_t history_floor_ = 0;                          // The revision of those rows.
  std::deque<std::pair<uint64_t, raft::Index>> marks_;  // Of entries in history: revision, index.

  const uint64_t life_;
  // Bytes that wait. With so many of either writes are refused; below it one goes, however large.
  static constexpr int64_t kMaxWaiting = 64 << 20;
  // Of this member's writes that are not answered...
  std::atomic<int64_t> unanswered_ = 0;
  // ...and of entries in window_ that are not applied, whoever proposed them.
  std::atomic<int64_t> unapplied_bytes_ = 0;
  Proposals proposals_;
  Given given_;
  raft::Term given_term_ = 0;
  Barriers barriers_;
  Asks asks_;
  std::map<raft::MemberId, SnapshotSender> senders_;
  SnapshotReceiver receiver_;
  std::deque<raft::Message> chunks_;  // For the receiver, in the order they came.
  raft::MemberId sender_ = 0;         // Of the last one.
  bool staging_ = false;
  bool installing_ = false;
  std::map<raft::MemberId, std::string> peers_;  // As the transport knows them.
  std::map<raft::MemberId, std::string> told_;   // Notes of members, as others say.
  // A leader's: of those that do not know yet that they are members no more.
  std::map<raft::MemberId, std::string> removed_;
  bool member_ = false;     // By what is applied.
  bool no_member_ = false;  // As a leader says.
  absl::Duration last_tick_;
  uint64_t ticks_ = 0;
  bool leads_ = false;
  std::function<void(bool)> leadership_;
  bool ticking_ = false;
  bool closed_ = false;
  std::atomic<bool> alone_ = false;
  // That entries are proposed in: of the log as far as it is committed, so that whoever leads from
  // now on has what says that it may hold them.
  std::atomic<uint32_t> version_ = raft::kOldestVersion;
  // Tasks on the loop check it: they may run after this object is gone.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  Mutex mutex_;
  std::vector<Proposal> inbox_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_number_ ABSL_GUARDED_BY(mutex_) = 1;
  bool pump_posted_ ABSL_GUARDED_BY(mutex_) = false;
  bool gathering_ ABSL_GUARDED_BY(mutex_) = false;  // The write under way pumps when it is done.
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff::store
