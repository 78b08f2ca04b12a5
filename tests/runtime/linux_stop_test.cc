// What is left of a pod that was given up: its story, and nothing of the machine.
#include "tests/runtime/pod_fixture.h"

namespace skiff::runtime {
namespace {

TEST_CASE("AStoppedPodKeepsItsRecordsAndLogsAndHoldsNothingElse") {
  if (!IsRoot()) return;
  Machine machine;
  REQUIRE(machine.runtime().StartPod(machine.Pod()).ok());
  machine.Start(Machine::Shell("echo written > /file; echo said; exit 7"));
  const ContainerState ended = machine.AwaitEnd();
  const auto alive = machine.runtime().State("pod-1");
  REQUIRE(alive.ok());
  REQUIRE(alive->alive);
  REQUIRE(machine.runtime().StopPod("pod-1").ok());
  REQUIRE(machine.runtime().StopPod("pod-1").ok());
  CHECK(ReadText(absl::StrCat("/proc/", alive->head_pid, "/cmdline")).empty());
  for (const auto& root : std::filesystem::directory_iterator("/sys/fs/cgroup")) {
    const std::string group = "skiff/" + machine.instance() + "/pod-1";
    CHECK_FALSE(std::filesystem::exists(root.path() / group));
  }
  CHECK_FALSE(std::filesystem::exists(machine.dir() + "/pods/pod-1/main.0/upper"));
  const auto state = machine.runtime().State("pod-1");
  REQUIRE(state.ok());
  CHECK_FALSE(state->alive);
  REQUIRE(state->containers.size() == 1);
  CHECK(state->containers[0].exit_code == 7);
  CHECK(state->containers[0].id == ended.id);
  CHECK(absl::StrContains(machine.Log(), "said"));
  // A new manager finds it so, and removes it when told.
  machine.Close();
  machine.Open();
  CHECK(machine.runtime().List()->size() == 1);
  REQUIRE(machine.runtime().RemovePod("pod-1").ok());
  CHECK(absl::IsNotFound(machine.runtime().State("pod-1").status()));
}

TEST_CASE("StoppingAPodThatDoesNotExistIsFine") {
  if (!IsRoot()) return;
  Machine machine;
  CHECK(machine.runtime().StopPod("nobody").ok());
}

}  // namespace
}  // namespace skiff::runtime
