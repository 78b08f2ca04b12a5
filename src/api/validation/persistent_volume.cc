#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "api/same.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

constexpr absl::string_view kNotInline = "may not be specified in the context of inline volumes";

void CheckCapacity(const corev1::PersistentVolumeSpec& spec, const Path& path, ErrorList* errors) {
  const ResourceList& capacity = spec.capacity();
  if (capacity.empty()) errors->Required(path);
  if (!capacity.contains("storage") || capacity.size() > 1) {
    errors->NotSupported(path, capacity, {"storage"});
  }
  for (const auto& [name, amount] : capacity) {
    CheckBasicAmount(amount, path.Key(name), errors);
    CheckPositiveAmount(amount, path.Key(name), errors);
  }
}

void CheckOfInline(const corev1::PersistentVolumeSpec& spec, const Path& path, ErrorList* errors) {
  if (spec.has_claim_ref()) errors->Forbidden(path / "claimRef", kNotInline);
  if (!spec.capacity().empty()) errors->Forbidden(path / "capacity", kNotInline);
  if (!spec.persistent_volume_source().has_csi()) {
    errors->Required(path / "csi", "has to be specified in the context of inline volumes");
  }
  const std::string& policy = spec.persistent_volume_reclaim_policy();
  if (!policy.empty() && policy != "Retain") {
    errors->Forbidden(path / "persistentVolumeReclaimPolicy",
                      "may only be Retain in the context of inline volumes");
  }
  if (spec.has_node_affinity()) errors->Forbidden(path / "nodeAffinity", kNotInline);
  if (!spec.storage_class_name().empty()) errors->Forbidden(path / "storageClassName", kNotInline);
  if (spec.has_volume_mode() && spec.volume_mode() != "Filesystem") {
    errors->Forbidden(
        path / "volumeMode",
        "may not specify volumeMode other than Filesystem in the context of inline volumes");
  }
}

// What only a volume that is an object says.
void CheckOfObject(const corev1::PersistentVolumeSpec& spec, const Path& path, ErrorList* errors) {
  CheckCapacity(spec, path / "capacity", errors);
  if (!spec.persistent_volume_reclaim_policy().empty()) {
    errors->OneOf(path / "persistentVolumeReclaimPolicy", spec.persistent_volume_reclaim_policy(),
                  {"Delete", "Recycle", "Retain"});
  }
  if (spec.has_node_affinity()) {
    const Path required = path / "nodeAffinity" / "required";
    if (spec.node_affinity().has_required()) {
      CheckNodeSelector(spec.node_affinity().required(), required, errors);
    } else {
      errors->Required(required, "must specify required node constraints");
    }
  }
  if (!spec.storage_class_name().empty()) {
    errors->InvalidEach(path / "storageClassName", spec.storage_class_name(),
                        CheckDns1123Subdomain(spec.storage_class_name()));
  }
  if (spec.has_volume_mode()) {
    errors->OneOf(path / "volumeMode", spec.volume_mode(), {"Block", "Filesystem"});
  }
}

bool IsRoot(absl::string_view path) {
  return !path.empty() && std::all_of(path.begin(), path.end(), [](char c) { return c == '/'; });
}

void CheckAttributesClass(const corev1::PersistentVolumeSpec& spec, const Path& path,
                          ErrorList* errors) {
  if (!spec.has_volume_attributes_class_name()) return;
  const std::string& name = spec.volume_attributes_class_name();
  if (name.empty()) {
    errors->Required(path / "volumeAttributesClassName", "an empty string is disallowed");
  } else {
    errors->InvalidEach(path / "volumeAttributesClassName", name, CheckDns1123Subdomain(name));
  }
  if (!spec.persistent_volume_source().has_csi()) {
    errors->Required(path / "csi", "has to be specified when using volumeAttributesClassName");
  }
}

// The stable name of a label of nodes that was beta once; the label itself if it never was.
std::string StableLabel(const std::string& label) {
  static constexpr std::pair<absl::string_view, absl::string_view> kRenamed[] = {
      {"beta.kubernetes.io/arch", "kubernetes.io/arch"},
      {"beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"},
      {"beta.kubernetes.io/os", "kubernetes.io/os"},
      {"failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"},
      {"failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"},
  };
  for (const auto& [beta, stable] : kRenamed) {
    if (label == beta) return std::string(stable);
  }
  return label;
}

// Whether `now` is `old`, but for beta labels that have become stable ones.
bool SameAffinity(const corev1::VolumeNodeAffinity& now, corev1::VolumeNodeAffinity old) {
  auto* terms = old.mutable_required()->mutable_node_selector_terms();
  if (terms->size() != now.required().node_selector_terms_size()) return false;
  for (int i = 0; i < terms->size(); ++i) {
    auto* before = (*terms)[i].mutable_match_expressions();
    const auto& after = now.required().node_selector_terms(i).match_expressions();
    for (int j = 0; j < std::min(before->size(), after.size()); ++j) {
      if (after[j].key() == StableLabel((*before)[j].key())) (*before)[j].set_key(after[j].key());
    }
  }
  return LooksSame(now, old);
}

// A driver that could not expand volumes may learn to.
bool SameSource(const corev1::PersistentVolumeSource& now, corev1::PersistentVolumeSource old) {
  if (now.csi().has_controller_expand_secret_ref() && old.has_csi() &&
      !old.csi().has_controller_expand_secret_ref()) {
    *old.mutable_csi()->mutable_controller_expand_secret_ref() =
        now.csi().controller_expand_secret_ref();
  }
  return LooksSame(now, old);
}

}  // namespace

void CheckAccessModes(const google::protobuf::RepeatedPtrField<std::string>& modes,
                      const Path& path, ErrorList* errors) {
  static constexpr absl::string_view kShared[] = {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce"};
  bool alone = false;
  bool shared = false;
  for (const std::string& mode : modes) {
    errors->OneOf(path, mode,
                  {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"});
    alone = alone || mode == "ReadWriteOncePod";
    shared = shared || std::find(std::begin(kShared), std::end(kShared), mode) != std::end(kShared);
  }
  if (alone && shared) {
    errors->Forbidden(path, "may not use ReadWriteOncePod with other access modes");
  }
}

void CheckPersistentVolumeSpec(const corev1::PersistentVolumeSpec& spec, bool is_inline,
                               const Path& path, ErrorList* errors) {
  if (spec.access_modes().empty()) errors->Required(path / "accessModes");
  CheckAccessModes(spec.access_modes(), path / "accessModes", errors);
  if (is_inline) {
    CheckOfInline(spec, path, errors);
  } else {
    CheckOfObject(spec, path, errors);
  }
  const corev1::PersistentVolumeSource& source = spec.persistent_volume_source();
  CheckPersistentVolumeSource(source, path, errors);
  if (source.has_local() && (is_inline || !spec.has_node_affinity())) {
    errors->Required(path / "nodeAffinity", "Local volume requires node affinity");
  }
  if (source.has_host_path() && IsRoot(source.host_path().path()) &&
      spec.persistent_volume_reclaim_policy() == "Recycle") {
    errors->Forbidden(path / "persistentVolumeReclaimPolicy",
                      "may not be 'recycle' for a hostPath mount of '/'");
  }
  CheckAttributesClass(spec, path, errors);
}

void CheckPersistentVolume(const corev1::PersistentVolume& volume, ErrorList* errors) {
  CheckPersistentVolumeSpec(volume.spec(), false, Path("spec"), errors);
}

void CheckPersistentVolumeUpdate(const corev1::PersistentVolume& now,
                                 const corev1::PersistentVolume& old, ErrorList* errors) {
  CheckPersistentVolume(now, errors);
  const corev1::PersistentVolumeSpec& before = old.spec();
  const corev1::PersistentVolumeSpec& after = now.spec();
  if (!SameSource(after.persistent_volume_source(), before.persistent_volume_source())) {
    errors->Forbidden(Path("spec.persistentvolumesource"),
                      "spec.persistentvolumesource is immutable after creation");
  }
  // Kubernetes names these two without the spec that they are in.
  errors->Immutable(Path("volumeMode"), after.volume_mode(),
                    after.volume_mode() == before.volume_mode());
  if (before.has_node_affinity()) {
    if (!after.has_node_affinity()) {
      errors->Invalid(Path("nodeAffinity"), nullptr, kImmutable);
    } else if (!SameAffinity(after.node_affinity(), before.node_affinity())) {
      errors->Invalid(Path("nodeAffinity"), after.node_affinity(),
                      absl::StrCat(kImmutable, ", except for updating from beta label to GA"));
    }
  }
  if (before.has_volume_attributes_class_name() && !after.has_volume_attributes_class_name()) {
    errors->Forbidden(Path("spec.volumeAttributesClassName"),
                      "update from non-nil value to nil is forbidden");
  }
}

}  // namespace skiff::api
