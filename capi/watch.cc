#include "base/status.h"
#include "capi/event_queue.h"
#include "capi/internal.h"

using skiff::capi::Check;
using skiff::capi::Guard;
using skiff::capi::OptionalText;
using skiff::capi::OrEmpty;
using skiff::capi::Pointer;
using skiff::capi::Text;
using Queue = skiff::capi::EventQueue<skiff::WatchEvent>;

namespace {

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
  SKIFF_RETURN_IF_ERROR(
      Check({Pointer("cluster", cluster), Text("kind", kind),
             OptionalText("name_space", name_space), OptionalText("label_selector", label_selector),
             OptionalText("field_selector", field_selector)}));
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
    if (on_event == nullptr) return Check({Pointer("on_event", nullptr)});
    SKIFF_RETURN_IF_ERROR(Check({Pointer("watch", watch)}));
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
    SKIFF_RETURN_IF_ERROR(Check({Pointer("watch", watch)}));
    SKIFF_ASSIGN_OR_RETURN(const skiff::ListQuery query,
                           Query(cluster, kind, name_space, label_selector, field_selector));
    SKIFF_ASSIGN_OR_RETURN(const std::shared_ptr<Queue> queue, Queue::Make());
    auto made = std::make_unique<skiff_watch>();
    made->queue = queue;
    SKIFF_ASSIGN_OR_RETURN(
        made->subscription,
        cluster->cluster->Watch(
            query, [queue](skiff::WatchEvent event) { queue->Push(std::move(event)); },
            [queue](absl::Status status) { queue->End(std::move(status)); }));
    *watch = made.release();
    return absl::OkStatus();
  });
}

int skiff_watch_fd(const skiff_watch* watch) {
  return watch == nullptr || watch->queue == nullptr ? -1 : watch->queue->fd();
}

skiff_code skiff_watch_next(skiff_watch* watch, int64_t timeout_ms, skiff_event_type* type,
                            char** object, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(
        Check({Pointer("watch", watch), Pointer("type", type), Pointer("object", object)}));
    if (watch->queue == nullptr) {
      return absl::InvalidArgumentError("the watch has callbacks: its events are not queued");
    }
    std::optional<absl::Status> end;
    const auto take = [&](const skiff::WatchEvent& event) {
      *object = skiff::capi::CopyOut(event.object_json);
      *type = TypeOf(event.type);
    };
    if (!watch->queue->Next(skiff::capi::Limit(timeout_ms), take, &end)) {
      return absl::DeadlineExceededError("no event came in time");
    }
    if (!end.has_value()) return absl::OkStatus();
    return end->ok() ? absl::UnavailableError("the watch has ended") : *end;
  });
}

void skiff_watch_free(skiff_watch** watch) {
  if (watch == nullptr) return;
  delete *watch;
  *watch = nullptr;
}

}  // extern "C"
