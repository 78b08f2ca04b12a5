// Owners of fields on the write path, and server-side apply.
#include "absl/strings/str_join.h"
#include "api/managed_fields.h"
#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

// "manager Operation/subresource {fields}", a line an entry.
std::string Owners(const api::Object& object) {
  std::vector<std::string> lines;
  for (const auto& entry : object.meta().managed_fields()) {
    lines.push_back(absl::StrCat(entry.manager(), " ", entry.operation(),
                                 entry.subresource().empty() ? "" : "/", entry.subresource(), " ",
                                 entry.fields_v1().raw()));
  }
  return absl::StrJoin(lines, "\n");
}

client::Write As(const std::string& manager, client::Write write) {
  write.manager = manager;
  return write;
}

template <typename T>
absl::StatusOr<Patched> Apply(SimServer* api, const std::string& name, const std::string& manager,
                              const std::string& yaml, bool force = false,
                              const std::string& subresource = "") {
  PatchRequest request = api->PatchOf<T>(name, PatchType::kApply, yaml);
  request.manager = manager;
  request.force = force;
  request.subresource = subresource;
  return api->Patch(std::move(request));
}

std::string MapYaml(const std::string& data) {
  return absl::StrCat("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: ", data, "\n");
}

std::string DeploymentYaml(const std::string& replicas) {
  return absl::StrCat("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n",
                      replicas,
                      "  selector: {matchLabels: {app: web}}\n"
                      "  template:\n    metadata: {labels: {app: web}}\n"
                      "    spec: {containers: [{name: c, image: nginx}]}\n");
}

TEST_CASE("WritesAreRecordedUnderTheirManagers") {
  SimServer api;
  auto made = api.One(As("alice", client::Write::Create(Map("a"))));
  REQUIRE(made.ok());
  CHECK(Owners(**made) == R"(alice Update {"f:data":{".":{},"f:value":{}}})");
  auto changed = (*made)->CopyAs<corev1::ConfigMap>();
  (*changed->mutable_data())["more"] = "2";
  changed->mutable_metadata()->clear_managed_fields();  // By a client that knows none of it.
  auto updated = api.One(As("bob", client::Write::Update(std::move(changed))));
  REQUIRE(updated.ok());
  CHECK(Owners(**updated) ==
        "alice Update {\"f:data\":{\".\":{},\"f:value\":{}}}\n"
        "bob Update {\"f:data\":{\"f:more\":{}}}");
  // Nothing new is nothing written, whoever says it.
  auto same = api.One(As("carol", client::Write::Update((*updated)->CopyAs<corev1::ConfigMap>())));
  REQUIRE(same.ok());
  CHECK((*same)->revision() == (*updated)->revision());
}

TEST_CASE("WhatTheServerFillsInIsNobodys") {
  SimServer api;
  REQUIRE(api.Create(Named<corev1::ServiceAccount>("default")).status().code() ==
          absl::StatusCode::kAlreadyExists);
  auto pod = api.One(As("kubectl-run", client::Write::Create(MakePod("p"))));
  REQUIRE(pod.ok());
  CHECK(Owners(**pod) ==
        "kubectl-run Update {\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},\"f:spec\":{"
        "\"f:containers\":{\"k:{\\\"name\\\":\\\"main\\\"}\":{\".\":{},\"f:image\":{},"
        "\"f:imagePullPolicy\":{},\"f:name\":{},\"f:resources\":{},\"f:terminationMessagePath\":{},"
        "\"f:terminationMessagePolicy\":{}}},\"f:dnsPolicy\":{},\"f:enableServiceLinks\":{},"
        "\"f:restartPolicy\":{},\"f:schedulerName\":{},\"f:securityContext\":{},"
        "\"f:terminationGracePeriodSeconds\":{}}}");
  auto service = api.One(As("kubectl", client::Write::Create(MakeService("s"))));
  REQUIRE(service.ok());
  CHECK_FALSE(absl::StrContains(Owners(**service), "f:clusterIP"));
}

TEST_CASE("StatusAndScaleHaveOwnersOfTheirOwn") {
  SimServer api;
  REQUIRE(api.One(As("kubectl-create", client::Write::Create(MakeDeployment("web", 2)))).ok());
  auto status = api.Find<appsv1::Deployment>("web")->CopyAs<appsv1::Deployment>();
  status->mutable_status()->set_replicas(1);
  auto written = api.One(As("kcm", client::Write::Update(std::move(status), "status")));
  REQUIRE(written.ok());
  CHECK(
      absl::StrContains(Owners(**written), "kcm Update/status {\"f:status\":{\"f:replicas\":{}}}"));
  auto scale = std::make_unique<autoscalingv1::Scale>();
  scale->mutable_metadata()->set_name("web");
  scale->mutable_spec()->set_replicas(5);
  client::Write write;
  write.verb = client::Write::Verb::kUpdate;
  write.resource = &api::ResourceOf<appsv1::Deployment>();
  write.name_space = "default";
  write.name = "web";
  write.subresource = "scale";
  write.object = std::move(scale);
  auto scaled = api.One(As("kubectl", std::move(write)));
  REQUIRE(scaled.ok());
  CHECK(
      absl::StrContains(Owners(**scaled), "kubectl Update/scale {\"f:spec\":{\"f:replicas\":{}}}"));
  auto conflict = Apply<appsv1::Deployment>(&api, "web", "helm", DeploymentYaml("  replicas: 9\n"));
  CHECK(conflict.status().message() ==
        "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using "
        "apps/v1: .spec.replicas");
}

TEST_CASE("ScalesAreAppliedToWhatTheyScale") {
  SimServer api;
  REQUIRE(Apply<appsv1::Deployment>(&api, "web", "kubectl", DeploymentYaml("")).ok());
  const auto scale = [&](const std::string& yaml) {
    return Apply<appsv1::Deployment>(
        &api, "web", "hpa", absl::StrCat("apiVersion: autoscaling/v1\nkind: Scale\n", yaml), false,
        "scale");
  };
  auto scaled = scale("metadata: {name: web, labels: {a: b}}\nspec: {replicas: 4}\n");
  INFO(Text(scaled.status()));
  REQUIRE(scaled.ok());
  CHECK(scaled->object->As<appsv1::Deployment>().spec().replicas() == 4);
  CHECK(scaled->object->meta().labels().empty());
  CHECK(absl::StrContains(Owners(*scaled->object),
                          "hpa Apply/scale {\"f:spec\":{\"f:replicas\":{}}}"));
  CHECK(Text(scale("metadata: {name: other}\nspec: {replicas: 4}\n").status()) ==
        "400 BadRequest: the name of the object (other) does not match the name on the URL (web)");
  CHECK(absl::StartsWith(
      Text(scale("metadata: {name: web, uid: other}\nspec: {replicas: 5}\n").status()),
      "409 Conflict: "));
  CHECK(Text(scale("spec: {replicas: many}\n").status()).substr(0, 14) == "400 BadRequest");
  CHECK(Text(Apply<appsv1::Deployment>(&api, "web", "hpa", DeploymentYaml(""), false, "scale")
                 .status()) == "400 BadRequest: invalid object type: apps/v1, Kind=Deployment");
  CHECK(Text(Apply<corev1::ConfigMap>(&api, "web", "hpa", MapYaml("{}"), false, "scale").status())
            .substr(0, 3) != "200");
}

TEST_CASE("AnApplyCreatesAndThenChangesWhatItSays") {
  SimServer api;
  auto made = Apply<corev1::ConfigMap>(&api, "a", "kubectl", MapYaml("{x: \"1\", y: \"1\"}"));
  REQUIRE(made.ok());
  CHECK(made->created);
  CHECK(Owners(*made->object) == R"(kubectl Apply {"f:data":{"f:x":{},"f:y":{}}})");
  api.sim.RunFor(absl::Seconds(60));
  auto same = Apply<corev1::ConfigMap>(&api, "a", "kubectl", MapYaml("{x: \"1\", y: \"1\"}"));
  REQUIRE(same.ok());
  CHECK_FALSE(same->created);
  CHECK(same->object->revision() == made->object->revision());
  auto next = Apply<corev1::ConfigMap>(&api, "a", "kubectl", MapYaml("{x: \"2\", z: \"3\"}"));
  REQUIRE(next.ok());
  const auto& data = next->object->As<corev1::ConfigMap>().data();
  CHECK(data.size() == 2);
  CHECK(data.at("x") == "2");
  CHECK(Owners(*next->object) == R"(kubectl Apply {"f:data":{"f:x":{},"f:z":{}}})");
  CHECK(next->object->meta().uid() == made->object->meta().uid());
}

TEST_CASE("DefaultsAreNotApplied") {
  SimServer api;
  auto made = Apply<appsv1::Deployment>(&api, "web", "kubectl", DeploymentYaml(""));
  REQUIRE(made.ok());
  const auto& deployment = made->object->As<appsv1::Deployment>();
  CHECK(deployment.spec().replicas() == 1);
  CHECK(deployment.metadata().generation() == 1);
  CHECK_FALSE(absl::StrContains(Owners(*made->object), "f:replicas"));
  auto same = Apply<appsv1::Deployment>(&api, "web", "kubectl", DeploymentYaml(""));
  REQUIRE(same.ok());
  CHECK(same->object->revision() == made->object->revision());
  // Who says what was a default until now owns it from now on.
  auto other = Apply<appsv1::Deployment>(&api, "web", "hpa", DeploymentYaml("  replicas: 4\n"));
  REQUIRE(other.ok());
  CHECK(other->object->As<appsv1::Deployment>().spec().replicas() == 4);
  CHECK(other->object->meta().generation() == 2);
  CHECK(Apply<appsv1::Deployment>(&api, "web", "kubectl", DeploymentYaml("  replicas: 3\n"))
            .status()
            .message() == "Apply failed with 1 conflict: conflict with \"hpa\": .spec.replicas");
}

TEST_CASE("ADryApplyStoresNothing") {
  SimServer api;
  PatchRequest request = api.PatchOf<corev1::ConfigMap>("a", PatchType::kApply, MapYaml("{x: z}"));
  request.manager = "m";
  request.dry_run = true;
  auto dry = api.Patch(std::move(request));
  INFO(Text(dry.status()));
  REQUIRE(dry.ok());
  CHECK(Owners(*dry->object) == R"(m Apply {"f:data":{"f:x":{}}})");
  CHECK(api.Find<corev1::ConfigMap>("a") == nullptr);
}

TEST_CASE("AppliesThatMakeNoSenseAreRefused") {
  SimServer api;
  REQUIRE(Apply<corev1::ConfigMap>(&api, "a", "m", MapYaml("{}")).ok());
  struct Row {
    std::string name;
    std::string yaml;
    std::string text;
  };
  const Row rows[] = {
      {"a", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}",
       "400 BadRequest: invalid object type: /v1, Kind=Secret"},
      {"a", "metadata: {name: a}", "400 BadRequest: invalid object type: /, Kind="},
      {"a", "[", "400 BadRequest: error decoding YAML: "},
      {"a", "3", "400 BadRequest: error decoding YAML: "},
      {"b", MapYaml("{}"),
       "400 BadRequest: the name of the object (a) does not match the name on the URL (b)"},
      {"b", "apiVersion: v1\nkind: ConfigMap",
       "400 BadRequest: the name of the object (b based on URL) was undeterminable: name must be "
       "provided"},
      {"a", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, managedFields: [{manager: x}]}",
       "400 BadRequest: metadata.managedFields must be nil"},
      {"a", MapYaml("{x: 1}"),
       "500 : failed to create typed patch object (/a; /v1, Kind=ConfigMap): .data.x: expected "
       "string, got &value.valueUnstructured{Value:1}"},
      {"a", absl::StrCat(MapYaml("{}"), "spec: {}\n"),
       "500 : failed to create typed patch object (/a; /v1, Kind=ConfigMap): .spec: field not "
       "declared in schema"},
      {"b", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, uid: u}",
       "409 Conflict: Operation cannot be fulfilled on configmaps \"b\": uid mismatch: the "
       "provided object specified uid u, and no existing object was found"},
      {"a", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, resourceVersion: \"1\"}",
       "409 Conflict: "},
  };
  for (const Row& row : rows) {
    INFO(row.yaml);
    const std::string text = Text(Apply<corev1::ConfigMap>(&api, row.name, "m", row.yaml).status());
    INFO(text);
    CHECK(absl::StartsWith(text, row.text));
  }
  CHECK(Text(Apply<appsv1::Deployment>(&api, "none", "m", DeploymentYaml(""), false, "status")
                 .status()) == "404 NotFound: deployments.apps \"none\" not found");
}

TEST_CASE("StatusIsAppliedOnItsPath") {
  SimServer api;
  REQUIRE(Apply<appsv1::Deployment>(&api, "web", "kubectl", DeploymentYaml("")).ok());
  auto status = Apply<appsv1::Deployment>(
      &api, "web", "kcm",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {no: way}}\n"
      "spec: {paused: true}\nstatus: {replicas: 1}\n",
      false, "status");
  REQUIRE(status.ok());
  const auto& deployment = status->object->As<appsv1::Deployment>();
  CHECK(deployment.status().replicas() == 1);
  CHECK_FALSE(deployment.spec().paused());
  CHECK(deployment.metadata().labels().empty());
  CHECK(absl::StrContains(Owners(*status->object),
                          "kcm Apply/status {\"f:status\":{\"f:replicas\":{}}}"));
}

TEST_CASE("APodIsAppliedTwiceThoughItsTolerationsWereCompleted") {
  SimServer api;
  const std::string yaml =
      "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n"
      "  containers: [{name: c, image: nginx}]\n  tolerations: [{key: k, operator: Exists}]\n";
  auto made = Apply<corev1::Pod>(&api, "p", "kubectl", yaml);
  REQUIRE(made.ok());
  CHECK(made->object->As<corev1::Pod>().spec().tolerations_size() == 3);
  auto again = Apply<corev1::Pod>(&api, "p", "kubectl", yaml);
  INFO(Text(again.status()));
  REQUIRE(again.ok());
  CHECK(again->object->revision() == made->object->revision());
}

TEST_CASE("WhoMayNotCreateMayStillApplyWhatIsThere") {
  SimServer api;
  const auto apply = [&](const std::string& data) {
    PatchRequest request = api.PatchOf<corev1::ConfigMap>("a", PatchType::kApply, MapYaml(data));
    request.manager = "m";
    request.may_create = [] {
      return api::Forbidden(api::ResourceOf<corev1::ConfigMap>(), "a", "no");
    };
    return api.Patch(std::move(request));
  };
  CHECK(Text(apply("{}").status()) == "403 Forbidden: configmaps \"a\" is forbidden: no");
  REQUIRE(Apply<corev1::ConfigMap>(&api, "a", "m", MapYaml("{}")).ok());
  CHECK(apply("{x: \"1\"}").ok());
}

TEST_CASE("MembersThatAreSaidTwiceAreToldOf") {
  SimServer api;
  const auto apply = [&](FieldValidation validation) {
    PatchRequest request =
        api.PatchOf<corev1::ConfigMap>("a", PatchType::kApply, MapYaml("{x: \"1\", x: \"2\"}"));
    request.manager = "m";
    request.validation = validation;
    return api.Patch(std::move(request));
  };
  CHECK(Text(apply(FieldValidation::kStrict).status()) ==
        "400 BadRequest: error strict decoding YAML: duplicate field \"data.x\"");
  auto warned = apply(FieldValidation::kWarn);
  REQUIRE(warned.ok());
  CHECK(warned->warnings == std::vector<std::string>{"duplicate field \"data.x\""});
  CHECK(warned->object->As<corev1::ConfigMap>().data().at("x") == "2");
  auto ignored = apply(FieldValidation::kIgnore);
  REQUIRE(ignored.ok());
  CHECK(ignored->warnings.empty());
}

TEST_CASE("ManagementEndsWithAnEmptyList") {
  SimServer api;
  REQUIRE(api.One(As("alice", client::Write::Create(Map("a")))).ok());
  SECTION("by a merge patch with one that is empty") {
    REQUIRE(api.Patch(api.PatchOf<corev1::ConfigMap>("a", PatchType::kMerge,
                                                     R"({"metadata":{"managedFields":[{}]}})"))
                .ok());
  }
  SECTION("by a JSON patch with none") {
    REQUIRE(api.Patch(api.PatchOf<corev1::ConfigMap>(
                          "a", PatchType::kJson,
                          R"([{"op":"replace","path":"/metadata/managedFields","value":[]}])"))
                .ok());
  }
  CHECK(api.Find<corev1::ConfigMap>("a")->meta().managed_fields().empty());
  auto changed = api.Find<corev1::ConfigMap>("a")->CopyAs<corev1::ConfigMap>();
  (*changed->mutable_data())["x"] = "1";
  REQUIRE(api.One(As("bob", client::Write::Update(std::move(changed)))).ok());
  CHECK(api.Find<corev1::ConfigMap>("a")->meta().managed_fields().empty());
}

}  // namespace
}  // namespace skiff::apiserver
