// Nodes over time: silence, taints, eviction, pods of nodes that are gone.
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "controllers/node_lifecycle.h"
#include "controllers/pod_gc.h"
#include "tests/controllers/world.h"

namespace skiff::controllers {
namespace {

constexpr char kUnreachable[] = "node.kubernetes.io/unreachable";

void SetReady(corev1::Node* node, const std::string& status, absl::Time now) {
  node->mutable_status()->clear_conditions();
  auto* condition = node->mutable_status()->add_conditions();
  condition->set_type("Ready");
  condition->set_status(status);
  *condition->mutable_last_heartbeat_time() = api::MakeTime(now);
  *condition->mutable_last_transition_time() = api::MakeTime(now);
}

void AddNode(World* world, const std::string& name = "n1") {
  auto node = std::make_unique<corev1::Node>();
  node->mutable_metadata()->set_name(name);
  const api::ObjectPtr stored = world->Create(std::move(node));
  auto ready = stored->CopyAs<corev1::Node>();
  SetReady(ready.get(), "True", world->now());
  world->Update(std::move(ready), "status");
  auto lease = std::make_unique<coordinationv1::Lease>();
  lease->mutable_metadata()->set_name(name);
  lease->mutable_metadata()->set_namespace_("kube-node-lease");
  *lease->mutable_spec()->mutable_renew_time() = api::MakeMicroTime(world->now());
  world->Create(std::move(lease));
  world->Settle();
}

void Renew(World* world, const std::string& name = "n1") {
  auto lease =
      world->Get<coordinationv1::Lease>(name, "kube-node-lease")->CopyAs<coordinationv1::Lease>();
  *lease->mutable_spec()->mutable_renew_time() = api::MakeMicroTime(world->now());
  world->Update(std::move(lease));
  world->Settle();
}

// Time in which these nodes live.
void Live(World* world, absl::Duration time, const std::vector<std::string>& names = {"n1"}) {
  for (; time > absl::ZeroDuration(); time -= absl::Seconds(10)) {
    world->Pass(std::min(time, absl::Seconds(10)));
    for (const std::string& name : names) Renew(world, name);
  }
}

// The others live, n1 does not.
void FallSilent(World* world, absl::Duration time) { Live(world, time, {"n2"}); }

corev1::Node TheNode(const World& world) {
  return world.Get<corev1::Node>("n1", "")->As<corev1::Node>();
}

bool HasTaint(const corev1::Node& node, const std::string& key, const std::string& effect) {
  for (const corev1::Taint& taint : node.spec().taints()) {
    if (taint.key() == key && taint.effect() == effect) return true;
  }
  return false;
}

api::ObjectPtr AddPod(World* world, const std::string& name,
                      const std::vector<corev1::Toleration>& tolerations = {}) {
  auto pod = std::make_unique<corev1::Pod>();
  pod->mutable_metadata()->set_name(name);
  pod->mutable_metadata()->set_namespace_("default");
  auto* container = pod->mutable_spec()->add_containers();
  container->set_name("c");
  container->set_image("x");
  for (const auto& toleration : tolerations) *pod->mutable_spec()->add_tolerations() = toleration;
  world->Bind(world->Create(std::move(pod)));
  world->Become(world->Get<corev1::Pod>(name), "Running", true);
  world->Settle();
  return world->Get<corev1::Pod>(name);
}

corev1::Toleration For(const std::string& key, std::optional<int64_t> seconds) {
  corev1::Toleration out;
  out.set_key(key);
  out.set_operator_("Exists");
  out.set_effect("NoExecute");
  if (seconds.has_value()) out.set_toleration_seconds(*seconds);
  return out;
}

const corev1::PodCondition* Find(const corev1::Pod& pod, const std::string& type) {
  for (const corev1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

bool IsLeaving(const World& world, const std::string& pod) {
  const api::ObjectPtr found = world.Get<corev1::Pod>(pod);
  return found == nullptr || found->meta().has_deletion_timestamp();
}

TEST_CASE("ASilentNodesPodsAreNotReadyAndGoAfterFiveMinutes") {
  World world;
  AddNode(&world);
  AddNode(&world, "n2");
  AddPod(&world, "usual");
  AddPod(&world, "patient", {For(kUnreachable, std::nullopt)});
  AddPod(&world, "hasty", {For(kUnreachable, 0)});
  Live(&world, absl::Minutes(10), {"n1", "n2"});
  CHECK(TheNode(world).spec().taints().empty());
  CHECK(api::IsPodReady(world.Get<corev1::Pod>("usual")->As<corev1::Pod>()));
  FallSilent(&world, absl::Seconds(48));
  CHECK(TheNode(world).status().conditions(0).status() == "True");
  FallSilent(&world, absl::Seconds(4));
  const corev1::Node silent = TheNode(world);
  CHECK(silent.status().conditions(0).status() == "Unknown");
  CHECK(silent.status().conditions(0).reason() == "NodeStatusUnknown");
  CHECK(silent.status().conditions_size() == 4);
  CHECK(HasTaint(silent, kUnreachable, "NoSchedule"));
  CHECK(HasTaint(silent, kUnreachable, "NoExecute"));
  const api::ObjectPtr usual = world.Get<corev1::Pod>("usual");
  CHECK_FALSE(api::IsPodReady(usual->As<corev1::Pod>()));
  CHECK(Find(usual->As<corev1::Pod>(), "Ready")->reason() == "NodeNotReady");
  CHECK(IsLeaving(world, "hasty"));
  CHECK_FALSE(IsLeaving(world, "usual"));
  FallSilent(&world, absl::Seconds(290));
  CHECK_FALSE(IsLeaving(world, "usual"));
  FallSilent(&world, absl::Seconds(12));
  CHECK(IsLeaving(world, "usual"));
  CHECK(Find(world.Get<corev1::Pod>("usual")->As<corev1::Pod>(), "DisruptionTarget")->reason() ==
        "DeletionByTaintManager");
  FallSilent(&world, absl::Hours(1));
  CHECK_FALSE(IsLeaving(world, "patient"));
}

TEST_CASE("ANodeThatComesBackKeepsItsPods") {
  World world;
  AddNode(&world);
  AddNode(&world, "n2");
  AddPod(&world, "usual");
  FallSilent(&world, absl::Minutes(2));
  REQUIRE(HasTaint(TheNode(world), kUnreachable, "NoExecute"));
  auto node = world.Get<corev1::Node>("n1", "")->CopyAs<corev1::Node>();
  SetReady(node.get(), "True", world.now());
  world.Update(std::move(node), "status");
  world.Become(world.Get<corev1::Pod>("usual"), "Running", true);
  Live(&world, absl::Minutes(10), {"n1", "n2"});
  CHECK(TheNode(world).spec().taints().empty());
  CHECK_FALSE(IsLeaving(world, "usual"));
  CHECK(api::IsPodReady(world.Get<corev1::Pod>("usual")->As<corev1::Pod>()));
}

TEST_CASE("WithoutAnyReadyNodeNobodyIsDrivenAway") {
  World world;
  AddNode(&world);
  AddPod(&world, "usual");
  AddPod(&world, "hasty", {For(kUnreachable, 0)});
  world.Pass(absl::Minutes(20));
  CHECK(HasTaint(TheNode(world), kUnreachable, "NoSchedule"));
  CHECK_FALSE(HasTaint(TheNode(world), kUnreachable, "NoExecute"));
  CHECK_FALSE(IsLeaving(world, "hasty"));
  CHECK_FALSE(api::IsPodReady(world.Get<corev1::Pod>("usual")->As<corev1::Pod>()));
  // Once another lives, this one alone is to blame.
  AddNode(&world, "n2");
  CHECK(HasTaint(TheNode(world), kUnreachable, "NoExecute"));
  CHECK(IsLeaving(world, "hasty"));
  FallSilent(&world, absl::Seconds(310));
  CHECK(IsLeaving(world, "usual"));
}

TEST_CASE("ANodeThatNeverReportsIsUnknownAfterAMinute") {
  World world;
  auto node = std::make_unique<corev1::Node>();
  node->mutable_metadata()->set_name("n1");
  world.Create(std::move(node));
  world.Pass(absl::Seconds(58));
  CHECK(TheNode(world).status().conditions().empty());
  world.Pass(absl::Seconds(4));
  REQUIRE(TheNode(world).status().conditions_size() == 4);
  CHECK(TheNode(world).status().conditions(0).reason() == "NodeStatusNeverUpdated");
}

// kubectl taint gives no time: it counts from when the taint is first seen, and for a pod that
// comes later, from then.
TEST_CASE("AUsersTaintDrivesPodsAwayAfterTheTimeThatTheyTolerate") {
  World world;
  AddNode(&world);
  AddPod(&world, "early", {For("maintenance", 60)});
  AddPod(&world, "never", {For("maintenance", std::nullopt)});
  AddPod(&world, "stranger");
  auto node = world.Get<corev1::Node>("n1", "")->CopyAs<corev1::Node>();
  auto* taint = node->mutable_spec()->add_taints();
  taint->set_key("maintenance");
  taint->set_effect("NoExecute");
  world.Update(std::move(node));
  world.Settle();
  CHECK(IsLeaving(world, "stranger"));
  CHECK_FALSE(IsLeaving(world, "early"));
  Live(&world, absl::Seconds(40));
  AddPod(&world, "late", {For("maintenance", 60)});
  Live(&world, absl::Seconds(25));
  CHECK(IsLeaving(world, "early"));
  CHECK_FALSE(IsLeaving(world, "late"));
  Live(&world, absl::Seconds(40));
  CHECK(IsLeaving(world, "late"));
  CHECK_FALSE(IsLeaving(world, "never"));
}

TEST_CASE("ACordonIsATaintAsLongAsItLasts") {
  World world;
  AddNode(&world);
  for (const bool cordoned : {true, false}) {
    auto node = world.Get<corev1::Node>("n1", "")->CopyAs<corev1::Node>();
    node->mutable_spec()->set_unschedulable(cordoned);
    world.Update(std::move(node));
    world.Settle();
    CHECK(HasTaint(TheNode(world), "node.kubernetes.io/unschedulable", "NoSchedule") == cordoned);
  }
}

TEST_CASE("PodsOfANodeThatIsGoneFailAndGo") {
  World world;
  AddNode(&world);
  world.Create(WorkJob(1, 1));
  world.Settle();
  const std::string name = world.All<corev1::Pod>().at(0)->meta().name();
  world.Bind(world.Get<corev1::Pod>(name));
  world.Become(world.Get<corev1::Pod>(name), "Running", true);
  world.Delete(*world.Get<corev1::Node>("n1", ""));
  world.Pass(absl::Seconds(38));
  REQUIRE(world.Get<corev1::Pod>(name) != nullptr);
  CHECK_FALSE(IsLeaving(world, name));
  world.Pass(absl::Seconds(4));
  CHECK(world.Get<corev1::Pod>(name) == nullptr);
  CHECK(world.Get<batchv1::Job>("work")->As<batchv1::Job>().status().failed() == 1);
  world.Pass(absl::Seconds(12));
  CHECK(world.All<corev1::Pod>().size() == 1);  // Its successor.
}

TEST_CASE("PodsOfANodeThatIsSeenLateStay") {
  World world;
  AddPod(&world, "early");
  world.Pass(absl::Seconds(30));
  AddNode(&world);
  Live(&world, absl::Minutes(2));
  CHECK_FALSE(IsLeaving(world, "early"));
}

// The tracking finalizer holds it, and no node will ever say that it is over.
TEST_CASE("ADeletedPodThatNeverHadANodeFails") {
  auto pod = std::make_unique<corev1::Pod>();
  pod->mutable_metadata()->set_name("p");
  pod->mutable_metadata()->set_namespace_("default");
  pod->mutable_metadata()->add_finalizers("example.com/held");
  *pod->mutable_metadata()->mutable_deletion_timestamp() = api::MakeTime(absl::UnixEpoch());
  pod->mutable_metadata()->set_deletion_grace_period_seconds(0);
  const api::ObjectPtr held = api::Object::Make(std::move(pod));
  const Plan plan = ReconcilePodGc({held, false, absl::UnixEpoch(), absl::UnixEpoch()});
  REQUIRE(plan.writes.size() == 1);
  CHECK(static_cast<const corev1::Pod&>(*plan.writes[0].object).status().phase() == "Failed");
}

TEST_CASE("EventsGoAfterAnHour") {
  World world;
  world.Create(WorkJob(1, 1));
  world.Pass(absl::Minutes(58));
  CHECK_FALSE(world.All<corev1::Event>().empty());
  world.Pass(absl::Minutes(3));
  CHECK(world.All<corev1::Event>().empty());
}

}  // namespace
}  // namespace skiff::controllers
