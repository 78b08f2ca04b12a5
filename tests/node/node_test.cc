#include "node/node.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/node/node_world.h"

namespace skiff::node {
namespace {

const char kOne[] = R"("containers":[{"name":"a","image":"x"}])";

TEST_CASE("ABoundPodRunsAndIsReady") {
  NodeWorld world;
  world.Run("p", "", kOne);
  CHECK(world.Status("p").phase() == "Running");
  CHECK(world.Main("p").ready());
  CHECK(world.Events("Started").size() == 1);
}

TEST_CASE("ACrashingContainerIsRestartedAfterTenSecondsThenTwentyUpToFiveMinutes") {
  NodeWorld world;
  const std::string uid = world.Run("p", "", kOne);
  int restarts = 0;
  for (const int pause : {0, 10, 20, 40, 80, 160, 300, 300}) {
    INFO("pause " << pause);
    world.Pass(absl::Seconds(1));
    REQUIRE(world.Main("p").state().has_running());
    REQUIRE(world.Main("p").restart_count() == restarts);
    REQUIRE(world.runtime().Crash(uid, "a", 1).ok());
    if (pause > 0) {
      world.Pass(absl::Seconds(pause) - absl::Milliseconds(100));
      CHECK(world.Main("p").state().waiting().reason() == "CrashLoopBackOff");
      CHECK(world.Main("p").last_state().terminated().exit_code() == 1);
      CHECK(world.Status("p").phase() == "Running");
      world.Pass(absl::Milliseconds(200));
    } else {
      world.Pass(absl::Milliseconds(100));
    }
    ++restarts;
  }
  CHECK(world.Main("p").restart_count() == 8);
  CHECK_FALSE(world.Events("BackOff").empty());
}

TEST_CASE("TenMinutesOfRunningMakeUpForEarlierCrashes") {
  NodeWorld world;
  const std::string uid = world.Run("p", "", kOne);
  for (int i = 0; i < 4; ++i) {
    world.runtime().Crash(uid, "a", 1).IgnoreError();
    world.Pass(absl::Seconds(60));
  }
  REQUIRE(world.Main("p").state().has_running());
  world.Pass(absl::Minutes(11));
  world.runtime().Crash(uid, "a", 1).IgnoreError();
  world.Pass(absl::Seconds(1));
  CHECK(world.Main("p").state().has_running());
}

TEST_CASE("ThePolicySaysWhetherAnEndIsTheEnd") {
  struct Row {
    const char* policy;
    int code;
    const char* phase;
    int restarts;
  };
  for (const Row& row : {Row{"Never", 0, "Succeeded", 0}, Row{"Never", 3, "Failed", 0},
                         Row{"OnFailure", 0, "Succeeded", 0}, Row{"OnFailure", 3, "Running", 1},
                         Row{"Always", 0, "Running", 1}}) {
    INFO(row.policy << " " << row.code);
    NodeWorld world;
    world.Run("p",
              absl::StrCat(R"("fake.skiff.dev/run-seconds":"5","fake.skiff.dev/exit-code":")",
                           row.code, "\""),
              absl::StrCat(R"("restartPolicy":")", row.policy, "\",", kOne));
    world.Pass(absl::Seconds(6));
    CHECK(world.Status("p").phase() == row.phase);
    CHECK(world.Main("p").restart_count() == row.restarts);
  }
}

TEST_CASE("InitContainersRunInOrderAndAreTriedAgain") {
  NodeWorld world;
  const std::string uid =
      world.Run("p", R"("fake.skiff.dev/run-seconds.i":"5","fake.skiff.dev/run-seconds.j":"5")",
                R"("initContainers":[{"name":"i","image":"x"},{"name":"j","image":"x"}],
         "containers":[{"name":"a","image":"x"}])");
  const auto running = [&] {
    std::string out;
    const auto state = world.runtime().State(uid);
    for (const auto& container : state->containers) {
      if (container.phase == runtime::ContainerPhase::kRunning) out += container.name;
    }
    return out;
  };
  CHECK(running() == "i");
  CHECK(world.Status("p").phase() == "Pending");
  REQUIRE(world.runtime().Crash(uid, "i", 1).ok());
  world.Pass(absl::Seconds(1));
  CHECK(running() == "i");
  CHECK(world.Status("p").init_container_statuses(0).restart_count() == 1);
  world.Pass(absl::Seconds(5));
  CHECK(running() == "j");
  world.Pass(absl::Seconds(5));
  CHECK(running() == "a");
  CHECK(world.Status("p").phase() == "Running");
}

TEST_CASE("ADeletedPodGoesAndLeavesNothing") {
  NodeWorld world;
  world.Run("p", "", kOne);
  world.Delete("p");
  CHECK(world.Get("p") == nullptr);
  CHECK(world.runtime().List()->empty());
}

TEST_CASE("APreStopHookThatSleepsDelaysTheEndAtMostByTheGrace") {
  for (const int sleep : {5, 60}) {
    INFO(sleep);
    NodeWorld world;
    world.Run("p", "",
              absl::StrCat(R"("terminationGracePeriodSeconds":20,"containers":[{"name":"a",
                  "image":"x","lifecycle":{"preStop":{"sleep":{"seconds":)",
                           std::min(sleep, 20), "}}}}]"));
    world.Delete("p");
    const int end = std::min(sleep, 20);
    world.Pass(absl::Seconds(end) - absl::Seconds(1));
    REQUIRE(world.Get("p") != nullptr);
    CHECK(world.Main("p").state().has_running());
    world.Pass(absl::Seconds(4));
    CHECK(world.Get("p") == nullptr);
    CHECK(world.runtime().List()->empty());
  }
}

TEST_CASE("APostStartHookHoldsBackReadiness") {
  NodeWorld world;
  world.Run("p", "",
            R"("containers":[{"name":"a","image":"x",
               "lifecycle":{"postStart":{"sleep":{"seconds":5}}}},{"name":"b","image":"x"}])");
  CHECK(world.Main("p").state().has_running());
  CHECK_FALSE(world.Main("p").ready());
  CHECK(world.Status("p").container_statuses(1).state().has_waiting());
  world.Pass(absl::Seconds(6));
  CHECK(world.Main("p").ready());
  CHECK(world.Status("p").container_statuses(1).state().has_running());
}

TEST_CASE("AFailedPostStartHookEndsTheContainer") {
  NodeWorld world;
  world.Run("p", "",
            R"("restartPolicy":"Never","containers":[{"name":"a","image":"x",
               "lifecycle":{"postStart":{"httpGet":{"host":"127.0.0.1","port":1}}}}])");
  world.Pass(absl::Seconds(1));
  CHECK(world.Status("p").phase() == "Failed");
  CHECK(world.Events("FailedPostStartHook").size() == 1);
}

TEST_CASE("AFinishedPodGivesUpItsSandboxAndKeepsItsStory") {
  NodeWorld world;
  const std::string uid =
      world.Run("p", R"("fake.skiff.dev/run-seconds":"1","fake.skiff.dev/exit-code":"4")",
                absl::StrCat(R"("restartPolicy":"Never",)", kOne));
  world.Pass(absl::Seconds(2));
  CHECK(world.Status("p").phase() == "Failed");
  CHECK_FALSE(world.runtime().State(uid)->alive);
  world.Pass(absl::Minutes(1));
  CHECK(world.Main("p").state().terminated().exit_code() == 4);
  // And a new manager leaves it so.
  world.KillNode();
  world.StartNode();
  world.Pass(absl::Seconds(5));
  CHECK(world.Main("p").state().terminated().exit_code() == 4);
  world.Delete("p");
  CHECK(world.Get("p") == nullptr);
  CHECK(world.runtime().List()->empty());
}

TEST_CASE("ANewManagerFindsItsPodsRunning") {
  NodeWorld world;
  const std::string uid = world.Run("p", "", kOne);
  const corev1::ContainerStatus before = world.Main("p");
  world.KillNode();
  world.Pass(absl::Seconds(30));
  world.StartNode();
  world.Pass(absl::Seconds(5));
  CHECK(world.Main("p").SerializeAsString() == before.SerializeAsString());
  REQUIRE(world.runtime().Crash(uid, "a", 1).ok());
  world.Pass(absl::Seconds(1));
  CHECK(world.Main("p").restart_count() == 1);
}

TEST_CASE("AfterTheMachineWasLostPodsRunAgainAndCountARestart") {
  NodeWorld world;
  world.Run("p", "", kOne);
  world.Run("once", "", absl::StrCat(R"("restartPolicy":"Never",)", kOne));
  world.LoseMachine();
  world.Pass(absl::Seconds(10));
  world.StartNode();
  world.Pass(absl::Seconds(1));
  CHECK(world.Main("p").state().has_running());
  CHECK(world.Main("p").restart_count() == 1);
  CHECK(world.Main("p").last_state().terminated().exit_code() == 137);
  CHECK(world.Status("once").phase() == "Failed");
}

TEST_CASE("EachPodHasAnAddressOfItsNodesSubnet") {
  NodeWorld world;
  world.Run("p", "", kOne);
  world.Run("q", "", kOne);
  world.Run("host", "", absl::StrCat(R"("hostNetwork":true,)", kOne));
  CHECK(world.Status("p").pod_ip() == "10.128.0.2");
  CHECK(world.Status("p").pod_ips(0).ip() == "10.128.0.2");
  CHECK(world.Status("q").pod_ip() == "10.128.0.3");
  CHECK(world.Status("host").pod_ip().empty());
  world.Delete("p");
  world.Run("r", "", kOne);
  CHECK(world.Status("r").pod_ip() == "10.128.0.2");
}

TEST_CASE("AFinishedPodGivesUpItsAddress") {
  NodeWorld world;
  world.Run("p", R"("fake.skiff.dev/run-seconds":"1")",
            absl::StrCat(R"("restartPolicy":"Never",)", kOne));
  world.Pass(absl::Seconds(2));
  REQUIRE(world.Status("p").phase() == "Succeeded");
  world.Run("q", "", kOne);
  CHECK(world.Status("q").pod_ip() == "10.128.0.2");
}

TEST_CASE("APodThatIsToRunAgainKeepsItsAddress") {
  NodeWorld world;
  world.Run("p", "", kOne);
  world.Run("q", "", kOne);
  world.LoseMachine();
  world.Delete("p", 0);
  world.StartNode();
  CHECK(world.Status("q").pod_ip() == "10.128.0.3");
  world.Run("r", "", kOne);  // While p was lost with the machine.
  CHECK(world.Status("r").pod_ip() == "10.128.0.2");
  CHECK(world.Status("q").pod_ip() == "10.128.0.3");
}

TEST_CASE("APodHasItsAddressUntilItsObjectIsGone") {
  NodeWorld world;
  world.Run("p", "", kOne);
  auto held = world.Get("p")->CopyAs<corev1::Pod>();
  held->mutable_metadata()->add_finalizers("example.com/hold");
  REQUIRE(world.Commit(client::Write::Update(std::move(held))).ok());
  world.Delete("p");
  world.Pass(absl::Seconds(1));
  REQUIRE(world.Get("p") != nullptr);
  REQUIRE(world.runtime().List()->empty());
  world.Run("q", "", kOne);
  CHECK(world.Status("q").pod_ip() == "10.128.0.3");
  auto gone = world.Get("p")->CopyAs<corev1::Pod>();
  gone->mutable_metadata()->clear_finalizers();
  REQUIRE(world.Commit(client::Write::Update(std::move(gone))).ok());
  world.Pass(absl::Seconds(1));
  REQUIRE(world.Get("p") == nullptr);
  world.Run("r", "", kOne);
  CHECK(world.Status("r").pod_ip() == "10.128.0.2");
}

TEST_CASE("ADeadlineEndsThePod") {
  NodeWorld world;
  world.Run("p", "", absl::StrCat(R"("activeDeadlineSeconds":30,)", kOne));
  world.Pass(absl::Seconds(29));
  CHECK(world.Status("p").phase() == "Running");
  world.Pass(absl::Seconds(2));
  CHECK(world.Status("p").phase() == "Failed");
  CHECK(world.Status("p").reason() == "DeadlineExceeded");
  CHECK(world.Main("p").state().terminated().exit_code() == 143);
}

TEST_CASE("AMissingConfigMapIsWaitedFor") {
  NodeWorld world;
  world.Run("p", "",
            R"("containers":[{"name":"a","image":"x","envFrom":[{"configMapRef":{"name":"c"}}]}])");
  CHECK(world.Main("p").state().waiting().reason() == "CreateContainerConfigError");
  CHECK(world.Main("p").state().waiting().message() == "configmap \"c\" not found");
  auto map = std::make_unique<corev1::ConfigMap>();
  map->mutable_metadata()->set_name("c");
  map->mutable_metadata()->set_namespace_("default");
  REQUIRE(world.Commit(client::Write::Create(std::move(map))).ok());
  world.Pass(absl::Seconds(3));
  CHECK(world.Main("p").state().has_running());
}

TEST_CASE("APodDeletedWhileAProbeStopsItsContainerIsKilledWhenItsGraceIsOver") {
  NodeWorld world;
  world.runtime().IgnoreSigterm(true);
  world.Run("p", "",
            R"("terminationGracePeriodSeconds":5,"containers":[{"name":"a","image":"x",
               "livenessProbe":{"periodSeconds":1,"failureThreshold":1,
               "tcpSocket":{"host":"127.0.0.1","port":1}}}])");
  world.Pass(absl::Seconds(1));
  world.Delete("p");
  REQUIRE(world.Get("p") != nullptr);
  world.Pass(absl::Seconds(6));
  CHECK(world.Get("p") == nullptr);
}

TEST_CASE("ADeletedPodThatDoesNotListenIsKilledAfterItsGrace") {
  NodeWorld world;
  world.runtime().IgnoreSigterm(true);
  world.Run("p", "", absl::StrCat(R"("terminationGracePeriodSeconds":20,)", kOne));
  world.Delete("p", 10);
  world.Pass(absl::Seconds(9));
  REQUIRE(world.Get("p") != nullptr);
  CHECK(world.Main("p").state().has_running());
  world.Pass(absl::Seconds(2));
  CHECK(world.Get("p") == nullptr);
}

TEST_CASE("WhatTheNodePassesOverItSays") {
  NodeWorld world;
  world.Run("p", "",
            absl::StrCat(R"("volumes":[{"name":"v","emptyDir":{"sizeLimit":"1Mi"}}],)", kOne));
  REQUIRE(world.Events("UnsupportedField").size() == 1);
  CHECK(world.Events("UnsupportedField")[0] ==
        "spec.volumes[v].emptyDir.sizeLimit without medium Memory is not supported by this node: "
        "the volume may grow as large as the disk");
}

TEST_CASE("ALivenessProbeThatFailsRestartsTheContainerAfterItsThreshold") {
  NodeWorld world;
  world.Run("p", "",
            R"("containers":[{"name":"a","image":"x","livenessProbe":{"periodSeconds":10,
               "failureThreshold":3,"tcpSocket":{"host":"127.0.0.1","port":1}}}])");
  world.Pass(absl::Seconds(19));
  CHECK(world.Main("p").restart_count() == 0);
  world.Pass(absl::Seconds(3));
  CHECK(world.Main("p").restart_count() == 1);
  CHECK(world.Main("p").last_state().terminated().exit_code() == 143);
  CHECK_FALSE(world.Events("Unhealthy").empty());
}

}  // namespace
}  // namespace skiff::node
