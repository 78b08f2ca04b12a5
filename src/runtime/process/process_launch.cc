// Containers without an image: a program of this machine under the rules of a pod.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/linux/capabilities.h"
#include "runtime/linux/container_script.h"

namespace skiff::runtime {
namespace {

constexpr int64_t kNobody = 65534;
constexpr char kPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    return absl::FailedPreconditionError("container has runAsNonRoot and runAsUser 0");
  }
  // A place of its own to work in.
  const std::string work = place.dir + "/work";
  if ((mkdir(work.c_str(), 0700) != 0 && errno != EEXIST) ||
      chown(work.c_str(), static_cast<uid_t>(uid), static_cast<gid_t>(gid)) != 0) {
    return ErrnoStatus(errno, work);
  }
  Launch launch;
  launch.namespaces = CLONE_NEWNS | (pod.host_pid ? 0 : CLONE_NEWPID);
  Script& script = launch.script;
  script.Step(
      {"trywrite", "/proc/self/oom_score_adj", absl::StrCat(container.resources.oom_score_adj)});
  for (const std::string& file : place.procs_files) script.Step({"write", file, "0"});
  script.Step({"slave"});
  for (size_t i = 0; i < container.mounts.size(); ++i) {
    const Mount& mount = container.mounts[i];
    if (access(mount.target.c_str(), F_OK) != 0) {
      // Made, it would stay behind on the machine.
      return absl::FailedPreconditionError(absl::StrCat(
          "mountPath ", mount.target, " does not exist on this machine, where containers of ",
          "runtimeClassName process run: mount onto a path that does"));
    }
    if (mount.source.empty()) {
      const std::string size = mount.size_bytes > 0 ? absl::StrCat(",size=", mount.size_bytes) : "";
      script.Step({"mount", "tmpfs", mount.target, "tmpfs", absl::StrCat(MS_NOSUID | MS_NODEV),
                   absl::StrCat("mode=1777", size)});
      continue;
    }
    script.Step({"tree", absl::StrCat(i), mount.source, "1"});
    script.Step({"attach", absl::StrCat(i), mount.target, mount.read_only ? "1" : "0", "0"});
  }
  // The machine's /proc would show every process of the machine.
  script.Step(
      {"mount", "proc", "/proc", "proc", absl::StrCat(MS_NOSUID | MS_NODEV | MS_NOEXEC), ""});
  Script& program = launch.program;
  program.Step({"cwd", container.working_dir.empty() ? work : container.working_dir});
  uint64_t mask = 0;
  if (uid == 0) {
    SKIFF_ASSIGN_OR_RETURN(mask,
                           CapabilityMask(container.add_capabilities, container.drop_capabilities));
  }
  program.Step({"nonewprivs"});
  program.Step({"bounding", absl::StrCat(mask)});
  std::vector<std::string> user = {"user", absl::StrCat(uid), absl::StrCat(gid)};
  for (const int64_t group : container.supplemental_groups) user.push_back(absl::StrCat(group));
  program.Step(user);
  program.Step({"caps", absl::StrCat(mask)});
  program.Step({"deathsig"});
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
