#include <set>

#include "absl/strings/str_cat.h"
#include "api/validation/addresses.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

std::string ClusterIp(const corev1::ServiceSpec& spec) {
  return spec.cluster_ips_size() > 0 ? spec.cluster_ips(0) : spec.cluster_ip();
}

bool IsExternalName(const corev1::Service& service) {
  return service.spec().type() == "ExternalName";
}

void CheckPorts(const corev1::ServiceSpec& spec, ErrorList* errors) {
  const Path ports("spec.ports");
  std::set<std::string> names, places;
  for (int i = 0; i < spec.ports_size(); ++i) {
    const corev1::ServicePort& port = spec.ports(i);
    const Path at = ports[i];
    if (port.name().empty()) {
      if (spec.ports_size() > 1) errors->Required(at / "name");
    } else {
      errors->InvalidEach(at / "name", port.name(), CheckDns1123Label(port.name()));
      if (!names.insert(port.name()).second) errors->Duplicate(at / "name", port.name());
    }
    errors->InvalidEach(at / "port", port.port(), CheckPortNumber(port.port()));
    errors->OneOfRequired(at / "protocol", port.protocol(), {"SCTP", "TCP", "UDP"});
    CheckPort(port.target_port(), at / "targetPort", errors);
    if (!places.insert(absl::StrCat(port.protocol(), "/", port.port())).second) {
      corev1::ServicePort place;
      place.set_protocol(port.protocol());
      place.set_port(port.port());
      errors->Duplicate(at, place);
    }
    if (port.node_port() != 0) {
      if (spec.type() == "ClusterIP") {
        errors->Forbidden(at / "nodePort", "may not be used when `type` is 'ClusterIP'");
      } else {
        errors->InvalidEach(at / "nodePort", port.node_port(), CheckPortNumber(port.node_port()));
      }
    }
  }
}

void CheckAddresses(const corev1::ServiceSpec& spec, ErrorList* errors) {
  const std::string ip = ClusterIp(spec);
  const Path ips = Path("spec.clusterIPs")[0];
  if (!ip.empty() && ip != "None") errors->InvalidEach(ips, ip, CheckIpLoosely(ip));
  if (spec.cluster_ips_size() > 0 && spec.cluster_ip() != spec.cluster_ips(0)) {
    errors->Invalid(Path("spec.clusterIPs"), spec.cluster_ips(0),
                    "first value must match `clusterIP`");
  }
  for (int i = 0; i < spec.external_ips_size(); ++i) {
    errors->InvalidEach(Path("spec.externalIPs")[i], spec.external_ips(i),
                        CheckIpLoosely(spec.external_ips(i)));
  }
}

void CheckAffinityOf(const corev1::ServiceSpec& spec, ErrorList* errors) {
  errors->OneOfRequired(Path("spec.sessionAffinity"), spec.session_affinity(),
                        {"ClientIP", "None"});
  if (spec.session_affinity() != "ClientIP") return;
  const int32_t seconds = spec.session_affinity_config().client_ip().timeout_seconds();
  if (seconds <= 0 || seconds > 86400) {
    errors->Invalid(Path("spec.sessionAffinityConfig.clientIP.timeoutSeconds"), seconds,
                    "must be greater than 0 and less than or equal to 86400");
  }
}

void CheckTrafficPolicies(const corev1::ServiceSpec& spec, ErrorList* errors) {
  if (spec.has_internal_traffic_policy()) {
    errors->OneOf(Path("spec.internalTrafficPolicy"), spec.internal_traffic_policy(),
                  {"Cluster", "Local"});
  }
  if (spec.external_traffic_policy().empty()) return;
  const Path external("spec.externalTrafficPolicy");
  const bool outside =
      spec.type() == "NodePort" || spec.type() == "LoadBalancer" || spec.external_ips_size() > 0;
  if (!outside) {
    errors->Invalid(external, spec.external_traffic_policy(),
                    "may only be set for externally-accessible services");
  } else {
    errors->OneOf(external, spec.external_traffic_policy(), {"Cluster", "Local"});
  }
}

}  // namespace

void CheckService(const corev1::Service& service, ErrorList* errors) {
  const corev1::ServiceSpec& spec = service.spec();
  const bool headless = ClusterIp(spec) == "None";
  if (spec.ports().empty() && !headless && !IsExternalName(service)) {
    errors->Required(Path("spec.ports"));
  }
  CheckPorts(spec, errors);
  errors->OneOfRequired(Path("spec.type"), spec.type(),
                        {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  CheckLabels(spec.selector(), Path("spec.selector"), errors);
  CheckAffinityOf(spec, errors);
  CheckAddresses(spec, errors);
  CheckTrafficPolicies(spec, errors);
  if (IsExternalName(service)) {
    if (!ClusterIp(spec).empty()) {
      errors->Forbidden(Path("spec.clusterIPs")[0], "may not be set for ExternalName services");
    }
    std::string name = spec.external_name();
    if (!name.empty() && name.back() == '.') name.pop_back();
    if (name.empty()) {
      errors->Required(Path("spec.externalName"));
    } else {
      errors->InvalidEach(Path("spec.externalName"), name, CheckDns1123Subdomain(name));
    }
  } else if (headless && spec.type() != "ClusterIP") {
    errors->Invalid(Path("spec.clusterIPs")[0], ClusterIp(spec),
                    absl::StrCat("may not be set to 'None' for ", spec.type(), " services"));
  }
}

void CheckServiceUpdate(const corev1::Service& now, const corev1::Service& old, ErrorList* errors) {
  CheckService(now, errors);
  if (IsExternalName(now) || IsExternalName(old)) return;
  const std::string before = ClusterIp(old.spec());
  const std::string after = ClusterIp(now.spec());
  const Path ips = Path("spec.clusterIPs")[0];
  if (before.empty() || before == after) return;
  if (after.empty()) {
    errors->Invalid(ips, after, "primary clusterIP can not be unset");
  } else {
    errors->Invalid(ips, after, "may not change once set");
  }
}

}  // namespace skiff::api
