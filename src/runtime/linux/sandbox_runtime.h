// Runtime on this machine's kernel: pods held by their heads (head/head.c). One class for
// containers from images and for plain programs: they differ in the script that a container's
// process runs, not in how pods live.
//
// On disk, <state_dir>/<pod uid>/: `pod` (what is needed of its PodSpec), the head's records, and
// for each attempt of a container NAME.ATTEMPT.script, .run, .exit and a directory NAME.ATTEMPT.
//
// Threads: as Runtime. The listener is called on `loop`.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "base/uv_executor.h"
#include "runtime/image/image_store.h"
#include "runtime/linux/cgroup.h"
#include "runtime/linux/container_script.h"
#include "runtime/linux/devices.h"
#include "runtime/runtime.h"

namespace skiff::runtime {

struct SandboxOptions {
  std::string state_dir;  // Made if missing; absolute.
  std::string instance;   // Names the parent cgroup, skiff/<instance>: unique on the machine.
  const ImageStore* images = nullptr;  // Null: plain programs (`process`).
  UvExecutor* loop = nullptr;          // Outlives the runtime.
  // Where files of removed pods are deleted, which may take long; null: where they are removed.
  // Outlives the runtime.
  WorkPool* pool = nullptr;
  Logger logger;
};

class SandboxRuntime final : public Runtime {
 public:
  // kPermissionDenied: not root; kFailedPrecondition: the kernel lacks something, and what.
  static absl::StatusOr<std::unique_ptr<SandboxRuntime>> Open(SandboxOptions options);
  // Lets go of the pods, which go on. Waits until the files of removed ones are deleted.
  ~SandboxRuntime() override;

  absl::string_view name() const override {
    return options_.images == nullptr ? "process" : "linux";
  }
  void SetListener(PodChanged listener) override;
  absl::StatusOr<std::vector<PodState>> List() override;
  absl::StatusOr<PodState> StartPod(const PodSpec& pod) override;
  absl::StatusOr<ContainerState> StartContainer(const std::string& pod_uid,
                                                const ContainerSpec& container) override;
  absl::Status SignalContainer(const std::string& pod_uid, const std::string& container,
                               int signal) override;
  absl::Status KillContainer(const std::string& pod_uid, const std::string& container) override;
  absl::Status ReopenLog(const std::string& pod_uid, const std::string& container) override;
  absl::StatusOr<PodState> State(const std::string& pod_uid) override;
  absl::StatusOr<Usage> PodUsage(const std::string& pod_uid) override;
  absl::StatusOr<ExecResult> Exec(const std::string& pod_uid, const std::string& container,
                                  const std::vector<std::string>& argv,
                                  absl::Duration timeout) override;
  absl::Status StopPod(const std::string& pod_uid) override;
  absl::Status RemovePod(const std::string& pod_uid) override;

 private:
  struct Watching;

  SandboxRuntime(SandboxOptions options, Cgroups cgroups);
  absl::Status Init();
  std::string Dir(const std::string& pod_uid) const;
  std::string DiscardDir() const;
  std::string Group(const std::string& pod_uid, const std::string& leaf = "") const;
  absl::Status Discard(const std::string& path);
  void DeleteLeftovers();
  void DeleteLater(const std::string& path);
  absl::Status EndSandbox(const std::string& pod_uid);
  absl::Status RemoveSandbox(const std::string& pod_uid, bool with_logs);
  absl::StatusOr<ContainerState> StartAttempt(const PodSpec& pod, const ContainerSpec& container);
  void RecordFailure(const std::string& pod_uid, const ContainerSpec& container,
                     const absl::Status& why);
  void ForgetAttempts(const PodSpec& pod, const std::string& name, int before);
  absl::Status Spawn(const PodSpec& pod, const std::string& dir);
  absl::StatusOr<std::string> Order(const std::string& dir, const std::vector<std::string>& words);
  void Watch(const std::string& pod_uid, int64_t head_pid);
  void Unwatch(const std::string& pod_uid);
  void Tell(const std::string& pod_uid);
  ContainerState ReadContainer(const std::string& pod_uid, const std::string& name, int attempt,
                               bool pod_alive) const;

  const SandboxOptions options_;
  Cgroups cgroups_;  // Constant after Init.
  UniqueFd head_binary_;
  SeccompFilters filters_;
  std::optional<DeviceFilter> devices_;  // None: the kernel has none.
  std::unique_ptr<Watching> watching_;   // Loop only.
  Mutex mutex_;
  PodChanged listener_ ABSL_GUARDED_BY(mutex_);
  int64_t discarded_ ABSL_GUARDED_BY(mutex_) = 0;  // The last name given in DiscardDir.
  CondVar deleted_;
  int deleting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace skiff::runtime
