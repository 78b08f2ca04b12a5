// What the walls of a container hold back: capabilities, system calls, devices, users, limits.
#include <fcntl.h>
#include <sys/stat.h>

#include "absl/strings/numbers.h"
#include "tests/runtime/pod_fixture.h"

namespace skiff::runtime {
namespace {

std::string Field(const std::string& status, const std::string& name) {
  for (const absl::string_view line : absl::StrSplit(status, '\n')) {
    if (absl::StartsWith(line, name + ":")) {
      return std::string(absl::StripAsciiWhitespace(line.substr(name.size() + 1)));
    }
  }
  return "";
}

std::string CgroupFile(const Machine& machine, const std::string& leaf, const std::string& v1,
                       const std::string& v2) {
  const std::string group = absl::StrCat("skiff/", machine.instance(), "/pod-1/", leaf);
  const std::string name = v1.substr(0, v1.find('.'));
  for (const std::string& path : {absl::StrCat("/sys/fs/cgroup/", name, "/", group, "/", v1),
                                  absl::StrCat("/sys/fs/cgroup/", group, "/", v2),
                                  absl::StrCat("/sys/fs/cgroup/unified/", group, "/", v2)}) {
    if (access(path.c_str(), F_OK) == 0) return ReadText(path);
  }
  return "missing";
}

TEST_CASE("RootHasTheUsualCapabilitiesOnly") {
  if (!IsRoot()) return;
  Machine machine;
  machine.Run(Machine::Shell("cat /proc/self/status"));
  const std::string status = machine.Log();
  CHECK(Field(status, "CapEff") == "00000000a80425fb");
  CHECK(Field(status, "CapPrm") == "00000000a80425fb");
  CHECK(Field(status, "CapBnd") == "00000000a80425fb");
  CHECK(Field(status, "CapInh") == "0000000000000000");
  CHECK(Field(status, "CapAmb") == "0000000000000000");
  CHECK(Field(status, "Seccomp") == "2");
  CHECK(Field(status, "NoNewPrivs") == "0");
  CHECK(Field(status, "Groups") == "0");
}

TEST_CASE("CapabilitiesAreAddedAndDropped") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell("cat /proc/self/status");
  spec.drop_capabilities = {"ALL"};
  spec.add_capabilities = {"NET_BIND_SERVICE"};
  spec.allow_privilege_escalation = false;
  machine.Run(spec);
  CHECK(Field(machine.Log(), "CapEff") == "0000000000000400");
  CHECK(Field(machine.Log(), "NoNewPrivs") == "1");
}

TEST_CASE("OrdinaryUserHasNoCapabilities") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell("cat /proc/self/status");
  spec.uid = 1000;
  spec.gid = 1001;
  spec.supplemental_groups = {2000, 3000};
  machine.Run(spec);
  CHECK(Field(machine.Log(), "CapEff") == "0000000000000000");
  CHECK(Field(machine.Log(), "NoNewPrivs") == "1");
  CHECK(Field(machine.Log(), "Uid") == "1000\t1000\t1000\t1000");
  CHECK(Field(machine.Log(), "Groups") == "1001 2000 3000");
}

TEST_CASE("OrdinaryUserOpensItsStandardStreamsByName") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell("echo one > /dev/stdout; echo two > /dev/stderr; sleep 1000");
  spec.uid = 1000;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  machine.Start(spec);
  for (int i = 0; i < 500 && machine.Log().size() < 8; ++i) poll(nullptr, 0, 10);
  CHECK(absl::StrContains(machine.RawLog(), "stdout F one\n"));
  CHECK(absl::StrContains(machine.RawLog(), "stderr F two\n"));
  const auto ran = machine.runtime().Exec("pod-1", "main", {"sh", "-c", "echo x > /dev/stdout"},
                                          absl::Seconds(20));
  REQUIRE(ran.ok());
  CHECK(ran->output == "x\n");
}

TEST_CASE("ImageNamesItsUser") {
  if (!IsRoot()) return;
  Machine machine;
  machine.AddImage("web:v1", BusyboxFiles(), R"("User":"web")");
  ContainerSpec spec = Machine::Shell("id -u; id -g; cat /proc/self/status");
  spec.image = "web:v1";
  machine.Run(spec);
  CHECK(absl::StartsWith(machine.Log(), "1234\n77\n"));
  // The groups that the image's /etc/group puts the user into.
  CHECK(Field(machine.Log(), "Groups") == "77 99");
  machine.AddImage("web:v2", BusyboxFiles(), R"("User":"1234:99")");
  spec.image = "web:v2";
  spec.name = "numbers";
  spec.run_as_non_root = true;
  machine.Run(spec);
  CHECK(absl::StartsWith(machine.Log("numbers"), "1234\n99\n"));
}

TEST_CASE("SystemCallsThatAdministerAreRefused") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell(
      "unshare -m true || echo no-unshare; mount -t tmpfs x /tmp || echo no-mount; "
      "hostname other || echo no-hostname; umount /proc || echo no-umount");
  machine.Run(spec);
  CHECK(absl::StrContains(machine.Log(), "Operation not permitted"));
  for (const char* refused : {"no-unshare", "no-mount", "no-hostname", "no-umount"}) {
    CHECK(absl::StrContains(machine.Log(), refused));
  }
  // With the capability they are the container's business.
  spec.name = "admin";
  spec.add_capabilities = {"SYS_ADMIN"};
  machine.Run(spec);
  CHECK_FALSE(absl::StrContains(machine.Log("admin"), "no-mount"));
}

TEST_CASE("DevicesOfTheMachineAreOutOfReach") {
  if (!IsRoot()) return;
  Machine machine;
  // Nodes can be made with the MKNOD that containers have by default, and opened only if harmless.
  const std::string script =
      "mknod /tmp/kmsg c 1 11 && echo made; "
      "( : </tmp/kmsg ) && echo opened-kmsg; "
      "mknod /tmp/null c 1 3; head -c 1 /dev/zero > /tmp/null && echo wrote-null; "
      "( : 0<>/dev/ptmx ) && echo ptmx; echo x > /dev/null && echo null";
  machine.Run(Machine::Shell(script));
  const std::string log = machine.Log();
  INFO(log);
  CHECK(absl::StrContains(log, "made\n"));
  CHECK_FALSE(absl::StrContains(log, "opened-kmsg"));
  CHECK(absl::StrContains(log, "wrote-null\n"));
  CHECK(absl::StrContains(log, "ptmx\nnull\n"));
  ContainerSpec spec = Machine::Shell(script, "trusted");
  spec.privileged = true;
  machine.Run(spec);
  CHECK(absl::StrContains(machine.Log("trusted"), "opened-kmsg"));
}

TEST_CASE("MemoryLimitKillsAndSaysSo") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell("tail /dev/zero");
  spec.command = {"tail", "/dev/zero"};
  spec.resources.memory_bytes = 16 << 20;
  const ContainerState state = machine.Run(spec);
  CHECK(state.oom_killed);
  CHECK(state.reason == "OOMKilled");
  CHECK(state.exit_code == 137);
}

TEST_CASE("OomKillTakesAllOfTheContainer") {
  if (!IsRoot()) return;
  Machine machine;
  const auto cgroups = Cgroups::Detect();
  REQUIRE(cgroups.ok());
  if (!cgroups->pure_v2()) {
    WARN("SKIPPED: only a v2 memory controller kills a group as a whole");
    return;
  }
  ContainerSpec spec = Machine::Shell("sleep 1000 & tail /dev/zero; echo survived; sleep 1000");
  spec.resources.memory_bytes = 16 << 20;
  const ContainerState state = machine.Run(spec);
  CHECK(state.exit_code == 137);
  CHECK(state.reason == "OOMKilled");
  CHECK(machine.Log() == "");
}

TEST_CASE("PodShortOfMemoryLosesAContainerNotItsHead") {
  if (!IsRoot()) return;
  Machine machine;
  PodSpec pod = machine.Pod();
  pod.resources.memory_bytes = 24 << 20;
  REQUIRE(machine.runtime().StartPod(pod).ok());
  machine.Start(Machine::Shell("exec sleep 1000", "small"));
  ContainerSpec spec = Machine::Shell("");
  spec.command = {"tail", "/dev/zero"};
  machine.Start(spec);
  const ContainerState state = machine.AwaitEnd();
  CHECK(state.reason == "OOMKilled");
  CHECK(machine.runtime().State("pod-1")->alive);
  CHECK(machine.Get("small").phase == ContainerPhase::kRunning);
}

TEST_CASE("ContainerSeesItsOwnLimitsAndCannotChangeThem") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell(
      "cd /sys/fs/cgroup; cat memory.max memory/memory.limit_in_bytes 2>/dev/null; "
      "cat pids.max pids/pids.max 2>/dev/null; cat cgroup.procs memory/cgroup.procs 2>/dev/null; "
      "echo 1 > memory.max || echo 1 > memory/memory.limit_in_bytes || echo kept; "
      "mkdir mine memory/mine unified/mine || echo none; cat /proc/self/cgroup");
  spec.resources.memory_bytes = 64 << 20;
  spec.resources.pids = 50;
  machine.Run(spec);
  INFO(machine.Log());
  CHECK(absl::StartsWith(machine.Log(), absl::StrCat(64 << 20, "\n50\n1\n")));
  CHECK(absl::StrContains(machine.Log(), "kept\n"));
  CHECK(absl::StrContains(machine.Log(), "none\n"));
  // Its own groups are the roots of what it sees.
  CHECK(absl::StrContains(machine.Log(), "0::/\n"));
  CHECK_FALSE(absl::StrContains(machine.Log(), machine.instance()));
}

TEST_CASE("RootWithProcessesOfItsOwnLosesLimitsNotPods") {
  if (!IsRoot()) return;
  const auto cgroups = Cgroups::Detect();
  REQUIRE(cgroups.ok());
  if (!cgroups->pure_v2() || !cgroups->RootIsInhabited()) {
    WARN("SKIPPED: the root of this machine's cgroups may hand controllers down");
    return;
  }
  Cgroups prepared = *cgroups;
  const std::vector<std::string> losses = prepared.Prepare();
  REQUIRE(losses.size() == 3);
  CHECK(absl::StrContains(losses[1], "memory limits of pods do not bite"));
  CHECK(absl::StrContains(losses[1], "move them into a group below it"));
  CHECK(prepared.Controllers().empty());
  Machine machine;
  ContainerSpec spec = Machine::Shell("echo ran");
  spec.resources.memory_bytes = 64 << 20;
  machine.Run(spec);
  CHECK(machine.Log() == "ran\n");
}

TEST_CASE("PidsLimitHolds") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell(
      "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 1000 & done; wait");
  spec.resources.pids = 8;
  const ContainerState state = machine.Run(spec);
  CHECK(state.exit_code != 0);
  CHECK(absl::StrContains(machine.Log(), "can't fork"));
}

TEST_CASE("CpuAndMemoryLimitsAreSet") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  ContainerSpec spec = Machine::Shell("while :; do :; done");
  spec.resources.cpu_quota_millis = 250;
  spec.resources.cpu_shares = 256;
  spec.resources.memory_bytes = 64 << 20;
  machine.Start(spec);
  const std::string quota = CgroupFile(machine, "main.0", "cpu.cfs_quota_us", "cpu.max");
  CHECK((quota == "25000\n" || quota == "25000 100000\n"));
  const std::string shares = CgroupFile(machine, "main.0", "cpu.shares", "cpu.weight");
  CHECK((shares == "256\n" || shares == "10\n"));
  CHECK(CgroupFile(machine, "main.0", "memory.limit_in_bytes", "memory.max") ==
        absl::StrCat(64 << 20, "\n"));
  for (int i = 0; i < 100; ++i) {
    const auto usage = machine.runtime().PodUsage("pod-1");
    REQUIRE(usage.ok());
    if (usage->cpu_nanoseconds > 1'000'000 && usage->memory_bytes > 0) return;
    poll(nullptr, 0, 50);
  }
  FAIL("no usage was ever seen");
}

TEST_CASE("SysctlsOfThePodAreSet") {
  if (!IsRoot()) return;
  Machine machine;
  PodSpec pod = machine.Pod();
  pod.sysctls = {{"net.ipv4.ip_unprivileged_port_start", "80"}, {"kernel.shm_rmid_forced", "1"}};
  REQUIRE(machine.runtime().StartPod(pod).ok());
  machine.Run(
      Machine::Shell("cat /proc/sys/net/ipv4/ip_unprivileged_port_start; "
                     "cat /proc/sys/kernel/shm_rmid_forced"));
  CHECK(machine.Log() == "80\n1\n");
  CHECK(ReadText("/proc/sys/kernel/shm_rmid_forced") == "0\n");
}

TEST_CASE("ExecRunsWithTheContainersRights") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  ContainerSpec spec = Machine::Shell("sleep 1000");
  spec.uid = 1000;
  spec.working_dir = "/tmp";
  spec.env = {{"MINE", "yes"}};
  machine.Start(spec);
  const auto run = [&](const std::string& command, absl::Duration timeout = absl::Seconds(20)) {
    return machine.runtime().Exec("pod-1", "main", {"/bin/sh", "-c", command}, timeout);
  };
  auto result = run("echo $MINE; pwd; id -u; cat /proc/self/status; exit 5");
  REQUIRE(result.ok());
  CHECK(result->exit_code == 5);
  CHECK(absl::StartsWith(result->output, "yes\n/tmp\n1000\n"));
  CHECK(Field(result->output, "CapEff") == "0000000000000000");
  CHECK(Field(result->output, "CapBnd") == "00000000a80425fb");
  CHECK(Field(result->output, "NoNewPrivs") == "1");
  CHECK(Field(result->output, "Seccomp") == "2");
  result = run("head -c 100000 /dev/zero");
  REQUIRE(result.ok());
  CHECK(result->output.size() == 10 << 10);
  CHECK(absl::IsDeadlineExceeded(run("sleep 1000", absl::Milliseconds(200)).status()));
  CHECK(absl::IsDeadlineExceeded(
      run("exec >/dev/null 2>&1; sleep 1000", absl::Milliseconds(200)).status()));
  result = machine.runtime().Exec("pod-1", "main", {"nosuch"}, absl::Seconds(20));
  CHECK((!result.ok() || result->exit_code == 127));
  CHECK(absl::IsNotFound(
      machine.runtime().Exec("pod-1", "other", {"true"}, absl::Seconds(1)).status()));
}

}  // namespace
}  // namespace skiff::runtime
