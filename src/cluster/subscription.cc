#include "cluster/subscription.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/notification.h"
#include "base/status.h"
#include "cluster/await.h"
#include "cluster/virtual_time.h"

namespace skiff::cluster {
namespace {

using OnEvent = std::function<void(skiff::WatchEvent::Type, const api::ObjectPtr&)>;
using First = std::optional<absl::StatusOr<client::ListResult>>;

// Lives on the loop; tasks hold it by shared_ptr, so it may outlive its Subscription by a task.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(client::Client* client, Executor* loop, const api::ResourceInfo& resource,
         client::ListOptions options, OnEvent on_event, std::function<void(absl::Status)> on_end,
         std::function<void(bool)> on_listed)
      : client_(client),
        loop_(loop),
        resource_(resource),
        options_(std::move(options)),
        on_event_(std::move(on_event)),
        on_end_(std::move(on_end)),
        on_listed_(std::move(on_listed)) {}

  // With what was there when it was asked for, or without.
  void Begin(First first) {
    if (!first) return List();
    OnList(*std::move(first));
  }

  void List() {
    client_->List(resource_, options_, loop_,
                  [self = shared_from_this()](absl::StatusOr<client::ListResult> listed) {
                    self->OnList(std::move(listed));
                  });
  }

  void Stop() {
    stopped_ = true;
    watch_.reset();
    if (retry_ != 0) loop_->Cancel(retry_);
    on_event_ = nullptr;
    on_end_ = nullptr;
    on_listed_ = nullptr;
  }

 private:
  static std::string KeyOf(const api::Object& object) {
    return absl::StrCat(object.meta().namespace_(), "/", object.meta().name());
  }

  void OnList(absl::StatusOr<client::ListResult> listed) {
    if (stopped_) return;
    if (!listed.ok()) return OnBroken(listed.status());
    pause_ = absl::ZeroDuration();
    attempts_ = 0;
    std::set<std::string> present;
    for (const api::ObjectPtr& object : listed->items) {
      present.insert(KeyOf(*object));
      Report(client::EventType::kModified, object);
      if (stopped_) return;
    }
    for (auto it = known_.begin(); it != known_.end();) {
      if (present.contains(it->first)) {
        ++it;
        continue;
      }
      const api::ObjectPtr gone = it->second;
      it = known_.erase(it);
      Emit(skiff::WatchEvent::Type::kDeleted, gone);
      if (stopped_) return;
    }
    if (on_listed_) on_listed_(known_.empty());
    if (!stopped_) StartWatch(listed->revision);
  }

  void StartWatch(uint64_t revision) {
    client::WatchOptions options;
    options.name_space = options_.name_space;
    options.label_selector = options_.label_selector;
    options.field_selector = options_.field_selector;
    options.after_revision = revision;
    const std::weak_ptr<Stream> weak = weak_from_this();
    watch_ = client_->StartWatch(resource_, options, loop_,
                                 {[weak](std::vector<client::WatchEvent> events) {
                                    if (const auto self = weak.lock())
                                      self->OnEvents(std::move(events));
                                  },
                                  [weak](absl::Status status) {
                                    if (const auto self = weak.lock())
                                      self->OnBroken(std::move(status));
                                  }});
  }

  void OnEvents(std::vector<client::WatchEvent> events) {
    for (const client::WatchEvent& event : events) {
      if (stopped_) return;
      if (event.object != nullptr) Report(event.type, event.object);
    }
  }

  void Report(client::EventType type, const api::ObjectPtr& object) {
    const std::string key = KeyOf(*object);
    const auto it = known_.find(key);
    if (type == client::EventType::kDeleted) {
      if (it != known_.end()) known_.erase(it);
      return Emit(skiff::WatchEvent::Type::kDeleted, object);
    }
    if (it == known_.end()) {
      known_[key] = object;
      return Emit(skiff::WatchEvent::Type::kAdded, object);
    }
    if (it->second->revision() == object->revision()) return;
    it->second = object;
    Emit(skiff::WatchEvent::Type::kModified, object);
  }

  void Emit(skiff::WatchEvent::Type type, const api::ObjectPtr& object) { on_event_(type, object); }

  void OnBroken(absl::Status status) {
    if (stopped_) return;
    watch_.reset();
    switch (status.code()) {
      case absl::StatusCode::kOutOfRange:  // History is gone: the list has the differences.
        return List();
      case absl::StatusCode::kUnavailable:
      case absl::StatusCode::kDeadlineExceeded:
      case absl::StatusCode::kResourceExhausted:
      case absl::StatusCode::kOk:
        if (attempts_++ < 8) {
          pause_ = std::clamp(pause_ * 2, absl::Milliseconds(50), absl::Seconds(5));
          retry_ = loop_->PostAfter(pause_, [self = shared_from_this()] {
            if (!self->stopped_) self->List();
          });
          return;
        }
        break;
      default:
        break;
    }
    const auto on_end = std::move(on_end_);
    Stop();
    if (on_end) on_end(status);
  }

  client::Client* const client_;
  Executor* const loop_;
  const api::ResourceInfo& resource_;
  const client::ListOptions options_;
  OnEvent on_event_;
  std::function<void(absl::Status)> on_end_;
  std::function<void(bool)> on_listed_;
  std::unique_ptr<client::Watch> watch_;
  std::map<std::string, api::ObjectPtr> known_;
  absl::Duration pause_;
  int attempts_ = 0;
  Executor::TimerId retry_ = 0;
  bool stopped_ = false;
};

class StreamSubscription final : public Subscription {
 public:
  StreamSubscription(Executor* loop, std::shared_ptr<Stream> stream)
      : loop_(loop), stream_(std::move(stream)) {}

  ~StreamSubscription() override {
    // A task dropped by a stopped loop notifies as well: no callback can run then either.
    struct Gate {
      Notification open;
    };
    struct Opener {
      std::shared_ptr<Gate> gate;
      ~Opener() {
        if (gate != nullptr) gate->open.Notify();
      }
    };
    auto gate = std::make_shared<Gate>();
    auto opener = std::make_unique<Opener>();
    opener->gate = gate;
    loop_->Post([stream = std::move(stream_), opener = std::move(opener)]() mutable {
      stream->Stop();
      stream.reset();
    });
    gate->open.WaitForNotification();
  }

 private:
  Executor* const loop_;
  std::shared_ptr<Stream> stream_;
};

std::unique_ptr<Subscription> Open(std::shared_ptr<Stream> stream, Executor* loop, First first) {
  loop->Post([stream, first = std::move(first)]() mutable { stream->Begin(std::move(first)); });
  return std::make_unique<StreamSubscription>(loop, std::move(stream));
}

}  // namespace

std::unique_ptr<Subscription> SubscribeObjects(client::Client* client, Executor* loop,
                                               const api::ResourceInfo& resource,
                                               client::ListOptions options, OnEvent on_event,
                                               std::function<void(absl::Status)> on_end,
                                               std::function<void(bool)> on_listed) {
  return Open(
      std::make_shared<Stream>(client, loop, resource, std::move(options), std::move(on_event),
                               std::move(on_end), std::move(on_listed)),
      loop, std::nullopt);
}

std::unique_ptr<Subscription> Subscribe(client::Client* client, Executor* loop,
                                        const api::ResourceInfo& resource,
                                        client::ListOptions options,
                                        std::function<void(skiff::WatchEvent)> on_event,
                                        std::function<void(absl::Status)> on_end) {
  First first;
  if (!loop->InLoop() || VirtualTime::OnDriver()) {
    first = Await<client::ListResult>(loop, [&](client::Callback<client::ListResult> done) {
      client->List(resource, options, loop, std::move(done));
    });
  }
  return Open(std::make_shared<Stream>(
                  client, loop, resource, std::move(options),
                  [on_event = std::move(on_event)](skiff::WatchEvent::Type type,
                                                   const api::ObjectPtr& object) {
                    on_event({type, *object->Json()});
                  },
                  std::move(on_end), nullptr),
              loop, std::move(first));
}

}  // namespace skiff::cluster
