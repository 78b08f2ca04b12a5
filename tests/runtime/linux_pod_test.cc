// How pods live: across managers, to their end, and without a trace.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "runtime/host_check.h"
#include "tests/runtime/pod_fixture.h"

namespace skiff::runtime {
namespace {

// The start time of a process in clock ticks, "" when there is none.
std::string StartTime(int64_t pid) {
  const std::string stat = ReadText(absl::StrCat("/proc/", pid, "/stat"));
  const size_t end = stat.rfind(')');
  if (end == std::string::npos) return "";
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(end + 2), ' ');
  return fields.size() > 19 && fields[0] != "Z" ? fields[19] : "";
}

void AwaitGone(int64_t pid) {
  for (int i = 0; i < 500 && !StartTime(pid).empty(); ++i) poll(nullptr, 0, 10);
  CHECK(StartTime(pid) == "");
}

TEST_CASE("PodOutlivesItsManager") {
  if (!IsRoot()) return;
  Machine machine;
  const auto pod = machine.runtime().StartPod(machine.Pod());
  REQUIRE(pod.ok());
  const ContainerState before = machine.Start(Machine::Shell("echo one; sleep 1000"));
  machine.Start(Machine::Shell("sleep 1000", "worker"));
  const std::string started = StartTime(before.pid);
  machine.Close();
  machine.Open();
  const auto after = machine.runtime().State("pod-1");
  REQUIRE(after.ok());
  CHECK(after->alive);
  CHECK(after->head_pid == pod->head_pid);
  CHECK(machine.Get().pid == before.pid);
  CHECK(machine.Get().started_at == before.started_at);
  CHECK(StartTime(before.pid) == started);
  const int64_t worker = machine.Get("worker").pid;
  machine.Close();
  REQUIRE(kill(static_cast<pid_t>(worker), SIGKILL) == 0);
  AwaitGone(worker);
  machine.Open();
  const ContainerState ended = machine.AwaitEnd("worker");
  CHECK(ended.exit_code == 137);
  CHECK(ended.finished_at >= ended.started_at);
  const auto again = machine.runtime().StartPod(machine.Pod());
  REQUIRE(again.ok());
  CHECK(again->head_pid == pod->head_pid);
}

TEST_CASE("ExitIsRecordedWhileNoManagerIsThere") {
  if (!IsRoot()) return;
  Machine machine;
  const std::string shared = machine.dir() + "/shared";
  std::filesystem::create_directories(shared);
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  ContainerSpec spec =
      Machine::Shell("while [ ! -e /s/go ]; do sleep 0.02; done; echo last words; exit 9");
  spec.mounts = {{shared, "/s"}};
  const ContainerState running = machine.Start(spec);
  machine.Close();
  std::ofstream(shared + "/go").flush();
  AwaitGone(running.pid);
  machine.Open();
  const ContainerState ended = machine.AwaitEnd();
  CHECK(ended.exit_code == 9);
  CHECK(ended.reason == "Error");
  CHECK(machine.Log() == "last words\n");
}

TEST_CASE("ContainersOfAPodShareItsNetwork") {
  if (!IsRoot()) return;
  Machine machine;
  const auto pod = machine.runtime().StartPod(machine.Pod());
  REQUIRE(pod.ok());
  char link[64] = {};
  REQUIRE(readlink(absl::StrCat("/proc/", pod->head_pid, "/ns/net").c_str(), link,
                   sizeof link - 1) > 0);
  machine.Run(Machine::Shell("readlink /proc/self/ns/net; ip addr show lo", "a"));
  machine.Run(Machine::Shell("readlink /proc/self/ns/net", "b"));
  CHECK(absl::StartsWith(machine.Log("a"), absl::StrCat(link, "\n")));
  CHECK(machine.Log("b") == absl::StrCat(link, "\n"));
  CHECK(absl::StrContains(machine.Log("a"), "inet 127.0.0.1/8"));
  char host[64] = {};
  REQUIRE(readlink("/proc/self/ns/net", host, sizeof host - 1) > 0);
  CHECK(std::string(link) != host);
  PodSpec other = machine.Pod("pod-2");
  other.host_network = true;
  REQUIRE(machine.runtime().StartPod(other).ok());
  machine.Run(Machine::Shell("readlink /proc/self/ns/net"), "pod-2");
  CHECK(machine.Log("main", 0, "pod-2") == absl::StrCat(host, "\n"));
}

TEST_CASE("DeadHeadTakesItsContainersAlong") {
  if (!IsRoot()) return;
  Machine machine;
  const auto pod = machine.runtime().StartPod(machine.Pod());
  REQUIRE(pod.ok());
  const ContainerState running = machine.Start(Machine::Shell("sleep 1000 & sleep 1000"));
  REQUIRE(kill(static_cast<pid_t>(pod->head_pid), SIGKILL) == 0);
  AwaitGone(running.pid);
  AwaitGone(pod->head_pid);
  const auto state = machine.runtime().State("pod-1");
  REQUIRE(state.ok());
  CHECK_FALSE(state->alive);
  CHECK(state->head_pid == 0);
  CHECK(machine.Get().phase == ContainerPhase::kExited);
  CHECK(machine.Get().exit_code == 137);
  // The next sandbox of the pod is a new one.
  const auto again = machine.runtime().StartPod(machine.Pod());
  REQUIRE(again.ok());
  CHECK(again->alive);
  CHECK(again->head_pid != pod->head_pid);
}

TEST_CASE("DeadHeadLeavesNoProcessThatSharesTheHostsPids") {
  if (!IsRoot()) return;
  Machine machine;
  PodSpec spec = machine.Pod();
  spec.host_pid = true;
  const auto pod = machine.runtime().StartPod(spec);
  REQUIRE(pod.ok());
  machine.Start(Machine::Shell("sleep 54321 & sleep 54321"));
  REQUIRE(kill(static_cast<pid_t>(pod->head_pid), SIGKILL) == 0);
  AwaitGone(pod->head_pid);
  machine.Open();
  for (int i = 0; i < 300 && absl::StrContains(Leftovers("54321"), "process"); ++i) {
    poll(nullptr, 0, 10);
  }
  CHECK(Leftovers("54321") == "");
}

TEST_CASE("RemovedPodLeavesNoTrace") {
  if (!IsRoot()) return;
  Machine machine;
  const auto pod = machine.runtime().StartPod(machine.Pod());
  REQUIRE(pod.ok());
  const ContainerState running =
      machine.Start(Machine::Shell("trap '' TERM; sleep 1000 & sleep 1000 & wait"));
  CHECK(machine.runtime().RemovePod("pod-1") == absl::OkStatus());
  AwaitGone(running.pid);
  AwaitGone(pod->head_pid);
  CHECK(absl::IsNotFound(machine.runtime().State("pod-1").status()));
  CHECK(machine.runtime().RemovePod("pod-1") == absl::OkStatus());
  CHECK_FALSE(std::filesystem::exists(machine.dir() + "/logs/pod-1"));
  CHECK_FALSE(absl::StrContains(Leftovers(machine.instance()), "pod-1"));
  CHECK(machine.runtime().List()->empty());
  machine.Close();
  CHECK(std::filesystem::is_empty(machine.dir() + "/pods"));
}

TEST_CASE("FilesOfRemovedPodsAreDeletedByTheEndOfTheRuntime") {
  if (!IsRoot()) return;
  Machine machine;
  machine.Run(Machine::Shell("mkdir -p /a/b && touch /a/b/c"));
  machine.Run(Machine::Shell("touch /made"), "pod-2");
  CHECK(machine.runtime().StopPod("pod-1") == absl::OkStatus());
  CHECK(machine.runtime().RemovePod("pod-2") == absl::OkStatus());
  CHECK_FALSE(std::filesystem::exists(machine.dir() + "/pods/pod-2"));
  CHECK_FALSE(std::filesystem::exists(machine.dir() + "/pods/pod-1/main.0/upper"));
  CHECK(machine.Get().exit_code == 0);
  machine.Close();
  CHECK_FALSE(std::filesystem::exists(machine.dir() + "/pods/.discarded"));
  // What a runtime that was killed did not come to, the next one does.
  std::filesystem::create_directories(machine.dir() + "/pods/.discarded/7/some/thing");
  machine.Open();
  CHECK(machine.runtime().List()->size() == 1);
  CHECK(machine.runtime().RemovePod("pod-1") == absl::OkStatus());
  machine.Close();
  CHECK(std::filesystem::is_empty(machine.dir() + "/pods"));
}

TEST_CASE("HeadEndsWhenItsDirectoryIsRemovedUnderIt") {
  if (!IsRoot()) return;
  Machine machine;
  const auto pod = machine.runtime().StartPod(machine.Pod());
  REQUIRE(pod.ok());
  const ContainerState running = machine.Start(Machine::Shell("sleep 1000"));
  std::filesystem::remove_all(machine.dir() + "/pods/pod-1");
  AwaitGone(pod->head_pid);
  AwaitGone(running.pid);
  CHECK(machine.runtime().RemovePod("pod-1") == absl::OkStatus());
}

TEST_CASE("HeadIsSmallAndDeafToTheTerminal") {
  if (!IsRoot()) return;
  Machine machine;
  const auto pod = machine.runtime().StartPod(machine.Pod());
  REQUIRE(pod.ok());
  machine.Run(Machine::Shell("true"));
  const std::string status = ReadText(absl::StrCat("/proc/", pod->head_pid, "/status"));
  const size_t at = status.find("VmRSS:");
  REQUIRE(at != std::string::npos);
  CHECK(atoi(status.c_str() + at + 6) < 1024);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
    kill(static_cast<pid_t>(pod->head_pid), signal);
  }
  poll(nullptr, 0, 50);
  machine.Run(Machine::Shell("true", "second"));
  CHECK(machine.runtime().State("pod-1")->head_pid == pod->head_pid);
  CHECK(getsid(static_cast<pid_t>(pod->head_pid)) != getsid(0));
  // Nor does a service manager find it where it finds the program that started it.
  CHECK(absl::StrContains(ReadText(absl::StrCat("/proc/", pod->head_pid, "/cgroup")),
                          machine.instance() + "/pod-1/head\n"));
}

TEST_CASE("NamesThatArePathsAreRefused") {
  if (!IsRoot()) return;
  Machine machine;
  for (const char* uid : {"", "..", "a/b", "../pods"}) {
    CHECK(absl::IsInvalidArgument(machine.runtime().StartPod(machine.Pod(uid)).status()));
    CHECK(absl::IsInvalidArgument(machine.runtime().RemovePod(uid)));
  }
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  CHECK(absl::IsInvalidArgument(
      machine.runtime().StartContainer("pod-1", Machine::Shell("true", "../x")).status()));
}

TEST_CASE("DescriptorsOfTheManagerStayItsOwn") {
  if (!IsRoot()) return;
  Machine machine;
  const int leak = open("/etc/hostname", O_RDONLY);  // Without close-on-exec, as some hosts' are.
  machine.Run(Machine::Shell("ls -l /proc/self/fd"));
  close(leak);
  CHECK_FALSE(absl::StrContains(machine.Log(), "hostname"));
  CHECK_FALSE(absl::StrContains(machine.Log(), "head.sock"));
}

TEST_CASE("HostCheckNamesEachNeed") {
  const std::vector<CheckResult> results = CheckHost();
  CHECK(results.size() >= 17);
  for (const CheckResult& result : results) {
    INFO(result.name << ": " << result.detail);
    CHECK(!result.name.empty());
    CHECK(!result.detail.empty());
    CHECK(result.ok == result.remedy.empty());
    if (geteuid() == 0) CHECK(result.ok);
  }
}

}  // namespace
}  // namespace skiff::runtime
