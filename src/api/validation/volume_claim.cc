#include <algorithm>

#include "absl/strings/match.h"
#include "api/same.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

constexpr char kBetaClass[] = "volume.beta.kubernetes.io/storage-class";
constexpr std::initializer_list<absl::string_view> kResizeStates = {
    "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress",
    "NodeResizeInfeasible", "NodeResizePending"};

// The data that a new volume starts with: TypedLocalObjectReference or TypedObjectReference.
template <typename Ref>
void CheckDataSource(const Ref& source, bool any_group, const Path& path, ErrorList* errors) {
  if (source.name().empty()) errors->Required(path / "name");
  if (source.kind().empty()) errors->Required(path / "kind");
  const std::string& group = source.api_group();
  if (group.empty()) {
    if (source.kind() != "PersistentVolumeClaim") {
      errors->Invalid(path, source.kind(),
                      "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    }
  } else if (!any_group) {
    errors->InvalidEach(path / "apiGroup", group, CheckDns1123Subdomain(group));
  }
}

void CheckDataSources(const corev1::PersistentVolumeClaimSpec& spec, bool any_group,
                      const Path& path, ErrorList* errors) {
  const corev1::TypedLocalObjectReference& source = spec.data_source();
  const corev1::TypedObjectReference& ref = spec.data_source_ref();
  if (spec.has_data_source()) CheckDataSource(source, any_group, path / "dataSource", errors);
  if (spec.has_data_source_ref()) {
    CheckDataSource(ref, any_group, path / "dataSourceRef", errors);
    if (!ref.namespace_().empty()) {
      errors->InvalidEach(path / "dataSourceRef" / "namespace", ref.namespace_(),
                          CheckDns1123Label(ref.namespace_()));
    }
  }
  if (!spec.has_data_source() || !spec.has_data_source_ref()) return;
  const std::string what = (path / "dataSource").text();
  if (!ref.namespace_().empty()) {
    errors->Invalid(path, what, "may not be specified when dataSourceRef.namespace is specified");
  } else if (source.has_api_group() != ref.has_api_group() ||
             source.api_group() != ref.api_group() || source.kind() != ref.kind() ||
             source.name() != ref.name()) {
    errors->Invalid(path, what, "must match dataSourceRef");
  }
}

void CheckClaimSpec(const corev1::PersistentVolumeClaimSpec& spec, bool any_group, const Path& path,
                    ErrorList* errors) {
  if (spec.access_modes().empty()) {
    errors->Required(path / "accessModes", "at least 1 access mode is required");
  }
  if (spec.has_selector()) CheckLabelSelector(spec.selector(), path / "selector", errors);
  CheckAccessModes(spec.access_modes(), path / "accessModes", errors);
  const Path storage = (path / "resources").Key("storage");
  const auto size = spec.resources().requests().find("storage");
  if (size == spec.resources().requests().end()) {
    errors->Required(storage);
  } else {
    CheckPositiveAmount(size->second, storage, errors);
  }
  if (!spec.storage_class_name().empty()) {
    errors->InvalidEach(path / "storageClassName", spec.storage_class_name(),
                        CheckDns1123Subdomain(spec.storage_class_name()));
  }
  if (spec.has_volume_mode()) {
    errors->OneOf(path / "volumeMode", spec.volume_mode(), {"Block", "Filesystem"});
  }
  CheckDataSources(spec, any_group, path, errors);
  if (!spec.volume_attributes_class_name().empty()) {
    errors->InvalidEach(path / "volumeAttributesClassName", spec.volume_attributes_class_name(),
                        CheckDns1123Subdomain(spec.volume_attributes_class_name()));
  }
}

Quantity StorageOf(const ResourceList& list) {
  const auto amount = list.find("storage");
  if (amount == list.end()) return Quantity();
  const absl::StatusOr<Quantity> parsed = Quantity::FromProto(amount->second);
  return parsed.ok() ? *parsed : Quantity();
}

const std::string* BetaClassOf(const corev1::PersistentVolumeClaim& claim) {
  const auto found = claim.metadata().annotations().find(kBetaClass);
  return found == claim.metadata().annotations().end() ? nullptr : &found->second;
}

// Whether a claim of no class gets the one that it may get: any, or that of its annotation.
bool GetsClass(const corev1::PersistentVolumeClaim& now, const corev1::PersistentVolumeClaim& old) {
  const std::string* annotated = BetaClassOf(old);
  return now.spec().has_storage_class_name() && !old.spec().has_storage_class_name() &&
         (annotated == nullptr || *annotated == now.spec().storage_class_name());
}

// The annotation may go once its class stands in the spec, and does not change otherwise.
void CheckBetaClass(const corev1::PersistentVolumeClaim& now,
                    const corev1::PersistentVolumeClaim& old, ErrorList* errors) {
  const std::string* before = BetaClassOf(old);
  const std::string* after = BetaClassOf(now);
  if (before != nullptr && after == nullptr && GetsClass(now, old)) return;
  const std::string was = before != nullptr ? *before : "";
  const std::string is = after != nullptr ? *after : "";
  errors->Immutable(Path("metadata.annotations") / kBetaClass, is, is == was);
}

// What must not differ, were it not for what may change.
void CheckFrozenSpec(const corev1::PersistentVolumeClaim& now,
                     const corev1::PersistentVolumeClaim& old, ErrorList* errors) {
  corev1::PersistentVolumeClaimSpec expected = old.spec();
  const corev1::PersistentVolumeClaimSpec& spec = now.spec();
  if (old.spec().volume_name().empty()) expected.set_volume_name(spec.volume_name());
  if (GetsClass(now, old)) expected.set_storage_class_name(spec.storage_class_name());
  const auto size = spec.resources().requests().find("storage");
  if (now.status().phase() == "Bound" && size != spec.resources().requests().end()) {
    (*expected.mutable_resources()->mutable_requests())["storage"] = size->second;
  }
  expected.clear_volume_attributes_class_name();
  if (spec.has_volume_attributes_class_name()) {
    expected.set_volume_attributes_class_name(spec.volume_attributes_class_name());
  }
  if (!LooksSame(spec, expected)) {
    errors->Forbidden(Path("spec"),
                      "spec is immutable after creation except resources.requests and "
                      "volumeAttributesClassName for bound claims");
  }
}

void CheckAttributesClassChange(const corev1::PersistentVolumeClaimSpec& now,
                                const corev1::PersistentVolumeClaimSpec& old, ErrorList* errors) {
  if (!old.has_volume_attributes_class_name() ||
      (now.has_volume_attributes_class_name() &&
       now.volume_attributes_class_name() == old.volume_attributes_class_name())) {
    return;
  }
  const Path path("spec.volumeAttributesClassName");
  if (!now.has_volume_attributes_class_name()) {
    errors->Forbidden(path, "update from non-nil value to nil is forbidden");
  } else if (now.volume_attributes_class_name().empty()) {
    errors->Forbidden(path, "update from non-nil value to an empty string is forbidden");
  }
}

bool CheckResizeKey(const std::string& name, const Path& path, ErrorList* errors) {
  const Sentences wrong = CheckQualifiedName(name);
  errors->InvalidEach(path, name, wrong);
  const bool native = !absl::StrContains(name, "/") || absl::StrContains(name, "kubernetes.io/");
  if (wrong.empty() && native && name != "storage") {
    errors->NotSupported(path, name, {"storage"});
    return false;
  }
  return wrong.empty();
}

}  // namespace

void CheckVolumeClaimSpec(const corev1::PersistentVolumeClaimSpec& spec, const Path& path,
                          ErrorList* errors) {
  CheckClaimSpec(spec, false, path, errors);
}

void CheckVolumeClaim(const corev1::PersistentVolumeClaim& claim, ErrorList* errors) {
  CheckVolumeClaimSpec(claim.spec(), Path("spec"), errors);
}

void CheckVolumeClaimUpdate(const corev1::PersistentVolumeClaim& now,
                            const corev1::PersistentVolumeClaim& old, ErrorList* errors) {
  const bool had_group =
      old.spec().data_source().has_api_group() || old.spec().data_source_ref().has_api_group();
  CheckClaimSpec(now.spec(), had_group, Path("spec"), errors);
  CheckBetaClass(now, old, errors);
  CheckFrozenSpec(now, old, errors);
  const Quantity size = StorageOf(now.spec().resources().requests());
  if (size < StorageOf(old.spec().resources().requests()) &&
      size <= StorageOf(old.status().capacity())) {
    errors->Forbidden(Path("spec.resources.requests.storage"),
                      "field can not be less than status.capacity");
  }
  errors->Immutable(Path("volumeMode"), now.spec().volume_mode(),
                    now.spec().volume_mode() == old.spec().volume_mode());
  CheckAttributesClassChange(now.spec(), old.spec(), errors);
}

void CheckVolumeClaimStatus(const corev1::PersistentVolumeClaim& now,
                            const corev1::PersistentVolumeClaim&, ErrorList* errors) {
  if (now.spec().access_modes().empty()) errors->Required(Path("Spec.accessModes"));
  const corev1::PersistentVolumeClaimStatus& status = now.status();
  for (const auto& [name, amount] : status.capacity()) {
    CheckBasicAmount(amount, Path("status.capacity").Key(name), errors);
  }
  const Path states("status.allocatedResourceStatus");
  for (const auto& [name, state] : status.allocated_resource_statuses()) {
    CheckResizeKey(name, states, errors);
    if (std::find(kResizeStates.begin(), kResizeStates.end(), state) == kResizeStates.end()) {
      errors->NotSupported(states, name, kResizeStates);
    }
  }
  const Path allocated("status.allocatedResources");
  for (const auto& [name, amount] : status.allocated_resources()) {
    if (CheckResizeKey(name, allocated, errors)) {
      CheckBasicAmount(amount, allocated.Key(name), errors);
    }
  }
}

}  // namespace skiff::api
