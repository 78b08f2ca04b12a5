// What a persistent volume is made of: storage of the node, of a CSI driver, or of one of the
// systems that Kubernetes once knew by name.
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "api/field_lookup.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

using Source = corev1::PersistentVolumeSource;

void CheckRange(int32_t value, int32_t first, int32_t last, const Path& path, ErrorList* errors) {
  if (value < first || value > last) {
    errors->Invalid(path, value,
                    absl::StrCat("must be between ", first, " and ", last, ", inclusive"));
  }
}

// Kubernetes says 1 where it means 0.
void CheckPartition(int32_t partition, const Path& path, ErrorList* errors) {
  if (partition < 0 || partition > 255) {
    errors->Invalid(path / "partition", partition, "must be between 1 and 255, inclusive");
  }
}

void CheckGce(const Source& source, const Path& path, ErrorList* errors) {
  CheckPartition(source.gce_persistent_disk().partition(), path, errors);
}

void CheckAws(const Source& source, const Path& path, ErrorList* errors) {
  CheckPartition(source.aws_elastic_block_store().partition(), path, errors);
}

void CheckHostPathOf(const Source& source, const Path& path, ErrorList* errors) {
  CheckHostPath(source.host_path(), path, errors);
}

void CheckGlusterfs(const Source& source, const Path& path, ErrorList* errors) {
  if (!source.glusterfs().has_endpoints_namespace()) return;
  const std::string& space = source.glusterfs().endpoints_namespace();
  if (space.empty()) {
    errors->Invalid(path / "endpointsNamespace", space,
                    "if the endpointnamespace is set, it must be a valid namespace name");
  } else {
    errors->InvalidEach(path / "endpointsNamespace", space, CheckDns1123Label(space));
  }
}

void CheckFlocker(const Source& source, const Path& path, ErrorList* errors) {
  const corev1::FlockerVolumeSource& flocker = source.flocker();
  if (flocker.dataset_name().empty() && flocker.dataset_uuid().empty()) {
    errors->Required(path, "one of datasetName and datasetUUID is required");
  }
  if (!flocker.dataset_name().empty() && !flocker.dataset_uuid().empty()) {
    errors->Invalid(path, "resource",
                    "datasetName and datasetUUID can not be specified simultaneously");
  }
  if (absl::StrContains(flocker.dataset_name(), "/")) {
    errors->Invalid(path / "datasetName", flocker.dataset_name(), "must not contain '/'");
  }
}

void CheckNfs(const Source& source, const Path& path, ErrorList* errors) {
  if (!absl::StartsWith(source.nfs().path(), "/")) {
    errors->Invalid(path / "path", source.nfs().path(), "must be an absolute path");
  }
}

void CheckRbd(const Source& source, const Path& path, ErrorList* errors) {
  if (source.rbd().monitors().empty()) errors->Required(path / "monitors");
}

void CheckCephfs(const Source& source, const Path& path, ErrorList* errors) {
  if (source.cephfs().monitors().empty()) errors->Required(path / "monitors");
}

void CheckQuobyte(const Source& source, const Path& path, ErrorList* errors) {
  const corev1::QuobyteVolumeSource& quobyte = source.quobyte();
  constexpr absl::string_view kPairs =
      "must be a host:port pair or multiple pairs separated by commas";
  if (quobyte.registry().empty()) {
    errors->Required(path / "registry", kPairs);
    return;
  }
  if (quobyte.tenant().size() >= 65) {
    errors->Required(path / "tenant",
                     "must be a UUID and may not exceed a length of 64 characters");
    return;
  }
  for (absl::string_view pair : absl::StrSplit(quobyte.registry(), ',')) {
    if (!absl::StrContains(pair, ":")) {
      errors->Invalid(path / "registry", quobyte.registry(), kPairs);
    }
  }
}

void CheckIscsi(const Source& source, const Path& path, ErrorList* errors) {
  const corev1::ISCSIPersistentVolumeSource& iscsi = source.iscsi();
  const std::string& name = iscsi.iqn();
  if (!name.empty() && !absl::StartsWith(name, "iqn") && !absl::StartsWith(name, "eui") &&
      !absl::StartsWith(name, "naa")) {
    errors->Invalid(path / "iqn", name, "must be valid format starting with iqn, eui, or naa");
  }
  CheckRange(iscsi.lun(), 0, 255, path / "lun", errors);
  const bool authenticates = iscsi.chap_auth_discovery() || iscsi.chap_auth_session();
  if (authenticates && !iscsi.has_secret_ref()) errors->Required(path / "secretRef");
  if (iscsi.has_secret_ref() && iscsi.secret_ref().name().empty()) {
    errors->Required(path / "secretRef" / "name");
  }
}

void CheckFc(const Source& source, const Path& path, ErrorList* errors) {
  const corev1::FCVolumeSource& fc = source.fc();
  const Path names = path / "targetWWNs";
  if (fc.target_wwns().empty() && fc.wwids().empty()) {
    errors->Required(names, "must specify either targetWWNs or wwids, but not both");
  }
  if (fc.target_wwns().empty()) return;
  if (!fc.wwids().empty()) {
    errors->Invalid(names, fc.target_wwns(),
                    "targetWWNs and wwids can not be specified simultaneously");
  }
  if (!fc.has_lun()) {
    errors->Required(path / "lun", "lun is required if targetWWNs is specified");
  } else {
    CheckRange(fc.lun(), 0, 255, path / "lun", errors);
  }
}

// A secret that must be named in full.
template <typename Ref>
void CheckFullReference(const Ref& ref, const Path& path, ErrorList* errors) {
  if (ref.name().empty()) errors->Required(path / "name");
  if (ref.namespace_().empty()) errors->Required(path / "namespace");
}

void CheckCinder(const Source& source, const Path& path, ErrorList* errors) {
  if (source.cinder().has_secret_ref()) {
    CheckFullReference(source.cinder().secret_ref(), path / "secretRef", errors);
  }
}

void CheckFlex(const Source& source, const Path& path, ErrorList* errors) {
  for (const auto& [key, value] : source.flex_volume().options()) {
    const std::string domain =
        absl::StrCat(".", absl::AsciiStrToLower(key.substr(0, key.find('/'))));
    if (absl::EndsWith(domain, ".kubernetes.io") || absl::EndsWith(domain, ".k8s.io")) {
      errors->Invalid((path / "options").Key(key), key,
                      "kubernetes.io and k8s.io namespaces are reserved");
    }
  }
}

void CheckAzureFile(const Source& source, const Path& path, ErrorList* errors) {
  if (source.azure_file().has_secret_namespace() &&
      source.azure_file().secret_namespace().empty()) {
    errors->Required(path / "secretNamespace");
  }
}

void CheckAzureDisk(const Source& source, const Path& path, ErrorList* errors) {
  const corev1::AzureDiskVolumeSource& disk = source.azure_disk();
  if (disk.has_caching_mode()) {
    errors->OneOf(path / "cachingMode", disk.caching_mode(), {"None", "ReadOnly", "ReadWrite"});
  }
  if (!disk.has_kind()) return;
  errors->OneOf(path / "kind", disk.kind(), {"Dedicated", "Managed", "Shared"});
  const bool managed = disk.kind() == "Managed";
  if (!absl::StartsWith(disk.disk_uri(), managed ? "/subscriptions/" : "https://")) {
    errors->NotSupported(path / "diskURI", disk.disk_uri(),
                         {managed ? "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/"
                                    "microsoft.compute/disks/{disk-id}"
                                  : "https://{account-name}.blob.core.windows.net/{container-name}/"
                                    "{disk-name}.vhd"});
  }
}

void CheckLocal(const Source& source, const Path& path, ErrorList* errors) {
  CheckNoParentSteps(source.local().path(), path / "path", errors);
}

void CheckStorageOs(const Source& source, const Path& path, ErrorList* errors) {
  const corev1::StorageOSPersistentVolumeSource& volume = source.storageos();
  const std::pair<const char*, const std::string&> names[] = {
      {"volumeName", volume.volume_name()}, {"volumeNamespace", volume.volume_namespace()}};
  for (const auto& [member, name] : names) {
    if (!name.empty()) errors->InvalidEach(path / member, name, CheckDns1123Label(name));
  }
  if (volume.has_secret_ref()) {
    CheckFullReference(volume.secret_ref(), path / "secretRef", errors);
  }
}

void CheckSecretReference(bool given, const corev1::SecretReference& ref, const Path& path,
                          ErrorList* errors) {
  if (!given) return;
  CheckFullReference(ref, path, errors);
  if (!ref.name().empty()) {
    errors->InvalidEach(path / "name", ref.name(), CheckDns1123Subdomain(ref.name()));
  }
  if (!ref.namespace_().empty()) {
    errors->InvalidEach(path / "namespace", ref.namespace_(), CheckDns1123Label(ref.namespace_()));
  }
}

void CheckCsi(const Source& source, const Path& path, ErrorList* errors) {
  const corev1::CSIPersistentVolumeSource& csi = source.csi();
  CheckDriverName(csi.driver(), path / "driver", errors);
  CheckSecretReference(csi.has_controller_publish_secret_ref(), csi.controller_publish_secret_ref(),
                       path / "controllerPublishSecretRef", errors);
  CheckSecretReference(csi.has_controller_expand_secret_ref(), csi.controller_expand_secret_ref(),
                       path / "controllerExpandSecretRef", errors);
  CheckSecretReference(csi.has_node_publish_secret_ref(), csi.node_publish_secret_ref(),
                       path / "nodePublishSecretRef", errors);
  CheckSecretReference(csi.has_node_expand_secret_ref(), csi.node_expand_secret_ref(),
                       path / "nodeExpandSecretRef", errors);
}

// A kind of source: the member it is, the texts that may not be empty in it, and what else holds.
struct Kind {
  const char* member;
  std::array<const char*, 3> required;
  void (*check)(const Source& source, const Path& path, ErrorList* errors) = nullptr;
  const char* path = nullptr;   // In errors of its members, where it is not `member`.
  const char* extra = nullptr;  // In the error of one source too many, likewise.
};

constexpr Kind kKinds[] = {
    {"hostPath", {}, CheckHostPathOf},
    {"gcePersistentDisk", {"pdName"}, CheckGce, "persistentDisk"},
    {"awsElasticBlockStore", {"volumeID"}, CheckAws},
    {"glusterfs", {"endpoints", "path"}, CheckGlusterfs},
    {"flocker", {}, CheckFlocker},
    {"nfs", {"server", "path"}, CheckNfs},
    {"rbd", {"image"}, CheckRbd},
    {"quobyte", {"volume"}, CheckQuobyte},
    {"cephfs", {}, CheckCephfs, nullptr, "cephFS"},
    {"iscsi", {"targetPortal", "iqn"}, CheckIscsi},
    {"cinder", {"volumeID"}, CheckCinder},
    {"fc", {}, CheckFc},
    {"flexVolume", {"driver"}, CheckFlex},
    {"azureFile", {"secretName", "shareName"}, CheckAzureFile},
    {"vsphereVolume", {"volumePath"}},
    {"photonPersistentDisk", {"pdID"}},
    {"portworxVolume", {"volumeID"}},
    {"azureDisk", {"diskName", "diskURI"}, CheckAzureDisk},
    {"scaleIO", {"gateway", "system", "volumeName"}},
    {"local", {"path"}, CheckLocal},
    {"storageos", {"volumeName"}, CheckStorageOs},
    {"csi", {"volumeHandle"}, CheckCsi},
};

void CheckRequired(const google::protobuf::Message& part, const Kind& kind, const Path& path,
                   ErrorList* errors) {
  for (const char* member : kind.required) {
    if (member == nullptr) return;
    const auto* field = FindJsonField(part.GetDescriptor(), member);
    if (part.GetReflection()->GetString(part, field).empty()) errors->Required(path / member);
  }
}

}  // namespace

void CheckDriverName(const std::string& name, const Path& path, ErrorList* errors) {
  if (name.empty()) errors->Required(path);
  if (name.size() > 63) errors->TooLong(path, 63);
  errors->InvalidEach(path, name, CheckDns1123Subdomain(absl::AsciiStrToLower(name)));
}

void CheckPersistentVolumeSource(const corev1::PersistentVolumeSource& source, const Path& path,
                                 ErrorList* errors) {
  bool found = false;
  for (const Kind& kind : kKinds) {
    const auto* field = FindJsonField(Source::descriptor(), kind.member);
    if (!source.GetReflection()->HasField(source, field)) continue;
    if (found) {
      errors->Forbidden(path / (kind.extra != nullptr ? kind.extra : kind.member),
                        "may not specify more than 1 volume type");
      continue;
    }
    found = true;
    const Path at = path / (kind.path != nullptr ? kind.path : kind.member);
    CheckRequired(source.GetReflection()->GetMessage(source, field), kind, at, errors);
    if (kind.check != nullptr) kind.check(source, at, errors);
  }
  if (!found) errors->Required(path, "must specify a volume type");
}

}  // namespace skiff::api
