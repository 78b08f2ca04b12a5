#include "api/defaulting.h"

#include "api/defaulting_internal.h"
#include "api/int_or_string.h"
#include "k8s.io/api/autoscaling/v2/generated.pb.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"
#include "k8s.io/api/networking/v1/generated.pb.h"
#include "k8s.io/api/rbac/v1/generated.pb.h"
#include "k8s.io/api/resource/v1/generated.pb.h"
#include "k8s.io/api/scheduling/v1/generated.pb.h"
#include "k8s.io/api/storage/v1/generated.pb.h"

namespace skiff::api {
namespace {

void SecretDefaults(corev1::Secret* secret) {
  if (secret->type().empty()) secret->set_type("Opaque");
  // stringData is a way to write data, and is never read back.
  for (const auto& [key, text] : secret->string_data()) (*secret->mutable_data())[key] = text;
  secret->clear_string_data();
}

void NamespaceDefaults(corev1::Namespace* space) {
  const std::string& name = space->metadata().name();
  if (!name.empty()) {
    (*space->mutable_metadata()->mutable_labels())["kubernetes.io/metadata.name"] = name;
  }
  if (space->status().phase().empty()) space->mutable_status()->set_phase("Active");
}

void NodeDefaults(corev1::Node* node) {
  if (!node->has_status()) return;
  corev1::NodeStatus* status = node->mutable_status();
  if (status->allocatable().empty()) *status->mutable_allocatable() = status->capacity();
  ResourceListDefaults(status->mutable_capacity());
  ResourceListDefaults(status->mutable_allocatable());
}

void RuntimeClassDefaults(nodev1::RuntimeClass* runtime_class) {
  if (runtime_class->has_overhead()) {
    ResourceListDefaults(runtime_class->mutable_overhead()->mutable_pod_fixed());
  }
}

bool IsReachableFromOutside(const corev1::ServiceSpec& spec) {
  return spec.type() == "LoadBalancer" || spec.type() == "NodePort" ||
         (spec.type() == "ClusterIP" && spec.external_ips_size() > 0);
}

// A kind, and what completes an object of it.
struct Defaults {
  const google::protobuf::Descriptor* kind;
  void (*complete)(google::protobuf::Message* object);
};

template <typename T, void (*kComplete)(T*)>
Defaults MakeDefaults() {
  return {T::descriptor(),
          [](google::protobuf::Message* object) { kComplete(static_cast<T*>(object)); }};
}

}  // namespace

void ServiceDefaults(corev1::Service* service) {
  corev1::ServiceSpec* spec = service->mutable_spec();
  if (spec->session_affinity().empty()) spec->set_session_affinity("None");
  if (spec->session_affinity() == "None") spec->clear_session_affinity_config();
  if (spec->session_affinity() == "ClientIP" &&
      !spec->session_affinity_config().client_ip().has_timeout_seconds()) {
    spec->mutable_session_affinity_config()->mutable_client_ip()->set_timeout_seconds(10800);
  }
  if (spec->type().empty()) spec->set_type("ClusterIP");
  for (corev1::ServicePort& port : *spec->mutable_ports()) {
    if (port.protocol().empty()) port.set_protocol("TCP");
    const IntOrString& target = port.target_port();
    if (IsString(target) ? target.str_val().empty() : target.int_val() == 0) {
      *port.mutable_target_port() = IntValue(port.port());
    }
  }
  if (IsReachableFromOutside(*spec) && spec->external_traffic_policy().empty()) {
    spec->set_external_traffic_policy("Cluster");
  }
  if (spec->type() != "ExternalName") {
    if (!spec->has_internal_traffic_policy()) spec->set_internal_traffic_policy("Cluster");
    if (!spec->has_ip_family_policy()) spec->set_ip_family_policy("SingleStack");
    if (spec->ip_families().empty()) spec->add_ip_families("IPv4");
  }
  if (spec->type() != "LoadBalancer") return;
  if (!spec->has_allocate_load_balancer_node_ports()) {
    spec->set_allocate_load_balancer_node_ports(true);
  }
  if (!service->has_status()) return;
  for (auto& ingress : *service->mutable_status()->mutable_load_balancer()->mutable_ingress()) {
    if (!ingress.ip().empty() && !ingress.has_ip_mode()) ingress.set_ip_mode("VIP");
  }
}

void SetDefaults(google::protobuf::Message* object) {
  static const Defaults kDefaults[] = {
      // Other kinds have none.
      MakeDefaults<corev1::Pod, PodDefaults>(),
      MakeDefaults<appsv1::Deployment, DeploymentDefaults>(),
      MakeDefaults<appsv1::ReplicaSet, ReplicaSetDefaults>(),
      MakeDefaults<appsv1::StatefulSet, StatefulSetDefaults>(),
      MakeDefaults<appsv1::DaemonSet, DaemonSetDefaults>(),
      MakeDefaults<corev1::ReplicationController, ReplicationControllerDefaults>(),
      MakeDefaults<corev1::PodTemplate, PodTemplateDefaults>(),
      MakeDefaults<batchv1::CronJob, CronJobDefaults>(),
      MakeDefaults<batchv1::Job, JobDefaults>(),
      MakeDefaults<corev1::LimitRange, LimitRangeDefaults>(),
      MakeDefaults<corev1::ResourceQuota, ResourceQuotaDefaults>(),
      MakeDefaults<corev1::Endpoints, EndpointsDefaults>(),
      MakeDefaults<schedulingv1::PriorityClass, PriorityClassDefaults>(),
      MakeDefaults<autoscalingv2::HorizontalPodAutoscaler, AutoscalerDefaults>(),
      MakeDefaults<flowcontrolv1::FlowSchema, FlowSchemaDefaults>(),
      MakeDefaults<flowcontrolv1::PriorityLevelConfiguration, PriorityLevelDefaults>(),
      MakeDefaults<corev1::Service, ServiceDefaults>(),
      MakeDefaults<corev1::Secret, SecretDefaults>(),
      MakeDefaults<corev1::Namespace, NamespaceDefaults>(),
      MakeDefaults<corev1::Node, NodeDefaults>(),
      MakeDefaults<nodev1::RuntimeClass, RuntimeClassDefaults>(),
      MakeDefaults<rbacv1::RoleBinding, RoleBindingDefaults>(),
      MakeDefaults<rbacv1::ClusterRoleBinding, ClusterRoleBindingDefaults>(),
      MakeDefaults<networkingv1::IngressClass, IngressClassDefaults>(),
      MakeDefaults<networkingv1::NetworkPolicy, NetworkPolicyDefaults>(),
      MakeDefaults<discoveryv1::EndpointSlice, EndpointSliceDefaults>(),
      MakeDefaults<corev1::PersistentVolume, PersistentVolumeDefaults>(),
      MakeDefaults<corev1::PersistentVolumeClaim, VolumeClaimDefaults>(),
      MakeDefaults<storagev1::StorageClass, StorageClassDefaults>(),
      MakeDefaults<storagev1::CSIDriver, CsiDriverDefaults>(),
      MakeDefaults<storagev1::VolumeAttachment, VolumeAttachmentDefaults>(),
      MakeDefaults<resourcev1::ResourceClaim, ResourceClaimDefaults>(),
      MakeDefaults<resourcev1::ResourceClaimTemplate, ResourceClaimTemplateDefaults>(),
  };
  const auto* kind = object->GetDescriptor();
  for (const Defaults& defaults : kDefaults) {
    if (defaults.kind == kind) return defaults.complete(object);
  }
}

}  // namespace skiff::api
