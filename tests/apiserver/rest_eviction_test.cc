// Evictions: deletions that ask the disruption budgets first.
#include "api/conditions.h"
#include "k8s.io/api/policy/v1/generated.pb.h"
#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

using Budget = policyv1::PodDisruptionBudget;

client::Write Evict(const std::string& name) {
  client::Write write;
  write.verb = client::Write::Verb::kCreate;
  write.resource = &api::ResourceOf<corev1::Pod>();
  write.name_space = "default";
  write.name = name;
  write.subresource = "eviction";
  auto eviction = std::make_unique<policyv1::Eviction>();
  eviction->mutable_metadata()->set_name(name);
  write.object = std::move(eviction);
  return write;
}
policyv1::Eviction* EvictionOf(const client::Write& write) {
  return static_cast<policyv1::Eviction*>(write.object.get());
}

void Run(SimServer* server, const std::string& name, bool ready) {
  auto pod = MakePod(name);
  pod->mutable_spec()->set_node_name("node-0");
  REQUIRE(server->Create(std::move(pod)).ok());
  REQUIRE(server
              ->Edit<corev1::Pod>(
                  name,
                  [&](corev1::Pod* running) {
                    running->mutable_status()->set_phase("Running");
                    api::SetCondition("Ready", ready ? "True" : "False", "", "",
                                      server->sim.clock().Now(),
                                      running->mutable_status()->mutable_conditions());
                  },
                  "status")
              .ok());
}

void AddBudget(SimServer* server, const std::string& name, int desired, int healthy, int allowed,
               const std::string& unhealthy = "") {
  auto budget = Named<Budget>(name);
  (*budget->mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "web";
  if (!unhealthy.empty()) budget->mutable_spec()->set_unhealthy_pod_eviction_policy(unhealthy);
  REQUIRE(server->Create(std::move(budget)).ok());
  if (desired < 0) return;  // The controller has not seen it.
  REQUIRE(server
              ->Edit<Budget>(
                  name,
                  [&](Budget* seen) {
                    auto* status = seen->mutable_status();
                    status->set_observed_generation(seen->metadata().generation());
                    status->set_desired_healthy(desired);
                    status->set_current_healthy(healthy);
                    status->set_disruptions_allowed(allowed);
                  },
                  "status")
              .ok());
}

bool Going(SimServer& server, const std::string& name) {
  const auto pod = server.Find<corev1::Pod>(name);
  return pod == nullptr || pod->meta().has_deletion_timestamp();
}

TEST_CASE("WithoutABudgetAnEvictionIsADeletion") {
  SimServer server;
  Run(&server, "a", true);
  client::Write write = Evict("a");
  EvictionOf(write)->mutable_delete_options()->set_grace_period_seconds(7);
  REQUIRE(server.One(std::move(write)).ok());
  CHECK(server.Find<corev1::Pod>("a")->meta().deletion_grace_period_seconds() == 7);
  CHECK(Text(server.One(Evict("b")).status()) == "404 NotFound: pods \"b\" not found");
}

TEST_CASE("AnEvictionIsRefusedAsTheBudgetHasIt") {
  const struct {
    int desired, healthy, allowed;
    bool ready;
    const char* unhealthy;
    const char* answer;
  } rows[] = {
      {2, 3, 1, true, "", "OK"},
      {2, 2, 0, true, "", "The disruption budget web needs 2 healthy pods and has 2 currently"},
      {-1, 0, 0, true, "", "The disruption budget web is still being processed by the server."},
      // What is not ready is not counted: it may go while enough others are.
      {2, 2, 0, false, "", "OK"},
      {2, 2, 0, false, "IfHealthyBudget", "OK"},
      {2, 1, 0, false, "", "The disruption budget web needs 2 healthy pods and has 1 currently"},
      {0, 0, 0, false, "", "The disruption budget web needs 0 healthy pods and has 0 currently"},
      {2, 1, 0, false, "AlwaysAllow", "OK"},
      {2, 1, 0, true, "AlwaysAllow",
       "The disruption budget web needs 2 healthy pods and has 1 currently"},
  };
  for (const auto& row : rows) {
    SimServer server;
    Run(&server, "a", row.ready);
    AddBudget(&server, "web", row.desired, row.healthy, row.allowed, row.unhealthy);
    INFO(row.desired << " " << row.healthy << " " << row.allowed << " " << row.unhealthy);
    const metav1::Status answer = api::ToMetaStatus(server.One(Evict("a")).status());
    const bool refused = std::string(row.answer) != "OK";
    CHECK(Going(server, "a") == !refused);
    if (!refused) continue;
    CHECK(answer.code() == 429);
    CHECK(answer.reason() == "TooManyRequests");
    CHECK(answer.message() == "Cannot evict pod as it would violate the pod's disruption budget.");
    REQUIRE(answer.details().causes_size() == 1);
    CHECK(answer.details().causes(0).reason() == "DisruptionBudget");
    CHECK(answer.details().causes(0).message() == row.answer);
    CHECK(answer.details().retry_after_seconds() == (row.desired < 0 ? 10 : 0));
  }
}

TEST_CASE("WhatIsSpentOfABudgetIsNoted") {
  SimServer server;
  Run(&server, "a", true);
  AddBudget(&server, "web", 1, 2, 1);
  REQUIRE(server.One(Evict("a"), /*dry_run=*/true).ok());
  CHECK_FALSE(Going(server, "a"));
  CHECK(server.Find<Budget>("web")->As<Budget>().status().disruptions_allowed() == 1);
  REQUIRE(server.One(Evict("a")).ok());
  const auto status = server.Find<Budget>("web")->As<Budget>().status();
  CHECK(status.disruptions_allowed() == 0);
  CHECK(status.disrupted_pods().contains("a"));
  CHECK(api::FindCondition(status.conditions(), "DisruptionAllowed")->reason() ==
        "InsufficientPods");
  CHECK(server.Find<Budget>("web")->revision() == server.Find<corev1::Pod>("a")->revision());
}

TEST_CASE("WhatDoesNotRunNeedsNoBudget") {
  SimServer server;
  REQUIRE(server.Create(MakePod("pending")).ok());
  AddBudget(&server, "web", 2, 0, 0);
  REQUIRE(server.One(Evict("pending")).ok());
  CHECK(server.removed);
}

TEST_CASE("APodOfTwoBudgetsIsNotEvicted") {
  SimServer server;
  Run(&server, "a", true);
  AddBudget(&server, "one", 0, 1, 1);
  AddBudget(&server, "two", 0, 1, 1);
  CHECK(Text(server.One(Evict("a")).status()) ==
        "500 : This pod has more than one PodDisruptionBudget, which the eviction subresource does "
        "not support.");
  CHECK_FALSE(Going(server, "a"));
}

TEST_CASE("AnEvictionNamesThePodThatItMeans") {
  SimServer server;
  Run(&server, "a", true);
  client::Write other = Evict("a");
  EvictionOf(other)->mutable_metadata()->set_name("b");
  CHECK(Text(server.One(std::move(other)).status()) ==
        "400 BadRequest: name in URL does not match name in Eviction object");
  client::Write gone = Evict("a");
  EvictionOf(gone)->mutable_delete_options()->mutable_preconditions()->set_uid("another");
  CHECK(Text(server.One(std::move(gone)).status()).substr(0, 12) == "409 Conflict");
  client::Write odd = Evict("a");
  EvictionOf(odd)->mutable_delete_options()->mutable_preconditions()->set_resource_version("x");
  CHECK(Text(server.One(std::move(odd)).status()) ==
        "400 BadRequest: deleteOptions.preconditions.resourceVersion: Invalid value: \"x\": must "
        "be a number");
  CHECK_FALSE(Going(server, "a"));
}

}  // namespace
}  // namespace skiff::apiserver
