// A store whose writes fail or take long, on purpose.
//
// Threads: any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "store/store.h"

namespace skiff::cluster {

// Empty means any. In names, * stands for any number of characters.
struct WriteRule {
  int left = 1;      // How many writes it still fails.
  std::string verb;  // "create", "update" or "delete", as the store sees it.
  const api::ResourceInfo* resource = nullptr;
  std::string name_space;
  std::string name;
  // Of the object whose write fails.
  std::function<absl::Status(const api::ResourceInfo& resource, absl::string_view name)> error;
};

struct StoreFaults {
  std::vector<WriteRule> rules;
  absl::Duration delay;  // Of each write.
  bool full = false;     // There is no room for any.
};

// What goes wrong now: of one store, or of all members' of a control plane, for a write passes one
// of them.
class WriteFaults {
 public:
  StoreFaults Get() const;
  void Set(StoreFaults faults);
  bool armed() const { return armed_; }  // There are some.
  // The error with which `txn` is to fail, and how long it takes more.
  absl::Status Fail(const store::Txn& txn, absl::Duration* delay);

 private:
  std::atomic<bool> armed_ = false;
  mutable Mutex mutex_;
  StoreFaults faults_ ABSL_GUARDED_BY(mutex_);
};

class FaultyStore final : public store::Store {
 public:
  // `loop` is the store's and outlives it, as `faults` does.
  FaultyStore(std::unique_ptr<store::Store> inner, Executor* loop, WriteFaults* faults)
      : inner_(std::move(inner)), loop_(loop), faults_(faults) {}

  void Close() override { inner_->Close(); }
  // From now on it counts the writes that are not answered yet. Before the first.
  void CountWrites() { counts_ = true; }
  int under_way() const { return *under_way_; }
  // Ends the wait of writes that a slow disk holds up. `why` is OK: they are done now; else that is
  // their answer, and the disk is slow no more.
  void EndDelays(const absl::Status& why);
  void Commit(store::Txn txn,
              absl::AnyInvocable<void(absl::StatusOr<store::TxnResult>) &&> done) override;
  std::shared_ptr<const store::Snapshot> snapshot() const override { return inner_->snapshot(); }
  void Barrier(absl::AnyInvocable<void(absl::Status) &&> done) override {
    inner_->Barrier(std::move(done));
  }
  bool alone() const override { return inner_->alone(); }
  void OnLeadership(std::function<void(bool leads)> listener) override {
    inner_->OnLeadership(std::move(listener));
  }
  void Status(absl::AnyInvocable<void(store::StoreStatus) &&> done) override {
    inner_->Status(std::move(done));
  }
  void ChangeMembers(store::MemberChange change,
                     absl::AnyInvocable<void(absl::Status) &&> done) override {
    inner_->ChangeMembers(std::move(change), std::move(done));
  }
  void TransferLeadership(raft::MemberId to,
                          absl::AnyInvocable<void(absl::Status) &&> done) override {
    inner_->TransferLeadership(to, std::move(done));
  }
  void Restore(const std::shared_ptr<const store::Snapshot>& saved) override {
    inner_->Restore(saved);
  }
  absl::StatusOr<std::shared_ptr<const store::Snapshot>> SnapshotAt(
      uint64_t revision) const override {
    return inner_->SnapshotAt(revision);
  }
  absl::StatusOr<std::unique_ptr<store::Watch>> StartWatch(std::string prefix, uint64_t after,
                                                           store::WatchSink sink) override {
    return inner_->StartWatch(std::move(prefix), after, std::move(sink));
  }

 private:
  using Done = absl::AnyInvocable<void(absl::StatusOr<store::TxnResult>) &&>;

  struct Late;
  void Do(Late* late);

  const std::unique_ptr<store::Store> inner_;
  Executor* const loop_;
  WriteFaults* const faults_;
  bool counts_ = false;
  const std::shared_ptr<std::atomic<int>> under_way_ = std::make_shared<std::atomic<int>>(0);
  Mutex mutex_;  // Held while a write becomes a late one.
  std::vector<std::weak_ptr<Late>> late_ ABSL_GUARDED_BY(mutex_);
};

// Whether `name` is what `pattern` says.
bool MatchesPattern(absl::string_view pattern, absl::string_view name);

}  // namespace skiff::cluster
