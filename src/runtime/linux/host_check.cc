#include "runtime/host_check.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/linux/cgroup.h"

namespace skiff::runtime {
namespace {

// Whether a namespace of that kind can be made: tried in a child, which has nothing else to do.
bool CanUnshare(int flag) {
  const pid_t pid = vfork();
  if (pid == 0) _exit(unshare(flag) == 0 ? 0 : 1);
  int status = 1;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool KernelKnows(const char* file, const std::string& word) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (absl::EndsWith(line, word)) return true;
  }
  return false;
}

CheckResult Check(std::string name, bool ok, std::string detail, std::string remedy) {
  return {std::move(name), ok, std::move(detail), ok ? "" : std::move(remedy)};
}

}  // namespace

std::vector<CheckResult> CheckHost() {
  std::vector<CheckResult> out;
  out.push_back(Check("root", geteuid() == 0, absl::StrCat("user ", geteuid()),
                      "run as root: real pods need namespaces, mounts and cgroups"));
  out.push_back(Check("capability SYS_ADMIN", prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1,
                      "to make namespaces and mounts", "give the process CAP_SYS_ADMIN"));
  out.push_back(Check("capability NET_ADMIN", prctl(PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0) == 1,
                      "to give pods addresses", "give the process CAP_NET_ADMIN"));
  static constexpr std::pair<const char*, int> kNamespaces[] = {
      {"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID}, {"network", CLONE_NEWNET},
      {"uts", CLONE_NEWUTS},  {"ipc", CLONE_NEWIPC}, {"cgroup", CLONE_NEWCGROUP}};
  for (const auto& [name, flag] : kNamespaces) {
    out.push_back(Check(absl::StrCat(name, " namespaces"), CanUnshare(flag), "unshare(2)",
                        "use a kernel with them, and a host that allows them"));
  }
  const auto cgroups = Cgroups::Detect();
  if (cgroups.ok()) {
    const auto controllers = cgroups->Controllers();
    out.push_back(Check("cgroups", controllers.size() == 3,
                        absl::StrCat(cgroups->pure_v2() ? "v2" : "hybrid", " with ",
                                     absl::StrJoin(controllers, ", ")),
                        "enable the controllers cpu, memory and pids: without one, its limits do "
                        "not bite"));
  } else {
    out.push_back(Check("cgroups", false, std::string(cgroups.status().message()),
                        "mount a cgroup2 hierarchy"));
  }
  out.push_back(Check("overlayfs", KernelKnows("/proc/filesystems", "overlay"),
                      "/proc/filesystems", "load it: modprobe overlay"));
  out.push_back(Check("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0, "filters",
                      "use a kernel with CONFIG_SECCOMP_FILTER"));
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  out.push_back(Check("open files", files.rlim_cur >= 1024, absl::StrCat(files.rlim_cur),
                      "raise it: ulimit -n 20000"));
  return out;
}

}  // namespace skiff::runtime
