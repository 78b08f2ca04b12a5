#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/printing/rows.h"
#include "api/quantity.h"
#include "k8s.io/api/storage/v1/generated.pb.h"

namespace skiff::api::printing {
namespace {

constexpr Column kStorageClassName = {"StorageClass", "string", "", "Class of the storage.", 0};
constexpr Column kAttributesClass = {"VolumeAttributesClass", "string", "",
                                     "Class of the volume's attributes.", 0};
constexpr Column kAccessModes = {"Access Modes", "string", "", "Who may use it, and how.", 0};
constexpr Column kVolumeMode = {"VolumeMode", "string", "", "Filesystem or Block.", 1};

constexpr Column kPersistentVolume[] = {
    kName,
    {"Capacity", "string", "", "Size of the volume.", 0},
    kAccessModes,
    {"Reclaim Policy", "string", "", "What becomes of the volume when its claim goes.", 0},
    {"Status", "string", "", "State of the volume.", 0},
    {"Claim", "string", "", "Claim that has the volume.", 0},
    kStorageClassName,
    kAttributesClass,
    {"Reason", "string", "", "Why the volume is in this state.", 0},
    kAge,
    kVolumeMode,
};
constexpr Column kVolumeClaim[] = {
    kName,
    {"Status", "string", "", "State of the claim.", 0},
    {"Volume", "string", "", "Volume that the claim has.", 0},
    {"Capacity", "string", "", "Size of that volume.", 0},
    kAccessModes,
    kStorageClassName,
    kAttributesClass,
    kAge,
    kVolumeMode,
};
constexpr Column kStorageClass[] = {
    kName,
    {"Provisioner", "string", "", "Who makes the volumes.", 0},
    {"ReclaimPolicy", "string", "", "What becomes of a volume when its claim goes.", 0},
    {"VolumeBindingMode", "string", "", "When a claim gets its volume.", 0},
    {"AllowVolumeExpansion", "string", "", "Whether volumes can grow.", 0},
    kAge,
};
constexpr Column kVolumeAttributesClass[] = {
    kName, {"DriverName", "string", "", "Driver of the volumes.", 0}, kAge};
constexpr Column kVolumeAttachment[] = {
    kName,
    {"Attacher", "string", "name", "Driver that attaches the volume.", 0},
    {"PV", "string", "", "Volume to attach.", 0},
    {"Node", "string", "", "Node to attach it to.", 0},
    {"Attached", "boolean", "", "Whether it is attached.", 0},
    kAge,
};
constexpr Column kCsiNode[] = {
    kName, {"Drivers", "integer", "", "Number of drivers on the node.", 0}, kAge};
constexpr Column kCsiDriver[] = {
    kName,
    {"AttachRequired", "boolean", "", "Whether volumes are attached to nodes.", 0},
    {"PodInfoOnMount", "boolean", "", "Whether the driver is told of the pod.", 0},
    {"StorageCapacity", "boolean", "", "Whether the driver tells how much room it has.", 0},
    {"TokenRequests", "string", "", "Audiences of the tokens that the driver gets.", 0},
    {"RequiresRepublish", "boolean", "", "Whether volumes are published again and again.", 0},
    {"Modes", "string", "", "Lifecycles of its volumes.", 0},
    kAge,
};
constexpr Column kCsiStorageCapacity[] = {
    kName,
    {"StorageClassName", "string", "", "Class of the storage.", 0},
    {"Capacity", "string", "", "Room that there is.", 0},
};

template <typename Modes>
std::string ModesText(const Modes& modes) {
  static constexpr std::pair<absl::string_view, absl::string_view> kShort[] = {
      {"ReadWriteOnce", "RWO"},
      {"ReadOnlyMany", "ROX"},
      {"ReadWriteMany", "RWX"},
      {"ReadWriteOncePod", "RWOP"},
  };
  std::vector<absl::string_view> parts;
  for (const auto& [mode, text] : kShort) {
    if (std::find(modes.begin(), modes.end(), mode) != modes.end()) parts.push_back(text);
  }
  return absl::StrJoin(parts, ",");
}

std::string StorageText(const google::protobuf::Map<std::string, QuantityProto>& amounts) {
  const auto storage = amounts.find("storage");
  if (storage == amounts.end()) return "0";
  const absl::StatusOr<Quantity> amount = Quantity::FromProto(storage->second);
  return amount.ok() ? amount->ToString() : storage->second.string();
}

// The annotation is older than the field, and goes first.
std::string ClassOf(const metav1::ObjectMeta& meta, const std::string& name) {
  const auto beta = meta.annotations().find("volume.beta.kubernetes.io/storage-class");
  return beta != meta.annotations().end() ? beta->second : name;
}

// PersistentVolumeSpec or PersistentVolumeClaimSpec.
template <typename Spec>
std::string AttributesClassOf(const Spec& spec) {
  return spec.has_volume_attributes_class_name() ? spec.volume_attributes_class_name() : "<unset>";
}

template <typename Spec>
std::string VolumeModeOf(const Spec& spec) {
  return spec.has_volume_mode() ? spec.volume_mode() : "<unset>";
}

std::string PhaseOf(const metav1::ObjectMeta& meta, const std::string& phase) {
  return meta.has_deletion_timestamp() ? "Terminating" : phase;
}

bool IsDefault(const metav1::ObjectMeta& meta) {
  for (const char* key : {"storageclass.kubernetes.io/is-default-class",
                          "storageclass.beta.kubernetes.io/is-default-class"}) {
    const auto annotation = meta.annotations().find(key);
    if (annotation != meta.annotations().end() && annotation->second == "true") return true;
  }
  return false;
}

Cells PersistentVolumeRow(const corev1::PersistentVolume& volume, absl::Time now) {
  const corev1::PersistentVolumeSpec& spec = volume.spec();
  const std::string claim = spec.has_claim_ref() ? absl::StrCat(spec.claim_ref().namespace_(), "/",
                                                                spec.claim_ref().name())
                                                 : "";
  return {volume.metadata().name(),
          StorageText(spec.capacity()),
          ModesText(spec.access_modes()),
          spec.persistent_volume_reclaim_policy(),
          PhaseOf(volume.metadata(), volume.status().phase()),
          claim,
          ClassOf(volume.metadata(), spec.storage_class_name()),
          AttributesClassOf(spec),
          volume.status().reason(),
          Age(volume.metadata(), now),
          VolumeModeOf(spec)};
}

Cells VolumeClaimRow(const corev1::PersistentVolumeClaim& claim, absl::Time now) {
  const corev1::PersistentVolumeClaimSpec& spec = claim.spec();
  const bool has_volume = !spec.volume_name().empty();
  return {claim.metadata().name(),
          PhaseOf(claim.metadata(), claim.status().phase()),
          spec.volume_name(),
          has_volume ? StorageText(claim.status().capacity()) : "",
          has_volume ? ModesText(claim.status().access_modes()) : "",
          ClassOf(claim.metadata(), spec.storage_class_name()),
          AttributesClassOf(spec),
          Age(claim.metadata(), now),
          VolumeModeOf(spec)};
}

Cells StorageClassRow(const storagev1::StorageClass& storage_class, absl::Time now) {
  return {
      absl::StrCat(storage_class.metadata().name(),
                   IsDefault(storage_class.metadata()) ? " (default)" : ""),
      storage_class.provisioner(),
      storage_class.has_reclaim_policy() ? storage_class.reclaim_policy() : "Delete",
      storage_class.has_volume_binding_mode() ? storage_class.volume_binding_mode() : "Immediate",
      storage_class.allow_volume_expansion(),
      Age(storage_class.metadata(), now)};
}

Cells VolumeAttributesClassRow(const storagev1::VolumeAttributesClass& volume_class,
                               absl::Time now) {
  return {volume_class.metadata().name(), volume_class.driver_name(),
          Age(volume_class.metadata(), now)};
}

Cells VolumeAttachmentRow(const storagev1::VolumeAttachment& attachment, absl::Time now) {
  const storagev1::VolumeAttachmentSpec& spec = attachment.spec();
  return {attachment.metadata().name(),           spec.attacher(),
          spec.source().persistent_volume_name(), spec.node_name(),
          attachment.status().attached(),         Age(attachment.metadata(), now)};
}

Cells CsiNodeRow(const storagev1::CSINode& node, absl::Time now) {
  return {node.metadata().name(), int64_t{node.spec().drivers_size()}, Age(node.metadata(), now)};
}

Cells CsiDriverRow(const storagev1::CSIDriver& driver, absl::Time now) {
  const storagev1::CSIDriverSpec& spec = driver.spec();
  const std::string audiences = absl::StrJoin(
      spec.token_requests(), ",", [](std::string* out, const storagev1::TokenRequest& request) {
        out->append(request.audience());
      });
  return {driver.metadata().name(),
          !spec.has_attach_required() || spec.attach_required(),
          spec.pod_info_on_mount(),
          spec.storage_capacity(),
          spec.token_requests().empty() ? "<unset>" : audiences,
          spec.requires_republish(),
          OrNone(absl::StrJoin(spec.volume_lifecycle_modes(), ",")),
          Age(driver.metadata(), now)};
}

Cells CsiStorageCapacityRow(const storagev1::CSIStorageCapacity& capacity, absl::Time) {
  return {capacity.metadata().name(), capacity.storage_class_name(),
          capacity.has_capacity() ? capacity.capacity().string() : "<unset>"};
}

}  // namespace

std::span<const Table> StorageTables() {
  static const Table kTables[] = {
      MakeTable<corev1::PersistentVolume, PersistentVolumeRow>(kPersistentVolume),
      MakeTable<corev1::PersistentVolumeClaim, VolumeClaimRow>(kVolumeClaim),
      MakeTable<storagev1::StorageClass, StorageClassRow>(kStorageClass),
      MakeTable<storagev1::VolumeAttributesClass, VolumeAttributesClassRow>(kVolumeAttributesClass),
      MakeTable<storagev1::VolumeAttachment, VolumeAttachmentRow>(kVolumeAttachment),
      MakeTable<storagev1::CSINode, CsiNodeRow>(kCsiNode),
      MakeTable<storagev1::CSIDriver, CsiDriverRow>(kCsiDriver),
      MakeTable<storagev1::CSIStorageCapacity, CsiStorageCapacityRow>(kCsiStorageCapacity),
  };
  return kTables;
}

}  // namespace skiff::api::printing
