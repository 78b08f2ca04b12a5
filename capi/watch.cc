#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "capi/internal.h"

using skiff::capi::Guard;
using skiff::capi::NullArgument;
using skiff::capi::OrEmpty;

namespace {

// Events between the cluster's thread and the caller's. The eventfd's count is 1 while there is
// something to take.
struct Queue {
  absl::Mutex mutex;
  std::deque<skiff::WatchEvent> events ABSL_GUARDED_BY(mutex);
  bool ended ABSL_GUARDED_BY(mutex) = false;
  absl::Status end ABSL_GUARDED_BY(mutex);
  skiff::UniqueFd fd;

  void Signal() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(fd.get(), &one, sizeof one);
  }
  void Quiet() {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = read(fd.get(), &count, sizeof count);
  }
};

skiff_event_type TypeOf(skiff::WatchEvent::Type type) {
  switch (type) {
    case skiff::WatchEvent::Type::kAdded:
      return SKIFF_ADDED;
    case skiff::WatchEvent::Type::kModified:
      return SKIFF_MODIFIED;
    case skiff::WatchEvent::Type::kDeleted:
      return SKIFF_DELETED;
  }
  return SKIFF_MODIFIED;
}

absl::StatusOr<skiff::ListQuery> Query(const skiff_cluster* cluster, const char* kind,
                                       const char* name_space, const char* label_selector,
                                       const char* field_selector) {
  if (cluster == nullptr) return NullArgument("cluster");
  if (kind == nullptr) return NullArgument("kind");
  return skiff::ListQuery{kind, OrEmpty(name_space), OrEmpty(label_selector),
                          OrEmpty(field_selector)};
}

}  // namespace

struct skiff_watch {
  std::shared_ptr<Queue> queue;  // Null for a watch with callbacks.
  std::unique_ptr<skiff::Subscription> subscription;
};

extern "C" {

skiff_code skiff_watch_start(skiff_cluster* cluster, const char* kind, const char* name_space,
                             const char* label_selector, const char* field_selector,
                             skiff_event_fn on_event, skiff_end_fn on_end, void* context,
                             skiff_watch** watch, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    if (on_event == nullptr) return NullArgument("on_event");
    if (watch == nullptr) return NullArgument("watch");
    SKIFF_ASSIGN_OR_RETURN(const skiff::ListQuery query,
                           Query(cluster, kind, name_space, label_selector, field_selector));
    auto made = std::make_unique<skiff_watch>();
    SKIFF_ASSIGN_OR_RETURN(made->subscription, cluster->cluster->Watch(
                                                   query,
                                                   [on_event, context](skiff::WatchEvent event) {
                                                     on_event(context, TypeOf(event.type),
                                                              event.object_json.c_str());
                                                   },
                                                   [on_end, context](absl::Status status) {
                                                     if (on_end == nullptr) return;
                                                     on_end(context, skiff::capi::CodeOf(status),
                                                            std::string(status.message()).c_str());
                                                   }));
    *watch = made.release();
    return absl::OkStatus();
  });
}

skiff_code skiff_watch_open(skiff_cluster* cluster, const char* kind, const char* name_space,
                            const char* label_selector, const char* field_selector,
                            skiff_watch** watch, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    if (watch == nullptr) return NullArgument("watch");
    SKIFF_ASSIGN_OR_RETURN(const skiff::ListQuery query,
                           Query(cluster, kind, name_space, label_selector, field_selector));
    auto queue = std::make_shared<Queue>();
    queue->fd.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!queue->fd.valid()) return skiff::ErrnoStatus(errno, "eventfd");
    auto made = std::make_unique<skiff_watch>();
    made->queue = queue;
    SKIFF_ASSIGN_OR_RETURN(made->subscription, cluster->cluster->Watch(
                                                   query,
                                                   [queue](skiff::WatchEvent event) {
                                                     absl::MutexLock lock(&queue->mutex);
                                                     queue->events.push_back(std::move(event));
                                                     queue->Signal();
                                                   },
                                                   [queue](absl::Status status) {
                                                     absl::MutexLock lock(&queue->mutex);
                                                     queue->ended = true;
                                                     queue->end = std::move(status);
                                                     queue->Signal();
                                                   }));
    *watch = made.release();
    return absl::OkStatus();
  });
}

int skiff_watch_fd(const skiff_watch* watch) {
  return watch->queue == nullptr ? -1 : watch->queue->fd.get();
}

skiff_code skiff_watch_next(skiff_watch* watch, int64_t timeout_ms, skiff_event_type* type,
                            char** object, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    if (watch == nullptr) return NullArgument("watch");
    if (type == nullptr) return NullArgument("type");
    if (object == nullptr) return NullArgument("object");
    if (watch->queue == nullptr) {
      return absl::InvalidArgumentError("the watch has callbacks: its events are not queued");
    }
    Queue& queue = *watch->queue;
    absl::MutexLock lock(&queue.mutex);
    const auto ready =
        +[](Queue* q) ABSL_NO_THREAD_SAFETY_ANALYSIS { return q->ended || !q->events.empty(); };
    if (!queue.mutex.AwaitWithTimeout(absl::Condition(ready, &queue),
                                      skiff::capi::Limit(timeout_ms))) {
      return absl::DeadlineExceededError("no event came in time");
    }
    if (queue.events.empty()) {
      return queue.end.ok() ? absl::UnavailableError("the watch has ended") : queue.end;
    }
    *object = skiff::capi::CopyOut(queue.events.front().object_json);
    *type = TypeOf(queue.events.front().type);
    queue.events.pop_front();
    if (queue.events.empty() && !queue.ended) queue.Quiet();
    return absl::OkStatus();
  });
}

void skiff_watch_free(skiff_watch** watch) {
  if (watch == nullptr) return;
  delete *watch;
  *watch = nullptr;
}

}  // extern "C"
