#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

int64_t GraceOf(const api::ObjectPtr& object) {
  return object->meta().has_deletion_timestamp() ? object->meta().deletion_grace_period_seconds()
                                                 : -1;
}

TEST_CASE("WhatNothingHoldsIsGoneAtOnce") {
  SimServer api;
  const auto made = *api.Create(Map("a"));
  const auto gone = api.Delete<corev1::ConfigMap>("a");
  REQUIRE(gone.ok());
  CHECK(api.removed);
  CHECK((*gone)->meta().uid() == made->meta().uid());
  CHECK((*gone)->revision() == api.server->revision());
  CHECK(Text(api.Delete<corev1::ConfigMap>("a").status()) ==
        "404 NotFound: configmaps \"a\" not found");
}

TEST_CASE("APodOnANodeIsDeletedByItsNode") {
  SimServer api;
  REQUIRE(api.Create(MakePod("web")).ok());
  REQUIRE(api.Bind("web", "n1").ok());
  const auto asked = api.Delete<corev1::Pod>("web");
  REQUIRE(asked.ok());
  CHECK_FALSE(api.removed);
  CHECK(GraceOf(*asked) == 30);
  CHECK((*asked)->meta().deletion_timestamp().seconds() == 1'700'000'030);
  CHECK((*asked)->meta().generation() == 2);
  const uint64_t before = api.server->revision();
  CHECK(*api.Delete<corev1::Pod>("web", "", 60) == *asked);  // Never longer.
  CHECK(api.server->revision() == before);
  api.sim.RunFor(absl::Seconds(10));
  const auto sooner = api.Delete<corev1::Pod>("web", "", 5);
  REQUIRE(sooner.ok());
  CHECK(GraceOf(*sooner) == 5);
  CHECK((*sooner)->meta().deletion_timestamp().seconds() == 1'700'000'005);
  REQUIRE(api.Delete<corev1::Pod>("web", "", 0).ok());
  CHECK(api.removed);
  CHECK(api.Find<corev1::Pod>("web") == nullptr);
}

TEST_CASE("APodWithoutNodeOrWorkLeftNeedsNoGrace") {
  SimServer api;
  REQUIRE(api.Create(MakePod("pending")).ok());
  REQUIRE(api.Delete<corev1::Pod>("pending").ok());
  CHECK(api.removed);
  REQUIRE(api.Create(MakePod("done")).ok());
  REQUIRE(api.Bind("done", "n1").ok());
  REQUIRE(api.Edit<corev1::Pod>(
                 "done", [](corev1::Pod* pod) { pod->mutable_status()->set_phase("Succeeded"); },
                 "status")
              .ok());
  REQUIRE(api.Delete<corev1::Pod>("done").ok());
  CHECK(api.removed);
  REQUIRE(api.Create(MakePod("odd")).ok());
  REQUIRE(api.Bind("odd", "n1").ok());
  const auto odd = api.Delete<corev1::Pod>("odd", "", -5);  // Means one second.
  REQUIRE(odd.ok());
  CHECK(GraceOf(*odd) == 1);
}

TEST_CASE("AFinalizerHoldsAnObjectUntilItIsTakenAway") {
  SimServer api;
  auto map = Map("a");
  map->mutable_metadata()->add_finalizers("example.com/mine");
  REQUIRE(api.Create(std::move(map)).ok());
  const auto asked = api.Delete<corev1::ConfigMap>("a");
  REQUIRE(asked.ok());
  CHECK_FALSE(api.removed);
  CHECK(GraceOf(*asked) == 0);
  const auto added = api.Edit<corev1::ConfigMap>("a", [](corev1::ConfigMap* object) {
    object->mutable_metadata()->add_finalizers("example.com/more");
  });
  CHECK(Text(added.status()).substr(0, 12) == "422 Invalid:");
  REQUIRE(api.Edit<corev1::ConfigMap>(
                 "a",
                 [](corev1::ConfigMap* object) { (*object->mutable_data())["still"] = "editable"; })
              .ok());
  REQUIRE(
      api.Edit<corev1::ConfigMap>(
             "a", [](corev1::ConfigMap* object) { object->mutable_metadata()->clear_finalizers(); })
          .ok());
  CHECK(api.removed);
  CHECK(api.Find<corev1::ConfigMap>("a") == nullptr);
}

TEST_CASE("APatchMayTakeTheLastFinalizerAway") {
  SimServer api;
  auto map = Map("a");
  map->mutable_metadata()->add_finalizers("example.com/mine");
  REQUIRE(api.Create(std::move(map)).ok());
  REQUIRE(api.Delete<corev1::ConfigMap>("a").ok());
  REQUIRE(api.Patch(api.PatchOf<corev1::ConfigMap>("a", PatchType::kMerge,
                                                   R"({"metadata":{"finalizers":null}})"))
              .ok());
  CHECK(api.Find<corev1::ConfigMap>("a") == nullptr);
}

TEST_CASE("PropagationPoliciesAreFinalizersOfTheOwner") {
  SimServer api;
  const auto finalizers = [&] {
    std::string out;
    const auto found = api.Find<appsv1::Deployment>("web");
    if (found == nullptr) return std::string("gone");
    for (const auto& one : found->meta().finalizers()) absl::StrAppend(&out, one, ";");
    return out;
  };
  REQUIRE(api.Create(MakeDeployment("web")).ok());
  REQUIRE(api.Delete<appsv1::Deployment>("web", "Foreground").ok());
  CHECK(finalizers() == "foregroundDeletion;");
  REQUIRE(api.Delete<appsv1::Deployment>("web").ok());  // Silence keeps what was asked.
  CHECK(finalizers() == "foregroundDeletion;");
  REQUIRE(api.Delete<appsv1::Deployment>("web", "Orphan").ok());
  CHECK(finalizers() == "orphan;");
  REQUIRE(api.Delete<appsv1::Deployment>("web", "Background").ok());
  CHECK(finalizers() == "gone");
  REQUIRE(api.Create(MakeDeployment("web")).ok());
  CHECK(Text(api.Delete<appsv1::Deployment>("web", "Sideways").status()).substr(0, 15) ==
        "400 BadRequest:");
  REQUIRE(api.Delete<appsv1::Deployment>("web").ok());
  CHECK(finalizers() == "gone");
}

// Kubernetes' batch/v1 is older than its collector: it keeps a job's pods unless it is told not to.
TEST_CASE("AJobThatIsDeletedWithoutAWordOrphansItsPods") {
  SimServer api;
  const auto job = [] {
    auto out = std::make_unique<batchv1::Job>();
    out->mutable_metadata()->set_name("work");
    out->mutable_metadata()->set_namespace_("default");
    auto* spec = out->mutable_spec()->mutable_template_()->mutable_spec();
    spec->set_restart_policy("Never");
    spec->add_containers()->set_name("c");
    spec->mutable_containers(0)->set_image("x");
    return out;
  };
  REQUIRE(api.Create(job()).ok());
  REQUIRE(api.Delete<batchv1::Job>("work").ok());
  const auto orphaning = api.Find<batchv1::Job>("work");
  REQUIRE(orphaning != nullptr);
  REQUIRE(orphaning->meta().finalizers_size() == 1);
  CHECK(orphaning->meta().finalizers(0) == "orphan");
  REQUIRE(api.Delete<batchv1::Job>("work").ok());  // Silence keeps what was asked.
  CHECK(api.Find<batchv1::Job>("work") != nullptr);
  REQUIRE(api.Delete<batchv1::Job>("work", "Background").ok());
  CHECK(api.Find<batchv1::Job>("work") == nullptr);
}

TEST_CASE("AForegroundPodGoesWhenItsNodeAndTheCollectorAreDone") {
  SimServer api;
  REQUIRE(api.Create(MakePod("web")).ok());
  REQUIRE(api.Bind("web", "n1").ok());
  REQUIRE(api.Delete<corev1::Pod>("web", "Foreground").ok());
  REQUIRE(api.Delete<corev1::Pod>("web", "", 0).ok());
  CHECK_FALSE(api.removed);
  CHECK(GraceOf(api.Find<corev1::Pod>("web")) == 0);
  REQUIRE(api.Edit<corev1::Pod>(
                 "web", [](corev1::Pod* pod) { pod->mutable_metadata()->clear_finalizers(); })
              .ok());
  CHECK(api.Find<corev1::Pod>("web") == nullptr);
}

TEST_CASE("DeletionsMayNameWhatTheyMean") {
  SimServer api;
  const auto made = *api.Create(Map("a"));
  client::Write other = api.Deletion<corev1::ConfigMap>("a");
  other.uid = "another";
  const std::string answer = Text(api.One(std::move(other)).status());
  CHECK(absl::StrContains(answer, "Precondition failed: UID in precondition: another"));
  client::Write stale = api.Deletion<corev1::ConfigMap>("a");
  stale.if_revision = made->revision() - 1;
  CHECK(Text(api.One(std::move(stale)).status()).substr(0, 13) == "409 Conflict:");
  client::Write exact = api.Deletion<corev1::ConfigMap>("a");
  exact.if_revision = made->revision();
  CHECK(api.One(std::move(exact)).ok());
}

TEST_CASE("ANamespaceGoesByItsFinalizeStep") {
  SimServer api;
  REQUIRE(api.Create(Named<corev1::Namespace>("team")).ok());
  const auto asked = api.Delete<corev1::Namespace>("team");
  REQUIRE(asked.ok());
  CHECK_FALSE(api.removed);
  CHECK((*asked)->As<corev1::Namespace>().status().phase() == "Terminating");
  auto map = Map("late");
  map->mutable_metadata()->set_namespace_("team");
  CHECK(Text(api.Create(std::move(map)).status()) ==
        "403 Forbidden: configmaps \"late\" is forbidden: unable to create new content in "
        "namespace team because it is being terminated");
  const uint64_t before = api.server->revision();
  CHECK(*api.Delete<corev1::Namespace>("team") == *asked);
  CHECK(api.server->revision() == before);
  const auto clear = [](corev1::Namespace* space) { space->mutable_spec()->clear_finalizers(); };
  REQUIRE(api.Edit<corev1::Namespace>("team", clear).ok());  // Not on this path.
  CHECK_FALSE(api.removed);
  REQUIRE(api.Edit<corev1::Namespace>("team", clear, "finalize").ok());
  CHECK(api.removed);
  CHECK(api.Find<corev1::Namespace>("team") == nullptr);
}

TEST_CASE("ANamespaceWithFinalizersOfBothKindsGoesWithTheLast") {
  SimServer api;
  auto space = Named<corev1::Namespace>("team");
  space->mutable_metadata()->add_finalizers("example.com/mine");
  REQUIRE(api.Create(std::move(space)).ok());
  REQUIRE(api.Delete<corev1::Namespace>("team").ok());
  REQUIRE(api.Edit<corev1::Namespace>(
                 "team", [](corev1::Namespace* now) { now->mutable_spec()->clear_finalizers(); },
                 "finalize")
              .ok());
  CHECK_FALSE(api.removed);
  REQUIRE(
      api.Edit<corev1::Namespace>(
             "team", [](corev1::Namespace* now) { now->mutable_metadata()->clear_finalizers(); })
          .ok());
  CHECK(api.Find<corev1::Namespace>("team") == nullptr);
}

TEST_CASE("TheSystemsNamespacesStay") {
  SimServer api;
  CHECK(Text(api.Delete<corev1::Namespace>("default").status()) ==
        "403 Forbidden: namespaces \"default\" is forbidden: this namespace may not be deleted");
  CHECK(absl::IsPermissionDenied(api.Delete<corev1::Namespace>("kube-system").status()));
}

absl::StatusOr<Written> Sweep(SimServer* api, const std::string& selector, bool dry_run = false) {
  DeleteCollectionRequest request;
  request.resource = &api::ResourceOf<corev1::ConfigMap>();
  request.list.name_space = "default";
  request.list.label_selector = selector;
  request.dry_run = dry_run;
  return api->Wait<Written>([&](auto done) {
    api->server->DeleteCollection(std::move(request), api->loop.get(), std::move(done));
  });
}

TEST_CASE("DeleteCollectionDeletesWhatIsSelected") {
  SimServer api;
  for (int i = 0; i < 600; ++i) {
    auto map = Map(absl::StrCat("m", i));
    (*map->mutable_metadata()->mutable_labels())["odd"] = i % 2 == 1 ? "yes" : "no";
    REQUIRE(api.Create(std::move(map)).ok());
  }
  const auto tried = Sweep(&api, "", /*dry_run=*/true);
  REQUIRE(tried.ok());
  CHECK(tried->items.size() == 600);
  const auto swept = Sweep(&api, "odd=yes");
  REQUIRE(swept.ok());
  CHECK(swept->items.size() == 300);
  const auto left = api.List(api::ResourceOf<corev1::ConfigMap>());
  CHECK(left->items.size() == 300);
  CHECK(Sweep(&api, "none=such")->items.empty());
  CHECK(Text(Sweep(&api, "a in").status()).substr(0, 15) == "400 BadRequest:");
}

TEST_CASE("DeleteCollectionMindsNotWhatOthersDelete") {
  SimServer api;
  for (int i = 0; i < 5; ++i) REQUIRE(api.Create(Map(absl::StrCat("m", i))).ok());
  store::Txn txn;
  txn.ops.push_back(
      store::Op::Delete(store::Key(api::ResourceOf<corev1::ConfigMap>(), "default", "m2")));
  api.store->Commit(std::move(txn), [](auto) {});
  const auto swept = Sweep(&api, "");
  REQUIRE(swept.ok());
  CHECK(swept->items.size() == 4);
  CHECK(api.List(api::ResourceOf<corev1::ConfigMap>())->items.empty());
}

}  // namespace
}  // namespace skiff::apiserver
