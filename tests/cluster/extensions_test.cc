// Controllers, admission and runtimes of the host's own, through the public face.
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "api/json_value.h"
#include "skiff/cluster.h"
#include "skiff/extend.h"

namespace skiff {
namespace {

using api::JsonValue;

constexpr absl::Duration kSoon = absl::Seconds(60);

std::unique_ptr<Cluster> Open(Extensions extensions, int nodes = 0,
                              RuntimeKind runtime = RuntimeKind::kFake) {
  ClusterOptions options;
  options.runtime = runtime;
  options.nodes = nodes;
  options.extensions = std::move(extensions);
  auto cluster = Cluster::Open(options);
  INFO(cluster.status());
  REQUIRE(cluster.ok());
  return *std::move(cluster);
}

absl::Status WhyNot(Extensions extensions) {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.nodes = 0;
  options.extensions = std::move(extensions);
  return Cluster::Open(options).status();
}

// What callbacks have seen, for the test to wait on.
template <typename T>
class Seen {
 public:
  void Add(T value) {
    std::lock_guard<std::mutex> lock(mutex_);
    all_.push_back(std::move(value));
    changed_.notify_all();
  }
  // False if it does not come soon.
  template <typename Wanted>
  bool Await(Wanted wanted) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return wanted(all_); });
  }
  std::vector<T> all() {
    std::lock_guard<std::mutex> lock(mutex_);
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> all_;
};

std::string Shop(const std::string& name, int counters, const std::string& labels = "shop: x") {
  return absl::StrCat("{apiVersion: v1, kind: ConfigMap, metadata: {name: ", name, ", labels: {",
                      labels, "}}, data: {counters: \"", counters, "\"}}");
}

// Brings a Deployment to what a ConfigMap says, and tells in it how many counters are open.
absl::StatusOr<ReconcileResult> ReconcileShop(ControllerClient& client,
                                              const ReconcileRequest& request) {
  const auto found = client.Get({"configmaps", request.name_space, request.name});
  if (absl::IsNotFound(found.status())) return ReconcileResult{};
  if (!found.ok()) return found.status();
  JsonValue shop = *JsonValue::Parse(*found);
  const std::string counters = shop.Find("data")->Find("counters")->text();
  const auto applied = client.Apply(absl::StrCat(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":")", request.name,
      R"(","namespace":")", request.name_space,
      R"(","ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","controller":true,"name":")",
      request.name, R"(","uid":")", shop.Find("metadata")->Find("uid")->text(),
      R"("}]},"spec":{"replicas":)", counters, R"(,"selector":{"matchLabels":{"shop":")",
      request.name, R"("}},"template":{"metadata":{"labels":{"shop":")", request.name,
      R"("}},"spec":{"containers":[{"name":"c","image":"x:v1"}]}}}})"));
  if (!applied.ok()) return applied.status();
  const auto deployment = client.Get({"deployments", request.name_space, request.name});
  if (!deployment.ok()) return deployment.status();
  const JsonValue parsed = *JsonValue::Parse(*deployment);
  const JsonValue* available = parsed.Find("status")->Find("availableReplicas");
  const std::string open = available == nullptr ? "0" : available->text();
  JsonValue& data = *shop.Find("data");
  if (data.Find("open") != nullptr && data.Find("open")->text() == open) return ReconcileResult{};
  data.Member("open") = JsonValue::String(open);
  const auto updated = client.Update(shop.ToString());
  if (!updated.ok()) return updated.status();
  const absl::Status said =
      client.RecordEvent({"configmaps", request.name_space, request.name}, "Normal", "Counted",
                         absl::StrCat(open, " counters are open"));
  if (!said.ok()) return said;
  return ReconcileResult{};
}

Extensions ShopKeeper() {
  Extensions out;
  Controller& controller = out.controllers.emplace_back();
  controller.name = "shops";
  controller.kind = "configmaps";
  controller.label_selector = "shop";
  controller.owns = {"deployments"};
  controller.reconcile = ReconcileShop;
  return out;
}

TEST_CASE("AControllerFollowsItsObjectsAndWhatTheyOwn") {
  const auto cluster = Open(ShopKeeper(), 1);
  REQUIRE(cluster->Apply(Shop("corner", 2)).ok());
  const ObjectRef corner{"configmaps", "default", "corner"};
  CHECK(cluster->Wait(corner, "jsonpath={.data.open}=2", kSoon).ok());
  REQUIRE(cluster->Apply(Shop("corner", 3)).ok());
  CHECK(cluster->Wait(corner, "jsonpath={.data.open}=3", kSoon).ok());
  // What it owns is made again when somebody deletes it.
  const ObjectRef deployment{"deployments", "default", "corner"};
  REQUIRE(cluster->Delete(deployment).ok());
  CHECK(cluster->Wait(corner, "jsonpath={.data.open}=0", kSoon).ok());
  CHECK(cluster->Wait(corner, "jsonpath={.data.open}=3", kSoon).ok());
  REQUIRE(cluster->Delete(corner).ok());
  CHECK(cluster->Wait(deployment, "delete", kSoon).ok());
}

TEST_CASE("AControllersEventsNameIt") {
  const auto cluster = Open(ShopKeeper(), 1);
  Seen<std::string> sources;
  const auto watch = cluster->Watch(
      {"events", "default", "", "reason=Counted"},
      [&](WatchEvent event) {
        sources.Add(JsonValue::Parse(event.object_json)->Find("source")->Find("component")->text());
      },
      nullptr);
  REQUIRE(watch.ok());
  REQUIRE(cluster->Apply(Shop("corner", 1)).ok());
  CHECK(sources.Await([](const auto& all) { return !all.empty(); }));
  CHECK(sources.all().at(0) == "shops");
}

TEST_CASE("AControllerIsNotAskedAboutWhatItsSelectorLeavesOut") {
  Seen<std::string> keys;
  Extensions extensions = ShopKeeper();
  extensions.controllers[0].reconcile =
      [&](ControllerClient&, const ReconcileRequest& request) -> absl::StatusOr<ReconcileResult> {
    keys.Add(request.name);
    return ReconcileResult{};
  };
  const auto cluster = Open(std::move(extensions));
  REQUIRE(cluster->Apply(Shop("other", 1, "app: z")).ok());
  REQUIRE(cluster->Apply(Shop("one", 1)).ok());
  REQUIRE(keys.Await([](const auto& all) { return all.size() == 1; }));
  // Out of the selection is as gone.
  REQUIRE(cluster->Delete({"configmaps", "default", "one"}).ok());
  REQUIRE(keys.Await([](const auto& all) { return all.size() == 2; }));
  CHECK(keys.all() == std::vector<std::string>{"one", "one"});
}

TEST_CASE("AFailedReconcileIsTriedAgainAndAnExceptionIsAFailure") {
  Seen<int> calls;
  Extensions extensions = ShopKeeper();
  int call = 0;  // One call at a time.
  extensions.controllers[0].reconcile =
      [&](ControllerClient&, const ReconcileRequest&) -> absl::StatusOr<ReconcileResult> {
    calls.Add(++call);
    if (call == 1) return absl::UnavailableError("not now");
    if (call == 2) throw std::runtime_error("oh");
    if (call == 3) return ReconcileResult{.requeue_after = absl::Milliseconds(1)};
    return ReconcileResult{};
  };
  const auto cluster = Open(std::move(extensions));
  REQUIRE(cluster->Apply(Shop("one", 1)).ok());
  CHECK(calls.Await([](const auto& all) { return all.size() == 4; }));
}

TEST_CASE("ClosingWaitsForACallThatIsUnderWayAndTurnsAwayWhatItAsks") {
  Seen<std::string> steps;
  Seen<int> go;
  Extensions extensions = ShopKeeper();
  extensions.controllers[0].reconcile =
      [&](ControllerClient& client,
          const ReconcileRequest& request) -> absl::StatusOr<ReconcileResult> {
    steps.Add("in");
    go.Await([](const auto& all) { return !all.empty(); });
    absl::Status status;
    while (status.ok()) {
      status = client.Get({"configmaps", request.name_space, request.name}).status();
    }
    steps.Add(status.ToString());
    return status;
  };
  const auto cluster = Open(std::move(extensions));
  REQUIRE(cluster->Apply(Shop("one", 1)).ok());
  REQUIRE(steps.Await([](const auto& all) { return !all.empty(); }));
  go.Add(1);
  REQUIRE(cluster->Close(true).ok());
  REQUIRE(steps.all().size() == 2);
  CHECK(steps.all().at(1) == "UNAVAILABLE: the cluster is closed");
}

TEST_CASE("ControllersThatCannotBeAreRefusedByName") {
  Extensions extensions = ShopKeeper();
  extensions.controllers.push_back(extensions.controllers[0]);
  CHECK(WhyNot(extensions).message() == "controller \"shops\": there are two of that name");
  extensions = ShopKeeper();
  extensions.controllers[0].kind = "shops";
  CHECK(WhyNot(extensions).message() ==
        "controller \"shops\": the server doesn't have a resource type \"shops\"");
  extensions = ShopKeeper();
  extensions.controllers[0].reconcile = nullptr;
  CHECK(WhyNot(extensions).message() == "controller \"shops\": it has no callback");
  extensions = ShopKeeper();
  extensions.controllers[0].name = "job-controller";
  CHECK(WhyNot(extensions).message() ==
        "controller \"job-controller\": the cluster has one of its own of that name");
}

// ---- admission ----

Extensions Hook(AdmissionHook hook) {
  Extensions out;
  out.admission.push_back(std::move(hook));
  return out;
}

TEST_CASE("AnAdmissionHookRefusesInKubernetesWords") {
  AdmissionHook hook;
  hook.name = "no-latest.example.com";
  hook.kinds = {"configmaps"};
  hook.review = [](const AdmissionReview& review) -> absl::StatusOr<AdmissionVerdict> {
    if (absl::StrContains(review.object_json, "latest")) return AdmissionVerdict{false, "a reason"};
    if (review.name == "silent") return AdmissionVerdict{false, ""};
    if (review.name == "broken") return absl::UnavailableError("gone fishing");
    if (review.name == "thrown") throw std::runtime_error("oh");
    if (review.name == "changed") return AdmissionVerdict{true, "", review.object_json};
    return AdmissionVerdict{};
  };
  const auto cluster = Open(Hook(hook));
  CHECK(cluster->Apply(Shop("fine", 1)).ok());
  const auto why = [&](const std::string& name, const std::string& labels = "a: b") {
    return cluster->Create(Shop(name, 1, labels)).status();
  };
  CHECK(absl::IsPermissionDenied(why("a", "tag: latest")));
  CHECK(absl::StrContains(
      why("a", "tag: latest").message(),
      "admission webhook \"no-latest.example.com\" denied the request: a reason"));
  CHECK(absl::StrContains(
      why("silent").message(),
      "admission webhook \"no-latest.example.com\" denied the request without explanation"));
  CHECK(absl::IsInternal(why("broken")));
  CHECK(absl::StrContains(why("broken").message(),
                          "failed calling webhook \"no-latest.example.com\": gone fishing"));
  CHECK(absl::StrContains(why("thrown").message(), "it threw an exception: oh"));
  CHECK(absl::StrContains(why("changed").message(), "is not a mutating one"));
  CHECK(absl::IsNotFound(cluster->Get({"configmaps", "default", "broken"}).status()));
}

TEST_CASE("AMutatingHookChangesWhatIsStoredBeforeTheOthersSeeIt") {
  Seen<std::string> reviewed;
  Extensions extensions;
  AdmissionHook sees;
  sees.name = "sees";
  sees.kinds = {"configmaps"};
  sees.review = [&](const AdmissionReview& review) -> absl::StatusOr<AdmissionVerdict> {
    reviewed.Add(absl::StrCat(static_cast<int>(review.verb), " ", review.kind, " ", review.name,
                              " ", absl::StrContains(review.object_json, "\"team\":\"blue\""), " ",
                              review.old_object_json.empty()));
    return AdmissionVerdict{};
  };
  AdmissionHook adds;
  adds.name = "adds";
  adds.kinds = {"cm"};
  adds.mutating = true;
  adds.review = [](const AdmissionReview& review) -> absl::StatusOr<AdmissionVerdict> {
    JsonValue object = *JsonValue::Parse(review.object_json);
    if (review.name == "renamed") {
      object.Member("metadata").Member("name") = JsonValue::String("other");
    }
    if (review.name == "odd") object.Member("nonsense") = JsonValue::Bool(true);
    object.Member("metadata").Member("uid") = JsonValue::String("mine");
    object.Member("data").Member("team") = JsonValue::String("blue");
    return AdmissionVerdict{true, "", object.ToString()};
  };
  extensions.admission = {sees, adds};
  const auto cluster = Open(std::move(extensions));
  const auto created = cluster->Create(Shop("one", 1));
  REQUIRE(created.ok());
  CHECK(absl::StrContains(*created, "\"team\":\"blue\""));
  CHECK(!absl::StrContains(*created, "\"uid\":\"mine\""));
  REQUIRE(cluster->Apply(Shop("one", 2)).ok());
  REQUIRE(cluster->Delete({"configmaps", "default", "one"}).ok());
  CHECK(reviewed.all() == std::vector<std::string>{"0 ConfigMap one 1 1", "1 ConfigMap one 1 0",
                                                   "2 ConfigMap one 0 0"});
  const auto renamed = cluster->Create(Shop("renamed", 1)).status();
  CHECK(absl::StrContains(renamed.message(), "it returned another object, \"default/other\""));
  CHECK(absl::StrContains(cluster->Create(Shop("odd", 1)).status().message(),
                          "unknown field \"nonsense\""));
}

TEST_CASE("AHookSeesTheVerbsItAsksForAndCannotCallTheCluster") {
  AdmissionHook hook;
  hook.name = "keeps";
  hook.kinds = {"configmaps"};
  hook.verbs = {AdmissionVerb::kDelete};
  Cluster* self = nullptr;
  hook.review = [&](const AdmissionReview&) -> absl::StatusOr<AdmissionVerdict> {
    return AdmissionVerdict{
        false, std::string(self->Get({"configmaps", "default", "one"}).status().message())};
  };
  const auto cluster = Open(Hook(hook));
  self = cluster.get();
  REQUIRE(cluster->Create(Shop("one", 1)).ok());
  CHECK(absl::StrContains(cluster->Delete({"configmaps", "default", "one"}).message(),
                          "a callback of the cluster must not call it"));
  CHECK(cluster->Get({"configmaps", "default", "one"}).ok());
}

TEST_CASE("HooksThatCannotBeAreRefusedByName") {
  AdmissionHook hook;
  hook.name = "h";
  hook.review = [](const AdmissionReview&) { return AdmissionVerdict{}; };
  CHECK(WhyNot(Hook(hook)).message() == "admission hook \"h\": it names no kinds");
  hook.kinds = {"pods", "shops"};
  CHECK(
      absl::StrContains(WhyNot(Hook(hook)).message(), "admission hook \"h\": the server doesn't"));
}

// ---- runtimes ----

// Keeps what it was told to run.
struct Machine {
  struct Started {
    ContainerStart start;
    std::shared_ptr<ContainerRun> run;
  };
  Seen<Started> started;
  Seen<std::string> stopped;

  CustomRuntime runtime() {
    CustomRuntime out;
    out.name = "vm";
    out.start = [this](const ContainerStart& start,
                       std::shared_ptr<ContainerRun> run) -> absl::Status {
      const JsonValue container = *JsonValue::Parse(start.container_json);
      if (container.Find("image")->text() == "broken:v1") {
        return absl::FailedPreconditionError("no such machine");
      }
      started.Add({start, std::move(run)});
      return absl::OkStatus();
    };
    out.stop = [this](const std::string& id, bool force) {
      stopped.Add(absl::StrCat(id, force ? " force" : ""));
      if (force) return;
      for (const Started& each : started.all()) {
        if (each.start.id == id) each.run->Exited(0);
      }
    };
    return out;
  }
  Started Await(size_t count) {
    REQUIRE(started.Await([&](const auto& all) { return all.size() >= count; }));
    return started.all().at(count - 1);
  }
};

std::string PodManifest(const std::string& name, const std::string& extra = "",
                        const std::string& image = "x:v1") {
  return absl::StrCat("{apiVersion: v1, kind: Pod, metadata: {name: ", name, "}, spec: {", extra,
                      "containers: [{name: main, image: \"", image,
                      "\", args: [a, \"$(WHO)\"], env: [{name: WHO, value: me}]}]}}");
}

std::unique_ptr<Cluster> OpenMachine(Machine* machine, RuntimeKind kind = RuntimeKind::kCustom) {
  Extensions extensions;
  extensions.runtimes.push_back(machine->runtime());
  return Open(std::move(extensions), 1, kind);
}

TEST_CASE("ACustomRuntimeRunsAPodAndReportsOnIt") {
  Machine machine;
  const auto cluster = OpenMachine(&machine);
  REQUIRE(cluster->Apply(PodManifest("one", "restartPolicy: OnFailure, ")).ok());
  const Machine::Started first = machine.Await(1);
  const ObjectRef pod{"pods", "default", "one"};
  CHECK(first.start.node == "node-0");
  CHECK(absl::StartsWith(first.start.id, "vm://"));
  CHECK(JsonValue::Parse(first.start.pod_json)->Find("name")->text() == "one");
  const JsonValue container = *JsonValue::Parse(first.start.container_json);
  CHECK(container.Find("args")->items().at(1).text() == "me");
  CHECK(container.Find("image")->text() == "x:v1");
  CHECK(absl::IsDeadlineExceeded(cluster->Wait(pod, "condition=Ready", absl::ZeroDuration())));
  const auto starts = [&] {
    const auto events = cluster->List({"events", "default", "", "reason=Started"});
    return JsonValue::Parse(*events)->Find("items")->items().size();
  };
  CHECK(starts() == 0);
  Seen<std::string> told;
  const auto watch = cluster->Watch(
      {"events", "default", "", "reason=Started"},
      [&](WatchEvent event) { told.Add(event.object_json); }, nullptr);
  first.run->Running();
  REQUIRE(cluster->Wait(pod, "condition=Ready", kSoon).ok());
  CHECK(told.Await([](const auto& all) { return !all.empty(); }));
  first.run->WriteLog("hel");
  first.run->WriteLog("lo\nyou\n");
  CHECK(*cluster->Logs({.pod = "one"}) == "hello\nyou\n");
  first.run->Exited(3, "broke");
  const Machine::Started second = machine.Await(2);
  first.run->Exited(4, "too late");
  second.run->Running();
  REQUIRE(cluster->Wait(pod, "jsonpath={.status.containerStatuses[0].restartCount}=1", kSoon).ok());
  CHECK(absl::StrContains(*cluster->Get(pod), "\"message\":\"broke\""));
  second.run->Exited(0);
  REQUIRE(cluster->Wait(pod, "jsonpath={.status.phase}=Succeeded", kSoon).ok());
}

TEST_CASE("ARuntimeClassChoosesACustomRuntime") {
  Machine machine;
  const auto cluster = OpenMachine(&machine, RuntimeKind::kFake);
  CHECK(cluster->Get({"runtimeclasses", "", "vm"}).ok());
  REQUIRE(cluster->Apply(PodManifest("simulated")).ok());
  REQUIRE(cluster->Wait({"pods", "default", "simulated"}, "condition=Ready", kSoon).ok());
  CHECK(machine.started.all().empty());
  REQUIRE(cluster->Apply(PodManifest("one", "runtimeClassName: vm, ")).ok());
  machine.Await(1).run->Running();
  CHECK(cluster->Wait({"pods", "default", "one"}, "condition=Ready", kSoon).ok());
}

TEST_CASE("ADeletedPodIsStoppedAndPastItsGraceByForce") {
  Machine machine;
  const auto cluster = OpenMachine(&machine);
  REQUIRE(cluster->Apply(PodManifest("kind")).ok());
  const Machine::Started kind = machine.Await(1);
  kind.run->Running();
  const ObjectRef pod{"pods", "default", "kind"};
  REQUIRE(cluster->Wait(pod, "condition=Ready", kSoon).ok());
  REQUIRE(cluster->Delete(pod).ok());
  REQUIRE(cluster->Wait(pod, "delete", kSoon).ok());
  CHECK(machine.stopped.all() == std::vector<std::string>{kind.start.id});

  REQUIRE(cluster->Apply(PodManifest("stays")).ok());
  const Machine::Started stays = machine.Await(2);
  stays.run->Running();
  const ObjectRef other{"pods", "default", "stays"};
  REQUIRE(cluster->Wait(other, "condition=Ready", kSoon).ok());
  REQUIRE(cluster->Close(/*stop_pods=*/false).ok());
  CHECK(machine.stopped.all().back() == stays.start.id + " force");
  stays.run->Exited(0);  // Nobody is there to hear it.
}

TEST_CASE("AContainerThatCannotStartSaysWhy") {
  Machine machine;
  const auto cluster = OpenMachine(&machine);
  REQUIRE(cluster->Apply(PodManifest("one", "restartPolicy: Never, ", "broken:v1")).ok());
  const ObjectRef pod{"pods", "default", "one"};
  REQUIRE(cluster->Wait(pod, "jsonpath={.status.phase}=Failed", kSoon).ok());
  const std::string object = *cluster->Get(pod);
  CHECK(absl::StrContains(object, "\"reason\":\"StartError\""));
  CHECK(absl::StrContains(object, "no such machine"));
}

TEST_CASE("RuntimesThatCannotBeAreRefusedByName") {
  Machine machine;
  Extensions extensions;
  extensions.runtimes.push_back(machine.runtime());
  extensions.runtimes[0].name = "fake";
  CHECK(WhyNot(extensions).message() == "runtime \"fake\": there is one of that name");
  extensions.runtimes[0].name = "My VM";
  CHECK(absl::StrContains(WhyNot(extensions).message(), "must be a DNS label"));
  ClusterOptions options;
  options.runtime = RuntimeKind::kCustom;
  CHECK(absl::IsInvalidArgument(Cluster::Open(options).status()));
}

}  // namespace
}  // namespace skiff
