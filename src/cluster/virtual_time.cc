#include "cluster/virtual_time.h"

#include <algorithm>

#include "base/mutex.h"
#include "base/notification.h"

namespace skiff::cluster {
namespace {

// More tasks than anything that comes to an end has to run at one instant; and how many run before
// others get their turn, once that is known to have none.
constexpr int64_t kTasksAtOnce = 200'000;
constexpr int64_t kTasksWithoutEnd = 100;
// How many run before they are counted, for one may run others itself.
constexpr int64_t kTasksInPiece = 10;
// Time passes in strides between which calls from outside get their turn.
constexpr absl::Duration kStride = absl::Seconds(10);
constexpr int kTasksBetween = 10'000;
// Longer than any answer takes, from the slowest disk.
constexpr absl::Duration kLongestAnswer = absl::Hours(24);

thread_local VirtualTime* driven_here = nullptr;

}  // namespace

class VirtualTime::VirtualLoop final : public Loop {
 public:
  VirtualLoop(VirtualTime* time, std::unique_ptr<Executor> inner)
      : time_(time), state_(std::make_shared<State>()), clock_(time->clock()) {
    state_->inner = std::move(inner);
  }
  ~VirtualLoop() override { Stop(); }

  void Post(Task task) override { PostAfter(absl::ZeroDuration(), std::move(task)); }
  TimerId PostAfter(absl::Duration delay, Task task) override {
    if (InLoop()) {
      return state_->inner == nullptr ? 0 : state_->inner->PostAfter(delay, std::move(task));
    }
    time_->driver_.Post([time = time_, state = state_, delay, task = std::move(task)]() mutable {
      if (state->inner == nullptr) return;
      time->KeepPace();
      // What was due meanwhile may have stopped it.
      if (state->inner != nullptr) state->inner->PostAfter(delay, std::move(task));
      time->Drain();
    });
    return 0;
  }
  void Cancel(TimerId timer) override {
    if (timer == 0) return;
    if (InLoop()) {
      if (state_->inner != nullptr) state_->inner->Cancel(timer);
      return;
    }
    time_->driver_.Post([state = state_, timer] {
      if (state->inner != nullptr) state->inner->Cancel(timer);
    });
  }
  bool InLoop() const override { return time_->driver_.InLoop(); }
  const Clock& clock() const override { return clock_; }
  Rng& rng() override { return state_->inner->rng(); }
  void Stop() override {
    if (InLoop()) {
      // Out of the state first: what the tasks that go with it hold may come back here.
      const std::unique_ptr<Executor> gone = std::move(state_->inner);
      return;
    }
    if (std::exchange(stopped_, true)) return;
    time_->Run([this] { const std::unique_ptr<Executor> gone = std::move(state_->inner); });
  }

 private:
  struct State {
    std::unique_ptr<Executor> inner;  // The driver's. Null once stopped.
  };

  VirtualTime* const time_;
  const std::shared_ptr<State> state_;
  const Clock& clock_;
  bool stopped_ = false;
};

VirtualTime::VirtualTime(uint64_t seed, bool permute, bool paced)
    : paced_(paced),
      sim_(seed, paced ? SystemClock().Now() : absl::FromUnixSeconds(1'700'000'000)),
      driver_(paced ? "skiff-members" : "skiff-virtual") {
  begun_ = driver_.clock().Monotonic();
  sim_.PermuteTies(permute);
  driver_.Post([this] { driven_here = this; });
}

VirtualTime::~VirtualTime() { driver_.Stop(); }

std::unique_ptr<Loop> VirtualTime::New(const std::string&) {
  std::unique_ptr<Executor> inner;
  Run([&] { inner = sim_.NewLoop(); });
  return std::make_unique<VirtualLoop>(this, std::move(inner));
}

Rng VirtualTime::NewRng() {
  uint64_t seed = 0;
  Run([&] { seed = sim_.rng().Next(); });
  return Rng(seed);
}

void VirtualTime::Run(absl::FunctionRef<void()> task) {
  if (driver_.InLoop()) return task();
  Notification done;
  driver_.Post([&] {
    KeepPace();
    task();
    Drain();
    done.Notify();
  });
  done.WaitForNotification();
}

// Runs what was due until now, if it is paced.
void VirtualTime::KeepPace() {
  if (!paced_) return;
  const absl::Duration behind = driver_.clock().Monotonic() - begun_ - sim_.clock().Monotonic();
  if (behind > absl::ZeroDuration()) sim_.RunFor(behind);
}

void VirtualTime::WakeForNext() {
  driver_.Cancel(std::exchange(wake_up_, 0));
  const absl::Duration wait = sim_.UntilNext();
  if (wait == absl::InfiniteDuration()) return;
  wake_up_ = driver_.PostAfter(wait, [this] {
    KeepPace();
    Drain();
  });
}

// Whether all that is due has run.
bool VirtualTime::RunDue() {
  const int64_t most = stuck_at_ == sim_.clock().Monotonic() ? kTasksWithoutEnd : kTasksAtOnce;
  bool all = false;
  for (tasks_ = 0; tasks_ < most && !all; tasks_ += kTasksInPiece) {
    all = sim_.RunDue(kTasksInPiece);
  }
  stuck_ = !all;
  stuck_at_ = all ? absl::InfiniteDuration() : sim_.clock().Monotonic();
  return all;
}

void VirtualTime::Drain() {
  const bool all = RunDue();
  if (all && paced_) WakeForNext();
  if (all || drain_posted_.exchange(true)) return;
  driver_.Post([this] {
    drain_posted_ = false;
    Drain();
  });
}

void VirtualTime::SetHeartbeats(Heartbeats heartbeats) {
  Run([&] { heartbeats_ = std::move(heartbeats); });
}

bool VirtualTime::Advance(absl::Duration duration) {
  absl::Duration end;
  Run([&] { end = sim_.clock().Monotonic() + duration; });
  bool more = true;
  while (more && !interrupted_) {
    Run([&] { more = Stride(end); });
  }
  return !stuck_;
}

// Some of the way to `end`; false once there, or where there is no way.
bool VirtualTime::Stride(absl::Duration end) {
  if (!RunDue()) return false;
  const absl::Duration left = end - sim_.clock().Monotonic();
  if (left <= absl::ZeroDuration()) return false;
  if (heartbeats_.timers != nullptr && left > heartbeats_.period) {
    const std::set<Executor::TimerId> timers = heartbeats_.timers();
    const absl::Duration idle = std::min(left, sim_.UntilNext(timers));
    // Whole periods, so that every timer stays as far from what comes after as it was.
    const absl::Duration skip = absl::Floor(idle - absl::Nanoseconds(1), heartbeats_.period);
    if (skip > absl::ZeroDuration()) {
      sim_.Skip(skip, timers);
      heartbeats_.skipped(skip);
      return true;
    }
  }
  const absl::Duration stop = end - std::max(absl::ZeroDuration(), left - kStride);
  while (sim_.UntilNext() <= stop - sim_.clock().Monotonic()) {
    sim_.Step();
    if (!RunDue()) return false;
  }
  sim_.RunFor(stop - sim_.clock().Monotonic());
  return left > kStride;
}

void VirtualTime::PassUntil(std::shared_ptr<const std::atomic<bool>> over) {
  if (paced_) return;
  driver_.Post([this, over = std::move(over)]() mutable {
    if (*over) return;
    const absl::Duration end = sim_.clock().Monotonic() + kLongestAnswer;
    Pass(std::move(over), end);
  });
}

// In pieces, between which calls from outside get their turn.
void VirtualTime::Pass(std::shared_ptr<const std::atomic<bool>> over, absl::Duration end) {
  for (int i = 0; i < kTasksBetween; ++i) {
    if (*over || interrupted_ || sim_.clock().Monotonic() >= end || !sim_.Step()) return Drain();
  }
  driver_.Post([this, over = std::move(over), end]() mutable { Pass(std::move(over), end); });
}

bool VirtualTime::OnDriver() { return driven_here != nullptr; }

void VirtualTime::PumpUntil(absl::FunctionRef<bool()> over) {
  Simulation& sim = driven_here->sim_;
  const absl::Duration begin = sim.clock().Monotonic();
  const absl::Duration end = begin + kLongestAnswer;
  while (!over() && sim.UntilNext() <= end - sim.clock().Monotonic() && sim.Step()) {
    ++driven_here->tasks_;
  }
  if (sim.clock().Monotonic() > begin) driven_here->tasks_ = 0;
}

}  // namespace skiff::cluster
