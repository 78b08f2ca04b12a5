// The parts of defaulting, one function a kind. Use defaulting.h.
#pragma once

#include "api/quantity.h"
#include "api/type_names.h"
#include "api/types.h"

namespace skiff::api {

void PodDefaults(corev1::Pod* pod);
void ServiceDefaults(corev1::Service* service);
void DeploymentDefaults(appsv1::Deployment* deployment);
void ReplicaSetDefaults(appsv1::ReplicaSet* set);
void StatefulSetDefaults(appsv1::StatefulSet* set);
void DaemonSetDefaults(appsv1::DaemonSet* set);
void ReplicationControllerDefaults(corev1::ReplicationController* controller);
void PodTemplateDefaults(corev1::PodTemplate* pod_template);
void CronJobDefaults(batchv1::CronJob* job);
void JobDefaults(batchv1::Job* job);
void RoleBindingDefaults(rbacv1::RoleBinding* binding);
void ClusterRoleBindingDefaults(rbacv1::ClusterRoleBinding* binding);
void IngressClassDefaults(networkingv1::IngressClass* ingress_class);
void NetworkPolicyDefaults(networkingv1::NetworkPolicy* policy);
void EndpointSliceDefaults(discoveryv1::EndpointSlice* slice);
void PersistentVolumeDefaults(corev1::PersistentVolume* volume);
void VolumeClaimDefaults(corev1::PersistentVolumeClaim* claim);
void StorageClassDefaults(storagev1::StorageClass* storage_class);
void CsiDriverDefaults(storagev1::CSIDriver* driver);
void VolumeAttachmentDefaults(storagev1::VolumeAttachment* attachment);
void ResourceClaimDefaults(resourcev1::ResourceClaim* claim);
void ResourceClaimTemplateDefaults(resourcev1::ResourceClaimTemplate* claim_template);
void LimitRangeDefaults(corev1::LimitRange* range);
void ResourceQuotaDefaults(corev1::ResourceQuota* quota);
void EndpointsDefaults(corev1::Endpoints* endpoints);
void PriorityClassDefaults(schedulingv1::PriorityClass* priority);
void AutoscalerDefaults(autoscalingv2::HorizontalPodAutoscaler* autoscaler);
void FlowSchemaDefaults(flowcontrolv1::FlowSchema* schema);
void PriorityLevelDefaults(flowcontrolv1::PriorityLevelConfiguration* level);

// Amounts in canonical form, no finer than thousandths.
void ResourceListDefaults(google::protobuf::Map<std::string, QuantityProto>* list);
void ResourceDefaults(corev1::ResourceRequirements* resources);
void VolumeClaimSpecDefaults(corev1::PersistentVolumeClaimSpec* spec);

// Of corev1::VolumeSource or PersistentVolumeSource: storage of the node, or outside the cluster.
template <typename Source>
void VolumeSourceDefaults(Source* source) {
  if (source->has_host_path() && !source->host_path().has_type()) {
    source->mutable_host_path()->set_type("");
  }
  if (source->has_iscsi() && source->iscsi().iscsi_interface().empty()) {
    source->mutable_iscsi()->set_iscsi_interface("default");
  }
  if (source->has_rbd()) {
    auto* rbd = source->mutable_rbd();
    if (rbd->pool().empty()) rbd->set_pool("rbd");
    if (rbd->user().empty()) rbd->set_user("admin");
    if (rbd->keyring().empty()) rbd->set_keyring("/etc/ceph/keyring");
  }
  if (source->has_scale_io()) {
    auto* scale_io = source->mutable_scale_io();
    if (scale_io->storage_mode().empty()) scale_io->set_storage_mode("ThinProvisioned");
    if (scale_io->fs_type().empty()) scale_io->set_fs_type("xfs");
  }
  if (source->has_azure_disk()) {
    corev1::AzureDiskVolumeSource* disk = source->mutable_azure_disk();
    if (!disk->has_caching_mode()) disk->set_caching_mode("ReadWrite");
    if (!disk->has_fs_type()) disk->set_fs_type("ext4");
    if (!disk->has_read_only()) disk->set_read_only(false);
    if (!disk->has_kind()) disk->set_kind("Shared");
  }
}

}  // namespace skiff::api
