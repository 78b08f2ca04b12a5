#include "node/pod_spec.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/quantity.h"
#include "base/status.h"

namespace skiff::node {
namespace {

// $(NAME) becomes the variable's value; $$ a dollar sign; an unknown name stays as it is written.
std::string Expand(const std::string& text,
                   const std::vector<std::pair<std::string, std::string>>& env) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 >= text.size()) {
      out += text[i];
    } else if (text[i + 1] == '$') {
      out += '$';
      ++i;
    } else if (const size_t end = text.find(')', i);
               text[i + 1] == '(' && end != std::string::npos) {
      const std::string name = text.substr(i + 2, end - i - 2);
      const auto it = std::find_if(env.rbegin(), env.rend(),
                                   [&](const auto& variable) { return variable.first == name; });
      out += it == env.rend() ? text.substr(i, end - i + 1) : it->second;
      i = end;
    } else {
      out += '$';
    }
  }
  return out;
}

absl::StatusOr<std::string> FieldValue(const corev1::Pod& pod, const std::string& path,
                                       const PodPlaces& places) {
  const metav1::ObjectMeta& meta = pod.metadata();
  if (path == "metadata.name") return meta.name();
  if (path == "metadata.namespace") return meta.namespace_();
  if (path == "metadata.uid") return meta.uid();
  if (path == "spec.nodeName") return places.node_name;
  if (path == "spec.serviceAccountName") return pod.spec().service_account_name();
  if (path == "status.podIP" || path == "status.podIPs") return places.pod_ip;
  if (path == "status.hostIP" || path == "status.hostIPs") return places.host_ip;
  for (const auto& [prefix, map] : {std::pair("metadata.labels", &meta.labels()),
                                    std::pair("metadata.annotations", &meta.annotations())}) {
    if (path == prefix) {
      std::map<std::string, std::string> sorted(map->begin(), map->end());
      std::string out;
      for (const auto& [key, value] : sorted) absl::StrAppend(&out, key, "=\"", value, "\"\n");
      return out;
    }
    if (absl::StartsWith(path, absl::StrCat(prefix, "['")) && absl::EndsWith(path, "']")) {
      const size_t start = std::string(prefix).size() + 2;
      const auto it = map->find(path.substr(start, path.size() - start - 2));
      return it == map->end() ? std::string() : it->second;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("unsupported fieldPath: ", path));
}

int64_t Amount(const google::protobuf::Map<std::string, api::QuantityProto>& list,
               const std::string& name, bool milli) {
  const auto it = list.find(name);
  if (it == list.end()) return 0;
  const auto quantity = api::Quantity::FromProto(it->second);
  if (!quantity.ok()) return 0;
  return milli ? quantity->MilliValue() : quantity->Value();
}

// A value of a ConfigMap or Secret.
absl::StatusOr<std::optional<std::string>> KeyOf(const References& references,
                                                 const std::string& kind, const std::string& name,
                                                 const std::string& key, bool optional) {
  const auto it = references.find(absl::StrCat(kind, "/", name));
  const bool config = kind == "configmaps";
  const char* word = config ? "configmap" : "secret";
  if (it == references.end() || it->second == nullptr) {
    if (optional) return std::optional<std::string>();
    return absl::NotFoundError(absl::StrCat(word, " \"", name, "\" not found"));
  }
  if (config) {
    const auto& data = it->second->As<corev1::ConfigMap>().data();
    if (const auto found = data.find(key); found != data.end()) return std::optional(found->second);
  } else {
    const auto& data = it->second->As<corev1::Secret>().data();
    if (const auto found = data.find(key); found != data.end()) return std::optional(found->second);
  }
  if (optional) return std::optional<std::string>();
  return absl::NotFoundError(absl::StrCat("couldn't find key ", key, " in ", word, " ", name));
}

std::map<std::string, std::string> AllOf(const api::Object& object) {
  std::map<std::string, std::string> out;
  if (object.message().GetDescriptor() == corev1::ConfigMap::descriptor()) {
    const auto& map = object.As<corev1::ConfigMap>();
    out.insert(map.data().begin(), map.data().end());
    out.insert(map.binary_data().begin(), map.binary_data().end());
  } else {
    const auto& data = object.As<corev1::Secret>().data();
    out.insert(data.begin(), data.end());
  }
  return out;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Environment(
    const corev1::Pod& pod, const corev1::Container& container, const PodPlaces& places,
    const References& references) {
  std::vector<std::pair<std::string, std::string>> env;
  for (const corev1::EnvFromSource& source : container.env_from()) {
    const bool config = source.has_config_map_ref();
    const std::string name = config ? source.config_map_ref().local_object_reference().name()
                                    : source.secret_ref().local_object_reference().name();
    const bool optional =
        config ? source.config_map_ref().optional() : source.secret_ref().optional();
    const auto it = references.find(absl::StrCat(config ? "configmaps/" : "secrets/", name));
    if (it == references.end() || it->second == nullptr) {
      if (optional) continue;
      return absl::NotFoundError(
          absl::StrCat(config ? "configmap" : "secret", " \"", name, "\" not found"));
    }
    for (const auto& [key, value] : AllOf(*it->second)) {
      env.emplace_back(source.prefix() + key, value);
    }
  }
  for (const corev1::EnvVar& variable : container.env()) {
    const corev1::EnvVarSource& from = variable.value_from();
    if (!variable.has_value_from()) {
      env.emplace_back(variable.name(), Expand(variable.value(), env));
    } else if (from.has_field_ref()) {
      SKIFF_ASSIGN_OR_RETURN(std::string value,
                             FieldValue(pod, from.field_ref().field_path(), places));
      env.emplace_back(variable.name(), std::move(value));
    } else if (from.has_resource_field_ref()) {
      const std::string& resource = from.resource_field_ref().resource();
      const bool limit = absl::StartsWith(resource, "limits.");
      const auto& list = limit ? container.resources().limits() : container.resources().requests();
      const std::string name = resource.substr(resource.find('.') + 1);
      env.emplace_back(variable.name(), absl::StrCat(Amount(list, name, false)));
    } else {
      const bool config = from.has_config_map_key_ref();
      SKIFF_ASSIGN_OR_RETURN(
          const std::optional<std::string> value,
          config
              ? KeyOf(references, "configmaps",
                      from.config_map_key_ref().local_object_reference().name(),
                      from.config_map_key_ref().key(), from.config_map_key_ref().optional())
              : KeyOf(references, "secrets", from.secret_key_ref().local_object_reference().name(),
                      from.secret_key_ref().key(), from.secret_key_ref().optional()));
      if (value) env.emplace_back(variable.name(), *value);
    }
  }
  return env;
}

runtime::Resources ResourcesOf(const corev1::Container& container, const corev1::Pod& pod) {
  runtime::Resources out;
  const auto& requests = container.resources().requests();
  const auto& limits = container.resources().limits();
  const int64_t cpu = Amount(requests, "cpu", true);
  out.cpu_shares = std::max<int64_t>(2, cpu * 1024 / 1000);
  out.cpu_quota_millis = Amount(limits, "cpu", true);
  out.memory_bytes = Amount(limits, "memory", false);
  const std::string& qos = pod.status().qos_class();
  out.oom_score_adj = qos == "Guaranteed" ? 0 : qos == "BestEffort" ? 1000 : 500;
  return out;
}

absl::Status MakeFile(const std::string& path, const std::string& content, mode_t mode) {
  std::ofstream(path, std::ios::binary) << content;
  if (chmod(path.c_str(), mode) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

absl::Status MakeDir(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return ErrnoStatus(errno, path);
  chmod(path.c_str(), mode);  // Past the process's umask.
  return absl::OkStatus();
}

using Files = std::map<std::string, std::string>;

template <typename Items>
absl::StatusOr<Files> Chosen(const Files& all, const Items& items, const std::string& what,
                             bool optional) {
  if (items.empty()) return all;
  Files out;
  for (const corev1::KeyToPath& item : items) {
    const auto it = all.find(item.key());
    if (it != all.end()) {
      if (absl::StrContains(item.path(), "..")) {
        return absl::InvalidArgumentError(
            absl::StrCat(what, ": path \"", item.path(), "\" must not contain '..'"));
      }
      out[item.path()] = it->second;
    } else if (!optional) {
      return absl::NotFoundError(absl::StrCat(what, " references non-existent key: ", item.key()));
    }
  }
  return out;
}

absl::Status WriteFiles(const std::string& dir, const Files& files, mode_t mode) {
  SKIFF_RETURN_IF_ERROR(MakeDir(dir, 0755));
  for (const auto& [path, content] : files) {
    for (size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      SKIFF_RETURN_IF_ERROR(MakeDir(absl::StrCat(dir, "/", path.substr(0, slash)), 0755));
    }
    SKIFF_RETURN_IF_ERROR(MakeFile(absl::StrCat(dir, "/", path), content, mode));
  }
  return absl::OkStatus();
}

absl::StatusOr<Files> ReferenceFiles(const References& references, const std::string& kind,
                                     const std::string& name, bool optional) {
  const auto it = references.find(absl::StrCat(kind, "/", name));
  if (it != references.end() && it->second != nullptr) return AllOf(*it->second);
  if (optional) return Files();
  return absl::NotFoundError(
      absl::StrCat(kind == "secrets" ? "secret" : "configmap", " \"", name, "\" not found"));
}

absl::StatusOr<Files> DownwardFiles(const corev1::Pod& pod, const PodPlaces& places,
                                    const corev1::DownwardAPIVolumeSource& source) {
  Files out;
  for (const corev1::DownwardAPIVolumeFile& file : source.items()) {
    SKIFF_ASSIGN_OR_RETURN(out[file.path()],
                           FieldValue(pod, file.field_ref().field_path(), places));
  }
  return out;
}

absl::StatusOr<std::string> MakeVolume(const corev1::Pod& pod, const corev1::Volume& volume,
                                       const PodPlaces& places, const References& references) {
  const corev1::VolumeSource& source = volume.volume_source();
  const std::string dir = absl::StrCat(places.volumes_dir, "/", volume.name());
  if (source.has_host_path()) {
    const std::string& type = source.host_path().type();
    if (type == "DirectoryOrCreate") {
      SKIFF_RETURN_IF_ERROR(MakeDir(source.host_path().path(), 0755));
    } else if (type == "FileOrCreate" && access(source.host_path().path().c_str(), F_OK) != 0) {
      SKIFF_RETURN_IF_ERROR(MakeFile(source.host_path().path(), "", 0644));
    }
    struct stat info;
    if (stat(source.host_path().path().c_str(), &info) != 0) {
      return absl::NotFoundError(absl::StrCat("volume ", volume.name(), ": hostPath ",
                                              source.host_path().path(), " does not exist"));
    }
    if (type == "Directory" && !S_ISDIR(info.st_mode)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "hostPath type check failed: ", source.host_path().path(), " is not a directory"));
    }
    return source.host_path().path();
  }
  if (source.has_empty_dir()) {
    // In memory: the container mounts a tmpfs of its own place; see MakeContainerSpec.
    SKIFF_RETURN_IF_ERROR(MakeDir(dir, 0777));
    return dir;
  }
  Files files;
  mode_t mode = 0644;
  if (source.has_config_map()) {
    const auto& config = source.config_map();
    SKIFF_ASSIGN_OR_RETURN(
        const Files all, ReferenceFiles(references, "configmaps",
                                        config.local_object_reference().name(), config.optional()));
    SKIFF_ASSIGN_OR_RETURN(files, Chosen(all, config.items(), "configmap", config.optional()));
    mode = config.has_default_mode() ? config.default_mode() : 0644;
  } else if (source.has_secret()) {
    const auto& secret = source.secret();
    SKIFF_ASSIGN_OR_RETURN(
        const Files all,
        ReferenceFiles(references, "secrets", secret.secret_name(), secret.optional()));
    SKIFF_ASSIGN_OR_RETURN(files, Chosen(all, secret.items(), "secret", secret.optional()));
    mode = secret.has_default_mode() ? secret.default_mode() : 0644;
  } else if (source.has_downward_api()) {
    SKIFF_ASSIGN_OR_RETURN(files, DownwardFiles(pod, places, source.downward_api()));
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "volume ", volume.name(),
        " has a source that this node does not support: use emptyDir, hostPath, configMap, secret "
        "or downwardAPI"));
  }
  SKIFF_RETURN_IF_ERROR(WriteFiles(dir, files, mode));
  return dir;
}

void AddSecurity(const corev1::Pod& pod, const corev1::Container& container,
                 runtime::ContainerSpec* out) {
  const corev1::PodSecurityContext& whole = pod.spec().security_context();
  const corev1::SecurityContext& own = container.security_context();
  if (own.has_run_as_user()) {
    out->uid = own.run_as_user();
  } else if (whole.has_run_as_user()) {
    out->uid = whole.run_as_user();
  }
  if (own.has_run_as_group()) {
    out->gid = own.run_as_group();
  } else if (whole.has_run_as_group()) {
    out->gid = whole.run_as_group();
  }
  out->run_as_non_root =
      own.has_run_as_non_root() ? own.run_as_non_root() : whole.run_as_non_root();
  for (const int64_t group : whole.supplemental_groups()) {
    out->supplemental_groups.push_back(group);
  }
  if (whole.has_fs_group()) out->supplemental_groups.push_back(whole.fs_group());
  out->privileged = own.privileged();
  out->read_only_root = own.read_only_root_filesystem();
  out->allow_privilege_escalation =
      !own.has_allow_privilege_escalation() || own.allow_privilege_escalation();
  const auto& profile = own.has_seccomp_profile() ? own.seccomp_profile() : whole.seccomp_profile();
  out->seccomp_unconfined = profile.type() == "Unconfined";
  for (const std::string& name : own.capabilities().add()) out->add_capabilities.push_back(name);
  for (const std::string& name : own.capabilities().drop()) out->drop_capabilities.push_back(name);
}

}  // namespace

std::vector<std::string> ReferencesOf(const corev1::PodSpec& spec) {
  std::set<std::string> out;
  const auto config = [&](const std::string& name) { out.insert("configmaps/" + name); };
  const auto secret = [&](const std::string& name) { out.insert("secrets/" + name); };
  for (const auto* list : {&spec.init_containers(), &spec.containers()}) {
    for (const corev1::Container& container : *list) {
      for (const auto& source : container.env_from()) {
        if (source.has_config_map_ref()) {
          config(source.config_map_ref().local_object_reference().name());
        }
        if (source.has_secret_ref()) secret(source.secret_ref().local_object_reference().name());
      }
      for (const auto& variable : container.env()) {
        const auto& from = variable.value_from();
        if (from.has_config_map_key_ref()) {
          config(from.config_map_key_ref().local_object_reference().name());
        }
        if (from.has_secret_key_ref()) {
          secret(from.secret_key_ref().local_object_reference().name());
        }
      }
    }
  }
  for (const corev1::Volume& volume : spec.volumes()) {
    const auto& source = volume.volume_source();
    if (source.has_config_map()) config(source.config_map().local_object_reference().name());
    if (source.has_secret()) secret(source.secret().secret_name());
  }
  return {out.begin(), out.end()};
}

runtime::PodSpec MakePodSpec(const corev1::Pod& pod, const PodPlaces& places) {
  runtime::PodSpec out;
  out.uid = pod.metadata().uid();
  out.name = pod.metadata().name();
  out.name_space = pod.metadata().namespace_();
  out.hostname =
      pod.spec().hostname().empty() ? pod.metadata().name().substr(0, 63) : pod.spec().hostname();
  out.host_network = pod.spec().host_network();
  out.host_pid = pod.spec().host_pid();
  out.host_ipc = pod.spec().host_ipc();
  out.share_process_namespace = pod.spec().share_process_namespace();
  out.annotations.insert(pod.metadata().annotations().begin(), pod.metadata().annotations().end());
  for (const auto& sysctl : pod.spec().security_context().sysctls()) {
    out.sysctls[sysctl.name()] = sysctl.value();
  }
  out.log_dir = places.log_dir;
  return out;
}

absl::StatusOr<std::map<std::string, std::string>> MakeVolumes(const corev1::Pod& pod,
                                                               const PodPlaces& places,
                                                               const References& references) {
  std::map<std::string, std::string> out;
  SKIFF_RETURN_IF_ERROR(MakeDir(places.volumes_dir, 0755));
  for (const corev1::Volume& volume : pod.spec().volumes()) {
    SKIFF_ASSIGN_OR_RETURN(out[volume.name()], MakeVolume(pod, volume, places, references));
  }
  return out;
}

absl::StatusOr<runtime::ContainerSpec> MakeContainerSpec(const corev1::Pod& pod,
                                                         const corev1::Container& container,
                                                         int attempt, const PodPlaces& places,
                                                         const References& references) {
  runtime::ContainerSpec out;
  out.name = container.name();
  out.attempt = attempt;
  out.image = container.image();
  out.working_dir = container.working_dir();
  out.termination_message_path = container.termination_message_path();
  out.tty = container.tty();
  out.stdin = container.stdin();
  out.resources = ResourcesOf(container, pod);
  AddSecurity(pod, container, &out);
  SKIFF_ASSIGN_OR_RETURN(out.env, Environment(pod, container, places, references));
  for (const std::string& word : container.command()) out.command.push_back(Expand(word, out.env));
  for (const std::string& word : container.args()) out.args.push_back(Expand(word, out.env));
  SKIFF_ASSIGN_OR_RETURN(const auto volumes, MakeVolumes(pod, places, references));
  for (const corev1::VolumeMount& mount : container.volume_mounts()) {
    const auto source = volumes.find(mount.name());
    if (source == volumes.end()) {
      return absl::NotFoundError(absl::StrCat("volume \"", mount.name(), "\" not found"));
    }
    runtime::Mount to;
    to.source = source->second;
    to.target = mount.mount_path();
    to.read_only = mount.read_only();
    to.propagate_from_host = mount.mount_propagation() == "HostToContainer";
    if (!mount.sub_path().empty()) {
      if (absl::StrContains(mount.sub_path(), "..")) {
        return absl::InvalidArgumentError(
            absl::StrCat("subPath \"", mount.sub_path(), "\" must not contain '..'"));
      }
      absl::StrAppend(&to.source, "/", mount.sub_path());
      if (access(to.source.c_str(), F_OK) != 0) SKIFF_RETURN_IF_ERROR(MakeDir(to.source, 0755));
    }
    out.mounts.push_back(std::move(to));
  }
  return out;
}

}  // namespace skiff::node
