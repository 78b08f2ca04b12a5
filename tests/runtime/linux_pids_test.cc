// Whose processes a container sees: its own, its pod's, the machine's; and what ends with it.
#include <signal.h>

#include "absl/strings/numbers.h"
#include "tests/runtime/pod_fixture.h"

namespace skiff::runtime {
namespace {

PodSpec Sharing(const Machine& machine) {
  PodSpec pod = machine.Pod();
  pod.share_process_namespace = true;
  return pod;
}

std::string NamespaceOf(int64_t pid, const char* kind) {
  std::error_code error;
  return std::filesystem::read_symlink(absl::StrCat("/proc/", pid, "/ns/", kind), error);
}

TEST_CASE("ContainersSeeTheirOwnProcessesOnly") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  machine.Start(Machine::Sleeper("other"));
  machine.Run(Machine::Shell("ps -o pid,args; true"));
  INFO(machine.Log());
  CHECK_FALSE(absl::StrContains(machine.Log(), "sleep"));
  CHECK(absl::StrContains(machine.Log(), " 1 /bin/sh -c ps"));
}

TEST_CASE("ContainersOfAPodShareTheirProcessNumbers") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(Sharing(machine)).ok());
  const ContainerState first = machine.Start(Machine::Sleeper("other"));
  ContainerSpec spec = Machine::Shell("ps -o args; echo $$; cat /proc/1/comm");
  machine.Start(spec);
  CHECK(machine.AwaitEnd().exit_code == 0);
  INFO(machine.Log());
  CHECK(absl::StrContains(machine.Log(), "sleep 1000\n"));
  CHECK(absl::EndsWith(machine.Log(), "\npause\n"));
  CHECK_FALSE(absl::StrContains(machine.Log(), "\n1\n"));
  // Where the machine keeps its pods is none of their business.
  CHECK_FALSE(absl::StrContains(machine.Log(), machine.Pod().uid));
  CHECK(NamespaceOf(first.pid, "pid") != NamespaceOf(getpid(), "pid"));
  // One container signals another's process, as sidecars do that make a program read its
  // configuration again.
  spec = Machine::Shell(
      "kill -KILL $(ps -o pid,args | grep 'sleep 1000' | head -n 1 | "
      "while read -r pid rest; do echo $pid; done)",
      "killer");
  machine.Start(spec);
  CHECK(machine.AwaitEnd("other").exit_code == 137);
}

TEST_CASE("FirstProcessOfASharedNamespaceLeadsNowhere") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(Sharing(machine)).ok());
  // With the right to trace anything: its root is empty, and it can be neither ended nor entered.
  ContainerSpec spec = Machine::Shell(
      "ls -A /proc/1/root/ | grep -c . ; ls -A /proc/1/fd | grep -c .; kill -9 1; "
      "grep -E 'CapBnd|NoNewPrivs|Uid' /proc/1/status");
  spec.add_capabilities = {"SYS_PTRACE", "SYS_ADMIN"};
  machine.Start(spec);
  machine.AwaitEnd();
  CHECK(machine.Log() ==
        "0\n0\nUid:\t65534\t65534\t65534\t65534\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n");
  CHECK(machine.runtime().State("pod-1")->alive);
}

TEST_CASE("OrphansOfASharedNamespaceAreReaped") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(Sharing(machine)).ok());
  machine.Start(
      Machine::Shell("(sleep 0.01 &); (sleep 0.01 &); "
                     "while ps -o stat,comm | grep -q '^Z\\|sleep'; do :; done; echo clean"));
  machine.AwaitEnd();
  CHECK(machine.Log() == "clean\n");
}

// With a namespace of its own the kernel sees to it.
TEST_CASE("WhatAContainerLeavesBehindEndsWithIt") {
  if (!IsRoot()) return;
  for (const bool share : {true, false}) {
    Machine machine;
    PodSpec pod = machine.Pod();
    pod.share_process_namespace = share;
    pod.host_pid = !share;
    REQUIRE(machine.runtime().StartPod(pod).ok());
    machine.Start(Machine::Shell("sleep 1000 & sleep 1000 & exit 5"));
    CHECK(machine.AwaitEnd().exit_code == 5);
    const auto cgroups = Cgroups::Detect();
    REQUIRE(cgroups.ok());
    const std::string procs =
        cgroups->V2(absl::StrCat("skiff/", machine.instance(), "/pod-1/main.0/cgroup.procs"));
    for (int i = 0; i < 500 && !ReadText(procs).empty(); ++i) poll(nullptr, 0, 10);
    CHECK(ReadText(procs) == "");
  }
}

TEST_CASE("SharedNamespaceOutlivesTheManager") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(Sharing(machine)).ok());
  const ContainerState first = machine.Start(Machine::Sleeper("first"));
  machine.Open();
  const ContainerState second = machine.Start(Machine::Sleeper("second"));
  CHECK(NamespaceOf(first.pid, "pid") == NamespaceOf(second.pid, "pid"));
  const auto ran =
      machine.runtime().Exec("pod-1", "second", {"ps", "-o", "args"}, absl::Seconds(20));
  REQUIRE(ran.ok());
  INFO(ran->output);
  CHECK(absl::StrContains(ran->output, "sleep 1000\nsleep 1000\n"));
}

TEST_CASE("PodWhoseSharedNamespaceWasKilledIsDead") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(Sharing(machine)).ok());
  const ContainerState first = machine.Start(Machine::Sleeper());
  const std::string own = NamespaceOf(first.pid, "pid");
  // The pause process is the one of the namespace that is its first.
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int64_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    if (NamespaceOf(pid, "pid") == own && pid != first.pid) kill(static_cast<pid_t>(pid), SIGKILL);
  }
  CHECK(machine.AwaitEnd().exit_code == 137);
  for (int i = 0; i < 500 && machine.runtime().State("pod-1")->alive; ++i) poll(nullptr, 0, 10);
  CHECK_FALSE(machine.runtime().State("pod-1")->alive);
}

}  // namespace
}  // namespace skiff::runtime
