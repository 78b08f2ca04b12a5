// Disruption budgets: what they count, what evictions spend of them, and when it comes back.
#include "api/conditions.h"
#include "api/disruption_budget.h"
#include "api/errors.h"
#include "api/int_or_string.h"
#include "tests/controllers/world.h"

namespace skiff::controllers {
namespace {

using Budget = policyv1::PodDisruptionBudget;

std::unique_ptr<Budget> WebBudget() {
  auto budget = std::make_unique<Budget>();
  budget->mutable_metadata()->set_name("web");
  budget->mutable_metadata()->set_namespace_("default");
  (*budget->mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "web";
  return budget;
}
std::unique_ptr<Budget> AtLeast(const api::IntOrString& available) {
  auto budget = WebBudget();
  *budget->mutable_spec()->mutable_min_available() = available;
  return budget;
}
std::unique_ptr<Budget> AtMost(const api::IntOrString& unavailable) {
  auto budget = WebBudget();
  *budget->mutable_spec()->mutable_max_unavailable() = unavailable;
  return budget;
}

client::Write Eviction(const api::ObjectPtr& pod) {
  auto eviction = std::make_unique<policyv1::Eviction>();
  eviction->mutable_metadata()->set_name(pod->meta().name());
  client::Write write;
  write.verb = client::Write::Verb::kCreate;
  write.resource = &api::ResourceOf<corev1::Pod>();
  write.name_space = pod->meta().namespace_();
  write.subresource = "eviction";
  write.object = std::move(eviction);
  return write;
}

// "429 TooManyRequests: … (cause)".
std::string Text(const absl::Status& status) {
  const metav1::Status meta = api::ToMetaStatus(status);
  return absl::StrCat(meta.code(), " ", meta.reason(), ": ", meta.message(), " (",
                      meta.details().causes_size() == 0 ? "" : meta.details().causes(0).message(),
                      ")");
}

// expected/desired/healthy/allowed, and why.
std::string StatusOf(World* world) {
  const auto& status = world->Get<Budget>("web")->As<Budget>().status();
  const auto* allowed = api::FindCondition(status.conditions(), "DisruptionAllowed");
  return absl::StrCat(status.expected_pods(), "/", status.desired_healthy(), "/",
                      status.current_healthy(), "/", status.disruptions_allowed(), " ",
                      allowed == nullptr ? "" : allowed->reason());
}

// A deployment with so many pods, all of them bound and ready.
void RunWeb(World* world, int replicas) {
  world->Create(WebDeployment(replicas, "v1"));
  world->Settle();
  for (const api::ObjectPtr& pod : world->All<corev1::Pod>()) world->Bind(pod);
  world->RunPods();
  world->Settle();
}

TEST_CASE("ABudgetCountsWhatItSelects") {
  const struct {
    std::unique_ptr<Budget> budget;
    std::string status;
  } rows[] = {
      {AtLeast(api::IntValue(3)), "4/3/4/1 SufficientPods"},
      {AtLeast(api::IntValue(4)), "4/4/4/0 InsufficientPods"},
      {AtLeast(api::IntValue(9)), "4/9/4/0 InsufficientPods"},
      {AtLeast(api::StringValue("30%")), "4/2/4/2 SufficientPods"},
      {AtMost(api::IntValue(1)), "4/3/4/1 SufficientPods"},
      {AtMost(api::StringValue("30%")), "4/2/4/2 SufficientPods"},
      {AtMost(api::IntValue(9)), "4/0/4/4 SufficientPods"},
      {WebBudget(), "0/0/4/0 InsufficientPods"},
  };
  for (const auto& row : rows) {
    World world;
    RunWeb(&world, 4);
    world.Create(std::make_unique<Budget>(*row.budget));
    world.Settle();
    CHECK(StatusOf(&world) == row.status);
  }
}

TEST_CASE("ABudgetFollowsItsPodsAndTheirOwner") {
  World world;
  world.Create(AtMost(api::StringValue("50%")));
  world.Settle();
  CHECK(StatusOf(&world) == "0/0/0/0 InsufficientPods");
  RunWeb(&world, 2);
  CHECK(StatusOf(&world) == "2/1/2/1 SufficientPods");
  world.Become(world.All<corev1::Pod>().at(0), "Running", false);
  world.Settle();
  CHECK(StatusOf(&world) == "2/1/1/0 InsufficientPods");
  auto grown = world.Get<appsv1::Deployment>("web")->CopyAs<appsv1::Deployment>();
  grown->mutable_spec()->set_replicas(6);
  world.Update(std::move(grown));
  world.Settle();
  CHECK(StatusOf(&world) == "6/3/1/0 InsufficientPods");
}

TEST_CASE("WhoseNumberNobodyKnowsIsNotEvicted") {
  World world;
  world.Create(WorkJob(1, 1));
  world.Settle();
  const api::ObjectPtr pod = world.All<corev1::Pod>().at(0);
  auto budget = AtMost(api::IntValue(1));
  *budget->mutable_spec()->mutable_selector()->mutable_match_labels() = pod->meta().labels();
  world.Create(std::move(budget));
  world.Settle();
  CHECK(StatusOf(&world) == "0/0/0/0 SyncFailed");
  CHECK(api::FindCondition(world.Get<Budget>("web")->As<Budget>().status().conditions(),
                           "DisruptionAllowed")
            ->message() == "jobs.batch does not implement the scale subresource");
}

TEST_CASE("EvictionsSpendTheBudgetAndItComesBackWithNewPods") {
  World world;
  world.Create(AtLeast(api::IntValue(2)));
  RunWeb(&world, 3);
  CHECK(StatusOf(&world) == "3/2/3/1 SufficientPods");
  const auto pods = world.All<corev1::Pod>();
  REQUIRE(world.Commit(Eviction(pods.at(0))).ok());
  const api::ObjectPtr going = world.Get<corev1::Pod>(pods.at(0)->meta().name());
  CHECK(going->meta().has_deletion_timestamp());
  const auto* target =
      api::FindCondition(going->As<corev1::Pod>().status().conditions(), "DisruptionTarget");
  REQUIRE(target != nullptr);
  CHECK(target->reason() == "EvictionByEvictionAPI");
  world.Settle();
  CHECK(StatusOf(&world).substr(4) == "2/0 InsufficientPods");
  CHECK(Text(world.Commit(Eviction(pods.at(1))).status()) ==
        "429 TooManyRequests: Cannot evict pod as it would violate the pod's disruption budget. "
        "(The disruption budget web needs 2 healthy pods and has 2 currently)");
  // The deployment has made another.
  world.FinishDeletion(pods.at(0)->meta().name());
  world.RunPods();
  world.Settle();
  CHECK(StatusOf(&world) == "3/2/3/1 SufficientPods");
  CHECK(world.Commit(Eviction(pods.at(1))).ok());
}

TEST_CASE("TwoEvictionsAtOnceDoNotSpendTheSameBudget") {
  World world;
  world.Create(AtLeast(api::IntValue(2)));
  RunWeb(&world, 3);
  const auto pods = world.All<corev1::Pod>();
  // The controller sees neither before the second is asked for.
  REQUIRE(world.Commit(Eviction(pods.at(0))).ok());
  CHECK(Text(world.Commit(Eviction(pods.at(1))).status()).substr(0, 3) == "429");
  CHECK_FALSE(world.Get<corev1::Pod>(pods.at(1)->meta().name())->meta().has_deletion_timestamp());
}

TEST_CASE("APodThatWasEvictedAndStaysCountsAgain") {
  World world(7, {"node-controller", "pod-garbage-collector"});  // Nobody misses the node.
  world.Create(AtLeast(api::IntValue(2)));
  RunWeb(&world, 3);
  // An eviction whose deletion something else undid: only the note of it is there.
  auto noted = world.Get<Budget>("web")->CopyAs<Budget>();
  const std::string name = world.All<corev1::Pod>().at(0)->meta().name();
  (*noted->mutable_status()->mutable_disrupted_pods())[name] = api::MakeTime(world.now());
  world.Update(std::move(noted), "status");
  world.Settle();
  CHECK(StatusOf(&world) == "3/2/2/0 InsufficientPods");
  CHECK_FALSE(world.manager().Settled(api::kEvictionTimeout));
  world.Pass(api::kEvictionTimeout + absl::Seconds(1));
  CHECK(StatusOf(&world) == "3/2/3/1 SufficientPods");
  CHECK(world.Get<Budget>("web")->As<Budget>().status().disrupted_pods().empty());
}

}  // namespace
}  // namespace skiff::controllers
