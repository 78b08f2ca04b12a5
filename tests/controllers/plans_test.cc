// Tables: objects in, plan out; and what must hold for every controller: a plan that was carried
// out leaves nothing to plan.
#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "api/defaulting.h"
#include "api/time.h"
#include "controllers/deployment.h"
#include "controllers/garbage_collector.h"
#include "controllers/job.h"
#include "controllers/namespace.h"
#include "controllers/replica_set.h"

namespace skiff::controllers {
namespace {

using Verb = client::Write::Verb;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

template <typename T>
std::unique_ptr<T> Named(const std::string& name) {
  auto object = std::make_unique<T>();
  object->mutable_metadata()->set_name(name);
  object->mutable_metadata()->set_namespace_("default");
  object->mutable_metadata()->set_uid("uid-" + name);
  object->mutable_metadata()->set_resource_version("1");
  object->mutable_metadata()->set_generation(1);
  *object->mutable_metadata()->mutable_creation_timestamp() = api::MakeTime(kNow);
  return object;
}

template <typename T>
api::ObjectPtr Stored(std::unique_ptr<T> object) {
  api::SetDefaults(object.get());
  return api::Object::Make(std::move(object));
}

int Count(const Plan& plan, Verb verb, const char* kind) {
  int count = 0;
  for (const client::Write& write : plan.writes) {
    count += write.verb == verb && write.resource->kind == kind && write.subresource.empty();
  }
  return count;
}

template <typename T>
const T* StatusOf(const Plan& plan) {
  for (const client::Write& write : plan.writes) {
    if (write.subresource == "status") return static_cast<const T*>(write.object.get());
  }
  return nullptr;
}

api::ObjectPtr Pod(const std::string& name, const api::ObjectPtr& owner, const std::string& phase,
                   bool ready = false, const std::string& node = "n1") {
  auto pod = Named<corev1::Pod>(name);
  *pod->mutable_metadata()->add_owner_references() = MakeControllerRef(*owner);
  pod->mutable_spec()->set_node_name(node);
  pod->mutable_status()->set_phase(phase);
  corev1::PodCondition* condition = pod->mutable_status()->add_conditions();
  condition->set_type("Ready");
  condition->set_status(ready ? "True" : "False");
  *condition->mutable_last_transition_time() = api::MakeTime(kNow);
  return Stored(std::move(pod));
}

api::ObjectPtr ReplicaSet(int replicas) {
  auto set = Named<appsv1::ReplicaSet>("rs");
  set->mutable_spec()->set_replicas(replicas);
  (*set->mutable_spec()->mutable_template_()->mutable_metadata()->mutable_labels())["a"] = "b";
  set->mutable_spec()->mutable_template_()->mutable_spec()->add_containers()->set_name("c");
  return Stored(std::move(set));
}

TEST_CASE("AReplicaSetMakesWhatIsMissing") {
  const api::ObjectPtr set = ReplicaSet(3);
  const Plan plan = ReconcileReplicaSet({set, {Pod("a", set, "Running", true)}, kNow});
  CHECK(Count(plan, Verb::kCreate, "Pod") == 2);
  CHECK(Count(plan, Verb::kDelete, "Pod") == 0);
}

TEST_CASE("AReplicaSetDoesNotCountWhatIsFinished") {
  const api::ObjectPtr set = ReplicaSet(1);
  CHECK(Count(ReconcileReplicaSet({set, {Pod("a", set, "Failed")}, kNow}), Verb::kCreate, "Pod") ==
        1);
}

TEST_CASE("AReplicaSetRemovesTheLeastUsefulFirst") {
  const api::ObjectPtr set = ReplicaSet(1);
  const Plan plan =
      ReconcileReplicaSet({set,
                           {Pod("ready", set, "Running", true), Pod("unready", set, "Running"),
                            Pod("unassigned", set, "Pending", false, "")},
                           kNow});
  REQUIRE(Count(plan, Verb::kDelete, "Pod") == 2);
  CHECK(plan.writes[0].name == "unassigned");
  CHECK(plan.writes[1].name == "unready");
}

TEST_CASE("ASettledReplicaSetPlansNothing") {
  const api::ObjectPtr set = ReplicaSet(1);
  const std::vector<api::ObjectPtr> pods = {Pod("a", set, "Running", true)};
  const Plan plan = ReconcileReplicaSet({set, pods, kNow});
  const auto* status = StatusOf<appsv1::ReplicaSet>(plan);
  REQUIRE(status != nullptr);
  CHECK(status->status().available_replicas() == 1);
  const api::ObjectPtr settled = Stored(std::make_unique<appsv1::ReplicaSet>(*status));
  CHECK(ReconcileReplicaSet({settled, pods, kNow}).writes.empty());
}

api::ObjectPtr Deployment(int replicas, const std::string& image) {
  auto deployment = Named<appsv1::Deployment>("web");
  deployment->mutable_spec()->set_replicas(replicas);
  auto* container =
      deployment->mutable_spec()->mutable_template_()->mutable_spec()->add_containers();
  container->set_name("c");
  container->set_image(image);
  return Stored(std::move(deployment));
}

// A replica set as the plan made it, with so many pods available.
api::ObjectPtr Made(const client::Write& write, int available) {
  auto set =
      std::make_unique<appsv1::ReplicaSet>(static_cast<const appsv1::ReplicaSet&>(*write.object));
  set->mutable_metadata()->set_uid("uid-" + set->metadata().name());
  set->mutable_metadata()->set_resource_version("1");
  set->mutable_status()->set_replicas(set->spec().replicas());
  set->mutable_status()->set_ready_replicas(available);
  set->mutable_status()->set_available_replicas(available);
  return Stored(std::move(set));
}

TEST_CASE("ANewDeploymentMakesOneReplicaSetOfItsSize") {
  const Plan plan = ReconcileDeployment({Deployment(3, "web:v1"), {}, kNow});
  REQUIRE(Count(plan, Verb::kCreate, "ReplicaSet") == 1);
  const auto& set = static_cast<const appsv1::ReplicaSet&>(*plan.writes[0].object);
  CHECK(set.spec().replicas() == 3);
  CHECK(set.metadata().name() ==
        absl::StrCat("web-", set.metadata().labels().at("pod-template-hash")));
}

TEST_CASE("ARollingUpdateStaysWithinItsBounds") {
  // From any mix of availability, one step never exceeds maxSurge nor falls below minAvailable.
  const int wanted = 4;
  const Plan first = ReconcileDeployment({Deployment(wanted, "web:v1"), {}, kNow});
  const api::ObjectPtr next = Deployment(wanted, "web:v2");
  for (int old_replicas = 0; old_replicas <= wanted; ++old_replicas) {
    for (int fresh = 0; fresh <= wanted; ++fresh) {
      for (int fresh_available = 0; fresh_available <= fresh; ++fresh_available) {
        if (old_replicas + fresh > wanted + 1) continue;
        auto old_set = Made(first.writes[0], 0)->CopyAs<appsv1::ReplicaSet>();
        old_set->mutable_spec()->set_replicas(old_replicas);
        old_set->mutable_status()->set_replicas(old_replicas);
        old_set->mutable_status()->set_available_replicas(old_replicas);
        const api::ObjectPtr old_object = Stored(std::move(old_set));
        const Plan create = ReconcileDeployment({next, {old_object}, kNow});
        auto new_set = Made(create.writes[0], fresh_available)->CopyAs<appsv1::ReplicaSet>();
        new_set->mutable_spec()->set_replicas(fresh);
        new_set->mutable_status()->set_replicas(fresh);
        const Plan plan =
            ReconcileDeployment({next, {old_object, Stored(std::move(new_set))}, kNow});
        int old_after = old_replicas;
        int new_after = fresh;
        for (const client::Write& write : plan.writes) {
          if (write.resource->kind != "ReplicaSet" || write.verb != Verb::kUpdate) continue;
          const auto& set = static_cast<const appsv1::ReplicaSet&>(*write.object);
          (set.metadata().name() == old_object->meta().name() ? old_after : new_after) =
              set.spec().replicas();
        }
        INFO(old_replicas << " old, " << fresh << " new, " << fresh_available << " available -> "
                          << old_after << " old, " << new_after << " new");
        CHECK(old_after + new_after <= wanted + 1);  // maxSurge 25%
        const int before = old_replicas + fresh_available;
        const int after = old_after + std::min(fresh_available, new_after);
        CHECK(after >= std::min(before, wanted - 1));  // maxUnavailable 25%
      }
    }
  }
}

TEST_CASE("TheTemplateHashDependsOnTheTemplateAlone") {
  const auto hash = [](const api::ObjectPtr& deployment) {
    return TemplateHash(deployment->As<appsv1::Deployment>().spec().template_());
  };
  CHECK(hash(Deployment(1, "a")) == hash(Deployment(5, "a")));
  CHECK(hash(Deployment(1, "a")) != hash(Deployment(1, "b")));
}

api::ObjectPtr Job(int completions, int parallelism, int backoff_limit) {
  auto job = Named<batchv1::Job>("j");
  job->mutable_spec()->set_completions(completions);
  job->mutable_spec()->set_parallelism(parallelism);
  job->mutable_spec()->set_backoff_limit(backoff_limit);
  job->mutable_spec()->mutable_template_()->mutable_spec()->set_restart_policy("Never");
  job->mutable_spec()->mutable_template_()->mutable_spec()->add_containers()->set_name("c");
  return Stored(std::move(job));
}

api::ObjectPtr JobPod(const std::string& name, const api::ObjectPtr& job,
                      const std::string& phase) {
  auto pod = Pod(name, job, phase)->CopyAs<corev1::Pod>();
  pod->mutable_metadata()->add_finalizers("batch.kubernetes.io/job-tracking");
  return Stored(std::move(pod));
}

TEST_CASE("AJobRunsAsManyAtOnceAsItMay") {
  CHECK(Count(ReconcileJob({Job(5, 2, 6), {}, kNow}), Verb::kCreate, "Pod") == 2);
  CHECK(Count(ReconcileJob({Job(1, 5, 6), {}, kNow}), Verb::kCreate, "Pod") == 1);
}

TEST_CASE("AFinishedPodIsCountedAndReleasedAtOnce") {
  const api::ObjectPtr job = Job(2, 1, 6);
  const Plan plan = ReconcileJob({job, {JobPod("a", job, "Succeeded")}, kNow});
  CHECK(Count(plan, Verb::kUpdate, "Pod") == 1);
  CHECK(Count(plan, Verb::kCreate, "Pod") == 1);
  const auto* status = StatusOf<batchv1::Job>(plan);
  REQUIRE(status != nullptr);
  CHECK(status->status().succeeded() == 1);
}

TEST_CASE("TheLastSuccessCompletesTheJob") {
  const api::ObjectPtr job = Job(1, 1, 6);
  const Plan plan = ReconcileJob({job, {JobPod("a", job, "Succeeded")}, kNow});
  const auto* status = StatusOf<batchv1::Job>(plan);
  REQUIRE(status != nullptr);
  REQUIRE(status->status().conditions_size() == 2);
  CHECK(status->status().conditions(0).type() == "SuccessCriteriaMet");
  CHECK(status->status().conditions(1).type() == "Complete");
  const api::ObjectPtr done = Stored(std::make_unique<batchv1::Job>(*status));
  CHECK(ReconcileJob({done, {Pod("a", done, "Succeeded")}, kNow}).writes.empty());
}

TEST_CASE("OneFailureTooManyFailsTheJobAndStopsTheOthers") {
  const api::ObjectPtr job = Job(3, 2, 0);
  const Plan plan =
      ReconcileJob({job, {JobPod("a", job, "Failed"), JobPod("b", job, "Running")}, kNow});
  CHECK(Count(plan, Verb::kDelete, "Pod") == 1);
  const auto* status = StatusOf<batchv1::Job>(plan);
  REQUIRE(status != nullptr);
  // Failed comes when the other has stopped.
  REQUIRE(status->status().conditions_size() == 1);
  CHECK(status->status().conditions(0).type() == "FailureTarget");
  CHECK(status->status().conditions(0).reason() == "BackoffLimitExceeded");
  CHECK(status->status().failed() == 2);
  CHECK(status->status().terminating() == 1);
}

TEST_CASE("AJobPastItsDeadlineFails") {
  auto job = Job(1, 1, 6)->CopyAs<batchv1::Job>();
  job->mutable_spec()->set_active_deadline_seconds(10);
  *job->mutable_status()->mutable_start_time() = api::MakeTime(kNow - absl::Seconds(11));
  const Plan plan = ReconcileJob({Stored(std::move(job)), {}, kNow});
  CHECK(StatusOf<batchv1::Job>(plan)->status().conditions(1).reason() == "DeadlineExceeded");
}

TEST_CASE("AFinishedJobGoesWhenItsTimeHasCome") {
  auto job = Job(1, 1, 6)->CopyAs<batchv1::Job>();
  job->mutable_spec()->set_ttl_seconds_after_finished(60);
  auto* condition = job->mutable_status()->add_conditions();
  condition->set_type("Complete");
  condition->set_status("True");
  *condition->mutable_last_transition_time() = api::MakeTime(kNow);
  const api::ObjectPtr done = Stored(std::move(job));
  const Plan early = ReconcileJob({done, {}, kNow});
  CHECK(early.writes.empty());
  CHECK(early.wake_at == kNow + absl::Seconds(60));
  CHECK(Count(ReconcileJob({done, {}, kNow + absl::Seconds(60)}), Verb::kDelete, "Job") == 1);
}

TEST_CASE("WhatHasLostItsOwnersGoes") {
  const api::ObjectPtr set = ReplicaSet(1);
  const api::ObjectPtr pod = Pod("a", set, "Running");
  CHECK(ReconcileGarbage({pod, {}, [](const std::string&) { return true; }}).writes.empty());
  CHECK(Count(ReconcileGarbage({pod, {}, [](const std::string&) { return false; }}), Verb::kDelete,
              "Pod") == 1);
}

TEST_CASE("AForegroundDeletionWaitsForItsDependents") {
  auto set = ReplicaSet(1)->CopyAs<appsv1::ReplicaSet>();
  set->mutable_metadata()->add_finalizers("foregroundDeletion");
  *set->mutable_metadata()->mutable_deletion_timestamp() = api::MakeTime(kNow);
  const api::ObjectPtr owner = Stored(std::move(set));
  const auto yes = [](const std::string&) { return true; };
  const Plan first = ReconcileGarbage({owner, {Pod("a", owner, "Running")}, yes});
  CHECK(Count(first, Verb::kDelete, "Pod") == 1);
  CHECK(Count(first, Verb::kUpdate, "ReplicaSet") == 0);
  CHECK(Count(ReconcileGarbage({owner, {}, yes}), Verb::kUpdate, "ReplicaSet") == 1);
}

TEST_CASE("ANamespaceIsEmptiedBeforeItGoes") {
  auto name_space = Named<corev1::Namespace>("team");
  name_space->mutable_spec()->add_finalizers("kubernetes");
  *name_space->mutable_metadata()->mutable_deletion_timestamp() = api::MakeTime(kNow);
  const api::ObjectPtr leaving = Stored(std::move(name_space));
  const Plan first = ReconcileNamespace({leaving, {ReplicaSet(1)}});
  CHECK(Count(first, Verb::kDelete, "ReplicaSet") == 1);
  const Plan last = ReconcileNamespace({leaving, {}});
  REQUIRE(last.writes.size() == 1);
  CHECK(last.writes[0].subresource == "finalize");
}

}  // namespace
}  // namespace skiff::controllers
