// Whole clusters whose machines die: what users were promised holds all the while, and in the end
// everything is as it was asked to be.
#include <catch2/catch.hpp>

#include "api/conditions.h"
#include "tests/sim/sim_cluster.h"

namespace skiff {
namespace {

std::string Web(int replicas, const std::string& image) {
  return absl::StrCat(
      R"({"metadata":{"name":"web","namespace":"default"},"spec":{"replicas":)", replicas,
      R"(,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
          "spec":{"containers":[{"name":"c","image":")",
      image, R"("}]}}}})");
}

std::string Work(const std::string& name, int completions, int parallelism, int exit_code) {
  return absl::StrCat(
      R"({"metadata":{"name":")", name, R"(","namespace":"default"},"spec":{"completions":)",
      completions, R"(,"parallelism":)", parallelism,
      R"(,"backoffLimit":3,"template":{"metadata":{"annotations":{
          "fake.skiff.dev/run-seconds":"5","fake.skiff.dev/exit-code":")",
      exit_code,
      R"("}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"x"}]}}}})");
}

int ReadyPods(const SimCluster& cluster) {
  int ready = 0;
  for (const api::ObjectPtr& pod : cluster.All<corev1::Pod>()) {
    const auto& typed = pod->As<corev1::Pod>();
    if (controllers::IsPodActive(typed) && api::IsPodReady(typed)) ++ready;
  }
  return ready;
}

bool IsRolledOut(const SimCluster& cluster, int replicas) {
  const auto& web = cluster.Get<appsv1::Deployment>("web")->As<appsv1::Deployment>();
  return web.status().observed_generation() == web.metadata().generation() &&
         web.status().updated_replicas() == replicas && web.status().replicas() == replicas &&
         web.status().available_replicas() == replicas;
}

bool IsOver(const SimCluster& cluster, const std::string& job) {
  const api::ObjectPtr found = cluster.Get<batchv1::Job>(job);
  for (const auto& condition : found->As<batchv1::Job>().status().conditions()) {
    if (condition.type() == "Complete" || condition.type() == "Failed") return true;
  }
  return false;
}

TEST_CASE("ADeploymentSurvivesTheLossOfAMachine") {
  SimCluster cluster(3, 3);
  cluster.Create<appsv1::Deployment>(Web(6, "v1"));
  REQUIRE(cluster.Await([&] { return IsRolledOut(cluster, 6); }, absl::Seconds(30)));
  cluster.LoseMachine(1);
  // A minute later nobody counts on its pods any more, six minutes later others have their place.
  cluster.Pass(absl::Minutes(1));
  CHECK(ReadyPods(cluster) == 4);
  CHECK(cluster.Get<appsv1::Deployment>("web")
            ->As<appsv1::Deployment>()
            .status()
            .available_replicas() == 4);
  cluster.Pass(absl::Seconds(310));
  CHECK(ReadyPods(cluster) == 6);
  // What the dead machine cannot confirm stays as long as its node does.
  CHECK(cluster.All<corev1::Pod>().size() == 8);
  cluster.Delete<corev1::Node>("n1");
  cluster.Pass(absl::Seconds(45));
  CHECK(cluster.All<corev1::Pod>().size() == 6);
  CHECK(IsRolledOut(cluster, 6));
}

TEST_CASE("AMachineThatComesBackEmptyIsUsedAgain") {
  SimCluster cluster(5, 2);
  cluster.Create<appsv1::Deployment>(Web(4, "v1"));
  REQUIRE(cluster.Await([&] { return IsRolledOut(cluster, 4); }, absl::Seconds(30)));
  cluster.LoseMachine(0);
  cluster.Pass(absl::Minutes(8));
  cluster.StartMachine(0);
  cluster.Pass(absl::Minutes(2));
  CHECK(cluster.All<corev1::Pod>().size() == 4);
  CHECK(IsRolledOut(cluster, 4));
  CHECK(cluster.Get<corev1::Node>("n0")->As<corev1::Node>().spec().taints().empty());
}

TEST_CASE("ARollNeverLeavesFewerReadyPodsThanAllowed") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    SimCluster cluster(seed, 3);
    cluster.Create<appsv1::Deployment>(Web(8, "v1"));
    REQUIRE(cluster.Await([&] { return IsRolledOut(cluster, 8); }, absl::Seconds(30)));
    for (const char* image : {"v2", "v3"}) {
      cluster.Edit<appsv1::Deployment>("web", [&](appsv1::Deployment* web) {
        web->mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0)->set_image(
            image);
      });
      const auto done = [&] {
        CHECK(ReadyPods(cluster) >= 6);  // maxUnavailable 25% of 8.
        size_t active = 0;
        for (const api::ObjectPtr& pod : cluster.All<corev1::Pod>()) {
          active += controllers::IsPodActive(pod->As<corev1::Pod>()) ? 1 : 0;
        }
        CHECK(active <= 10);  // maxSurge 25%.
        return IsRolledOut(cluster, 8);
      };
      CHECK(cluster.Await(done, absl::Minutes(2)));
    }
  }
}

TEST_CASE("ADeploymentGetsWhereItWasToldWhateverHappensOnTheWay") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    SimCluster cluster(seed, 3);
    cluster.Create<appsv1::Deployment>(Web(4, "v1"));
    for (int step = 0; step < 12; ++step) {
      cluster.Pass(absl::Milliseconds(static_cast<int64_t>(cluster.rng().Below(20'000))));
      const uint64_t what = cluster.rng().Below(4);
      const auto pods = cluster.All<corev1::Pod>();
      if (what == 0 && !pods.empty()) {
        cluster.Delete<corev1::Pod>(pods[cluster.rng().Below(pods.size())]->meta().name());
      } else if (what == 1) {
        const int machine = static_cast<int>(cluster.rng().Below(3));
        cluster.LoseMachine(machine);
        cluster.Pass(absl::Seconds(static_cast<int64_t>(cluster.rng().Below(400))));
        cluster.StartMachine(machine);
      } else {
        cluster.Edit<appsv1::Deployment>("web", [&](appsv1::Deployment* web) {
          web->mutable_spec()->set_replicas(static_cast<int>(cluster.rng().Below(7)));
          if (what == 3) return;
          web->mutable_spec()
              ->mutable_template_()
              ->mutable_spec()
              ->mutable_containers(0)
              ->set_image(absl::StrCat("v", cluster.rng().Below(3)));
        });
      }
    }
    cluster.Edit<appsv1::Deployment>(
        "web", [](appsv1::Deployment* web) { web->mutable_spec()->set_replicas(5); });
    CHECK(cluster.Await([&] { return IsRolledOut(cluster, 5); }, absl::Minutes(10)));
    CHECK(cluster.Await([&] { return cluster.All<corev1::Pod>().size() == 5; }, absl::Minutes(2)));
    CHECK(ReadyPods(cluster) == 5);
  }
}

// Machines come and go; every job ends, and its counts are those of its pods.
std::string RunJobs(uint64_t seed) {
  SimCluster cluster(seed, 3);
  for (int i = 0; i < 4; ++i) {
    cluster.Create<batchv1::Job>(Work(absl::StrCat("j", i), 3 + i, 2, i == 3 ? 1 : 0));
  }
  for (int i = 0; i < 4; ++i) {
    cluster.Pass(absl::Milliseconds(static_cast<int64_t>(cluster.rng().Below(6000))));
    const int machine = static_cast<int>(cluster.rng().Below(3));
    cluster.LoseMachine(machine);
    cluster.Pass(absl::Seconds(static_cast<int64_t>(cluster.rng().Below(60))));
    cluster.StartMachine(machine);
  }
  const auto over = [&] {
    for (int i = 0; i < 4; ++i) {
      if (!IsOver(cluster, absl::StrCat("j", i))) return false;
    }
    return true;
  };
  CHECK(cluster.Await(over, absl::Minutes(40)));
  std::string out;
  for (int i = 0; i < 4; ++i) {
    const std::string name = absl::StrCat("j", i);
    const auto& status = cluster.Get<batchv1::Job>(name)->As<batchv1::Job>().status();
    INFO(name << ": " << status.ShortDebugString());
    CHECK(status.active() == 0);
    CHECK(status.terminating() == 0);
    const bool complete = status.conditions(0).type() == "SuccessCriteriaMet";
    if (complete) CHECK(status.succeeded() == 3 + i);
    if (i == 3) CHECK_FALSE(complete);
    absl::StrAppend(&out, name, " ", status.ShortDebugString(), "\n");
  }
  for (const api::ObjectPtr& pod : cluster.All<corev1::Pod>()) {
    CHECK(pod->meta().finalizers().empty());
  }
  return absl::StrCat(out, cluster.revision());
}

TEST_CASE("EveryJobEndsThoughMachinesComeAndGo") {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    INFO("seed " << seed);
    RunJobs(seed);
  }
}

// Controllers and scheduler say when they have nothing to do; then nothing of theirs happens.
TEST_CASE("ASettledClusterRests") {
  SimCluster cluster(9, 2);
  cluster.Create<appsv1::Deployment>(Web(3, "v1"));
  REQUIRE(cluster.Await([&] { return IsRolledOut(cluster, 3); }, absl::Seconds(30)));
  cluster.Create<batchv1::Job>(Work("j", 1, 1, 1));
  // It fails after five seconds, and is begun again ten seconds later.
  const auto failed = [&] {
    return cluster.Get<batchv1::Job>("j")->As<batchv1::Job>().status().failed() == 1;
  };
  REQUIRE(cluster.Await(failed, absl::Seconds(20)));
  CHECK(cluster.Await([&] { return cluster.Settled(absl::Seconds(2)); }, absl::Seconds(2)));
  CHECK_FALSE(cluster.Settled(absl::Seconds(11)));
  const size_t pods = cluster.All<corev1::Pod>().size();
  cluster.Pass(absl::Seconds(2));
  CHECK(cluster.All<corev1::Pod>().size() == pods);
  cluster.Pass(absl::Seconds(9));
  CHECK(cluster.All<corev1::Pod>().size() == pods + 1);
}

TEST_CASE("TheSameSeedPlaysTheSameHistory") { CHECK(RunJobs(11) == RunJobs(11)); }

}  // namespace
}  // namespace skiff
