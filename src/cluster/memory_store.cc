#include "cluster/memory_store.h"

#include "absl/cleanup/cleanup.h"
#include "base/notification.h"

namespace skiff::cluster {
namespace {

store::History::Limits DefaultLimits() {
  const store::StoreOptions defaults;
  return {defaults.history_events, defaults.history_time, defaults.history_bytes};
}

// Runs it on the loop, or here if the loop has stopped.
void RunOnOrHere(Executor* loop, absl::FunctionRef<void()> task) {
  if (loop->InLoop()) return task();
  bool ran = false;
  Notification over;
  loop->Post([&, notify = absl::MakeCleanup([&over] { over.Notify(); })] {
    task();
    ran = true;
  });
  over.WaitForNotification();
  if (!ran) task();
}

}  // namespace

MemoryStore::MemoryStore(Executor* loop) : loop_(loop), history_(loop, DefaultLimits()) {
  const auto empty = machine_.snapshot();
  snapshot_.store(empty);
  history_.Begin(empty);
}

MemoryStore::~MemoryStore() { Close(); }

void MemoryStore::Barrier(absl::AnyInvocable<void(absl::Status) &&> done) {
  loop_->Post([done = std::move(done)]() mutable { std::move(done)(absl::OkStatus()); });
}

void MemoryStore::OnLeadership(std::function<void(bool leads)> listener) {
  loop_->Post([listener = std::move(listener)] { listener(true); });
}

void MemoryStore::Status(absl::AnyInvocable<void(store::StoreStatus) &&> done) {
  loop_->Post([done = std::move(done), revision = snapshot()->revision()]() mutable {
    store::StoreStatus status;
    status.id = status.leader = 1;
    status.revision = revision;
    std::move(done)(std::move(status));
  });
}

void MemoryStore::ChangeMembers(raft::Config, absl::AnyInvocable<void(absl::Status) &&> done) {
  loop_->Post([done = std::move(done)]() mutable {
    std::move(done)(absl::FailedPreconditionError("a store in memory alone has no other members"));
  });
}

void MemoryStore::TransferLeadership(raft::MemberId,
                                     absl::AnyInvocable<void(absl::Status) &&> done) {
  loop_->Post([done = std::move(done)]() mutable {
    std::move(done)(absl::NotFoundError("a store in memory alone has no other members"));
  });
}

void MemoryStore::Close() {
  std::vector<Proposal> refused;
  {
    MutexLock lock(&mutex_);
    if (std::exchange(closing_, true)) return;
    refused.swap(inbox_);
  }
  const absl::Status why = absl::UnavailableError("the store is closing");
  RunOnOrHere(loop_, [&] {
    *alive_ = false;
    for (Proposal& proposal : refused) std::move(proposal.done)(why);
    history_.Close(why);
  });
}

void MemoryStore::Commit(store::Txn txn,
                         absl::AnyInvocable<void(absl::StatusOr<store::TxnResult>) &&> done) {
  bool refused = false;
  bool wake = false;
  {
    MutexLock lock(&mutex_);
    refused = closing_;
    if (!refused) {
      wake = inbox_.empty();
      inbox_.push_back({std::move(txn), std::move(done)});
    }
  }
  if (refused) return std::move(done)(absl::UnavailableError("the store is closing"));
  if (!wake) return;
  loop_->Post([this, alive = alive_] {
    if (*alive) Flush();
  });
}

void MemoryStore::Flush() {
  std::vector<Proposal> taken;
  {
    MutexLock lock(&mutex_);
    taken.swap(inbox_);
  }
  std::vector<store::Event> events;
  std::vector<store::TxnResult> results;
  for (Proposal& proposal : taken) {
    results.push_back(machine_.Apply(std::move(proposal.txn), &events));
  }
  if (!events.empty()) {
    const auto now = machine_.snapshot();
    history_.Append(std::move(events), /*bytes=*/0, now);
    snapshot_.store(now);
    history_.Deliver();
  }
  for (size_t i = 0; i < taken.size(); ++i) std::move(taken[i].done)(std::move(results[i]));
}

absl::StatusOr<std::shared_ptr<const store::Snapshot>> MemoryStore::SnapshotAt(
    uint64_t revision) const {
  return history_.SnapshotAt(revision);
}

absl::StatusOr<std::unique_ptr<store::Watch>> MemoryStore::StartWatch(std::string prefix,
                                                                      uint64_t after,
                                                                      store::WatchSink sink) {
  return history_.StartWatch(std::move(prefix), after, std::move(sink));
}

void MemoryStore::Restore(const std::shared_ptr<const store::TreeSnapshot>& saved) {
  RunOnOrHere(loop_, [&] {
    Flush();  // What was asked for before belongs to what is left behind.
    machine_.Restore(saved->tree(), saved->revision());
    snapshot_.store(saved);
    history_.Begin(saved);
  });
}

}  // namespace skiff::cluster
