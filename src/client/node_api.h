// What the API server asks of the node that runs a pod: what Kubernetes calls the kubelet's API.
// The node agent implements it; the composition root tells the API server where each node is.
//
// Threads: any. Sinks run on the executor that the caller names.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/executor.h"

namespace skiff::client {

struct LogOptions {
  std::string container;
  bool follow = false;
  bool previous = false;    // The attempt before the latest.
  bool timestamps = false;  // Each line begins with its RFC 3339 time.
  std::optional<absl::Time> since;
  std::optional<int64_t> tail_lines;
  std::optional<int64_t> limit_bytes;
  int64_t offset_bytes = 0;  // Skip that much of what would be sent: resumes a broken stream.
};

struct LogSink {
  std::function<void(std::string data)> on_data;
  // OK: the log is complete (not following, or the container ended). The last call.
  std::function<void(absl::Status status)> on_end;
};

// Destroying it ends the stream; on the sink's executor nothing is called after that.
class LogStream {
 public:
  virtual ~LogStream() = default;
};

class NodeApi {
 public:
  virtual ~NodeApi() = default;
  // kNotFound: no such pod or container here; kInvalidArgument: the container has no log yet, with
  // Kubernetes' words ("container \"x\" in pod \"y\" is waiting to start: ContainerCreating").
  virtual void StreamLogs(
      const std::string& pod_namespace, const std::string& pod_name, LogOptions options,
      Executor* reply_on, LogSink sink,
      absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<LogStream>>) &&> started) = 0;
};

class NodeDirectory {
 public:
  virtual ~NodeDirectory() = default;
  // Null if that node cannot be reached. The pointer is good while the node runs.
  virtual NodeApi* Find(absl::string_view node_name) = 0;
};

}  // namespace skiff::client
