#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "api/same.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "k8s.io/api/storage/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr int64_t kMaxParameterBytes = 256 * 1024;
constexpr size_t kMaxParameters = 512;
constexpr size_t kMaxErrorMessage = 1024;

int64_t BytesOf(const Labels& map) {
  size_t bytes = 0;
  for (const auto& [key, value] : map) bytes += key.size() + value.size();
  return static_cast<int64_t>(bytes);
}

bool SameMap(const Labels& a, const Labels& b) {
  return std::map<std::string, std::string>(a.begin(), a.end()) ==
         std::map<std::string, std::string>(b.begin(), b.end());
}

// Who makes the volumes of a class.
void CheckMaker(const std::string& name, const Path& path, ErrorList* errors) {
  if (name.empty()) {
    errors->Required(path);
  } else {
    const std::string lower = absl::AsciiStrToLower(name);
    errors->InvalidEach(path, lower, CheckQualifiedName(lower));
  }
}

void CheckParameters(const Labels& parameters, const Path& path, ErrorList* errors) {
  if (parameters.size() > kMaxParameters) {
    errors->TooLong(path, kMaxParameters);
    return;
  }
  if (parameters.contains("")) errors->Invalid(path, "", "field can not be empty.");
  if (BytesOf(parameters) > kMaxParameterBytes) errors->TooLong(path, kMaxParameterBytes);
}

// Its labels, each with the values it may have.
using Topology = std::map<std::string, std::set<std::string>>;

Topology CheckTopology(const corev1::TopologySelectorTerm& term, const Path& path,
                       ErrorList* errors) {
  Topology topology;
  for (int i = 0; i < term.match_label_expressions_size(); ++i) {
    const corev1::TopologySelectorLabelRequirement& label = term.match_label_expressions(i);
    const Path at = path[i];
    std::set<std::string> values;
    if (label.values().empty()) errors->Required(at / "values");
    for (int j = 0; j < label.values_size(); ++j) {
      if (!values.insert(label.values(j)).second) {
        errors->Duplicate((at / "values")[j], label.values(j));
      }
    }
    errors->InvalidEach(at / "key", label.key(), CheckQualifiedName(label.key()));
    if (topology.count(label.key()) > 0) errors->Duplicate(at / "key", label.key());
    topology[label.key()] = std::move(values);
  }
  return topology;
}

void CheckTopologies(const storagev1::StorageClass& storage_class, ErrorList* errors) {
  std::vector<Topology> seen;
  for (int i = 0; i < storage_class.allowed_topologies_size(); ++i) {
    const Path at = Path("allowedTopologies")[i] / "matchLabelExpressions";
    Topology topology = CheckTopology(storage_class.allowed_topologies(i), at, errors);
    for (const Topology& other : seen) {
      if (topology == other) errors->Duplicate(at, "");
    }
    seen.push_back(std::move(topology));
  }
}

void CheckTokenRequests(const storagev1::CSIDriverSpec& spec, const Path& path, ErrorList* errors) {
  std::set<std::string> audiences;
  for (int i = 0; i < spec.token_requests_size(); ++i) {
    const storagev1::TokenRequest& request = spec.token_requests(i);
    if (!audiences.insert(request.audience()).second) {
      errors->Duplicate(path[i] / "audience", request.audience());
      continue;
    }
    if (!request.has_expiration_seconds()) continue;
    const int64_t seconds = request.expiration_seconds();
    const Path at = path[i] / "expirationSeconds";
    if (seconds < 600) {
      errors->Invalid(at, seconds, "may not specify a duration less than 10 minutes");
    }
    if (seconds > int64_t{1} << 32) {
      errors->Invalid(at, seconds, "may not specify a duration larger than 2^32 seconds");
    }
  }
}

void CheckNodeDriver(const storagev1::CSINodeDriver& driver, const Path& path, ErrorList* errors) {
  CheckDriverName(driver.name(), path / "name", errors);
  if (driver.node_id().empty()) errors->Required(path / "nodeID");
  if (driver.node_id().size() > 256) {
    errors->Invalid(path / "nodeID", driver.node_id(), "must be 256 characters or less");
  }
  errors->NotNegative(path / "allocatable" / "count", driver.allocatable().count());
  std::set<std::string> keys;
  for (const std::string& key : driver.topology_keys()) {
    if (key.empty()) errors->Required(path);
    if (!keys.insert(key).second) errors->Duplicate(path, key);
    errors->InvalidEach(path, key, CheckQualifiedName(key));
  }
}

void CheckVolumeError(const storagev1::VolumeError& error, const Path& path, ErrorList* errors) {
  if (error.message().size() > kMaxErrorMessage) {
    errors->TooLong(path / "message", kMaxParameterBytes);
  }
  if (error.error_code() < 0) {
    errors->Invalid(path / "errorCode", error.error_code(),
                    "must be between 0 and 2147483647, inclusive");
  }
}

void CheckAttachmentSource(const storagev1::VolumeAttachmentSource& source, const Path& path,
                           ErrorList* errors) {
  constexpr absl::string_view kOne =
      "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  if (!source.has_inline_volume_spec() && !source.has_persistent_volume_name()) {
    errors->Required(path, kOne);
  } else if (source.has_inline_volume_spec() && source.has_persistent_volume_name()) {
    errors->Forbidden(path, kOne);
  } else if (source.has_inline_volume_spec()) {
    CheckPersistentVolumeSpec(source.inline_volume_spec(), true, path / "inlineVolumeSpec", errors);
  } else if (source.persistent_volume_name().empty()) {
    errors->Required(path / "persistentVolumeName", "must specify non empty persistentVolumeName");
  }
}

}  // namespace

void CheckStorageClass(const storagev1::StorageClass& storage_class, ErrorList* errors) {
  CheckMaker(storage_class.provisioner(), Path("provisioner"), errors);
  CheckParameters(storage_class.parameters(), Path("parameters"), errors);
  if (!storage_class.reclaim_policy().empty()) {
    errors->OneOf(Path("reclaimPolicy"), storage_class.reclaim_policy(), {"Delete", "Retain"});
  }
  if (!storage_class.has_volume_binding_mode()) {
    errors->Required(Path("volumeBindingMode"));
  } else {
    errors->OneOf(Path("volumeBindingMode"), storage_class.volume_binding_mode(),
                  {"Immediate", "WaitForFirstConsumer"});
  }
  CheckTopologies(storage_class, errors);
}

void CheckStorageClassUpdate(const storagev1::StorageClass& now, const storagev1::StorageClass& old,
                             ErrorList* errors) {
  if (!SameMap(now.parameters(), old.parameters())) {
    errors->Forbidden(Path("parameters"), "updates to parameters are forbidden.");
  }
  if (now.provisioner() != old.provisioner()) {
    errors->Forbidden(Path("provisioner"), "updates to provisioner are forbidden.");
  }
  errors->Immutable(Path("reclaimPolicy"), now.reclaim_policy(),
                    now.reclaim_policy() == old.reclaim_policy());
  errors->Immutable(Path("volumeBindingMode"), now.volume_binding_mode(),
                    now.volume_binding_mode() == old.volume_binding_mode());
}

void CheckCsiDriver(const storagev1::CSIDriver& driver, ErrorList* errors) {
  const storagev1::CSIDriverSpec& spec = driver.spec();
  const Path path("spec");
  // Kubernetes names the first one so.
  const std::pair<const char*, bool> flags[] = {
      {"attachedRequired", spec.has_attach_required()},
      {"podInfoOnMount", spec.has_pod_info_on_mount()},
      {"storageCapacity", spec.has_storage_capacity()},
      {"seLinuxMount", spec.has_se_linux_mount()},
  };
  for (const auto& [member, given] : flags) {
    if (!given) errors->Required(path / member);
  }
  if (spec.has_fs_group_policy()) {
    errors->OneOf(path / "fsGroupPolicy", spec.fs_group_policy(),
                  {"File", "None", "ReadWriteOnceWithFSType"});
  }
  CheckTokenRequests(spec, path / "tokenRequests", errors);
  for (const std::string& mode : spec.volume_lifecycle_modes()) {
    errors->OneOf(path / "volumeLifecycleModes", mode, {"Persistent", "Ephemeral"});
  }
  if (spec.has_node_allocatable_update_period_seconds() &&
      spec.node_allocatable_update_period_seconds() < 10) {
    errors->Invalid(path / "nodeAllocatableUpdatePeriodSeconds",
                    spec.node_allocatable_update_period_seconds(),
                    "must be greater than or equal to 10 seconds");
  }
  if (spec.has_service_account_token_in_secrets() && spec.token_requests().empty()) {
    errors->Invalid(path / "serviceAccountTokenInSecrets", spec.service_account_token_in_secrets(),
                    "serviceAccountTokenInSecrets is set but no tokenRequests are specified");
  }
}

void CheckCsiDriverUpdate(const storagev1::CSIDriver& now, const storagev1::CSIDriver& old,
                          ErrorList* errors) {
  CheckCsiDriver(now, errors);
  errors->Immutable(Path("spec.attachedRequired"), now.spec().attach_required(),
                    now.spec().attach_required() == old.spec().attach_required());
  const auto& before = old.spec().volume_lifecycle_modes();
  const auto& after = now.spec().volume_lifecycle_modes();
  errors->Immutable(Path("spec.volumeLifecycleModes"), after,
                    std::equal(before.begin(), before.end(), after.begin(), after.end()));
}

void CheckCsiNode(const storagev1::CSINode& node, ErrorList* errors) {
  std::set<std::string> names;
  for (int i = 0; i < node.spec().drivers_size(); ++i) {
    const storagev1::CSINodeDriver& driver = node.spec().drivers(i);
    const Path at = Path("spec.drivers")[i];
    CheckNodeDriver(driver, at, errors);
    if (!names.insert(driver.name()).second) errors->Duplicate(at / "name", driver.name());
  }
}

// Drivers come and go; while one is there, only its count of volumes changes.
void CheckCsiNodeUpdate(const storagev1::CSINode& now, const storagev1::CSINode& old,
                        ErrorList* errors) {
  CheckCsiNode(now, errors);
  for (const storagev1::CSINodeDriver& before : old.spec().drivers()) {
    for (storagev1::CSINodeDriver after : now.spec().drivers()) {
      if (before.name() != after.name()) continue;
      storagev1::CSINodeDriver expected = before;
      expected.clear_allocatable();
      after.clear_allocatable();
      errors->Immutable(Path("spec.drivers"), after, LooksSame(after, expected));
    }
  }
}

void CheckCsiStorageCapacity(const storagev1::CSIStorageCapacity& capacity, ErrorList* errors) {
  if (capacity.has_node_topology()) {
    CheckLabelSelector(capacity.node_topology(), Path("nodeTopology"), errors);
  }
  errors->InvalidEach(Path("storageClassName"), capacity.storage_class_name(),
                      CheckDns1123Subdomain(capacity.storage_class_name()));
  if (!capacity.has_capacity()) return;
  const absl::StatusOr<Quantity> amount = Quantity::FromProto(capacity.capacity());
  if (!amount.ok() || amount->Sign() < 0) {
    errors->Invalid(Path("capacity"), capacity.capacity().string(),
                    "must be greater than or equal to 0");
  }
}

void CheckCsiStorageCapacityUpdate(const storagev1::CSIStorageCapacity& now,
                                   const storagev1::CSIStorageCapacity& old, ErrorList* errors) {
  errors->Immutable(Path("nodeTopology"), now.node_topology(),
                    now.has_node_topology() == old.has_node_topology() &&
                        LooksSame(now.node_topology(), old.node_topology()));
  errors->Immutable(Path("storageClassName"), now.storage_class_name(),
                    now.storage_class_name() == old.storage_class_name());
}

void CheckVolumeAttachment(const storagev1::VolumeAttachment& attachment, ErrorList* errors) {
  const storagev1::VolumeAttachmentSpec& spec = attachment.spec();
  const Path path("spec");
  CheckDriverName(spec.attacher(), path / "attacher", errors);
  CheckAttachmentSource(spec.source(), path / "source", errors);
  errors->InvalidEach(path / "nodeName", spec.node_name(), CheckDns1123Subdomain(spec.node_name()));
  const storagev1::VolumeAttachmentStatus& status = attachment.status();
  if (BytesOf(status.attachment_metadata()) > kMaxParameterBytes) {
    errors->TooLong(Path("status.attachmentMetadata"), kMaxParameterBytes);
  }
  CheckVolumeError(status.attach_error(), Path("status.attachError"), errors);
  CheckVolumeError(status.detach_error(), Path("status.detachError"), errors);
  if (spec.source().has_persistent_volume_name()) {
    const std::string& volume = spec.source().persistent_volume_name();
    errors->InvalidEach(path / "source" / "persistentVolumeName", volume,
                        CheckDns1123Subdomain(volume));
  }
}

void CheckVolumeAttachmentUpdate(const storagev1::VolumeAttachment& now,
                                 const storagev1::VolumeAttachment& old, ErrorList* errors) {
  CheckVolumeAttachment(now, errors);
  errors->Immutable(Path("spec"), now.spec(), LooksSame(now.spec(), old.spec()));
}

void CheckVolumeAttachmentStatus(const storagev1::VolumeAttachment& now,
                                 const storagev1::VolumeAttachment& old, ErrorList* errors) {
  CheckVolumeAttachmentUpdate(now, old, errors);
}

void CheckVolumeAttributesClass(const storagev1::VolumeAttributesClass& volume_class,
                                ErrorList* errors) {
  CheckMaker(volume_class.driver_name(), Path("driverName"), errors);
  CheckParameters(volume_class.parameters(), Path("parameters"), errors);
  if (volume_class.parameters().empty()) {
    errors->Required(Path("parameters"), "must contain at least one key/value pair");
  }
}

void CheckVolumeAttributesClassUpdate(const storagev1::VolumeAttributesClass& now,
                                      const storagev1::VolumeAttributesClass& old,
                                      ErrorList* errors) {
  if (now.driver_name() != old.driver_name()) {
    errors->Forbidden(Path("driverName"), "updates to driverName are forbidden.");
  }
  if (!SameMap(now.parameters(), old.parameters())) {
    errors->Forbidden(Path("parameters"), "updates to parameters are forbidden.");
  }
  CheckVolumeAttributesClass(now, errors);
}

}  // namespace skiff::api
