#include "store/history.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace skiff::store {
namespace {

// Of the past, states so many revisions apart are kept: each holds on to memory that the next has
// replaced. One in between is made from the next by undoing events.
constexpr uint64_t kApart = 1024;

}  // namespace

class History::Handle final : public Watch {
 public:
  Handle(std::shared_ptr<Registry> registry, WatcherPtr watcher)
      : registry_(std::move(registry)), watcher_(std::move(watcher)) {}
  ~Handle() override {
    {
      MutexLock lock(&watcher_->mutex);
      watcher_->closed = true;
    }
    MutexLock lock(&registry_->mutex);
    const auto it = registry_->by_prefix.find(watcher_->prefix);
    if (it == registry_->by_prefix.end()) return;
    std::erase(it->second, watcher_);
    if (!it->second.empty()) return;
    const auto length = registry_->lengths.find(watcher_->prefix.size());
    if (--length->second == 0) registry_->lengths.erase(length);
    registry_->by_prefix.erase(it);
  }

 private:
  const std::shared_ptr<Registry> registry_;
  const WatcherPtr watcher_;
};

History::History(Executor* executor, Limits limits) : executor_(executor), limits_(limits) {}

void History::Begin(std::shared_ptr<const TreeSnapshot> snapshot) {
  {
    MutexLock lock(&mutex_);
    events_.clear();
    bytes_ = 0;
    snapshots_.clear();
    floor_ = snapshot->revision();
    present_ = std::move(snapshot);
  }
  const absl::Status why = absl::OutOfRangeError("this member took over a newer state; list again");
  for (const WatcherPtr& watcher : TakeWatchers()) End(watcher, why);
}

History::Forgotten History::Trim() {
  Forgotten out;
  const absl::Duration oldest = executor_->clock().Monotonic() - limits_.age;
  while (!events_.empty() &&
         (static_cast<int64_t>(events_.size()) > limits_.events ||
          bytes_ - out.bytes > limits_.bytes || events_.front().when < oldest)) {
    // A revision goes as a whole.
    const uint64_t revision = events_.front().event.revision;
    while (!events_.empty() && events_.front().event.revision == revision) {
      out.bytes += events_.front().bytes;
      out.events.push_back(std::move(events_.front().event));
      events_.pop_front();
    }
    floor_ = revision;
  }
  bytes_ -= out.bytes;
  snapshots_.erase(snapshots_.begin(), snapshots_.lower_bound(floor_));
  return out;
}

std::vector<std::pair<History::WatcherPtr, History::Batch>> History::Route(
    const std::vector<Event>& events) const {
  MutexLock lock(&registry_->mutex);
  std::map<std::vector<WatcherPtr>*, std::shared_ptr<std::vector<Event>>> batches;
  std::vector<std::pair<WatcherPtr, Batch>> out;
  std::vector<std::vector<WatcherPtr>*> order;  // Of first event: the same in every run.
  for (const Event& event : events) {
    for (const auto& [length, count] : registry_->lengths) {
      if (length > event.key.size()) break;
      const auto it = registry_->by_prefix.find(absl::string_view(event.key).substr(0, length));
      if (it == registry_->by_prefix.end()) continue;
      auto& batch = batches[&it->second];
      if (batch == nullptr) {
        batch = std::make_shared<std::vector<Event>>();
        order.push_back(&it->second);
      }
      batch->push_back(event);
    }
  }
  for (std::vector<WatcherPtr>* watchers : order) {
    for (const WatcherPtr& watcher : *watchers) out.emplace_back(watcher, batches[watchers]);
  }
  return out;
}

History::Forgotten History::Append(std::vector<Event> events, int64_t bytes,
                                   std::shared_ptr<const TreeSnapshot> snapshot) {
  MutexLock lock(&mutex_);
  routed_ = Route(events);
  const absl::Duration now = executor_->clock().Monotonic();
  const int64_t each = bytes / static_cast<int64_t>(events.size());
  for (Event& event : events) events_.push_back({now, each, std::move(event)});
  bytes_ += each * static_cast<int64_t>(events.size());
  const uint64_t kept = snapshots_.empty() ? floor_ : snapshots_.rbegin()->first;
  if (snapshot->revision() >= kept + kApart) snapshots_[snapshot->revision()] = snapshot;
  present_ = std::move(snapshot);
  return Trim();
}

void History::Deliver() {
  for (const auto& [watcher, batch] : std::exchange(routed_, {})) DeliverTo(watcher, batch);
}

std::deque<History::Past>::const_iterator History::After(uint64_t revision) const {
  return std::upper_bound(
      events_.begin(), events_.end(), revision,
      [](uint64_t wanted, const Past& past) { return wanted < past.event.revision; });
}

History::Batch History::Select(const std::string& prefix, uint64_t after) const {
  auto out = std::make_shared<std::vector<Event>>();
  for (auto it = After(after); it != events_.end(); ++it) {
    if (absl::StartsWith(it->event.key, prefix)) out->push_back(it->event);
  }
  return out;
}

// What came before it was registered goes first, be it here that its first live event meets it or
// in the turn that StartWatch posted.
void History::DeliverTo(const WatcherPtr& watcher, const Batch& events) {
  const Batch backlog = std::exchange(watcher->backlog, nullptr);
  for (const Batch& batch : {backlog, events}) {
    if (batch == nullptr || batch->empty()) continue;
    {
      MutexLock lock(&watcher->mutex);
      if (watcher->closed) return;
    }
    watcher->sink.on_events(batch);
  }
}

absl::StatusOr<std::unique_ptr<Watch>> History::StartWatch(std::string prefix, uint64_t after,
                                                           WatchSink sink) {
  auto watcher = std::make_shared<Watcher>();
  watcher->prefix = std::move(prefix);
  watcher->sink = std::move(sink);
  {
    MutexLock lock(&mutex_);
    if (closed_) return absl::UnavailableError("the store is closing");
    if (after < floor_) {
      return absl::OutOfRangeError(
          absl::StrCat("too old resource version: ", after, " (", floor_ + 1, ")"));
    }
    if (after > present_->revision()) {
      return absl::InvalidArgumentError(
          absl::StrCat("Too large resource version: ", after, ", current: ", present_->revision()));
    }
    // Both under the lock that Append takes: an event is in the backlog or routed, never both or
    // neither.
    watcher->backlog = Select(watcher->prefix, after);
    MutexLock registry_lock(&registry_->mutex);
    auto& watchers = registry_->by_prefix[watcher->prefix];
    if (watchers.empty()) ++registry_->lengths[watcher->prefix.size()];
    watchers.push_back(watcher);
  }
  executor_->Post([watcher] { DeliverTo(watcher, nullptr); });
  return std::make_unique<Handle>(registry_, watcher);
}

absl::StatusOr<std::shared_ptr<const Snapshot>> History::SnapshotAt(uint64_t revision) const {
  std::shared_ptr<const TreeSnapshot> later;
  std::vector<Event> undo;
  {
    MutexLock lock(&mutex_);
    if (revision < floor_ || revision > present_->revision()) {
      return absl::OutOfRangeError(absl::StrCat("revision ", revision, " is outside history (",
                                                floor_, " to ", present_->revision(), ")"));
    }
    const auto it = snapshots_.lower_bound(revision);
    later = it == snapshots_.end() ? present_ : it->second;
    if (later->revision() == revision) return later;
    const auto end = After(later->revision());
    for (auto event = After(revision); event != end; ++event) {
      undo.push_back(event->event);
    }
  }
  ObjectTree tree = later->tree();
  for (auto event = undo.rbegin(); event != undo.rend(); ++event) {
    tree = event->previous == nullptr ? tree.Without(event->key)
                                      : std::move(tree).With(event->key, event->previous);
  }
  return std::make_shared<const TreeSnapshot>(std::move(tree), revision);
}

std::vector<History::WatcherPtr> History::TakeWatchers() {
  std::vector<WatcherPtr> out;
  MutexLock lock(&registry_->mutex);
  for (auto& [prefix, of_prefix] : registry_->by_prefix) {
    out.insert(out.end(), of_prefix.begin(), of_prefix.end());
  }
  registry_->by_prefix.clear();
  registry_->lengths.clear();
  return out;
}

void History::End(const WatcherPtr& watcher, const absl::Status& why) {
  {
    MutexLock lock(&watcher->mutex);
    if (std::exchange(watcher->closed, true)) return;
  }
  watcher->sink.on_end(why);
}

void History::Close(const absl::Status& why) {
  {
    MutexLock lock(&mutex_);
    closed_ = true;
  }
  for (const WatcherPtr& watcher : TakeWatchers()) {
    DeliverTo(watcher, nullptr);
    End(watcher, why);
  }
}

}  // namespace skiff::store
