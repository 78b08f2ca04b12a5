#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/printing/rows.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/networking/v1/generated.pb.h"

namespace skiff::api::printing {
namespace {

constexpr size_t kShown = 3;  // Of a list; of the rest, how many they are.

constexpr Column kIngress[] = {
    kName,
    {"Class", "string", "", "Class of controllers that serve it.", 0},
    {"Hosts", "string", "", "Hosts of its rules.", 0},
    {"Address", "string", "", "Addresses where it is served.", 0},
    {"Ports", "string", "", "Ports where it is served.", 0},
    kAge,
};
constexpr Column kIngressClass[] = {
    kName,
    {"Controller", "string", "", "Controller that serves ingresses of this class.", 0},
    {"Parameters", "string", "", "Object with the controller's settings.", 0},
    kAge,
};
constexpr Column kNetworkPolicy[] = {
    kName, {"Pod-Selector", "string", "", "Labels that select the pods.", 0}, kAge};
constexpr Column kIpAddress[] = {kName,
                                 {"ParentRef", "string", "", "Object that has the address.", 0}};
constexpr Column kServiceCidr[] = {
    kName, {"CIDRs", "string", "", "Networks of the addresses of services.", 0}, kAge};
constexpr Column kEndpointSlice[] = {
    kName,
    {"AddressType", "string", "", "IPv4, IPv6 or FQDN.", 0},
    {"Ports", "string", "", "Ports of every endpoint.", 0},
    {"Endpoints", "string", "", "Addresses of the endpoints.", 0},
    kAge,
};

std::string More(std::string text, size_t all) {
  return absl::StrCat(text, " + ", all - kShown, " more...");
}

std::string HostsText(const networkingv1::IngressSpec& spec) {
  std::vector<std::string> hosts;
  bool more = false;
  for (const networkingv1::IngressRule& rule : spec.rules()) {
    if (hosts.size() == kShown) {
      more = true;
    } else if (!rule.host().empty()) {
      hosts.push_back(rule.host());
    }
  }
  if (hosts.empty()) return "*";
  const std::string text = absl::StrJoin(hosts, ",");
  return more ? More(text, spec.rules_size()) : text;
}

std::string ShortList(const std::vector<std::string>& all) {
  if (all.empty()) return "<unset>";
  if (all.size() <= kShown) return absl::StrJoin(all, ",");
  return More(absl::StrJoin(all.begin(), all.begin() + kShown, ","), all.size());
}

std::string IngressAddress(const networkingv1::IngressStatus& status) {
  std::set<std::string> addresses;
  for (const auto& ingress : status.load_balancer().ingress()) {
    const std::string& address = ingress.ip().empty() ? ingress.hostname() : ingress.ip();
    if (!address.empty()) addresses.insert(address);
  }
  return absl::StrJoin(addresses, ",");
}

Cells IngressRow(const networkingv1::Ingress& ingress, absl::Time now) {
  const networkingv1::IngressSpec& spec = ingress.spec();
  return {ingress.metadata().name(),
          spec.has_ingress_class_name() ? spec.ingress_class_name() : "<none>",
          HostsText(spec),
          IngressAddress(ingress.status()),
          spec.tls().empty() ? "80" : "80, 443",
          Age(ingress.metadata(), now)};
}

Cells IngressClassRow(const networkingv1::IngressClass& ingress_class, absl::Time now) {
  std::string parameters = "<none>";
  if (ingress_class.spec().has_parameters()) {
    const auto& ref = ingress_class.spec().parameters();
    parameters = ref.kind();
    if (ref.has_a_pi_group()) absl::StrAppend(&parameters, ".", ref.a_pi_group());
    absl::StrAppend(&parameters, "/", ref.name());
  }
  return {ingress_class.metadata().name(), ingress_class.spec().controller(), parameters,
          Age(ingress_class.metadata(), now)};
}

Cells NetworkPolicyRow(const networkingv1::NetworkPolicy& policy, absl::Time now) {
  return {policy.metadata().name(), SelectorText(policy.spec().pod_selector()),
          Age(policy.metadata(), now)};
}

Cells IpAddressRow(const networkingv1::IPAddress& address, absl::Time) {
  std::string parent = "<none>";
  if (address.spec().has_parent_ref()) {
    const networkingv1::ParentReference& ref = address.spec().parent_ref();
    parent = absl::AsciiStrToLower(
        ref.group().empty() ? ref.resource() : absl::StrCat(ref.resource(), ".", ref.group()));
    if (!ref.namespace_().empty()) absl::StrAppend(&parent, "/", ref.namespace_());
    absl::StrAppend(&parent, "/", ref.name());
  }
  return {address.metadata().name(), parent};
}

Cells ServiceCidrRow(const networkingv1::ServiceCIDR& cidr, absl::Time now) {
  return {cidr.metadata().name(), absl::StrJoin(cidr.spec().cidrs(), ","),
          Age(cidr.metadata(), now)};
}

Cells EndpointSliceRow(const discoveryv1::EndpointSlice& slice, absl::Time now) {
  std::vector<std::string> ports, addresses;
  for (const discoveryv1::EndpointPort& port : slice.ports()) {
    ports.push_back(port.has_port()   ? absl::StrCat(port.port())
                    : port.has_name() ? port.name()
                                      : "*");
  }
  for (const discoveryv1::Endpoint& endpoint : slice.endpoints()) {
    addresses.insert(addresses.end(), endpoint.addresses().begin(), endpoint.addresses().end());
  }
  return {slice.metadata().name(), slice.address_type(), ShortList(ports), ShortList(addresses),
          Age(slice.metadata(), now)};
}

}  // namespace

std::span<const Table> NetworkTables() {
  static const Table kTables[] = {
      MakeTable<networkingv1::Ingress, IngressRow>(kIngress),
      MakeTable<networkingv1::IngressClass, IngressClassRow>(kIngressClass),
      MakeTable<networkingv1::NetworkPolicy, NetworkPolicyRow>(kNetworkPolicy),
      MakeTable<networkingv1::IPAddress, IpAddressRow>(kIpAddress),
      MakeTable<networkingv1::ServiceCIDR, ServiceCidrRow>(kServiceCidr),
      MakeTable<discoveryv1::EndpointSlice, EndpointSliceRow>(kEndpointSlice),
  };
  return kTables;
}

}  // namespace skiff::api::printing
