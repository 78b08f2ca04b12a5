// What the server does to services besides storing them: addresses and node ports.
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

}  // namespace

absl::Status FinishServiceCreate(const Env& env, corev1::Service* service) {
  service->mutable_status()->mutable_load_balancer();
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
  SKIFF_RETURN_IF_ERROR(AssignClusterIp(env, spec));
  return AssignNodePorts(env, spec);
}

}  // namespace skiff::apiserver
