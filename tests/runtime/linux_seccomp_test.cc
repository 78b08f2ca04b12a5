// Which system calls a container may make: asked of the kernel, in containers.
#include <linux/capability.h>

#include <set>

#include "absl/strings/str_replace.h"
#include "runtime/linux/capabilities.h"
#include "runtime/linux/seccomp.h"
#include "runtime/linux/seccomp_table.h"
#include "tests/runtime/pod_fixture.h"

namespace skiff::runtime {
namespace {

// Makes each call that is named on standard input, "NAME NUMBER ARGUMENT…", and says which errno it
// got.
constexpr char kCaller[] = R"(
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for line in sys.argv[1].split(';'):
    name, *words = line.split()
    numbers = [int(word, 0) for word in words]
    ctypes.set_errno(0)
    pid = os.fork()
    if pid == 0:
        result = libc.syscall(*[ctypes.c_ulong(n) for n in numbers])
        print(name, 'ok' if result >= 0 else errno.errorcode.get(ctypes.get_errno()), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
)";

bool HasPython() {
#if defined(__x86_64__)
  if (access("/usr/bin/python3", X_OK) == 0) return true;
  WARN("SKIPPED: needs /usr/bin/python3");
#else
  WARN("SKIPPED: the numbers of the calls are those of x86-64");
#endif
  return false;
}

// A container with this machine's python.
ContainerSpec Python(const std::string& name, const std::vector<std::string>& words) {
  ContainerSpec spec = Machine::Shell("", name);
  spec.command = {"/usr/bin/python3"};
  spec.args = words;
  for (const char* dir : {"/usr", "/lib", "/lib64"}) {
    if (access(dir, F_OK) == 0) spec.mounts.push_back({dir, dir, true});
  }
  return spec;
}

TEST_CASE("CallsBeyondAContainerAreRefused") {
  if (!IsRoot() || !HasPython()) return;
  Machine machine;
  const std::vector<std::string> refused = {
      "unshare-user 272 0x10000000",
      "unshare-mount 272 0x20000",
      "clone-user 56 0x10000011 0 0 0 0",
      "mount 165 0 0 0 0 0",
      "umount 166 0 0",
      "pivot_root 155 0 0",
      "setns 308 0 0",
      "bpf 321 0 0 0",
      "perf_event_open 298 0 0 0 0 0",
      "keyctl 250 0 0 0",
      "add_key 248 0 0 0 0 0",
      "request_key 249 0 0 0 0",
      "io_uring_setup 425 1 0",
      "userfaultfd 323 0",
      "kexec_load 246 0 0 0 0",
      "init_module 175 0 0 0",
      "reboot 169 0 0 0",
      "open_by_handle_at 304 0 0 0",
      "fanotify_init 300 0 0",
      "settimeofday 164 0 0",
      "swapon 167 0 0",
      "acct 163 0",
      "iopl 172 3",
      "syslog 103 10 0 0",
      "mbind 237 0 0 0 0 0 0",
      "vhangup 153",
      "kcmp 312 1 1 0 0 0",
      "personality-no-aslr 135 0x40000",
      "vsock 41 40 1 0",
      "vsock-in-64-bits 41 0x100000028 1 0",
      "statmount 457 0 0 0 0",
      "open_tree_attr 467 0 0 0 0 0",
      "uselib 134 0",
      "x32-getpid 0x40000027",
  };
  machine.Run(Python("main", {"-c", kCaller, absl::StrJoin(refused, ";")}));
  const std::string log = machine.Log();
  INFO(log);
  for (const std::string& call : refused) {
    const std::string name = call.substr(0, call.find(' '));
    CHECK(absl::StrContains(absl::StrCat("\n", log), absl::StrCat("\n", name, " EPERM\n")));
  }
}

TEST_CASE("UnknownCallsDoNotExist") {
  if (!IsRoot() || !HasPython()) return;
  Machine machine;
  machine.Run(Python("main", {"-c", kCaller, "clone3 435 0 0;newer 470;far 9999"}));
  CHECK(machine.Log() == "clone3 ENOSYS\nnewer ENOSYS\nfar ENOSYS\n");
}

TEST_CASE("CallsOfOrdinaryProgramsGoThrough") {
  if (!IsRoot() || !HasPython()) return;
  Machine machine;
  const std::vector<std::string> allowed = {
      "getpid 39",
      "memfd_create 319 0 0",
      "futex_waitv 449 0 0 0 0 0",
      "fchmodat2 452 -1 0 0 0",
      "mseal 462 0 0 0",
      "openat2 437 -100 0 0 0",
      "close_range 436 100 200 0",
      "pidfd_open 434 1 0",
      "ptrace 101 0 0 0 0",
      "rseq 334 0 0 0 0",
      "membarrier 324 0 0 0",
      "landlock_create_ruleset 444 0 0 1",
      "name_to_handle_at 303 -100 0 0 0 0",
      "personality 135 0xffffffff",
      "chroot 161 0",
      "unix 41 1 1 0",
      "inet 41 2 1 0",
      "xdp 41 44 3 0",
      "eventfd2 290 0 0",
      "mlock 149 0 0",
      "sched_setaffinity 203 0 0 0",
      "clock_adjtime 305 0 0",
  };
  machine.Run(Python("main", {"-c", kCaller, absl::StrJoin(allowed, ";")}));
  const std::string log = machine.Log();
  INFO(log);
  for (const std::string& call : allowed) {
    const std::string name = call.substr(0, call.find(' '));
    CHECK(absl::StrContains(absl::StrCat("\n", log), absl::StrCat("\n", name, " ")));
    CHECK_FALSE(absl::StrContains(absl::StrCat("\n", log), absl::StrCat("\n", name, " EPERM\n")));
  }
}

TEST_CASE("CapabilityOpensItsCalls") {
  if (!IsRoot() || !HasPython()) return;
  Machine machine;
  const std::string calls =
      "mount 165 0 0 0 0 0;unshare 272 0x20000;syslog 103 10 0 0;mbind 237 0 0 0 0 0 0;"
      "kcmp 312 1 1 99 0 0;keyctl 250 0 0 0";
  ContainerSpec spec = Python("admin", {"-c", kCaller, calls});
  spec.add_capabilities = {"SYS_ADMIN", "SYS_NICE", "SYSLOG"};
  machine.Run(spec);
  const std::string admin = machine.Log("admin");
  INFO(admin);
  CHECK(absl::StartsWith(admin, "mount EFAULT\nunshare ok\nsyslog ok\nmbind "));
  CHECK_FALSE(absl::StrContains(admin, "mbind EPERM"));  // A kernel without NUMA has none.
  CHECK(absl::EndsWith(admin, "kcmp EPERM\nkeyctl EPERM\n"));
  spec.name = "tracer";
  spec.add_capabilities = {"SYS_PTRACE"};
  machine.Run(spec);
  CHECK(absl::StrContains(machine.Log("tracer"), "mount EPERM\n"));
  CHECK_FALSE(absl::StrContains(machine.Log("tracer"), "kcmp EPERM\n"));
  spec.name = "open";
  spec.add_capabilities = {};
  spec.seccomp_unconfined = true;
  spec.args.back() = "userfaultfd 323 0xffff;io_uring_setup 425 1 0";
  machine.Run(spec);
  CHECK_FALSE(absl::StrContains(machine.Log("open"), "EPERM"));
}

TEST_CASE("OrdinaryProgramsRunUnderTheFilter") {
  if (!IsRoot() || !HasPython()) return;
  Machine machine;
  machine.Run(
      Machine::Shell("set -e; (echo sub | cat) && ls -l / > /dev/null && mkdir -p /tmp/a/b && "
                     "cp /bin/busybox /tmp/a/b && chmod 700 /tmp/a && id && ps > /dev/null && "
                     "ip addr > /dev/null && sleep 0.01 & wait; echo done",
                     "shell"));
  CHECK(absl::EndsWith(machine.Log("shell"), "done\n"));
  constexpr char kProgram[] = R"(
import asyncio, concurrent.futures, mmap, multiprocessing, os, select, signal, socket, sqlite3
import ssl, subprocess, tempfile, threading, time
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda n: n * n, range(100))))
print(subprocess.run(['/bin/echo', 'child'], capture_output=True, text=True).stdout.strip())
with multiprocessing.get_context('fork').Pool(2) as pool:
    print(sum(pool.map(abs, range(10))))
async def main():
    server = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print(await reader.read())
asyncio.run(main())
with tempfile.TemporaryFile(dir='/tmp') as file:
    file.truncate(4096)
    mmap.mmap(file.fileno(), 4096).close()
print(sqlite3.connect('/tmp/x.db').execute('select 41 + 1').fetchone()[0])
)";
  const ContainerState state = machine.Run(Python("python", {"-c", kProgram}));
  INFO(machine.Log("python"));
  CHECK(state.exit_code == 0);
  CHECK(machine.Log("python") == "328350\nchild\n45\nb''\n42\n");
}

TEST_CASE("ProfileOfTheNodesFilesIsNamedAsUnsupported") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  ContainerSpec spec = Machine::Shell("true");
  spec.seccomp_profile = "profiles/audit.json";
  const auto state = machine.runtime().StartContainer("pod-1", spec);
  CHECK(absl::IsInvalidArgument(state.status()));
  CHECK(absl::StrContains(state.status().message(),
                          "seccompProfile.localhostProfile \"profiles/audit.json\""));
}

TEST_CASE("FilterIsBuiltOncePerSetOfRelevantCapabilities") {
  SeccompFilters filters;
  const uint64_t usual = *CapabilityMask({}, {});
  const auto first = filters.For(usual);
  REQUIRE(first.ok());
  CHECK(filters.For(usual)->get() == first->get());
  // CHOWN opens no call.
  CHECK(filters.For(usual & ~(uint64_t{1} << CAP_CHOWN))->get() == first->get());
  CHECK(**filters.For(usual | uint64_t{1} << CAP_SYS_ADMIN) != **first);
  CHECK((*first)->size() % 8 == 0);
  CHECK((*first)->size() / 8 < 4096);
}

TEST_CASE("NoCallIsNamedTwiceForTheSameContainers") {
  std::set<std::string> seen;
  for (const SyscallGroup& group : kSyscallGroups) {
    for (const absl::string_view name : absl::StrSplit(group.names, ' ')) {
      CHECK(!name.empty());
      INFO(name);
      CHECK(seen.insert(absl::StrCat(group.capability, " ", name)).second);
      if (group.capability != kAnyContainer) {
        CHECK_FALSE(seen.contains(absl::StrCat(kAnyContainer, " ", name)));
      }
    }
  }
}

}  // namespace
}  // namespace skiff::runtime
