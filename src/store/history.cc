#include "store/history.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace skiff::store {

namespace {

// Each keeps what later versions replaced, so there are fewer of them than of events. A list that goes
// on page by page holds its own.
constexpr size_t kSnapshots = 256;

}  // namespace

class History::Handle final : public Watch {
 public:
  Handle(std::shared_ptr<Registry> registry, std::shared_ptr<Watcher> watcher)
      : registry_(std::move(registry)), watcher_(std::move(watcher)) {}
  ~Handle() override {
    {
      absl::MutexLock lock(&watcher_->mutex);
      watcher_->closed = true;
    }
    absl::MutexLock lock(&registry_->mutex);
    const auto [begin, end] =
        registry_->by_resource.equal_range(ResourcePrefix(watcher_->prefix));
    for (auto it = begin; it != end; ++it) {
      if (it->second != watcher_) continue;
      registry_->by_resource.erase(it);
      return;
    }
  }

 private:
  const std::shared_ptr<Registry> registry_;
  const std::shared_ptr<Watcher> watcher_;
};

History::History(Executor* executor, int64_t max_events, absl::Duration max_age)
    : executor_(executor), max_events_(max_events), max_age_(max_age) {}

// "apps/deployments/default/" -> "apps/deployments/"
std::string History::ResourcePrefix(const std::string& prefix) {
  const size_t first = prefix.find('/');
  const size_t second = first == std::string::npos ? first : prefix.find('/', first + 1);
  return second == std::string::npos ? prefix : prefix.substr(0, second + 1);
}

void History::Begin(std::shared_ptr<const Snapshot> snapshot) {
  absl::MutexLock lock(&mutex_);
  floor_ = present_ = snapshot->revision();
  snapshots_[present_] = std::move(snapshot);
}

void History::Trim() {
  const absl::Duration oldest = executor_->clock().Monotonic() - max_age_;
  while (!events_.empty() && (static_cast<int64_t>(events_.size()) > max_events_ ||
                              events_.front().first < oldest)) {
    // A revision goes as a whole.
    const uint64_t revision = events_.front().second.revision;
    while (!events_.empty() && events_.front().second.revision == revision) events_.pop_front();
    floor_ = revision;
  }
  snapshots_.erase(snapshots_.begin(), snapshots_.lower_bound(floor_));
  while (snapshots_.size() > kSnapshots) snapshots_.erase(snapshots_.begin());
}

void History::Append(std::vector<Event> events, std::shared_ptr<const Snapshot> snapshot) {
  std::set<std::string> touched;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Duration now = executor_->clock().Monotonic();
    for (Event& event : events) {
      touched.insert(ResourcePrefix(event.key));
      events_.emplace_back(now, std::move(event));
    }
    present_ = snapshot->revision();
    snapshots_[present_] = std::move(snapshot);
    Trim();
  }
  std::vector<std::shared_ptr<Watcher>> watchers;
  {
    absl::MutexLock lock(&registry_->mutex);
    for (const std::string& resource : touched) {
      const auto [begin, end] = registry_->by_resource.equal_range(resource);
      for (auto it = begin; it != end; ++it) watchers.push_back(it->second);
    }
    // Who watches everything.
    const auto [begin, end] = registry_->by_resource.equal_range("");
    for (auto it = begin; it != end; ++it) watchers.push_back(it->second);
  }
  Round round;
  for (const auto& watcher : watchers) Pump(watcher, &round);
}

std::shared_ptr<const std::vector<Event>> History::Select(const std::string& prefix,
                                                          uint64_t after) const {
  auto out = std::make_shared<std::vector<Event>>();
  auto it = std::upper_bound(events_.begin(), events_.end(), after,
                             [](uint64_t revision, const auto& entry) {
                               return revision < entry.second.revision;
                             });
  for (; it != events_.end(); ++it) {
    if (absl::StartsWith(it->second.key, prefix)) out->push_back(it->second);
  }
  return out;
}

void History::Pump(const std::shared_ptr<Watcher>& watcher, Round* round) {
  std::shared_ptr<const std::vector<Event>> events;
  bool lost = false;  // Trimmed between its start and its first turn.
  {
    absl::MutexLock lock(&mutex_);
    if (watcher->position >= present_) return;
    lost = watcher->position < floor_;
    const std::string key = absl::StrCat(watcher->position, " ", watcher->prefix);
    auto& shared = (*round)[key];
    if (shared == nullptr) shared = Select(watcher->prefix, watcher->position);
    events = shared;
    watcher->position = present_;
  }
  {
    absl::MutexLock lock(&watcher->mutex);
    if (watcher->closed) return;
  }
  if (lost) return watcher->sink.on_end(absl::OutOfRangeError("too old resource version"));
  if (!events->empty()) watcher->sink.on_events(events);
}

absl::StatusOr<std::unique_ptr<Watch>> History::StartWatch(std::string prefix, uint64_t after,
                                                           WatchSink sink) {
  auto watcher = std::make_shared<Watcher>();
  watcher->prefix = std::move(prefix);
  watcher->sink = std::move(sink);
  watcher->position = after;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) return absl::UnavailableError("the store is closing");
    if (after < floor_) {
      return absl::OutOfRangeError(
          absl::StrCat("too old resource version: ", after, " (", floor_ + 1, ")"));
    }
    if (after > present_) {
      return absl::InvalidArgumentError(absl::StrCat("Too large resource version: ", after,
                                                     ", current: ", present_));
    }
  }
  {
    absl::MutexLock lock(&registry_->mutex);
    registry_->by_resource.emplace(ResourcePrefix(watcher->prefix), watcher);
  }
  executor_->Post([this, alive = alive_, watcher] {
    Round round;
    if (*alive) Pump(watcher, &round);
  });
  return std::make_unique<Handle>(registry_, watcher);
}

absl::StatusOr<std::shared_ptr<const Snapshot>> History::SnapshotAt(uint64_t revision) const {
  absl::MutexLock lock(&mutex_);
  if (revision < floor_ || revision > present_) {
    return absl::OutOfRangeError(absl::StrCat("revision ", revision, " is outside history (",
                                              floor_, " to ", present_, ")"));
  }
  // Transactions applied together share the snapshot after the last of them; the state at an inner
  // revision is never seen by a client, for lists only give out revisions of snapshots.
  const auto it = snapshots_.find(revision);
  if (it == snapshots_.end()) {
    return absl::OutOfRangeError(absl::StrCat("no snapshot at revision ", revision));
  }
  return it->second;
}

void History::Close(absl::Status why) {
  *alive_ = false;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }
  std::vector<std::shared_ptr<Watcher>> watchers;
  {
    absl::MutexLock lock(&registry_->mutex);
    for (const auto& [resource, watcher] : registry_->by_resource) watchers.push_back(watcher);
    registry_->by_resource.clear();
  }
  for (const auto& watcher : watchers) {
    {
      absl::MutexLock lock(&watcher->mutex);
      if (watcher->closed) continue;
    }
    watcher->sink.on_end(why);
  }
}

}  // namespace skiff::store
