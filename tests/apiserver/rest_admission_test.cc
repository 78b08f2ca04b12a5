// What writes meet on their way in: limit ranges, and the classes of what names none.
#include "api/quantity.h"
#include "k8s.io/api/networking/v1/generated.pb.h"
#include "k8s.io/api/storage/v1/generated.pb.h"
#include "tests/api/from_json.h"
#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

template <typename T>
std::unique_ptr<T> FromJson(const std::string& json) {
  return std::make_unique<T>(api::FromJson<T>(json));
}

std::unique_ptr<corev1::LimitRange> Range(const std::string& limits) {
  return FromJson<corev1::LimitRange>(
      R"({"metadata": {"name": "range", "namespace": "default"}, "spec": {"limits": [)" + limits +
      "]}}");
}

std::unique_ptr<corev1::Pod> Asks(const std::string& resources, const std::string& init = "") {
  return FromJson<corev1::Pod>(absl::StrCat(
      R"({"metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [
          {"name": "main", "image": "x", "resources": )",
      resources, "}], \"initContainers\": [", init, "]}}"));
}

// "cpu=100m/1 memory=…": requests and limits of the first container.
std::string ResourcesOf(const api::Object& pod) {
  const auto& resources = pod.As<corev1::Pod>().spec().containers(0).resources();
  std::vector<std::string> out;
  for (const char* name : {"cpu", "memory"}) {
    const auto text = [name](const auto& amounts) {
      const auto it = amounts.find(name);
      return it == amounts.end() ? "" : it->second.string();
    };
    out.push_back(
        absl::StrCat(name, "=", text(resources.requests()), "/", text(resources.limits())));
  }
  return absl::StrJoin(out, " ");
}

TEST_CASE("ALimitRangeGivesContainersWhatTheyDoNotName") {
  SimServer server;
  REQUIRE(server
              .Create(Range(R"({"type": "Container", "default": {"cpu": "1", "memory": "64Mi"},
                              "defaultRequest": {"cpu": "100m"}})"))
              .ok());
  const struct {
    const char* asks;
    const char* gets;
    const char* told;
  } rows[] = {
      {"{}", "cpu=100m/1 memory=64Mi/64Mi",
       "LimitRanger plugin set: cpu, memory request for container main; cpu, memory limit for "
       "container main"},
      {R"({"requests": {"cpu": "200m"}, "limits": {"memory": "32Mi"}})",
       "cpu=200m/1 memory=32Mi/32Mi", "LimitRanger plugin set: cpu limit for container main"},
      // A limit alone is what it asks for, too.
      {R"({"limits": {"cpu": "500m", "memory": "32Mi"}})", "cpu=500m/500m memory=32Mi/32Mi", ""},
  };
  for (const auto& row : rows) {
    auto pod = server.Create(Asks(row.asks), /*dry_run=*/true);
    REQUIRE(pod.ok());
    CHECK(ResourcesOf(**pod) == row.gets);
    const auto& annotations = (*pod)->meta().annotations();
    const auto told = annotations.find("kubernetes.io/limit-ranger");
    CHECK((told == annotations.end() ? "" : told->second) == row.told);
  }
}

TEST_CASE("ALimitRangeRefusesWhatIsOutOfBounds") {
  const struct {
    const char* item;
    const char* asks;
    const char* init;
    const char* answer;
  } rows[] = {
      {R"({"type": "Container", "min": {"cpu": "100m"}, "default": {"cpu": "1"}})",
       R"({"requests": {"cpu": "50m"}})", "",
       "minimum cpu usage per Container is 100m, but request is 50m"},
      {R"({"type": "Container", "max": {"memory": "1Gi"}})", R"({"limits": {"memory": "2Gi"}})", "",
       "maximum memory usage per Container is 1Gi, but limit is 2Gi"},
      {R"({"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}})",
       R"({"requests": {"cpu": "1"}, "limits": {"cpu": "3"}})", "",
       "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"},
      {R"({"type": "Pod", "max": {"cpu": "1"}})", "{}", "",
       "maximum cpu usage per Pod is 1.  No limit is specified"},
      {R"({"type": "Pod", "min": {"cpu": "1"}, "max": {"memory": "1Gi"}})",
       R"({"requests": {"cpu": "500m"}, "limits": {"memory": "2Gi", "cpu": "1"}})", "",
       "[maximum memory usage per Pod is 1Gi, but limit is 2Gi, minimum cpu usage per Pod is 1, "
       "but request is 500m]"},
      // An init container counts where it takes more than all that run after it.
      {R"({"type": "Pod", "max": {"cpu": "1"}})", R"({"limits": {"cpu": "1"}})",
       R"({"name": "first", "image": "x", "resources": {"limits": {"cpu": "1500m"}}})",
       "maximum cpu usage per Pod is 1, but limit is 1500m"},
      // A sidecar counts beside them.
      {R"({"type": "Pod", "max": {"cpu": "1"}})", R"({"limits": {"cpu": "600m"}})",
       R"({"name": "side", "image": "x", "restartPolicy": "Always",
           "resources": {"limits": {"cpu": "600m"}}})",
       "maximum cpu usage per Pod is 1, but limit is 1200m"},
      {R"({"type": "Pod", "max": {"cpu": "1"}})", R"({"limits": {"cpu": "1"}})", "", nullptr},
  };
  for (const auto& row : rows) {
    SimServer server;
    REQUIRE(server.Create(Range(row.item)).ok());
    const auto made = server.Create(Asks(row.asks, row.init));
    CHECK(Text(made.status()) ==
          (row.answer == nullptr
               ? "OK"
               : absl::StrCat("403 Forbidden: pods \"p\" is forbidden: ", row.answer)));
  }
}

TEST_CASE("ALimitRangeBoundsClaims") {
  SimServer server;
  REQUIRE(server
              .Create(Range(R"({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"},
                              "max": {"storage": "5Gi"}})"))
              .ok());
  const auto ask = [&](const std::string& storage) {
    auto claim = FromJson<corev1::PersistentVolumeClaim>(absl::StrCat(
        R"({"metadata": {"name": "c", "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": ")",
        storage, "\"}}}}"));
    return Text(server.Create(std::move(claim)).status());
  };
  const std::string refused = "403 Forbidden: persistentvolumeclaims \"c\" is forbidden: ";
  CHECK(ask("500Mi") ==
        refused + "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi");
  CHECK(ask("6Gi") ==
        refused + "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi");
  CHECK(ask("2Gi") == "OK");
}

template <typename T>
void MakeClass(SimServer* server, const std::string& name, const std::string& mark) {
  auto made = FromJson<T>(R"({"provisioner": "x", "spec": {"controller": "example.com/x"}})");
  made->mutable_metadata()->set_name(name);
  if (!mark.empty()) (*made->mutable_metadata()->mutable_annotations())[mark] = "true";
  REQUIRE(server->Create(std::move(made)).ok());
}

TEST_CASE("WhatNamesNoClassGetsTheNewestDefault") {
  SimServer server;
  const auto claim = [&](const std::string& name, const std::string& spec) {
    auto made = server.Create(FromJson<corev1::PersistentVolumeClaim>(
        absl::StrCat(R"({"metadata": {"name": ")", name, R"(", "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"],
                     "resources": {"requests": {"storage": "1Gi"}})",
                     spec, "}}")));
    REQUIRE(made.ok());
    const auto& got = (*made)->As<corev1::PersistentVolumeClaim>().spec();
    return got.has_storage_class_name() ? got.storage_class_name() : "(none)";
  };
  constexpr char kMark[] = "storageclass.kubernetes.io/is-default-class";
  MakeClass<storagev1::StorageClass>(&server, "plain", "");
  CHECK(claim("a", "") == "(none)");
  MakeClass<storagev1::StorageClass>(&server, "b-old", kMark);
  MakeClass<storagev1::StorageClass>(&server, "a-old", kMark);
  CHECK(claim("b", "") == "a-old");
  server.sim.RunFor(absl::Seconds(2));
  MakeClass<storagev1::StorageClass>(&server, "new", kMark);
  CHECK(claim("c", "") == "new");
  CHECK(claim("d", R"(, "storageClassName": "")") == "");
  CHECK(claim("e", R"(, "storageClassName": "plain")") == "plain");

  MakeClass<networkingv1::IngressClass>(&server, "web",
                                        "ingressclass.kubernetes.io/is-default-class");
  auto ingress = FromJson<networkingv1::Ingress>(
      R"({"metadata": {"name": "i", "namespace": "default"}, "spec": {"defaultBackend":
          {"service": {"name": "s", "port": {"number": 80}}}}})");
  auto named = std::make_unique<networkingv1::Ingress>(*ingress);
  named->mutable_metadata()->set_name("named");
  (*named->mutable_metadata()->mutable_annotations())["kubernetes.io/ingress.class"] = "old";
  CHECK((*server.Create(std::move(ingress)))
            ->As<networkingv1::Ingress>()
            .spec()
            .ingress_class_name() == "web");
  CHECK_FALSE((*server.Create(std::move(named)))
                  ->As<networkingv1::Ingress>()
                  .spec()
                  .has_ingress_class_name());
}

}  // namespace
}  // namespace skiff::apiserver
