// The addresses of simulated pods, and nothing of the kernel. What is free is given again as soon
// as can be, so that an address given back too early shows.
//
// Threads: any.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "network/pod_network.h"

namespace skiff::network {

class SimulatedNetwork final : public PodNetwork {
 public:
  // `subnet`: one of 256 addresses, as "10.128.3.0/24".
  explicit SimulatedNetwork(const std::string& subnet);

  absl::StatusOr<PodAddress> Attach(const std::string& pod_uid, int64_t head_pid) override;
  absl::Status Detach(const std::string& pod_uid) override;
  absl::Status Retain(const std::set<std::string>& pod_uids) override;

  // Which pod (by uid) has which number in the subnet: for another network to go on from.
  using Leases = std::map<std::string, int>;
  Leases Save() const;
  void Restore(Leases leases);

 private:
  const std::string prefix_;  // All but the last number of each address.
  mutable Mutex mutex_;
  Leases leases_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skiff::network
