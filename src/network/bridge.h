// A node's pod network: a bridge with the subnet's first address, and for each pod a veth pair
// whose inner end is eth0 in the pod's network namespace (rtnetlink(7), veth(4)). What exists is
// found in the kernel: every call may be repeated, by another process too.
//
// Threads: any, one at a time per bridge; calls block on the kernel for a moment.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace skiff::network {

struct BridgeOptions {
  std::string name;       // At most 10 characters: the link's own; pods' host ends begin with it.
  std::string subnet;     // "10.244.3.0/24"
  std::string lease_dir;  // Which pod has which address: a file a pod, named by its uid.
};

struct PodAddress {
  std::string ip;
  int prefix_length = 24;
  std::string gateway;
};

class Bridge {
 public:
  // Makes the link, brings it up with its address, and lets the host forward. kFailedPrecondition:
  // the kernel has no bridges, or no right to make one.
  static absl::StatusOr<std::unique_ptr<Bridge>> Open(BridgeOptions options);

  // Gives the pod of that head an address. The same again if it has one. kResourceExhausted: the
  // subnet is full.
  absl::StatusOr<PodAddress> Attach(const std::string& pod_uid, int64_t head_pid);
  // Takes it away. OK if it has none.
  absl::Status Detach(const std::string& pod_uid);
  // Removes the bridge, and with it every host end; puts forwarding back if Open changed it.
  absl::Status Remove();

  // The address of the host on this bridge.
  const std::string& gateway() const { return gateway_; }

 private:
  explicit Bridge(BridgeOptions options) : options_(std::move(options)) {}
  absl::Status Ensure();
  absl::StatusOr<uint32_t> Lease(const std::string& pod_uid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string HostEnd(uint32_t host) const;

  const BridgeOptions options_;
  uint32_t base_ = 0;  // The subnet's address, host order.
  int prefix_length_ = 24;
  std::string gateway_;
  bool forwarding_changed_ = false;
  absl::Mutex mutex_;
  uint32_t next_ ABSL_GUARDED_BY(mutex_) = 2;
};

}  // namespace skiff::network
