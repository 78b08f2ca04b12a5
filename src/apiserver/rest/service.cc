// What the server does to services besides storing them: addresses and node ports.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "apiserver/rest/strategy.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

bool WantsNodePorts(const corev1::ServiceSpec& spec) {
  return spec.type() == "NodePort" ||
         (spec.type() == "LoadBalancer" && (!spec.has_allocate_load_balancer_node_ports() ||
                                            spec.allocate_load_balancer_node_ports()));
}

absl::Status AssignNodePorts(const Env& env, corev1::ServiceSpec* spec) {
  if (!WantsNodePorts(*spec)) return absl::OkStatus();
  for (corev1::ServicePort& port : *spec->mutable_ports()) {
    if (port.node_port() != 0) continue;
    SKIFF_ASSIGN_OR_RETURN(const int32_t number, env.allocate_node_port());
    port.set_node_port(number);
  }
  return absl::OkStatus();
}

absl::Status AssignClusterIp(const Env& env, corev1::ServiceSpec* spec) {
  if (spec->type() == "ExternalName") return absl::OkStatus();
  if (spec->cluster_ip().empty() && !spec->cluster_ips().empty()) {
    spec->set_cluster_ip(spec->cluster_ips(0));
  }
  if (spec->cluster_ip().empty()) {
    SKIFF_ASSIGN_OR_RETURN(const std::string ip, env.allocate_cluster_ip());
    spec->set_cluster_ip(ip);
  }
  if (spec->cluster_ips().empty()) spec->add_cluster_ips(spec->cluster_ip());
  if (spec->ip_families().empty()) spec->add_ip_families("IPv4");
  if (spec->ip_family_policy().empty()) spec->set_ip_family_policy("SingleStack");
  return absl::OkStatus();
}

bool IsAddress(const std::string& ip) { return !ip.empty() && ip != "None"; }

api::FieldError AddressError(const std::string& ip, absl::string_view why) {
  return {api::FieldError::Kind::kInvalid, "spec.clusterIPs", absl::StrCat("[\"", ip, "\"]"),
          absl::StrCat("failed to allocate IP ", ip, ": ", why)};
}

api::FieldError PortError(int index, int32_t port, absl::string_view why) {
  return {api::FieldError::Kind::kInvalid, absl::StrCat("spec.ports[", index, "].nodePort"),
          absl::StrCat(port), std::string(why)};
}

// What this service claims that `other` has already.
void AddClashes(const corev1::ServiceSpec& spec, const corev1::ServiceSpec& other,
                std::vector<api::FieldError>* errors) {
  if (IsAddress(spec.cluster_ip()) && spec.cluster_ip() == other.cluster_ip()) {
    errors->push_back(AddressError(spec.cluster_ip(), "provided IP is already allocated"));
  }
  for (int i = 0; i < spec.ports_size(); ++i) {
    const int32_t port = spec.ports(i).node_port();
    for (const corev1::ServicePort& taken : other.ports()) {
      if (port != 0 && port == taken.node_port()) {
        errors->push_back(PortError(i, port, "provided port is already allocated"));
      }
    }
  }
}

// A service that is no longer reachable from outside takes back what only such services say, unless
// the client has just said it.
void DropWithType(const corev1::ServiceSpec& old, corev1::ServiceSpec* spec) {
  const bool balanced = spec->type() == "LoadBalancer";
  if (!balanced && spec->type() != "NodePort" && spec->external_ips().empty() &&
      spec->external_traffic_policy() == old.external_traffic_policy()) {
    spec->clear_external_traffic_policy();
  }
  if (!balanced &&
      spec->allocate_load_balancer_node_ports() == old.allocate_load_balancer_node_ports()) {
    spec->clear_allocate_load_balancer_node_ports();
  }
}

}  // namespace

absl::Status CheckServiceClaims(const Env& env, const corev1::Service& service) {
  const corev1::ServiceSpec& spec = service.spec();
  std::vector<api::FieldError> errors;
  bool claims = false;
  if (IsAddress(spec.cluster_ip())) {
    claims = true;
    if (!absl::StartsWith(spec.cluster_ip(), "10.96.")) {
      errors.push_back(AddressError(
          spec.cluster_ip(), absl::StrCat("the provided IP (", spec.cluster_ip(),
                                          ") is not in the valid range. The range of valid IPs is "
                                          "10.96.0.0/16")));
    }
  }
  for (int i = 0; i < spec.ports_size(); ++i) {
    const int32_t port = spec.ports(i).node_port();
    if (port == 0) continue;
    claims = true;
    if (port < 30000 || port > 32767) {
      errors.push_back(PortError(i, port,
                                 "provided port is not in the valid range. The range of valid "
                                 "ports is 30000-32767"));
    }
  }
  if (!claims) return absl::OkStatus();
  env.snapshot->Scan(store::Prefix(api::ResourceOf<corev1::Service>()), "",
                     [&](absl::string_view, const api::ObjectPtr& other) {
                       if (other->meta().uid() != service.metadata().uid()) {
                         AddClashes(spec, other->As<corev1::Service>().spec(), &errors);
                       }
                       return true;
                     });
  if (errors.empty()) return absl::OkStatus();
  return api::Invalid(api::ResourceOf<corev1::Service>(), service.metadata().name(), errors);
}

std::set<std::string> ClaimsOf(const corev1::Service& service) {
  std::set<std::string> claims;
  if (IsAddress(service.spec().cluster_ip())) claims.insert(service.spec().cluster_ip());
  for (const corev1::ServicePort& port : service.spec().ports()) {
    if (port.node_port() != 0) claims.insert(absl::StrCat(port.node_port()));
  }
  return claims;
}

absl::Status FinishServiceCreate(const Env& env, corev1::Service* service) {
  service->mutable_status()->mutable_load_balancer();
  SKIFF_RETURN_IF_ERROR(CheckServiceClaims(env, *service));
  SKIFF_RETURN_IF_ERROR(AssignClusterIp(env, service->mutable_spec()));
  return AssignNodePorts(env, service->mutable_spec());
}

absl::Status PrepareServiceUpdate(const Env& env, const corev1::Service& old,
                                  corev1::Service* service) {
  corev1::ServiceSpec* spec = service->mutable_spec();
  if (spec->type() == "ExternalName") {
    if (old.spec().type() != "ExternalName" && spec->cluster_ip() == old.spec().cluster_ip()) {
      spec->clear_cluster_ip();
      spec->clear_cluster_ips();
    }
    return absl::OkStatus();
  }
  // A client that leaves the address out means the one it has.
  if (spec->cluster_ip().empty() && old.spec().type() != "ExternalName") {
    spec->set_cluster_ip(old.spec().cluster_ip());
    *spec->mutable_cluster_ips() = old.spec().cluster_ips();
  }
  for (corev1::ServicePort& port : *spec->mutable_ports()) {
    for (const corev1::ServicePort& before : old.spec().ports()) {
      if (port.node_port() == 0 && WantsNodePorts(*spec) && before.port() == port.port() &&
          before.protocol() == port.protocol()) {
        port.set_node_port(before.node_port());
      }
    }
    if (!WantsNodePorts(*spec)) port.clear_node_port();
  }
  DropWithType(old.spec(), spec);
  SKIFF_RETURN_IF_ERROR(CheckServiceClaims(env, *service));
  SKIFF_RETURN_IF_ERROR(AssignClusterIp(env, spec));
  return AssignNodePorts(env, spec);
}

}  // namespace skiff::apiserver
