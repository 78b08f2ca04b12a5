// The recent past: events by revision for watches that resume, and snapshots for lists that go on page
// by page. And who watches: each watcher is brought from where it is to the present, without gap or
// repeat, on the store's loop.
//
// Threads: StartWatch, the returned Watch's destructor and SnapshotAt from any; the rest on the loop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "store/store.h"

namespace skiff::store {

class History {
 public:
  History(Executor* executor, int64_t max_events, absl::Duration max_age);

  // The past begins here: `snapshot` is the present.
  void Begin(std::shared_ptr<const Snapshot> snapshot);
  // Events of newly applied transactions, in order, and the state after them. Delivers.
  void Append(std::vector<Event> events, std::shared_ptr<const Snapshot> snapshot);
  // Ends every watch with `why`.
  void Close(absl::Status why);

  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(std::string prefix, uint64_t after,
                                                    WatchSink sink);
  absl::StatusOr<std::shared_ptr<const Snapshot>> SnapshotAt(uint64_t revision) const;

 private:
  struct Watcher {
    std::string prefix;
    WatchSink sink;
    uint64_t position = 0;  // Everything up to this revision was delivered. Loop only.
    absl::Mutex mutex;
    bool closed ABSL_GUARDED_BY(mutex) = false;  // By its handle.
  };
  class Handle;
  struct Registry {
    absl::Mutex mutex;
    std::multimap<std::string, std::shared_ptr<Watcher>> by_resource ABSL_GUARDED_BY(mutex);
  };
  // Events of one round for one prefix, made once for all watchers that want them.
  using Round = std::map<std::string, std::shared_ptr<const std::vector<Event>>>;

  static std::string ResourcePrefix(const std::string& prefix);
  void Pump(const std::shared_ptr<Watcher>& watcher, Round* round);
  std::shared_ptr<const std::vector<Event>> Select(const std::string& prefix, uint64_t after) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Trim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Executor* const executor_;
  const int64_t max_events_;
  const absl::Duration max_age_;
  const std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
  // Tasks on the loop check it: they may run after this object is gone.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  mutable absl::Mutex mutex_;
  std::deque<std::pair<absl::Duration, Event>> events_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::shared_ptr<const Snapshot>> snapshots_ ABSL_GUARDED_BY(mutex_);
  uint64_t floor_ ABSL_GUARDED_BY(mutex_) = 0;    // Events after it are all here.
  uint64_t present_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff::store
