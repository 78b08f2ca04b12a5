// Programs of this machine without an image, under the rules of a pod.
#include <sys/stat.h>

#include "tests/runtime/pod_fixture.h"

namespace skiff::runtime {
namespace {

ContainerSpec Program(const std::string& command, const std::string& name = "main") {
  ContainerSpec spec = Machine::Shell(command, name);
  spec.image = "";
  return spec;
}

TEST_CASE("PlainProgramsRunAsAnOrdinaryUser") {
  if (!IsRoot()) return;
  Machine machine(/*process=*/true);
  const ContainerState state =
      machine.Run(Program("id -u; id -g; pwd; echo $HOME; echo x > note && cat note; "
                          "grep -E 'NoNewPrivs|Seccomp:|CapEff|CapBnd' /proc/self/status"));
  CHECK(state.exit_code == 0);
  CHECK(absl::StartsWith(state.id, "process://"));
  const std::string work = machine.dir() + "/pods/pod-1/main.0/work";
  CHECK(machine.Log() == absl::StrCat("65534\n65534\n", work, "\n", work,
                                      "\nx\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
                                      "NoNewPrivs:\t1\nSeccomp:\t2\n"));
  ContainerSpec spec = Program("id -u; exit 3", "chosen");
  spec.uid = 1000;
  CHECK(machine.Run(spec).exit_code == 3);
  CHECK(machine.Log("chosen") == "1000\n");
  spec = Program("true", "nothing");
  spec.command.clear();
  CHECK(absl::IsFailedPrecondition(machine.runtime().StartContainer("pod-1", spec).status()));
}

TEST_CASE("PlainProgramsHaveTheirOwnPidsAndControlGroups") {
  if (!IsRoot()) return;
  Machine machine(/*process=*/true);
  machine.Run(Program("echo $$; set -- /proc/[0-9]*; echo $#; cat /proc/self/cgroup"));
  const std::string log = machine.Log();
  INFO(log);
  CHECK(absl::StartsWith(log, "1\n1\n"));  // The first process, and the only one.
  const std::string group = absl::StrCat("/skiff/", machine.instance(), "/pod-1/main.0\n");
  CHECK(absl::StrContains(log, absl::StrCat("0::", group)));
  if (!Cgroups::Detect()->pure_v2()) CHECK(absl::StrContains(log, absl::StrCat("memory:", group)));
}

TEST_CASE("PlainProgramsAreHeldToTheFilter") {
  if (!IsRoot()) return;
  Machine machine(/*process=*/true);
  ContainerSpec spec = Program("unshare -U true 2>/dev/null || echo refused");
  machine.Run(spec);
  CHECK(machine.Log() == "refused\n");
  spec.name = "open";
  spec.seccomp_unconfined = true;
  spec.command.back() = "grep Seccomp: /proc/self/status";
  machine.Run(spec);
  CHECK(machine.Log("open") == "Seccomp:\t0\n");
}

TEST_CASE("PlainProgramsLeaveATerminationMessage") {
  if (!IsRoot()) return;
  Machine machine(/*process=*/true);
  struct stat before;
  REQUIRE(stat("/dev", &before) == 0);
  ContainerState state = machine.Run(Program("echo why > /dev/termination-log; exit 6"));
  CHECK(state.exit_code == 6);
  CHECK(state.message == "why\n");
  // The /dev that it has for that has what the machine's has, and the machine's stays as it was.
  machine.Run(
      Program("echo x > /dev/null && head -c 1 /dev/zero | grep -c . ; "
              "( : 0<>/dev/ptmx ) && echo pty; echo y > /dev/stdout; "
              "ls -A /dev | grep -vc termination-log; echo z > /dev/made || echo kept",
              "devices"));
  INFO(machine.Log("devices"));
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/dev")) ++count;
  CHECK(absl::StrContains(machine.Log("devices"), absl::StrCat("pty\ny\n", count, "\n")));
  CHECK(absl::StrContains(machine.Log("devices"), "kept\n"));
  CHECK_FALSE(std::filesystem::exists("/dev/termination-log"));
  // Elsewhere the file has to be there.
  const std::string file = machine.dir() + "/message";
  std::ofstream(file) << "untouched";
  ContainerSpec spec = Program(absl::StrCat("echo other > ", file), "elsewhere");
  spec.termination_message_path = file;
  state = machine.Run(spec);
  CHECK(state.message == "other\n");
  CHECK(ReadText(file) == "untouched");
  spec.name = "nowhere";
  spec.termination_message_path = "/skiff-test-nowhere";
  const auto refused = machine.runtime().StartContainer("pod-1", spec);
  CHECK(absl::IsFailedPrecondition(refused.status()));
  CHECK(absl::StrContains(refused.status().message(), "terminationMessagePath"));
}

TEST_CASE("PlainProgramsMakeNoDirectoriesOnTheMachine") {
  if (!IsRoot()) return;
  Machine machine(/*process=*/true);
  const std::string volume = machine.dir() + "/volume";
  std::filesystem::create_directories(volume);
  std::ofstream(volume + "/key") << "value\n";
  ContainerSpec spec = Program("cat /skiff-test-nowhere/key");
  spec.mounts = {{volume, "/skiff-test-nowhere"}};
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  const auto state = machine.runtime().StartContainer("pod-1", spec);
  CHECK(absl::IsFailedPrecondition(state.status()));
  CHECK(absl::StrContains(state.status().message(), "/skiff-test-nowhere"));
  spec = Program("true", "cwd");
  spec.working_dir = "/skiff-test-nowhere";
  CHECK(machine.runtime().StartContainer("pod-1", spec).status().message() ==
        "chdir to workingDir \"/skiff-test-nowhere\": no such file or directory");
  CHECK_FALSE(std::filesystem::exists("/skiff-test-nowhere"));
  const std::string mounted = machine.dir() + "/mounted";
  std::filesystem::create_directories(mounted);
  spec = Program(absl::StrCat("cat ", mounted, "/key"), "second");
  spec.mounts = {{volume, mounted}};
  machine.Run(spec);
  CHECK(machine.Log("second") == "value\n");
  CHECK(std::filesystem::is_empty(mounted));
}

}  // namespace
}  // namespace skiff::runtime
