// What a container sees, may do, and leaves.
#include <fcntl.h>
#include <signal.h>

#include <algorithm>

#include "absl/strings/str_replace.h"
#include "tests/runtime/pod_fixture.h"

namespace skiff::runtime {
namespace {

TEST_CASE("ExitCodesAndSignalsAreReported") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerState state = machine.Run(Machine::Shell("exit 7"));
  CHECK(state.exit_code == 7);
  CHECK(state.reason == "Error");
  CHECK(state.finished_at >= state.started_at);
  state = machine.Run(Machine::Shell("true", "fine"));
  CHECK(state.exit_code == 0);
  CHECK(state.reason == "Completed");
  CHECK(absl::StartsWith(state.id, "linux://"));
  CHECK(state.id.size() == strlen("linux://") + 64);
  CHECK(absl::StartsWith(state.image_id, "sha256:"));

  const ContainerState running = machine.Start(Machine::Shell("sleep 1000", "victim"));
  CHECK(running.phase == ContainerPhase::kRunning);
  CHECK(kill(static_cast<pid_t>(running.pid), 0) == 0);
  CHECK(machine.runtime().KillContainer("pod-1", "victim") == absl::OkStatus());
  state = machine.AwaitEnd("victim");
  CHECK(state.exit_code == 137);
  CHECK(state.signal == SIGKILL);
  CHECK_FALSE(state.oom_killed);

  machine.Start(Machine::Shell("trap 'exit 3' TERM; while :; do sleep 0.05; done", "polite"));
  for (int i = 0; i < 200 && machine.Get("polite").phase == ContainerPhase::kRunning; ++i) {
    machine.runtime().SignalContainer("pod-1", "polite", SIGTERM).IgnoreError();
    poll(nullptr, 0, 20);
  }
  CHECK(machine.Get("polite").exit_code == 3);
  CHECK(absl::IsNotFound(machine.runtime().SignalContainer("pod-1", "polite", SIGTERM)));
}

TEST_CASE("LogsAreInTheCriFormat") {
  if (!IsRoot()) return;
  Machine machine;
  machine.Run(Machine::Shell("echo out; echo err >&2; printf tail"));
  const std::vector<std::string> lines = absl::StrSplit(machine.RawLog(), '\n', absl::SkipEmpty());
  REQUIRE(lines.size() == 3);
  int seen = 0;
  for (const std::string& line : lines) {
    absl::Time time;
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    REQUIRE(parts.size() == 4);
    CHECK(parts[0].size() == strlen("2026-01-02T15:04:05.123456789Z"));
    CHECK(absl::ParseTime(absl::RFC3339_full, parts[0], &time, nullptr));
    const std::string rest = absl::StrCat(parts[1], " ", parts[2], " ", parts[3]);
    seen += rest == "stdout F out" || rest == "stderr F err" || rest == "stdout P tail";
  }
  CHECK(seen == 3);
}

TEST_CASE("LongLinesAreSplitIntoPartsThatJoinAgain") {
  if (!IsRoot()) return;
  Machine machine;
  machine.Run(
      Machine::Shell("head -c 50000 /dev/zero | while read -r x; do :; done; "
                     "i=0; while [ $i -lt 5000 ]; do printf 0123456789; i=$((i+1)); done; "
                     "echo; echo after"));
  const std::string log = machine.Log();
  REQUIRE(log.size() == 50000 + 1 + 6);
  CHECK(absl::EndsWith(log, "9\nafter\n"));
  CHECK(absl::StrContains(machine.RawLog(), " stdout P 0123"));
}

TEST_CASE("ProgramSeesItsArgumentsEnvironmentAndDirectory") {
  if (!IsRoot()) return;
  Machine machine;
  machine.AddImage(
      "web:v1", BusyboxFiles(),
      R"("Entrypoint":["/bin/echo","entry"],"Cmd":["cmd"],"Env":["A=image","B=image"],)"
      R"("WorkingDir":"/srv/deep")");
  ContainerSpec spec;
  spec.image = "web:v1";
  spec.name = "plain";
  machine.Run(spec);
  CHECK(machine.Log("plain") == "entry cmd\n");
  spec.name = "args";
  spec.args = {"mine"};
  machine.Run(spec);
  CHECK(machine.Log("args") == "entry mine\n");
  spec = Machine::Shell("echo $A $B $C; pwd; hostname; echo $PATH", "env");
  spec.image = "web:v1";
  spec.env = {{"A", "pod"}, {"C", "with space = and $X"}};
  machine.Run(spec);
  CHECK(machine.Log("env") ==
        "pod image with space = and $X\n/srv/deep\nbox\n"
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
  spec = Machine::Shell("pwd", "cwd");
  spec.working_dir = "/tmp";
  machine.Run(spec);
  CHECK(machine.Log("cwd") == "/tmp\n");
}

TEST_CASE("ContainerThatCannotStartSaysWhy") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  const auto message = [&](const ContainerSpec& spec) {
    const auto state = machine.runtime().StartContainer("pod-1", spec);
    CHECK_FALSE(state.ok());
    return std::string(state.status().message());
  };
  ContainerSpec spec = Machine::Shell("true", "a");
  spec.command = {"nosuch"};
  CHECK(message(spec) == "exec: \"nosuch\": executable file not found in $PATH");
  spec = Machine::Shell("true", "b");
  spec.command = {"/nosuch"};
  CHECK(message(spec) == "exec: \"/nosuch\": no such file or directory");
  spec = Machine::Shell("true", "c");
  spec.command = {"/etc/passwd"};
  CHECK(message(spec) == "exec: \"/etc/passwd\": permission denied");
  spec = Machine::Shell("true", "d");
  spec.image = "nosuch:v1";
  const auto missing = machine.runtime().StartContainer("pod-1", spec);
  CHECK(absl::IsNotFound(missing.status()));
  spec = Machine::Shell("true", "e");
  spec.run_as_non_root = true;
  CHECK(absl::StrContains(message(spec), "runAsNonRoot"));
  spec = Machine::Shell("true", "f");
  spec.add_capabilities = {"NOSUCH"};
  CHECK(absl::StrContains(message(spec), "unknown capability \"NOSUCH\""));
  spec = Machine::Shell("true", "g");
  spec.working_dir = "/etc/passwd/deeper";
  CHECK(message(spec) == "chdir to workingDir \"/etc/passwd/deeper\": not a directory");
  // What was wrong with the spec can be tried again, and then run.
  spec = Machine::Shell("exit 4", "f");
  machine.Start(spec);
  CHECK(machine.AwaitEnd("f").exit_code == 4);
}

TEST_CASE("FailedStartIsAnEndThatOutlivesTheManager") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  ContainerSpec spec = Machine::Shell("");
  spec.command = {"nosuch"};
  CHECK(absl::IsFailedPrecondition(machine.runtime().StartContainer("pod-1", spec).status()));
  for (int i = 0; i < 2; ++i) {
    const ContainerState state = machine.Get();
    CHECK(state.attempt == 0);
    CHECK(state.phase == ContainerPhase::kExited);
    CHECK(state.exit_code == 128);
    CHECK(state.signal == 0);
    CHECK(state.reason == "StartError");
    CHECK(state.message == "exec: \"nosuch\": executable file not found in $PATH");
    CHECK(state.finished_at > absl::UnixEpoch());
    CHECK(state.started_at == state.finished_at);
    // That attempt is over.
    const auto again = machine.runtime().StartContainer("pod-1", spec);
    REQUIRE(again.ok());
    CHECK(again->reason == "StartError");
    machine.Open();
  }
  // The next one leaves nothing of it.
  spec = Machine::Shell("exit 3");
  spec.attempt = 1;
  machine.Start(spec);
  CHECK(machine.AwaitEnd().exit_code == 3);
  CHECK(machine.Get().reason == "Error");
  CHECK_FALSE(std::filesystem::exists(machine.dir() + "/pods/pod-1/main.0"));
}

TEST_CASE("LogIsReopenedAfterItsNameWasTaken") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  machine.Start(Machine::Shell(
      "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done; echo err >&2"));
  machine.Start(Machine::Shell("exec sleep 1000", "quiet"));
  const std::string dir = machine.dir() + "/logs/pod-1/main/";
  std::string all;
  for (int turn = 0;; ++turn) {
    const std::string rotated = absl::StrCat(dir, "0.log.", turn);
    std::filesystem::rename(dir + "0.log", rotated);
    const absl::Status reopened = machine.runtime().ReopenLog("pod-1", "main");
    all += ReadText(rotated);
    if (absl::IsNotFound(reopened)) break;
    REQUIRE(reopened == absl::OkStatus());
  }
  // Every line is in one file, whole.
  std::string text;
  for (const absl::string_view line : absl::StrSplit(all, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    REQUIRE(parts.size() == 4);
    if (parts[1] == "stdout") absl::StrAppend(&text, parts[3], "\n");
  }
  std::string expected;
  for (int i = 1; i <= 2000; ++i) absl::StrAppend(&expected, "line ", i, "\n");
  CHECK(text == expected);
  CHECK(machine.runtime().ReopenLog("pod-1", "quiet") == absl::OkStatus());
  CHECK(absl::IsNotFound(machine.runtime().ReopenLog("pod-1", "nosuch")));
}

TEST_CASE("AttemptIsStartedOnce") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell("echo ran; exit 2");
  machine.Run(spec);
  const auto again = machine.runtime().StartContainer("pod-1", spec);
  REQUIRE(again.ok());
  CHECK(again->phase == ContainerPhase::kExited);
  CHECK(again->exit_code == 2);
  CHECK(machine.Log() == "ran\n");
  spec.attempt = 1;
  machine.Start(spec);
  CHECK(machine.AwaitEnd().attempt == 1);
  CHECK(machine.Log("main", 1) == "ran\n");
}

TEST_CASE("OldAttemptsLeaveNothingButTheirLastLog") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec = Machine::Shell("echo ran; echo x > /written");
  for (spec.attempt = 0; spec.attempt < 4; ++spec.attempt) {
    machine.Run(spec);
    // Each attempt begins with the image's files.
    CHECK(machine.Get().attempt == spec.attempt);
  }
  CHECK(machine.RawLog("main", 0) == "");
  CHECK(machine.RawLog("main", 1) == "");
  CHECK(machine.RawLog("main", 2) != "");
  CHECK_FALSE(std::filesystem::exists(machine.dir() + "/pods/pod-1/main.0"));
  CHECK_FALSE(std::filesystem::exists(machine.dir() + "/pods/pod-1/main.2"));
}

TEST_CASE("TerminationMessageIsRead") {
  if (!IsRoot()) return;
  Machine machine;
  CHECK(machine.Run(Machine::Shell("echo -n why > /dev/termination-log; exit 1")).message == "why");
  ContainerSpec spec = Machine::Shell("echo -n there > /tmp/msg", "other");
  spec.termination_message_path = "/tmp/msg";
  spec.uid = 1000;
  CHECK(machine.Run(spec).message == "there");
  spec = Machine::Shell("head -c 9000 /dev/zero > /dev/termination-log", "long");
  CHECK(machine.Run(spec).message.size() == 4096);
}

TEST_CASE("VolumesAreMounted") {
  if (!IsRoot()) return;
  Machine machine;
  const std::string host = machine.dir() + "/host";
  std::filesystem::create_directories(host + "/sub");
  std::ofstream(host + "/file") << "content\n";
  ContainerSpec spec = Machine::Shell(
      "exec 2> /dev/null; cat /data/file; echo new > /data/made && echo wrote; echo x > /ro/file "
      "|| echo refused; "
      "cat /deep/er/single; echo t > /mem/t && cat /mem/t; grep -c ' /mem tmpfs' /proc/mounts");
  spec.mounts = {{host, "/data"},
                 {host, "/ro", true},
                 {host + "/file", "/deep/er/single"},
                 {"", "/mem", false, 1 << 20}};
  machine.Run(spec);
  CHECK(machine.Log() == "content\nwrote\nrefused\ncontent\nt\n1\n");
  CHECK(ReadText(host + "/made") == "new\n");
  CHECK(ReadText(host + "/file") == "content\n");
}

TEST_CASE("ReadOnlyRootIsReadOnly") {
  if (!IsRoot()) return;
  Machine machine;
  ContainerSpec spec =
      Machine::Shell("echo x > /tmp/x || echo refused; echo y > /vol/y && echo volume");
  spec.read_only_root = true;
  spec.mounts = {{"", "/vol"}};
  machine.Run(spec);
  CHECK(absl::StrContains(machine.Log(), "refused\n"));
  CHECK(absl::StrContains(machine.Log(), "volume\n"));
}

TEST_CASE("HostIsNotVisible") {
  if (!IsRoot()) return;
  Machine machine;
  machine.Run(Machine::Shell(
      "ls /proc | grep -c '^[0-9]'; ls /dev; cat /proc/self/mountinfo; ip link | grep -c '^[0-9]'; "
      "ls /sys/firmware | grep -c .; head -c 10 /proc/kcore | grep -c .; "
      "echo 1 > /proc/sys/kernel/panic || echo sysro; cat /proc/self/cgroup"));
  const std::string log = machine.Log();
  CHECK_FALSE(absl::StrContains(log, machine.dir() + "/host"));
  CHECK_FALSE(absl::StrContains(log, " /work"));
  CHECK(absl::StrContains(log, "sysro"));
  CHECK(absl::StrContains(log,
                          "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\n"
                          "stdout\ntermination-log\ntty\nurandom\nzero\n"));
  CHECK_FALSE(absl::StrContains(log, machine.instance() + "/pod-1"));  // A cgroup namespace.
  CHECK(absl::StrContains(log, "::/\n"));
}

TEST_CASE("HostilePathsStayInTheImage") {
  if (!IsRoot()) return;
  Machine machine;
  const std::string target = machine.dir() + "/outside";
  std::filesystem::create_directories(target);
  auto files = BusyboxFiles();
  files.erase(std::remove_if(files.begin(), files.end(),
                             [](const TarEntry& f) { return f.name == "etc/passwd"; }),
              files.end());
  files.push_back({"etc/passwd", "", "/proc/1/root/etc/passwd"});
  // The image has the same path as the machine: links lead there, not to the machine's.
  std::string way;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(target.substr(1), '/'))) {
    absl::StrAppend(&way, part, "/");
    files.push_back({way, ""});
  }
  files.push_back({"link", "", target});
  files.push_back({"up", "", "../../../../../.." + target});
  machine.AddImage("evil:v1", files, R"("User":"0")");
  ContainerSpec spec =
      Machine::Shell("echo mine > /link/a/file; echo mine > /up/b/file; echo done");
  spec.image = "evil:v1";
  const std::string volume = machine.dir() + "/volume";
  std::filesystem::create_directories(volume);
  spec.mounts = {{volume, "/link/a"}, {"", "/up/b"}};
  spec.working_dir = "/link/cwd";
  machine.Run(spec);
  CHECK(std::filesystem::is_empty(target));
  CHECK(ReadText(volume + "/file") == "mine\n");
  // A user's name is looked up in the image only: the host's root does not answer.
  machine.AddImage("evil:v2", files, R"("User":"daemon")");
  spec.image = "evil:v2";
  spec.name = "named";
  CHECK(absl::IsFailedPrecondition(machine.runtime().StartContainer("pod-1", spec).status()));
}

}  // namespace
}  // namespace skiff::runtime
