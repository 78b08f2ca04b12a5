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

absl::StatusOr<std::unique_ptr<ControlPlane>> ControlPlane::Open(ControlPlaneOptions options,
                                                                 Loops* loops,
                                                                 std::shared_ptr<LogSink> sink,
                                                                 Metrics* metrics) {
  std::unique_ptr<ControlPlane> out(new ControlPlane());
  out->options_ = std::move(options);
  out->loops_ = loops;
  out->sink_ = std::move(sink);
  out->metrics_ = metrics;
  out->store_loop_ = loops->New("skiff-store");
  std::unique_ptr<store::Store> store;
  if (out->options_.restorable) {
    auto memory = std::make_unique<MemoryStore>(out->store_loop_.get());
    out->memory_ = memory.get();
    store = std::move(memory);
  } else {
    store::StoreOptions store_options;
    store_options.data_dir = out->options_.store_dir;
    SKIFF_ASSIGN_OR_RETURN(
        store, store::Store::Open(std::move(store_options), out->store_loop_.get(), loops->pool(),
                                  Logger(out->sink_, "store"), metrics));
  }
  out->store_ = std::make_unique<FaultyStore>(std::move(store), out->store_loop_.get());
  out->server_ = std::make_unique<apiserver::Server>(
      out->store_.get(), &loops->clock(), loops->NewRng(), std::move(out->options_.plugins));
  const auto bootstrapped = Await<uint64_t>([&](client::Callback<uint64_t> done) {
    out->store_loop_->Post([&out, done = std::move(done)]() mutable {
      out->server_->Bootstrap(out->store_loop_.get(), std::move(done));
    });
  });
  SKIFF_RETURN_IF_ERROR(bootstrapped.status());
  out->StartLoops();
  return out;
}

void ControlPlane::StartLoops() {
  control_loop_ = loops_->New("skiff-control");
  scheduler_loop_ = loops_->New("skiff-sched");
  controllers_ = std::make_unique<controllers::ControllerManager>(
      server_.get(), control_loop_.get(), Logger(sink_, "controllers"), metrics_,
      options_.controllers_off);
  scheduler_events_ = std::make_unique<client::EventRecorder>(server_.get(), scheduler_loop_.get(),
                                                              "default-scheduler");
  scheduler_ = std::make_unique<scheduler::Scheduler>(
      server_.get(), scheduler_loop_.get(),
      [events = scheduler_events_.get()](const api::Object& pod, absl::string_view type,
                                         absl::string_view reason, const std::string& message) {
        events->Record(pod, type, reason, message);
      },
      Logger(sink_, "scheduler"), metrics_);
  RunOn(control_loop_.get(), [&] { controllers_->Start(); });
  RunOn(scheduler_loop_.get(), [&] { scheduler_->Start(); });
}

void ControlPlane::StopLoops() {
  if (scheduler_loop_ == nullptr) return;
  RunOn(scheduler_loop_.get(), [&] { scheduler_->Stop(); });
  RunOn(control_loop_.get(), [&] { controllers_->Stop(); });
  scheduler_loop_->Stop();
  control_loop_->Stop();
}

void ControlPlane::Pause() {
  StopLoops();
  // Once for what they have committed, and once for what was committed again after losing a race.
  RunOn(store_loop_.get(), [] {});
  RunOn(store_loop_.get(), [] {});
  { const Running gone = std::move(retired_); }  // In order: loops last.
  retired_ = {std::move(control_loop_), std::move(scheduler_loop_), std::move(scheduler_events_),
              std::move(scheduler_), std::move(controllers_)};
}

void ControlPlane::Resume() { StartLoops(); }

ControlPlane::~ControlPlane() { Stop(); }

void ControlPlane::Stop() {
  if (stopped_) return;
  stopped_ = true;
  StopLoops();
  if (store_ != nullptr) store_->Close();
  if (store_loop_ != nullptr) store_loop_->Stop();
  // Only now: until the store was closed it could still answer to the stopped loops.
  scheduler_.reset();
  controllers_.reset();
  scheduler_events_.reset();
  { const Running gone = std::move(retired_); }
  store_.reset();
}

}  // namespace skiff::cluster
