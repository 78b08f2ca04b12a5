#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckMode(bool given, int32_t mode, const Path& path, ErrorList* errors) {
  if (given && (mode < 0 || mode > 0777)) {
    errors->Invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive");
  }
}

template <typename Source>
void CheckItems(const Source& source, const Path& path, ErrorList* errors) {
  for (int i = 0; i < source.items_size(); ++i) {
    const corev1::KeyToPath& item = source.items(i);
    const Path at = (path / "items")[i];
    if (item.key().empty()) errors->Required(at / "key");
    if (item.path().empty()) {
      errors->Required(at / "path");
    } else {
      CheckLocalPath(item.path(), at / "path", errors);
    }
    CheckMode(item.has_mode(), item.mode(), at / "mode", errors);
  }
}

template <typename Source>
void CheckDownwardItems(const Source& source, const Path& path, ErrorList* errors) {
  for (int i = 0; i < source.items_size(); ++i) {
    const corev1::DownwardAPIVolumeFile& file = source.items(i);
    const Path at = (path / "items")[i];
    if (file.path().empty()) {
      errors->Required(at / "path");
    } else {
      CheckLocalPath(file.path(), at / "path", errors);
    }
    if (file.has_field_ref() && file.has_resource_field_ref()) {
      errors->Invalid(at, "resource",
                      "fieldRef and resourceFieldRef can not be specified simultaneously");
    } else if (file.has_field_ref()) {
      CheckFieldRef(file.field_ref(), true, at / "fieldRef", errors);
    } else if (file.has_resource_field_ref()) {
      CheckResourceFieldRef(file.resource_field_ref(), true, at / "resourceFieldRef", errors);
    } else {
      errors->Required(at, "one of fieldRef and resourceFieldRef is required");
    }
    CheckMode(file.has_mode(), file.mode(), at / "mode", errors);
  }
}

void CheckProjection(const corev1::VolumeProjection& source, const Path& path, ErrorList* errors) {
  if (source.has_secret()) {
    if (source.secret().local_object_reference().name().empty()) {
      errors->Required(path / "secret" / "name");
    }
    CheckItems(source.secret(), path / "secret", errors);
  }
  if (source.has_config_map()) {
    if (source.config_map().local_object_reference().name().empty()) {
      errors->Required(path / "configMap" / "name");
    }
    CheckItems(source.config_map(), path / "configMap", errors);
  }
  if (source.has_downward_api()) {
    CheckDownwardItems(source.downward_api(), path / "downwardAPI", errors);
  }
  if (source.has_service_account_token()) {
    const Path token = path / "serviceAccountToken";
    if (source.service_account_token().expiration_seconds() < 600) {
      errors->Invalid(token / "expirationSeconds",
                      source.service_account_token().expiration_seconds(),
                      "may not specify a duration less than 10 minutes");
    }
    if (source.service_account_token().path().empty()) {
      errors->Required(token / "path");
    } else {
      CheckLocalPath(source.service_account_token().path(), token / "path", errors);
    }
  }
}

void CheckSource(const corev1::VolumeSource& source, const Path& path, ErrorList* errors) {
  if (source.has_empty_dir() && source.empty_dir().has_size_limit()) {
    const auto limit = Quantity::FromProto(source.empty_dir().size_limit());
    if (!limit.ok() || limit->Sign() < 0) {
      errors->Forbidden(path / "emptyDir" / "sizeLimit",
                        "SizeLimit field must be a valid resource quantity");
    }
  }
  if (source.has_host_path()) CheckHostPath(source.host_path(), path / "hostPath", errors);
  if (source.has_secret()) {
    if (source.secret().secret_name().empty()) errors->Required(path / "secret" / "secretName");
    CheckMode(source.secret().has_default_mode(), source.secret().default_mode(),
              path / "secret" / "defaultMode", errors);
    CheckItems(source.secret(), path / "secret", errors);
  }
  if (source.has_config_map()) {
    if (source.config_map().local_object_reference().name().empty()) {
      errors->Required(path / "configMap" / "name");
    }
    CheckMode(source.config_map().has_default_mode(), source.config_map().default_mode(),
              path / "configMap" / "defaultMode", errors);
    CheckItems(source.config_map(), path / "configMap", errors);
  }
  if (source.has_downward_api()) {
    CheckMode(source.downward_api().has_default_mode(), source.downward_api().default_mode(),
              path / "downwardAPI" / "defaultMode", errors);
    CheckDownwardItems(source.downward_api(), path / "downwardAPI", errors);
  }
  if (source.has_projected()) {
    const Path sources = path / "projected" / "sources";
    for (int i = 0; i < source.projected().sources_size(); ++i) {
      CheckProjection(source.projected().sources(i), sources[i], errors);
    }
  }
  if (source.has_persistent_volume_claim() &&
      source.persistent_volume_claim().claim_name().empty()) {
    errors->Required(path / "persistentVolumeClaim" / "claimName");
  }
}

void CheckMount(const corev1::VolumeMount& mount, const Path& path, ErrorList* errors) {
  if (mount.mount_path().empty()) errors->Required(path / "mountPath");
  if (!mount.sub_path().empty()) CheckLocalPath(mount.sub_path(), path / "subPath", errors);
  if (!mount.sub_path_expr().empty()) {
    if (!mount.sub_path().empty()) {
      errors->Invalid(path / "subPathExpr", mount.sub_path_expr(),
                      "subPathExpr and subPath are mutually exclusive");
    }
    CheckLocalPath(mount.sub_path_expr(), path / "subPathExpr", errors);
  }
  if (mount.has_mount_propagation()) {
    errors->OneOf(path / "mountPropagation", mount.mount_propagation(),
                  {"Bidirectional", "HostToContainer", "None"});
  }
}

}  // namespace

void CheckLocalPath(const std::string& text, const Path& path, ErrorList* errors) {
  if (absl::StartsWith(text, "/")) {
    errors->Invalid(path, text, "must be a relative path");
    return;
  }
  CheckNoParentSteps(text, path, errors);
}

void CheckNoParentSteps(const std::string& text, const Path& path, ErrorList* errors) {
  for (absl::string_view part : absl::StrSplit(text, '/')) {
    if (part == "..") {
      errors->Invalid(path, text, "must not contain '..'");
      return;
    }
  }
}

void CheckHostPath(const corev1::HostPathVolumeSource& source, const Path& path,
                   ErrorList* errors) {
  if (source.path().empty()) {
    errors->Required(path / "path");
    return;
  }
  CheckNoParentSteps(source.path(), path / "path", errors);
  errors->OneOf(path / "type", source.type(),
                {"", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File",
                 "FileOrCreate", "Socket"});
}

void CheckVolumes(const corev1::PodSpec& spec, const Path& path, ErrorList* errors) {
  std::set<std::string> names;
  for (int i = 0; i < spec.volumes_size(); ++i) {
    const corev1::Volume& volume = spec.volumes(i);
    const Path at = path[i];
    if (volume.name().empty()) {
      errors->Required(at / "name");
    } else {
      errors->InvalidEach(at / "name", volume.name(), CheckDns1123Label(volume.name()));
      if (!names.insert(volume.name()).second) errors->Duplicate(at / "name", volume.name());
    }
    std::vector<const google::protobuf::FieldDescriptor*> sources;
    const corev1::VolumeSource& source = volume.volume_source();
    source.GetReflection()->ListFields(source, &sources);
    if (sources.empty()) errors->Required(at, "must specify a volume type");
    for (size_t extra = 1; extra < sources.size(); ++extra) {
      errors->Forbidden(at / sources[extra]->json_name(),
                        "may not specify more than 1 volume type");
    }
    CheckSource(source, at, errors);
  }
}

void CheckVolumeMounts(const corev1::Container& container, const corev1::PodSpec& spec,
                       const Path& path, ErrorList* errors) {
  std::set<std::string> places;
  for (int i = 0; i < container.volume_mounts_size(); ++i) {
    const corev1::VolumeMount& mount = container.volume_mounts(i);
    const Path at = path[i];
    const bool known =
        std::any_of(spec.volumes().begin(), spec.volumes().end(),
                    [&](const corev1::Volume& volume) { return volume.name() == mount.name(); });
    if (mount.name().empty()) {
      errors->Required(at / "name");
    } else if (!known) {
      errors->NotFound(at / "name", mount.name());
    }
    if (!places.insert(mount.mount_path()).second) {
      errors->Invalid(at / "mountPath", mount.mount_path(), "must be unique");
    }
    CheckMount(mount, at, errors);
  }
}

}  // namespace skiff::api
