#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

constexpr absl::string_view kTooManySources =
    "may not have more than one field specified at a time";

// metadata.annotations['key'] and metadata.labels['key'].
bool IsSubscript(absl::string_view field) {
  return (absl::StartsWith(field, "metadata.annotations['") ||
          absl::StartsWith(field, "metadata.labels['")) &&
         absl::EndsWith(field, "']");
}

template <typename Selector>
void CheckKeySelector(const Selector& selector, const Path& path, ErrorList* errors) {
  if (selector.local_object_reference().name().empty()) errors->Required(path / "name");
  if (selector.key().empty()) {
    errors->Required(path / "key");
  } else {
    errors->InvalidEach(path / "key", selector.key(), CheckConfigMapKey(selector.key()));
  }
}

void CheckValueFrom(const corev1::EnvVar& variable, const Path& path, ErrorList* errors) {
  const corev1::EnvVarSource& source = variable.value_from();
  int sources = 0;
  if (source.has_field_ref()) {
    ++sources;
    CheckFieldRef(source.field_ref(), false, path / "fieldRef", errors);
  }
  if (source.has_resource_field_ref()) {
    ++sources;
    CheckResourceFieldRef(source.resource_field_ref(), false, path / "resourceFieldRef", errors);
  }
  if (source.has_config_map_key_ref()) {
    ++sources;
    CheckKeySelector(source.config_map_key_ref(), path / "configMapKeyRef", errors);
  }
  if (source.has_secret_key_ref()) {
    ++sources;
    CheckKeySelector(source.secret_key_ref(), path / "secretKeyRef", errors);
  }
  if (source.has_file_key_ref()) ++sources;
  if (sources == 0) {
    errors->Invalid(path, "",
                    "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
                    "`secretKeyRef`");
  } else if (!variable.value().empty()) {
    errors->Invalid(path, "", "may not be specified when `value` is not empty");
  } else if (sources > 1) {
    errors->Invalid(path, "", kTooManySources);
  }
}

void CheckEnvFrom(const corev1::EnvFromSource& source, const Path& path, ErrorList* errors) {
  if (!source.prefix().empty()) {
    errors->InvalidEach(path / "prefix", source.prefix(), CheckEnvVarName(source.prefix()));
  }
  if (source.has_config_map_ref() &&
      source.config_map_ref().local_object_reference().name().empty()) {
    errors->Required(path / "configMapRef" / "name");
  }
  if (source.has_secret_ref() && source.secret_ref().local_object_reference().name().empty()) {
    errors->Required(path / "secretRef" / "name");
  }
  const int sources = int{source.has_config_map_ref()} + int{source.has_secret_ref()};
  if (sources == 0) {
    errors->Invalid(path, "", "must specify one of: `configMapRef` or `secretRef`");
  } else if (sources > 1) {
    errors->Invalid(path, "", kTooManySources);
  }
}

}  // namespace

void CheckFieldRef(const corev1::ObjectFieldSelector& selector, bool in_volume, const Path& path,
                   ErrorList* errors) {
  const std::string& field = selector.field_path();
  if (selector.api_version().empty()) {
    errors->Required(path / "apiVersion");
    return;
  }
  if (field.empty()) {
    errors->Required(path / "fieldPath");
    return;
  }
  if (IsSubscript(field)) return;
  if (in_volume) {
    errors->OneOf(path / "fieldPath", field,
                  {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
                   "metadata.uid"});
  } else {
    errors->OneOf(path / "fieldPath", field,
                  {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
                   "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP",
                   "status.podIPs"});
  }
}

void CheckResourceFieldRef(const corev1::ResourceFieldSelector& selector, bool in_volume,
                           const Path& path, ErrorList* errors) {
  if (in_volume && selector.container_name().empty()) {
    errors->Required(path / "containerName");
  } else if (selector.resource().empty()) {
    errors->Required(path / "resource");
  } else if (!absl::StartsWith(selector.resource(), "limits.hugepages-") &&
             !absl::StartsWith(selector.resource(), "requests.hugepages-")) {
    errors->OneOf(path / "resource", selector.resource(),
                  {"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
                   "requests.ephemeral-storage", "requests.memory"});
  }
}

void CheckEnv(const corev1::Container& container, const Path& path, ErrorList* errors) {
  for (int i = 0; i < container.env_size(); ++i) {
    const corev1::EnvVar& variable = container.env(i);
    const Path at = (path / "env")[i];
    if (variable.name().empty()) {
      errors->Required(at / "name");
    } else {
      errors->InvalidEach(at / "name", variable.name(), CheckEnvVarName(variable.name()));
    }
    if (variable.has_value_from()) CheckValueFrom(variable, at / "valueFrom", errors);
  }
  for (int i = 0; i < container.env_from_size(); ++i) {
    CheckEnvFrom(container.env_from(i), (path / "envFrom")[i], errors);
  }
}

}  // namespace skiff::api
