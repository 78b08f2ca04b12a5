// A single-threaded event loop: the only way code in Skiff runs later or elsewhere. Production
// loops run on libuv (uv_executor.h); simulations run every loop of a cluster on one deterministic
// queue (sim_executor.h). State belongs to one loop; loops meet by posting tasks.
//
//   executor->PostAfter(absl::Seconds(10), [this] { RenewLease(); });
#pragma once

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/rng.h"

namespace skiff {

class Executor {
 public:
  using Task = absl::AnyInvocable<void() &&>;
  using TimerId = uint64_t;  // 0 is no timer.

  virtual ~Executor() = default;

  // Runs `task` on the loop, after everything posted before it. Any thread. A task posted to a loop
  // that has stopped is destroyed without running.
  virtual void Post(Task task) = 0;

  // Runs `task` on the loop once `delay` has passed (at once, but not inline, if it is not
  // positive). Any thread.
  virtual TimerId PostAfter(absl::Duration delay, Task task) = 0;

  // Drops a timer that has not fired. On the loop, nothing of it runs after this returns; from
  // another thread it may be running. Unknown and fired ids are ignored.
  virtual void Cancel(TimerId timer) = 0;

  // Whether the calling thread is this loop's.
  virtual bool InLoop() const = 0;

  virtual const Clock& clock() const = 0;

  // Loop thread only.
  virtual Rng& rng() = 0;
};

// Runs blocking work (kernel calls, files) away from the loops.
class WorkPool {
 public:
  virtual ~WorkPool() = default;
  // Runs `work` on some pool thread; to answer, it posts to a loop. Any thread. The simulated pool
  // runs it inline.
  virtual void Run(Executor::Task work) = 0;
};

}  // namespace skiff
