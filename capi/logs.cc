#include "base/status.h"
#include "capi/event_queue.h"
#include "capi/internal.h"

using skiff::capi::Check;
using skiff::capi::Guard;
using skiff::capi::OptionalText;
using skiff::capi::Pointer;
using skiff::capi::Text;
using Queue = skiff::capi::EventQueue<std::string>;

namespace {

absl::StatusOr<skiff::LogQuery> Query(const skiff_cluster* cluster, const char* name_space,
                                      const char* pod, const char* container,
                                      int64_t offset_bytes) {
  SKIFF_RETURN_IF_ERROR(Check({Pointer("cluster", cluster), OptionalText("name_space", name_space),
                               Text("pod", pod), OptionalText("container", container)}));
  if (offset_bytes < 0) {
    return absl::InvalidArgumentError("the argument `offset_bytes` must not be negative");
  }
  skiff::LogQuery query;
  query.name_space = skiff::capi::OrDefault(name_space);
  query.pod = pod;
  query.container = skiff::capi::OrEmpty(container);
  query.offset_bytes = offset_bytes;
  return query;
}

}  // namespace

struct skiff_log_stream {
  std::shared_ptr<Queue> queue;  // Null for a stream with callbacks.
  std::unique_ptr<skiff::Subscription> subscription;
};

extern "C" {

skiff_code skiff_logs(skiff_cluster* cluster, const char* name_space, const char* pod,
                      const char* container, int64_t offset_bytes, char** data, size_t* size,
                      skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("data", data)}));
    SKIFF_ASSIGN_OR_RETURN(const skiff::LogQuery query,
                           Query(cluster, name_space, pod, container, offset_bytes));
    SKIFF_ASSIGN_OR_RETURN(const std::string text, cluster->cluster->Logs(query));
    *data = skiff::capi::CopyOut(text);
    if (size != nullptr) *size = text.size();
    return absl::OkStatus();
  });
}

skiff_code skiff_logs_follow(skiff_cluster* cluster, const char* name_space, const char* pod,
                             const char* container, int64_t offset_bytes, skiff_data_fn on_data,
                             skiff_end_fn on_end, void* context, skiff_log_stream** stream,
                             skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    if (on_data == nullptr) return Check({Pointer("on_data", nullptr)});
    SKIFF_RETURN_IF_ERROR(Check({Pointer("stream", stream)}));
    SKIFF_ASSIGN_OR_RETURN(skiff::LogQuery query,
                           Query(cluster, name_space, pod, container, offset_bytes));
    query.follow = true;
    auto made = std::make_unique<skiff_log_stream>();
    SKIFF_ASSIGN_OR_RETURN(
        made->subscription,
        cluster->cluster->FollowLogs(
            query,
            [on_data, context](std::string data) { on_data(context, data.data(), data.size()); },
            [on_end, context](absl::Status status) {
              if (on_end == nullptr) return;
              on_end(context, skiff::capi::CodeOf(status), std::string(status.message()).c_str());
            }));
    *stream = made.release();
    return absl::OkStatus();
  });
}

skiff_code skiff_logs_open(skiff_cluster* cluster, const char* name_space, const char* pod,
                           const char* container, int64_t offset_bytes, skiff_log_stream** stream,
                           skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(Check({Pointer("stream", stream)}));
    SKIFF_ASSIGN_OR_RETURN(skiff::LogQuery query,
                           Query(cluster, name_space, pod, container, offset_bytes));
    query.follow = true;
    SKIFF_ASSIGN_OR_RETURN(const std::shared_ptr<Queue> queue, Queue::Make());
    auto made = std::make_unique<skiff_log_stream>();
    made->queue = queue;
    SKIFF_ASSIGN_OR_RETURN(made->subscription,
                           cluster->cluster->FollowLogs(
                               query, [queue](std::string data) { queue->Push(std::move(data)); },
                               [queue](absl::Status status) { queue->End(std::move(status)); }));
    *stream = made.release();
    return absl::OkStatus();
  });
}

int skiff_log_stream_fd(const skiff_log_stream* stream) {
  return stream == nullptr || stream->queue == nullptr ? -1 : stream->queue->fd();
}

skiff_code skiff_log_stream_next(skiff_log_stream* stream, int64_t timeout_ms, char** data,
                                 size_t* size, skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    SKIFF_RETURN_IF_ERROR(
        Check({Pointer("stream", stream), Pointer("data", data), Pointer("size", size)}));
    if (stream->queue == nullptr) {
      return absl::InvalidArgumentError("the stream has callbacks: its data is not queued");
    }
    std::optional<absl::Status> end;
    const auto take = [&](const std::string& piece) {
      *data = skiff::capi::CopyOut(piece);
      *size = piece.size();
    };
    if (!stream->queue->Next(skiff::capi::Limit(timeout_ms), take, &end)) {
      return absl::DeadlineExceededError("no output came in time");
    }
    if (!end.has_value()) return absl::OkStatus();
    if (end->ok()) {
      *data = nullptr;
      *size = 0;
    }
    return *end;
  });
}

void skiff_log_stream_free(skiff_log_stream** stream) {
  if (stream == nullptr) return;
  delete *stream;
  *stream = nullptr;
}

}  // extern "C"
