// Ownership of fields, by Deployments, Pods, ConfigMaps and Services as people and controllers
// write them.
#include "api/managed_fields.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/errors.h"
#include "api/field_merge.h"
#include "api/time.h"
#include "base/rng.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

using google::protobuf::Message;

FieldSet Set(absl::string_view json) {
  auto set = FieldSet::Parse(json);
  REQUIRE(set.ok());
  return *std::move(set);
}

// An object as the server has it, and what is done to it.
template <typename T>
class Scene {
 public:
  explicit Scene(std::string api_version, std::string kind)
      : api_version_(std::move(api_version)), kind_(std::move(kind)) {}

  FieldWrite WriteBy(absl::string_view manager, absl::string_view subresource = "") {
    FieldWrite write;
    write.manager = std::string(manager);
    write.api_version = api_version_;
    write.subresource = std::string(subresource);
    write.now = now;
    write.never_owned = subresource == "status" ? &on_status_ : &on_main_;
    return write;
  }

  // A create or a put.
  void Put(absl::string_view manager, absl::string_view json, absl::string_view subresource = "") {
    auto next = FromJson<T>(json);
    if (next.metadata().managed_fields().empty()) {
      *next.mutable_metadata()->mutable_managed_fields() = object.metadata().managed_fields();
    }
    RecordWrite(WriteBy(manager, subresource), object, &next);
    next.mutable_metadata()->set_uid("u");
    object = std::move(next);
  }

  JsonValue Live(const T& of) const {
    T plain = of;
    plain.mutable_metadata()->clear_managed_fields();
    std::string json;
    EncodeJson(plain, {.kind = kind_, .api_version = api_version_}, &json);
    return Json(json);
  }

  absl::Status Apply(absl::string_view manager, absl::string_view json, bool force = false,
                     absl::string_view subresource = "") {
    JsonValue config = Json(json);
    if (config.Find("kind") == nullptr) {
      config.Member("kind") = JsonValue::String(kind_);
      config.Member("apiVersion") = JsonValue::String(api_version_);
    }
    auto managers = DecodeManagedFields(object.metadata().managed_fields());
    REQUIRE(managers.ok());
    const JsonValue live = Live(object);
    const JsonValue blank = Live(T());
    ApplyRequest request;
    request.type = &MergeTypeOf(T::descriptor());
    request.write = WriteBy(manager, subresource);
    request.live = &live;
    request.blank = &blank;
    request.config = &config;
    request.managers = *std::move(managers);
    request.force = force;
    auto applied = ApplyConfiguration(std::move(request));
    if (!applied.ok()) return applied.status();
    unchanged = applied->object == live;
    object = FromJson<T>(applied->object.ToString());
    object.mutable_metadata()->set_uid("u");
    EncodeManagedFields(std::move(applied->managers),
                        object.mutable_metadata()->mutable_managed_fields());
    return absl::OkStatus();
  }

  // With its owners, as JSON.
  std::string Whole(bool times = true) const {
    T copy = object;
    for (auto& entry : *copy.mutable_metadata()->mutable_managed_fields()) {
      if (!times) entry.clear_time();
    }
    std::string json;
    EncodeJson(copy, {}, &json);
    return json;
  }

  // "kubectl Apply {…}", a line an entry.
  std::string Managers() const {
    std::vector<std::string> lines;
    for (const auto& entry : object.metadata().managed_fields()) {
      lines.push_back(absl::StrCat(entry.manager(), " ", entry.operation(),
                                   entry.subresource().empty() ? "" : "/", entry.subresource(), " ",
                                   entry.fields_v1().raw()));
    }
    return absl::StrJoin(lines, "\n");
  }

  std::string Spec() const {
    const JsonValue live = Live(object);
    return live.Find("spec")->ToString();
  }

  T object;
  absl::Time now = absl::FromUnixSeconds(1000);
  bool unchanged = false;

 private:
  const std::string api_version_;
  const std::string kind_;
  const FieldSet on_main_ = NeverOwned(Set(R"({"f:status":{}})"));
  const FieldSet on_status_ = NeverOwned(Set(R"({"f:metadata":{},"f:spec":{}})"));
};

Scene<corev1::ConfigMap> ConfigMaps() { return Scene<corev1::ConfigMap>("v1", "ConfigMap"); }
Scene<appsv1::Deployment> Deployments() {
  return Scene<appsv1::Deployment>("apps/v1", "Deployment");
}

TEST_CASE("WhoWritesAFieldOwnsIt") {
  auto scene = ConfigMaps();
  scene.Put("a", R"({"metadata":{"name":"c","labels":{"l":"1"}},"data":{"x":"1","y":"1"}})");
  CHECK(scene.Managers() ==
        R"(a Update {"f:data":{".":{},"f:x":{},"f:y":{}},"f:metadata":{"f:labels":{".":{},)"
        R"("f:l":{}}}})");
  scene.now += absl::Seconds(5);
  scene.Put("b", R"({"metadata":{"name":"c","labels":{"l":"1"}},"data":{"x":"2","z":"1"}})");
  CHECK(scene.Managers() ==
        "a Update {\"f:data\":{},\"f:metadata\":{\"f:labels\":{\".\":{},\"f:l\":{}}}}\n"
        "b Update {\"f:data\":{\"f:x\":{},\"f:z\":{}}}");
  CHECK(scene.object.metadata().managed_fields(0).time().seconds() == 1000);
  CHECK(scene.object.metadata().managed_fields(1).time().seconds() == 1005);
  CHECK(scene.object.metadata().managed_fields(1).fields_type() == "FieldsV1");
  CHECK(scene.object.metadata().managed_fields(1).api_version() == "v1");
  // Nothing is written, nothing is recorded.
  scene.now += absl::Seconds(5);
  scene.Put("c", R"({"metadata":{"name":"c","labels":{"l":"1"}},"data":{"x":"2","z":"1"}})");
  CHECK(scene.object.metadata().managed_fields_size() == 2);
  // What is removed is nobody's, and whoever has nothing left is gone.
  scene.Put("c", R"({"metadata":{"name":"c"}})");
  CHECK(scene.Managers().empty());
}

TEST_CASE("AManagerWithoutANameIsUnknown") {
  auto scene = ConfigMaps();
  scene.Put("", R"({"data":{"x":"1"}})");
  CHECK(scene.object.metadata().managed_fields(0).manager() == "unknown");
}

TEST_CASE("WhatTheServerSaysIsNobodys") {
  auto scene = Deployments();
  scene.Put("a", R"({"metadata":{"name":"d","namespace":"n","generation":3,"resourceVersion":"7",)"
                 R"("creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"replicas":1},)"
                 R"("status":{"replicas":1}})");
  CHECK(scene.Managers() == R"(a Update {"f:spec":{"f:replicas":{}}})");
  scene.Put("kcm", R"({"spec":{"replicas":9},"status":{"replicas":2,"readyReplicas":1}})",
            "status");
  CHECK(scene.Managers() ==
        "a Update {\"f:spec\":{\"f:replicas\":{}}}\n"
        "kcm Update/status {\"f:status\":{\"f:readyReplicas\":{},\"f:replicas\":{}}}");
}

TEST_CASE("TheSameWriterUnderAnotherSubresourceIsAnother") {
  auto scene = Deployments();
  scene.Put("kubectl", R"({"spec":{"replicas":1,"paused":true}})");
  scene.Put("kubectl", R"({"spec":{"replicas":2,"paused":true}})", "scale");
  CHECK(scene.Managers() ==
        "kubectl Update {\"f:spec\":{\"f:paused\":{}}}\n"
        "kubectl Update/scale {\"f:spec\":{\"f:replicas\":{}}}");
}

TEST_CASE("TheOldestOfManyUpdatersAreForgotten") {
  auto scene = ConfigMaps();
  std::string data;
  for (int i = 0; i < 14; ++i) {
    scene.now += absl::Seconds(1);
    absl::StrAppend(&data, i == 0 ? "" : ",", "\"k", 10 + i, "\":\"v\"");
    scene.Put(absl::StrCat("m", 10 + i), absl::StrCat("{\"data\":{", data, "}}"));
  }
  const auto& entries = scene.object.metadata().managed_fields();
  REQUIRE(entries.size() == 10);
  CHECK(entries[0].manager() == "ancient-changes");
  CHECK(entries[0].fields_v1().raw() ==
        R"({"f:data":{".":{},"f:k10":{},"f:k11":{},"f:k12":{},"f:k13":{},"f:k14":{}}})");
  CHECK(entries[0].time().seconds() == 1005);
  CHECK(entries[9].manager() == "m23");
}

TEST_CASE("ClientsMayWriteTheEntriesThemselves") {
  auto scene = ConfigMaps();
  scene.Put("a", R"({"data":{"x":"1"}})");
  const std::string before = scene.Managers();
  const auto entry = [](absl::string_view operation, absl::string_view rest) {
    return absl::StrCat(R"({"metadata":{"managedFields":[{"manager":"b","operation":")", operation,
                        R"(","apiVersion":"v1",)", rest, R"(}]},"data":{"x":"1"}})");
  };
  const std::string fields = R"("fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:x":{}}})";
  SECTION("as they are") {
    scene.Put("c", entry("Apply", fields));
    CHECK(scene.Managers() == R"(b Apply {"f:data":{"f:x":{}}})");
  }
  SECTION("not of an operation that is none") {
    scene.Put("c", entry("Delete", fields));
    CHECK(scene.Managers() == before);
  }
  SECTION("not of a form that is none") {
    scene.Put("c", entry("Update", R"("fieldsType":"FieldsV2","fieldsV1":{})"));
    CHECK(scene.Managers() == before);
    scene.Put("c", entry("Update", R"("fieldsType":"FieldsV1","fieldsV1":{"x":3})"));
    CHECK(scene.Managers() == before);
    scene.Put("c", entry("Update", R"("fieldsV1":{"f:data":{}})"));
    CHECK(scene.Managers() == before);
  }
  SECTION("not on a subresource") {
    scene.Put("c", entry("Apply", fields), "status");
    CHECK(scene.Managers() == before);
  }
  SECTION("until they end the management with one that is empty") {
    scene.Put("c", R"({"metadata":{"managedFields":[{}]},"data":{"x":"2"}})");
    CHECK(scene.Managers().empty());
    // Which goes on with the first apply.
    scene.Put("c", R"({"data":{"x":"3"}})");
    CHECK(scene.Managers().empty());
    CHECK(scene.Apply("b", R"({"data":{"y":"1"}})").ok());
    CHECK(scene.Managers() ==
          "b Apply {\"f:data\":{\"f:y\":{}}}\n"
          "before-first-apply Update {\"f:data\":{\".\":{},\"f:x\":{}}}");
  }
}

TEST_CASE("AnApplyOwnsWhatItNames") {
  auto scene = Deployments();
  REQUIRE(scene
              .Apply("kubectl",
                     R"({"metadata":{"name":"d","labels":{"a":"1"}},"spec":{"replicas":3,)"
                     R"("selector":{"matchLabels":{"app":"d"}},"template":{"metadata":{)"
                     R"("labels":{"app":"d"}},"spec":{"containers":[{"name":"c","image":"i",)"
                     R"("ports":[{"containerPort":80}]}]}}}})")
              .ok());
  CHECK(
      scene.Managers() ==
      "kubectl Apply {\"f:metadata\":{\"f:labels\":{\"f:a\":{}}},\"f:spec\":{\"f:replicas\":{},"
      "\"f:selector\":{},\"f:template\":{\"f:metadata\":{\"f:labels\":{\"f:app\":{}}},\"f:spec\":{"
      "\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:image\":{},\"f:name\":{},"
      "\"f:ports\":{\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},"
      "\"f:containerPort\":{}}}}}}}}}");
  CHECK(scene.object.spec().template_().spec().containers(0).ports(0).container_port() == 80);
}

TEST_CASE("AnApplyOfTheSameChangesNothing") {
  auto scene = Deployments();
  const std::string config = R"({"metadata":{"labels":{"a":"1"}},"spec":{"replicas":3}})";
  REQUIRE(scene.Apply("a", config).ok());
  const std::string before = scene.Whole();
  scene.now += absl::Seconds(60);
  REQUIRE(scene.Apply("a", config).ok());
  CHECK(scene.unchanged);
  CHECK(scene.Whole() == before);
}

TEST_CASE("ConflictsNameFieldsAndOwners") {
  auto scene = Deployments();
  scene.Put("kubectl-client-side-apply",
            R"({"metadata":{"labels":{"a":"1"}},"spec":{"replicas":1}})");
  absl::Status status = scene.Apply("kubectl-new", R"({"spec":{"replicas":2}})");
  CHECK(status.message() ==
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using apps/v1: "
        ".spec.replicas");
  metav1::Status meta = ToMetaStatus(status);
  CHECK(meta.code() == 409);
  CHECK(meta.reason() == "Conflict");
  REQUIRE(meta.details().causes_size() == 1);
  CHECK(meta.details().causes(0).reason() == "FieldManagerConflict");
  CHECK(meta.details().causes(0).field() == ".spec.replicas");
  CHECK(meta.details().causes(0).message() ==
        "conflict with \"kubectl-client-side-apply\" using apps/v1");

  scene.Put("kubectl", R"({"metadata":{"labels":{"a":"1"}},"spec":{"replicas":5}})", "scale");
  CHECK(scene.Apply("x", R"({"spec":{"replicas":2}})").message() ==
        "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using "
        "apps/v1: .spec.replicas");

  REQUIRE(scene.Apply("helm", R"({"metadata":{"labels":{"h":"1"}}})").ok());
  status = scene.Apply("x", R"({"metadata":{"labels":{"a":"2","h":"2"}},"spec":{"replicas":2}})");
  CHECK(status.message() ==
        "Apply failed with 3 conflicts: conflicts with \"helm\":\n"
        "- .metadata.labels.h\n"
        "conflicts with \"kubectl\" with subresource \"scale\" using apps/v1:\n"
        "- .spec.replicas\n"
        "conflicts with \"kubectl-client-side-apply\" using apps/v1:\n"
        "- .metadata.labels.a");
  CHECK(ToMetaStatus(status).details().causes_size() == 3);
  // Nothing was changed.
  CHECK(scene.object.spec().replicas() == 5);
}

TEST_CASE("ForceTakesWhatOthersOwn") {
  auto scene = Deployments();
  scene.Put("a", R"({"metadata":{"labels":{"a":"1"}},"spec":{"replicas":1}})");
  REQUIRE(scene.Apply("b", R"({"spec":{"replicas":2}})", /*force=*/true).ok());
  CHECK(scene.Managers() ==
        "b Apply {\"f:spec\":{\"f:replicas\":{}}}\n"
        "a Update {\"f:metadata\":{\"f:labels\":{\".\":{},\"f:a\":{}}}}");
  CHECK(scene.object.spec().replicas() == 2);
}

TEST_CASE("WhoAppliesAnEqualValueSharesIt") {
  auto scene = Deployments();
  REQUIRE(scene.Apply("a", R"({"spec":{"replicas":2,"paused":true}})").ok());
  REQUIRE(scene.Apply("b", R"({"spec":{"replicas":2}})").ok());
  CHECK(scene.unchanged);
  CHECK(scene.Managers() ==
        "b Apply {\"f:spec\":{\"f:replicas\":{}}}\n"
        "a Apply {\"f:spec\":{\"f:paused\":{},\"f:replicas\":{}}}");
  // Who gives it up leaves it to the other.
  REQUIRE(scene.Apply("a", R"({"spec":{"paused":true}})").ok());
  CHECK(scene.object.spec().replicas() == 2);
  CHECK(scene.Managers() ==
        "b Apply {\"f:spec\":{\"f:replicas\":{}}}\n"
        "a Apply {\"f:spec\":{\"f:paused\":{}}}");
  // And the last takes it with it.
  REQUIRE(scene.Apply("b", R"({"spec":{}})").ok());
  CHECK_FALSE(scene.object.spec().has_replicas());
  CHECK(scene.Managers() == "a Apply {\"f:spec\":{\"f:paused\":{}}}\nb Apply {\"f:spec\":{}}");
}

TEST_CASE("WhatIsAppliedNoMoreIsTakenOut") {
  struct Row {
    const char* first;
    const char* then;
    const char* spec;  // Of the template.
  };
  const Row rows[] = {
      {R"({"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]})",
       R"({"containers":[{"name":"b","image":"2"}]})",
       R"({"containers":[{"name":"b","image":"2","resources":{}}]})"},
      {R"({"containers":[{"name":"a","image":"1","env":[{"name":"X","value":"1"}]}]})",
       R"({"containers":[{"name":"a","image":"1"}]})",
       R"({"containers":[{"name":"a","image":"1","resources":{}}]})"},
      {R"({"containers":[{"name":"a"}],"nodeSelector":{"x":"y"},"hostNetwork":true})",
       R"({"containers":[{"name":"a"}]})", R"({"containers":[{"name":"a","resources":{}}]})"},
      {R"({"containers":[{"name":"a","ports":[{"containerPort":80},{"containerPort":81}]}]})",
       R"({"containers":[{"name":"a","ports":[{"containerPort":81}]}]})",
       R"({"containers":[{"name":"a","ports":[{"containerPort":81}],"resources":{}}]})"},
      {R"({"containers":[{"name":"a","securityContext":{"runAsUser":1}}]})",
       R"({"containers":[{"name":"a"}]})", R"({"containers":[{"name":"a","resources":{}}]})"},
  };
  const auto whole = [](absl::string_view spec) {
    return absl::StrCat(R"({"spec":{"template":{"spec":)", spec, "}}}");
  };
  for (const Row& row : rows) {
    auto scene = Deployments();
    INFO(row.first << " then " << row.then);
    REQUIRE(scene.Apply("a", whole(row.first)).ok());
    REQUIRE(scene.Apply("a", whole(row.then)).ok());
    const JsonValue live = scene.Live(scene.object);
    CHECK(live.Find("spec")->Find("template")->Find("spec")->ToString() == row.spec);
    CHECK(scene.object.metadata().managed_fields_size() == 1);
  }
}

TEST_CASE("ItemsThatOthersFilledStay") {
  auto scene = Deployments();
  const auto whole = [](absl::string_view containers) {
    return absl::StrCat(R"({"spec":{"template":{"spec":{"containers":)", containers, "}}}}");
  };
  REQUIRE(scene.Apply("a", whole(R"([{"name":"c","image":"1"},{"name":"d","image":"1"}])")).ok());
  REQUIRE(scene.Apply("b", whole(R"([{"name":"c","env":[{"name":"X"}]}])")).ok());
  REQUIRE(scene.Apply("a", whole(R"([{"name":"d","image":"1"}])")).ok());
  const auto& spec = scene.object.spec().template_().spec();
  REQUIRE(spec.containers_size() == 2);
  const auto& shared = spec.containers(spec.containers(0).name() == "c" ? 0 : 1);
  CHECK(shared.image().empty());
  CHECK(shared.env_size() == 1);
}

TEST_CASE("ItemsComeInTheOrderOfTheConfiguration") {
  struct Row {
    const char* live;
    const char* config;
    const char* merged;
  };
  const Row rows[] = {
      {"a b c", "", "a b c"},
      {"", "a b", "a b"},
      {"a b c", "c b a", "c b a"},
      {"a b c", "b", "a b c"},
      {"a b c", "d", "a b c d"},
      {"a x b y", "b a", "x b y a"},
      {"a b", "c a b", "c a b"},
      {"a b", "a c b", "a c b"},
      {"x a y b z", "a n b", "x a y n b z"},
      {"a b c d", "d a", "b c d a"},
  };
  const auto list = [](absl::string_view names) {
    std::vector<std::string> items;
    for (const char c : names) {
      if (c != ' ') items.push_back(absl::StrCat("\"", std::string(1, c), "\""));
    }
    return Json(absl::StrCat(R"({"metadata":{"finalizers":[)", absl::StrJoin(items, ","), "]}}"));
  };
  const MergeType& type = MergeTypeOf(corev1::ConfigMap::descriptor());
  for (const Row& row : rows) {
    INFO(row.live << " and " << row.config);
    CHECK(MergeDocuments(type, list(row.live), list(row.config)) == list(row.merged));
  }
}

TEST_CASE("NullsAreValues") {
  auto scene = Deployments();
  REQUIRE(scene.Apply("a", R"({"spec":{"replicas":2,"paused":true}})").ok());
  REQUIRE(scene.Apply("a", R"({"spec":{"replicas":null,"paused":true}})").ok());
  CHECK_FALSE(scene.object.spec().has_replicas());
  CHECK(scene.Managers() == R"(a Apply {"f:spec":{"f:paused":{},"f:replicas":{}}})");
}

TEST_CASE("AtomicListsAndMapsAreTakenWhole") {
  auto scene = Scene<corev1::Service>("v1", "Service");
  REQUIRE(scene.Apply("a", R"({"spec":{"selector":{"x":"1"},"ports":[{"port":80,"name":"http"}]}})")
              .ok());
  CHECK(scene.Managers() ==
        "a Apply {\"f:spec\":{\"f:ports\":{\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{"
        "\".\":{},\"f:name\":{},\"f:port\":{}}},\"f:selector\":{}}}");
  CHECK(scene.Apply("b", R"({"spec":{"selector":{"y":"1"}}})").message() ==
        "Apply failed with 1 conflict: conflict with \"a\": .spec.selector");
  REQUIRE(scene.Apply("b", R"({"spec":{"selector":{"y":"1"}}})", true).ok());
  CHECK(scene.object.spec().selector().size() == 1);
  CHECK(scene.Apply("b", R"({"spec":{"selector":{"y":"1"},"ports":[{"port":80,"name":"web"}]}})")
            .message() ==
        "Apply failed with 1 conflict: conflict with \"a\": "
        ".spec.ports[port=80,protocol=\"TCP\"].name");
}

TEST_CASE("ConfigurationsThatAreNoneAreRefused") {
  struct Row {
    const char* config;
    const char* message;
  };
  const std::string head = "failed to create typed patch object (n/d; apps/v1, Kind=Deployment): ";
  const Row rows[] = {
      {R"({"replica":1})", ".spec.replica: field not declared in schema"},
      {R"({"replicas":"1"})", ".spec.replicas: expected numeric (int or float), got string"},
      {R"({"paused":1})", ".spec.paused: expected boolean, got &{1}"},
      {R"({"strategy":{"type":3}})",
       ".spec.strategy.type: expected string, got &value.valueUnstructured{Value:3}"},
      {R"({"template":[1,2]})", ".spec.template: expected map, got &{[1 2]}"},
      {R"({"template":{"spec":{"containers":{"b":1,"a":"x"}}}})",
       ".spec.template.spec.containers: expected list, got &{map[a:x b:1]}"},
      {R"({"template":{"spec":{"containers":[{"name":"a"},{"name":"a"}]}}})",
       ".spec.template.spec.containers: duplicate entries for key [name=\"a\"]"},
      {R"({"template":{"spec":{"containers":[null]}}})",
       ".spec.template.spec.containers: element 0: associative list with keys may not have a null "
       "element"},
      {R"({"a":1,"replicas":true})",
       "errors:\n  .spec.a: field not declared in schema\n  .spec.replicas: expected numeric (int "
       "or float), got bool"},
  };
  for (const Row& row : rows) {
    auto scene = Deployments();
    INFO(row.config);
    const absl::Status status = scene.Apply(
        "a", absl::StrCat(R"({"metadata":{"name":"d","namespace":"n"},"spec":)", row.config, "}"));
    CHECK(std::string(status.message()) == head + row.message);
    CHECK(ToMetaStatus(status).code() == 500);
  }
}

TEST_CASE("KubectlMovesOverFromItsOwnAnnotation") {
  auto scene = Deployments();
  const std::string last =
      R"("annotations":{"kubectl.kubernetes.io/last-applied-configuration":)"
      R"("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"replicas\":1}}"})";
  scene.Put("kubectl-client-side-apply",
            absl::StrCat(R"({"metadata":{)", last, R"(},"spec":{"replicas":1}})"));
  const std::string config = R"({"spec":{"replicas":2}})";
  SECTION("what it applied last is its own") {
    CHECK(scene.Apply("other", config).code() == absl::StatusCode::kAborted);
    REQUIRE(scene.Apply("kubectl", config).ok());
    CHECK(scene.object.spec().replicas() == 2);
    CHECK(scene.object.metadata().annotations().at(
              "kubectl.kubernetes.io/last-applied-configuration") ==
          "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"replicas\":2}}\n");
  }
  SECTION("what was changed since is not") {
    scene.Put("kubectl-edit",
              absl::StrCat(R"({"metadata":{)", last, R"(},"spec":{"replicas":7}})"));
    CHECK(scene.Apply("kubectl", config).message() ==
          "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using apps/v1: "
          ".spec.replicas");
  }
}

TEST_CASE("StatusIsAppliedOnItsOwnPath") {
  auto scene = Deployments();
  REQUIRE(scene.Apply("a", R"({"spec":{"replicas":2},"status":{"replicas":1}})").ok());
  CHECK(scene.Managers() == R"(a Apply {"f:spec":{"f:replicas":{}}})");
  REQUIRE(scene
              .Apply("a", R"({"spec":{"paused":true},"status":{"replicas":1,"readyReplicas":1}})",
                     false, "status")
              .ok());
  CHECK(scene.Managers() ==
        "a Apply {\"f:spec\":{\"f:replicas\":{}}}\n"
        "a Apply/status {\"f:status\":{\"f:readyReplicas\":{},\"f:replicas\":{}}}");
}

// A ConfigMap and finalizers by several hands, each of which has a configuration.
struct Hand {
  std::string name;
  std::string config;
};

std::string RandomConfig(Rng* rng) {
  std::vector<std::string> data;
  std::vector<std::string> finalizers;
  for (const char* key : {"a", "b", "c", "d"}) {
    if (rng->Below(2) == 0) data.push_back(absl::StrCat("\"", key, "\":\"", rng->Below(2), "\""));
    if (rng->Below(3) == 0) finalizers.push_back(absl::StrCat("\"x/", key, "\""));
  }
  return absl::StrCat(R"({"metadata":{"finalizers":[)", absl::StrJoin(finalizers, ","),
                      R"(]},"data":{)", absl::StrJoin(data, ","), "}}");
}

// What is owned is there, and what every applier last applied and still owns is as it said.
void CheckInvariants(const Scene<corev1::ConfigMap>& scene) {
  const MergeType& type = MergeTypeOf(corev1::ConfigMap::descriptor());
  const FieldSet there = WithNamedFields(type, FieldsOf(type, scene.Live(scene.object)));
  const auto managers = DecodeManagedFields(scene.object.metadata().managed_fields());
  REQUIRE(managers.ok());
  for (const FieldManager& manager : *managers) {
    CHECK_FALSE(manager.fields.empty());
    manager.fields.Leaves().ForEach([&](absl::Span<const PathStep> path) {
      if (path.size() > 1 && path.back().text != "finalizers") {
        INFO(manager.name << " owns " << PathToString(path));
        CHECK(there.Has(path));
      }
    });
  }
}

TEST_CASE("WhateverHandsDoTheLawsOfOwnershipHold") {
  Rng rng(4711);
  for (int round = 0; round < 60; ++round) {
    auto scene = ConfigMaps();
    for (int step = 0; step < 25; ++step) {
      scene.now += absl::Seconds(1);
      const std::string name = absl::StrCat("m", rng.Below(4));
      const std::string config = RandomConfig(&rng);
      INFO("round " << round << " step " << step << ": " << name << " with " << config << " on "
                    << scene.Managers());
      switch (rng.Below(4)) {
        case 0:
          scene.Put(name, config);
          break;
        case 1:
          (void)scene.Apply(name, config);  // May conflict, and then changes nothing.
          break;
        case 2: {
          REQUIRE(scene.Apply(name, config, /*force=*/true).ok());
          // Again it changes nothing, forced or not; where it names what is empty, which objects do
          // not keep, it does not know that.
          const std::string before = scene.Whole(/*times=*/false);
          scene.now += absl::Seconds(1);
          REQUIRE(scene.Apply(name, config).ok());
          CHECK(scene.Whole(/*times=*/false) == before);
          break;
        }
        default: {
          // A stranger comes with fields of its own, and goes again.
          const auto before = scene.object.data();
          if (scene.object.metadata().managed_fields().empty()) break;
          REQUIRE(scene.Apply("guest", R"({"data":{"guest":"1"}})", true).ok());
          CHECK(scene.object.data().contains("guest"));
          REQUIRE(scene.Apply("guest", R"({})").ok());
          CHECK(scene.object.data().size() == before.size());
          CHECK_FALSE(scene.object.data().contains("guest"));
          break;
        }
      }
      CheckInvariants(scene);
    }
  }
}

}  // namespace
}  // namespace skiff::api
