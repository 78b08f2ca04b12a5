// The rules, one function a kind or part of one. Use validation.h.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "api/int_or_string.h"
#include "api/quantity.h"
#include "api/type_names.h"
#include "api/types.h"
#include "api/validation/field_errors.h"

namespace skiff::api {

using Sentences = std::vector<std::string>;
using NameCheck = Sentences (*)(absl::string_view);
using Labels = google::protobuf::Map<std::string, std::string>;
using ResourceList = google::protobuf::Map<std::string, QuantityProto>;

// ---- Metadata ----
void CheckMeta(const metav1::ObjectMeta& meta, bool namespaced, NameCheck name, ErrorList* errors);
void CheckMetaUpdate(const metav1::ObjectMeta& now, const metav1::ObjectMeta& old,
                     ErrorList* errors);
void CheckLabels(const Labels& labels, const Path& path, ErrorList* errors);
void CheckAnnotations(const Labels& annotations, const Path& path, ErrorList* errors);
void CheckLabelSelector(const metav1::LabelSelector& selector, const Path& path, ErrorList* errors);

// Of what is made from a template: labels and annotations, nothing else.
void CheckTemplateMeta(const metav1::ObjectMeta& meta, const Path& path, ErrorList* errors);
void CheckConditions(const google::protobuf::RepeatedPtrField<metav1::Condition>& conditions,
                     const Path& path, ErrorList* errors);

// ---- Parts of pods ----
void CheckPodSpec(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
void CheckPodTemplate(const corev1::PodTemplateSpec& pod_template, const Path& path,
                      ErrorList* errors);
void CheckContainers(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
// One HTTP, TCP, gRPC or exec check of a container.
void CheckProbes(const corev1::Container& container, const Path& path, ErrorList* errors);
void CheckLifecycle(const corev1::Lifecycle& lifecycle, const Path& path, ErrorList* errors);
void CheckEnv(const corev1::Container& container, const Path& path, ErrorList* errors);
void CheckFieldRef(const corev1::ObjectFieldSelector& selector, bool in_volume, const Path& path,
                   ErrorList* errors);
void CheckResourceFieldRef(const corev1::ResourceFieldSelector& selector, bool in_volume,
                           const Path& path, ErrorList* errors);
void CheckVolumes(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
void CheckVolumeMounts(const corev1::Container& container, const corev1::PodSpec& spec,
                       const Path& path, ErrorList* errors);
void CheckResources(const corev1::ResourceRequirements& resources, const Path& path,
                    ErrorList* errors);
void CheckResourceList(const ResourceList& list, const Path& path, ErrorList* errors);
// One amount: not below zero; above it.
void CheckBasicAmount(const QuantityProto& amount, const Path& path, ErrorList* errors);
void CheckPositiveAmount(const QuantityProto& amount, const Path& path, ErrorList* errors);
// The name of a resource that containers ask for.
void CheckContainerResourceName(const std::string& name, const Path& path, ErrorList* errors);
void CheckPodSecurity(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
void CheckContainerSecurity(const corev1::SecurityContext& security, const Path& path,
                            ErrorList* errors);
void CheckAffinity(const corev1::Affinity& affinity, const Path& path, ErrorList* errors);
void CheckNodeSelector(const corev1::NodeSelector& selector, const Path& path, ErrorList* errors);
void CheckTolerations(const google::protobuf::RepeatedPtrField<corev1::Toleration>& tolerations,
                      const Path& path, ErrorList* errors);
void CheckTopologySpread(const corev1::PodSpec& spec, const Path& path, ErrorList* errors);
void CheckPort(const IntOrString& port, const Path& path, ErrorList* errors);
// A count or a percentage, and neither below zero.
void CheckIntOrPercent(const IntOrString& value, const Path& path, ErrorList* errors);
// If it is a percentage, then of no more than all.
void CheckAtMostAll(const IntOrString& value, const Path& path, ErrorList* errors);
// 0 or 0%.
bool IsNothing(const IntOrString& value);
// A relative path without "..".
void CheckLocalPath(const std::string& text, const Path& path, ErrorList* errors);
// A path without "..".
void CheckNoParentSteps(const std::string& text, const Path& path, ErrorList* errors);
void CheckHostPath(const corev1::HostPathVolumeSource& source, const Path& path, ErrorList* errors);

// ---- Parts of volumes and devices ----
// The name of a driver of storage or devices.
void CheckDriverName(const std::string& name, const Path& path, ErrorList* errors);
void CheckAccessModes(const google::protobuf::RepeatedPtrField<std::string>& modes,
                      const Path& path, ErrorList* errors);
// Of a new claim, or of one that is to be made.
void CheckVolumeClaimSpec(const corev1::PersistentVolumeClaimSpec& spec, const Path& path,
                          ErrorList* errors);
// `is_inline`: the volume is part of another object, not one itself.
void CheckPersistentVolumeSpec(const corev1::PersistentVolumeSpec& spec, bool is_inline,
                               const Path& path, ErrorList* errors);
void CheckPersistentVolumeSource(const corev1::PersistentVolumeSource& source, const Path& path,
                                 ErrorList* errors);

// ---- Kinds ----
void CheckPod(const corev1::Pod& pod, ErrorList* errors);
void CheckPodUpdate(const corev1::Pod& now, const corev1::Pod& old, ErrorList* errors);
void CheckService(const corev1::Service& service, ErrorList* errors);
void CheckServiceUpdate(const corev1::Service& now, const corev1::Service& old, ErrorList* errors);
void CheckDeployment(const appsv1::Deployment& deployment, ErrorList* errors);
void CheckDeploymentUpdate(const appsv1::Deployment& now, const appsv1::Deployment& old,
                           ErrorList* errors);
void CheckReplicaSet(const appsv1::ReplicaSet& set, ErrorList* errors);
void CheckReplicaSetUpdate(const appsv1::ReplicaSet& now, const appsv1::ReplicaSet& old,
                           ErrorList* errors);
void CheckStatefulSet(const appsv1::StatefulSet& set, ErrorList* errors);
void CheckStatefulSetUpdate(const appsv1::StatefulSet& now, const appsv1::StatefulSet& old,
                            ErrorList* errors);
void CheckStatefulSetStatus(const appsv1::StatefulSet& now, const appsv1::StatefulSet& old,
                            ErrorList* errors);
void CheckDaemonSet(const appsv1::DaemonSet& set, ErrorList* errors);
void CheckDaemonSetUpdate(const appsv1::DaemonSet& now, const appsv1::DaemonSet& old,
                          ErrorList* errors);
void CheckDaemonSetStatus(const appsv1::DaemonSet& now, const appsv1::DaemonSet& old,
                          ErrorList* errors);
void CheckControllerRevision(const appsv1::ControllerRevision& revision, ErrorList* errors);
void CheckControllerRevisionUpdate(const appsv1::ControllerRevision& now,
                                   const appsv1::ControllerRevision& old, ErrorList* errors);
void CheckReplicationController(const corev1::ReplicationController& controller, ErrorList* errors);
void CheckReplicationControllerUpdate(const corev1::ReplicationController& now,
                                      const corev1::ReplicationController& old, ErrorList* errors);
void CheckReplicationControllerStatus(const corev1::ReplicationController& now,
                                      const corev1::ReplicationController& old, ErrorList* errors);
void CheckPodTemplateObject(const corev1::PodTemplate& pod_template, ErrorList* errors);
// All of a job's specification but its selector.
void CheckJobSpec(const batchv1::JobSpec& spec, const Path& path, ErrorList* errors);
void CheckCronJob(const batchv1::CronJob& job, ErrorList* errors);
void CheckCronJobUpdate(const batchv1::CronJob& now, const batchv1::CronJob& old,
                        ErrorList* errors);
void CheckJob(const batchv1::Job& job, ErrorList* errors);
void CheckJobUpdate(const batchv1::Job& now, const batchv1::Job& old, ErrorList* errors);
void CheckEndpoints(const corev1::Endpoints& endpoints, ErrorList* errors);
void CheckLimitRange(const corev1::LimitRange& range, ErrorList* errors);
void CheckResourceQuota(const corev1::ResourceQuota& quota, ErrorList* errors);
void CheckResourceQuotaUpdate(const corev1::ResourceQuota& now, const corev1::ResourceQuota& old,
                              ErrorList* errors);
void CheckResourceQuotaStatus(const corev1::ResourceQuota& now, const corev1::ResourceQuota& old,
                              ErrorList* errors);
void CheckPodDisruptionBudget(const policyv1::PodDisruptionBudget& budget, ErrorList* errors);
void CheckPodDisruptionBudgetUpdate(const policyv1::PodDisruptionBudget& now,
                                    const policyv1::PodDisruptionBudget& old, ErrorList* errors);
void CheckPodDisruptionBudgetStatus(const policyv1::PodDisruptionBudget& now,
                                    const policyv1::PodDisruptionBudget& old, ErrorList* errors);
void CheckPriorityClass(const schedulingv1::PriorityClass& priority, ErrorList* errors);
void CheckPriorityClassUpdate(const schedulingv1::PriorityClass& now,
                              const schedulingv1::PriorityClass& old, ErrorList* errors);
void CheckAutoscaler(const autoscalingv2::HorizontalPodAutoscaler& autoscaler, ErrorList* errors);
void CheckAutoscalerUpdate(const autoscalingv2::HorizontalPodAutoscaler& now,
                           const autoscalingv2::HorizontalPodAutoscaler& old, ErrorList* errors);
void CheckAutoscalerStatus(const autoscalingv2::HorizontalPodAutoscaler& now,
                           const autoscalingv2::HorizontalPodAutoscaler& old, ErrorList* errors);
void CheckCertificateRequest(const certificatesv1::CertificateSigningRequest& request,
                             ErrorList* errors);
void CheckCertificateRequestUpdate(const certificatesv1::CertificateSigningRequest& now,
                                   const certificatesv1::CertificateSigningRequest& old,
                                   ErrorList* errors);
void CheckCertificateRequestStatus(const certificatesv1::CertificateSigningRequest& now,
                                   const certificatesv1::CertificateSigningRequest& old,
                                   ErrorList* errors);
void CheckCertificateRequestApproval(const certificatesv1::CertificateSigningRequest& now,
                                     const certificatesv1::CertificateSigningRequest& old,
                                     ErrorList* errors);
void CheckFlowSchema(const flowcontrolv1::FlowSchema& schema, ErrorList* errors);
void CheckFlowSchemaUpdate(const flowcontrolv1::FlowSchema& now,
                           const flowcontrolv1::FlowSchema& old, ErrorList* errors);
void CheckFlowSchemaStatus(const flowcontrolv1::FlowSchema& now,
                           const flowcontrolv1::FlowSchema& old, ErrorList* errors);
void CheckPriorityLevel(const flowcontrolv1::PriorityLevelConfiguration& level, ErrorList* errors);
void CheckPriorityLevelUpdate(const flowcontrolv1::PriorityLevelConfiguration& now,
                              const flowcontrolv1::PriorityLevelConfiguration& old,
                              ErrorList* errors);
void CheckPriorityLevelStatus(const flowcontrolv1::PriorityLevelConfiguration& now,
                              const flowcontrolv1::PriorityLevelConfiguration& old,
                              ErrorList* errors);
void CheckConfigMap(const corev1::ConfigMap& map, ErrorList* errors);
void CheckConfigMapUpdate(const corev1::ConfigMap& now, const corev1::ConfigMap& old,
                          ErrorList* errors);
void CheckSecret(const corev1::Secret& secret, ErrorList* errors);
void CheckSecretUpdate(const corev1::Secret& now, const corev1::Secret& old, ErrorList* errors);
void CheckNamespace(const corev1::Namespace& space, ErrorList* errors);
void CheckNode(const corev1::Node& node, ErrorList* errors);
void CheckNodeUpdate(const corev1::Node& now, const corev1::Node& old, ErrorList* errors);
void CheckEvent(const corev1::Event& event, ErrorList* errors);
void CheckLease(const coordinationv1::Lease& lease, ErrorList* errors);
void CheckRuntimeClass(const nodev1::RuntimeClass& runtime, ErrorList* errors);
void CheckRuntimeClassUpdate(const nodev1::RuntimeClass& now, const nodev1::RuntimeClass& old,
                             ErrorList* errors);
void CheckRole(const rbacv1::Role& object, ErrorList* errors);
void CheckClusterRole(const rbacv1::ClusterRole& object, ErrorList* errors);
void CheckRoleBinding(const rbacv1::RoleBinding& object, ErrorList* errors);
void CheckRoleBindingUpdate(const rbacv1::RoleBinding& now, const rbacv1::RoleBinding& old,
                            ErrorList* errors);
void CheckClusterRoleBinding(const rbacv1::ClusterRoleBinding& object, ErrorList* errors);
void CheckClusterRoleBindingUpdate(const rbacv1::ClusterRoleBinding& now,
                                   const rbacv1::ClusterRoleBinding& old, ErrorList* errors);
void CheckIngress(const networkingv1::Ingress& object, ErrorList* errors);
void CheckIngressUpdate(const networkingv1::Ingress& now, const networkingv1::Ingress& old,
                        ErrorList* errors);
void CheckIngressStatus(const networkingv1::Ingress& now, const networkingv1::Ingress& old,
                        ErrorList* errors);
void CheckIngressClass(const networkingv1::IngressClass& object, ErrorList* errors);
void CheckIngressClassUpdate(const networkingv1::IngressClass& now,
                             const networkingv1::IngressClass& old, ErrorList* errors);
void CheckNetworkPolicy(const networkingv1::NetworkPolicy& object, ErrorList* errors);
void CheckIpAddress(const networkingv1::IPAddress& object, ErrorList* errors);
void CheckIpAddressUpdate(const networkingv1::IPAddress& now, const networkingv1::IPAddress& old,
                          ErrorList* errors);
void CheckServiceCidr(const networkingv1::ServiceCIDR& object, ErrorList* errors);
void CheckServiceCidrUpdate(const networkingv1::ServiceCIDR& now,
                            const networkingv1::ServiceCIDR& old, ErrorList* errors);
void CheckEndpointSlice(const discoveryv1::EndpointSlice& object, ErrorList* errors);
void CheckEndpointSliceUpdate(const discoveryv1::EndpointSlice& now,
                              const discoveryv1::EndpointSlice& old, ErrorList* errors);
void CheckPersistentVolume(const corev1::PersistentVolume& object, ErrorList* errors);
void CheckPersistentVolumeUpdate(const corev1::PersistentVolume& now,
                                 const corev1::PersistentVolume& old, ErrorList* errors);
void CheckVolumeClaim(const corev1::PersistentVolumeClaim& object, ErrorList* errors);
void CheckVolumeClaimUpdate(const corev1::PersistentVolumeClaim& now,
                            const corev1::PersistentVolumeClaim& old, ErrorList* errors);
void CheckVolumeClaimStatus(const corev1::PersistentVolumeClaim& now,
                            const corev1::PersistentVolumeClaim& old, ErrorList* errors);
void CheckStorageClass(const storagev1::StorageClass& object, ErrorList* errors);
void CheckStorageClassUpdate(const storagev1::StorageClass& now, const storagev1::StorageClass& old,
                             ErrorList* errors);
void CheckCsiDriver(const storagev1::CSIDriver& object, ErrorList* errors);
void CheckCsiDriverUpdate(const storagev1::CSIDriver& now, const storagev1::CSIDriver& old,
                          ErrorList* errors);
void CheckCsiNode(const storagev1::CSINode& object, ErrorList* errors);
void CheckCsiNodeUpdate(const storagev1::CSINode& now, const storagev1::CSINode& old,
                        ErrorList* errors);
void CheckCsiStorageCapacity(const storagev1::CSIStorageCapacity& object, ErrorList* errors);
void CheckCsiStorageCapacityUpdate(const storagev1::CSIStorageCapacity& now,
                                   const storagev1::CSIStorageCapacity& old, ErrorList* errors);
void CheckVolumeAttachment(const storagev1::VolumeAttachment& object, ErrorList* errors);
void CheckVolumeAttachmentUpdate(const storagev1::VolumeAttachment& now,
                                 const storagev1::VolumeAttachment& old, ErrorList* errors);
void CheckVolumeAttachmentStatus(const storagev1::VolumeAttachment& now,
                                 const storagev1::VolumeAttachment& old, ErrorList* errors);
void CheckVolumeAttributesClass(const storagev1::VolumeAttributesClass& object, ErrorList* errors);
void CheckVolumeAttributesClassUpdate(const storagev1::VolumeAttributesClass& now,
                                      const storagev1::VolumeAttributesClass& old,
                                      ErrorList* errors);
void CheckDeviceClass(const resourcev1::DeviceClass& object, ErrorList* errors);
void CheckResourceClaim(const resourcev1::ResourceClaim& object, ErrorList* errors);
void CheckResourceClaimUpdate(const resourcev1::ResourceClaim& now,
                              const resourcev1::ResourceClaim& old, ErrorList* errors);
void CheckResourceClaimStatus(const resourcev1::ResourceClaim& now,
                              const resourcev1::ResourceClaim& old, ErrorList* errors);
void CheckResourceClaimTemplate(const resourcev1::ResourceClaimTemplate& object, ErrorList* errors);
void CheckResourceClaimTemplateUpdate(const resourcev1::ResourceClaimTemplate& now,
                                      const resourcev1::ResourceClaimTemplate& old,
                                      ErrorList* errors);
void CheckResourceSlice(const resourcev1::ResourceSlice& object, ErrorList* errors);
void CheckResourceSliceUpdate(const resourcev1::ResourceSlice& now,
                              const resourcev1::ResourceSlice& old, ErrorList* errors);

}  // namespace skiff::api
