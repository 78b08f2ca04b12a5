#include "node/pod_env.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"

namespace skiff::node {
namespace {

// Keeps the place of a name that is there already.
void Put(Variables* env, const std::string& name, std::string value) {
  for (auto& [known, old] : *env) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  env->emplace_back(name, std::move(value));
}

absl::StatusOr<std::optional<std::string>> KeyOf(const References& references,
                                                 const std::string& kind, const std::string& name,
                                                 const std::string& key, bool optional) {
  SKIFF_ASSIGN_OR_RETURN(const auto entries, EntriesOf(references, kind, name, optional));
  if (entries) {
    if (const auto it = entries->find(key); it != entries->end()) return std::optional(it->second);
    if (!optional) {
      const char* word = kind == "secrets" ? "Secret" : "ConfigMap";
      const metav1::ObjectMeta& meta = references.at(absl::StrCat(kind, "/", name))->meta();
      return absl::NotFoundError(
          absl::StrCat("couldn't find key ", key, " in ", word, " ", meta.namespace_(), "/", name));
    }
  }
  return std::optional<std::string>();
}

absl::Status AddFrom(const corev1::EnvFromSource& source, const References& references,
                     Variables* env) {
  const bool config = source.has_config_map_ref();
  const std::string& name = config ? source.config_map_ref().local_object_reference().name()
                                   : source.secret_ref().local_object_reference().name();
  const bool optional =
      config ? source.config_map_ref().optional() : source.secret_ref().optional();
  SKIFF_ASSIGN_OR_RETURN(const auto entries,
                         EntriesOf(references, config ? "configmaps" : "secrets", name, optional));
  if (!entries) return absl::OkStatus();
  for (const auto& [key, value] : *entries) Put(env, source.prefix() + key, value);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> ValueFrom(const corev1::Pod& pod,
                                                     const corev1::Container& container,
                                                     const corev1::EnvVarSource& from,
                                                     const PodPlaces& places,
                                                     const References& references) {
  if (from.has_field_ref()) {
    SKIFF_ASSIGN_OR_RETURN(std::string value,
                           FieldValue(pod, from.field_ref().field_path(), places));
    return std::optional(std::move(value));
  }
  if (from.has_resource_field_ref()) {
    SKIFF_ASSIGN_OR_RETURN(std::string value,
                           ResourceValue(pod, &container, from.resource_field_ref(), places));
    return std::optional(std::move(value));
  }
  if (from.has_config_map_key_ref()) {
    const auto& ref = from.config_map_key_ref();
    return KeyOf(references, "configmaps", ref.local_object_reference().name(), ref.key(),
                 ref.optional());
  }
  if (from.has_secret_key_ref()) {
    const auto& ref = from.secret_key_ref();
    return KeyOf(references, "secrets", ref.local_object_reference().name(), ref.key(),
                 ref.optional());
  }
  return absl::InvalidArgumentError(
      "valueFrom has a source that this node does not support: use fieldRef, resourceFieldRef, "
      "configMapKeyRef or secretKeyRef");
}

void AddService(const corev1::Service& service, Variables* out) {
  const auto& spec = service.spec();
  const std::string prefix =
      absl::AsciiStrToUpper(absl::StrReplaceAll(service.metadata().name(), {{"-", "_"}}));
  const std::string& ip = spec.cluster_ip();
  Put(out, prefix + "_SERVICE_HOST", ip);
  Put(out, prefix + "_SERVICE_PORT", absl::StrCat(spec.ports(0).port()));
  for (const corev1::ServicePort& port : spec.ports()) {
    if (port.name().empty()) continue;
    Put(out,
        absl::StrCat(prefix, "_SERVICE_PORT_",
                     absl::AsciiStrToUpper(absl::StrReplaceAll(port.name(), {{"-", "_"}}))),
        absl::StrCat(port.port()));
  }
  // As Docker's links once were.
  for (const corev1::ServicePort& port : spec.ports()) {
    const std::string protocol = port.protocol().empty() ? "TCP" : port.protocol();
    const std::string url =
        absl::StrCat(absl::AsciiStrToLower(protocol), "://", ip, ":", port.port());
    const std::string one = absl::StrCat(prefix, "_PORT_", port.port(), "_", protocol);
    if (&port == &spec.ports(0)) Put(out, prefix + "_PORT", url);
    Put(out, one, url);
    Put(out, one + "_PROTO", absl::AsciiStrToLower(protocol));
    Put(out, one + "_PORT", absl::StrCat(port.port()));
    Put(out, one + "_ADDR", ip);
  }
}

}  // namespace

absl::StatusOr<Variables> EnvironmentOf(const corev1::Pod& pod, const corev1::Container& container,
                                        const PodPlaces& places, const References& references) {
  Variables env = places.service_env;
  for (const corev1::EnvFromSource& source : container.env_from()) {
    SKIFF_RETURN_IF_ERROR(AddFrom(source, references, &env));
  }
  // $(NAME) sees services and the variables before it, not what envFrom brought.
  Variables seen = places.service_env;
  for (const corev1::EnvVar& variable : container.env()) {
    std::optional<std::string> value;
    if (variable.has_value_from()) {
      SKIFF_ASSIGN_OR_RETURN(value,
                             ValueFrom(pod, container, variable.value_from(), places, references));
    } else {
      value = Expand(variable.value(), seen);
    }
    if (!value) continue;
    seen.emplace_back(variable.name(), *value);
    Put(&env, variable.name(), *std::move(value));
  }
  return env;
}

Variables ServiceVariables(const std::vector<api::ObjectPtr>& services,
                           const std::string& name_space, bool links) {
  Variables out;
  for (const api::ObjectPtr& object : services) {
    const auto& service = object->As<corev1::Service>();
    const std::string& ip = service.spec().cluster_ip();
    const bool master =
        object->meta().name() == "kubernetes" && object->meta().namespace_() == "default";
    const bool own = links && object->meta().namespace_() == name_space;
    if ((!master && !own) || ip.empty() || ip == "None" || service.spec().ports().empty()) continue;
    AddService(service, &out);
  }
  return out;
}

}  // namespace skiff::node
