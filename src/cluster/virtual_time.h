// Virtual time: every loop of a cluster on one Simulation, which a thread of its own drives. What
// comes from other threads is posted in, one piece after the other, and with each everything runs
// that is due then; so the same calls, made one after the other, give the same history. Time stands
// still but in Advance.
//
// Threads: any but the driver's, where it does not say otherwise.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/sim_executor.h"
#include "cluster/loops.h"

namespace skiff::cluster {

class VirtualTime final : public Loops {
 public:
  // `permute`: what is due at one instant runs in an order of the seed's. `paced`: time does not
  // stand still, but passes as the machine's does.
  VirtualTime(uint64_t seed, bool permute, bool paced = false);
  ~VirtualTime() override;

  // The loops may be used from any thread; PostAfter from others than the driver's returns no
  // timer that could be cancelled.
  std::unique_ptr<Loop> New(const std::string& name) override;
  WorkPool* pool() override { return &sim_.pool(); }
  const Clock& clock() const override { return sim_.clock(); }
  Rng NewRng() override;

  // Runs `task` on the driver, and then everything that is due. Blocks until that is done.
  void Run(absl::FunctionRef<void()> task);

  // What an idle cluster does only to show that it is alive, and may be passed over.
  struct Heartbeats {
    absl::Duration period;
    // Of healthy members, at this moment. On the driver.
    std::function<std::set<Executor::TimerId>()> timers;
    // Time was passed over. On the driver.
    std::function<void(absl::Duration)> skipped;
  };
  void SetHeartbeats(Heartbeats heartbeats);
  bool paced() const { return paced_; }
  // If it is not paced, lets time pass. Stretches in which nothing would happen but heartbeats are
  // passed over. False: what is due at one instant goes on without end, and keeps time from
  // passing.
  bool Advance(absl::Duration duration);
  // Whether that is so now. Any thread.
  bool stuck() const { return stuck_; }
  // What calls `done`; time passes until it is called, or dropped. On the driver.
  template <typename T>
  absl::AnyInvocable<void(absl::StatusOr<T>) &&> Passing(
      absl::AnyInvocable<void(absl::StatusOr<T>) &&> done) {
    auto over = std::make_shared<std::atomic<bool>>(false);
    PassUntil(over);  // Once this task is over.
    return [done = std::move(done),
            mark = absl::MakeCleanup([over] { *over = true; })](absl::StatusOr<T> result) mutable {
      std::move(done)(std::move(result));
      std::move(mark).Invoke();
    };
  }
  // Ends what Advance is at, and every later one.
  void Interrupt() { interrupted_ = true; }

  // Whether this thread is the driver of one.
  static bool OnDriver();
  // In a task of a loop, which waits for what other tasks have to do first: runs those that are due
  // until `over`. Where that takes time, it passes as well.
  static void PumpUntil(absl::FunctionRef<bool()> over);

  // For tasks of Run only.
  Simulation& sim() { return sim_; }

 private:
  class VirtualLoop;
  void Drain();
  void KeepPace();
  void WakeForNext();
  bool Stride(absl::Duration end);
  bool RunDue();
  void PassUntil(std::shared_ptr<const std::atomic<bool>> over);
  void Pass(std::shared_ptr<const std::atomic<bool>> over, absl::Duration end);

  const bool paced_;
  absl::Duration begun_;           // On the machine's clock.
  Executor::TimerId wake_up_ = 0;  // For what is due next, if it is paced.
  Simulation sim_;
  Heartbeats heartbeats_;
  int64_t tasks_ = 0;  // That have run at this instant, one after the other.
  absl::Duration stuck_at_ = absl::InfiniteDuration();
  std::atomic<bool> stuck_ = false;
  std::atomic<bool> drain_posted_ = false;
  std::atomic<bool> interrupted_ = false;
  UvExecutor driver_;  // Stopped before the simulation goes.
};

}  // namespace skiff::cluster
