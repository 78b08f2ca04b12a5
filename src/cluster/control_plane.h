// A control plane of one member: store, API server, controllers, scheduler, each on its loop.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "apiserver/rest/server.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/uv_executor.h"
#include "client/event_recorder.h"
#include "controllers/controllers.h"
#include "scheduler/scheduler.h"
#include "store/store.h"

namespace skiff::cluster {

class ControlPlane {
 public:
  // Opens the store (in memory if `store_dir` is empty), makes what every cluster has, starts the
  // loops. Writes pass `plugins`. Blocks.
  static absl::StatusOr<std::unique_ptr<ControlPlane>> Open(
      const std::string& store_dir, WorkPool* pool, std::shared_ptr<LogSink> sink, Metrics* metrics,
      apiserver::AdmissionPlugins plugins = apiserver::DefaultAdmission());
  ~ControlPlane();

  // Stops controllers and scheduler, then the store. Writes fail from here on. Blocks. Idempotent.
  void Stop();

  apiserver::Server& server() { return *server_; }

 private:
  ControlPlane() = default;
  void StartLoops(std::shared_ptr<LogSink> sink, Metrics* metrics);

  SystemClock clock_;
  bool stopped_ = false;
  std::unique_ptr<UvExecutor> store_loop_;
  std::unique_ptr<UvExecutor> control_loop_;
  std::unique_ptr<UvExecutor> scheduler_loop_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::Server> server_;
  std::unique_ptr<client::EventRecorder> scheduler_events_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::unique_ptr<controllers::ControllerManager> controllers_;
};

// Runs `task` on the loop and waits until it has run.
void RunOn(Executor* loop, absl::FunctionRef<void()> task);

}  // namespace skiff::cluster
