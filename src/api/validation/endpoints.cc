#include "api/validation/addresses.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckAddress(const corev1::EndpointAddress& address, const Path& path, ErrorList* errors) {
  errors->InvalidEach(path / "ip", address.ip(), CheckIpLoosely(address.ip()));
  if (!address.hostname().empty()) {
    errors->InvalidEach(path / "hostname", address.hostname(),
                        CheckDns1123Label(address.hostname()));
  }
  if (address.has_node_name()) {
    errors->InvalidEach(path / "nodeName", address.node_name(),
                        CheckDns1123Subdomain(address.node_name()));
  }
  errors->InvalidEach(path / "ip", address.ip(), CheckEndpointIp(address.ip()));
}

void CheckEndpointPort(const corev1::EndpointPort& port, bool name_needed, const Path& path,
                       ErrorList* errors) {
  if (!port.name().empty()) {
    errors->InvalidEach(path / "name", port.name(), CheckDns1123Label(port.name()));
  } else if (name_needed) {
    errors->Required(path / "name");
  }
  errors->InvalidEach(path / "port", port.port(), CheckPortNumber(port.port()));
  errors->OneOfRequired(path / "protocol", port.protocol(), {"SCTP", "TCP", "UDP"});
  if (port.has_app_protocol()) {
    errors->InvalidEach(path / "appProtocol", port.app_protocol(),
                        CheckQualifiedName(port.app_protocol()));
  }
}

}  // namespace

void CheckEndpoints(const corev1::Endpoints& endpoints, ErrorList* errors) {
  for (int i = 0; i < endpoints.subsets_size(); ++i) {
    const corev1::EndpointSubset& subset = endpoints.subsets(i);
    const Path at = Path("subsets")[i];
    if (subset.addresses().empty() && subset.not_ready_addresses().empty()) {
      errors->Required(at, "must specify `addresses` or `notReadyAddresses`");
    }
    for (int j = 0; j < subset.addresses_size(); ++j) {
      CheckAddress(subset.addresses(j), (at / "addresses")[j], errors);
    }
    for (int j = 0; j < subset.not_ready_addresses_size(); ++j) {
      CheckAddress(subset.not_ready_addresses(j), (at / "notReadyAddresses")[j], errors);
    }
    for (int j = 0; j < subset.ports_size(); ++j) {
      CheckEndpointPort(subset.ports(j), subset.ports_size() > 1, (at / "ports")[j], errors);
    }
  }
}

}  // namespace skiff::api
