// Deterministic time: every loop of a simulated cluster is a SimLoop of one Simulation, which runs
// their tasks one by one on the calling thread, in the order of virtual time (ties in posting
// order, or permuted by the seed). The same seed gives the same run, faster than real time.
//
//   Simulation sim(/*seed=*/7);
//   std::unique_ptr<Executor> loop = sim.NewLoop();
//   sim.RunFor(absl::Hours(1));
//
// Threads: everything here belongs to one thread, but for reading the clock.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/executor.h"

namespace skiff {

class Simulation {
 public:
  // The virtual wall clock starts at `start`.
  explicit Simulation(uint64_t seed, absl::Time start = absl::FromUnixSeconds(1'700'000'000));

  // A loop of this simulation; it must not outlive it. Destroying it drops its tasks.
  std::unique_ptr<Executor> NewLoop();
  // Runs work inline.
  WorkPool& pool() { return pool_; }

  // Shuffle tasks that are due at the same instant, by the seed.
  void PermuteTies(bool permute) { permute_ = permute; }

  // Runs the earliest task. False when there is none.
  bool Step();
  // Runs everything due within `duration` and leaves the clock that much later.
  void RunFor(absl::Duration duration);
  // Runs tasks, without letting time pass, until none is due. False if `limit` tasks ran first.
  bool RunDue(int64_t limit = 1'000'000);

  // How long until the earliest task, timers in `except` aside; infinite if there is none.
  absl::Duration UntilNext(const std::set<Executor::TimerId>& except = {}) const;
  // Puts the clock forward by `time` without running anything, and those timers off by as much.
  void Skip(absl::Duration time, const std::set<Executor::TimerId>& timers);
  // Goes on at another time (since the start), and as that seed has it. What is queued stays as far
  // away as it was.
  void Rewind(absl::Duration elapsed, uint64_t seed);

  const Clock& clock() const { return clock_; }
  Rng& rng() { return rng_; }

 private:
  friend class SimLoop;
  struct Entry {
    const Executor* loop;
    Executor::Task task;
  };
  using Key = std::tuple<absl::Duration, uint64_t, Executor::TimerId>;
  class SimClock final : public Clock {
   public:
    absl::Time Now() const override { return start + Monotonic(); }
    absl::Duration Monotonic() const override { return absl::Nanoseconds(elapsed_ns.load()); }
    void Set(absl::Duration elapsed) { elapsed_ns = absl::ToInt64Nanoseconds(elapsed); }
    absl::Time start;

   private:
    std::atomic<int64_t> elapsed_ns = 0;
  };
  class InlinePool final : public WorkPool {
   public:
    void Run(Executor::Task work) override { std::move(work)(); }
  };

  Executor::TimerId Add(const Executor* loop, absl::Duration delay, Executor::Task task);
  void Cancel(Executor::TimerId id);
  void Drop(const Executor* loop);

  SimClock clock_;
  Rng rng_;
  InlinePool pool_;
  bool permute_ = false;
  Executor::TimerId next_ = 1;
  std::map<Key, Entry> queue_;
  absl::flat_hash_map<Executor::TimerId, Key> keys_;
};

}  // namespace skiff
