#include "runtime/host_check.h"

#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/linux/cgroup.h"
#include "runtime/linux/devices.h"

namespace skiff::runtime {
namespace {

// What `attempt` returns, in a child that has namespaces of its own to try it in: nothing of it
// stays. It shares our memory, so it makes system calls and nothing else.
bool TryApart(int namespaces, bool (*attempt)()) {
  const pid_t pid = vfork();
  if (pid == 0) _exit(unshare(namespaces) == 0 && attempt() ? 0 : 1);
  int status = 1;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Whether this process may use the capability now (capabilities(7), the effective set).
bool HasCapability(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

template <int flag>
bool CanUnshare() {
  return TryApart(flag, [] { return true; });
}

bool MountOverlay() {
  return mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) == 0 &&
         mount("tmpfs", "/tmp", "tmpfs", 0, "size=1m") == 0 && mkdir("/tmp/lower", 0755) == 0 &&
         mkdir("/tmp/upper", 0755) == 0 && mkdir("/tmp/work", 0755) == 0 &&
         mkdir("/tmp/root", 0755) == 0 &&
         mount("overlay", "/tmp/root", "overlay", 0,
               "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work") == 0;
}

// Asks for a link of a kind, as rtnetlink(7) says.
bool MakeLink(const char* kind) {
  struct {
    nlmsghdr header;
    ifinfomsg info;
    char attributes[64];
  } request;
  std::memset(&request, 0, sizeof request);
  auto* outer = reinterpret_cast<rtattr*>(request.attributes);
  auto* inner = static_cast<rtattr*>(RTA_DATA(outer));
  inner->rta_type = IFLA_INFO_KIND;
  inner->rta_len = static_cast<uint16_t>(RTA_LENGTH(std::strlen(kind)));
  std::memcpy(RTA_DATA(inner), kind, std::strlen(kind));
  outer->rta_type = IFLA_LINKINFO;
  outer->rta_len = static_cast<uint16_t>(RTA_LENGTH(RTA_ALIGN(inner->rta_len)));
  request.header.nlmsg_len =
      static_cast<uint32_t>(NLMSG_LENGTH(sizeof request.info) + RTA_ALIGN(outer->rta_len));
  request.header.nlmsg_type = RTM_NEWLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0 || send(fd, &request, request.header.nlmsg_len, 0) < 0) return false;
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[256];
  } answer;
  const ssize_t n = recv(fd, &answer, sizeof answer, 0);
  return n >= static_cast<ssize_t>(NLMSG_LENGTH(sizeof answer.error)) &&
         answer.header.nlmsg_type == NLMSG_ERROR && answer.error.error == 0;
}

int64_t NumberIn(const char* file) {
  std::ifstream in(file);
  int64_t value = 0;
  in >> value;
  return value;
}

CheckResult Check(std::string name, bool ok, std::string detail, std::string remedy) {
  return {std::move(name), ok, std::move(detail), ok ? "" : std::move(remedy)};
}

// A check that only who may make namespaces can try: others learn nothing of the kernel from it.
CheckResult Try(std::string name, bool (*attempt)(), std::string detail, std::string remedy) {
  if (!HasCapability(CAP_SYS_ADMIN)) {
    return Check(std::move(name), false, "cannot be tried without CAP_SYS_ADMIN",
                 "run as root, and check again");
  }
  const bool ok = attempt();
  return Check(std::move(name), ok, std::move(detail), std::move(remedy));
}

}  // namespace

std::vector<CheckResult> CheckHost() {
  std::vector<CheckResult> out;
  out.push_back(Check("root", geteuid() == 0, absl::StrCat("user ", geteuid()),
                      "run as root: real pods need namespaces, mounts and cgroups"));
  out.push_back(Check("capability SYS_ADMIN", HasCapability(CAP_SYS_ADMIN),
                      "to make namespaces and mounts", "give the process CAP_SYS_ADMIN"));
  out.push_back(Check("capability NET_ADMIN", HasCapability(CAP_NET_ADMIN),
                      "to give pods addresses", "give the process CAP_NET_ADMIN"));
  static constexpr std::pair<const char*, bool (*)()> kNamespaces[] = {
      {"mount", CanUnshare<CLONE_NEWNS>},    {"pid", CanUnshare<CLONE_NEWPID>},
      {"network", CanUnshare<CLONE_NEWNET>}, {"uts", CanUnshare<CLONE_NEWUTS>},
      {"ipc", CanUnshare<CLONE_NEWIPC>},     {"cgroup", CanUnshare<CLONE_NEWCGROUP>}};
  for (const auto& [name, attempt] : kNamespaces) {
    out.push_back(Try(absl::StrCat(name, " namespaces"), attempt, "unshare(2)",
                      "use a kernel with them, and a host that allows them"));
  }
  const auto cgroups = Cgroups::Detect();
  if (cgroups.ok()) {
    const auto controllers = cgroups->Controllers();
    const bool stuck = cgroups->pure_v2() && cgroups->RootIsInhabited();
    out.push_back(Check("cgroups", controllers.size() == 3 && !stuck,
                        absl::StrCat(cgroups->pure_v2() ? "v2" : "hybrid", " with ",
                                     absl::StrJoin(controllers, ", ")),
                        stuck ? "move the processes of the topmost group into one below it: with "
                                "them there, limits do not bite"
                              : "enable the controllers cpu, memory and pids: without one, its "
                                "limits do not bite"));
  } else {
    out.push_back(Check("cgroups", false, std::string(cgroups.status().message()),
                        "mount a cgroup2 hierarchy"));
  }
  out.push_back(Try(
      "overlayfs", [] { return TryApart(CLONE_NEWNS, MountOverlay); },
      "a mount in a namespace apart", "load it (modprobe overlay), and allow mounts"));
  out.push_back(Try(
      "device filter", [] { return DeviceFilter::Load().ok(); }, "a program for a cgroup",
      "use a kernel with CONFIG_CGROUP_BPF: without it, root in a container may open any device"));
  out.push_back(Try(
      "veth", [] { return TryApart(CLONE_NEWNET, [] { return MakeLink("veth"); }); },
      "a link in a namespace apart", "load it: modprobe veth"));
  out.push_back(Try(
      "bridge", [] { return TryApart(CLONE_NEWNET, [] { return MakeLink("bridge"); }); },
      "a link in a namespace apart", "load it: modprobe bridge"));
  out.push_back(Check("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0, "filters",
                      "use a kernel with CONFIG_SECCOMP_FILTER"));
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  out.push_back(Check("open files", files.rlim_cur >= 1024, absl::StrCat(files.rlim_cur),
                      "raise it: ulimit -n 20000"));
  const int64_t pids = NumberIn("/proc/sys/kernel/pid_max");
  out.push_back(Check("process numbers", pids >= 4096, absl::StrCat("pid_max ", pids),
                      "raise it: sysctl kernel.pid_max=32768"));
  return out;
}

}  // namespace skiff::runtime
