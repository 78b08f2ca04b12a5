#include "cluster/control_plane.h"

#include "base/notification.h"
#include "base/status.h"
#include "cluster/await.h"

namespace skiff::cluster {

void RunOn(Executor* loop, absl::FunctionRef<void()> task) {
  Notification done;
  loop->Post([&] {
    task();
    done.Notify();
  });
  done.WaitForNotification();
}

absl::StatusOr<std::unique_ptr<ControlPlane>> ControlPlane::Open(
    const std::string& store_dir, WorkPool* pool, std::shared_ptr<LogSink> sink, Metrics* metrics,
    apiserver::AdmissionPlugins plugins) {
  std::unique_ptr<ControlPlane> out(new ControlPlane());
  out->store_loop_ = std::make_unique<UvExecutor>("skiff-store");
  store::StoreOptions options;
  options.data_dir = store_dir;
  SKIFF_ASSIGN_OR_RETURN(out->store_, store::Store::Open(options, out->store_loop_.get(), pool,
                                                         Logger(sink, "store"), metrics));
  out->server_ = std::make_unique<apiserver::Server>(out->store_.get(), &out->clock_,
                                                     Rng::FromSystem(), std::move(plugins));
  const auto bootstrapped = Await<uint64_t>([&](client::Callback<uint64_t> done) {
    out->server_->Bootstrap(out->store_loop_.get(), std::move(done));
  });
  SKIFF_RETURN_IF_ERROR(bootstrapped.status());
  out->StartLoops(std::move(sink), metrics);
  return out;
}

void ControlPlane::StartLoops(std::shared_ptr<LogSink> sink, Metrics* metrics) {
  control_loop_ = std::make_unique<UvExecutor>("skiff-control");
  scheduler_loop_ = std::make_unique<UvExecutor>("skiff-sched");
  controllers_ = std::make_unique<controllers::ControllerManager>(
      server_.get(), control_loop_.get(), Logger(sink, "controllers"), metrics);
  scheduler_events_ = std::make_unique<client::EventRecorder>(server_.get(), scheduler_loop_.get(),
                                                              "default-scheduler");
  scheduler_ = std::make_unique<scheduler::Scheduler>(
      server_.get(), scheduler_loop_.get(),
      [this](const api::Object& pod, absl::string_view type, absl::string_view reason,
             const std::string& message) { scheduler_events_->Record(pod, type, reason, message); },
      Logger(sink, "scheduler"), metrics);
  RunOn(control_loop_.get(), [&] { controllers_->Start(); });
  RunOn(scheduler_loop_.get(), [&] { scheduler_->Start(); });
}

ControlPlane::~ControlPlane() { Stop(); }

void ControlPlane::Stop() {
  if (stopped_) return;
  stopped_ = true;
  if (scheduler_loop_ != nullptr) {
    RunOn(scheduler_loop_.get(), [&] { scheduler_->Stop(); });
    RunOn(control_loop_.get(), [&] { controllers_->Stop(); });
    scheduler_loop_->Stop();
    control_loop_->Stop();
  }
  if (store_ != nullptr) store_->Close();
  if (store_loop_ != nullptr) store_loop_->Stop();
  // Only now: until the store was closed it could still answer to the stopped loops.
  scheduler_.reset();
  controllers_.reset();
  scheduler_events_.reset();
  store_.reset();
}

}  // namespace skiff::cluster
