// The recent past: events by revision for watches that resume, and snapshots for lists that go on
// page by page. And who watches: each watcher is brought from where it is to the present, without
// gap or repeat, on the store's loop.
//
// Threads: StartWatch, the returned Watch's destructor and SnapshotAt from any; the rest on the
// loop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "store/state_machine.h"
#include "store/store.h"

namespace skiff::store {

class History {
 public:
  struct Limits {
    int64_t events;
    absl::Duration age;
    int64_t bytes;
  };
  History(Executor* executor, Limits limits);

  // The past begins here: `snapshot` is the present. Watches that were begun before end with
  // kOutOfRange.
  void Begin(std::shared_ptr<const TreeSnapshot> snapshot);
  // Events of newly applied transactions, in order, their size in the log, and the state after
  // them. Once it returns, `snapshot` may be published: whoever sees it can watch from its
  // revision. What history forgets for it, in order.
  struct Forgotten {
    std::vector<Event> events;
    int64_t bytes = 0;
  };
  Forgotten Append(std::vector<Event> events, int64_t bytes,
                   std::shared_ptr<const TreeSnapshot> snapshot);
  // Hands what was appended to its watchers: whoever hears of an event can see it in the published
  // state.
  void Deliver();
  // Ends every watch with `why`.
  void Close(const absl::Status& why);

  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(std::string prefix, uint64_t after,
                                                    WatchSink sink);
  absl::StatusOr<std::shared_ptr<const Snapshot>> SnapshotAt(uint64_t revision) const;

 private:
  // Shared by all watchers of a prefix.
  using Batch = std::shared_ptr<const std::vector<Event>>;
  struct Watcher {
    std::string prefix;
    WatchSink sink;
    Batch backlog;  // From before it was registered, until delivered. Then loop only.
    Mutex mutex;
    bool closed ABSL_GUARDED_BY(mutex) = false;
  };
  using WatcherPtr = std::shared_ptr<Watcher>;
  class Handle;
  // Handles may outlive the history.
  struct Registry {
    Mutex mutex;
    std::map<std::string, std::vector<WatcherPtr>, std::less<>> by_prefix ABSL_GUARDED_BY(mutex);
    // How many prefixes have each length: an event is looked up by these alone, so that its cost
    // does not grow with the number of watchers it does not concern.
    std::map<size_t, int> lengths ABSL_GUARDED_BY(mutex);
  };

  std::vector<std::pair<WatcherPtr, Batch>> Route(const std::vector<Event>& events) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Batch Select(const std::string& prefix, uint64_t after) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  struct Past {
    absl::Duration when;
    int64_t bytes;
    Event event;
  };
  std::deque<Past>::const_iterator After(uint64_t revision) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void DeliverTo(const WatcherPtr& watcher, const Batch& events);
  static void End(const WatcherPtr& watcher, const absl::Status& why);
  Forgotten Trim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<WatcherPtr> TakeWatchers();

  Executor* const executor_;
  const Limits limits_;
  const std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
  std::vector<std::pair<WatcherPtr, Batch>> routed_;  // Appended, not yet delivered. Loop only.

  // Taken before the registry's.
  mutable Mutex mutex_;
  std::deque<Past> events_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::shared_ptr<const TreeSnapshot>> snapshots_ ABSL_GUARDED_BY(mutex_);
  uint64_t floor_ ABSL_GUARDED_BY(mutex_) = 0;  // Events after it are all here.
  std::shared_ptr<const TreeSnapshot> present_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff::store
