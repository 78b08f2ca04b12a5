// Controllers and admission of the host's own on a virtual clock.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "skiff/cluster.h"

namespace skiff {
namespace {

using api::JsonValue;

ClusterOptions Simulated(ClockKind clock) {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.clock = clock;
  return options;
}

std::unique_ptr<Cluster> OpenVirtual(Extensions extensions, uint64_t seed = 7,
                                     RuntimeKind runtime = RuntimeKind::kFake) {
  ClusterOptions options;
  options.runtime = runtime;
  options.clock = ClockKind::kVirtual;
  options.seed = seed;
  options.extensions = std::move(extensions);
  auto cluster = Cluster::Open(options);
  INFO(cluster.status());
  REQUIRE(cluster.ok());
  return *std::move(cluster);
}

Extensions With(Controller controller) {
  Extensions out;
  out.controllers.push_back(std::move(controller));
  return out;
}

std::string Config(const std::string& name, int size) {
  return absl::StrCat("{apiVersion: v1, kind: ConfigMap, metadata: {name: ", name,
                      ", labels: {app: z}}, data: {size: \"", size, "\"}}");
}

// For each ConfigMap with a label a Job, whose end it writes back.
Controller JobKeeper() {
  Controller out;
  out.name = "keeper";
  out.kind = "configmaps";
  out.label_selector = "app";
  out.owns = {"jobs"};
  out.reconcile = [](ControllerClient& client,
                     const ReconcileRequest& request) -> absl::StatusOr<ReconcileResult> {
    const auto found = client.Get({"configmaps", request.name_space, request.name});
    if (absl::IsNotFound(found.status())) return ReconcileResult{};
    if (!found.ok()) return found.status();
    JsonValue config = *JsonValue::Parse(*found);
    JsonValue& data = *config.Find("data");
    if (data.Find("done") != nullptr) return ReconcileResult{};
    const auto job = client.Get({"jobs", request.name_space, request.name});
    if (absl::IsNotFound(job.status())) {
      const std::string owner = absl::StrCat(
          R"({"apiVersion":"v1","kind":"ConfigMap","controller":true,"name":")", request.name,
          R"(","uid":")", config.Find("metadata")->Find("uid")->text(), R"("})");
      const auto created = client.Create(absl::StrCat(
          R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":")", request.name,
          R"(","ownerReferences":[)", owner,
          R"(]},"spec":{"template":{"metadata":{"annotations":{"fake.skiff.dev/run-seconds":")",
          data.Find("size")->text(),
          R"("}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"x:v1"}]}}}})"));
      return created.ok() ? absl::StatusOr<ReconcileResult>(ReconcileResult{}) : created.status();
    }
    if (!job.ok()) return job.status();
    if (!absl::StrContains(*job, "\"type\":\"Complete\"")) return ReconcileResult{};
    data.Member("done") = JsonValue::String(absl::FormatTime(client.Now(), absl::UTCTimeZone()));
    const auto updated = client.Update(config.ToString());
    return updated.ok() ? absl::StatusOr<ReconcileResult>(ReconcileResult{}) : updated.status();
  };
  return out;
}

TEST_CASE("AControllerWorksInVirtualTimeAndIsWaitedForBySettle") {
  const auto cluster = OpenVirtual(With(JobKeeper()));
  const absl::Time begun = cluster->Now();
  REQUIRE(cluster->Apply(Config("long", 7200)).ok());
  REQUIRE(cluster->Settle(absl::Seconds(30)).ok());
  const ObjectRef config{"configmaps", "default", "long"};
  CHECK(cluster->Get({"jobs", "default", "long"}).ok());
  CHECK(cluster->AssertIdle(absl::Minutes(1)).ok());
  CHECK(!absl::StrContains(*cluster->Get(config), "\"done\""));
  REQUIRE(cluster->Advance(absl::Hours(3)).ok());
  CHECK(absl::StrContains(*cluster->Get(config), "\"done\""));
  CHECK(cluster->Now() - begun >= absl::Hours(3));
}

TEST_CASE("AControllerThatWritesWheneverItIsCalledIsToldOf") {
  Controller hot = JobKeeper();
  hot.name = "hot";
  hot.reconcile = [](ControllerClient& client,
                     const ReconcileRequest& request) -> absl::StatusOr<ReconcileResult> {
    JsonValue config = *JsonValue::Parse(*client.Get({"configmaps", "default", request.name}));
    JsonValue& data = *config.Find("data");
    data.Member("size") = JsonValue::String(data.Find("size")->text() == "1" ? "2" : "1");
    const auto updated = client.Update(config.ToString());
    return updated.ok() ? absl::StatusOr<ReconcileResult>(ReconcileResult{}) : updated.status();
  };
  const auto cluster = OpenVirtual(With(std::move(hot)));
  REQUIRE(cluster->Create(Config("one", 1)).ok());
  const absl::Status settled = cluster->Settle(absl::Seconds(5));
  CHECK(absl::IsDeadlineExceeded(settled));
  CHECK(absl::StrContains(std::string(settled.message()),
                          "timed out waiting for the cluster to settle: busy are hot"));
  const absl::Status advanced = cluster->Advance(absl::Seconds(5));
  CHECK(absl::IsDeadlineExceeded(advanced));
  CHECK(absl::StrContains(std::string(advanced.message()), "busy are hot"));
  CHECK(cluster->Get({"configmaps", "default", "one"}).ok());
}

TEST_CASE("ToLookAgainAfterNothingAsksForNothing") {
  for (const absl::Duration again : {absl::ZeroDuration(), -absl::Seconds(5), absl::Seconds(20)}) {
    Controller controller = JobKeeper();
    int calls = 0;
    controller.reconcile = [&](ControllerClient&, const ReconcileRequest&) {
      ++calls;
      return ReconcileResult{again};
    };
    const auto cluster = OpenVirtual(With(std::move(controller)));
    REQUIRE(cluster->Create(Config("one", 1)).ok());
    REQUIRE(cluster->Advance(absl::Seconds(50)).ok());
    if (again < absl::ZeroDuration()) {
      CHECK(calls > 5);  // Each is an error, tried again with a back-off.
      CHECK(calls < 20);
    } else {
      CHECK(calls == (again > absl::ZeroDuration() ? 3 : 1));
    }
  }
}

TEST_CASE("InspectSaysWhatAControllerOfTheHostsFailsAt") {
  const auto cluster = OpenVirtual(With(JobKeeper()));
  REQUIRE(cluster->InjectFault(Fault::FailWrites(1000, "create", "jobs")).ok());
  REQUIRE(cluster->Apply(Config("broken", 60)).ok());
  REQUIRE(cluster->Advance(absl::Seconds(10)).ok());
  const auto inspected = JsonValue::Parse(*cluster->Inspect());
  const JsonValue& keeper = inspected->Find("controllers")->items().back();
  INFO(keeper.ToString());
  CHECK(keeper.Find("name")->text() == "keeper");
  REQUIRE(keeper.Find("failures")->entries().size() == 1);
  CHECK(keeper.Find("failures")->entries()[0].first == "default/broken");
  const std::string failures = keeper.Find("failures")->entries()[0].second.text();
  CHECK(std::stoi(failures) > 5);
  CHECK(keeper.Find("reconciles")->text() == failures);
  CHECK(keeper.Find("queueDepth")->text() == "0");
  CHECK_FALSE(keeper.Find("nextWake")->is_null());
  CHECK(keeper.Find("lastPlan")->is_null());
}

TEST_CASE("InspectSaysWhatAControllerOfTheHostsWrote") {
  const auto cluster = OpenVirtual(With(JobKeeper()));
  REQUIRE(cluster->Apply(Config("short", 60)).ok());
  const auto plan = [&] {
    const auto view = JsonValue::Parse(*cluster->Inspect());
    return view->Find("controllers")->items().back().Find("lastPlan")->ToString();
  };
  REQUIRE(cluster->Settle(absl::Seconds(5)).ok());
  CHECK(plan() == R"({"key":"default/short","writes":["create jobs.batch default/short"]})");
  REQUIRE(cluster->Advance(absl::Hours(1)).ok());
  CHECK(plan() == R"({"key":"default/short","writes":["update configmaps default/short"]})");
}

TEST_CASE("ARestoredClusterHasItsControllers") {
  const auto cluster = OpenVirtual(With(JobKeeper()));
  REQUIRE(cluster->Apply(Config("first", 3600)).ok());
  REQUIRE(cluster->Settle(absl::Seconds(30)).ok());
  const auto saved = cluster->Save();
  INFO(saved.status());
  REQUIRE(saved.ok());
  std::string ends[2];
  for (std::string& end : ends) {
    REQUIRE(cluster->Restore(*saved).ok());
    CHECK(absl::IsNotFound(cluster->Get({"jobs", "default", "second"}).status()));
    REQUIRE(cluster->Apply(Config("second", 60)).ok());
    REQUIRE(cluster->Settle(absl::Seconds(30)).ok());
    CHECK(cluster->Get({"jobs", "default", "second"}).ok());
    REQUIRE(cluster->Advance(absl::Hours(2)).ok());
    end = *cluster->List({"configmaps", "default", "app", ""});
    CHECK(absl::StrContains(end, "\"done\""));
  }
  CHECK(ends[0] == ends[1]);
}

TEST_CASE("AControllerOutlivesTheMemberThatLeads") {
  std::string ends[2];
  for (std::string& end : ends) {
    ClusterOptions options;
    options.runtime = RuntimeKind::kFake;
    options.clock = ClockKind::kVirtual;
    options.seed = 7;
    options.members = 3;
    options.extensions = With(JobKeeper());
    const auto opened = Cluster::Open(options);
    INFO(opened.status());
    REQUIRE(opened.ok());
    Cluster& cluster = **opened;
    for (int i = 0; i < 3; ++i) {
      const std::string name = absl::StrCat("round-", i);
      REQUIRE(cluster.Apply(Config(name, 60)).ok());
      const absl::Status settled = cluster.Settle(absl::Minutes(1));
      INFO(settled);
      REQUIRE(settled.ok());
      CHECK(cluster.Get({"jobs", "default", name}).ok());
      REQUIRE(cluster.InjectFault(Fault::KillMember(i)).ok());
      REQUIRE(cluster.Advance(absl::Minutes(5)).ok());
      CHECK(absl::StrContains(*cluster.Get({"configmaps", "default", name}), "\"done\""));
      REQUIRE(cluster.InjectFault(Fault::RestartMember(i)).ok());
      REQUIRE(cluster.Settle(absl::Minutes(1)).ok());
    }
    end = *cluster.List({"configmaps", "default", "app", ""});
  }
  CHECK(ends[0] == ends[1]);
}

TEST_CASE("AVirtualHistoryWithAControllerIsTheSameForTheSameSeed") {
  std::string histories[2];
  for (std::string& history : histories) {
    const auto cluster = OpenVirtual(With(JobKeeper()), 11);
    for (int i = 0; i < 5; ++i) REQUIRE(cluster->Apply(Config(absl::StrCat("c", i), i * 60)).ok());
    REQUIRE(cluster->Advance(absl::Hours(1)).ok());
    history = *cluster->List({"jobs", "default", "", ""}) +
              *cluster->List({"configmaps", "default", "", ""});
  }
  CHECK(histories[0] == histories[1]);
}

TEST_CASE("ACallThatAsksForAnotherGetsItInVirtualTime") {
  std::vector<absl::Time> calls;
  int failures = 0;
  Controller controller = JobKeeper();
  controller.owns.clear();
  controller.reconcile = [&](ControllerClient& client,
                             const ReconcileRequest&) -> absl::StatusOr<ReconcileResult> {
    if (++failures <= 3) return absl::UnavailableError("not now");
    calls.push_back(client.Now());
    return ReconcileResult{.requeue_after = absl::Hours(24)};
  };
  const auto cluster = OpenVirtual(With(controller));
  REQUIRE(cluster->Apply(Config("one", 1)).ok());
  REQUIRE(cluster->Advance(absl::Hours(24 * 7)).ok());
  REQUIRE(calls.size() == 7);
  for (size_t i = 1; i < calls.size(); ++i) CHECK(calls[i] - calls[i - 1] == absl::Hours(24));
}

TEST_CASE("ARuntimeOfTheHostsOwnWorksOnAVirtualClock") {
  std::vector<std::shared_ptr<ContainerRun>> runs;
  Extensions extensions;
  extensions.runtimes.push_back({.name = "vm",
                                 .start =
                                     [&](const ContainerStart&, std::shared_ptr<ContainerRun> run) {
                                       run->Running();
                                       runs.push_back(std::move(run));
                                       return absl::OkStatus();
                                     },
                                 .stop = [](const std::string&, bool) {}});
  const auto cluster = OpenVirtual(std::move(extensions), 7, RuntimeKind::kCustom);
  REQUIRE(cluster
              ->Apply("{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: "
                      "[{name: c, image: 'x:v1'}]}}")
              .ok());
  REQUIRE(cluster->Settle(absl::Seconds(30)).ok());
  const ObjectRef pod{"pods", "default", "one"};
  CHECK(cluster->Wait(pod, "condition=Ready", absl::ZeroDuration()).ok());
  REQUIRE(runs.size() == 1);
  runs[0]->Exited(1);  // From a thread of the host's.
  REQUIRE(cluster->Advance(absl::Hours(1)).ok());
  CHECK(runs.size() == 2);
  CHECK(cluster->Wait(pod, "condition=Ready", absl::ZeroDuration()).ok());
  CHECK(cluster->Delete(pod).ok());
  REQUIRE(cluster->Settle(absl::Minutes(2)).ok());
  // It did not end by itself: past its grace it counts as killed.
  REQUIRE(cluster->Advance(absl::Minutes(1)).ok());
  CHECK(absl::IsNotFound(cluster->Get(pod).status()));
}

TEST_CASE("ARuntimeThatFailsIsAskedAgainWhateverTheRestartPolicy") {
  std::vector<absl::Status> failures = {absl::InternalError("busy"), absl::NotFoundError("asleep"),
                                        absl::InvalidArgumentError("away")};
  int starts = 0;
  Extensions extensions;
  extensions.runtimes.push_back(
      {.name = "vm",
       .start = [&](const ContainerStart&, std::shared_ptr<ContainerRun> run) -> absl::Status {
         if (starts < 3) return failures[starts++];
         ++starts;
         run->Running();
         run->Exited(0);
         return absl::OkStatus();
       },
       .stop = [](const std::string&, bool) {}});
  const auto cluster = OpenVirtual(std::move(extensions), 7, RuntimeKind::kCustom);
  REQUIRE(cluster
              ->Apply("{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {restartPolicy: "
                      "Never, containers: [{name: c, image: 'x:v1'}]}}")
              .ok());
  REQUIRE(cluster->Settle(absl::Seconds(5)).ok());
  CHECK(starts == 1);
  CHECK(absl::StrContains(*cluster->Get({"pods", "default", "one"}), "CreateContainerError"));
  REQUIRE(cluster->Advance(absl::Hours(1)).ok());
  CHECK(starts == 4);
  CHECK(absl::StrContains(*cluster->Get({"pods", "default", "one"}), "\"phase\":\"Succeeded\""));
}

TEST_CASE("ACallbackCannotCloseItsClusterButMayUseAnother") {
  for (const ClockKind clock : {ClockKind::kVirtual, ClockKind::kReal}) {
    for (const ClockKind others : {ClockKind::kVirtual, ClockKind::kReal}) {
      Cluster* mine = nullptr;
      std::unique_ptr<Cluster> other = Cluster::Open(Simulated(others)).value();
      absl::Status closed;
      absl::Status wrote;
      absl::Status closed_other;
      ClusterOptions options = Simulated(clock);
      Controller& controller = options.extensions.controllers.emplace_back(JobKeeper());
      controller.reconcile = [&](ControllerClient&, const ReconcileRequest& request) {
        closed = mine->Close(/*stop_pods=*/true);
        wrote = other->Create(Config(request.name, 1)).status();
        closed_other = other->Close(/*stop_pods=*/true);
        return ReconcileResult{};
      };
      const auto cluster = Cluster::Open(options).value();
      mine = cluster.get();
      REQUIRE(cluster->Create(Config("one", 1)).ok());
      REQUIRE(cluster->Settle(absl::Seconds(60)).ok());
      CHECK(absl::IsFailedPrecondition(closed));
      CHECK(closed.message() == "a callback of the cluster must not close it");
      CHECK(wrote.ok());
      CHECK(closed_other.ok());
      CHECK(cluster->Get({"configmaps", "default", "one"}).ok());
      CHECK(cluster->Close(/*stop_pods=*/true).ok());
    }
  }
}

TEST_CASE("AControllerWaitsForASlowDiskInVirtualTime") {
  const auto cluster = OpenVirtual(With(JobKeeper()));
  REQUIRE(cluster->InjectFault(Fault::SlowDisk(absl::Minutes(10))).ok());
  REQUIRE(cluster->Apply(Config("short", 1)).ok());
  REQUIRE(cluster->Advance(absl::Hours(3)).ok());
  CHECK(absl::StrContains(*cluster->Get({"configmaps", "default", "short"}), "\"done\""));
}

TEST_CASE("AdmissionWorksOnAVirtualClock") {
  AdmissionHook hook;
  hook.name = "small";
  hook.kinds = {"configmaps"};
  hook.review = [](const AdmissionReview& review) {
    return AdmissionVerdict{!absl::StrContains(review.object_json, "\"size\":\"9\""), "too large"};
  };
  Extensions extensions = With(JobKeeper());
  extensions.admission.push_back(hook);
  const auto cluster = OpenVirtual(std::move(extensions));
  CHECK(cluster->Apply(Config("fine", 1)).ok());
  CHECK(absl::StrContains(cluster->Apply(Config("large", 9)).status().message(),
                          "admission webhook \"small\" denied the request: too large"));
}

}  // namespace
}  // namespace skiff
