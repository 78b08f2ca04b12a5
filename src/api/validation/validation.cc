#include "api/validation/validation.h"

#include <span>

#include "api/object.h"
#include "api/resource.h"
#include "api/validation/addresses.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "k8s.io/api/autoscaling/v2/generated.pb.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"
#include "k8s.io/api/networking/v1/generated.pb.h"
#include "k8s.io/api/policy/v1/generated.pb.h"
#include "k8s.io/api/rbac/v1/generated.pb.h"
#include "k8s.io/api/resource/v1/generated.pb.h"
#include "k8s.io/api/scheduling/v1/generated.pb.h"
#include "k8s.io/api/storage/v1/generated.pb.h"

namespace skiff::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;

// What is checked of a kind besides its metadata.
struct Rules {
  const Descriptor* kind;
  NameCheck name;
  void (*create)(const Message& object, ErrorList* errors);
  void (*update)(const Message& now, const Message& old, ErrorList* errors);
  // A write on the status path; null: nothing of the status is checked.
  void (*status)(const Message& now, const Message& old, ErrorList* errors) = nullptr;
};

template <typename T, void (*kCreate)(const T&, ErrorList*)>
Rules MakeRules(NameCheck name) {
  const auto create = [](const Message& object, ErrorList* errors) {
    kCreate(static_cast<const T&>(object), errors);
  };
  const auto update = [](const Message& now, const Message&, ErrorList* errors) {
    kCreate(static_cast<const T&>(now), errors);
  };
  return {T::descriptor(), name, create, update};
}

template <typename T, void (*kCreate)(const T&, ErrorList*),
          void (*kUpdate)(const T&, const T&, ErrorList*)>
Rules MakeRules(NameCheck name) {
  Rules rules = MakeRules<T, kCreate>(name);
  rules.update = [](const Message& now, const Message& old, ErrorList* errors) {
    kUpdate(static_cast<const T&>(now), static_cast<const T&>(old), errors);
  };
  return rules;
}

template <typename T, void (*kCreate)(const T&, ErrorList*),
          void (*kUpdate)(const T&, const T&, ErrorList*),
          void (*kStatus)(const T&, const T&, ErrorList*)>
Rules MakeRules(NameCheck name) {
  Rules rules = MakeRules<T, kCreate, kUpdate>(name);
  rules.status = [](const Message& now, const Message& old, ErrorList* errors) {
    kStatus(static_cast<const T&>(now), static_cast<const T&>(old), errors);
  };
  return rules;
}

// Core, apps and batch.
std::span<const Rules> CoreRules() {
  static const Rules kRules[] = {
      MakeRules<corev1::Pod, CheckPod, CheckPodUpdate>(CheckDns1123Subdomain),
      MakeRules<corev1::Service, CheckService, CheckServiceUpdate>(CheckDns1035Label),
      MakeRules<appsv1::Deployment, CheckDeployment, CheckDeploymentUpdate>(CheckDns1123Subdomain),
      MakeRules<appsv1::ReplicaSet, CheckReplicaSet, CheckReplicaSetUpdate>(CheckDns1123Subdomain),
      MakeRules<appsv1::StatefulSet, CheckStatefulSet, CheckStatefulSetUpdate,
                CheckStatefulSetStatus>(CheckDns1123Label),
      MakeRules<appsv1::DaemonSet, CheckDaemonSet, CheckDaemonSetUpdate, CheckDaemonSetStatus>(
          CheckDns1123Subdomain),
      MakeRules<appsv1::ControllerRevision, CheckControllerRevision, CheckControllerRevisionUpdate>(
          CheckDns1123Subdomain),
      MakeRules<corev1::ReplicationController, CheckReplicationController,
                CheckReplicationControllerUpdate, CheckReplicationControllerStatus>(
          CheckDns1123Subdomain),
      MakeRules<corev1::PodTemplate, CheckPodTemplateObject>(CheckDns1123Subdomain),
      MakeRules<batchv1::CronJob, CheckCronJob, CheckCronJobUpdate>(CheckDns1123Subdomain),
      MakeRules<batchv1::Job, CheckJob, CheckJobUpdate>(CheckDns1123Subdomain),
      MakeRules<corev1::ConfigMap, CheckConfigMap, CheckConfigMapUpdate>(CheckDns1123Subdomain),
      MakeRules<corev1::Secret, CheckSecret, CheckSecretUpdate>(CheckDns1123Subdomain),
      MakeRules<corev1::Namespace, CheckNamespace>(CheckDns1123Label),
      MakeRules<corev1::Node, CheckNode, CheckNodeUpdate>(CheckDns1123Subdomain),
      MakeRules<corev1::Event, CheckEvent>(CheckDns1123Subdomain),
      MakeRules<corev1::Endpoints, CheckEndpoints>(CheckDns1123Subdomain),
      MakeRules<corev1::LimitRange, CheckLimitRange>(CheckDns1123Subdomain),
      MakeRules<corev1::ResourceQuota, CheckResourceQuota, CheckResourceQuotaUpdate,
                CheckResourceQuotaStatus>(CheckDns1123Subdomain),
      MakeRules<corev1::PersistentVolume, CheckPersistentVolume, CheckPersistentVolumeUpdate>(
          CheckDns1123Subdomain),
      MakeRules<corev1::PersistentVolumeClaim, CheckVolumeClaim, CheckVolumeClaimUpdate,
                CheckVolumeClaimStatus>(CheckDns1123Subdomain),
  };
  return kRules;
}

std::span<const Rules> OtherRules() {
  static const Rules kRules[] = {
      MakeRules<policyv1::PodDisruptionBudget, CheckPodDisruptionBudget,
                CheckPodDisruptionBudgetUpdate, CheckPodDisruptionBudgetStatus>(CheckPathSegment),
      MakeRules<schedulingv1::PriorityClass, CheckPriorityClass, CheckPriorityClassUpdate>(
          CheckDns1123Subdomain),
      MakeRules<autoscalingv2::HorizontalPodAutoscaler, CheckAutoscaler, CheckAutoscalerUpdate,
                CheckAutoscalerStatus>(CheckDns1123Subdomain),
      MakeRules<certificatesv1::CertificateSigningRequest, CheckCertificateRequest,
                CheckCertificateRequestUpdate, CheckCertificateRequestStatus>(CheckPathSegment),
      MakeRules<flowcontrolv1::FlowSchema, CheckFlowSchema, CheckFlowSchemaUpdate,
                CheckFlowSchemaStatus>(CheckDns1123Subdomain),
      MakeRules<flowcontrolv1::PriorityLevelConfiguration, CheckPriorityLevel,
                CheckPriorityLevelUpdate, CheckPriorityLevelStatus>(CheckDns1123Subdomain),
      MakeRules<coordinationv1::Lease, CheckLease>(CheckDns1123Subdomain),
      MakeRules<nodev1::RuntimeClass, CheckRuntimeClass, CheckRuntimeClassUpdate>(
          CheckDns1123Subdomain),
      MakeRules<rbacv1::Role, CheckRole>(CheckPathSegment),
      MakeRules<rbacv1::ClusterRole, CheckClusterRole>(CheckPathSegment),
      MakeRules<rbacv1::RoleBinding, CheckRoleBinding, CheckRoleBindingUpdate>(CheckPathSegment),
      MakeRules<rbacv1::ClusterRoleBinding, CheckClusterRoleBinding, CheckClusterRoleBindingUpdate>(
          CheckPathSegment),
      MakeRules<networkingv1::Ingress, CheckIngress, CheckIngressUpdate, CheckIngressStatus>(
          CheckDns1123Subdomain),
      MakeRules<networkingv1::IngressClass, CheckIngressClass, CheckIngressClassUpdate>(
          CheckDns1123Subdomain),
      MakeRules<networkingv1::NetworkPolicy, CheckNetworkPolicy>(CheckDns1123Subdomain),
      MakeRules<networkingv1::IPAddress, CheckIpAddress, CheckIpAddressUpdate>(CheckIpStrictly),
      MakeRules<networkingv1::ServiceCIDR, CheckServiceCidr, CheckServiceCidrUpdate>(
          CheckDns1123Subdomain),
      MakeRules<discoveryv1::EndpointSlice, CheckEndpointSlice, CheckEndpointSliceUpdate>(
          CheckDns1123Subdomain),
      MakeRules<storagev1::StorageClass, CheckStorageClass, CheckStorageClassUpdate>(
          CheckDns1123Subdomain),
      MakeRules<storagev1::CSIDriver, CheckCsiDriver, CheckCsiDriverUpdate>(CheckDns1123Subdomain),
      MakeRules<storagev1::CSINode, CheckCsiNode, CheckCsiNodeUpdate>(CheckDns1123Subdomain),
      MakeRules<storagev1::CSIStorageCapacity, CheckCsiStorageCapacity,
                CheckCsiStorageCapacityUpdate>(CheckDns1123Subdomain),
      MakeRules<storagev1::VolumeAttachment, CheckVolumeAttachment, CheckVolumeAttachmentUpdate,
                CheckVolumeAttachmentStatus>(CheckDns1123Subdomain),
      MakeRules<storagev1::VolumeAttributesClass, CheckVolumeAttributesClass,
                CheckVolumeAttributesClassUpdate>(CheckDns1123Subdomain),
      MakeRules<resourcev1::DeviceClass, CheckDeviceClass>(CheckDns1123Subdomain),
      MakeRules<resourcev1::ResourceClaim, CheckResourceClaim, CheckResourceClaimUpdate,
                CheckResourceClaimStatus>(CheckDns1123Subdomain),
      MakeRules<resourcev1::ResourceClaimTemplate, CheckResourceClaimTemplate,
                CheckResourceClaimTemplateUpdate>(CheckDns1123Subdomain),
      MakeRules<resourcev1::ResourceSlice, CheckResourceSlice, CheckResourceSliceUpdate>(
          CheckDns1123Subdomain),
  };
  return kRules;
}

const Rules* FindRules(const Descriptor* kind) {
  for (const auto part : {CoreRules, OtherRules}) {
    for (const Rules& rules : part()) {
      if (rules.kind == kind) return &rules;
    }
  }
  return nullptr;
}

}  // namespace

std::vector<FieldError> ValidateCreate(const Message& object) {
  ErrorList errors;
  const Rules* rules = FindRules(object.GetDescriptor());
  const ResourceInfo& resource = ResourceOfDescriptor(object.GetDescriptor());
  if (const metav1::ObjectMeta* meta = MetaOf(object)) {
    CheckMeta(*meta, resource.namespaced,
              rules != nullptr ? rules->name : NameCheck(CheckDns1123Subdomain), &errors);
  }
  if (rules != nullptr) rules->create(object, &errors);
  return std::move(errors).Take();
}

std::vector<FieldError> ValidateUpdate(const Message& now, const Message& old) {
  ErrorList errors;
  CheckMetaUpdate(*MetaOf(now), *MetaOf(old), &errors);
  if (const Rules* rules = FindRules(now.GetDescriptor())) rules->update(now, old, &errors);
  return std::move(errors).Take();
}

std::vector<FieldError> ValidateStatusUpdate(const Message& now, const Message& old) {
  ErrorList errors;
  const Rules* rules = FindRules(now.GetDescriptor());
  if (rules != nullptr && rules->status != nullptr) rules->status(now, old, &errors);
  return std::move(errors).Take();
}

std::vector<FieldError> ValidateApproval(const certificatesv1::CertificateSigningRequest& now,
                                         const certificatesv1::CertificateSigningRequest& old) {
  ErrorList errors;
  CheckCertificateRequestApproval(now, old, &errors);
  return std::move(errors).Take();
}

}  // namespace skiff::api
