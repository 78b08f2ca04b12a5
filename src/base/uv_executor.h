// Executor on a libuv loop with a thread of its own.
//
// Threads: the constructor and destructor belong to the owner's thread (never the loop's). Start
// and Stop likewise. uv_loop() may be touched on the loop thread only.
#pragma once

#include <uv.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "base/executor.h"
#include "base/mutex.h"

namespace skiff {

class UvExecutor final : public Executor {
 public:
  // Starts the thread. `name` (at most 15 characters) is what `ps -T` shows.
  explicit UvExecutor(std::string name);
  // Stops.
  ~UvExecutor() override;

  // Runs what was posted so far, drops pending timers, closes handles that the loop's users left
  // open, and joins the thread. Later posts are destroyed without running. Idempotent.
  void Stop();

  void Post(Task task) override;
  TimerId PostAfter(absl::Duration delay, Task task) override;
  void Cancel(TimerId timer) override;
  bool InLoop() const override;
  const Clock& clock() const override { return clock_; }
  Rng& rng() override { return rng_; }

  uv_loop_t* uv_loop() { return &loop_; }

 private:
  void Run();
  void Wake();
  void Drain();
  void ArmTimer();
  void FireTimers();

  const std::string name_;
  SystemClock clock_;
  Rng rng_;
  uv_loop_t loop_;
  uv_async_t wake_;
  uv_idle_t again_;  // Active: there are tasks for the next turn.
  uv_timer_t timer_;
  bool stopping_ = false;  // loop thread only
  std::thread thread_;

  Mutex mutex_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool awake_ ABSL_GUARDED_BY(mutex_) = false;  // The loop looks at tasks_ again by itself.
  std::map<std::pair<absl::Duration, TimerId>, Task> timers_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<TimerId, absl::Duration> deadlines_ ABSL_GUARDED_BY(mutex_);
  TimerId next_timer_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// A fixed number of threads that take work in order.
class ThreadPool final : public WorkPool {
 public:
  explicit ThreadPool(int threads);
  // Finishes the work that was given, then joins.
  ~ThreadPool() override;
  void Run(Executor::Task work) override;

 private:
  void Loop();
  Mutex mutex_;
  CondVar changed_;
  std::vector<Executor::Task> queue_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace skiff
