// Clusters as test harnesses: virtual time, settling, faults, saving and restoring.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "skiff/cluster.h"

namespace skiff {
namespace {

const absl::Duration kSoon = absl::Seconds(30);

std::unique_ptr<Cluster> Open(const std::function<void(ClusterOptions*)>& change = nullptr) {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.clock = ClockKind::kVirtual;
  options.seed = 7;
  if (change) change(&options);
  if (options.clock == ClockKind::kReal) options.seed.reset();
  auto cluster = Cluster::Open(options);
  INFO(cluster.status());
  REQUIRE(cluster.ok());
  return *std::move(cluster);
}

std::string JobJson(const std::string& name, double run_seconds, const std::string& spec = "",
                    int exit_code = 0) {
  return absl::StrCat(R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":")", name,
                      R"("},"spec":{)", spec, R"("backoffLimit":0,"template":{"metadata":{
                        "annotations":{"fake.skiff.dev/run-seconds":")",
                      run_seconds, R"(","fake.skiff.dev/exit-code":")", exit_code,
                      R"("}},"spec":{"restartPolicy":"Never",
                        "containers":[{"name":"work","image":"x"}]}}}})");
}

std::string DeploymentJson(const std::string& name, int replicas) {
  return absl::StrCat(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":")", name,
                      R"("},"spec":{"replicas":)", replicas, R"(,"selector":{"matchLabels":{
                        "app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{
                        "containers":[{"name":"web","image":"web:v1"}]}}}})");
}

void Good(const absl::Status& status) {
  INFO(status);
  REQUIRE(status.ok());
}

api::JsonValue ListOf(Cluster& cluster, const std::string& kind) {
  const auto list = cluster.List({kind, "", "", ""});
  INFO(list.status());
  REQUIRE(list.ok());
  return *api::JsonValue::Parse(*list);
}

std::vector<std::string> PodNames(Cluster& cluster) {
  std::vector<std::string> out;
  const api::JsonValue list = ListOf(cluster, "pods");
  for (const auto& pod : list.Find("items")->items()) {
    out.push_back(pod.Find("metadata")->Find("name")->text());
  }
  return out;
}

// Everything there is, with uids and revisions.
std::string Everything(Cluster& cluster) {
  std::string out;
  for (const char* kind : {"pods", "jobs", "deployments", "replicasets", "nodes", "events",
                           "services", "leases", "namespaces"}) {
    const auto list = cluster.List({kind, "", "", ""});
    REQUIRE(list.ok());
    absl::StrAppend(&out, *list, "\n");
  }
  return out;
}

absl::Duration Took(const std::function<void()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return absl::FromChrono(std::chrono::steady_clock::now() - begin);
}

int64_t ResidentMegabytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0;
  file >> pages >> pages;
  return pages * 4096 >> 20;
}

TEST_CASE("VirtualTimeStandsStillUntilItIsAdvanced") {
  const auto cluster = Open();
  const absl::Time begin = cluster->Now();
  REQUIRE(cluster->Create(JobJson("work", 3600)).ok());
  Good(cluster->Settle(kSoon));
  CHECK(cluster->Now() == begin);
  const auto waited = cluster->WaitJob({"jobs", "default", "work"}, absl::ZeroDuration());
  CHECK(absl::IsDeadlineExceeded(waited.status()));
  CHECK(absl::StrContains(std::string(waited.status().message()), "seed 7"));
  Good(cluster->Advance(absl::Seconds(3599)));
  CHECK_FALSE(cluster->WaitJob({"jobs", "default", "work"}, absl::ZeroDuration()).ok());
  Good(cluster->Advance(absl::Seconds(2)));
  const auto done = cluster->WaitJob({"jobs", "default", "work"}, kSoon);
  REQUIRE(done.ok());
  CHECK(done->succeeded);
  CHECK(cluster->Now() == begin + absl::Seconds(3601));
}

TEST_CASE("AJobWithATtlOfAWeekIsGoneInMilliseconds") {
  const auto cluster = Open();
  REQUIRE(cluster->Create(JobJson("old", 60, R"("ttlSecondsAfterFinished":604800,)")).ok());
  const absl::Duration took = Took([&] {
    Good(cluster->Advance(absl::Hours(7 * 24)));
    CHECK(cluster->Get({"jobs", "default", "old"}).ok());
    Good(cluster->Advance(absl::Minutes(2)));
    CHECK(absl::IsNotFound(cluster->Get({"jobs", "default", "old"}).status()));
  });
  WARN("a week took " << absl::FormatDuration(took));
  CHECK(took < absl::Seconds(5));
  Good(cluster->Wait({"nodes", "", "node-0"}, "condition=Ready", absl::ZeroDuration()));
}

TEST_CASE("TheSameSeedAndCallsGiveTheSameHistory") {
  std::set<std::string> orders;
  for (const bool permute : {false, true}) {
    const auto run = [&](uint64_t seed) {
      const auto cluster = Open([&](ClusterOptions* options) {
        options->seed = seed;
        options->nodes = 3;
        options->permute_order = permute;
      });
      REQUIRE(cluster->Apply(DeploymentJson("web", 5)).ok());
      REQUIRE(cluster->Create(JobJson("work", 5)).ok());
      Good(cluster->Advance(absl::Seconds(7)));
      REQUIRE(cluster->Delete({"deployments", "default", "web"}).ok());
      Good(cluster->Advance(absl::Minutes(1)));
      return Everything(*cluster);
    };
    const std::string once = run(11);
    CHECK(once == run(11));
    CHECK(once != run(12));
    orders.insert(once);
  }
  CHECK(orders.size() == 2);  // What is due at one instant happened in another order.
}

TEST_CASE("ASettledClusterDoesNothing") {
  for (const ClockKind clock : {ClockKind::kReal, ClockKind::kVirtual}) {
    const auto cluster = Open([&](ClusterOptions* options) { options->clock = clock; });
    REQUIRE(cluster->Apply(DeploymentJson("web", 3)).ok());
    Good(cluster->Settle(kSoon));
    CHECK(PodNames(*cluster).size() == 3);
    Good(cluster->Wait({"deployments", "default", "web"}, "condition=Available",
                       absl::ZeroDuration()));
    Good(cluster->AssertIdle(clock == ClockKind::kReal ? absl::Milliseconds(50)
                                                       : absl::Minutes(30)));
  }
}

TEST_CASE("AClusterThatMovesIsTold") {
  const auto cluster = Open();
  REQUIRE(cluster->Create(JobJson("work", 10)).ok());
  Good(cluster->Settle(kSoon));
  const absl::Status moved = cluster->AssertIdle(absl::Minutes(1));
  INFO(moved);
  CHECK(absl::IsFailedPrecondition(moved));
  const std::string text(moved.message());
  CHECK(absl::StrContains(text, "updated /pods/default/work-"));
  CHECK(absl::StrContains(text, "seed 7"));
}

TEST_CASE("ANodeThatIsKilledIsMissedAndItsPodsAreReplaced") {
  const auto cluster = Open([](ClusterOptions* options) { options->nodes = 2; });
  REQUIRE(cluster->Apply(DeploymentJson("web", 4)).ok());
  Good(cluster->Settle(kSoon));
  for (const bool partition : {false, true}) {
    Good(cluster->InjectFault(partition ? Fault::PartitionNode("node-1")
                                        : Fault::KillNode("node-1")));
    if (!partition) {
      CHECK(absl::IsFailedPrecondition(cluster->InjectFault(Fault::KillNode("node-1"))));
    }
    Good(cluster->Advance(absl::Minutes(2)));
    const absl::Status unknown =
        cluster->Wait({"nodes", "", "node-1"}, "condition=Ready=Unknown", absl::ZeroDuration());
    INFO(unknown);
    CHECK(unknown.ok());
    Good(cluster->Advance(absl::Minutes(10)));
    Good(cluster->Wait({"deployments", "default", "web"}, "jsonpath={.status.availableReplicas}=4",
                       absl::ZeroDuration()));
    Good(cluster->InjectFault(partition ? Fault::PartitionNode("node-1", false)
                                        : Fault::RestartNode("node-1")));
    Good(cluster->Advance(absl::Minutes(2)));
    Good(cluster->Wait({"nodes", "", "node-1"}, "condition=Ready", absl::ZeroDuration()));
  }
  CHECK(absl::IsNotFound(cluster->InjectFault(Fault::KillNode("node-9"))));
}

TEST_CASE("AFullNodeTakesNothingAndInspectSaysWhyAPodIsPending") {
  const auto cluster = Open();
  Good(cluster->InjectFault(Fault::FillNode("node-0")));
  REQUIRE(cluster->Apply(DeploymentJson("web", 1)).ok());
  Good(cluster->Settle(kSoon));
  const auto inspected = cluster->Inspect();
  REQUIRE(inspected.ok());
  INFO(*inspected);
  CHECK(absl::StrContains(*inspected, "0/1 nodes are available: 1 Too many pods"));
  CHECK(absl::StrContains(*inspected, R"("lastPlan":{"key":"default/web","writes":[)"));
  Good(cluster->InjectFault(Fault::FillNode("node-0", false)));
  Good(cluster->Settle(kSoon));
  Good(cluster->Wait({"deployments", "default", "web"}, "condition=Available",
                     absl::ZeroDuration()));
  Good(cluster->InjectFault(Fault::PressNode("node-0", "DiskPressure")));
  Good(cluster->Settle(kSoon));
  Good(cluster->Wait({"nodes", "", "node-0"}, "condition=DiskPressure", absl::ZeroDuration()));
  CHECK(absl::IsInvalidArgument(cluster->InjectFault(Fault::PressNode("node-0", "Fatigue"))));
}

TEST_CASE("AContainerThatCrashesIsStartedAgainAfterItsBackOff") {
  const auto cluster = Open();
  REQUIRE(cluster->Apply(DeploymentJson("web", 1)).ok());
  Good(cluster->Settle(kSoon));
  const std::string pod = PodNames(*cluster).at(0);
  for (int restarts = 1; restarts <= 3; ++restarts) {
    Good(cluster->InjectFault(Fault::CrashContainer("default", pod, 42)));
    Good(cluster->Advance(absl::Minutes(2)));
    Good(cluster->Wait(
        {"pods", "default", pod},
        absl::StrCat("jsonpath={.status.containerStatuses[0].restartCount}=", restarts),
        absl::ZeroDuration()));
    Good(cluster->Wait({"pods", "default", pod},
                       "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}=42",
                       absl::ZeroDuration()));
  }
  CHECK(absl::IsNotFound(cluster->InjectFault(Fault::CrashContainer("default", "none"))));
}

TEST_CASE("WritesThatMatchFailAsOftenAsToldAndAreMadeUpFor") {
  const auto cluster = Open();
  Good(cluster->InjectFault(
      Fault::FailWrites(1, "create", "configmaps", "default", "a*", "Forbidden")));
  const std::string map = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"NAME"}})";
  const auto make = [&](const std::string& name) {
    std::string json = map;
    return cluster->Create(json.replace(json.find("NAME"), 4, name)).status();
  };
  CHECK(make("b").ok());
  CHECK(absl::IsPermissionDenied(make("a1")));
  CHECK(make("a1").ok());
  Good(cluster->InjectFault(Fault::FailWrites(5, "create", "pods")));
  REQUIRE(cluster->Apply(DeploymentJson("web", 2)).ok());
  Good(cluster->Advance(absl::Minutes(1)));
  CHECK(PodNames(*cluster).size() == 2);
  CHECK(absl::IsInvalidArgument(cluster->InjectFault(Fault::FailWrites(1, "patch"))));
  CHECK(absl::IsInvalidArgument(
      cluster->InjectFault(Fault::FailWrites(1, "", "", "", "", "Tiredness"))));
}

TEST_CASE("AFullDiskRefusesWritesAndASlowOneTakesItsTime") {
  const auto cluster = Open();
  REQUIRE(cluster->Apply(DeploymentJson("web", 1)).ok());
  Good(cluster->Settle(kSoon));
  Good(cluster->InjectFault(Fault::FailDisk()));
  CHECK(absl::IsResourceExhausted(cluster->Apply(DeploymentJson("web", 2)).status()));
  CHECK(PodNames(*cluster).size() == 1);
  Good(cluster->Advance(absl::Minutes(5)));  // No heartbeat arrives.
  Good(cluster->InjectFault(Fault::FailDisk(false)));
  Good(cluster->Advance(absl::Minutes(5)));
  Good(cluster->Wait({"nodes", "", "node-0"}, "condition=Ready", absl::ZeroDuration()));
  REQUIRE(cluster->Apply(DeploymentJson("web", 2)).ok());
  Good(cluster->InjectFault(Fault::SlowDisk(absl::Seconds(2))));
  const absl::Time begin = cluster->Now();
  Good(cluster->Settle(absl::Minutes(5)));
  Good(cluster->Wait({"deployments", "default", "web"}, "jsonpath={.status.availableReplicas}=2",
                     absl::ZeroDuration()));
  std::thread writer([&] { cluster->Create(JobJson("late", 1)).IgnoreError(); });
  while (!cluster->Get({"jobs", "default", "late"}).ok()) Good(cluster->Advance(absl::Seconds(1)));
  writer.join();
  CHECK(cluster->Now() - begin >= absl::Seconds(2));
  CHECK(absl::IsInvalidArgument(
      cluster->InjectFault(Fault::SlowDisk(absl::ZeroDuration() - absl::Seconds(1)))));
}

TEST_CASE("SettlingWaitsForWhatANodeSaysOfItself") {
  const auto cluster = Open();
  Good(cluster->Settle(kSoon));
  Good(cluster->InjectFault(Fault::SlowDisk(absl::Seconds(2))));
  const absl::Time begin = cluster->Now();
  Good(cluster->InjectFault(Fault::PressNode("node-0", "DiskPressure")));
  Good(cluster->Settle(absl::Minutes(1)));
  CHECK(cluster->Now() - begin >= absl::Seconds(2));
  Good(cluster->Wait({"nodes", "", "node-0"}, "condition=DiskPressure", absl::ZeroDuration()));
}

TEST_CASE("ARestoredClusterGoesOnAsTheSavedOneDid") {
  const auto cluster = Open([](ClusterOptions* options) { options->nodes = 3; });
  REQUIRE(cluster->Apply(DeploymentJson("web", 5)).ok());
  REQUIRE(cluster->Create(JobJson("long", 100)).ok());
  Good(cluster->Advance(absl::Seconds(33)));
  const std::string at_save = Everything(*cluster);
  const absl::Time saved_at = cluster->Now();
  const auto saved = cluster->Save();
  REQUIRE(saved.ok());
  CHECK(Everything(*cluster) == at_save);
  const auto go_on = [&] {
    REQUIRE(cluster->Create(JobJson("after", 5)).ok());
    Good(cluster->Advance(absl::Seconds(60)));
    REQUIRE(cluster->WaitJob({"jobs", "default", "after"}, kSoon).ok());
    CHECK_FALSE(cluster->WaitJob({"jobs", "default", "long"}, absl::ZeroDuration()).ok());
    Good(cluster->Advance(absl::Seconds(10)));
    CHECK(cluster->WaitJob({"jobs", "default", "long"}, kSoon).ok());
    REQUIRE(cluster->Delete({"deployments", "default", "web"}).ok());
    Good(cluster->Advance(absl::Minutes(5)));
    return Everything(*cluster);
  };
  const std::string first = go_on();
  for (int i = 0; i < 2; ++i) {
    const absl::Duration took = Took([&] { Good(cluster->Restore(*saved)); });
    WARN("restoring took " << absl::FormatDuration(took));
    CHECK(cluster->Now() == saved_at);
    CHECK(Everything(*cluster) == at_save);
    CHECK(go_on() == first);
  }
}

TEST_CASE("AClusterInRealTimeIsSavedAndRestoredAsWell") {
  const auto cluster = Open([](ClusterOptions* options) { options->clock = ClockKind::kReal; });
  REQUIRE(cluster->Apply(DeploymentJson("web", 3)).ok());
  Good(cluster->Settle(kSoon));
  const auto saved = cluster->Save();
  REQUIRE(saved.ok());
  const std::vector<std::string> pods = PodNames(*cluster);
  REQUIRE(cluster->Delete({"deployments", "default", "web"}).ok());
  Good(cluster->Wait({"pods", "default", pods[0]}, "delete", kSoon));
  Good(cluster->Restore(*saved));
  CHECK(PodNames(*cluster) == pods);
  Good(cluster->Settle(kSoon));
  CHECK(PodNames(*cluster) == pods);
  CHECK(absl::IsFailedPrecondition(cluster->Advance(absl::Seconds(1))));
}

TEST_CASE("AWatchGoesOnOverARestore") {
  const auto cluster = Open();
  const auto saved = cluster->Save();
  REQUIRE(saved.ok());
  std::vector<std::string> seen;  // Written by the cluster's one thread, between our calls.
  const auto watch = cluster->Watch(
      {"configmaps", "default", "", ""},
      [&](const WatchEvent& event) {
        const auto object = api::JsonValue::Parse(event.object_json);
        seen.push_back(absl::StrCat(static_cast<int>(event.type), " ",
                                    object->Find("metadata")->Find("name")->text()));
      },
      [](const absl::Status&) {});
  REQUIRE(watch.ok());
  const std::string map = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"}})";
  REQUIRE(cluster->Create(map).ok());
  Good(cluster->Settle(kSoon));
  Good(cluster->Restore(*saved));
  Good(cluster->Settle(kSoon));
  REQUIRE(cluster->Create(map).ok());
  Good(cluster->Settle(kSoon));
  CHECK(seen == std::vector<std::string>{"0 one", "2 one", "0 one"});
}

TEST_CASE("RestoringAgainAndAgainKeepsNothing") {
  const auto cluster = Open();
  REQUIRE(cluster->Apply(DeploymentJson("web", 3)).ok());
  Good(cluster->Settle(kSoon));
  const auto saved = cluster->Save();
  REQUIRE(saved.ok());
  int64_t before = 0;
  for (int i = 0; i < 300; ++i) {
    if (i == 100) before = ResidentMegabytes();
    Good(cluster->Restore(*saved));
  }
#ifndef __SANITIZE_ADDRESS__  // Which keeps what is freed, to see whether it is used.
  CHECK(ResidentMegabytes() - before < 20);
#else
  CHECK(ResidentMegabytes() - before < 200);
#endif
}

TEST_CASE("OptionsThatCannotBeAreRefused") {
  ClusterOptions options;
  options.clock = ClockKind::kVirtual;
  options.runtime = RuntimeKind::kProcess;
  options.nodes = 0;
  CHECK(absl::IsInvalidArgument(Cluster::Open(options).status()));
  options.runtime = RuntimeKind::kFake;
  options.controllers_off = {"coffee-controller"};
  const absl::Status refused = Cluster::Open(options).status();
  CHECK(absl::IsInvalidArgument(refused));
  CHECK(absl::StrContains(std::string(refused.message()), "job-controller"));
  options = {};
  options.runtime = RuntimeKind::kFake;
  options.seed = 5;
  CHECK(Cluster::Open(options).status().message() == "option seed: it needs a virtual clock");
}

TEST_CASE("AControllerThatIsOffDoesNothing") {
  const auto cluster =
      Open([](ClusterOptions* options) { options->controllers_off = {"job-controller"}; });
  REQUIRE(cluster->Create(JobJson("work", 0)).ok());
  Good(cluster->Advance(absl::Minutes(1)));
  CHECK(PodNames(*cluster).empty());
}

TEST_CASE("EachControllerCanBeOff") {
  const auto names = [](Cluster& cluster) {
    std::set<std::string> out;
    const auto inspected = api::JsonValue::Parse(*cluster.Inspect());
    for (const auto& one : inspected->Find("controllers")->items()) {
      out.insert(one.Find("name")->text());
    }
    return out;
  };
  const std::set<std::string> all = names(*Open());
  CHECK(all.size() == 9);
  for (const std::string& off : all) {
    std::set<std::string> others = all;
    others.erase(off);
    CHECK(names(*Open([&](ClusterOptions* options) { options->controllers_off = {off}; })) ==
          others);
  }
}

TEST_CASE("InspectSaysWhatAControllerFailsAtAndWhenItTriesAgain") {
  const auto cluster = Open();
  Good(cluster->InjectFault(Fault::FailWrites(1000, "create", "pods")));
  REQUIRE(cluster->Apply(DeploymentJson("web", 1)).ok());
  Good(cluster->Advance(absl::Seconds(10)));
  const auto inspected = api::JsonValue::Parse(*cluster->Inspect());
  const auto& all = inspected->Find("controllers")->items();
  const auto found = std::find_if(all.begin(), all.end(), [](const api::JsonValue& one) {
    return one.Find("name")->text() == "replicaset-controller";
  });
  REQUIRE(found != all.end());
  INFO(found->ToString());
  REQUIRE(found->Find("failures")->entries().size() == 1);
  CHECK(found->Find("queueDepth")->text() == "0");  // It waits.
  absl::Time wake;
  std::string error;
  REQUIRE(absl::ParseTime(absl::RFC3339_full, found->Find("nextWake")->text(), &wake, &error));
  CHECK(wake > cluster->Now());
}

TEST_CASE("OneMadeHereGoesOnInVirtualTime") {
  Controller controller;
  controller.name = "maps";
  controller.kind = "configmaps";
  controller.label_selector = "job";
  controller.reconcile = [](ControllerClient& client,
                            const ReconcileRequest& request) -> absl::StatusOr<ReconcileResult> {
    if (!client.Get({"configmaps", request.name_space, request.name}).ok()) {
      return ReconcileResult{};
    }
    const auto applied = client.Apply(JobJson(request.name, 30));
    if (!applied.ok()) return applied.status();
    return ReconcileResult{absl::Hours(1)};
  };
  const auto cluster =
      Open([&](ClusterOptions* options) { options->extensions.controllers.push_back(controller); });
  REQUIRE(cluster
              ->Create(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m",
                          "labels":{"job":"yes"}}})")
              .ok());
  Good(cluster->Settle(kSoon));
  Good(cluster->Wait({"jobs", "default", "m"}, "create", absl::ZeroDuration()));
  const auto saved = cluster->Save();
  REQUIRE(saved.ok());
  for (int i = 0; i < 2; ++i) {
    Good(cluster->Advance(absl::Minutes(1)));
    CHECK(cluster->WaitJob({"jobs", "default", "m"}, absl::ZeroDuration()).ok());
    REQUIRE(cluster->Delete({"jobs", "default", "m"}).ok());
    Good(cluster->Advance(absl::Hours(2)));
    CHECK(cluster->Get({"jobs", "default", "m"}).ok());
    Good(cluster->Restore(*saved));
  }
}

TEST_CASE("AHundredClustersRunAJobEachAtTheSameTime") {
  const absl::Duration took = Took([] {
    constexpr int kThreads = 4;
    std::vector<std::unique_ptr<Cluster>> clusters(100);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (size_t i = t; i < clusters.size(); i += kThreads) {
          ClusterOptions options;
          options.runtime = RuntimeKind::kFake;
          options.clock = ClockKind::kVirtual;
          options.seed = i;
          auto opened = Cluster::Open(options);
          if (!opened.ok()) continue;
          clusters[i] = *std::move(opened);
          clusters[i]->Create(JobJson("work", 3600)).IgnoreError();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    const auto count = std::distance(begin(tasks), end(tasks));
    WARN("threads: " << count << ", resident: " << ResidentMegabytes() << " MiB");
    CHECK(count < 110);  // One each.
    for (const auto& cluster : clusters) {
      REQUIRE(cluster != nullptr);
      Good(cluster->Advance(absl::Hours(2)));
      CHECK(cluster->WaitJob({"jobs", "default", "work"}, absl::ZeroDuration()).ok());
    }
  });
  WARN("a hundred clusters took " << absl::FormatDuration(took));
}

TEST_CASE("PodsGoOneByOneWhereWritesAreSlow") {
  const auto cluster = Open();
  REQUIRE(cluster->Apply(DeploymentJson("web", 3)).ok());
  Good(cluster->Settle(kSoon));
  std::thread deleter;
  Good(cluster->InjectFault(Fault::SlowDisk(absl::Seconds(2))));
  deleter = std::thread([&] { cluster->Delete({"deployments", "default", "web"}).IgnoreError(); });
  while (cluster->Get({"deployments", "default", "web"}).ok()) {
    Good(cluster->Advance(absl::Seconds(1)));
  }
  deleter.join();
  Good(cluster->Advance(absl::Minutes(2)));
  CHECK(PodNames(*cluster).empty());
}

std::string PodJson(const std::string& name, const std::string& spec = "") {
  return absl::StrCat(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")", name,
                      R"("},"spec":{)", spec, R"("containers":[{"name":"c","image":"x"}]}})");
}

std::string MapJson(const std::string& name) {
  return absl::StrCat(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")", name,
                      R"("}})");
}

std::string WhyPending(Cluster& cluster, const std::string& pod) {
  const api::JsonValue view = *api::JsonValue::Parse(*cluster.Inspect());
  for (const auto& each : view.Find("scheduler")->Find("pending")->items()) {
    if (each.Find("pod")->text() == "default/" + pod) return each.Find("why")->text();
  }
  return "";
}

TEST_CASE("ABindingThatFailsIsTriedAgainAndSettleWaitsForIt") {
  const auto cluster = Open([](ClusterOptions* options) { options->nodes = 2; });
  Good(cluster->Settle(kSoon));
  for (const char* error : {"Conflict", "InternalError"}) {
    Good(cluster->InjectFault(Fault::FailWrites(3, "update", "pods", "", "", error)));
    const std::string name = absl::AsciiStrToLower(error);
    REQUIRE(cluster->Create(PodJson(name)).ok());
    CHECK(absl::StrContains(WhyPending(*cluster, name), "binding it failed: "));
    CHECK(absl::IsDeadlineExceeded(cluster->Settle(absl::Milliseconds(1))));
    Good(cluster->Settle(kSoon));
    Good(cluster->Wait({"pods", "default", name}, "jsonpath={.status.phase}=Running",
                       absl::ZeroDuration()));
    CHECK(WhyPending(*cluster, name).empty());
  }
}

TEST_CASE("ACallTakesTheVirtualTimeThatTheDiskTakes") {
  const auto cluster = Open();
  Good(cluster->InjectFault(Fault::SlowDisk(absl::Hours(1))));
  const absl::Time begin = cluster->Now();
  REQUIRE(cluster->Create(MapJson("one")).ok());
  CHECK(cluster->Now() - begin >= absl::Hours(1));
  CHECK(cluster->Now() - begin < absl::Hours(2));
  REQUIRE(cluster->Apply(MapJson("two")).ok());
  Good(cluster->Save().status());  // What is late is done first.
  Good(cluster->Save().status());
  Good(cluster->Advance(absl::Hours(2)));
}

TEST_CASE("ClosingEndsCallsThatASlowDiskHoldsUp") {
  for (const ClockKind clock : {ClockKind::kVirtual, ClockKind::kReal}) {
    for (const int members : {1, 3}) {
      const auto cluster = Open([&](ClusterOptions* options) {
        options->clock = clock;
        options->members = members;
      });
      // Of virtual time so much passes at once that it would be over first.
      const auto delay = clock == ClockKind::kVirtual ? absl::Hours(1) : absl::Minutes(1);
      Good(cluster->InjectFault(Fault::SlowDisk(delay)));
      std::atomic<bool> begun = false;
      absl::Status created;
      int made = 0;
      std::thread caller([&] {
        begun = true;
        while (created.ok()) created = cluster->Create(MapJson(absl::StrCat("m", ++made))).status();
      });
      while (!begun) std::this_thread::yield();
      const absl::Duration took = Took([&] { Good(cluster->Close(/*stop_pods=*/true)); });
      caller.join();
      INFO(members << " members, " << created);
      // What had reached the members' logs by then may be done.
      CHECK((absl::IsUnavailable(created) || absl::IsDeadlineExceeded(created)));
      CHECK(took < absl::Seconds(30));
    }
  }
}

TEST_CASE("AFaultOfAWriteNamesWhatWasWritten") {
  const auto cluster = Open();
  for (const char* error : {"Conflict", "Forbidden"}) {
    Good(cluster->InjectFault(Fault::FailWrites(1, "", "", "", "web-*", error)));
    const absl::Status status = cluster->Create(MapJson("web-1")).status();
    INFO(status);
    CHECK(absl::StrContains(std::string(status.message()), "configmaps \"web-1\""));
  }
}

TEST_CASE("ADiskOfNoMemberIsRefused") {
  const auto cluster = Open();
  const absl::Status slow = cluster->InjectFault(Fault::SlowDisk(absl::Seconds(1), 5));
  CHECK(absl::IsNotFound(slow));
  CHECK(slow.message() == "there is no member 5: the only one is 0");
  CHECK(absl::IsNotFound(cluster->InjectFault(Fault::FailDisk(true, 1))));
  Good(cluster->InjectFault(Fault::FailDisk(true, 0)));
}

TEST_CASE("InspectSaysWhyNobodyLooksForANode") {
  const auto cluster = Open();
  REQUIRE(cluster->Create(PodJson("gated", R"("schedulingGates":[{"name":"quota"}],)")).ok());
  REQUIRE(cluster->Create(PodJson("other", R"("schedulerName":"mine",)")).ok());
  Good(cluster->Settle(kSoon));
  CHECK(WhyPending(*cluster, "gated") == "it waits until its scheduling gates are removed: quota");
  CHECK(WhyPending(*cluster, "other") == "it waits for the scheduler \"mine\", its schedulerName");
}

}  // namespace
}  // namespace skiff
