// What makes a cluster a test harness: letting virtual time pass, waiting until everything has
// settled, faults, saving and restoring, looking inside.
//
// Threads: any but those of the cluster; one call at a time.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/json_value.h"
#include "base/mutex.h"
#include "cluster/control_plane.h"
#include "cluster/extensions.h"
#include "cluster/local_nodes.h"
#include "cluster/member_group.h"
#include "cluster/virtual_time.h"
#include "skiff/cluster.h"
#include "skiff/faults.h"

namespace skiff::cluster {

class Harness {
 public:
  // What of the cluster it works on; all of it outlives this.
  struct Parts {
    ControlPlane* control_plane = nullptr;
    MemberGroup* members = nullptr;  // Instead of that, if there are several.
    WriteFaults* faults = nullptr;   // Of writes, whichever member they go to.
    LocalNodes* nodes = nullptr;
    // The host's controllers, and what makes others like them after a Pause.
    std::unique_ptr<HostedControllers>* hosted = nullptr;
    std::function<absl::Status()> host_again;
    VirtualTime* virtual_time = nullptr;  // Null: real time.
    Executor* front = nullptr;
    std::function<void()> stop_hosted;
    uint64_t seed = 0;
    bool restorable = false;
  };
  explicit Harness(Parts parts);

  // As those of skiff::Cluster.
  absl::Status Advance(absl::Duration duration);
  absl::Status Settle(absl::Duration timeout);
  absl::Status AssertIdle(absl::Duration span);
  absl::Status InjectFault(const Fault& fault);
  absl::StatusOr<std::shared_ptr<const SavedCluster>> Save();
  absl::Status Restore(const std::shared_ptr<const SavedCluster>& saved);
  std::string Inspect();

  // Ends what is waited for, and every later wait, with kUnavailable.
  void EndWaits();

  // An error, with what is needed to meet it again.
  absl::Status Seeded(absl::Status status) const;

 private:
  class Saved;
  struct Busy {  // Who is not settled; empty: all are.
    std::vector<std::string> who;
    uint64_t revision = 0;
  };
  api::JsonValue View(ControlPlane* plane);
  Busy Look();
  void LookAtLoops(ControlPlane* plane, Busy* found);
  // The control plane, or the one that leads; null: none does.
  ControlPlane* Plane() const;
  // Nothing comes in between what `task` does, where that is to be so.
  void AtOnce(absl::FunctionRef<void()> task);
  // The same, and on the driver of virtual time if there is one.
  void OnDriver(absl::FunctionRef<void()> task);
  absl::Status Wait(absl::Duration time);
  bool Stuck() const { return parts_.virtual_time != nullptr && parts_.virtual_time->stuck(); }
  absl::Status Unsettled(const std::vector<std::string>& who) const;
  std::vector<std::string> Hot();
  void PassBy(absl::Duration time);
  absl::Status FailWrites(const Fault& fault);
  absl::Status Crash(const Fault& fault);
  absl::Status BreakDisk(const Fault& fault);
  absl::Status BreakMember(const Fault& fault);
  std::shared_ptr<Saved> Pause();
  absl::Status AwaitLeader();
  absl::Status Resume(const Saved& saved);
  std::map<std::string, Executor::TimerId> HealthyNodes();
  std::map<std::string, uint64_t> Reconciles(bool hosted = false);

  const Parts parts_;
  std::atomic<bool> ended_ = false;
  Mutex mutex_;  // Held during each call.
};

}  // namespace skiff::cluster
