// Server's reads: lists from snapshots, page by page, and watches.
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/errors.h"
#include "api/selector.h"
#include "apiserver/rest/server.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

constexpr size_t kPinned = 64;
constexpr absl::Duration kPinnedFor = absl::Minutes(5);

struct Selection {
  api::LabelSelector labels;
  api::FieldSelector fields;

  bool Matches(const api::Object& object) const {
    return (labels.empty() || labels.Matches(object.meta().labels())) &&
           (fields.empty() || fields.Matches(object));
  }
  bool empty() const { return labels.empty() && fields.empty(); }
};

absl::StatusOr<Selection> ParseSelection(const api::ResourceInfo& resource,
                                         const std::string& labels, const std::string& fields) {
  Selection out;
  auto label_selector = api::LabelSelector::Parse(labels);
  if (!label_selector.ok()) return api::BadRequest(label_selector.status().message());
  auto field_selector = api::FieldSelector::Parse(resource, fields);
  if (!field_selector.ok()) return api::BadRequest(field_selector.status().message());
  out.labels = *std::move(label_selector);
  out.fields = *std::move(field_selector);
  return out;
}

// Where the next page goes on: at which revision, after which key, and how many there are after
// that.
std::string MakeToken(uint64_t revision, int64_t remaining, absl::string_view last_key) {
  return absl::WebSafeBase64Escape(absl::StrCat(revision, " ", remaining, " ", last_key));
}

absl::Status ParseToken(const std::string& token, uint64_t* revision, int64_t* remaining,
                        std::string* last_key) {
  std::string text;
  if (absl::WebSafeBase64Unescape(token, &text)) {
    const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits(' ', 2));
    if (parts.size() == 3 && absl::SimpleAtoi(parts[0], revision) &&
        absl::SimpleAtoi(parts[1], remaining)) {
      *last_key = parts[2];
      return absl::OkStatus();
    }
  }
  return api::BadRequest("continue key is not valid: it did not come from an earlier list");
}

}  // namespace

void Server::Pin(std::shared_ptr<const store::Snapshot> snapshot) {
  const absl::Time now = clock_->Now();
  const uint64_t revision = snapshot->revision();
  MutexLock lock(&mutex_);
  // In the order in which they run out.
  for (auto it = pinned_.begin(); it != pinned_.end();) {
    const bool drop = it->until < now || it->snapshot->revision() == revision;
    it = drop ? pinned_.erase(it) : it + 1;
  }
  pinned_.push_back({std::move(snapshot), now + kPinnedFor});
  if (pinned_.size() > kPinned) pinned_.pop_front();
}

absl::StatusOr<std::shared_ptr<const store::Snapshot>> Server::SnapshotAt(uint64_t revision) {
  {
    MutexLock lock(&mutex_);
    for (const Pinned& pinned : pinned_) {
      if (pinned.snapshot->revision() == revision) return pinned.snapshot;
    }
  }
  const auto latest = store_->snapshot();
  if (latest->revision() == revision) return latest;
  return store_->SnapshotAt(revision);
}

absl::StatusOr<std::shared_ptr<const store::Snapshot>> Server::SnapshotFor(
    const client::ListOptions& options, bool exact, std::string* after, int64_t* remaining) {
  const auto latest = store_->snapshot();
  uint64_t revision = options.revision;
  if (!options.continue_token.empty()) {
    SKIFF_RETURN_IF_ERROR(ParseToken(options.continue_token, &revision, remaining, after));
    exact = true;
  }
  if (revision > latest->revision()) {
    return api::ServerTimeout(
        absl::StrCat("Too large resource version: ", revision, ", current: ", latest->revision()));
  }
  if (!exact) return latest;
  auto found = SnapshotAt(revision);
  if (found.ok()) return found;
  return api::Expired(
      options.continue_token.empty()
          ? absl::StrCat("The resourceVersion for the provided list is too old: ", revision)
          : "The provided continue parameter is too old to display a consistent list result. You "
            "can start a new list without the continue parameter.");
}

absl::StatusOr<client::ListResult> Server::ListNow(const api::ResourceInfo& resource,
                                                   const client::ListOptions& options, bool exact) {
  if (options.limit < 0) return api::BadRequest("limit: must not be negative");
  SKIFF_ASSIGN_OR_RETURN(const Selection selection,
                         ParseSelection(resource, options.label_selector, options.field_selector));
  std::string after;
  int64_t remaining = -1;  // Unknown: the first page.
  SKIFF_ASSIGN_OR_RETURN(const auto snapshot, SnapshotFor(options, exact, &after, &remaining));
  client::ListResult out;
  out.revision = snapshot->revision();
  const std::string prefix = store::Prefix(resource, options.name_space);
  if (!after.empty() && !absl::StartsWith(after, prefix)) {
    return api::BadRequest("continue key is not valid: it came from another list");
  }
  // One object by name needs no scan.
  if (const auto name = selection.fields.Exact("metadata.name");
      name && (!resource.namespaced || !options.name_space.empty())) {
    const auto object = snapshot->Get(store::Key(resource, options.name_space, *name));
    if (object != nullptr && selection.Matches(*object)) out.items.push_back(object);
    return out;
  }
  std::string last;
  bool more = false;
  snapshot->Scan(prefix, after, [&](absl::string_view key, const api::ObjectPtr& object) {
    if (!selection.Matches(*object)) return true;
    if (options.limit > 0 && static_cast<int64_t>(out.items.size()) == options.limit) {
      more = true;
      return false;
    }
    out.items.push_back(object);
    last = std::string(key);
    return true;
  });
  if (more) {
    // Counted once, then carried along. Kubernetes does not count what is selected.
    if (remaining < 0) remaining = static_cast<int64_t>(snapshot->Count(prefix));
    remaining -= static_cast<int64_t>(out.items.size());
    out.continue_token = MakeToken(out.revision, remaining, last);
    if (selection.empty()) out.remaining = remaining;
    Pin(snapshot);
  }
  return out;
}

void Server::List(const api::ResourceInfo& resource, client::ListOptions options,
                  Executor* reply_on, client::Callback<client::ListResult> done) {
  Fresh(reply_on, [this, &resource, options = std::move(options), reply_on,
                   done = std::move(done)](const absl::Status& fresh) mutable {
    absl::StatusOr<client::ListResult> result =
        fresh.ok() ? ListNow(resource, options, /*exact=*/false) : fresh;
    reply_on->Post([done = std::move(done), result = std::move(result)]() mutable {
      std::move(done)(std::move(result));
    });
  });
}

// What is published before the barrier is asked for has been delivered when it is answered.
void Server::Delivered(Executor* reply_on, std::function<void(uint64_t revision)> then) {
  store_->Barrier([reply_on, then = std::move(then), reached = revision()](absl::Status applied) {
    reply_on->Post([then, reached = applied.ok() ? reached : 0] { then(reached); });
  });
}

namespace {

// Between the store's loop and the watcher's: filters there, calls back here.
struct Relay {
  Selection selection;
  std::string prefix;
  Executor* reply_on;
  client::WatchSink sink;
  bool closed = false;  // On reply_on.

  // What an event looks like through the selection: what comes into it is added, what leaves it is
  // deleted.
  std::optional<client::WatchEvent> See(const store::Event& event) const {
    const bool gone = event.type == store::Event::Type::kDelete;
    const bool before = event.previous != nullptr && selection.Matches(*event.previous);
    const bool now = !gone && selection.Matches(*event.object);
    if (!before && !now) return std::nullopt;
    if (now) {
      return client::WatchEvent{before ? client::EventType::kModified : client::EventType::kAdded,
                                event.object, event.revision};
    }
    if (gone) return client::WatchEvent{client::EventType::kDeleted, event.object, event.revision};
    // Its last state that was selected, at the revision where it was so no longer.
    api::MessagePtr last = event.previous->Copy();
    api::MutableMetaOf(last.get())->set_resource_version(absl::StrCat(event.revision));
    return client::WatchEvent{client::EventType::kDeleted, api::Object::Make(std::move(last)),
                              event.revision};
  }
};

class RelayWatch final : public client::Watch {
 public:
  RelayWatch(std::shared_ptr<Relay> relay, std::unique_ptr<store::Watch> watch)
      : relay_(std::move(relay)), watch_(std::move(watch)) {}
  ~RelayWatch() override { relay_->closed = true; }

 private:
  const std::shared_ptr<Relay> relay_;
  const std::unique_ptr<store::Watch> watch_;
};

void Deliver(const std::shared_ptr<Relay>& relay, std::vector<client::WatchEvent> events) {
  if (events.empty()) return;
  relay->reply_on->Post([relay, events = std::move(events)]() mutable {
    if (!relay->closed) relay->sink.on_events(std::move(events));
  });
}

void End(const std::shared_ptr<Relay>& relay, absl::Status status) {
  relay->reply_on->Post([relay, status = std::move(status)]() mutable {
    if (!relay->closed) relay->sink.on_end(std::move(status));
  });
}

}  // namespace

std::unique_ptr<client::Watch> Server::StartWatch(const api::ResourceInfo& resource,
                                                  client::WatchOptions options, Executor* reply_on,
                                                  client::WatchSink sink) {
  auto relay = std::make_shared<Relay>();
  relay->reply_on = reply_on;
  relay->sink = std::move(sink);
  relay->prefix = store::Prefix(resource, options.name_space);
  auto selection = ParseSelection(resource, options.label_selector, options.field_selector);
  if (!selection.ok()) {
    End(relay, selection.status());
    return std::make_unique<RelayWatch>(relay, nullptr);
  }
  relay->selection = *std::move(selection);
  uint64_t after = options.after_revision;
  if (after == 0) {
    const auto snapshot = store_->snapshot();
    after = snapshot->revision();
    std::vector<client::WatchEvent> initial;
    snapshot->Scan(relay->prefix, "", [&](absl::string_view, const api::ObjectPtr& object) {
      if (relay->selection.Matches(*object)) {
        initial.push_back({client::EventType::kAdded, object, object->revision()});
      }
      return true;
    });
    initial.push_back({client::EventType::kBookmark, nullptr, after});
    Deliver(relay, std::move(initial));
  }
  auto watch =
      store_->StartWatch(relay->prefix, after,
                         {[relay](std::shared_ptr<const std::vector<store::Event>> events) {
                            std::vector<client::WatchEvent> seen;
                            for (const store::Event& event : *events) {
                              if (auto one = relay->See(event)) seen.push_back(*std::move(one));
                            }
                            Deliver(relay, std::move(seen));
                          },
                          [relay](absl::Status status) { End(relay, std::move(status)); }});
  if (!watch.ok()) {
    const absl::Status why =
        absl::IsOutOfRange(watch.status())        ? api::Expired(watch.status().message())
        : absl::IsInvalidArgument(watch.status()) ? api::ServerTimeout(watch.status().message())
                                                  : watch.status();
    End(relay, why);
    return std::make_unique<RelayWatch>(relay, nullptr);
  }
  return std::make_unique<RelayWatch>(relay, *std::move(watch));
}

}  // namespace skiff::apiserver
