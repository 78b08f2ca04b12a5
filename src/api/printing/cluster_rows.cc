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

constexpr Column kNode[] = {
    kName,
    {"Status", "string", "", "Whether the node is ready and takes pods.", 0},
    {"Roles", "string", "", "Roles of the node.", 0},
    kAge,
    {"Version", "string", "", "Version of the node agent.", 0},
    {"Internal-IP", "string", "", "Address inside the cluster.", 1},
    {"External-IP", "string", "", "Address outside the cluster.", 1},
    {"OS-Image", "string", "", "Operating system of the node.", 1},
    {"Kernel-Version", "string", "", "Kernel of the node.", 1},
    {"Container-Runtime", "string", "", "Container runtime of the node.", 1},
};
constexpr Column kService[] = {
    kName,
    {"Type", "string", "", "How the service is reached.", 0},
    {"Cluster-IP", "string", "", "Address inside the cluster.", 0},
    {"External-IP", "string", "", "Addresses outside the cluster.", 0},
    {"Port(s)", "string", "", "Ports, with node ports and protocols.", 0},
    kAge,
    kSelector,
};
constexpr Column kEvent[] = {
    {"Last Seen", "string", "", "Time since it last happened.", 0},
    {"Type", "string", "", "Normal or Warning.", 0},
    {"Reason", "string", "", "Why it happened, in one word.", 0},
    {"Object", "string", "", "What it is about.", 0},
    {"Subobject", "string", "", "The part of the object that it is about.", 1},
    {"Source", "string", "", "Who reports it.", 1},
    {"Message", "string", "", "What happened.", 0},
    {"First Seen", "string", "", "Time since it first happened.", 1},
    {"Count", "integer", "", "How often it happened.", 1},
    {"Name", "string", "name", kNameText, 1},
};
constexpr Column kNamespace[] = {
    kName, {"Status", "string", "", "Active or Terminating.", 0}, kAge};
constexpr Column kConfigMap[] = {kName, {"Data", "string", "", "Number of entries.", 0}, kAge};
constexpr Column kSecret[] = {kName,
                              {"Type", "string", "", "Kind of secret.", 0},
                              {"Data", "string", "", "Number of entries.", 0},
                              kAge};
constexpr Column kServiceAccount[] = {
    kName, {"Secrets", "string", "", "Number of secrets that it may use.", 0}, kAge};
constexpr Column kLease[] = {kName, {"Holder", "string", "", "Who holds the lease.", 0}, kAge};
constexpr Column kRuntimeClass[] = {
    kName, {"Handler", "string", "", "Runtime of the pods of this class.", 0}, kAge};

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

Cells NamespaceRow(const corev1::Namespace& space, absl::Time now) {
  return {space.metadata().name(), space.status().phase(), Age(space.metadata(), now)};
}

Cells ConfigMapRow(const corev1::ConfigMap& map, absl::Time now) {
  return {map.metadata().name(), int64_t(map.data_size() + map.binary_data_size()),
          Age(map.metadata(), now)};
}

Cells SecretRow(const corev1::Secret& secret, absl::Time now) {
  return {secret.metadata().name(), secret.type(), int64_t{secret.data_size()},
          Age(secret.metadata(), now)};
}

Cells ServiceAccountRow(const corev1::ServiceAccount& account, absl::Time now) {
  return {account.metadata().name(), int64_t{account.secrets_size()}, Age(account.metadata(), now)};
}

Cells LeaseRow(const coordinationv1::Lease& lease, absl::Time now) {
  return {lease.metadata().name(), lease.spec().holder_identity(), Age(lease.metadata(), now)};
}

Cells RuntimeClassRow(const nodev1::RuntimeClass& runtime, absl::Time now) {
  return {runtime.metadata().name(), runtime.handler(), Age(runtime.metadata(), now)};
}

}  // namespace

std::span<const Table> ClusterTables() {
  static const Table kTables[] = {
      MakeTable<corev1::Node, NodeRow>(kNode),
      MakeTable<corev1::Service, ServiceRow>(kService),
      MakeTable<corev1::Event, EventRow>(kEvent),
      MakeTable<corev1::Namespace, NamespaceRow>(kNamespace),
      MakeTable<corev1::ConfigMap, ConfigMapRow>(kConfigMap),
      MakeTable<corev1::Secret, SecretRow>(kSecret),
      MakeTable<corev1::ServiceAccount, ServiceAccountRow>(kServiceAccount),
      MakeTable<coordinationv1::Lease, LeaseRow>(kLease),
      MakeTable<nodev1::RuntimeClass, RuntimeClassRow>(kRuntimeClass),
  };
  return kTables;
}

}  // namespace skiff::api::printing
