// Namespaces that are being deleted: what goes first, and what their status says meanwhile.
#include "controllers/namespace.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/controllers/world.h"

namespace skiff::controllers {
namespace {

std::unique_ptr<corev1::ConfigMap> Map(const std::string& name) {
  auto map = std::make_unique<corev1::ConfigMap>();
  map->mutable_metadata()->set_name(name);
  map->mutable_metadata()->set_namespace_("team");
  return map;
}

api::ObjectPtr AddTeam(World* world) {
  auto team = std::make_unique<corev1::Namespace>();
  team->mutable_metadata()->set_name("team");
  return world->Create(std::move(team));
}

corev1::NamespaceCondition Condition(const World& world, const std::string& type) {
  const api::ObjectPtr team = world.Get<corev1::Namespace>("team", "");
  REQUIRE(team != nullptr);
  for (const auto& condition : team->As<corev1::Namespace>().status().conditions()) {
    if (condition.type() == type) return condition;
  }
  FAIL("no condition " << type);
  return {};
}

TEST_CASE("PodsGoFirstAndTheStatusSaysWhatIsLeft") {
  World world(7, {"node-controller", "pod-garbage-collector"});
  const api::ObjectPtr team = AddTeam(&world);
  auto job = WorkJob(2, 2);
  job->mutable_metadata()->set_namespace_("team");
  world.Create(std::move(job));
  world.Create(Map("settings"));
  world.Settle();
  for (const api::ObjectPtr& pod : world.All<corev1::Pod>("team")) world.Bind(pod);
  world.Settle();
  const auto pods = world.All<corev1::Pod>("team");
  REQUIRE(pods.size() == 2);
  world.Delete(*team);
  world.Settle();
  CHECK(Condition(world, "NamespaceContentRemaining").status() == "True");
  CHECK(Condition(world, "NamespaceContentRemaining").message() ==
        "Some resources are remaining: pods. has 2 resource instances");
  CHECK(Condition(world, "NamespaceDeletionContentFailure").status() == "False");
  CHECK(Condition(world, "NamespaceDeletionContentFailure").reason() == "ContentDeleted");
  CHECK(world.Get<corev1::ConfigMap>("settings", "team") != nullptr);
  // The job lets go of its pods, and does not make new ones.
  for (const api::ObjectPtr& pod : pods) {
    const api::ObjectPtr now = world.Get<corev1::Pod>(pod->meta().name(), "team");
    CHECK(now->meta().has_deletion_timestamp());
    CHECK(now->meta().finalizers().empty());
    client::Write write = client::Write::Delete(*now);
    write.grace_period_seconds = 0;
    REQUIRE(world.Commit(std::move(write)).ok());
  }
  world.Settle();
  CHECK(world.Get<corev1::Namespace>("team", "") == nullptr);
  CHECK(world.Get<corev1::ConfigMap>("settings", "team") == nullptr);
  CHECK(world.All<corev1::Event>("team").empty());
}

TEST_CASE("AFinalizerHoldsTheNamespaceAndIsNamed") {
  World world;
  const api::ObjectPtr team = AddTeam(&world);
  auto held = Map("held");
  held->mutable_metadata()->add_finalizers("example.com/backup");
  world.Create(std::move(held));
  world.Create(Map("free"));
  world.Delete(*team);
  world.Settle();
  CHECK(world.Get<corev1::ConfigMap>("free", "team") == nullptr);
  CHECK(Condition(world, "NamespaceContentRemaining").message() ==
        "Some resources are remaining: configmaps. has 1 resource instances");
  CHECK(Condition(world, "NamespaceFinalizersRemaining").message() ==
        "Some content in the namespace has finalizers remaining: example.com/backup in 1 resource "
        "instances");
  const uint64_t before = world.revision();
  world.Pass(absl::Minutes(20));
  CHECK(world.revision() == before);
  auto freed = world.Get<corev1::ConfigMap>("held", "team")->CopyAs<corev1::ConfigMap>();
  freed->mutable_metadata()->clear_finalizers();
  world.Update(std::move(freed));
  world.Settle();
  CHECK(world.Get<corev1::Namespace>("team", "") == nullptr);
}

TEST_CASE("AWorkloadInANamespaceThatGoesMakesNothingNew") {
  World world(7, {"node-controller", "pod-garbage-collector"});
  const api::ObjectPtr team = AddTeam(&world);
  auto deployment = WebDeployment(3, "v1");
  deployment->mutable_metadata()->set_namespace_("team");
  world.Create(std::move(deployment));
  world.Settle();
  for (const api::ObjectPtr& pod : world.All<corev1::Pod>("team")) world.Bind(pod);
  world.Delete(*team);
  world.Settle();
  CHECK(world.All<corev1::Pod>("team").size() == 3);
  const uint64_t before = world.revision();
  world.Pass(absl::Minutes(5));
  CHECK(world.revision() == before);
}

}  // namespace
}  // namespace skiff::controllers
