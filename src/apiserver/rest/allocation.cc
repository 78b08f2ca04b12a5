// Server's allocations: cluster IPs and node ports that no service has.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apiserver/rest/server.h"

namespace skiff::apiserver {
namespace {

// 10.96.0.0/16, Kubernetes' usual range, without its first address (the API's) and last.
constexpr uint64_t kFirstHost = 2;
constexpr uint64_t kHosts = (1 << 16) - 1 - kFirstHost;
constexpr int32_t kFirstPort = 30000;
constexpr int32_t kPorts = 2768;
// Handed out but perhaps not written yet: more than can be on their way at once, and few enough
// that most of either range stays free for those that come and go.
constexpr size_t kRemembered = 512;

template <typename T>
void Remember(T value, std::deque<T>* recent) {
  recent->push_back(std::move(value));
  if (recent->size() > kRemembered) recent->pop_front();
}

void ForEachService(const store::Snapshot& snapshot,
                    absl::FunctionRef<void(const corev1::ServiceSpec&)> visit) {
  snapshot.Scan(store::Prefix(api::ResourceOf<corev1::Service>()), "",
                [&](absl::string_view, const api::ObjectPtr& object) {
                  visit(object->As<corev1::Service>().spec());
                  return true;
                });
}

}  // namespace

absl::StatusOr<std::string> Server::AllocateClusterIp(const store::Snapshot& snapshot) {
  std::set<std::string> taken;
  ForEachService(snapshot, [&](const corev1::ServiceSpec& spec) {
    taken.insert(spec.cluster_ips().begin(), spec.cluster_ips().end());
    taken.insert(spec.cluster_ip());
  });
  MutexLock lock(&mutex_);
  taken.insert(recent_ips_.begin(), recent_ips_.end());
  const uint64_t start = rng_.Below(kHosts);
  for (uint64_t i = 0; i < kHosts; ++i) {
    const uint64_t host = kFirstHost + (start + i) % kHosts;
    std::string ip = absl::StrFormat("10.96.%d.%d", host >> 8, host & 0xff);
    if (taken.contains(ip)) continue;
    Remember(ip, &recent_ips_);
    return ip;
  }
  return absl::ResourceExhaustedError("every cluster IP of 10.96.0.0/16 is taken");
}

absl::StatusOr<int32_t> Server::AllocateNodePort(const store::Snapshot& snapshot) {
  std::set<int32_t> taken;
  ForEachService(snapshot, [&](const corev1::ServiceSpec& spec) {
    for (const corev1::ServicePort& port : spec.ports()) taken.insert(port.node_port());
  });
  MutexLock lock(&mutex_);
  taken.insert(recent_ports_.begin(), recent_ports_.end());
  const auto start = static_cast<int32_t>(rng_.Below(kPorts));
  for (int32_t i = 0; i < kPorts; ++i) {
    const int32_t port = kFirstPort + (start + i) % kPorts;
    if (taken.contains(port)) continue;
    Remember(port, &recent_ports_);
    return port;
  }
  return absl::ResourceExhaustedError("every node port of 30000-32767 is taken");
}

}  // namespace skiff::apiserver
