#include <utility>

#include "api/selector.h"
#include "api/validation/kinds.h"

namespace skiff::api {

void CheckReplicationController(const corev1::ReplicationController& controller,
                                ErrorList* errors) {
  const corev1::ReplicationControllerSpec& spec = controller.spec();
  const Path path("spec");
  errors->NotNegative(path / "minReadySeconds", spec.min_ready_seconds());
  if (spec.selector().empty()) errors->Required(path / "selector");
  errors->NotNegative(path / "replicas", spec.replicas());
  const Path pods = path / "template";
  if (!spec.has_template_()) {
    errors->Required(pods);
    return;
  }
  const Labels& labels = spec.template_().metadata().labels();
  if (!LabelSelector::FromMap(spec.selector()).Matches(labels)) {
    errors->Invalid(pods / "metadata" / "labels", labels,
                    "`selector` does not match template `labels`");
  }
  CheckPodTemplate(spec.template_(), pods, errors);
  const std::string& restart = spec.template_().spec().restart_policy();
  if (restart != "Always") {
    errors->NotSupported(pods / "spec" / "restartPolicy", restart, {"Always"});
  }
  if (spec.template_().spec().has_active_deadline_seconds()) {
    errors->Forbidden(pods / "spec" / "activeDeadlineSeconds",
                      "activeDeadlineSeconds in ReplicationController is not Supported");
  }
}

void CheckReplicationControllerUpdate(const corev1::ReplicationController& now,
                                      const corev1::ReplicationController&, ErrorList* errors) {
  CheckReplicationController(now, errors);
}

void CheckReplicationControllerStatus(const corev1::ReplicationController& now,
                                      const corev1::ReplicationController&, ErrorList* errors) {
  const corev1::ReplicationControllerStatus& status = now.status();
  const Path path("status");
  const std::pair<const char*, int64_t> counts[] = {
      {"replicas", status.replicas()},
      {"fullyLabeledReplicas", status.fully_labeled_replicas()},
      {"readyReplicas", status.ready_replicas()},
      {"availableReplicas", status.available_replicas()},
      {"observedGeneration", status.observed_generation()},
  };
  for (const auto& [field, count] : counts) errors->NotNegative(path / field, count);
  for (int i = 1; i <= 3; ++i) {
    const auto& [field, count] = counts[i];
    if (count > status.replicas()) {
      errors->Invalid(path / field, count, "cannot be greater than status.replicas");
    }
  }
  if (status.available_replicas() > status.ready_replicas()) {
    errors->Invalid(path / "availableReplicas", status.available_replicas(),
                    "cannot be greater than readyReplicas");
  }
}

void CheckPodTemplateObject(const corev1::PodTemplate& pod_template, ErrorList* errors) {
  CheckPodTemplate(pod_template.template_(), Path("template"), errors);
}

}  // namespace skiff::api
