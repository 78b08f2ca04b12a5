// What the host has added to its cluster, while it is open: the checks of it, and where its
// controllers run.
//
// Threads: the one that opens and closes the cluster.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "apiserver/admission/admission.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/uv_executor.h"
#include "cluster/custom_controller.h"
#include "cluster/gate.h"
#include "skiff/cluster.h"

namespace skiff::cluster {

// Runtimes of the host's that cannot be: kInvalidArgument names the one.
absl::Status CheckRuntimes(const std::vector<CustomRuntime>& runtimes);
// The RuntimeClasses that choose them, where they are not there yet. Blocks.
absl::Status MakeRuntimeClasses(const std::vector<CustomRuntime>& runtimes, Objects* objects);

// Where controllers run instead of on threads of their own: on a virtual clock, its driver's.
struct ControllerPlace {
  Executor* loop = nullptr;
  WorkPool* worker = nullptr;
};

class HostedControllers {
 public:
  // Starts none. What is given outlives it. kInvalidArgument, kNotFound: as
  // CustomController::Check, and for two of one name.
  static absl::StatusOr<std::unique_ptr<HostedControllers>> Make(
      const std::vector<Controller>& controllers, client::Client* client, Objects* objects,
      std::shared_ptr<LogSink> sink, Metrics* metrics, ControllerPlace place = {});
  ~HostedControllers();

  void Start();
  // Turns away what their callbacks still ask for and waits until they have returned. Idempotent.
  void Stop();

  // See controllers::ControllerManager; on the loop.
  bool Settled(absl::Duration within) const;
  absl::Time NextWake() const;
  const std::vector<std::unique_ptr<CustomController>>& all() const { return controllers_; }
  Executor* loop() const { return loop_; }

 private:
  HostedControllers() = default;

  void OnLoop(absl::FunctionRef<void()> task);

  std::atomic<bool> closing_ = false;
  Gate calls_;  // Callbacks that are under way.
  std::unique_ptr<UvExecutor> own_loop_;
  std::vector<std::unique_ptr<ThreadPool>> own_workers_;  // One each: callbacks block.
  Executor* loop_ = nullptr;
  std::vector<std::unique_ptr<CustomController>> controllers_;
};

}  // namespace skiff::cluster
