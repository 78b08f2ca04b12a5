#include "cluster/control_plane.h"

#include "base/notification.h"
#include "base/status.h"
#include "cluster/await.h"

namespace skiff::cluster {
namespace {

// Longer than any answer of a store takes.
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kBootstrapAgain = absl::Milliseconds(100);

}  // namespace

void RunOn(Executor* loop, absl::FunctionRef<void()> task) {
  if (loop->InLoop()) return task();
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
  SKIFF_ASSIGN_OR_RETURN(std::unique_ptr<store::Store> store, out->OpenStore());
  out->store_ =
      std::make_unique<FaultyStore>(std::move(store), out->store_loop_.get(), out->options_.faults);
  out->server_ = std::make_unique<apiserver::Server>(
      out->store_.get(), &loops->clock(), loops->NewRng(), std::move(out->options_.plugins));
  if (out->options_.meet) {
    out->FollowLeadership();
    return out;
  }
  SKIFF_RETURN_IF_ERROR(out->Bootstrap());
  out->StartLoops();
  return out;
}

absl::StatusOr<std::unique_ptr<store::Store>> ControlPlane::OpenStore() {
  store::StoreOptions options;
  options.data_dir = options_.store_dir;
  options.storage = std::move(options_.storage);
  if (options_.meet) {
    SKIFF_ASSIGN_OR_RETURN(options.membership, options_.meet(store_loop_.get()));
  }
  return store::Store::Open(std::move(options), store_loop_.get(), loops_->pool(),
                            Logger(sink_, "store"), metrics_);
}

absl::Status ControlPlane::Bootstrap() {
  return Await<uint64_t>(store_loop_.get(),
                         [&](client::Callback<uint64_t> done) {
                           store_loop_->Post([this, done = std::move(done)]() mutable {
                             server_->Bootstrap(store_loop_.get(), std::move(done));
                           });
                         })
      .status();
}

void ControlPlane::FollowLeadership() {
  store_->OnLeadership([this](bool leads) {
    {
      MutexLock lock(&mutex_);
      leads_ = leads;
      if (stopping_ || std::exchange(switching_, true)) return;
    }
    if (VirtualTime::OnDriver()) {
      store_loop_->Post([this] { SwitchOnDriver(); });
    } else {
      loops_->pool()->Run([this] { SwitchLoops(); });
    }
  });
}

bool ControlPlane::MustSwitch(bool* leads) {
  MutexLock lock(&mutex_);
  *leads = leads_;
  if (!stopping_ && leads_ != (controllers_ != nullptr)) return true;
  switching_ = false;
  switched_.NotifyAll();
  return false;
}

// Until loops run just where this member leads.
void ControlPlane::SwitchLoops() {
  bool leads = false;
  while (MustSwitch(&leads)) {
    if (!leads) {
      MutexLock lock(&steady_);
      Pause();
    } else if (const absl::Status made = Bootstrap(); made.ok()) {
      MutexLock lock(&steady_);
      StartLoops();
    } else {
      Logger(sink_, "control-plane").Warning("cannot begin to lead: %s", made.message());
      MutexLock lock(&mutex_);
      const auto moot = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return stopping_ || !leads_; };
      switched_.AwaitFor(&mutex_, kBootstrapAgain, moot);
    }
  }
}

// As SwitchLoops, where nothing may wait: what it waits for takes virtual time.
void ControlPlane::SwitchOnDriver() {
  bool leads = false;
  if (!MustSwitch(&leads)) return;
  if (!leads) {
    Pause();
    return SwitchOnDriver();
  }
  server_->Bootstrap(store_loop_.get(), [this](const absl::StatusOr<uint64_t>& made) {
    bool still = false;
    {
      MutexLock lock(&mutex_);
      still = leads_ && !stopping_;
    }
    if (made.ok() && still) {
      StartLoops();
    } else if (!made.ok()) {
      Logger(sink_, "control-plane").Warning("cannot begin to lead: %s", made.status().message());
    }
    store_loop_->PostAfter(made.ok() ? absl::ZeroDuration() : kBootstrapAgain,
                           [this] { SwitchOnDriver(); });
  });
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
  store_->EndDelays(absl::OkStatus());
  // Once for what they have committed, and once for what was committed again after losing a race.
  RunOn(store_loop_.get(), [] {});
  RunOn(store_loop_.get(), [] {});
  // What a majority has not answered yet may be answered as long as the store is patient.
  const absl::Duration now = store_loop_->clock().Monotonic();
  while (!retired_.empty() && (!options_.meet || retired_.front().since < now - kPatience)) {
    retired_.pop_front();
  }
  retired_.push_back({now, std::move(control_loop_), std::move(scheduler_loop_),
                      std::move(scheduler_events_), std::move(scheduler_),
                      std::move(controllers_)});
}

void ControlPlane::Resume() { StartLoops(); }

ControlPlane::~ControlPlane() { Stop(); }

void ControlPlane::Stop() {
  if (stopped_) return;
  stopped_ = true;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    const bool on_driver = VirtualTime::OnDriver() && store_loop_->InLoop();
    if (switching_ && !on_driver) store_->Close();  // It may wait for a majority that is not there.
    if (on_driver) switching_ = false;              // What there is goes with its loop.
    switched_.Await(&mutex_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !switching_; });
  }
  StopLoops();
  if (store_ != nullptr) store_->Close();
  if (store_loop_ != nullptr) store_loop_->Stop();
  // Only now: until the store was closed it could still answer to the stopped loops.
  scheduler_.reset();
  controllers_.reset();
  scheduler_events_.reset();
  retired_.clear();
}

}  // namespace skiff::cluster
