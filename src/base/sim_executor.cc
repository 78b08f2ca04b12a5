#include "base/sim_executor.h"

#include <algorithm>
#include <vector>

namespace skiff {

class SimLoop final : public Executor {
 public:
  explicit SimLoop(Simulation* sim) : sim_(sim), rng_(sim->rng().Next()) {}
  ~SimLoop() override { sim_->Drop(this); }
  void Post(Task task) override { sim_->Add(this, absl::ZeroDuration(), std::move(task)); }
  TimerId PostAfter(absl::Duration delay, Task task) override {
    return sim_->Add(this, delay, std::move(task));
  }
  void Cancel(TimerId timer) override { sim_->Cancel(timer); }
  bool InLoop() const override { return true; }
  const Clock& clock() const override { return sim_->clock(); }
  Rng& rng() override { return rng_; }

 private:
  Simulation* const sim_;
  Rng rng_;
};

Simulation::Simulation(uint64_t seed, absl::Time start) : rng_(seed) { clock_.start = start; }

std::unique_ptr<Executor> Simulation::NewLoop() { return std::make_unique<SimLoop>(this); }

Executor::TimerId Simulation::Add(const Executor* loop, absl::Duration delay, Executor::Task task) {
  const Executor::TimerId id = next_++;
  // Whole nanoseconds, as the clock has them; a century is as good as for ever.
  const absl::Duration wait = absl::Ceil(
      std::clamp(delay, absl::ZeroDuration(), absl::Hours(24 * 36525)), absl::Nanoseconds(1));
  const absl::Duration due = clock_.Monotonic() + wait;
  const Key key(due, 0, id);
  keys_[id] = key;
  queue_.emplace(key, Entry{loop, std::move(task)});
  return id;
}

void Simulation::Cancel(Executor::TimerId id) {
  const auto it = keys_.find(id);
  if (it == keys_.end()) return;
  // Taken out first: destroying the task may cancel others.
  auto node = queue_.extract(it->second);
  keys_.erase(it);
}

void Simulation::Drop(const Executor* loop) {
  std::vector<Executor::Task> dropped;
  for (auto it = queue_.begin(); it != queue_.end();) {
    if (it->second.loop == loop) {
      keys_.erase(std::get<2>(it->first));
      dropped.push_back(std::move(it->second.task));
      it = queue_.erase(it);
    } else {
      ++it;
    }
  }
}

bool Simulation::Step() {
  if (queue_.empty()) return false;
  auto next = queue_.begin();
  if (permute_) {
    // Any loop may be the first, but each runs its own tasks in the order in which they were
    // posted.
    std::vector<decltype(next)> first;
    const absl::Duration due = std::max(clock_.Monotonic(), std::get<0>(next->first));
    for (auto it = next; it != queue_.end() && std::get<0>(it->first) <= due; ++it) {
      const bool known = std::any_of(first.begin(), first.end(), [&](const auto& other) {
        return other->second.loop == it->second.loop;
      });
      if (!known) first.push_back(it);
    }
    // Drawn only where there is a choice, so that a look from outside changes nothing after it.
    next = first.size() == 1 ? first[0] : first[rng_.Below(first.size())];
  }
  auto node = queue_.extract(next);
  keys_.erase(std::get<2>(node.key()));
  clock_.Set(std::max(clock_.Monotonic(), std::get<0>(node.key())));
  std::move(node.mapped().task)();
  return true;
}

void Simulation::RunFor(absl::Duration duration) {
  const absl::Duration end = clock_.Monotonic() + duration;
  while (!queue_.empty() && std::get<0>(queue_.begin()->first) <= end) Step();
  clock_.Set(std::max(clock_.Monotonic(), end));  // A task may have let time pass itself.
}

bool Simulation::RunDue(int64_t limit) {
  while (!queue_.empty() && std::get<0>(queue_.begin()->first) <= clock_.Monotonic()) {
    if (limit-- == 0) return false;
    Step();
  }
  return true;
}

absl::Duration Simulation::UntilNext(const std::set<Executor::TimerId>& except) const {
  for (const auto& [key, entry] : queue_) {
    if (except.contains(std::get<2>(key))) continue;
    return std::max(absl::ZeroDuration(), std::get<0>(key) - clock_.Monotonic());
  }
  return absl::InfiniteDuration();
}

void Simulation::Skip(absl::Duration time, const std::set<Executor::TimerId>& timers) {
  for (const Executor::TimerId id : timers) {
    const auto it = keys_.find(id);
    if (it == keys_.end()) continue;
    auto node = queue_.extract(it->second);
    std::get<0>(node.key()) += time;
    it->second = node.key();
    queue_.insert(std::move(node));
  }
  clock_.Set(clock_.Monotonic() + time);
}

void Simulation::Rewind(absl::Duration elapsed, uint64_t seed) {
  const absl::Duration shift = elapsed - clock_.Monotonic();
  std::map<Key, Entry> moved;
  for (auto& [key, entry] : queue_) {
    Key later = key;
    std::get<0>(later) += shift;
    keys_[std::get<2>(key)] = later;
    moved.emplace(later, std::move(entry));
  }
  queue_ = std::move(moved);
  clock_.Set(elapsed);
  rng_ = Rng(seed);
}

}  // namespace skiff
