// What holds for every controller, whatever happens: a plan that was carried out leaves nothing to
// plan; a plan does not depend on the order in which things are seen; and no step leaves the bounds
// (never more than maxSurge above, never fewer than minAvailable, never more than parallelism).
// Each seed plays another history; a failure names its seed.
#include <catch2/catch.hpp>
#include <functional>

#include "api/conditions.h"
#include "controllers/deployment.h"
#include "controllers/garbage_collector.h"
#include "controllers/job.h"
#include "controllers/job_pods.h"
#include "controllers/replica_set.h"
#include "tests/controllers/model.h"

namespace skiff::controllers {
namespace {

constexpr int kSeeds = 25;
constexpr int kSteps = 40;

// Plans twice, with what it sees in different orders; the plans must say the same.
Plan PlanTwice(const std::function<Plan()>& reconcile) {
  Plan plan = reconcile();
  CHECK(Words(plan) == Words(reconcile()));
  return plan;
}

// Plans and carries out until there is nothing left. `check` sees the model after every plan.
void Settle(Model* model,
            const std::vector<std::function<std::vector<std::function<Plan()>>()>>& controllers,
            const std::function<void()>& check) {
  for (int round = 0; round < 50; ++round) {
    bool quiet = true;
    for (const auto& keys : controllers) {
      for (const auto& reconcile : keys()) {
        Plan plan = PlanTwice(reconcile);
        quiet = quiet && plan.writes.empty();
        model->Apply(std::move(plan));
        check();
      }
    }
    if (quiet) return;
  }
  FAIL("the controllers plan for ever");
}

using Reconciles = std::vector<std::function<Plan()>>;

Reconciles ReplicaSets(Model* model) {
  Reconciles out;
  for (const api::ObjectPtr& set : model->All<appsv1::ReplicaSet>()) {
    out.push_back([model, key = Model::KeyOf(*set)]() -> Plan {
      const api::ObjectPtr now = model->Get(key);
      if (now == nullptr) return {};
      return ReconcileReplicaSet({now, model->Controlled<corev1::Pod>(now->meta().uid()),
                                  model->now(), model->Uncontrolled<corev1::Pod>()});
    });
  }
  return out;
}

Reconciles Deployments(Model* model) {
  return {[model]() -> Plan {
    const api::ObjectPtr now = model->Get<appsv1::Deployment>("web");
    return ReconcileDeployment({now, model->Controlled<appsv1::ReplicaSet>(now->meta().uid()),
                                model->now(), model->Uncontrolled<appsv1::ReplicaSet>()});
  }};
}

std::unique_ptr<appsv1::Deployment> Web(Model* model) {
  auto out = std::make_unique<appsv1::Deployment>();
  out->mutable_metadata()->set_name("web");
  out->mutable_metadata()->set_namespace_("default");
  auto* spec = out->mutable_spec();
  spec->set_replicas(static_cast<int>(model->rng().Below(8)));
  (*spec->mutable_selector()->mutable_match_labels())["app"] = "web";
  (*spec->mutable_template_()->mutable_metadata()->mutable_labels())["app"] = "web";
  auto* container = spec->mutable_template_()->mutable_spec()->add_containers();
  container->set_name("c");
  container->set_image("v0");
  spec->set_revision_history_limit(2);
  if (model->OneIn(2)) spec->set_min_ready_seconds(10);
  if (model->OneIn(5)) {
    spec->mutable_strategy()->set_type("Recreate");
  } else if (model->OneIn(2)) {
    auto* rolling = spec->mutable_strategy()->mutable_rolling_update();
    const int unavailable = static_cast<int>(model->rng().Below(3));
    rolling->mutable_max_unavailable()->set_int_val(unavailable);
    rolling->mutable_max_surge()->set_int_val(static_cast<int>(model->rng().Below(3)) +
                                              (unavailable == 0 ? 1 : 0));
  }
  return out;
}

// What users and nodes do to a deployment.
void DisturbDeployment(Model* model) {
  auto changed = model->Get<appsv1::Deployment>("web")->CopyAs<appsv1::Deployment>();
  switch (model->rng().Below(8)) {
    case 0:
      changed->mutable_spec()->set_replicas(static_cast<int>(model->rng().Below(8)));
      return model->Update(std::move(changed));
    case 1:
      changed->mutable_spec()
          ->mutable_template_()
          ->mutable_spec()
          ->mutable_containers(0)
          ->set_image(absl::StrCat("v", model->rng().Below(5)));
      return model->Update(std::move(changed));
    case 2:
      changed->mutable_spec()->set_paused(model->OneIn(3));
      return model->Update(std::move(changed));
    case 3:
      return model->Pass(absl::Seconds(static_cast<int64_t>(model->rng().Below(30))));
    default:
      break;
  }
  for (const api::ObjectPtr& pod : model->All<corev1::Pod>()) {
    if (!model->OneIn(3)) continue;
    const auto& typed = pod->As<corev1::Pod>();
    if (IsPodTerminating(typed)) {
      model->FinishPod(pod, "Succeeded");
    } else if (typed.spec().node_name().empty()) {
      model->Bind(pod, absl::StrCat("n", model->rng().Below(3)));
    } else if (model->OneIn(12)) {
      model->Delete(Model::KeyOf(*pod));
    } else if (model->OneIn(12)) {
      model->SetPod(pod, "Failed", false);
    } else if (IsPodActive(typed)) {
      model->SetPod(pod, "Running", !model->OneIn(5));
    }
  }
}

struct Sizes {
  int replicas = 0;      // Asked of the sets.
  int available = 0;     // Of what the sets keep.
  bool resized = false;  // The sets are to follow another size first, in proportion.
};

Sizes SizesOf(const Model& model) {
  const auto& deployment = model.Get<appsv1::Deployment>("web")->As<appsv1::Deployment>();
  Sizes out;
  out.resized = deployment.spec().paused();
  for (const api::ObjectPtr& object : model.All<appsv1::ReplicaSet>()) {
    const auto& set = object->As<appsv1::ReplicaSet>();
    out.replicas += set.spec().replicas();
    out.available += std::min(set.spec().replicas(), set.status().available_replicas());
    const auto desired =
        set.metadata().annotations().find("deployment.kubernetes.io/desired-replicas");
    out.resized = out.resized || (set.spec().replicas() > 0 &&
                                  desired->second != absl::StrCat(deployment.spec().replicas()));
  }
  return out;
}

TEST_CASE("DeploymentsSettleWithinTheirBoundsWhateverHappens") {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    INFO("seed " << seed);
    Model model(seed);
    model.Create(Web(&model));
    for (int step = 0; step < kSteps; ++step) {
      INFO("step " << step);
      Sizes before = SizesOf(model);
      const auto& spec = model.Get<appsv1::Deployment>("web")->As<appsv1::Deployment>().spec();
      const auto& rolling = spec.strategy().rolling_update();
      const bool recreate = spec.strategy().type() == "Recreate";
      const int wanted = spec.replicas();
      const bool in_numbers = rolling.max_surge().type() == 0;
      const int surge = recreate     ? 0
                        : in_numbers ? rolling.max_surge().int_val()
                                     : (wanted + 3) / 4;
      const int away = recreate     ? wanted
                       : in_numbers ? rolling.max_unavailable().int_val()
                                    : wanted / 4;
      const auto check = [&] {
        const Sizes after = SizesOf(model);
        CHECK(after.replicas <= std::max(before.replicas, wanted + surge));
        // Available pods are only ever given up above the minimum; what the sets' own status says
        // anew is no doing of the deployment's.
        if (after.replicas < before.replicas && !before.resized) {
          CHECK(after.available >= std::min(before.available, wanted - away));
        }
        before = after;
      };
      Settle(&model, {[&] { return Deployments(&model); }, [&] { return ReplicaSets(&model); }},
             check);
      for (const api::ObjectPtr& set : model.All<appsv1::ReplicaSet>()) {
        int active = 0;
        for (const api::ObjectPtr& pod : model.Controlled<corev1::Pod>(set->meta().uid())) {
          active += IsPodActive(pod->As<corev1::Pod>()) ? 1 : 0;
        }
        CHECK(active == set->As<appsv1::ReplicaSet>().spec().replicas());
      }
      DisturbDeployment(&model);
    }
    // Left alone, with nodes that do their work, it gets where it was told to go.
    auto last = model.Get<appsv1::Deployment>("web")->CopyAs<appsv1::Deployment>();
    last->mutable_spec()->set_paused(false);
    model.Update(std::move(last));
    for (int round = 0; round < 60; ++round) {
      model.Pass(absl::Seconds(11));
      for (const api::ObjectPtr& pod : model.All<corev1::Pod>()) {
        if (IsPodTerminating(pod->As<corev1::Pod>())) {
          model.FinishPod(pod, "Succeeded");
        } else if (IsPodActive(pod->As<corev1::Pod>()) &&
                   !api::IsPodReady(pod->As<corev1::Pod>())) {
          model.SetPod(pod, "Running", true);
        }
      }
      Settle(&model, {[&] { return Deployments(&model); }, [&] { return ReplicaSets(&model); }},
             [] {});
    }
    const auto& done = model.Get<appsv1::Deployment>("web")->As<appsv1::Deployment>();
    CHECK(done.status().updated_replicas() == done.spec().replicas());
    CHECK(done.status().available_replicas() == done.spec().replicas());
    CHECK(done.status().replicas() == done.spec().replicas());
  }
}

// What is known of a job's pods from outside, to hold its counts against.
struct Truth {
  std::map<std::string, std::string> ends;  // Pod name -> how it ended first.
};

std::unique_ptr<batchv1::Job> Work(Model* model) {
  auto out = std::make_unique<batchv1::Job>();
  out->mutable_metadata()->set_name("work");
  out->mutable_metadata()->set_namespace_("default");
  auto* spec = out->mutable_spec();
  spec->set_parallelism(1 + static_cast<int>(model->rng().Below(4)));
  spec->set_backoff_limit(static_cast<int>(model->rng().Below(12)));
  if (!model->OneIn(4)) spec->set_completions(1 + static_cast<int>(model->rng().Below(8)));
  if (spec->has_completions() && model->OneIn(2)) {
    spec->set_completion_mode("Indexed");
    if (model->OneIn(2)) {
      spec->set_backoff_limit_per_index(static_cast<int>(model->rng().Below(3)));
      spec->set_backoff_limit(100);
    }
  }
  if (model->OneIn(4)) {
    auto* rule = spec->mutable_pod_failure_policy()->add_rules();
    rule->set_action("Ignore");
    rule->add_on_pod_conditions()->set_type("DisruptionTarget");
  }
  if (model->OneIn(6)) spec->set_active_deadline_seconds(200);
  if (model->OneIn(3)) spec->set_pod_replacement_policy("Failed");
  auto* from = spec->mutable_template_();
  from->mutable_spec()->set_restart_policy("Never");
  from->mutable_spec()->add_containers()->set_name("c");
  return out;
}

Reconciles Jobs(Model* model) {
  return {[model]() -> Plan {
    const api::ObjectPtr job = model->Get<batchv1::Job>("work");
    if (job == nullptr) return {};
    return ReconcileJob({job, model->Controlled<corev1::Pod>(job->meta().uid()), model->now(),
                         model->Uncontrolled<corev1::Pod>()});
  }};
}

void EndPod(Model* model, const api::ObjectPtr& pod, const std::string& phase, Truth* truth) {
  // What the job itself stopped, because there were too many, goes uncounted.
  if (HasFinalizer(pod->meta(), kJobTracking)) truth->ends.emplace(pod->meta().name(), phase);
  if (pod->meta().has_deletion_timestamp()) {
    model->FinishPod(pod, phase);
  } else {
    model->SetPod(pod, phase, false);
  }
}

void DisturbJob(Model* model, Truth* truth) {
  if (model->OneIn(6)) {
    auto job = model->Get<batchv1::Job>("work")->CopyAs<batchv1::Job>();
    if (model->OneIn(2)) {
      job->mutable_spec()->set_suspend(!job->spec().suspend());
    } else {
      job->mutable_spec()->set_parallelism(static_cast<int>(model->rng().Below(5)));
    }
    return model->Update(std::move(job));
  }
  if (model->OneIn(3)) {
    return model->Pass(absl::Seconds(static_cast<int64_t>(model->rng().Below(60))));
  }
  const bool replaces_failed =
      ReplacesFailedOnly(model->Get<batchv1::Job>("work")->As<batchv1::Job>());
  for (const api::ObjectPtr& pod : model->All<corev1::Pod>()) {
    if (!model->OneIn(3)) continue;
    const auto& typed = pod->As<corev1::Pod>();
    if (IsPodTerminating(typed)) {
      EndPod(model, pod, model->OneIn(3) ? "Succeeded" : "Failed", truth);
    } else if (!IsPodActive(typed)) {
      if (model->OneIn(10)) model->Delete(Model::KeyOf(*pod));  // Somebody cleans up.
    } else if (typed.spec().node_name().empty() && !model->OneIn(8)) {
      model->Bind(pod, "n1");
    } else if (model->OneIn(5)) {
      if (!replaces_failed || typed.spec().node_name().empty()) {
        truth->ends.emplace(pod->meta().name(), "Failed");
      }
      model->Delete(Model::KeyOf(*pod));
    } else {
      EndPod(model, pod, model->OneIn(2) ? "Succeeded" : "Failed", truth);
    }
  }
}

bool HasCondition(const batchv1::Job& job, const std::string& type) {
  const auto& all = job.status().conditions();
  return std::any_of(all.begin(), all.end(), [&](const auto& condition) {
    return condition.type() == type && condition.status() == "True";
  });
}

void CheckJob(Model* model, int active_before, bool terminating_before) {
  const auto& job = model->Get<batchv1::Job>("work")->As<batchv1::Job>();
  int active = 0;
  int terminating = 0;
  std::set<int> indexes;
  for (const api::ObjectPtr& pod : model->Controlled<corev1::Pod>(job.metadata().uid())) {
    const auto& typed = pod->As<corev1::Pod>();
    active += IsPodActive(typed) ? 1 : 0;
    terminating += IsPodTerminating(typed) ? 1 : 0;
    if (IsPodActive(typed) && job.spec().completion_mode() == "Indexed") {
      CHECK(indexes.insert(CompletionIndexOf(typed, job)).second);
    }
  }
  // Without a number of completions, what runs when the first succeeds is left to end.
  if (job.spec().has_completions() || job.status().succeeded() == 0) {
    CHECK(active <= job.spec().parallelism());
  }
  if (job.spec().has_completions()) {
    CHECK(active <= std::max(0, job.spec().completions() - job.status().succeeded()));
  }
  if (job.spec().suspend()) CHECK(active == 0);
  // What is still stopping keeps its place.
  if (ReplacesFailedOnly(job) && active > active_before) {
    CHECK(active + terminating <= job.spec().parallelism());
  }
  const bool complete = HasCondition(job, "Complete");
  const bool failed = HasCondition(job, "Failed");
  CHECK_FALSE((complete && failed));
  if (complete) CHECK(HasCondition(job, "SuccessCriteriaMet"));
  if (failed) CHECK(HasCondition(job, "FailureTarget"));
  if (complete || failed) {
    CHECK(active == 0);
    CHECK_FALSE(terminating_before);
  }
}

// No pod is counted twice and none is left out, as long as the job has not begun to end.
void CheckCounts(const Model& model, const Truth& truth) {
  const auto& job = model.Get<batchv1::Job>("work")->As<batchv1::Job>();
  if (HasCondition(job, "FailureTarget") || HasCondition(job, "SuccessCriteriaMet")) return;
  int succeeded = 0;
  int failed = 0;
  for (const auto& [name, end] : truth.ends) ++(end == "Succeeded" ? succeeded : failed);
  if (job.spec().completion_mode() != "Indexed") CHECK(job.status().succeeded() == succeeded);
  if (!job.spec().has_backoff_limit_per_index()) CHECK(job.status().failed() == failed);
}

TEST_CASE("JobsSettleWithinTheirBoundsAndCountEveryPodOnce") {
  int completed = 0;
  int failed = 0;
  for (uint64_t seed = 1; seed <= 6 * kSeeds; ++seed) {
    INFO("seed " << seed);
    Model model(seed);
    model.Create(Work(&model));
    Truth truth;
    for (int step = 0; step < kSteps; ++step) {
      INFO("step " << step);
      const auto count = [&](bool (*which)(const corev1::Pod&)) {
        int out = 0;
        for (const api::ObjectPtr& pod : model.All<corev1::Pod>()) {
          out += which(pod->As<corev1::Pod>()) ? 1 : 0;
        }
        return out;
      };
      int active = count(IsPodActive);
      bool terminating = count(IsPodTerminating) > 0;
      Settle(&model, {[&] { return Jobs(&model); }}, [&] {
        const auto& job = model.Get<batchv1::Job>("work")->As<batchv1::Job>();
        const bool over = HasCondition(job, "Complete") || HasCondition(job, "Failed");
        CheckJob(&model, active, over && terminating);
        active = count(IsPodActive);
        terminating = count(IsPodTerminating) > 0;
      });
      CheckCounts(model, truth);
      DisturbJob(&model, &truth);
    }
    const auto& job = model.Get<batchv1::Job>("work")->As<batchv1::Job>();
    completed += HasCondition(job, "Complete") ? 1 : 0;
    failed += HasCondition(job, "Failed") ? 1 : 0;
  }
  // The histories reach the ends that they are about.
  CHECK(completed > kSeeds / 4);
  CHECK(failed > kSeeds / 4);
}

Reconciles Garbage(Model* model) {
  Reconciles out;
  for (const auto& [object_key, object] : model->objects()) {
    out.push_back([model, key = object_key]() -> Plan {
      GarbageObserved observed;
      observed.object = model->Get(key);
      if (observed.object == nullptr) return {};
      observed.exists = [model](const std::string& uid) {
        const auto& all = model->objects();
        return std::any_of(all.begin(), all.end(),
                           [&](const auto& each) { return each.second->meta().uid() == uid; });
      };
      for (const auto& [other_key, other] : model->objects()) {
        for (const auto& owner : other->meta().owner_references()) {
          if (owner.uid() == observed.object->meta().uid()) observed.dependents.push_back(other);
        }
      }
      model->Shuffle(&observed.dependents);
      return ReconcileGarbage(observed);
    });
  }
  return out;
}

TEST_CASE("TheCollectorTakesWhatNobodyOwnsAnyMoreAndNothingElse") {
  for (uint64_t seed = 1; seed <= 8 * kSeeds; ++seed) {
    INFO("seed " << seed);
    Model model(seed);
    std::vector<api::ObjectPtr> made;
    std::set<std::string> deleted;
    for (int i = 0; i < 14; ++i) {
      auto map = std::make_unique<corev1::ConfigMap>();
      map->mutable_metadata()->set_name(absl::StrCat("m", i));
      map->mutable_metadata()->set_namespace_("default");
      std::set<size_t> owners;
      for (size_t n = model.rng().Below(3); n > 0 && !made.empty(); --n) {
        owners.insert(model.rng().Below(made.size()));
      }
      for (const size_t at : owners) {
        auto* owner = map->mutable_metadata()->add_owner_references();
        *owner = MakeControllerRef(*made[at]);
        owner->set_controller(false);
        owner->set_block_owner_deletion(!model.OneIn(3));
      }
      made.push_back(model.Create(std::move(map)));
    }
    for (int step = 0; step < 6; ++step) {
      const auto& victim = made[model.rng().Below(made.size())];
      const std::string key = Model::KeyOf(*victim);
      const std::string policies[] = {"Background", "Foreground", "Orphan"};
      if (model.Get(key) != nullptr) {
        model.Delete(key, policies[model.rng().Below(3)]);
        deleted.insert(key);
      }
      Settle(&model, {[&] { return Garbage(&model); }}, [] {});
      for (const auto& [other, object] : model.objects()) {
        CHECK_FALSE(object->meta().has_deletion_timestamp());  // Nothing is stuck.
        const auto& owners = object->meta().owner_references();
        CHECK((owners.empty() || std::any_of(owners.begin(), owners.end(), [&](const auto& owner) {
                 return model.Get<corev1::ConfigMap>(owner.name()) != nullptr;
               })));
      }
    }
    // What is gone was deleted, or every owner that it had been made with is gone too.
    for (const api::ObjectPtr& object : made) {
      if (model.Get(Model::KeyOf(*object)) != nullptr) continue;
      if (deleted.contains(Model::KeyOf(*object))) continue;
      CHECK_FALSE(object->meta().owner_references().empty());
      for (const auto& owner : object->meta().owner_references()) {
        CHECK(model.Get<corev1::ConfigMap>(owner.name()) == nullptr);
      }
    }
  }
}

}  // namespace
}  // namespace skiff::controllers
