#include "absl/strings/ascii.h"
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
constexpr Column kStatefulSet[] = {
    kName,   {"Ready", "string", "", "Ready replicas, of those wanted.", 0}, kAge, kContainers,
    kImages,
};
constexpr Column kDaemonSet[] = {
    kName,
    {"Desired", "integer", "", "Nodes that should run the pod.", 0},
    {"Current", "integer", "", "Nodes that run the pod and should.", 0},
    {"Ready", "integer", "", "Nodes on which the pod is ready.", 0},
    {"Up-to-date", "integer", "", "Nodes that run the pod of the current template.", 0},
    {"Available", "integer", "", "Nodes whose pod is ready for at least minReadySeconds.", 0},
    {"Node Selector", "string", "", "Labels of the nodes that should run the pod.", 0},
    kAge,
    kContainers,
    kImages,
    kSelector,
};
constexpr Column kControllerRevision[] = {
    kName,
    {"Controller", "string", "", "Whose history it is.", 0},
    {"Revision", "integer", "", "Place in the history.", 0},
    kAge,
};
constexpr Column kPodTemplate[] = {
    kName,
    {"Containers", "string", "", "Names of the template's containers.", 0},
    {"Images", "string", "", "Images of the template's containers.", 0},
    {"Pod Labels", "string", "", "Labels of the template's pods.", 0},
};
constexpr Column kCronJob[] = {
    kName,
    {"Schedule", "string", "", "When jobs are made, as in crontab.", 0},
    {"Timezone", "string", "", "Time zone of the schedule.", 0},
    {"Suspend", "boolean", "", "Whether no more jobs are made.", 0},
    {"Active", "integer", "", "Jobs that run.", 0},
    {"Last Schedule", "string", "", "Time since the last job was due and made.", 0},
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

Cells StatefulSetRow(const appsv1::StatefulSet& set, absl::Time now) {
  const corev1::PodSpec& pod = set.spec().template_().spec();
  return {set.metadata().name(),
          absl::StrCat(set.status().ready_replicas(), "/", set.spec().replicas()),
          Age(set.metadata(), now), ContainerNames(pod), ContainerImages(pod)};
}

Cells DaemonSetRow(const appsv1::DaemonSet& set, absl::Time now) {
  const appsv1::DaemonSetStatus& status = set.status();
  const corev1::PodSpec& pod = set.spec().template_().spec();
  return {set.metadata().name(),
          int64_t{status.desired_number_scheduled()},
          int64_t{status.current_number_scheduled()},
          int64_t{status.number_ready()},
          int64_t{status.updated_number_scheduled()},
          int64_t{status.number_available()},
          LabelsText(pod.node_selector()),
          Age(set.metadata(), now),
          ContainerNames(pod),
          ContainerImages(pod),
          SelectorText(set.spec().selector())};
}

// "statefulset.apps/web"
std::string ControllerName(const metav1::ObjectMeta& meta) {
  for (const metav1::OwnerReference& owner : meta.owner_references()) {
    if (!owner.controller()) continue;
    const size_t slash = owner.api_version().find('/');
    const std::string group =
        slash == std::string::npos ? "" : absl::StrCat(".", owner.api_version().substr(0, slash));
    return absl::StrCat(absl::AsciiStrToLower(absl::StrCat(owner.kind(), group)), "/",
                        owner.name());
  }
  return "<none>";
}

Cells ControllerRevisionRow(const appsv1::ControllerRevision& revision, absl::Time now) {
  return {revision.metadata().name(), ControllerName(revision.metadata()), revision.revision(),
          Age(revision.metadata(), now)};
}

Cells ReplicationControllerRow(const corev1::ReplicationController& controller, absl::Time now) {
  const corev1::PodSpec& pod = controller.spec().template_().spec();
  return {controller.metadata().name(),
          int64_t{controller.spec().replicas()},
          int64_t{controller.status().replicas()},
          int64_t{controller.status().ready_replicas()},
          Age(controller.metadata(), now),
          ContainerNames(pod),
          ContainerImages(pod),
          LabelsText(controller.spec().selector())};
}

Cells PodTemplateRow(const corev1::PodTemplate& pod_template, absl::Time) {
  const corev1::PodSpec& pod = pod_template.template_().spec();
  return {pod_template.metadata().name(), ContainerNames(pod), ContainerImages(pod),
          LabelsText(pod_template.template_().metadata().labels())};
}

Cells CronJobRow(const batchv1::CronJob& job, absl::Time now) {
  const batchv1::CronJobSpec& spec = job.spec();
  const batchv1::JobSpec& made = spec.job_template().spec();
  return {job.metadata().name(),
          spec.schedule(),
          OrNone(spec.time_zone()),
          std::string(!spec.has_suspend() ? "<unset>"
                      : spec.suspend()    ? "True"
                                          : "False"),
          int64_t{job.status().active_size()},
          job.status().has_last_schedule_time() ? HumanAge(job.status().last_schedule_time(), now)
                                                : "<none>",
          Age(job.metadata(), now),
          ContainerNames(made.template_().spec()),
          ContainerImages(made.template_().spec()),
          made.has_selector() ? SelectorText(made.selector()) : "<none>"};
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
      MakeTable<appsv1::StatefulSet, StatefulSetRow>(kStatefulSet),
      MakeTable<appsv1::DaemonSet, DaemonSetRow>(kDaemonSet),
      MakeTable<appsv1::ControllerRevision, ControllerRevisionRow>(kControllerRevision),
      MakeTable<corev1::ReplicationController, ReplicationControllerRow>(kReplicaSet),
      MakeTable<corev1::PodTemplate, PodTemplateRow>(kPodTemplate),
      MakeTable<batchv1::CronJob, CronJobRow>(kCronJob),
      MakeTable<batchv1::Job, JobRow>(kJob),
  };
  return kTables;
}

}  // namespace skiff::api::printing
