// The loops of one simulated machine of a cluster: of one process after the other, on a clock that
// runs and jumps by itself.
//
// Threads: the driver of the virtual time.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cluster/virtual_time.h"
#include "tests/sim/member_loop.h"

namespace skiff::sim {

class HostLoops final : public cluster::Loops {
 public:
  explicit HostLoops(cluster::VirtualTime* time) : time_(time), clock_(&time->clock()) {}

  std::unique_ptr<cluster::Loop> New(const std::string& name) override {
    return std::make_unique<HostLoop>(time_->New(name), &clock_);
  }
  WorkPool* pool() override { return time_->pool(); }
  const Clock& clock() const override { return clock_; }
  Rng NewRng() override { return time_->NewRng(); }

  HostClock& host_clock() { return clock_; }

 private:
  class HostLoop final : public cluster::Loop {
   public:
    HostLoop(std::unique_ptr<cluster::Loop> inner, const HostClock* clock)
        : inner_(std::move(inner)), clock_(clock) {}
    void Post(Task task) override { inner_->Post(std::move(task)); }
    TimerId PostAfter(absl::Duration delay, Task task) override {
      return inner_->PostAfter(clock_->TrueTime(delay), std::move(task));
    }
    void Cancel(TimerId timer) override { inner_->Cancel(timer); }
    bool InLoop() const override { return inner_->InLoop(); }
    const Clock& clock() const override { return *clock_; }
    Rng& rng() override { return inner_->rng(); }
    void Stop() override { inner_->Stop(); }

   private:
    const std::unique_ptr<cluster::Loop> inner_;
    const HostClock* const clock_;
  };

  cluster::VirtualTime* const time_;
  HostClock clock_;
};

}  // namespace skiff::sim
