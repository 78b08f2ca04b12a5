// Deterministic time: every loop of a simulated cluster is a SimLoop of one Simulation, which runs
// their tasks one by one on the calling thread, in the order of virtual time (ties in posting
// order, or permuted by the seed). The same seed gives the same run, faster than real time.
//
//   Simulation sim(/*seed=*/7);
//   std::unique_ptr<Executor> loop = sim.NewLoop();
//   sim.RunFor(absl::Hours(1));
//
// Threads: everything here belongs to one thread.
#pragma once

#include <map>
#include <memory>

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
    absl::Time Now() const override { return start + elapsed; }
    absl::Duration Monotonic() const override { return elapsed; }
    absl::Time start;
    absl::Duration elapsed;
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
