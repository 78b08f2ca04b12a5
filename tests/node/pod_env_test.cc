#include "node/pod_env.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "tests/api/from_json.h"

namespace skiff::node {
namespace {

corev1::Pod PodWith(const std::string& container) {
  return api::FromJson<corev1::Pod>(
      R"({"metadata":{"name":"p","namespace":"ns","uid":"u-1",
          "labels":{"app":"web","b":"say \"x\""},"annotations":{"note":"hi"}},
          "spec":{"serviceAccountName":"default","containers":[)" +
      container + "]}}");
}

PodPlaces Places() {
  PodPlaces places;
  places.node_name = "n1";
  places.pod_ip = "10.1.0.7";
  places.host_ip = "10.1.0.1";
  places.node_cpu_millis = 2500;
  places.node_memory_bytes = 1 << 30;
  return places;
}

References Objects() {
  References out;
  out["configmaps/c"] = api::ObjectFromJson<corev1::ConfigMap>(
      R"({"metadata":{"name":"c","namespace":"ns"},"data":{"A":"1","B":"2"}})");
  out["secrets/s"] = api::ObjectFromJson<corev1::Secret>(
      R"({"metadata":{"name":"s","namespace":"ns"},"data":{"B":"c2VjcmV0"}})");
  out["configmaps/gone"] = nullptr;
  return out;
}

absl::StatusOr<Variables> Env(const std::string& container, const PodPlaces& places = Places()) {
  const corev1::Pod pod = PodWith(container);
  return EnvironmentOf(pod, pod.spec().containers(0), places, Objects());
}

std::string Value(const absl::StatusOr<Variables>& env, const std::string& name) {
  REQUIRE(env.ok());
  std::string out = "(none)";
  int found = 0;
  for (const auto& [known, value] : *env) {
    if (known != name) continue;
    out = value;
    ++found;
  }
  CHECK(found <= 1);
  return out;
}

TEST_CASE("ReferencesToVariablesAreExpanded") {
  const Variables known = {{"A", "1"}, {"B", "2"}, {"A", "3"}};
  CHECK(Expand("$(A)-$(B)", known) == "3-2");
  CHECK(Expand("$$(A)", known) == "$(A)");
  CHECK(Expand("$(C) $A $(A", known) == "$(C) $A $(A");
  CHECK(Expand("100$", known) == "100$");
  CHECK(Expand("$$$(A)", known) == "$3");
}

TEST_CASE("AVariableSeesThoseBeforeIt") {
  const auto env =
      Env(R"json({"name":"a","env":[{"name":"X","value":"1"},{"name":"Y","value":"$(X)2"},
                           {"name":"Z","value":"$(W)"},{"name":"W","value":"w"}]})json");
  CHECK(Value(env, "Y") == "12");
  CHECK(Value(env, "Z") == "$(W)");
}

TEST_CASE("FieldsOfThePodBecomeVariables") {
  for (const auto& [path, value] :
       std::map<std::string, std::string>{{"metadata.name", "p"},
                                          {"metadata.namespace", "ns"},
                                          {"metadata.uid", "u-1"},
                                          {"metadata.labels['app']", "web"},
                                          {"metadata.labels['none']", ""},
                                          {"metadata.annotations['note']", "hi"},
                                          {"spec.nodeName", "n1"},
                                          {"spec.serviceAccountName", "default"},
                                          {"status.podIP", "10.1.0.7"},
                                          {"status.hostIP", "10.1.0.1"}}) {
    INFO(path);
    CHECK(Value(Env(R"({"name":"a","env":[{"name":"X","valueFrom":{"fieldRef":{"fieldPath":")" +
                    path + R"("}}}]})"),
                "X") == value);
  }
  CHECK(FieldValue(PodWith(R"({"name":"a"})"), "metadata.labels", Places()).value() ==
        "app=\"web\"\nb=\"say \\\"x\\\"\"");
  CHECK_FALSE(FieldValue(PodWith(R"({"name":"a"})"), "spec.hostname", Places()).ok());
}

TEST_CASE("ResourcesAreCountedInUnitsOfTheirDivisorRoundedUp") {
  const auto value = [](const std::string& resource, const std::string& divisor) {
    return Value(Env(R"({"name":"a","resources":{"limits":{"cpu":"1500m"},
                "requests":{"cpu":"250m","memory":"64Mi"}},
                "env":[{"name":"X","valueFrom":{"resourceFieldRef":{"resource":")" +
                     resource + R"(","divisor":")" + divisor + R"("}}}]})"),
                 "X");
  };
  CHECK(value("limits.cpu", "1") == "2");
  CHECK(value("limits.cpu", "0") == "2");
  CHECK(value("limits.cpu", "1m") == "1500");
  CHECK(value("requests.cpu", "1m") == "250");
  CHECK(value("requests.memory", "1Mi") == "64");
  CHECK(value("requests.memory", "1") == "67108864");
  CHECK(value("requests.memory", "1Gi") == "1");
  // Without a limit a container has all of the node.
  CHECK(value("limits.memory", "1Mi") == "1024");
}

TEST_CASE("EnvGoesBeforeEnvFromAndLaterSourcesBeforeEarlier") {
  const auto env = Env(R"({"name":"a","env":[{"name":"A","value":"own"}],
      "envFrom":[{"configMapRef":{"name":"c"}},{"secretRef":{"name":"s"}},
                 {"prefix":"P_","configMapRef":{"name":"c"}}]})");
  CHECK(Value(env, "A") == "own");
  CHECK(Value(env, "B") == "secret");
  CHECK(Value(env, "P_A") == "1");
}

TEST_CASE("WhatIsMissingIsSaidUnlessItIsOptional") {
  const auto from = [](const std::string& source) {
    return Env(R"({"name":"a","env":[{"name":"X","valueFrom":)" + source + "}]}");
  };
  CHECK(from(R"({"configMapKeyRef":{"name":"gone","key":"k"}})").status().message() ==
        "configmap \"gone\" not found");
  CHECK(from(R"({"configMapKeyRef":{"name":"c","key":"k"}})").status().message() ==
        "couldn't find key k in ConfigMap ns/c");
  CHECK(from(R"({"secretKeyRef":{"name":"s","key":"k"}})").status().message() ==
        "couldn't find key k in Secret ns/s");
  CHECK(Value(from(R"({"configMapKeyRef":{"name":"gone","key":"k","optional":true}})"), "X") ==
        "(none)");
  CHECK(Value(from(R"({"secretKeyRef":{"name":"s","key":"k","optional":true}})"), "X") == "(none)");
  CHECK_FALSE(Env(R"({"name":"a","envFrom":[{"secretRef":{"name":"gone"}}]})").ok());
}

TEST_CASE("ServicesAreToldOfByName") {
  const std::vector<api::ObjectPtr> services = {
      api::ObjectFromJson<corev1::Service>(
          R"({"metadata":{"name":"kubernetes","namespace":"default"},
              "spec":{"clusterIP":"10.96.0.1","ports":[{"name":"https","port":443}]}})"),
      api::ObjectFromJson<corev1::Service>(
          R"({"metadata":{"name":"my-db","namespace":"ns"},
              "spec":{"clusterIP":"10.96.0.9","ports":[{"port":5432,"protocol":"TCP"},
                      {"name":"metrics","port":9187,"protocol":"TCP"}]}})"),
      api::ObjectFromJson<corev1::Service>(
          R"({"metadata":{"name":"headless","namespace":"ns"},
              "spec":{"clusterIP":"None","ports":[{"port":1}]}})"),
      api::ObjectFromJson<corev1::Service>(
          R"({"metadata":{"name":"other","namespace":"elsewhere"},
              "spec":{"clusterIP":"10.96.0.10","ports":[{"port":1}]}})")};
  const absl::StatusOr<Variables> all = ServiceVariables(services, "ns", true);
  CHECK(Value(all, "KUBERNETES_SERVICE_HOST") == "10.96.0.1");
  CHECK(Value(all, "KUBERNETES_SERVICE_PORT_HTTPS") == "443");
  CHECK(Value(all, "KUBERNETES_PORT") == "tcp://10.96.0.1:443");
  CHECK(Value(all, "MY_DB_SERVICE_HOST") == "10.96.0.9");
  CHECK(Value(all, "MY_DB_SERVICE_PORT") == "5432");
  CHECK(Value(all, "MY_DB_SERVICE_PORT_METRICS") == "9187");
  CHECK(Value(all, "MY_DB_PORT_5432_TCP_ADDR") == "10.96.0.9");
  CHECK(Value(all, "HEADLESS_SERVICE_HOST") == "(none)");
  CHECK(Value(all, "OTHER_SERVICE_HOST") == "(none)");
  const absl::StatusOr<Variables> few = ServiceVariables(services, "ns", false);
  CHECK(Value(few, "KUBERNETES_SERVICE_HOST") == "10.96.0.1");
  CHECK(Value(few, "MY_DB_SERVICE_HOST") == "(none)");
  PodPlaces places = Places();
  places.service_env = *all;
  const auto env =
      Env(R"json({"name":"a","env":[{"name":"DB","value":"$(MY_DB_SERVICE_HOST)"}]})json", places);
  CHECK(Value(env, "DB") == "10.96.0.9");
}

}  // namespace
}  // namespace skiff::node
