#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "api/same.h"
#include "api/validation/addresses.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr int kMaxEndpoints = 1000;
constexpr int kMaxAddresses = 100;
constexpr int kMaxPorts = 20000;
constexpr int kMaxTopologyLabels = 16;
constexpr int kMaxHints = 8;

void CheckDomain(absl::string_view name, const Path& path, ErrorList* errors) {
  if (name.empty()) {
    errors->Required(path);
    return;
  }
  name = absl::StripSuffix(name, ".");
  const Sentences wrong = CheckDns1123Subdomain(name);
  if (!wrong.empty()) {
    errors->Invalid(path, name, absl::StrJoin(wrong, ","));
    return;
  }
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  if (labels.size() < 2) {
    errors->Invalid(path, name, "should be a domain with at least two segments separated by dots");
    return;
  }
  for (absl::string_view label : labels) {
    const Sentences bad = CheckDns1123Label(label);
    if (bad.empty()) continue;
    errors->Invalid(path, label, absl::StrJoin(bad, ","));
    return;
  }
}

void CheckAddress(const std::string& address, const std::string& type, const Path& path,
                  ErrorList* errors) {
  if (type == "FQDN") return CheckDomain(address, path, errors);
  if (type != "IPv4" && type != "IPv6") return;
  const std::optional<IpAddress> ip = IpAddress::ParseLoosely(address);
  if (!ip.has_value()) {
    errors->InvalidEach(path, address, CheckIpLoosely(address));
    return;
  }
  if (ip->is_v4 != (type == "IPv4")) {
    errors->Invalid(path, address, absl::StrCat("must be an ", type, " address"));
  }
  errors->InvalidEach(path, address, CheckEndpointIp(address));
}

// Zones or nodes.
template <typename Hints>
bool CheckHints(const Hints& hints, NameCheck check, const Path& path, ErrorList* errors) {
  if (hints.size() > kMaxHints) {
    errors->TooMany(path, hints.size(), kMaxHints);
    return false;
  }
  std::set<std::string> names;
  for (int i = 0; i < hints.size(); ++i) {
    const std::string& name = hints[i].name();
    const Path at = path[i] / "name";
    if (!names.insert(name).second) errors->Duplicate(at, name);
    errors->InvalidEach(at, name, check(name));
  }
  return true;
}

void CheckEndpoint(const discoveryv1::Endpoint& endpoint, const std::string& type, const Path& path,
                   ErrorList* errors) {
  const Path addresses = path / "addresses";
  if (endpoint.addresses().empty()) {
    errors->Required(addresses, "must contain at least 1 address");
  } else if (endpoint.addresses_size() > kMaxAddresses) {
    errors->TooMany(addresses, endpoint.addresses_size(), kMaxAddresses);
  }
  for (int i = 0; i < endpoint.addresses_size(); ++i) {
    CheckAddress(endpoint.addresses(i), type, addresses[i], errors);
  }
  if (endpoint.has_node_name()) {
    errors->InvalidEach(path / "nodeName", endpoint.node_name(),
                        CheckDns1123Subdomain(endpoint.node_name()));
  }
  const Path topology = path / "deprecatedTopology";
  if (endpoint.deprecated_topology().size() > kMaxTopologyLabels) {
    errors->TooMany(topology, static_cast<int64_t>(endpoint.deprecated_topology().size()),
                    kMaxTopologyLabels);
  }
  CheckLabels(endpoint.deprecated_topology(), topology, errors);
  if (endpoint.has_hostname()) {
    errors->InvalidEach(path / "hostname", endpoint.hostname(),
                        CheckDns1123Label(endpoint.hostname()));
  }
  const Path hints = path / "hints";
  if (CheckHints(endpoint.hints().for_zones(), CheckLabelValue, hints / "forZones", errors)) {
    CheckHints(endpoint.hints().for_nodes(), CheckDns1123Subdomain, hints / "forNodes", errors);
  }
}

void CheckEndpoints(const discoveryv1::EndpointSlice& slice, ErrorList* errors) {
  const Path path("endpoints");
  if (slice.endpoints_size() > kMaxEndpoints) {
    errors->TooMany(path, slice.endpoints_size(), kMaxEndpoints);
    return;
  }
  for (int i = 0; i < slice.endpoints_size(); ++i) {
    CheckEndpoint(slice.endpoints(i), slice.address_type(), path[i], errors);
  }
}

void CheckEndpointPorts(const discoveryv1::EndpointSlice& slice, ErrorList* errors) {
  const Path path("ports");
  if (slice.ports_size() > kMaxPorts) {
    errors->TooMany(path, slice.ports_size(), kMaxPorts);
    return;
  }
  std::set<std::string> names;
  for (int i = 0; i < slice.ports_size(); ++i) {
    const discoveryv1::EndpointPort& port = slice.ports(i);
    const Path at = path[i];
    if (!port.name().empty()) {
      errors->InvalidEach(at / "name", port.name(), CheckDns1123Label(port.name()));
    }
    if (!names.insert(port.name()).second) errors->Duplicate(at / "name", port.name());
    if (!port.has_protocol()) {
      errors->Required(at / "protocol");
    } else {
      errors->OneOf(at / "protocol", port.protocol(), {"SCTP", "TCP", "UDP"});
    }
    if (port.has_app_protocol()) {
      errors->InvalidEach(at / "appProtocol", port.app_protocol(),
                          CheckQualifiedName(port.app_protocol()));
    }
  }
}

void CheckSliceShape(const discoveryv1::EndpointSlice& slice, ErrorList* errors) {
  errors->OneOfRequired(Path("addressType"), slice.address_type(), {"FQDN", "IPv4", "IPv6"});
  CheckEndpointPorts(slice, errors);
}

bool SameEndpoints(const discoveryv1::EndpointSlice& a, const discoveryv1::EndpointSlice& b) {
  discoveryv1::EndpointSlice only_a, only_b;
  *only_a.mutable_endpoints() = a.endpoints();
  *only_b.mutable_endpoints() = b.endpoints();
  return LooksSame(only_a, only_b);
}

}  // namespace

void CheckEndpointSlice(const discoveryv1::EndpointSlice& slice, ErrorList* errors) {
  CheckSliceShape(slice, errors);
  CheckEndpoints(slice, errors);
}

void CheckEndpointSliceUpdate(const discoveryv1::EndpointSlice& now,
                              const discoveryv1::EndpointSlice& old, ErrorList* errors) {
  CheckSliceShape(now, errors);
  // Addresses that were right under older rules stay so.
  if (!SameEndpoints(now, old)) CheckEndpoints(now, errors);
  errors->Immutable(Path("addressType"), now.address_type(),
                    now.address_type() == old.address_type());
}

}  // namespace skiff::api
