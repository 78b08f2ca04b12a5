// A runtime of the host's own, as a node sees it: keeps what was reported of its pods and writes
// their logs.
//
// Threads: as runtime::Runtime; reports come on any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "runtime/runtime.h"
#include "skiff/extend.h"

namespace skiff::cluster {

class HostedRuntime final : public runtime::Runtime {
 public:
  // `executor`, whose clock it reads and on which its events come, outlives it.
  HostedRuntime(CustomRuntime callbacks, std::string node, Executor* executor);
  // Ends what still runs, by force.
  ~HostedRuntime() override;

  absl::string_view name() const override { return callbacks_.name; }
  void SetListener(runtime::PodChanged listener) override;
  absl::StatusOr<std::vector<runtime::PodState>> List() override;
  absl::StatusOr<runtime::PodState> StartPod(const runtime::PodSpec& pod) override;
  absl::StatusOr<runtime::ContainerState> StartContainer(
      const std::string& pod_uid, const runtime::ContainerSpec& container) override;
  // SIGKILL ends it by force; every other signal asks it to end.
  absl::Status SignalContainer(const std::string& pod_uid, const std::string& container,
                               int signal) override;
  absl::Status KillContainer(const std::string& pod_uid, const std::string& container) override;
  absl::Status ReopenLog(const std::string& pod_uid, const std::string& container) override;
  absl::StatusOr<runtime::PodState> State(const std::string& pod_uid) override;
  absl::StatusOr<runtime::Usage> PodUsage(const std::string& pod_uid) override;
  absl::StatusOr<ExecResult> Exec(const std::string& pod_uid, const std::string& container,
                                  const std::vector<std::string>& argv,
                                  absl::Duration timeout) override;
  absl::Status StopPod(const std::string& pod_uid) override;
  absl::Status RemovePod(const std::string& pod_uid) override;

 private:
  class Log;
  class Run;
  struct Pod {
    runtime::PodSpec spec;
    runtime::PodState state;
    std::map<std::string, std::shared_ptr<Log>> logs;  // By container.
  };
  // The host's handles keep it: they may be used when this object is gone.
  struct Shared {
    Mutex mutex;
    std::map<std::string, Pod> pods ABSL_GUARDED_BY(mutex);
    runtime::PodChanged listener ABSL_GUARDED_BY(mutex);
    Executor* executor ABSL_GUARDED_BY(mutex) = nullptr;  // Null once it is closed.
  };

  static void Report(const std::shared_ptr<Shared>& shared, const std::string& pod_uid,
                     const std::string& container, int attempt,
                     absl::FunctionRef<void(runtime::ContainerState*, absl::Time)> change);
  // Marks as killed those of the pod's containers that have not ended (or only the one named);
  // their ids.
  static std::vector<std::string> MarkKilled(Pod* pod, absl::Time now,
                                             const std::string& only = "");
  void Stop(const std::string& id, bool force) const;

  const CustomRuntime callbacks_;
  const std::string node_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace skiff::cluster
