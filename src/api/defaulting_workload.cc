#include <limits>

#include "api/defaulting.h"
#include "api/defaulting_internal.h"
#include "api/int_or_string.h"

namespace skiff::api {
namespace {

void FailurePolicyDefaults(batchv1::PodFailurePolicy* policy) {
  for (batchv1::PodFailurePolicyRule& rule : *policy->mutable_rules()) {
    for (auto& pattern : *rule.mutable_on_pod_conditions()) {
      if (pattern.status().empty()) pattern.set_status("True");
    }
  }
}

}  // namespace

void DeploymentDefaults(appsv1::Deployment* deployment) {
  appsv1::DeploymentSpec* spec = deployment->mutable_spec();
  if (!spec->has_replicas()) spec->set_replicas(1);
  appsv1::DeploymentStrategy* strategy = spec->mutable_strategy();
  if (strategy->type().empty()) strategy->set_type("RollingUpdate");
  if (strategy->type() == "RollingUpdate") {
    appsv1::RollingUpdateDeployment* rolling = strategy->mutable_rolling_update();
    if (!rolling->has_max_unavailable()) *rolling->mutable_max_unavailable() = StringValue("25%");
    if (!rolling->has_max_surge()) *rolling->mutable_max_surge() = StringValue("25%");
  }
  if (!spec->has_revision_history_limit()) spec->set_revision_history_limit(10);
  if (!spec->has_progress_deadline_seconds()) spec->set_progress_deadline_seconds(600);
  SetPodSpecDefaults(spec->mutable_template_()->mutable_spec());
}

void ReplicaSetDefaults(appsv1::ReplicaSet* set) {
  if (!set->spec().has_replicas()) set->mutable_spec()->set_replicas(1);
  SetPodSpecDefaults(set->mutable_spec()->mutable_template_()->mutable_spec());
}

void JobDefaults(batchv1::Job* job) {
  batchv1::JobSpec* spec = job->mutable_spec();
  // Only a Job that sets neither is one pod; parallelism alone makes a work queue.
  if (!spec->has_completions() && !spec->has_parallelism()) {
    spec->set_completions(1);
    spec->set_parallelism(1);
  }
  if (!spec->has_parallelism()) spec->set_parallelism(1);
  if (!spec->has_backoff_limit()) {
    spec->set_backoff_limit(
        spec->has_backoff_limit_per_index() ? std::numeric_limits<int32_t>::max() : 6);
  }
  if (job->metadata().labels().empty()) {
    *job->mutable_metadata()->mutable_labels() = spec->template_().metadata().labels();
  }
  if (!spec->has_completion_mode()) spec->set_completion_mode("NonIndexed");
  if (!spec->has_suspend()) spec->set_suspend(false);
  if (!spec->has_manual_selector()) spec->set_manual_selector(false);
  if (!spec->has_pod_replacement_policy()) {
    spec->set_pod_replacement_policy(spec->has_pod_failure_policy() ? "Failed"
                                                                    : "TerminatingOrFailed");
  }
  if (spec->has_pod_failure_policy()) FailurePolicyDefaults(spec->mutable_pod_failure_policy());
  SetPodSpecDefaults(spec->mutable_template_()->mutable_spec());
}

}  // namespace skiff::api
