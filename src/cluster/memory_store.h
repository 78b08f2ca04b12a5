// A store in memory that can be put back to an earlier state: what test harnesses save and restore.
// One member, no log; otherwise as store::Store.
//
// Threads: as store::Store.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/shared_slot.h"
#include "store/history.h"
#include "store/state_machine.h"
#include "store/store.h"

namespace skiff::cluster {

class MemoryStore final : public store::Store {
 public:
  explicit MemoryStore(Executor* loop);
  ~MemoryStore() override;

  void Close() override;
  void Commit(store::Txn txn,
              absl::AnyInvocable<void(absl::StatusOr<store::TxnResult>) &&> done) override;
  std::shared_ptr<const store::Snapshot> snapshot() const override { return snapshot_.load(); }
  void Barrier(absl::AnyInvocable<void(absl::Status) &&> done) override;
  bool alone() const override { return true; }
  void OnLeadership(std::function<void(bool leads)> listener) override;
  void Status(absl::AnyInvocable<void(store::StoreStatus) &&> done) override;
  void ChangeMembers(raft::Config target, absl::AnyInvocable<void(absl::Status) &&> done) override;
  void TransferLeadership(raft::MemberId to,
                          absl::AnyInvocable<void(absl::Status) &&> done) override;
  absl::StatusOr<std::shared_ptr<const store::Snapshot>> SnapshotAt(
      uint64_t revision) const override;
  absl::StatusOr<std::unique_ptr<store::Watch>> StartWatch(std::string prefix, uint64_t after,
                                                           store::WatchSink sink) override;

  // The present, to come back to; shares its objects.
  std::shared_ptr<const store::TreeSnapshot> Save() const { return snapshot_.load(); }
  // Back to `saved`: history begins there, and every watch ends with kOutOfRange. Blocks on the
  // loop.
  void Restore(const std::shared_ptr<const store::TreeSnapshot>& saved);

 private:
  struct Proposal {
    store::Txn txn;
    absl::AnyInvocable<void(absl::StatusOr<store::TxnResult>) &&> done;
  };
  void Flush();

  Executor* const loop_;
  store::StateMachine machine_;  // The loop's.
  store::History history_;
  SharedSlot<store::TreeSnapshot> snapshot_;
  mutable Mutex mutex_;
  std::vector<Proposal> inbox_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // The loop's.
};

}  // namespace skiff::cluster
