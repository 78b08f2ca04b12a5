#include <set>

#include "absl/strings/str_cat.h"
#include "api/same.h"
#include "api/selector.h"
#include "api/validation/kinds.h"

namespace skiff::api {
namespace {

bool IsIndexed(const batchv1::JobSpec& spec) { return spec.completion_mode() == "Indexed"; }

void CheckExitCodes(const batchv1::PodFailurePolicyOnExitCodesRequirement& codes,
                    const corev1::PodSpec& pod, const Path& path, ErrorList* errors) {
  errors->OneOfRequired(path / "operator", codes.operator_(), {"In", "NotIn"});
  if (codes.values().empty()) {
    errors->Invalid(path / "values", "", "at least one value is required");
  }
  std::set<int32_t> seen;
  for (int i = 0; i < codes.values_size(); ++i) {
    const Path at = (path / "values")[i];
    if (codes.operator_() == "In" && codes.values(i) == 0) {
      errors->Invalid(at, codes.values(i), "must not be 0 for the In operator");
    }
    if (!seen.insert(codes.values(i)).second) errors->Duplicate(at, codes.values(i));
  }
  if (!codes.has_container_name()) return;
  for (const auto* containers : {&pod.containers(), &pod.init_containers()}) {
    for (const corev1::Container& container : *containers) {
      if (container.name() == codes.container_name()) return;
    }
  }
  errors->Invalid(path / "containerName", codes.container_name(),
                  "must be one of the container or initContainer names in the pod template");
}

void CheckFailurePolicy(const batchv1::JobSpec& spec, const Path& path, ErrorList* errors) {
  const Path rules = path / "podFailurePolicy" / "rules";
  if (spec.template_().spec().restart_policy() != "Never") {
    errors->Invalid(path / "template" / "spec" / "restartPolicy",
                    spec.template_().spec().restart_policy(),
                    "only \"Never\" is supported when podFailurePolicy is specified");
  }
  for (int i = 0; i < spec.pod_failure_policy().rules_size(); ++i) {
    const batchv1::PodFailurePolicyRule& rule = spec.pod_failure_policy().rules(i);
    const Path at = rules[i];
    errors->OneOfRequired(at / "action", rule.action(),
                          {"Count", "FailIndex", "FailJob", "Ignore"});
    const bool on_conditions = rule.on_pod_conditions_size() > 0;
    if (rule.has_on_exit_codes()) {
      CheckExitCodes(rule.on_exit_codes(), spec.template_().spec(), at / "onExitCodes", errors);
    }
    if (rule.has_on_exit_codes() && on_conditions) {
      errors->Invalid(at, "", "specifying both OnExitCodes and OnPodConditions is not supported");
    } else if (!rule.has_on_exit_codes() && !on_conditions) {
      errors->Invalid(at, "", "specifying one of OnExitCodes and OnPodConditions is required");
    }
    for (int j = 0; j < rule.on_pod_conditions_size(); ++j) {
      errors->OneOfRequired((at / "onPodConditions")[j] / "status",
                            rule.on_pod_conditions(j).status(), {"False", "True", "Unknown"});
    }
  }
}

void CheckCounts(const batchv1::JobSpec& spec, const Path& path, ErrorList* errors) {
  errors->NotNegative(path / "parallelism", spec.parallelism());
  errors->NotNegative(path / "completions", spec.completions());
  errors->NotNegative(path / "activeDeadlineSeconds", spec.active_deadline_seconds());
  errors->NotNegative(path / "backoffLimit", spec.backoff_limit());
  errors->NotNegative(path / "ttlSecondsAfterFinished", spec.ttl_seconds_after_finished());
  errors->NotNegative(path / "backoffLimitPerIndex", spec.backoff_limit_per_index());
  errors->NotNegative(path / "maxFailedIndexes", spec.max_failed_indexes());
  if (spec.has_completion_mode()) {
    errors->OneOf(path / "completionMode", spec.completion_mode(), {"Indexed", "NonIndexed"});
  }
  if (IsIndexed(spec)) {
    if (!spec.has_completions()) {
      errors->Required(path / "completions", "when completion mode is Indexed");
    }
    if (spec.parallelism() > 100'000) {
      errors->Invalid(path / "parallelism", spec.parallelism(),
                      "must be less than or equal to 100000 when completion mode is Indexed");
    }
    return;
  }
  if (spec.has_backoff_limit_per_index()) {
    errors->Invalid(path / "backoffLimitPerIndex", spec.backoff_limit_per_index(),
                    "requires indexed completion mode");
  }
  if (spec.has_max_failed_indexes()) {
    errors->Invalid(path / "maxFailedIndexes", spec.max_failed_indexes(),
                    "requires indexed completion mode");
  }
}

// A template that differs only in what a suspended Job, which has no pods yet, may change.
bool SameTemplate(const batchv1::Job& now, const batchv1::Job& old) {
  corev1::PodTemplateSpec after = now.spec().template_();
  const corev1::PodTemplateSpec& before = old.spec().template_();
  if (old.spec().suspend() && !old.status().has_start_time()) {
    *after.mutable_metadata()->mutable_labels() = before.metadata().labels();
    *after.mutable_metadata()->mutable_annotations() = before.metadata().annotations();
    corev1::PodSpec* spec = after.mutable_spec();
    *spec->mutable_node_selector() = before.spec().node_selector();
    *spec->mutable_tolerations() = before.spec().tolerations();
    *spec->mutable_scheduling_gates() = before.spec().scheduling_gates();
    spec->clear_affinity();
    if (before.spec().has_affinity()) *spec->mutable_affinity() = before.spec().affinity();
  }
  return LooksSame(after, before);
}

}  // namespace

void CheckJobSpec(const batchv1::JobSpec& spec, const Path& path, ErrorList* errors) {
  CheckCounts(spec, path, errors);
  CheckPodTemplate(spec.template_(), path / "template", errors);
  const Path restart_path = path / "template" / "spec" / "restartPolicy";
  const std::string& restart = spec.template_().spec().restart_policy();
  if (restart.empty() || restart == "Always") {
    errors->Required(restart_path, "valid values: \"OnFailure\", \"Never\"");
  } else {
    errors->OneOf(restart_path, restart, {"OnFailure", "Never"});
  }
  if (spec.has_pod_failure_policy()) CheckFailurePolicy(spec, path, errors);
  if (spec.has_pod_replacement_policy()) {
    errors->OneOf(path / "podReplacementPolicy", spec.pod_replacement_policy(),
                  {"Failed", "TerminatingOrFailed"});
  }
}

void CheckJob(const batchv1::Job& job, ErrorList* errors) {
  const batchv1::JobSpec& spec = job.spec();
  const Path path("spec");
  CheckJobSpec(spec, path, errors);
  if (!spec.has_selector()) {
    errors->Required(path / "selector");
    return;
  }
  CheckLabelSelector(spec.selector(), path / "selector", errors);
  const absl::StatusOr<LabelSelector> selector = LabelSelector::FromProto(spec.selector());
  const Labels& labels = spec.template_().metadata().labels();
  if (selector.ok() && !selector->Matches(labels)) {
    errors->Invalid(path / "template" / "metadata" / "labels", labels,
                    "`selector` does not match template `labels`");
  }
}

void CheckJobUpdate(const batchv1::Job& now, const batchv1::Job& old, ErrorList* errors) {
  CheckJob(now, errors);
  const Path path("spec");
  const batchv1::JobSpec& after = now.spec();
  const batchv1::JobSpec& before = old.spec();
  // An Indexed job may grow and shrink, as long as parallelism goes with it.
  const bool resized = IsIndexed(after) && after.has_completions() && before.has_completions() &&
                       after.parallelism() == after.completions();
  if ((after.has_completions() != before.has_completions() ||
       after.completions() != before.completions()) &&
      !resized) {
    errors->Invalid(path / "completions", after.completions(), kImmutable);
  }
  if (!LooksSame(after.selector(), before.selector())) {
    errors->Invalid(path / "selector", after.selector(), kImmutable);
  }
  if (!SameTemplate(now, old)) {
    errors->Invalid(path / "template", after.template_(), kImmutable);
  }
  if (after.completion_mode() != before.completion_mode()) {
    errors->Invalid(path / "completionMode", after.completion_mode(), kImmutable);
  }
  if (!LooksSame(after.pod_failure_policy(), before.pod_failure_policy())) {
    errors->Invalid(path / "podFailurePolicy", after.pod_failure_policy(), kImmutable);
  }
  if (!LooksSame(after.success_policy(), before.success_policy())) {
    errors->Invalid(path / "successPolicy", after.success_policy(), kImmutable);
  }
  if (after.backoff_limit_per_index() != before.backoff_limit_per_index()) {
    errors->Invalid(path / "backoffLimitPerIndex", after.backoff_limit_per_index(), kImmutable);
  }
  if (after.managed_by() != before.managed_by()) {
    errors->Invalid(path / "managedBy", after.managed_by(), kImmutable);
  }
}

}  // namespace skiff::api
