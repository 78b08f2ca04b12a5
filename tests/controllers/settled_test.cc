// When the controllers say that nothing is left to do, and for how long.
#include <catch2/catch.hpp>

#include "tests/controllers/world.h"

namespace skiff::controllers {
namespace {

bool Settled(const World& world, absl::Duration within) { return world.manager().Settled(within); }

// Events come and go by their own times; these tests are about the rest.
const std::set<std::string> kNoEvents = {"event-ttl"};

TEST_CASE("AnEmptyClusterIsSettledForEver") {
  World world(7, kNoEvents);
  CHECK(Settled(world, absl::Hours(1000)));
  CHECK(world.manager().NextWake() == absl::InfiniteFuture());
}

TEST_CASE("ABackOffIsNoRest") {
  World world(7, kNoEvents);
  world.Create(WorkJob(1, 1));
  world.Settle();
  CHECK(Settled(world, absl::Hours(1)));
  world.Exit(world.All<corev1::Pod>().at(0), 1);
  world.Settle();
  CHECK(Settled(world, absl::Seconds(8)));
  CHECK_FALSE(Settled(world, absl::Seconds(11)));
  // A test may jump there, and finds the pod's successor.
  world.Pass(world.manager().NextWake() - world.now());
  CHECK(world.All<corev1::Pod>().size() == 2);
  CHECK(Settled(world, absl::Hours(1)));
}

TEST_CASE("ATimeThatAPlanHasNamedIsNoRest") {
  World world(7, kNoEvents);
  auto deployment = WebDeployment(1, "v1");
  deployment->mutable_spec()->set_min_ready_seconds(60);
  deployment->mutable_spec()->set_progress_deadline_seconds(1000);
  world.Create(std::move(deployment));
  world.Settle();
  CHECK(Settled(world, absl::Seconds(900)));
  CHECK_FALSE(Settled(world, absl::Seconds(1001)));
  world.RunPods();
  CHECK(Settled(world, absl::Seconds(58)));
  CHECK_FALSE(Settled(world, absl::Seconds(61)));
  world.Pass(absl::Seconds(61));
  CHECK(Settled(world, absl::Hours(1)));
}

}  // namespace
}  // namespace skiff::controllers
