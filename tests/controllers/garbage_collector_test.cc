// Ownership: nothing goes that somebody still wants, or that nobody can speak for.
#include "controllers/garbage_collector.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/controllers/world.h"

namespace skiff::controllers {
namespace {

using Verb = client::Write::Verb;

std::unique_ptr<corev1::ConfigMap> Map(const std::string& name) {
  auto map = std::make_unique<corev1::ConfigMap>();
  map->mutable_metadata()->set_name(name);
  map->mutable_metadata()->set_namespace_("default");
  return map;
}

void OwnedBy(corev1::ConfigMap* map, const std::string& api_version, const std::string& kind,
             const std::string& name, const std::string& uid, bool blocks = true) {
  auto* owner = map->mutable_metadata()->add_owner_references();
  owner->set_api_version(api_version);
  owner->set_kind(kind);
  owner->set_name(name);
  owner->set_uid(uid);
  owner->set_block_owner_deletion(blocks);
}

void OwnedBy(corev1::ConfigMap* map, const api::Object& owner) {
  OwnedBy(map, owner.resource().api_version(), std::string(owner.resource().kind),
          owner.meta().name(), owner.meta().uid());
}

TEST_CASE("WhatAnUnservedKindOwnsStays") {
  World world;
  auto map = Map("kept");
  OwnedBy(map.get(), "example.com/v1", "Widget", "w", "4b0a4a8e-0000-4000-8000-000000000001");
  world.Create(std::move(map));
  world.Pass(absl::Seconds(5));
  CHECK(world.Get<corev1::ConfigMap>("kept") != nullptr);
}

// The owner may have been made just before, and not be in the view yet.
TEST_CASE("WhatHasAnOwnerThatWasNeverSeenIsGivenTime") {
  auto map = Map("early");
  OwnedBy(map.get(), "v1", "ConfigMap", "w", "4b0a4a8e-0000-4000-8000-000000000001");
  const absl::Time made = absl::FromUnixSeconds(1'800'000'000);
  *map->mutable_metadata()->mutable_creation_timestamp() = api::MakeTime(made);
  const api::ObjectPtr object = api::Object::Make(std::move(map));
  const auto no = [](const std::string&) { return false; };
  const auto yes = [](const std::string&) { return true; };
  const Plan early = ReconcileGarbage({object, {}, no, no, made + absl::Seconds(1)});
  CHECK(early.writes.empty());
  CHECK(early.wake_at == made + absl::Seconds(2));
  CHECK(ReconcileGarbage({object, {}, no, no, made + absl::Seconds(2)}).writes.size() == 1);
  CHECK(ReconcileGarbage({object, {}, no, yes, made}).writes.size() == 1);
}

TEST_CASE("WhatTwoOwnSurvivesTheForegroundDeletionOfOne") {
  World world;
  const api::ObjectPtr first = world.Create(Map("first"));
  const api::ObjectPtr second = world.Create(Map("second"));
  auto shared = Map("shared");
  OwnedBy(shared.get(), *first);
  OwnedBy(shared.get(), *second);
  world.Create(std::move(shared));
  auto own = Map("own");
  OwnedBy(own.get(), *first);
  world.Create(std::move(own));
  world.Delete(*first, "Foreground");
  world.Settle();
  CHECK(world.Get<corev1::ConfigMap>("first") == nullptr);
  CHECK(world.Get<corev1::ConfigMap>("own") == nullptr);
  const api::ObjectPtr left = world.Get<corev1::ConfigMap>("shared");
  REQUIRE(left != nullptr);
  REQUIRE(left->meta().owner_references_size() == 1);
  CHECK(left->meta().owner_references(0).uid() == second->meta().uid());
  world.Delete(*second, "Foreground");
  world.Settle();
  CHECK(world.Get<corev1::ConfigMap>("shared") == nullptr);
}

TEST_CASE("BackgroundDeletionTakesTheWholeTree") {
  World world;
  const api::ObjectPtr root = world.Create(Map("root"));
  auto child = Map("child");
  OwnedBy(child.get(), *root);
  const api::ObjectPtr stored = world.Create(std::move(child));
  auto leaf = Map("leaf");
  OwnedBy(leaf.get(), *stored);
  world.Create(std::move(leaf));
  world.Delete(*root);
  world.Settle();
  CHECK(world.Get<corev1::ConfigMap>("child") == nullptr);
  CHECK(world.Get<corev1::ConfigMap>("leaf") == nullptr);
}

TEST_CASE("OrphansStayAndForgetTheirOwner") {
  World world;
  const api::ObjectPtr root = world.Create(Map("root"));
  auto child = Map("child");
  OwnedBy(child.get(), *root);
  world.Create(std::move(child));
  world.Delete(*root, "Orphan");
  world.Settle();
  CHECK(world.Get<corev1::ConfigMap>("root") == nullptr);
  const api::ObjectPtr left = world.Get<corev1::ConfigMap>("child");
  REQUIRE(left != nullptr);
  CHECK(left->meta().owner_references().empty());
}

// More dependents than one transaction takes: the owner is let go only after the last of them.
TEST_CASE("ManyOrphansAreAllFreedBeforeTheirOwnerGoes") {
  World world;
  const api::ObjectPtr root = world.Create(Map("root"));
  for (int i = 0; i < 1200; ++i) {
    auto child = Map(absl::StrCat("child-", i));
    OwnedBy(child.get(), *root);
    world.Create(std::move(child));
  }
  world.Delete(*root, "Orphan");
  world.Settle();
  CHECK(world.Get<corev1::ConfigMap>("root") == nullptr);
  int held = 0;
  for (const api::ObjectPtr& map : world.All<corev1::ConfigMap>()) {
    held += map->meta().owner_references_size();
  }
  CHECK(held == 0);
  CHECK(world.All<corev1::ConfigMap>().size() == 1200);
}

}  // namespace
}  // namespace skiff::controllers
