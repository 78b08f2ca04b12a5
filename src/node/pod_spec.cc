#include "node/pod_spec.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "node/pod_env.h"
#include "node/pod_files.h"
#include "node/volumes.h"

namespace skiff::node {
namespace {

runtime::Resources ResourcesOf(const corev1::Container& container, const corev1::Pod& pod) {
  runtime::Resources out;
  const auto& requests = container.resources().requests();
  const auto& limits = container.resources().limits();
  const int64_t cpu = AmountOf(requests, "cpu", true);
  out.cpu_shares = std::max<int64_t>(2, cpu * 1024 / 1000);
  out.cpu_quota_millis = AmountOf(limits, "cpu", true);
  out.memory_bytes = AmountOf(limits, "memory", false);
  const std::string& qos = pod.status().qos_class();
  out.oom_score_adj = qos == "Guaranteed" ? 0 : qos == "BestEffort" ? 1000 : 500;
  return out;
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
  if (profile.type() == "Localhost") out->seccomp_profile = profile.localhost_profile();
  for (const std::string& name : own.capabilities().add()) out->add_capabilities.push_back(name);
  for (const std::string& name : own.capabilities().drop()) out->drop_capabilities.push_back(name);
}

// Objects are shown, not changed: kubelet mounts these read-only whatever the pod says.
bool IsReadOnly(const corev1::Volume& volume) {
  const corev1::VolumeSource& source = volume.volume_source();
  return source.has_config_map() || source.has_secret() || source.has_downward_api() ||
         source.has_projected();
}

absl::Status AddMounts(const corev1::Pod& pod, const corev1::Container& container,
                       const PodPlaces& places, const References& references,
                       runtime::ContainerSpec* out) {
  SKIFF_ASSIGN_OR_RETURN(const auto volumes, MakeVolumes(pod, places, references));
  std::set<std::string> read_only;
  for (const corev1::Volume& volume : pod.spec().volumes()) {
    if (IsReadOnly(volume)) read_only.insert(volume.name());
  }
  for (const corev1::VolumeMount& mount : container.volume_mounts()) {
    const auto source = volumes.find(mount.name());
    if (source == volumes.end()) {
      return absl::NotFoundError(absl::StrCat("volume \"", mount.name(), "\" not found"));
    }
    runtime::Mount to;
    to.source = source->second;
    to.target = mount.mount_path();
    to.read_only = mount.read_only() || read_only.contains(mount.name());
    to.propagate_from_host = mount.mount_propagation() == "HostToContainer";
    const std::string sub_path =
        mount.sub_path_expr().empty() ? mount.sub_path() : Expand(mount.sub_path_expr(), out->env);
    if (!sub_path.empty() && !places.volumes_dir.empty()) {
      to.source = absl::StrCat(StagingDir(places.volumes_dir), "/", container.name(), ".",
                               out->mounts.size());
      SKIFF_RETURN_IF_ERROR(StageSubPath(source->second, sub_path, to.source));
    }
    out->mounts.push_back(std::move(to));
  }
  return absl::OkStatus();
}

std::string Unsupported(const std::string& field, const std::string& what) {
  return absl::StrCat(field, " is not supported by this node: ", what);
}

void CheckContainer(const corev1::Container& container, const std::string& path,
                    std::vector<std::string>* out) {
  const auto& security = container.security_context();
  for (const corev1::VolumeMount& mount : container.volume_mounts()) {
    if (mount.mount_propagation() == "Bidirectional") {
      out->push_back(Unsupported(path + ".volumeMounts.mountPropagation: Bidirectional",
                                 "mounts of the container stay its own"));
    }
    if (mount.recursive_read_only() == "Enabled") {
      out->push_back(Unsupported(path + ".volumeMounts.recursiveReadOnly: Enabled",
                                 "mounts below the volume stay writable"));
    }
  }
  if (!container.volume_devices().empty()) {
    out->push_back(Unsupported(path + ".volumeDevices", "the container gets no block device"));
  }
  if (security.has_se_linux_options()) {
    out->push_back(Unsupported(path + ".securityContext.seLinuxOptions", "it is left out"));
  }
  if (security.proc_mount() == "Unmasked") {
    out->push_back(Unsupported(path + ".securityContext.procMount: Unmasked", "/proc is masked"));
  }
  if (security.app_armor_profile().type() == "Localhost") {
    out->push_back(
        Unsupported(path + ".securityContext.appArmorProfile: Localhost", "it is left out"));
  }
}

}  // namespace

std::vector<std::string> ReferencesOf(const corev1::PodSpec& spec) {
  const std::vector<std::string> volumes = VolumeReferencesOf(spec);
  std::set<std::string> out(volumes.begin(), volumes.end());
  const auto config = [&](const auto& source) {
    out.insert("configmaps/" + source.local_object_reference().name());
  };
  const auto secret = [&](const auto& source) {
    out.insert("secrets/" + source.local_object_reference().name());
  };
  for (const auto* list : {&spec.init_containers(), &spec.containers()}) {
    for (const corev1::Container& container : *list) {
      for (const corev1::EnvFromSource& source : container.env_from()) {
        if (source.has_config_map_ref()) config(source.config_map_ref());
        if (source.has_secret_ref()) secret(source.secret_ref());
      }
      for (const corev1::EnvVar& variable : container.env()) {
        const corev1::EnvVarSource& from = variable.value_from();
        if (from.has_config_map_key_ref()) config(from.config_map_key_ref());
        if (from.has_secret_key_ref()) secret(from.secret_key_ref());
      }
    }
  }
  return {out.begin(), out.end()};
}

std::vector<std::string> UnsupportedFields(const corev1::Pod& pod) {
  std::vector<std::string> out;
  const corev1::PodSpec& spec = pod.spec();
  if (spec.has_host_users() && !spec.host_users()) {
    out.push_back(Unsupported("spec.hostUsers: false", "the pod's users are the machine's"));
  }
  if (!spec.ephemeral_containers().empty()) {
    out.push_back(Unsupported("spec.ephemeralContainers", "they are not started"));
  }
  if (spec.set_hostname_as_fqdn()) {
    out.push_back(Unsupported("spec.setHostnameAsFQDN", "the host name is the short one"));
  }
  for (const corev1::Volume& volume : spec.volumes()) {
    const auto& empty = volume.volume_source().empty_dir();
    if (empty.has_size_limit() && empty.medium().empty()) {
      out.push_back(Unsupported(absl::StrCat("spec.volumes[", volume.name(),
                                             "].emptyDir.sizeLimit without medium Memory"),
                                "the volume may grow as large as the disk"));
    }
  }
  for (const corev1::Container& container : spec.init_containers()) {
    CheckContainer(container, absl::StrCat("spec.initContainers[", container.name(), "]"), &out);
  }
  for (const corev1::Container& container : spec.containers()) {
    CheckContainer(container, absl::StrCat("spec.containers[", container.name(), "]"), &out);
  }
  return out;
}

runtime::PodSpec MakePodSpec(const corev1::Pod& pod, const PodPlaces& places) {
  runtime::PodSpec out;
  out.uid = pod.metadata().uid();
  out.name = pod.metadata().name();
  out.name_space = pod.metadata().namespace_();
  out.hostname = HostnameOf(pod);
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

absl::StatusOr<runtime::ContainerSpec> MakeContainerSpec(const corev1::Pod& pod,
                                                         const corev1::Container& container,
                                                         int attempt, const PodPlaces& places,
                                                         const References& references) {
  runtime::ContainerSpec out;
  out.name = container.name();
  out.attempt = attempt;
  out.image = container.image();
  out.termination_message_path = container.termination_message_path();
  out.tty = container.tty();
  out.stdin = container.stdin();
  out.resources = ResourcesOf(container, pod);
  AddSecurity(pod, container, &out);
  SKIFF_ASSIGN_OR_RETURN(out.env, EnvironmentOf(pod, container, places, references));
  out.working_dir = container.working_dir();
  for (const std::string& word : container.command()) out.command.push_back(Expand(word, out.env));
  for (const std::string& word : container.args()) out.args.push_back(Expand(word, out.env));
  SKIFF_RETURN_IF_ERROR(AddMounts(pod, container, places, references, &out));
  SKIFF_ASSIGN_OR_RETURN(const std::vector<runtime::Mount> files,
                         MakePodFiles(pod, container, places));
  out.mounts.insert(out.mounts.end(), files.begin(), files.end());
  return out;
}

}  // namespace skiff::node
