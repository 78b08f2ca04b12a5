// Workloads in a cluster without nodes: the controllers, the API server and
// virtual time are real.
#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "tests/controllers/world.h"

namespace skiff::controllers {
namespace {

std::unique_ptr<appsv1::Deployment> Web(const World& world) {
  const api::ObjectPtr found = world.Get<appsv1::Deployment>("web");
  REQUIRE(found != nullptr);
  return found->CopyAs<appsv1::Deployment>();
}

std::string Annotation(const metav1::ObjectMeta& meta, const std::string& key) {
  const auto it = meta.annotations().find(key);
  return it == meta.annotations().end() ? "" : it->second;
}

std::string Revision(const metav1::ObjectMeta& meta) {
  return Annotation(meta, "deployment.kubernetes.io/revision");
}

// Replicas by image of the deployment's sets.
std::map<std::string, int> Sizes(const World& world) {
  std::map<std::string, int> out;
  for (const api::ObjectPtr& object : world.All<appsv1::ReplicaSet>()) {
    const auto& set = object->As<appsv1::ReplicaSet>();
    out[set.spec().template_().spec().containers(0).image()] = set.spec().replicas();
  }
  return out;
}

api::ObjectPtr SetOf(const World& world, const std::string& image) {
  for (const api::ObjectPtr& object : world.All<appsv1::ReplicaSet>()) {
    if (object->As<appsv1::ReplicaSet>().spec().template_().spec().containers(0).image() == image) {
      return object;
    }
  }
  return nullptr;
}

const appsv1::DeploymentCondition* Progress(const appsv1::Deployment& deployment) {
  for (const auto& condition : deployment.status().conditions()) {
    if (condition.type() == "Progressing") return &condition;
  }
  return nullptr;
}

void SetImage(World& world, const std::string& image) {
  auto changed = Web(world);
  changed->mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0)->set_image(
      image);
  world.Update(std::move(changed));
  world.Settle();
}

TEST_CASE("ADeploymentRollsWithinItsBoundsToTheEnd") {
  World world;
  world.Create(WebDeployment(4, "v1"));
  world.Settle();
  while (world.RunPods()) {
  }
  CHECK(Web(world)->status().available_replicas() == 4);
  SetImage(world, "v2");
  for (bool more = true; more;) {
    int available = 0, all = 0;
    for (const api::ObjectPtr& pod : world.All<corev1::Pod>()) {
      ++all;
      available += api::IsPodReady(pod->As<corev1::Pod>()) ? 1 : 0;
    }
    CHECK(all <= 5);
    CHECK(available >= 3);
    more = world.RunPods();
  }
  CHECK(Sizes(world) == std::map<std::string, int>{{"v1", 0}, {"v2", 4}});
  const auto done = Web(world);
  CHECK(done->status().updated_replicas() == 4);
  CHECK(done->status().observed_generation() == done->metadata().generation());
  CHECK(Progress(*done)->reason() == "NewReplicaSetAvailable");
}

// Nothing is written once there is nothing left to do.
TEST_CASE("ASettledClusterWritesNothing") {
  World world;
  world.Create(WebDeployment(3, "v1"));
  world.Create(WorkJob(2, 2));
  world.Settle();
  while (world.RunPods()) {
  }
  const uint64_t before = world.revision();
  world.Pass(absl::Minutes(30));
  CHECK(world.revision() == before);
}

TEST_CASE("TheSameSeedGivesTheSameCluster") {
  const auto run = [](uint64_t seed) {
    World world(seed);
    world.Create(WebDeployment(3, "v1"));
    world.Create(WorkJob(2, 2));
    world.Settle();
    while (world.RunPods()) {
    }
    std::string out;
    for (const api::ObjectPtr& pod : world.All<corev1::Pod>()) {
      absl::StrAppend(&out, pod->meta().name(), "@", pod->revision(), " ");
    }
    return out;
  };
  CHECK(run(11) == run(11));
}

// The new set has its full size at once, as maxUnavailable of one replica is
// none; the roll never ends, and what is undone must still become the newest
// revision.
TEST_CASE("AnUnfinishedRollThatIsUndoneIsANewRevision") {
  World world;
  world.Create(WebDeployment(1, "v1"));
  world.Settle();
  while (world.RunPods()) {
  }
  SetImage(world, "broken");
  CHECK(Revision(Web(world)->metadata()) == "2");
  SetImage(world, "v1");
  CHECK(Revision(Web(world)->metadata()) == "3");
  CHECK(Revision(SetOf(world, "v1")->meta()) == "3");
  CHECK(Revision(SetOf(world, "broken")->meta()) == "2");
  CHECK(Sizes(world) == std::map<std::string, int>{{"broken", 0}, {"v1", 1}});
}

TEST_CASE("APausedDeploymentScalesButDoesNotRoll") {
  World world;
  world.Create(WebDeployment(2, "v1"));
  world.Settle();
  while (world.RunPods()) {
  }
  auto changed = Web(world);
  changed->mutable_spec()->set_paused(true);
  changed->mutable_spec()->set_replicas(4);
  changed->mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0)->set_image(
      "v2");
  world.Update(std::move(changed));
  world.Settle();
  CHECK(Sizes(world) == std::map<std::string, int>{{"v1", 4}});
  CHECK(Progress(*Web(world))->reason() == "DeploymentPaused");
  changed = Web(world);
  changed->mutable_spec()->set_paused(false);
  world.Update(std::move(changed));
  world.Settle();
  while (world.RunPods()) {
  }
  CHECK(Sizes(world) == std::map<std::string, int>{{"v1", 0}, {"v2", 4}});
  CHECK(Progress(*Web(world))->reason() == "NewReplicaSetAvailable");
}

TEST_CASE("ADeploymentThatGrowsWhileItRollsGrowsOnBothSides") {
  World world;
  world.Create(WebDeployment(10, "v1"));
  world.Settle();
  while (world.RunPods()) {
  }
  SetImage(world, "v2");  // The new pods never become ready: 8 old, 5 new stay.
  CHECK(Sizes(world) == std::map<std::string, int>{{"v1", 8}, {"v2", 5}});
  auto changed = Web(world);
  changed->mutable_spec()->set_replicas(20);
  world.Update(std::move(changed));
  world.Settle();
  CHECK(Sizes(world)["v1"] > 8);
  CHECK(Sizes(world)["v2"] > 5);
  CHECK(Sizes(world)["v1"] + Sizes(world)["v2"] == 25);  // maxSurge 25%
  while (world.RunPods()) {
  }
  CHECK(Sizes(world) == std::map<std::string, int>{{"v1", 0}, {"v2", 20}});
}

// Recreate with two sets that have pods, as after a change of strategy in the
// middle of a roll.
TEST_CASE("AResizeDoesNotStopARecreateWithTwoSets") {
  World world;
  world.Create(WebDeployment(4, "v1"));
  world.Settle();
  while (world.RunPods()) {
  }
  SetImage(world, "v2");
  auto changed = Web(world);
  changed->mutable_spec()->mutable_strategy()->set_type("Recreate");
  changed->mutable_spec()->mutable_strategy()->clear_rolling_update();
  changed->mutable_spec()->set_replicas(6);
  world.Update(std::move(changed));
  world.Settle();
  while (world.RunPods()) {
  }
  CHECK(Sizes(world) == std::map<std::string, int>{{"v1", 0}, {"v2", 6}});
}

TEST_CASE("AScaleToZeroAndBackKeepsTheRevision") {
  World world;
  world.Create(WebDeployment(3, "v1"));
  world.Settle();
  for (const int replicas : {0, 2}) {
    auto changed = Web(world);
    changed->mutable_spec()->set_replicas(replicas);
    world.Update(std::move(changed));
    world.Settle();
    CHECK(Sizes(world) == std::map<std::string, int>{{"v1", replicas}});
  }
  CHECK(Revision(Web(world)->metadata()) == "1");
}

TEST_CASE("ADeploymentTakesOnTheReplicaSetThatAnEarlierOneLeft") {
  World world;
  const api::ObjectPtr first = world.Create(WebDeployment(2, "v1"));
  world.Settle();
  while (world.RunPods()) {
  }
  const auto pods = world.All<corev1::Pod>();
  world.Delete(*world.Get<appsv1::Deployment>("web"), "Orphan");
  world.Settle();
  REQUIRE(world.Get<appsv1::Deployment>("web") == nullptr);
  REQUIRE(world.All<corev1::Pod>().size() == 2);
  const api::ObjectPtr second = world.Create(WebDeployment(2, "v1"));
  world.Settle();
  const auto sets = world.All<appsv1::ReplicaSet>();
  REQUIRE(sets.size() == 1);
  REQUIRE(ControllerOf(*sets[0]) != nullptr);
  CHECK(ControllerOf(*sets[0])->uid() == second->meta().uid());
  const auto after = world.All<corev1::Pod>();
  REQUIRE(after.size() == 2);
  CHECK(after[0]->meta().uid() == pods[0]->meta().uid());
  CHECK(Web(world)->status().available_replicas() == 2);
}

TEST_CASE("APodThatLosesItsLabelIsLetGoAndReplaced") {
  World world;
  world.Create(WebDeployment(2, "v1"));
  world.Settle();
  while (world.RunPods()) {
  }
  auto odd = world.All<corev1::Pod>()[0]->CopyAs<corev1::Pod>();
  const std::string name = odd->metadata().name();
  (*odd->mutable_metadata()->mutable_labels())["app"] = "debug";
  world.Update(std::move(odd));
  world.Settle();
  REQUIRE(world.Get<corev1::Pod>(name) != nullptr);
  CHECK(ControllerOf(*world.Get<corev1::Pod>(name)) == nullptr);
  CHECK(world.All<corev1::Pod>().size() == 3);
  // With its label back it is one too many: somebody goes.
  odd = world.Get<corev1::Pod>(name)->CopyAs<corev1::Pod>();
  (*odd->mutable_metadata()->mutable_labels())["app"] = "web";
  world.Update(std::move(odd));
  world.Settle();
  CHECK(world.All<corev1::Pod>().size() == 2);
}

TEST_CASE("AControllerThatIsOffDoesNothing") {
  World world(7, {"replicaset-controller"});
  world.Create(WebDeployment(2, "v1"));
  world.Settle();
  CHECK(Sizes(world) == std::map<std::string, int>{{"v1", 2}});
  CHECK(world.All<corev1::Pod>().empty());
}

TEST_CASE("ControllersCountWhatTheyLookAt") {
  World world;
  world.Create(WebDeployment(1, "v1"));
  world.Settle();
  const std::string text = world.metrics();
  CHECK(text.find("skiff_controller_reconciles_total{controller=\"deployment-"
                  "controller\"}") != std::string::npos);
}

TEST_CASE("AWorkloadWhosePodsAreRefusedSaysSoAndTriesAgain") {
  World world;
  auto deployment = WebDeployment(2, "v1");
  deployment->mutable_spec()->mutable_template_()->mutable_spec()->set_service_account_name(
      "later");
  world.Create(std::move(deployment));
  world.Pass(absl::Seconds(3));
  CHECK(world.All<corev1::Pod>().empty());
  bool told = false;
  for (const api::ObjectPtr& event : world.All<corev1::Event>()) {
    const auto& typed = event->As<corev1::Event>();
    told =
        told || (typed.reason() == "FailedCreate" && typed.type() == "Warning" &&
                 typed.message().find("Error creating: pods ") == 0 &&
                 typed.message().find("serviceaccount \"later\" not found") != std::string::npos);
  }
  CHECK(told);
  auto account = std::make_unique<corev1::ServiceAccount>();
  account->mutable_metadata()->set_name("later");
  account->mutable_metadata()->set_namespace_("default");
  world.Create(std::move(account));
  world.Pass(absl::Minutes(2));
  CHECK(world.All<corev1::Pod>().size() == 2);
}

TEST_CASE("EventsNameThePodThatWasMade") {
  World world;
  world.Create(WebDeployment(1, "v1"));
  world.Pass(absl::Seconds(1));
  const auto pods = world.All<corev1::Pod>();
  REQUIRE(pods.size() == 1);
  bool told = false;
  for (const api::ObjectPtr& event : world.All<corev1::Event>()) {
    told = told || event->As<corev1::Event>().message() == "Created pod: " + pods[0]->meta().name();
  }
  CHECK(told);
}

TEST_CASE("AReadyPodBecomesAvailableAtItsTimeWithoutPolling") {
  World world;
  auto deployment = WebDeployment(1, "v1");
  deployment->mutable_spec()->set_min_ready_seconds(60);
  world.Create(std::move(deployment));
  world.Settle();
  world.RunPods();
  CHECK(Web(world)->status().ready_replicas() == 1);
  const uint64_t before = world.revision();
  world.Pass(absl::Seconds(58));
  CHECK(Web(world)->status().available_replicas() == 0);
  CHECK(world.revision() == before);
  world.Pass(absl::Seconds(3));
  CHECK(Web(world)->status().available_replicas() == 1);
}

TEST_CASE("AJobCompletesWithoutTimePassing") {
  World world;
  world.Create(WorkJob(3, 2));
  world.Settle();
  const absl::Time start = world.now();
  for (int i = 0; i < 10; ++i) {
    for (const api::ObjectPtr& pod : world.All<corev1::Pod>()) {
      if (pod->As<corev1::Pod>().status().phase() != "Succeeded")
        world.Become(pod, "Succeeded", false);
    }
    world.Settle();
  }
  const auto& status = world.Get<batchv1::Job>("work")->As<batchv1::Job>().status();
  CHECK(status.succeeded() == 3);
  CHECK(status.active() == 0);
  CHECK(status.has_completion_time());
  CHECK(world.All<corev1::Pod>().size() == 3);
  CHECK(world.now() - start < absl::Seconds(1));
}

TEST_CASE("ASuspendedJobHasNoPodsAndStartsItsClockAgain") {
  World world;
  auto job = WorkJob(2, 2);
  job->mutable_spec()->set_active_deadline_seconds(100);
  world.Create(std::move(job));
  world.Settle();
  CHECK(world.All<corev1::Pod>().size() == 2);
  auto changed = world.Get<batchv1::Job>("work")->CopyAs<batchv1::Job>();
  changed->mutable_spec()->set_suspend(true);
  world.Update(std::move(changed));
  world.Settle();
  CHECK(world.All<corev1::Pod>().empty());
  world.Pass(absl::Seconds(500));
  const auto suspended = world.Get<batchv1::Job>("work")->CopyAs<batchv1::Job>();
  CHECK(suspended->status().failed() == 0);
  REQUIRE(suspended->status().conditions_size() == 1);
  CHECK(suspended->status().conditions(0).type() == "Suspended");
  CHECK(suspended->status().conditions(0).status() == "True");
  suspended->mutable_spec()->set_suspend(false);
  world.Update(std::make_unique<batchv1::Job>(*suspended));
  world.Settle();
  CHECK(world.All<corev1::Pod>().size() == 2);
  const auto& resumed = world.Get<batchv1::Job>("work")->As<batchv1::Job>();
  CHECK(resumed.status().conditions(0).status() == "False");
  CHECK(world.now() - api::ToAbsl(resumed.status().start_time()) < absl::Seconds(2));
  world.Pass(absl::Seconds(101));
  bool deadline = false;
  const api::ObjectPtr ended = world.Get<batchv1::Job>("work");
  for (const auto& condition : ended->As<batchv1::Job>().status().conditions()) {
    deadline = deadline || condition.reason() == "DeadlineExceeded";
  }
  CHECK(deadline);
}

TEST_CASE("ANamespaceGoesWithAllThatIsInIt") {
  World world;
  auto team = std::make_unique<corev1::Namespace>();
  team->mutable_metadata()->set_name("team");
  const api::ObjectPtr home = world.Create(std::move(team));
  auto deployment = WebDeployment(3, "v1");
  deployment->mutable_metadata()->set_namespace_("team");
  world.Create(std::move(deployment));
  for (int i = 0; i < 600; ++i) {
    auto map = std::make_unique<corev1::ConfigMap>();
    map->mutable_metadata()->set_name(absl::StrCat("m", i));
    map->mutable_metadata()->set_namespace_("team");
    world.Create(std::move(map));
  }
  world.Settle();
  CHECK(world.All<corev1::Pod>("team").size() == 3);
  world.Delete(*home);
  world.Settle();
  CHECK(world.Get<corev1::Namespace>("team", "") == nullptr);
  CHECK(world.All<corev1::Pod>("team").empty());
  CHECK(world.All<corev1::ConfigMap>("team").empty());
}

}  // namespace
}  // namespace skiff::controllers
