#include <set>

#include "api/scale.h"
#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

TEST_CASE("BootstrapMakesWhatEveryClusterHasAndMakesItOnce") {
  SimServer api;
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    INFO(name);
    const auto space = api.Find<corev1::Namespace>(name);
    REQUIRE(space != nullptr);
    CHECK(space->As<corev1::Namespace>().status().phase() == "Active");
    CHECK(space->As<corev1::Namespace>().spec().finalizers(0) == "kubernetes");
    CHECK(space->meta().labels().at("kubernetes.io/metadata.name") == name);
    CHECK(api.Find<corev1::ServiceAccount>("default", name) != nullptr);
  }
  for (const char* name : {"linux", "process", "fake"}) {
    INFO(name);
    const auto found = api.Find<nodev1::RuntimeClass>(name);
    REQUIRE(found != nullptr);
    CHECK(found->As<nodev1::RuntimeClass>().handler() == name);
  }
  const auto service = api.Find<corev1::Service>("kubernetes");
  REQUIRE(service != nullptr);
  CHECK(service->As<corev1::Service>().spec().cluster_ip() == "10.96.0.1");
  const uint64_t before = api.server->revision();
  const auto again = api.Bootstrap();
  REQUIRE(again.ok());
  CHECK(*again == before);
  CHECK(api.server->revision() == before);
}

TEST_CASE("TwoServersOfOneStoreMayBootstrapAtOnce") {
  SimServer api({}, DefaultAdmission(), /*bootstrap=*/false);
  Server other(api.store.get(), &api.sim.clock(), Rng(8));
  absl::Status first, second;
  api.server->Bootstrap(api.loop.get(), [&](auto done) { first = done.status(); });
  other.Bootstrap(api.loop.get(), [&](auto done) { second = done.status(); });
  REQUIRE(api.sim.RunDue());
  CHECK(first.ok());
  CHECK(second.ok());
  CHECK(NamesOf(*api.List(api::ResourceOf<nodev1::RuntimeClass>())) == "fake linux process");
}

TEST_CASE("CreateFillsInWhatTheServerKnows") {
  SimServer api;
  auto pod = MakePod("web");
  pod->mutable_metadata()->set_uid("mine");
  pod->mutable_metadata()->set_generation(9);
  pod->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
  pod->mutable_status()->set_phase("Running");
  pod->mutable_status()->set_pod_ip("1.2.3.4");
  const auto made = api.Create(std::move(pod));
  REQUIRE(made.ok());
  const auto& stored = (*made)->As<corev1::Pod>();
  CHECK(stored.metadata().uid().size() == 36);
  CHECK(stored.metadata().creation_timestamp().seconds() == 1'700'000'000);
  CHECK(stored.metadata().generation() == 1);
  CHECK_FALSE(stored.metadata().has_deletion_timestamp());
  CHECK((*made)->revision() == api.server->revision());
  CHECK(stored.status().phase() == "Pending");
  CHECK(stored.status().pod_ip().empty());
  CHECK(stored.status().qos_class() == "BestEffort");
  CHECK(stored.spec().restart_policy() == "Always");
  CHECK(stored.spec().service_account_name() == "default");
  CHECK(stored.spec().priority() == 0);
  CHECK(stored.spec().tolerations_size() == 2);
  CHECK(api.Find<corev1::Pod>("web") == *made);
}

TEST_CASE("CreateRefusesWhatIsThereAndWhereNothingCanBe") {
  SimServer api;
  REQUIRE(api.Create(Map("a")).ok());
  CHECK(Text(api.Create(Map("a")).status()) ==
        "409 AlreadyExists: configmaps \"a\" already exists");
  auto lost = Map("b");
  lost->mutable_metadata()->set_namespace_("nowhere");
  CHECK(Text(api.Create(std::move(lost)).status()) ==
        "404 NotFound: namespaces \"nowhere\" not found");
  auto versioned = Map("c");
  versioned->mutable_metadata()->set_resource_version("5");
  CHECK(Text(api.Create(std::move(versioned)).status()) ==
        "400 BadRequest: resourceVersion should not be set on objects to be created");
  CHECK(Text(api.Create(Map("Big_Name")).status()).substr(0, 12) == "422 Invalid:");
  CHECK(Text(api.Create(Map("")).status()).substr(0, 12) == "422 Invalid:");
  client::Write other = client::Write::Create(Map("d"));
  other.name_space = "kube-system";
  CHECK(Text(api.One(std::move(other)).status()).substr(0, 15) == "400 BadRequest:");
}

TEST_CASE("GeneratedNamesAreFresh") {
  SimServer api;
  std::set<std::string> names;
  for (int i = 0; i < 20; ++i) {
    auto map = Map("");
    map->mutable_metadata()->set_generate_name("part-");
    const auto made = api.Create(std::move(map));
    REQUIRE(made.ok());
    CHECK((*made)->meta().name().size() == 10);
    names.insert((*made)->meta().name());
  }
  CHECK(names.size() == 20);
}

TEST_CASE("OfTwoCreatesAtOnceOneIsToldThatItExists") {
  SimServer api;
  std::vector<std::string> answers;
  for (int i = 0; i < 2; ++i) {
    std::vector<client::Write> writes;
    writes.push_back(client::Write::Create(Map("a")));
    api.server->Write(std::move(writes), {}, api.loop.get(),
                      [&](auto written) { answers.push_back(Text(written.status())); });
  }
  REQUIRE(api.sim.RunDue());
  CHECK(answers ==
        std::vector<std::string>{"OK", "409 AlreadyExists: configmaps \"a\" already exists"});
}

TEST_CASE("ACreateThatLosesItsNamespaceIsToldSo") {
  SimServer api;
  REQUIRE(api.Create(Named<corev1::Namespace>("short")).ok());
  store::Txn gone;
  gone.ops.push_back(
      store::Op::Delete(store::Key(api::ResourceOf<corev1::Namespace>(), "", "short")));
  api.store->Commit(std::move(gone), [](auto) {});
  auto map = Map("a");
  map->mutable_metadata()->set_namespace_("short");
  CHECK(Text(api.Create(std::move(map)).status()) ==
        "404 NotFound: namespaces \"short\" not found");
}

TEST_CASE("UpdateIsConditionalIfItNamesAVersion") {
  SimServer api;
  const auto first = *api.Create(Map("a", "1"));
  auto second = first->CopyAs<corev1::ConfigMap>();
  (*second->mutable_data())["value"] = "2";
  REQUIRE(api.Update(std::move(second)).ok());
  auto stale = first->CopyAs<corev1::ConfigMap>();
  (*stale->mutable_data())["value"] = "3";
  CHECK(Text(api.Update(std::move(stale)).status()) ==
        "409 Conflict: Operation cannot be fulfilled on configmaps \"a\": the object has been "
        "modified; please apply your changes to the latest version and try again");
  CHECK(api.Update(Map("a", "4")).ok());  // Names none.
  auto other = Map("a", "5");
  other->mutable_metadata()->set_uid("another");
  CHECK(absl::IsAborted(api.Update(std::move(other)).status()));
  CHECK(api.Find<corev1::ConfigMap>("a")->As<corev1::ConfigMap>().data().at("value") == "4");
  CHECK(absl::IsNotFound(api.Update(Map("b")).status()));
}

TEST_CASE("UpdateKeepsWhatOnlyTheServerMayChange") {
  SimServer api;
  const auto before = *api.Create(MakeDeployment("web"));
  const auto after = api.Edit<appsv1::Deployment>("web", [](appsv1::Deployment* object) {
    object->mutable_metadata()->mutable_creation_timestamp()->set_seconds(5);
    object->mutable_metadata()->set_generation(77);
    object->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(5);
    object->mutable_status()->set_replicas(9);
    (*object->mutable_metadata()->mutable_labels())["new"] = "yes";
  });
  REQUIRE(after.ok());
  const auto& now = (*after)->As<appsv1::Deployment>();
  CHECK(now.metadata().creation_timestamp().seconds() ==
        before->meta().creation_timestamp().seconds());
  CHECK(now.metadata().generation() == 1);
  CHECK_FALSE(now.metadata().has_deletion_timestamp());
  CHECK(now.status().replicas() == 0);
  CHECK(now.metadata().labels().at("new") == "yes");
}

TEST_CASE("GenerationCountsSpecsAndNothingElse") {
  SimServer api;
  REQUIRE(api.Create(MakeDeployment("web")).ok());
  const auto scaled = api.Edit<appsv1::Deployment>(
      "web", [](appsv1::Deployment* object) { object->mutable_spec()->set_replicas(4); });
  REQUIRE(scaled.ok());
  CHECK((*scaled)->meta().generation() == 2);
  const auto reported = api.Edit<appsv1::Deployment>(
      "web",
      [](appsv1::Deployment* object) {
        object->mutable_status()->set_replicas(3);
        object->mutable_spec()->set_replicas(50);
        (*object->mutable_metadata()->mutable_labels())["new"] = "yes";
      },
      "status");
  REQUIRE(reported.ok());
  const auto& now = (*reported)->As<appsv1::Deployment>();
  CHECK(now.metadata().generation() == 2);
  CHECK(now.status().replicas() == 3);
  CHECK(now.spec().replicas() == 4);
  CHECK(now.metadata().labels().empty());
}

TEST_CASE("AWriteThatChangesNothingTakesNoRevision") {
  SimServer api;
  const auto made = *api.Create(MakeDeployment("web"));
  const uint64_t before = api.server->revision();
  const auto nothing = [](auto*) {};
  CHECK(*api.Edit<appsv1::Deployment>("web", nothing) == made);
  CHECK(*api.Edit<appsv1::Deployment>("web", nothing, "status") == made);
  CHECK(*api.Update(MakeDeployment("web")) == made);  // Defaults are no change.
  CHECK(api.server->revision() == before);
}

TEST_CASE("ADryRunAnswersAndStoresNothing") {
  SimServer api;
  const uint64_t before = api.server->revision();
  const auto made = api.Create(MakePod("web"), /*dry_run=*/true);
  REQUIRE(made.ok());
  CHECK((*made)->As<corev1::Pod>().spec().restart_policy() == "Always");
  CHECK(absl::IsInvalidArgument(api.Create(MakePod("No_Name"), true).status()));
  CHECK(api.server->revision() == before);
  CHECK(api.Find<corev1::Pod>("web") == nullptr);
}

TEST_CASE("WritesThatBelongTogetherHappenTogether") {
  SimServer api;
  std::vector<client::Write> writes;
  writes.push_back(client::Write::Create(Named<corev1::Namespace>("team")));
  auto inside = Map("a");
  inside->mutable_metadata()->set_namespace_("team");
  writes.push_back(client::Write::Create(std::move(inside)));
  auto pod = MakePod("web");
  pod->mutable_metadata()->set_namespace_("team");
  writes.push_back(client::Write::Create(std::move(pod)));
  const auto written = api.Write(std::move(writes));
  INFO(Text(written.status()));
  REQUIRE(written.ok());
  REQUIRE(written->items.size() == 3);
  for (const auto& item : written->items) CHECK(item.object->revision() == written->revision);

  std::vector<client::Write> half;
  half.push_back(client::Write::Create(Map("b")));
  half.push_back(client::Write::Update(Map("missing")));
  CHECK(Text(api.Write(std::move(half)).status()) ==
        "404 NotFound: configmaps \"missing\" not found");
  CHECK(api.Find<corev1::ConfigMap>("b") == nullptr);
  CHECK(api.Write({}).ok());
}

TEST_CASE("WritesThatMakeNoSenseAreRefusedNotFatal") {
  SimServer api;
  REQUIRE(api.Create(Map("a")).ok());
  REQUIRE(api.Create(MakePod("web")).ok());
  const auto refused = [&](client::Write write) {
    const auto answer = api.One(std::move(write));
    INFO(Text(answer.status()));
    CHECK(absl::IsInvalidArgument(answer.status()));
  };
  refused(client::Write());
  refused(client::Write::Update(Map("a"), "status"));
  refused(client::Write::Update(Map("a"), "scale"));
  refused(client::Write::Update(MakePod("web"), "log"));
  refused(client::Write::Update(MakePod("web"), "binding"));
  client::Write wrong = client::Write::Update(Map("web"));
  wrong.resource = &api::ResourceOf<corev1::Pod>();
  refused(std::move(wrong));
  client::Write empty = client::Write::Update(Map("a"));
  empty.object = nullptr;
  refused(std::move(empty));
  client::Write bind = client::Write::Create(MakePod("web"));
  bind.subresource = "binding";
  refused(std::move(bind));
  client::Write sub = api.Deletion<corev1::Pod>("web");
  sub.subresource = "status";
  refused(std::move(sub));
  auto odd = Map("a");
  odd->mutable_metadata()->set_resource_version("abc");
  refused(client::Write::Update(std::move(odd)));
  auto scale = api.PatchOf<corev1::ConfigMap>("a", PatchType::kMerge, "{}");
  scale.subresource = "scale";
  CHECK(Text(api.Patch(std::move(scale)).status()).substr(0, 3) == "405");
}

TEST_CASE("PatchesOfEveryTypeApply") {
  SimServer api;
  REQUIRE(api.Create(MakeDeployment("web")).ok());
  auto merged = api.Patch(api.PatchOf<appsv1::Deployment>(
      "web", PatchType::kMerge, R"({"metadata":{"labels":{"a":"1"}},"spec":{"replicas":3}})"));
  REQUIRE(merged.ok());
  CHECK(merged->object->meta().generation() == 2);
  auto strategic = api.Patch(api.PatchOf<appsv1::Deployment>(
      "web", PatchType::kStrategic,
      R"({"spec":{"template":{"spec":{"containers":[{"name":"main","image":"busybox:2"}]}}}})"));
  REQUIRE(strategic.ok());
  const auto& spec = strategic->object->As<appsv1::Deployment>().spec();
  REQUIRE(spec.template_().spec().containers_size() == 1);
  CHECK(spec.template_().spec().containers(0).image() == "busybox:2");
  CHECK(spec.replicas() == 3);
  auto json = api.Patch(api.PatchOf<appsv1::Deployment>(
      "web", PatchType::kJson, R"([{"op":"remove","path":"/metadata/labels/a"}])"));
  REQUIRE(json.ok());
  CHECK(json->object->meta().labels().empty());
  const uint64_t before = api.server->revision();
  REQUIRE(api.Patch(api.PatchOf<appsv1::Deployment>("web", PatchType::kMerge, "{}")).ok());
  CHECK(api.server->revision() == before);
}

TEST_CASE("PatchesThatCannotBeAreRefused") {
  SimServer api;
  REQUIRE(api.Create(Map("a")).ok());
  const auto answer = [&](PatchType type, const std::string& body) {
    return Text(api.Patch(api.PatchOf<corev1::ConfigMap>("a", type, body)).status());
  };
  CHECK(answer(PatchType::kMerge, "{").substr(0, 15) == "400 BadRequest:");
  CHECK(answer(PatchType::kJson, R"([{"op":"test","path":"/data/value","value":"2"}])")
            .substr(0, 12) == "422 Invalid:");
  CHECK(answer(PatchType::kMerge, R"({"metadata":{"name":"b"}})").substr(0, 15) ==
        "400 BadRequest:");
  CHECK(answer(PatchType::kMerge, R"({"metadata":{"uid":"b"}})").substr(0, 13) == "409 Conflict:");
  CHECK(answer(PatchType::kMerge, R"({"metadata":{"resourceVersion":"1"}})").substr(0, 13) ==
        "409 Conflict:");
  CHECK(Text(api.Patch(api.PatchOf<corev1::ConfigMap>("b", PatchType::kMerge, "{}")).status()) ==
        "404 NotFound: configmaps \"b\" not found");
}

TEST_CASE("UnknownFieldsOfAPatchAreErrorsWarningsOrNothing") {
  SimServer api;
  REQUIRE(api.Create(Map("a")).ok());
  auto request = api.PatchOf<corev1::ConfigMap>("a", PatchType::kMerge,
                                                R"({"spec":{"x":1},"data":{"k":"v"}})");
  request.validation = FieldValidation::kStrict;
  CHECK(Text(api.Patch(request).status()) ==
        "400 BadRequest: strict decoding error: unknown field \"spec\"");
  request.validation = FieldValidation::kWarn;
  const auto warned = api.Patch(request);
  REQUIRE(warned.ok());
  CHECK(warned->warnings == std::vector<std::string>{"unknown field \"spec\""});
  request.validation = FieldValidation::kIgnore;
  const auto ignored = api.Patch(request);
  REQUIRE(ignored.ok());
  CHECK(ignored->warnings.empty());
}

TEST_CASE("PatchesThatRaceAllApply") {
  SimServer api;
  REQUIRE(api.Create(Map("a")).ok());
  int fine = 0;
  for (int i = 0; i < 10; ++i) {
    api.server->Patch(api.PatchOf<corev1::ConfigMap>(
                          "a", PatchType::kMerge, absl::StrCat(R"({"data":{"k)", i, R"(":"v"}})")),
                      api.loop.get(), [&](auto patched) { fine += patched.ok(); });
  }
  REQUIRE(api.sim.RunDue());
  CHECK(fine == 10);
  CHECK(api.Find<corev1::ConfigMap>("a")->As<corev1::ConfigMap>().data().size() == 11);
}

TEST_CASE("UnconditionalUpdatesThatRaceAllApply") {
  SimServer api;
  REQUIRE(api.Create(Map("a")).ok());
  int fine = 0;
  for (int i = 0; i < 5; ++i) {
    std::vector<client::Write> writes;
    writes.push_back(client::Write::Update(Map("a", absl::StrCat("v", i))));
    api.server->Write(std::move(writes), {}, api.loop.get(),
                      [&](auto written) { fine += written.ok(); });
  }
  REQUIRE(api.sim.RunDue());
  CHECK(fine == 5);
}

TEST_CASE("ScaleIsAViewOfReplicas") {
  SimServer api;
  REQUIRE(api.Create(MakeDeployment("web", 2)).ok());
  const auto scale = api::ScaleOf(*api.Find<appsv1::Deployment>("web"));
  CHECK(scale.spec().replicas() == 2);
  CHECK(scale.status().selector() == "app=web");
  auto wanted = std::make_unique<autoscalingv1::Scale>(scale);
  wanted->mutable_spec()->set_replicas(5);
  client::Write write;
  write.verb = client::Write::Verb::kUpdate;
  write.resource = &api::ResourceOf<appsv1::Deployment>();
  write.name_space = "default";
  write.name = "web";
  write.subresource = "scale";
  write.object = std::move(wanted);
  const auto scaled = api.One(std::move(write));
  REQUIRE(scaled.ok());
  CHECK((*scaled)->As<appsv1::Deployment>().spec().replicas() == 5);
  CHECK((*scaled)->meta().generation() == 2);
  auto patch =
      api.PatchOf<appsv1::Deployment>("web", PatchType::kMerge, R"({"spec":{"replicas":1}})");
  patch.subresource = "scale";
  const auto patched = api.Patch(patch);
  REQUIRE(patched.ok());
  CHECK(patched->object->As<appsv1::Deployment>().spec().replicas() == 1);
  patch.body = R"({"spec":{"replicas":-1}})";
  CHECK(Text(api.Patch(patch).status()).substr(0, 12) == "422 Invalid:");
}

}  // namespace
}  // namespace skiff::apiserver
