// Whole clusters with simulated pods, through the public face.
#include "skiff/cluster.h"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/json_value.h"

namespace skiff {
namespace {

const char kDeployment[] = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web:v1}
)";

std::string JobManifest(const std::string& name, int exit_code, int backoff_limit = 0) {
  return absl::StrCat(R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":")", name,
                      R"("},"spec":{"backoffLimit":)", backoff_limit,
                      R"(,"template":{"metadata":{"annotations":{
                        "fake.skiff.dev/run-seconds":"0","fake.skiff.dev/output":"hello",
                        "fake.skiff.dev/exit-code":")",
                      exit_code,
                      R"("}},"spec":{"restartPolicy":"Never",
                        "containers":[{"name":"work","image":"x"}]}}}})");
}

std::unique_ptr<Cluster> OpenFake(int nodes = 1, const std::string& data_dir = "") {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.nodes = nodes;
  options.data_dir = data_dir;
  auto cluster = Cluster::Open(options);
  INFO(cluster.status());
  REQUIRE(cluster.ok());
  return *std::move(cluster);
}

// What a watch of the ConfigMaps of "default" tells.
class MapWatch {
 public:
  explicit MapWatch(Cluster* cluster) {
    auto watch = cluster->Watch(
        {"configmaps", "default", "", ""},
        [this](WatchEvent event) {
          const std::lock_guard<std::mutex> lock(mutex_);
          seen_.push_back(event.type);
          changed_.notify_all();
        },
        [](absl::Status) {});
    REQUIRE(watch.ok());
    watch_ = *std::move(watch);
  }
  // Whether so many events come.
  bool Await(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return seen_.size() >= count; });
  }
  // All that came.
  std::vector<WatchEvent::Type> End() {
    watch_.reset();
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<WatchEvent::Type> seen_;
  std::unique_ptr<Subscription> watch_;  // Ends before what it tells.
};

size_t CountPods(Cluster& cluster, const std::string& selector) {
  const auto list = cluster.List({"pods", "default", selector, ""});
  REQUIRE(list.ok());
  return api::JsonValue::Parse(*list)->Find("items")->items().size();
}

TEST_CASE("ADeploymentBecomesAvailableAndScalesAndGoes") {
  const auto cluster = OpenFake(3);
  const auto applied = cluster->Apply(kDeployment);
  INFO(applied.status());
  REQUIRE(applied.ok());
  CHECK(applied->at(0).outcome == Applied::Outcome::kCreated);
  const ObjectRef web{"Deployment", "default", "web"};
  REQUIRE(cluster->Wait(web, "jsonpath={.status.availableReplicas}=3", absl::Seconds(20)).ok());
  CHECK(CountPods(*cluster, "app=web") == 3);
  CHECK(cluster->Apply(kDeployment)->at(0).outcome == Applied::Outcome::kUnchanged);

  std::string scaled = kDeployment;
  scaled.replace(scaled.find("replicas: 3"), 11, "replicas: 5");
  CHECK(cluster->Apply(scaled)->at(0).outcome == Applied::Outcome::kConfigured);
  REQUIRE(cluster->Wait(web, "jsonpath={.status.availableReplicas}=5", absl::Seconds(20)).ok());

  const auto pods = cluster->List({"pods", "default", "app=web", ""});
  REQUIRE(cluster->Delete(web).ok());
  REQUIRE(cluster->Delete(web).ok());
  const auto parsed = api::JsonValue::Parse(*pods);
  for (const auto& pod : parsed->Find("items")->items()) {
    const std::string name = pod.Find("metadata")->Find("name")->text();
    CHECK(cluster->Wait({"pods", "default", name}, "delete", absl::Seconds(60)).ok());
  }
  CHECK(cluster->Close(true).ok());
}

TEST_CASE("ARollingUpdateReplacesEveryPod") {
  const auto cluster = OpenFake();
  REQUIRE(cluster->Apply(kDeployment).ok());
  const ObjectRef web{"deploy", "default", "web"};
  REQUIRE(cluster->Wait(web, "condition=Available", absl::Seconds(20)).ok());
  std::string next = kDeployment;
  next.replace(next.find("web:v1"), 6, "web:v2");
  REQUIRE(cluster->Apply(next).ok());
  REQUIRE(cluster
              ->Wait(web,
                     R"(jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}=2)",
                     absl::Seconds(30))
              .ok());
  REQUIRE(cluster->Wait(web, "jsonpath={.status.observedGeneration}=2", absl::Seconds(30)).ok());
  const absl::Status rolled =
      cluster->Wait(web, "jsonpath={.status.updatedReplicas}=3", absl::Seconds(30));
  INFO(rolled);
  REQUIRE(rolled.ok());
  REQUIRE(cluster->Wait(web, "jsonpath={.status.replicas}=3", absl::Seconds(30)).ok());
}

TEST_CASE("AJobThatCompletesAndOneThatFailsAreBothResults") {
  const auto cluster = OpenFake();
  REQUIRE(cluster->Create(JobManifest("good", 0)).ok());
  REQUIRE(cluster->Create(JobManifest("bad", 3)).ok());
  const auto good = cluster->WaitJob({"jobs", "default", "good"}, absl::Seconds(20));
  INFO(good.status());
  REQUIRE(good.ok());
  CHECK(good->succeeded);
  CHECK(good->reason == "CompletionsReached");
  const auto bad = cluster->WaitJob({"jobs", "default", "bad"}, absl::Seconds(20));
  REQUIRE(bad.ok());
  CHECK_FALSE(bad->succeeded);
  CHECK(bad->reason == "BackoffLimitExceeded");
  REQUIRE(bad->containers.size() == 1);
  CHECK(bad->containers[0].exit_code == 3);
  CHECK(bad->containers[0].reason == "Error");
}

TEST_CASE("LogsAreReadFromAnOffset") {
  const auto cluster = OpenFake();
  REQUIRE(cluster->Create(JobManifest("talk", 0)).ok());
  const auto result = cluster->WaitJob({"jobs", "default", "talk"}, absl::Seconds(20));
  REQUIRE(result.ok());
  LogQuery query;
  query.pod = result->containers.at(0).pod;
  CHECK(cluster->Logs(query).value_or("") == "hello\n");
  query.offset_bytes = 3;
  CHECK(cluster->Logs(query).value_or("") == "lo\n");
  query.pod = "nobody";
  CHECK(absl::IsNotFound(cluster->Logs(query).status()));
}

TEST_CASE("AWatchBeginsWithWhatIsThere") {
  const auto cluster = OpenFake(0);
  REQUIRE(
      cluster->Create(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}})").ok());
  MapWatch watch(cluster.get());
  REQUIRE(watch.Await(1));
  REQUIRE(
      cluster->Apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: z}}").ok());
  REQUIRE(watch.Await(2));
  REQUIRE(cluster->Delete({"cm", "default", "a"}).ok());
  REQUIRE(watch.Await(3));
  CHECK(watch.End() == std::vector<WatchEvent::Type>{WatchEvent::Type::kAdded,
                                                     WatchEvent::Type::kModified,
                                                     WatchEvent::Type::kDeleted});
}

TEST_CASE("AWatchIsToldOfWhatComesAndGoesAtOnce") {
  const auto cluster = OpenFake(0);
  for (int round = 0; round < 200; ++round) {
    MapWatch watch(cluster.get());
    REQUIRE(cluster->Create("{apiVersion: v1, kind: ConfigMap, metadata: {name: brief}}").ok());
    REQUIRE(cluster->Delete({"cm", "default", "brief"}).ok());
    REQUIRE(watch.Await(2));
  }
}

TEST_CASE("BadInputIsRefusedByName") {
  const auto cluster = OpenFake(0);
  const auto expect = [&](const std::string& manifest, const std::string& words) {
    const auto applied = cluster->Apply(manifest);
    REQUIRE_FALSE(applied.ok());
    INFO(applied.status());
    CHECK(absl::StrContains(applied.status().message(), words));
  };
  expect("a: [", "line");
  expect("kind: Pod", "apiVersion");
  expect("{apiVersion: v1, kind: Podd, metadata: {name: x}}", "Podd");
  expect("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, dta: {}}",
         "unknown field \"dta\"");
  expect("{apiVersion: v1, kind: ConfigMap, metadata: {name: X_Y}}", "metadata.name");
  expect("{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: nowhere}}", "nowhere");
  CHECK(absl::IsNotFound(cluster->Get({"widgets", "default", "x"}).status()));
  CHECK(absl::IsInvalidArgument(cluster->Wait({"cm", "default", "x"}, "soon", absl::Seconds(1))));
  const absl::Status late =
      cluster->Wait({"ns", "", "default"}, "condition=Never", absl::Milliseconds(10));
  CHECK(absl::IsDeadlineExceeded(late));
  CHECK_FALSE(Cluster::Open({.nodes = -1}).ok());
}

TEST_CASE("ADataDirectoryKeepsEverythingAndServesOneProcess") {
  const std::string dir = (std::filesystem::temp_directory_path() / "skiff-cluster-test").string();
  std::filesystem::remove_all(dir);
  {
    const auto cluster = OpenFake(0, dir);
    REQUIRE(cluster->Apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: kept}}").ok());
    ClusterOptions again;
    again.runtime = RuntimeKind::kFake;
    again.nodes = 0;
    again.data_dir = dir;
    const auto second = Cluster::Open(again);
    REQUIRE_FALSE(second.ok());
    CHECK(absl::StrContains(second.status().message(), "in use"));
  }
  const auto cluster = OpenFake(0, dir);
  CHECK(cluster->Get({"cm", "default", "kept"}).ok());
  CHECK(cluster->Close(true).ok());
  std::filesystem::remove_all(dir);
}

TEST_CASE("ANamespaceTakesItsContentsWithIt") {
  const auto cluster = OpenFake();
  REQUIRE(cluster->Apply("{apiVersion: v1, kind: Namespace, metadata: {name: team}}").ok());
  REQUIRE(cluster->Apply(kDeployment, "team").ok());
  REQUIRE(cluster->Wait({"deploy", "team", "web"}, "condition=Available", absl::Seconds(20)).ok());
  REQUIRE(cluster->Delete({"ns", "", "team"}).ok());
  const absl::Status gone = cluster->Wait({"ns", "", "team"}, "delete", absl::Seconds(60));
  INFO(gone);
  CHECK(gone.ok());
}

}  // namespace
}  // namespace skiff
