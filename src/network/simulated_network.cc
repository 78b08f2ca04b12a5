#include "network/simulated_network.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace skiff::network {
namespace {

constexpr int kFirst = 2;   // After the network's own and the gateway's.
constexpr int kLast = 254;  // The one after is for broadcasts.

}  // namespace

SimulatedNetwork::SimulatedNetwork(const std::string& subnet)
    : prefix_(subnet.substr(0, subnet.rfind('.') + 1)) {}

absl::StatusOr<PodAddress> SimulatedNetwork::Attach(const std::string& pod_uid, int64_t) {
  MutexLock lock(&mutex_);
  auto lease = leases_.find(pod_uid);
  if (lease == leases_.end()) {
    std::set<int> taken;
    for (const auto& [uid, host] : leases_) taken.insert(host);
    int host = kFirst;
    while (taken.contains(host)) ++host;
    if (host > kLast) {
      return absl::ResourceExhaustedError(absl::StrCat("every address of the pod subnet ", prefix_,
                                                       "0/24 is taken: ", taken.size(),
                                                       " pods have one each; delete some"));
    }
    lease = leases_.emplace(pod_uid, host).first;
  }
  PodAddress address;
  address.ip = absl::StrCat(prefix_, lease->second);
  address.gateway = absl::StrCat(prefix_, 1);
  return address;
}

absl::Status SimulatedNetwork::Detach(const std::string& pod_uid) {
  MutexLock lock(&mutex_);
  leases_.erase(pod_uid);
  return absl::OkStatus();
}

absl::Status SimulatedNetwork::Retain(const std::set<std::string>& pod_uids) {
  MutexLock lock(&mutex_);
  std::erase_if(leases_, [&](const auto& lease) { return !pod_uids.contains(lease.first); });
  return absl::OkStatus();
}

SimulatedNetwork::Leases SimulatedNetwork::Save() const {
  MutexLock lock(&mutex_);
  return leases_;
}

void SimulatedNetwork::Restore(Leases leases) {
  MutexLock lock(&mutex_);
  leases_ = std::move(leases);
}

}  // namespace skiff::network
