// A node's pod network: a bridge with the subnet's first address, and for each pod a veth pair
// whose inner end is eth0 in the pod's network namespace (rtnetlink(7), veth(4)). What exists is
// found in the kernel: every call may be repeated, by another process too.
//
// Threads: any, one at a time per bridge; calls block on the kernel for a moment.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "network/pod_network.h"

namespace skiff::network {

class Netlink;

struct BridgeOptions {
  std::string name;       // At most 10 characters: the link's own; pods' host ends begin with it.
  std::string subnet;     // "10.244.3.0/24"
  std::string lease_dir;  // Which pod has which address: a file a pod, named by its uid.
};

class Bridge final : public PodNetwork {
 public:
  // Makes the link, brings it up with its address, and lets the host forward what comes from it.
  // kInvalidArgument: no such subnet; kAlreadyExists: another link has the name;
  // kFailedPrecondition: the kernel has no bridges; kPermissionDenied: no right to make one.
  static absl::StatusOr<std::unique_ptr<Bridge>> Open(BridgeOptions options);

  // Repairs what somebody else took away: the pod's link, the bridge with every pod on it.
  absl::StatusOr<PodAddress> Attach(const std::string& pod_uid, int64_t head_pid) override;
  absl::Status Detach(const std::string& pod_uid) override;
  // Removes host ends that belong to nobody, too.
  absl::Status Retain(const std::set<std::string>& pod_uids) override;
  // Removes the bridge, every host end and the leases.
  absl::Status Remove();

  // The address of the host on this bridge.
  const std::string& gateway() const { return gateway_; }

 private:
  explicit Bridge(BridgeOptions options) : options_(std::move(options)) {}
  absl::Status Ensure();
  absl::Status Repair(Netlink* netlink) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::map<std::string, uint32_t> Leases() const;
  absl::StatusOr<uint32_t> Lease(const std::string& pod_uid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status DeleteStrangers(Netlink* netlink, const std::set<std::string>& host_ends);
  std::string HostEnd(uint32_t host) const;

  const BridgeOptions options_;
  uint32_t base_ = 0;  // The subnet's address, host order.
  int prefix_length_ = 24;
  std::string gateway_;
  Mutex mutex_;
  uint32_t next_ ABSL_GUARDED_BY(mutex_) = 2;
};

}  // namespace skiff::network
