#include "absl/strings/str_cat.h"
#include "api/printing/rows.h"
#include "api/time.h"

namespace skiff::api::printing {
namespace {

constexpr Column kDeployment[] = {
    kName,
    {"Ready", "string", "", "Ready replicas, of those wanted.", 0},
    {"Up-to-date", "integer", "", "Replicas made from the current template.", 0},
    {"Available", "integer", "", "Replicas ready for at least minReadySeconds.", 0},
    kAge,
    kContainers,
    kImages,
    kSelector,
};
constexpr Column kReplicaSet[] = {
    kName,
    {"Desired", "integer", "", "Replicas wanted.", 0},
    {"Current", "integer", "", "Replicas that exist.", 0},
    {"Ready", "integer", "", "Replicas that are ready.", 0},
    kAge,
    kContainers,
    kImages,
    kSelector,
};
constexpr Column kJob[] = {
    kName,
    {"Status", "string", "", "State of the job.", 0},
    {"Completions", "string", "", "Pods that succeeded, of those wanted.", 0},
    {"Duration", "string", "", "Time from start to completion, or until now.", 0},
    kAge,
    kContainers,
    kImages,
    kSelector,
};

bool HasCondition(const batchv1::Job& job, absl::string_view type) {
  for (const batchv1::JobCondition& condition : job.status().conditions()) {
    if (condition.type() == type) return condition.status() == "True";
  }
  return false;
}

std::string JobState(const batchv1::Job& job) {
  if (HasCondition(job, "Complete")) return "Complete";
  if (HasCondition(job, "Failed")) return "Failed";
  if (job.metadata().has_deletion_timestamp()) return "Terminating";
  for (const char* state : {"Suspended", "FailureTarget", "SuccessCriteriaMet"}) {
    if (HasCondition(job, state)) return state;
  }
  return "Running";
}

std::string Completions(const batchv1::Job& job) {
  const int32_t done = job.status().succeeded();
  if (job.spec().has_completions()) return absl::StrCat(done, "/", job.spec().completions());
  if (job.spec().parallelism() > 1) {
    return absl::StrCat(done, "/1 of ", job.spec().parallelism());
  }
  return absl::StrCat(done, "/1");
}

std::string JobDuration(const batchv1::Job& job, absl::Time now) {
  if (!job.status().has_start_time()) return "";
  const absl::Time end =
      job.status().has_completion_time() ? ToAbsl(job.status().completion_time()) : now;
  return HumanDuration(end - ToAbsl(job.status().start_time()));
}

Cells DeploymentRow(const appsv1::Deployment& deployment, absl::Time now) {
  const appsv1::DeploymentStatus& status = deployment.status();
  const corev1::PodSpec& pod = deployment.spec().template_().spec();
  return {deployment.metadata().name(),
          absl::StrCat(status.ready_replicas(), "/", deployment.spec().replicas()),
          int64_t{status.updated_replicas()},
          int64_t{status.available_replicas()},
          Age(deployment.metadata(), now),
          ContainerNames(pod),
          ContainerImages(pod),
          SelectorText(deployment.spec().selector())};
}

Cells ReplicaSetRow(const appsv1::ReplicaSet& set, absl::Time now) {
  const corev1::PodSpec& pod = set.spec().template_().spec();
  return {set.metadata().name(),
          int64_t{set.spec().replicas()},
          int64_t{set.status().replicas()},
          int64_t{set.status().ready_replicas()},
          Age(set.metadata(), now),
          ContainerNames(pod),
          ContainerImages(pod),
          SelectorText(set.spec().selector())};
}

Cells JobRow(const batchv1::Job& job, absl::Time now) {
  const corev1::PodSpec& pod = job.spec().template_().spec();
  return {job.metadata().name(),    JobState(job),
          Completions(job),         JobDuration(job, now),
          Age(job.metadata(), now), ContainerNames(pod),
          ContainerImages(pod),     SelectorText(job.spec().selector())};
}

}  // namespace

std::span<const Table> WorkloadTables() {
  static const Table kTables[] = {
      MakeTable<appsv1::Deployment, DeploymentRow>(kDeployment),
      MakeTable<appsv1::ReplicaSet, ReplicaSetRow>(kReplicaSet),
      MakeTable<batchv1::Job, JobRow>(kJob),
  };
  return kTables;
}

}  // namespace skiff::api::printing
