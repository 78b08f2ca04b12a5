#include "api/defaulting_internal.h"
#include "k8s.io/api/storage/v1/generated.pb.h"

namespace skiff::api {
namespace {

// Of an object, or of a volume within another.
void VolumeSpecDefaults(corev1::PersistentVolumeSpec* spec) {
  ResourceListDefaults(spec->mutable_capacity());
  VolumeSourceDefaults(spec->mutable_persistent_volume_source());
}

}  // namespace

void PersistentVolumeDefaults(corev1::PersistentVolume* volume) {
  if (volume->status().phase().empty()) volume->mutable_status()->set_phase("Pending");
  corev1::PersistentVolumeSpec* spec = volume->mutable_spec();
  if (spec->persistent_volume_reclaim_policy().empty()) {
    spec->set_persistent_volume_reclaim_policy("Retain");
  }
  if (!spec->has_volume_mode()) spec->set_volume_mode("Filesystem");
  VolumeSpecDefaults(spec);
}

void VolumeClaimSpecDefaults(corev1::PersistentVolumeClaimSpec* spec) {
  if (!spec->has_volume_mode()) spec->set_volume_mode("Filesystem");
  if (!spec->has_resources()) return;
  ResourceListDefaults(spec->mutable_resources()->mutable_limits());
  ResourceListDefaults(spec->mutable_resources()->mutable_requests());
}

void VolumeClaimDefaults(corev1::PersistentVolumeClaim* claim) {
  corev1::PersistentVolumeClaimStatus* status = claim->mutable_status();
  if (status->phase().empty()) status->set_phase("Pending");
  ResourceListDefaults(status->mutable_capacity());
  ResourceListDefaults(status->mutable_allocated_resources());
  VolumeClaimSpecDefaults(claim->mutable_spec());
}

void StorageClassDefaults(storagev1::StorageClass* storage_class) {
  if (!storage_class->has_reclaim_policy()) storage_class->set_reclaim_policy("Delete");
  if (!storage_class->has_volume_binding_mode()) {
    storage_class->set_volume_binding_mode("Immediate");
  }
}

void CsiDriverDefaults(storagev1::CSIDriver* driver) {
  storagev1::CSIDriverSpec* spec = driver->mutable_spec();
  if (!spec->has_attach_required()) spec->set_attach_required(true);
  if (!spec->has_pod_info_on_mount()) spec->set_pod_info_on_mount(false);
  if (!spec->has_storage_capacity()) spec->set_storage_capacity(false);
  if (!spec->has_fs_group_policy()) spec->set_fs_group_policy("ReadWriteOnceWithFSType");
  if (spec->volume_lifecycle_modes().empty()) spec->add_volume_lifecycle_modes("Persistent");
  if (!spec->has_requires_republish()) spec->set_requires_republish(false);
  if (!spec->has_se_linux_mount()) spec->set_se_linux_mount(false);
}

void VolumeAttachmentDefaults(storagev1::VolumeAttachment* attachment) {
  if (attachment->spec().source().has_inline_volume_spec()) {
    VolumeSpecDefaults(attachment->mutable_spec()->mutable_source()->mutable_inline_volume_spec());
  }
}

}  // namespace skiff::api
