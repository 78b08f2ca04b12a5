#include "base/status.h"
#include "capi/internal.h"

using skiff::capi::Guard;
using skiff::capi::NullArgument;

namespace {

absl::StatusOr<skiff::LogQuery> Query(const skiff_cluster* cluster, const char* name_space,
                                      const char* pod, const char* container,
                                      int64_t offset_bytes) {
  if (cluster == nullptr) return NullArgument("cluster");
  if (pod == nullptr) return NullArgument("pod");
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
  std::unique_ptr<skiff::Subscription> subscription;
};

extern "C" {

skiff_code skiff_logs(skiff_cluster* cluster, const char* name_space, const char* pod,
                      const char* container, int64_t offset_bytes, char** data, size_t* size,
                      skiff_error** error) {
  return Guard(error, [&]() -> absl::Status {
    if (data == nullptr) return NullArgument("data");
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
    if (on_data == nullptr) return NullArgument("on_data");
    if (stream == nullptr) return NullArgument("stream");
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

void skiff_log_stream_free(skiff_log_stream** stream) {
  if (stream == nullptr) return;
  delete *stream;
  *stream = nullptr;
}

}  // extern "C"
