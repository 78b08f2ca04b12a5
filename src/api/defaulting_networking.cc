#include "api/defaulting_internal.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/networking/v1/generated.pb.h"

namespace skiff::api {
namespace {

// Of the ingress or egress rules of a policy.
template <typename Rules>
void PolicyPortDefaults(Rules* rules) {
  for (auto& rule : *rules) {
    for (networkingv1::NetworkPolicyPort& port : *rule.mutable_ports()) {
      if (!port.has_protocol()) port.set_protocol("TCP");
    }
  }
}

}  // namespace

void IngressClassDefaults(networkingv1::IngressClass* ingress_class) {
  if (ingress_class->spec().has_parameters() && !ingress_class->spec().parameters().has_scope()) {
    ingress_class->mutable_spec()->mutable_parameters()->set_scope("Cluster");
  }
}

void NetworkPolicyDefaults(networkingv1::NetworkPolicy* policy) {
  networkingv1::NetworkPolicySpec* spec = policy->mutable_spec();
  PolicyPortDefaults(spec->mutable_ingress());
  PolicyPortDefaults(spec->mutable_egress());
  if (!spec->policy_types().empty()) return;
  spec->add_policy_types("Ingress");
  if (!spec->egress().empty()) spec->add_policy_types("Egress");
}

void EndpointSliceDefaults(discoveryv1::EndpointSlice* slice) {
  for (discoveryv1::EndpointPort& port : *slice->mutable_ports()) {
    if (!port.has_name()) port.set_name("");
    if (!port.has_protocol()) port.set_protocol("TCP");
  }
}

}  // namespace skiff::api
