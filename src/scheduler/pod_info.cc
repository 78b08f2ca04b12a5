#include "scheduler/pod_info.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/quantity.h"

namespace skiff::scheduler {
namespace {

void AddTo(Amounts& sum, const Amounts& more) {
  for (const auto& [name, amount] : more) sum[name] += amount;
}

void RaiseTo(Amounts& most, const Amounts& other) {
  for (const auto& [name, amount] : other) most[name] = std::max(most[name], amount);
}

}  // namespace

bool HostPort::Conflicts(const HostPort& other) const {
  if (protocol != other.protocol || port != other.port) return false;
  return ip == other.ip || ip == "0.0.0.0" || other.ip == "0.0.0.0";
}

Amounts ToAmounts(
    const google::protobuf::Map<std::string, ::k8s::io::apimachinery::pkg::api::resource::Quantity>&
        list) {
  Amounts out;
  for (const auto& [name, written] : list) {
    const auto quantity = api::Quantity::Parse(written.string());
    if (!quantity.ok()) continue;
    out[name] = name == "cpu" ? quantity->MilliValue() : quantity->Value();
  }
  return out;
}

PodInfo MakePodInfo(const corev1::Pod& pod) {
  PodInfo info;
  info.key = absl::StrCat(pod.metadata().namespace_(), "/", pod.metadata().name());
  info.uid = pod.metadata().uid();
  info.priority = pod.spec().priority();

  Amounts sidecars;
  Amounts init_peak;
  for (const corev1::Container& container : pod.spec().init_containers()) {
    Amounts own = ToAmounts(container.resources().requests());
    if (container.restart_policy() == "Always") {
      AddTo(sidecars, own);
      RaiseTo(init_peak, sidecars);
    } else {
      AddTo(own, sidecars);
      RaiseTo(init_peak, own);
    }
  }
  info.requests = sidecars;
  for (const corev1::Container& container : pod.spec().containers()) {
    AddTo(info.requests, ToAmounts(container.resources().requests()));
    for (const corev1::ContainerPort& port : container.ports()) {
      if (port.host_port() == 0) continue;
      info.host_ports.push_back({port.protocol().empty() ? "TCP" : port.protocol(),
                                 port.host_ip().empty() ? "0.0.0.0" : port.host_ip(),
                                 port.host_port()});
    }
  }
  RaiseTo(info.requests, init_peak);
  for (const auto& [name, amount] : ToAmounts(pod.spec().resources().requests())) {
    info.requests[name] = amount;
  }
  AddTo(info.requests, ToAmounts(pod.spec().overhead()));
  return info;
}

}  // namespace skiff::scheduler
