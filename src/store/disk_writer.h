// Blocking jobs for the disk, one after the other, away from the loop; how each went is told on it.
//
// Threads: the loop; jobs run on a thread of the pool.
#pragma once

#include <deque>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/executor.h"
#include "base/notification.h"

namespace skiff::store {

class DiskWriter {
 public:
  using Job = absl::AnyInvocable<absl::Status()>;
  using Done = absl::AnyInvocable<void(absl::Status) &&>;

  DiskWriter(Executor* executor, WorkPool* pool) : executor_(executor), pool_(pool) {}
  // Off the loop only after Finish.
  ~DiskWriter() {
    if (*alive_) *alive_ = false;
  }

  // `delay`: how much longer than it takes the job shall seem to take (a simulated disk's); its
  // effect comes about half-way.
  void Run(Job job, Done done, absl::Duration delay = absl::ZeroDuration());
  bool idle() const { return queue_.empty(); }
  // Waits until every job has run, and tells how they went, from within the call. The last one.
  void Finish();

 private:
  struct Task {
    Job job;
    Done done;
    absl::Duration delay;
    absl::Status result;
    bool started = false;
    Notification ran;
  };

  void Start();
  void Execute(const std::shared_ptr<Task>& task);
  void Complete(const std::shared_ptr<Task>& task);

  Executor* const executor_;
  WorkPool* const pool_;
  std::deque<std::shared_ptr<Task>> queue_;  // The first is under way.
  // Tasks on the loop check it: they may run after this object is gone.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiff::store
