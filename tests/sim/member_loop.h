// The loop of one simulated machine: its clock runs at a rate of its own and its wall clock jumps;
// the process may be stopped for a while, as by SIGSTOP.
//
// Threads: the simulation's.
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "base/sim_executor.h"

namespace skiff::sim {

// Outlives the processes on it.
class HostClock final : public Clock {
 public:
  explicit HostClock(const Clock* time) : time_(time), since_(time->Monotonic()) {}
  absl::Time Now() const override { return time_->Now() + skew_; }
  absl::Duration Monotonic() const override {
    return passed_ + (time_->Monotonic() - since_) * rate_;
  }
  void Jump(absl::Duration by) { skew_ += by; }
  void SetRate(double rate) {
    passed_ = Monotonic();
    since_ = time_->Monotonic();
    rate_ = rate;
  }
  // Of true time, until this clock has gone on by `local`.
  absl::Duration TrueTime(absl::Duration local) const { return local / rate_; }

 private:
  const Clock* const time_;
  absl::Duration since_;
  absl::Duration passed_;
  absl::Duration skew_;
  double rate_ = 1;
};

class MemberLoop final : public Executor {
 public:
  MemberLoop(Simulation* sim, const HostClock* clock) : inner_(sim->NewLoop()), clock_(clock) {}

  // What is due while it is stopped runs, in that order, when it goes on.
  void Pause() { paused_ = true; }
  void Resume() {
    paused_ = false;
    for (auto& [id, task] : std::exchange(deferred_, {})) {
      inner_->Post([this, id = id, task = std::move(task)]() mutable { Run(id, std::move(task)); });
    }
  }

  void Post(Task task) override {
    inner_->Post([this, task = std::move(task)]() mutable { Run(0, std::move(task)); });
  }
  TimerId PostAfter(absl::Duration delay, Task task) override {
    const auto id = std::make_shared<TimerId>(0);
    *id = inner_->PostAfter(clock_->TrueTime(delay), [this, id, task = std::move(task)]() mutable {
      Run(*id, std::move(task));
    });
    return *id;
  }
  void Cancel(TimerId timer) override {
    inner_->Cancel(timer);
    std::erase_if(deferred_, [&](const auto& each) { return each.first == timer && timer != 0; });
  }
  bool InLoop() const override { return true; }
  const Clock& clock() const override { return *clock_; }
  Rng& rng() override { return inner_->rng(); }

 private:
  void Run(TimerId id, Task task) {
    if (paused_) {
      deferred_.emplace_back(id, std::move(task));
    } else {
      std::move(task)();
    }
  }

  std::unique_ptr<Executor> inner_;
  const HostClock* const clock_;
  bool paused_ = false;
  std::deque<std::pair<TimerId, Task>> deferred_;
};

}  // namespace skiff::sim
