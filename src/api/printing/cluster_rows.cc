#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "api/printing/rows.h"
#include "api/time.h"

namespace skiff::api::printing {
namespace {

std::string NodeState(const corev1::Node& node) {
  std::string state = "Unknown";
  for (const corev1::NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == "Ready") state = condition.status() == "True" ? "Ready" : "NotReady";
  }
  if (node.spec().unschedulable()) state += ",SchedulingDisabled";
  return state;
}

std::string NodeRoles(const corev1::Node& node) {
  std::set<std::string> roles;
  for (const auto& [key, value] : node.metadata().labels()) {
    absl::string_view role = key;
    if (absl::ConsumePrefix(&role, "node-role.kubernetes.io/")) {
      if (!role.empty()) roles.emplace(role);
    } else if (key == "kubernetes.io/role" && !value.empty()) {
      roles.insert(value);
    }
  }
  return OrNone(absl::StrJoin(roles, ","));
}

std::string NodeAddress(const corev1::Node& node, absl::string_view type) {
  for (const corev1::NodeAddress& address : node.status().addresses()) {
    if (address.type() == type) return address.address();
  }
  return "<none>";
}

std::string OrUnknown(const std::string& text) { return text.empty() ? "<unknown>" : text; }

std::string ExternalIp(const corev1::Service& service) {
  const corev1::ServiceSpec& spec = service.spec();
  std::vector<std::string> addresses;
  if (spec.type() == "ExternalName") return OrNone(spec.external_name());
  if (spec.type() == "LoadBalancer") {
    for (const auto& ingress : service.status().load_balancer().ingress()) {
      addresses.push_back(ingress.ip().empty() ? ingress.hostname() : ingress.ip());
    }
  }
  addresses.insert(addresses.end(), spec.external_ips().begin(), spec.external_ips().end());
  if (addresses.empty()) return spec.type() == "LoadBalancer" ? "<pending>" : "<none>";
  return absl::StrJoin(addresses, ",");
}

std::string ServicePorts(const corev1::ServiceSpec& spec) {
  std::vector<std::string> ports;
  for (const corev1::ServicePort& port : spec.ports()) {
    std::string text = absl::StrCat(port.port());
    if (port.node_port() > 0) absl::StrAppend(&text, ":", port.node_port());
    ports.push_back(absl::StrCat(text, "/", port.protocol()));
  }
  return OrNone(absl::StrJoin(ports, ","));
}

std::string EventSource(const corev1::Event& event) {
  const std::string& component =
      event.source().component().empty() ? event.reporting_component() : event.source().component();
  const std::string& host =
      event.source().host().empty() ? event.reporting_instance() : event.source().host();
  return host.empty() ? component : absl::StrCat(component, ", ", host);
}

}  // namespace

Cells NodeRow(const corev1::Node& node, absl::Time now) {
  const corev1::NodeSystemInfo& info = node.status().node_info();
  return {node.metadata().name(),
          NodeState(node),
          NodeRoles(node),
          Age(node.metadata(), now),
          info.kubelet_version(),
          NodeAddress(node, "InternalIP"),
          NodeAddress(node, "ExternalIP"),
          OrUnknown(info.os_image()),
          OrUnknown(info.kernel_version()),
          OrUnknown(info.container_runtime_version())};
}

Cells ServiceRow(const corev1::Service& service, absl::Time now) {
  const corev1::ServiceSpec& spec = service.spec();
  return {service.metadata().name(),
          spec.type(),
          OrNone(spec.cluster_ips_size() > 0 ? spec.cluster_ips(0) : spec.cluster_ip()),
          ExternalIp(service),
          ServicePorts(spec),
          Age(service.metadata(), now),
          LabelsText(spec.selector())};
}

Cells EventRow(const corev1::Event& event, absl::Time now) {
  const std::string first = IsSet(event.first_timestamp()) ? HumanAge(event.first_timestamp(), now)
                                                           : HumanAge(event.event_time(), now);
  std::string last = IsSet(event.last_timestamp()) ? HumanAge(event.last_timestamp(), now) : first;
  int64_t count = event.count() == 0 ? 1 : event.count();
  if (event.has_series()) {
    last = HumanAge(event.series().last_observed_time(), now);
    count = event.series().count();
  }
  const corev1::ObjectReference& about = event.involved_object();
  std::string target = absl::AsciiStrToLower(about.kind());
  if (!about.name().empty()) absl::StrAppend(&target, "/", about.name());
  return {last,
          event.type(),
          event.reason(),
          target,
          about.field_path(),
          EventSource(event),
          std::string(absl::StripAsciiWhitespace(event.message())),
          first,
          count,
          event.metadata().name()};
}

}  // namespace skiff::api::printing
