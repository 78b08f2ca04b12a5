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

void StatefulSetDefaults(appsv1::StatefulSet* set) {
  appsv1::StatefulSetSpec* spec = set->mutable_spec();
  if (spec->pod_management_policy().empty()) spec->set_pod_management_policy("OrderedReady");
  appsv1::StatefulSetUpdateStrategy* strategy = spec->mutable_update_strategy();
  if (strategy->type().empty()) strategy->set_type("RollingUpdate");
  if (strategy->type() == "RollingUpdate") {
    appsv1::RollingUpdateStatefulSetStrategy* rolling = strategy->mutable_rolling_update();
    if (!rolling->has_partition()) rolling->set_partition(0);
    if (!rolling->has_max_unavailable()) *rolling->mutable_max_unavailable() = IntValue(1);
  }
  auto* retention = spec->mutable_persistent_volume_claim_retention_policy();
  if (retention->when_deleted().empty()) retention->set_when_deleted("Retain");
  if (retention->when_scaled().empty()) retention->set_when_scaled("Retain");
  if (!spec->has_replicas()) spec->set_replicas(1);
  if (!spec->has_revision_history_limit()) spec->set_revision_history_limit(10);
  SetPodSpecDefaults(spec->mutable_template_()->mutable_spec());
  for (corev1::PersistentVolumeClaim& claim : *spec->mutable_volume_claim_templates()) {
    VolumeClaimDefaults(&claim);
  }
}

void DaemonSetDefaults(appsv1::DaemonSet* set) {
  appsv1::DaemonSetSpec* spec = set->mutable_spec();
  appsv1::DaemonSetUpdateStrategy* strategy = spec->mutable_update_strategy();
  if (strategy->type().empty()) strategy->set_type("RollingUpdate");
  if (strategy->type() == "RollingUpdate") {
    appsv1::RollingUpdateDaemonSet* rolling = strategy->mutable_rolling_update();
    if (!rolling->has_max_unavailable()) *rolling->mutable_max_unavailable() = IntValue(1);
    if (!rolling->has_max_surge()) *rolling->mutable_max_surge() = IntValue(0);
  }
  if (!spec->has_revision_history_limit()) spec->set_revision_history_limit(10);
  SetPodSpecDefaults(spec->mutable_template_()->mutable_spec());
}

void ReplicationControllerDefaults(corev1::ReplicationController* controller) {
  corev1::ReplicationControllerSpec* spec = controller->mutable_spec();
  if (!spec->has_replicas()) spec->set_replicas(1);
  if (!spec->has_template_()) return;
  const auto& labels = spec->template_().metadata().labels();
  if (spec->selector().empty()) *spec->mutable_selector() = labels;
  if (controller->metadata().labels().empty()) {
    *controller->mutable_metadata()->mutable_labels() = labels;
  }
  SetPodSpecDefaults(spec->mutable_template_()->mutable_spec());
}

void PodTemplateDefaults(corev1::PodTemplate* pod_template) {
  SetPodSpecDefaults(pod_template->mutable_template_()->mutable_spec());
}

void CronJobDefaults(batchv1::CronJob* job) {
  batchv1::CronJobSpec* spec = job->mutable_spec();
  if (spec->concurrency_policy().empty()) spec->set_concurrency_policy("Allow");
  if (!spec->has_suspend()) spec->set_suspend(false);
  if (!spec->has_successful_jobs_history_limit()) spec->set_successful_jobs_history_limit(3);
  if (!spec->has_failed_jobs_history_limit()) spec->set_failed_jobs_history_limit(1);
  batchv1::JobSpec* made = spec->mutable_job_template()->mutable_spec();
  if (made->has_pod_failure_policy()) FailurePolicyDefaults(made->mutable_pod_failure_policy());
  SetPodSpecDefaults(made->mutable_template_()->mutable_spec());
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
