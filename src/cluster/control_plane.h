// A control plane of one member: store, API server, controllers, scheduler, each on its loop.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "apiserver/rest/server.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "client/event_recorder.h"
#include "cluster/faulty_store.h"
#include "cluster/loops.h"
#include "controllers/controllers.h"
#include "scheduler/scheduler.h"
#include "store/store.h"

namespace skiff::cluster {

// Runs `task` on the loop and waits until it has run; at once if this is the loop's thread, as for
// the driver of virtual time, whose loops are all of its thread.
void RunOn(Executor* loop, absl::FunctionRef<void()> task);

struct ControlPlaneOptions {
  std::string store_dir;  // Empty: in memory.
  // If this is one member of several: what its store needs to meet the others, on the given loop.
  std::function<absl::StatusOr<std::unique_ptr<store::Membership>>(Loop* loop)> meet;
  std::unique_ptr<raft::Storage> storage;  // Instead of a directory.
  WriteFaults* faults = nullptr;           // Of its writes; never null.
  std::set<std::string> controllers_off;
  // What writes pass.
  apiserver::AdmissionPlugins plugins = apiserver::DefaultAdmission();
};

class ControlPlane {
 public:
  // Opens the store, makes what every cluster has, starts the loops. One member of several does the
  // latter two whenever it has become the leader. What is given outlives it. Blocks.
  static absl::StatusOr<std::unique_ptr<ControlPlane>> Open(ControlPlaneOptions options,
                                                            Loops* loops,
                                                            std::shared_ptr<LogSink> sink,
                                                            Metrics* metrics);
  ~ControlPlane();

  // Stops controllers and scheduler, then the store. Writes fail from here on, and what is read may
  // have no answer. Blocks. Idempotent.
  void Stop();

  apiserver::Server& server() { return *server_; }
  FaultyStore& store() { return *store_; }
  Executor* store_loop() { return store_loop_.get(); }
  // Where the loops run: of one member of several, only while it leads. They neither start nor end
  // while `steady` is held.
  Mutex& steady() { return steady_; }
  bool running() const { return controllers_ != nullptr; }
  // Whether that is to change, or is changing.
  bool switching() {
    MutexLock lock(&mutex_);
    return switching_;
  }
  // While they run. Each is to be used on its loop.
  controllers::ControllerManager& controllers() { return *controllers_; }
  Executor* control_loop() { return control_loop_.get(); }
  scheduler::Scheduler& scheduler() { return *scheduler_; }
  Executor* scheduler_loop() { return scheduler_loop_.get(); }

  // Ends controllers and scheduler, until Resume starts new ones over what the store then has. All
  // of what they had begun is in the store. Block.
  void Pause();
  void Resume();
  // While paused, of one in memory: back to a snapshot of its store. From then on names and uids
  // are made as `seed` has it.
  void Restore(const std::shared_ptr<const store::Snapshot>& saved) {
    RunOn(store_loop(), [&] { store_->Restore(saved); });
  }
  void Reseed(uint64_t seed) { server_->StartOver(Rng(seed)); }

 private:
  // What was stopped, kept until nothing can answer to it any more.
  struct Running {  // Ends in reverse order.
    absl::Duration since;
    std::unique_ptr<Loop> control_loop;
    std::unique_ptr<Loop> scheduler_loop;
    std::unique_ptr<client::EventRecorder> scheduler_events;
    std::unique_ptr<scheduler::Scheduler> scheduler;
    std::unique_ptr<controllers::ControllerManager> controllers;
  };

  ControlPlane() = default;
  absl::StatusOr<std::unique_ptr<store::Store>> OpenStore();
  absl::Status Bootstrap();
  void StartLoops();
  void StopLoops();
  void FollowLeadership();
  void SwitchLoops();
  void SwitchOnDriver();
  // False, and the switch is over, where loops run just as they should: if this member leads.
  bool MustSwitch(bool* leads);

  ControlPlaneOptions options_;
  Loops* loops_ = nullptr;
  std::shared_ptr<LogSink> sink_;
  Metrics* metrics_ = nullptr;
  bool stopped_ = false;
  std::unique_ptr<Loop> store_loop_;
  std::unique_ptr<FaultyStore> store_;
  std::unique_ptr<apiserver::Server> server_;
  std::deque<Running> retired_;
  std::unique_ptr<Loop> control_loop_;
  std::unique_ptr<Loop> scheduler_loop_;
  std::unique_ptr<client::EventRecorder> scheduler_events_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::unique_ptr<controllers::ControllerManager> controllers_;

  Mutex steady_;  // Taken before mutex_.
  // Of one member of several: whether loops are to run, and whether that is being seen to.
  Mutex mutex_;
  CondVar switched_;
  bool leads_ ABSL_GUARDED_BY(mutex_) = false;
  bool switching_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff::cluster
