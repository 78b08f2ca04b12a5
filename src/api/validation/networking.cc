#include "api/same.h"
#include "api/validation/addresses.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "k8s.io/api/networking/v1/generated.pb.h"

namespace skiff::api {
namespace {

void CheckPolicyPort(const networkingv1::NetworkPolicyPort& port, const Path& path,
                     ErrorList* errors) {
  if (port.has_protocol()) {
    errors->OneOf(path / "protocol", port.protocol(), {"TCP", "UDP", "SCTP"});
  }
  const Path end = path / "endPort";
  if (!port.has_port()) {
    if (port.has_end_port()) {
      errors->Invalid(end, port.end_port(), "may not be specified when `port` is not specified");
    }
  } else if (IsString(port.port())) {
    if (port.has_end_port()) {
      errors->Invalid(end, port.end_port(), "may not be specified when `port` is non-numeric");
    }
    errors->InvalidEach(path / "port", port.port().str_val(), CheckPortName(port.port().str_val()));
  } else {
    const int32_t first = port.port().int_val();
    errors->InvalidEach(path / "port", first, CheckPortNumber(first));
    if (!port.has_end_port()) return;
    if (port.end_port() < first) {
      errors->Invalid(end, port.end_port(), "must be greater than or equal to `port`");
    }
    errors->InvalidEach(end, port.end_port(), CheckPortNumber(port.end_port()));
  }
}

void CheckBlock(const networkingv1::IPBlock& block, const Path& path, ErrorList* errors) {
  if (block.cidr().empty()) {
    errors->Required(path / "cidr");
    return;
  }
  errors->InvalidEach(path / "cidr", block.cidr(), CheckNetworkLoosely(block.cidr()));
  const std::optional<IpNetwork> network = IpNetwork::ParseLoosely(block.cidr());
  if (!network.has_value()) return;
  for (int i = 0; i < block.except_size(); ++i) {
    const Path at = (path / "except")[i];
    errors->InvalidEach(at, block.except(i), CheckNetworkLoosely(block.except(i)));
    const std::optional<IpNetwork> part = IpNetwork::ParseLoosely(block.except(i));
    if (!part.has_value()) continue;
    if (!network->Contains(part->address) || network->prefix >= part->prefix) {
      errors->Invalid(at, block.except(i), "must be a strict subset of `cidr`");
    }
  }
}

void CheckPeer(const networkingv1::NetworkPolicyPeer& peer, const Path& path, ErrorList* errors) {
  if (peer.has_pod_selector()) {
    CheckLabelSelector(peer.pod_selector(), path / "podSelector", errors);
  }
  if (peer.has_namespace_selector()) {
    CheckLabelSelector(peer.namespace_selector(), path / "namespaceSelector", errors);
  }
  if (peer.has_ip_block()) CheckBlock(peer.ip_block(), path / "ipBlock", errors);
  const bool selects = peer.has_pod_selector() || peer.has_namespace_selector();
  if (!selects && !peer.has_ip_block()) {
    errors->Required(path, "must specify a peer");
  } else if (selects && peer.has_ip_block()) {
    errors->Forbidden(path, "may not specify both ipBlock and another peer");
  }
}

using Ports = google::protobuf::RepeatedPtrField<networkingv1::NetworkPolicyPort>;
using Peers = google::protobuf::RepeatedPtrField<networkingv1::NetworkPolicyPeer>;

void CheckTraffic(const Ports& ports, const Peers& peers, const char* direction, const Path& path,
                  ErrorList* errors) {
  for (int i = 0; i < ports.size(); ++i) CheckPolicyPort(ports[i], (path / "ports")[i], errors);
  for (int i = 0; i < peers.size(); ++i) CheckPeer(peers[i], (path / direction)[i], errors);
}

// The parts of a reference to the object that an address belongs to.
void CheckSegment(const std::string& text, bool required, const Path& path, ErrorList* errors) {
  if (!text.empty()) {
    errors->InvalidEach(path, text, CheckPathSegment(text));
  } else if (required) {
    errors->Required(path);
  }
}

void CheckCidrs(const networkingv1::ServiceCIDRSpec& spec, ErrorList* errors) {
  const Path path("spec.cidrs");
  if (spec.cidrs().empty()) {
    errors->Required(path, "at least one CIDR required");
    return;
  }
  if (spec.cidrs_size() > 2) {
    errors->Invalid(path, spec, "may only hold up to 2 values");
    return;
  }
  for (int i = 0; i < spec.cidrs_size(); ++i) {
    errors->InvalidEach(path[i], spec.cidrs(i), CheckNetworkStrictly(spec.cidrs(i)));
  }
  if (spec.cidrs_size() < 2) return;
  const std::optional<IpNetwork> first = IpNetwork::ParseLoosely(spec.cidrs(0));
  const std::optional<IpNetwork> second = IpNetwork::ParseLoosely(spec.cidrs(1));
  if (first.has_value() && second.has_value() && first->address.is_v4 == second->address.is_v4) {
    errors->Invalid(path, spec.cidrs(),
                    "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
                    "2001:db8::/64");
  }
}

}  // namespace

void CheckNetworkPolicy(const networkingv1::NetworkPolicy& policy, ErrorList* errors) {
  const networkingv1::NetworkPolicySpec& spec = policy.spec();
  const Path path("spec");
  CheckLabelSelector(spec.pod_selector(), path / "podSelector", errors);
  for (int i = 0; i < spec.ingress_size(); ++i) {
    CheckTraffic(spec.ingress(i).ports(), spec.ingress(i).from(), "from", (path / "ingress")[i],
                 errors);
  }
  for (int i = 0; i < spec.egress_size(); ++i) {
    CheckTraffic(spec.egress(i).ports(), spec.egress(i).to(), "to", (path / "egress")[i], errors);
  }
  if (spec.policy_types_size() > 2) {
    errors->Invalid(path / "policyTypes", spec.policy_types(),
                    "may not specify more than two policyTypes");
    return;
  }
  for (int i = 0; i < spec.policy_types_size(); ++i) {
    errors->OneOf((path / "policyTypes")[i], spec.policy_types(i), {"Ingress", "Egress"});
  }
}

void CheckIpAddress(const networkingv1::IPAddress& address, ErrorList* errors) {
  const Path path("spec.parentRef");
  if (!address.spec().has_parent_ref()) {
    errors->Required(path);
    return;
  }
  const networkingv1::ParentReference& ref = address.spec().parent_ref();
  if (!ref.group().empty()) {
    errors->InvalidEach(path / "group", ref.group(), CheckDns1123Subdomain(ref.group()));
  }
  CheckSegment(ref.resource(), true, path / "resource", errors);
  CheckSegment(ref.name(), true, path / "name", errors);
  CheckSegment(ref.namespace_(), false, path / "namespace", errors);
}

void CheckIpAddressUpdate(const networkingv1::IPAddress& now, const networkingv1::IPAddress& old,
                          ErrorList* errors) {
  errors->Immutable(Path("spec.parentRef"), now.spec().parent_ref(),
                    LooksSame(now.spec().parent_ref(), old.spec().parent_ref()));
}

void CheckServiceCidr(const networkingv1::ServiceCIDR& cidr, ErrorList* errors) {
  CheckCidrs(cidr.spec(), errors);
}

// A second network may come, to make it dual stack; nothing else changes.
void CheckServiceCidrUpdate(const networkingv1::ServiceCIDR& now,
                            const networkingv1::ServiceCIDR& old, ErrorList* errors) {
  const auto& before = old.spec().cidrs();
  const auto& after = now.spec().cidrs();
  const Path path("spec.cidrs");
  const bool grows = before.size() == 1 && after.size() == 2;
  if (before.size() != after.size() && !grows) {
    errors->Invalid(path, after, kImmutable);
    return;
  }
  for (int i = 0; i < before.size(); ++i) {
    errors->Immutable(path[i], after[i], after[i] == before[i]);
  }
  if (grows) CheckCidrs(now.spec(), errors);
}

}  // namespace skiff::api
