#include "runtime/fake/fake_runtime.h"

#include <catch2/catch.hpp>

#include "base/sim_executor.h"

namespace skiff::runtime {
namespace {

struct World {
  Simulation sim{1};
  std::unique_ptr<Executor> loop = sim.NewLoop();
  FakeRuntime runtime{loop.get()};
  int changes = 0;

  World() {
    runtime.SetListener([this](const std::string&) { ++changes; });
  }
  void Start(std::map<std::string, std::string> annotations) {
    PodSpec pod;
    pod.uid = "p";
    pod.annotations = std::move(annotations);
    REQUIRE(runtime.StartPod(pod).ok());
    ContainerSpec container;
    container.name = "main";
    REQUIRE(runtime.StartContainer("p", container).ok());
  }
  ContainerState State() { return runtime.State("p")->containers.at(0); }
};

TEST_CASE("AContainerRunsAsLongAsItsScriptSaysInVirtualTime") {
  World world;
  world.Start({{"fake.skiff.dev/run-seconds", "3600"}, {"fake.skiff.dev/exit-code", "3"}});
  world.sim.RunFor(absl::Seconds(3599));
  CHECK(world.State().phase == ContainerPhase::kRunning);
  world.sim.RunFor(absl::Seconds(2));
  CHECK(world.State().phase == ContainerPhase::kExited);
  CHECK(world.State().exit_code == 3);
  CHECK(world.changes == 1);
}

TEST_CASE("WithoutAScriptItRunsUntilItIsKilled") {
  World world;
  world.Start({});
  world.sim.RunFor(absl::Hours(1000));
  CHECK(world.State().phase == ContainerPhase::kRunning);
  REQUIRE(world.runtime.KillContainer("p", "main").ok());
  CHECK(world.State().exit_code == 137);
}

TEST_CASE("StartingTheSameAttemptAgainChangesNothing") {
  World world;
  world.Start({{"fake.skiff.dev/run-seconds", "1"}});
  world.sim.RunFor(absl::Seconds(2));
  ContainerSpec again;
  again.name = "main";
  REQUIRE(world.runtime.StartContainer("p", again)->phase == ContainerPhase::kExited);
  again.attempt = 1;
  REQUIRE(world.runtime.StartContainer("p", again)->phase == ContainerPhase::kRunning);
}

TEST_CASE("ARemovedPodLeavesNoTimer") {
  World world;
  world.Start({{"fake.skiff.dev/run-seconds", "1"}});
  REQUIRE(world.runtime.RemovePod("p").ok());
  world.sim.RunFor(absl::Seconds(5));
  CHECK(world.changes == 0);
  CHECK(world.runtime.List()->empty());
}

}  // namespace
}  // namespace skiff::runtime
