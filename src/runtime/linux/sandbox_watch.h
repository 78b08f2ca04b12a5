// How SandboxRuntime learns of changes without asking: inotify on the pods' directories, and a
// pidfd on each head.
#pragma once

#include <sys/types.h>
#include <uv.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "base/uv_executor.h"
#include "runtime/linux/sandbox_runtime.h"

namespace skiff::runtime {

// Threads: Add and Remove from any; `changed` is called on the loop.
struct SandboxRuntime::Watching {
  Watching(UvExecutor* loop, std::function<void(const std::string& pod_uid)> changed);
  // Not on the loop: waits until the loop has let go.
  ~Watching();

  void Add(const std::string& pod_uid, const std::string& dir, int64_t head_pid);
  void Remove(const std::string& pod_uid);

  struct State;
  UvExecutor* const loop;
  const std::shared_ptr<State> state;
};

// Waits for the end of an exec'ed process and collects at most `limit` bytes of its output; kills
// it when the time is over. kDeadlineExceeded.
absl::StatusOr<Runtime::ExecResult> CollectExec(pid_t pid, int reader, absl::Duration timeout,
                                                size_t limit);

// Waits, at most 5 s, until a process that is not a child of ours has ended.
void AwaitExit(pid_t pid);

}  // namespace skiff::runtime
