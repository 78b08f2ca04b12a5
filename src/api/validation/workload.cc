#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "api/same.h"
#include "api/selector.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckSelectorAndTemplate(const metav1::LabelSelector& selector, bool has_selector,
                              const corev1::PodTemplateSpec& pod_template, ErrorList* errors) {
  const Path path("spec");
  if (!has_selector) {
    errors->Required(path / "selector");
  } else {
    CheckLabelSelector(selector, path / "selector", errors);
    if (selector.match_labels().empty() && selector.match_expressions().empty()) {
      errors->Invalid(path / "selector", selector, "empty selector is invalid for deployment");
    }
  }
  const absl::StatusOr<LabelSelector> parsed = LabelSelector::FromProto(selector);
  const Labels& labels = pod_template.metadata().labels();
  if (!parsed.ok()) {
    errors->Invalid(path / "selector", selector, "invalid label selector");
  } else if (!parsed->empty() && !parsed->Matches(labels)) {
    errors->Invalid(path / "template" / "metadata" / "labels", labels,
                    "`selector` does not match template `labels`");
  }
  CheckPodTemplate(pod_template, path / "template", errors);
  const Path spec = path / "template" / "spec";
  if (!pod_template.spec().restart_policy().empty()) {
    errors->OneOf(spec / "restartPolicy", pod_template.spec().restart_policy(), {"Always"});
  }
  if (pod_template.spec().has_active_deadline_seconds()) {
    errors->Forbidden(spec / "activeDeadlineSeconds",
                      "activeDeadlineSeconds in ReplicaSet is not Supported");
  }
}

void CheckStrategy(const appsv1::DeploymentStrategy& strategy, const Path& path,
                   ErrorList* errors) {
  if (strategy.type() == "Recreate") {
    if (strategy.has_rolling_update()) {
      errors->Forbidden(path / "rollingUpdate",
                        "may not be specified when strategy `type` is 'Recreate'");
    }
    return;
  }
  if (strategy.type() != "RollingUpdate") {
    errors->OneOf(path / "type", strategy.type(), {"Recreate", "RollingUpdate"});
    return;
  }
  const Path rolling = path / "rollingUpdate";
  if (!strategy.has_rolling_update()) {
    errors->Required(rolling, "this should be defaulted and never be nil");
    return;
  }
  const IntOrString& unavailable = strategy.rolling_update().max_unavailable();
  const IntOrString& surge = strategy.rolling_update().max_surge();
  CheckIntOrPercent(unavailable, rolling / "maxUnavailable", errors);
  CheckIntOrPercent(surge, rolling / "maxSurge", errors);
  if (IsNothing(unavailable) && IsNothing(surge)) {
    errors->Invalid(rolling / "maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0");
  }
  CheckAtMostAll(unavailable, rolling / "maxUnavailable", errors);
}

}  // namespace

void CheckIntOrPercent(const IntOrString& value, const Path& path, ErrorList* errors) {
  if (IsString(value)) {
    errors->InvalidEach(path, value.str_val(), CheckPercent(value.str_val()));
  } else {
    errors->NotNegative(path, value.int_val());
  }
}

void CheckAtMostAll(const IntOrString& value, const Path& path, ErrorList* errors) {
  const absl::StatusOr<int32_t> percent = Percent(value);
  if (percent.ok() && *percent > 100) {
    errors->Invalid(path, value, "must not be greater than 100%");
  }
}

bool IsNothing(const IntOrString& value) {
  if (!IsString(value)) return value.int_val() == 0;
  const absl::StatusOr<int32_t> percent = Percent(value);
  return percent.ok() && *percent == 0;
}

void CheckDeployment(const appsv1::Deployment& deployment, ErrorList* errors) {
  const appsv1::DeploymentSpec& spec = deployment.spec();
  const Path path("spec");
  errors->NotNegative(path / "replicas", spec.replicas());
  CheckSelectorAndTemplate(spec.selector(), spec.has_selector(), spec.template_(), errors);
  CheckStrategy(spec.strategy(), path / "strategy", errors);
  errors->NotNegative(path / "minReadySeconds", spec.min_ready_seconds());
  errors->NotNegative(path / "revisionHistoryLimit", spec.revision_history_limit());
  if (spec.has_progress_deadline_seconds()) {
    errors->NotNegative(path / "progressDeadlineSeconds", spec.progress_deadline_seconds());
    if (spec.progress_deadline_seconds() <= spec.min_ready_seconds()) {
      errors->Invalid(path / "progressDeadlineSeconds", spec.progress_deadline_seconds(),
                      "must be greater than minReadySeconds");
    }
  }
}

void CheckDeploymentUpdate(const appsv1::Deployment& now, const appsv1::Deployment& old,
                           ErrorList* errors) {
  CheckDeployment(now, errors);
  if (!LooksSame(now.spec().selector(), old.spec().selector())) {
    errors->Invalid(Path("spec.selector"), now.spec().selector(), kImmutable);
  }
}

void CheckReplicaSet(const appsv1::ReplicaSet& set, ErrorList* errors) {
  const appsv1::ReplicaSetSpec& spec = set.spec();
  errors->NotNegative(Path("spec.replicas"), spec.replicas());
  errors->NotNegative(Path("spec.minReadySeconds"), spec.min_ready_seconds());
  CheckSelectorAndTemplate(spec.selector(), spec.has_selector(), spec.template_(), errors);
}

void CheckReplicaSetUpdate(const appsv1::ReplicaSet& now, const appsv1::ReplicaSet& old,
                           ErrorList* errors) {
  CheckReplicaSet(now, errors);
  if (!LooksSame(now.spec().selector(), old.spec().selector())) {
    errors->Invalid(Path("spec.selector"), now.spec().selector(), kImmutable);
  }
}

}  // namespace skiff::api
