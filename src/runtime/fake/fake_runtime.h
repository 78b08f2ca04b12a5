// Simulated pods: everything the node agent sees of a runtime and nothing of the kernel. A
// container does what its pod's annotations say, in the executor's time, so a simulated cluster of
// a thousand nodes is exact and fast.
//
// Annotations (a container's own, `<key>.<container>`, goes before the pod's):
//   fake.skiff.dev/run-seconds    how long a container runs before it ends; without it, for ever
//   fake.skiff.dev/exit-code      what it ends with; 0 if not set
//   fake.skiff.dev/output         what it writes to its log when it starts
//   fake.skiff.dev/start-error    why it cannot start
//   fake.skiff.dev/oom            "true": it ends as OOMKilled
//
// Threads: any; events arrive on the executor.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "runtime/runtime.h"

namespace skiff::runtime {

class FakeRuntime final : public Runtime {
 public:
  // `executor` must outlive it, or be stopped before.
  explicit FakeRuntime(Executor* executor);
  ~FakeRuntime() override;

  absl::string_view name() const override { return "fake"; }
  void SetListener(PodChanged listener) override;
  absl::StatusOr<std::vector<PodState>> List() override;
  absl::StatusOr<PodState> StartPod(const PodSpec& pod) override;
  absl::StatusOr<ContainerState> StartContainer(const std::string& pod_uid,
                                                const ContainerSpec& container) override;
  // SIGTERM and SIGKILL end it at once with 128 + signal; others do nothing.
  absl::Status SignalContainer(const std::string& pod_uid, const std::string& container,
                               int signal) override;
  absl::Status KillContainer(const std::string& pod_uid, const std::string& container) override;
  absl::StatusOr<PodState> State(const std::string& pod_uid) override;
  absl::StatusOr<Usage> PodUsage(const std::string& pod_uid) override;
  // Exit code 0 and no output.
  absl::StatusOr<ExecResult> Exec(const std::string& pod_uid, const std::string& container,
                                  const std::vector<std::string>& argv,
                                  absl::Duration timeout) override;
  absl::Status StopPod(const std::string& pod_uid) override;
  absl::Status RemovePod(const std::string& pod_uid) override;

  // What simulated pods are at, for another runtime, at another time, to go on from. Times in it
  // are relative.
  struct Saved {
    struct End {  // A container that will end by itself.
      absl::Duration in;
      int exit_code = 0;
      bool oom = false;
    };
    struct Pod {
      PodSpec spec;
      PodState state;
      std::map<std::string, End> ends;  // By container.
    };
    std::map<std::string, Pod> pods;
  };
  Saved Save() const;
  // Before any other call.
  void Restore(const Saved& saved);

  // Faults for tests: ends a running container as if it crashed.
  absl::Status Crash(const std::string& pod_uid, const std::string& container, int exit_code);
  // Faults for tests: containers do not listen to SIGTERM.
  void IgnoreSigterm(bool ignore);

 private:
  struct Timer {
    Executor::TimerId id;
    absl::Duration due;  // By the executor's monotonic clock.
    Saved::End end;
  };
  struct Pod {
    PodSpec spec;
    PodState state;
    std::map<std::string, Timer> timers;  // By container.
  };
  // Outlives this object in timers that have fired but not run.
  struct Shared {
    Mutex mutex;
    std::map<std::string, Pod> pods ABSL_GUARDED_BY(mutex);
    PodChanged listener ABSL_GUARDED_BY(mutex);
    bool closed ABSL_GUARDED_BY(mutex) = false;
    bool ignores_sigterm ABSL_GUARDED_BY(mutex) = false;
  };

  Timer StartTimer(const std::string& pod_uid, const std::string& container, int attempt,
                   const Saved::End& end);
  static void Notify(const std::shared_ptr<Shared>& shared, const std::string& pod_uid);
  static absl::Status End(const std::shared_ptr<Shared>& shared, Executor* executor,
                          const std::string& pod_uid, const std::string& container, int exit_code,
                          int signal, bool oom, std::optional<int> attempt);

  Executor* const executor_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace skiff::runtime
