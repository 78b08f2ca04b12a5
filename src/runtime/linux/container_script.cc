#include "runtime/linux/container_script.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "runtime/linux/capabilities.h"

namespace skiff::runtime {
namespace {

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr size_t kMountDataLimit = 4095;  // One page, with its zero byte (mount(2)).

// What Kubernetes hides of /proc and /sys, or shows read-only (its procMount Default).
constexpr const char* kMasked[] = {"/proc/acpi",
                                   "/proc/asound",
                                   "/proc/interrupts",
                                   "/proc/kcore",
                                   "/proc/keys",
                                   "/proc/latency_stats",
                                   "/proc/sched_debug",
                                   "/proc/scsi",
                                   "/proc/timer_list",
                                   "/proc/timer_stats",
                                   "/sys/devices/virtual/powercap",
                                   "/sys/firmware"};
constexpr const char* kReadOnly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                     "/proc/sysrq-trigger"};

struct Device {
  const char* path;
  unsigned major;
  unsigned minor;
};
constexpr Device kDevices[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                               {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

std::string Flags(unsigned long flags) { return absl::StrCat(flags); }

absl::Status AddOverlay(const Image& image, const std::string& dir, Script* script) {
  std::vector<std::string> parts = {"/upper", "/work"};
  std::vector<std::string> lowers(image.layer_dirs.rbegin(), image.layer_dirs.rend());
  if (lowers.empty()) {
    parts.push_back("/empty");
    lowers.push_back(dir + "/empty");
  }
  for (const std::string& part : parts) {
    if (mkdir((dir + part).c_str(), 0755) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, dir + part);
    }
  }
  const std::string data = absl::StrCat("lowerdir=", absl::StrJoin(lowers, ":"), ",upperdir=", dir,
                                        "/upper,workdir=", dir, "/work,volatile");
  if (data.size() > kMountDataLimit) {
    return absl::FailedPreconditionError(
        absl::StrCat("the image has ", lowers.size(),
                     " layers, more than one overlay mount can name: squash it, or use a shorter "
                     "data directory"));
  }
  // Over its own directory, which nobody sees so but the container's mount namespace. What the
  // container wrote need not outlive the machine: volatile, for without it each container's end
  // writes out the whole file system below (overlayfs.rst, "Volatile mount").
  script->Step({"mount", "overlay", dir, "overlay", "0", data});
  return absl::OkStatus();
}

void AddKernelFilesystems(const ContainerSpec& container, const ContainerPlace& place,
                          Script* script) {
  const std::string safe = Flags(MS_NOSUID | MS_NODEV | MS_NOEXEC);
  const std::string kernel =
      Flags(MS_NOSUID | MS_NODEV | MS_NOEXEC | (container.privileged ? 0 : MS_RDONLY));
  script->Step({"mount", "proc", "/proc", "proc", safe, ""});
  script->Step({"mount", "sysfs", "/sys", "sysfs", kernel, ""});
  for (const Cgroups::View& view : place.cgroup_views) {
    script->Step({"mount", view.type, view.target, view.type, view.type == "tmpfs" ? safe : kernel,
                  view.data});
  }
  // The tmpfs that holds the mounts of several hierarchies.
  if (place.cgroup_views.size() > 1) {
    script->Step({"remount-ro", place.cgroup_views.front().target});
  }
  script->Step(
      {"mount", "tmpfs", "/dev", "tmpfs", Flags(MS_NOSUID | MS_STRICTATIME), "mode=755,size=64k"});
  for (const Device& device : kDevices) {
    script->Step({"device", device.path, absl::StrCat(makedev(device.major, device.minor))});
  }
  script->Step({"mount", "devpts", "/dev/pts", "devpts", Flags(MS_NOSUID | MS_NOEXEC),
                "newinstance,ptmxmode=0666,mode=0620,gid=5"});
  script->Step({"mount", "shm", "/dev/shm", "tmpfs", safe, "mode=1777,size=64m"});
  script->Step({"mount", "mqueue", "/dev/mqueue", "mqueue", safe, ""});
  script->Step({"symlink", "pts/ptmx", "/dev/ptmx"});
  script->Step({"symlink", "/proc/self/fd", "/dev/fd"});
  script->Step({"symlink", "/proc/self/fd/0", "/dev/stdin"});
  script->Step({"symlink", "/proc/self/fd/1", "/dev/stdout"});
  script->Step({"symlink", "/proc/self/fd/2", "/dev/stderr"});
}

// Trees are picked up before the root changes, while the host's names can still be seen.
void PickUpMounts(const ContainerSpec& container, Script* script) {
  for (size_t i = 0; i < container.mounts.size(); ++i) {
    const Mount& mount = container.mounts[i];
    if (!mount.source.empty()) script->Step({"tree", absl::StrCat(i), mount.source, "1"});
  }
}

void PutDownMounts(const ContainerSpec& container, Script* script) {
  for (size_t i = 0; i < container.mounts.size(); ++i) {
    const Mount& mount = container.mounts[i];
    if (mount.source.empty()) {
      const std::string size = mount.size_bytes > 0 ? absl::StrCat(",size=", mount.size_bytes) : "";
      script->Step({"mount", "tmpfs", mount.target, "tmpfs", Flags(MS_NOSUID | MS_NODEV),
                    absl::StrCat("mode=1777", size)});
    } else {
      script->Step({"attach", absl::StrCat(i), mount.target, mount.read_only ? "1" : "0",
                    mount.propagate_from_host ? "1" : "0"});
    }
  }
}

void AddUser(const User& user, Script* script) {
  std::vector<std::string> words = {"user", absl::StrCat(user.uid), absl::StrCat(user.gid)};
  for (const int64_t group : user.groups) words.push_back(absl::StrCat(group));
  script->Step(words);
}

std::vector<std::string> Argv(const ContainerSpec& container, const Image& image) {
  // command replaces entrypoint and cmd; args alone replace cmd (Kubernetes, "Define a command").
  std::vector<std::string> argv = container.command.empty() ? image.entrypoint : container.command;
  const std::vector<std::string>* rest = &container.args;
  if (rest->empty() && container.command.empty()) rest = &image.cmd;
  argv.insert(argv.end(), rest->begin(), rest->end());
  return argv;
}

std::vector<std::pair<std::string, std::string>> Environment(const PodSpec& pod,
                                                             const ContainerSpec& container,
                                                             const Image& image) {
  std::vector<std::pair<std::string, std::string>> env = {{"PATH", kDefaultPath},
                                                          {"HOSTNAME", pod.hostname}};
  const auto put = [&](const std::pair<std::string, std::string>& variable) {
    for (auto& existing : env) {
      if (existing.first == variable.first) {
        existing.second = variable.second;
        return;
      }
    }
    env.push_back(variable);
  };
  for (const auto& variable : image.env) put(variable);
  for (const auto& variable : container.env) put(variable);
  return env;
}

}  // namespace

void JoinGroups(const ContainerPlace& place, Script* script) {
  script->Step({"join", place.group});
  for (const std::string& file : place.v1_tasks) script->Step({"write", file, "0"});
}

void ChooseNamespaces(const PodSpec& pod, Launch* launch) {
  launch->pids = pod.host_pid                  ? Pids::kHosts
                 : pod.share_process_namespace ? Pids::kPods
                                               : Pids::kOwn;
  launch->namespaces = CLONE_NEWNS | (launch->pids == Pids::kOwn ? CLONE_NEWPID : 0);
}

// In this order: the filter while it may still be installed without no_new_privs, then the bounding
// set, the user, and what capabilities are left.
absl::Status AddRights(const ContainerSpec& container, const User& user, uint64_t mask,
                       SeccompFilters* filters, Script* script) {
  if (!container.seccomp_profile.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "seccompProfile.localhostProfile \"", container.seccomp_profile,
        "\": profiles from files of the node are not supported: use type RuntimeDefault, or "
        "Unconfined"));
  }
  if (!container.allow_privilege_escalation || user.uid != 0) script->Step({"nonewprivs"});
  if (!container.seccomp_unconfined && !container.privileged) {
    SKIFF_ASSIGN_OR_RETURN(const auto filter, filters->For(mask));
    script->Step({"seccomp", *filter});
  }
  script->Step({"bounding", absl::StrCat(mask)});
  AddUser(user, script);
  // An ordinary user has none in effect; what a set-user-ID program may gain is the bounding set's.
  script->Step({"caps", absl::StrCat(user.uid == 0 ? mask : 0)});
  script->Step({"deathsig"});
  return absl::OkStatus();
}

void AddEnvironment(const std::vector<std::pair<std::string, std::string>>& env, Script* script) {
  for (const auto& [name, value] : env) script->Step({"env", absl::StrCat(name, "=", value)});
}

void AddArguments(const std::vector<std::string>& argv, Script* script) {
  for (const std::string& word : argv) script->Step({"arg", word});
  script->Step({"exec"});
}

absl::StatusOr<Launch> LinuxLaunch(const PodSpec& pod, const ContainerSpec& container,
                                   const ContainerPlace& place, const ImageStore& images) {
  SKIFF_ASSIGN_OR_RETURN(const Image image, images.Find(container.image));
  SKIFF_ASSIGN_OR_RETURN(const User user, ResolveUser(container, image));
  Launch launch;
  launch.image_id = image.id;
  ChooseNamespaces(pod, &launch);
  Script& script = launch.script;
  script.Step(
      {"trywrite", "/proc/self/oom_score_adj", absl::StrCat(container.resources.oom_score_adj)});
  JoinGroups(place, &script);
  script.Step({"unshare", absl::StrCat(CLONE_NEWCGROUP)});
  script.Step({"slave"});
  PickUpMounts(container, &script);
  SKIFF_RETURN_IF_ERROR(AddOverlay(image, place.dir, &script));
  script.Step({"pivot", place.dir});
  AddKernelFilesystems(container, place, &script);
  PutDownMounts(container, &script);
  for (const auto& [name, value] : pod.sysctls) {
    std::string path = absl::StrCat("/proc/sys/", name);
    std::replace(path.begin() + 10, path.end(), '.', '/');
    script.Step({"write", path, value});
  }
  if (!container.privileged) {
    for (const char* path : kMasked) script.Step({"mask", path});
    for (const char* path : kReadOnly) script.Step({"readonly", path});
  }
  const std::string cwd = !container.working_dir.empty() ? container.working_dir
                          : !image.working_dir.empty()   ? image.working_dir
                                                         : "/";
  script.Step({"cwd", cwd});
  if (container.read_only_root) script.Step({"remount-ro", "/"});
  launch.program.Step({"cwd", cwd});
  uint64_t mask = BoundingSet();
  if (!container.privileged) {
    SKIFF_ASSIGN_OR_RETURN(mask,
                           CapabilityMask(container.add_capabilities, container.drop_capabilities));
  }
  SKIFF_RETURN_IF_ERROR(AddRights(container, user, mask, place.filters, &launch.program));
  AddEnvironment(Environment(pod, container, image), &launch.program);
  script.Append(launch.program.bytes());
  AddArguments(Argv(container, image), &script);
  return launch;
}

}  // namespace skiff::runtime
