// Containers without an image: a program of this machine under the rules of a pod.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/linux/capabilities.h"
#include "runtime/linux/container_script.h"

namespace skiff::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kNobody = 65534;
constexpr char kPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// Onto paths that exist: what was made would stay behind on the machine. Only /dev can be given to
// a container as its own, with all that the machine's has, for the termination message's sake.
absl::Status AddMounts(const ContainerSpec& container, Script* script) {
  for (size_t i = 0; i < container.mounts.size(); ++i) {
    const Mount& mount = container.mounts[i];
    const bool termination = mount.target == container.termination_message_path;
    if (Exists(mount.target)) {
      // As it is.
    } else if (termination && fs::path(mount.target).parent_path() == "/dev") {
      script->Step({"own-dev"});
    } else {
      return absl::FailedPreconditionError(
          absl::StrCat(termination ? "terminationMessagePath " : "mountPath ", mount.target,
                       " does not exist on this machine, where containers of runtimeClassName "
                       "process run: use a path that does"));
    }
    if (mount.source.empty()) {
      const std::string size = mount.size_bytes > 0 ? absl::StrCat(",size=", mount.size_bytes) : "";
      script->Step({"mount", "tmpfs", mount.target, "tmpfs", absl::StrCat(MS_NOSUID | MS_NODEV),
                    absl::StrCat("mode=1777", size)});
      continue;
    }
    script->Step({"tree", absl::StrCat(i), mount.source, "1"});
    script->Step({"attach", absl::StrCat(i), mount.target, mount.read_only ? "1" : "0", "0"});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Launch> ProcessLaunch(const PodSpec& pod, const ContainerSpec& container,
                                     const ContainerPlace& place) {
  if (container.command.empty() && container.args.empty()) {
    return absl::FailedPreconditionError(
        "no command specified: a container of runtimeClassName process has no image to name one");
  }
  const int64_t uid = container.uid.value_or(kNobody);
  const int64_t gid = container.gid.value_or(container.uid ? uid : kNobody);
  if (container.run_as_non_root && uid == 0) {
    return absl::InvalidArgumentError("container has runAsNonRoot and runAsUser 0");
  }
  // A place of its own to work in.
  const std::string work = place.dir + "/work";
  if ((mkdir(work.c_str(), 0700) != 0 && errno != EEXIST) ||
      chown(work.c_str(), static_cast<uid_t>(uid), static_cast<gid_t>(gid)) != 0) {
    return ErrnoStatus(errno, work);
  }
  Launch launch;
  ChooseNamespaces(pod, &launch);
  Script& script = launch.script;
  script.Step(
      {"trywrite", "/proc/self/oom_score_adj", absl::StrCat(container.resources.oom_score_adj)});
  JoinGroups(place, &script);
  script.Step({"slave"});
  SKIFF_RETURN_IF_ERROR(AddMounts(container, &script));
  // The machine's /proc would show every process of the machine.
  script.Step(
      {"mount", "proc", "/proc", "proc", absl::StrCat(MS_NOSUID | MS_NODEV | MS_NOEXEC), ""});
  Script& program = launch.program;
  program.Step({"cd", container.working_dir.empty() ? work : container.working_dir});
  uint64_t mask = 0;
  if (uid == 0) {
    SKIFF_ASSIGN_OR_RETURN(mask,
                           CapabilityMask(container.add_capabilities, container.drop_capabilities));
  }
  User user;
  user.uid = uid;
  user.gid = gid;
  user.groups = container.supplemental_groups;
  if (uid == 0) program.Step({"nonewprivs"});
  SKIFF_RETURN_IF_ERROR(AddRights(container, user, mask, place.filters, &program));
  std::vector<std::pair<std::string, std::string>> env = {{"PATH", kPath}, {"HOME", work}};
  env.insert(env.end(), container.env.begin(), container.env.end());
  std::vector<std::string> argv = container.command;
  argv.insert(argv.end(), container.args.begin(), container.args.end());
  AddEnvironment(env, &program);
  script.Append(program.bytes());
  AddArguments(argv, &script);
  return launch;
}

}  // namespace skiff::runtime
