#include "tests/sim/owner_checker.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace skiff::sim {
namespace {

bool IsOf(const store::Event& event, const char* kind) {
  const api::ObjectPtr& object = event.object != nullptr ? event.object : event.previous;
  return object != nullptr && object->resource().kind == kind && object->resource().group.empty();
}

std::set<std::string> AddressesOf(const corev1::Pod& pod) {
  const std::string& phase = pod.status().phase();
  if (pod.spec().host_network() || phase == "Succeeded" || phase == "Failed") return {};
  std::set<std::string> addresses;
  if (!pod.status().pod_ip().empty()) addresses.insert(pod.status().pod_ip());
  for (const auto& address : pod.status().pod_ips()) {
    if (!address.ip().empty()) addresses.insert(address.ip());
  }
  return addresses;
}

std::set<std::string> AddressesOf(const corev1::Service& service) {
  std::set<std::string> addresses;
  const auto add = [&addresses](const std::string& address) {
    if (!address.empty() && address != "None") addresses.insert(address);
  };
  add(service.spec().cluster_ip());
  for (const std::string& address : service.spec().cluster_ips()) add(address);
  return addresses;
}

}  // namespace

void OwnerChecker::Observe(const std::vector<store::Event>& events) {
  for (size_t i = 0; i < events.size(); ++i) {
    const store::Event& event = events[i];
    if (IsOf(event, "Pod")) ObserveNode(event);
    if (IsOf(event, "Pod") || IsOf(event, "Service")) ObserveAddresses(event);
    if (i + 1 == events.size() || events[i + 1].revision != event.revision) {
      EndTransaction(event.revision);
    }
  }
}

void OwnerChecker::ObserveNode(const store::Event& event) {
  if (event.object == nullptr) return;
  const auto& pod = event.object->As<corev1::Pod>();
  std::string& node = node_of_[pod.metadata().uid()];
  if (!node.empty() && pod.spec().node_name() != node) {
    faults_.push_back(absl::StrCat("revision ", event.revision, ": pod ", event.key, " (uid ",
                                   pod.metadata().uid(), ") was bound to node ", node,
                                   " and is now on \"", pod.spec().node_name(), "\""));
  }
  node = pod.spec().node_name();
  if (event.type == store::Event::Type::kDelete) node_of_.erase(pod.metadata().uid());
}

void OwnerChecker::ObserveAddresses(const store::Event& event) {
  std::set<std::string> now;
  if (event.type == store::Event::Type::kPut) {
    now = IsOf(event, "Pod") ? AddressesOf(event.object->As<corev1::Pod>())
                             : AddressesOf(event.object->As<corev1::Service>());
  }
  std::set<std::string>& before = addresses_of_[event.key];
  for (const std::string& address : before) {
    const auto owners = owners_of_.find(address);
    if (now.count(address) > 0 || owners == owners_of_.end()) continue;
    owners->second.erase(event.key);
    if (owners->second.empty()) owners_of_.erase(owners);
  }
  for (const std::string& address : now) {
    if (before.count(address) > 0) continue;
    owners_of_[address].insert(event.key);
    touched_.insert(address);
  }
  before = std::move(now);
  if (before.empty()) addresses_of_.erase(event.key);
}

void OwnerChecker::EndTransaction(uint64_t revision) {
  for (const std::string& address : touched_) {
    const auto owners = owners_of_.find(address);
    if (owners == owners_of_.end() || owners->second.size() < 2) continue;
    faults_.push_back(absl::StrCat("revision ", revision, ": address ", address, " belongs to ",
                                   absl::StrJoin(owners->second, " and to ")));
  }
  touched_.clear();
}

}  // namespace skiff::sim
