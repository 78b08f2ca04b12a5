#include <utility>

#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "api/same.h"
#include "api/selector.h"
#include "api/validation/kinds.h"

namespace skiff::api {
namespace {

void CheckRollingUpdate(const appsv1::RollingUpdateDaemonSet& rolling, const Path& path,
                        ErrorList* errors) {
  const Path unavailable = path / "maxUnavailable";
  const Path surge = path / "maxSurge";
  CheckIntOrPercent(rolling.max_unavailable(), unavailable, errors);
  CheckIntOrPercent(rolling.max_surge(), surge, errors);
  CheckAtMostAll(rolling.max_unavailable(), unavailable, errors);
  CheckAtMostAll(rolling.max_surge(), surge, errors);
  const bool replaces = !IsNothing(rolling.max_unavailable());
  const bool surges = !IsNothing(rolling.max_surge());
  if (replaces && surges) {
    errors->Invalid(surge, rolling.max_surge(), "may not be set when maxUnavailable is non-zero");
  } else if (!replaces && !surges) {
    errors->Required(unavailable, "cannot be 0 when maxSurge is 0");
  }
}

void CheckUpdateStrategy(const appsv1::DaemonSetUpdateStrategy& strategy, const Path& path,
                         ErrorList* errors) {
  if (strategy.type() == "OnDelete") return;
  if (strategy.type() != "RollingUpdate") {
    const auto& rolling = strategy.rolling_update();
    const std::string json =
        strategy.has_rolling_update()
            ? absl::StrCat("{\"MaxUnavailable\":", JsonOf(rolling.max_unavailable()),
                           ",\"MaxSurge\":", JsonOf(rolling.max_surge()), "}")
            : "null";
    errors->NotSupported(path,
                         RawJson{absl::StrCat("{\"Type\":", JsonOf(strategy.type()),
                                              ",\"RollingUpdate\":", json, "}")},
                         {"RollingUpdate", "OnDelete"});
  } else if (!strategy.has_rolling_update()) {
    errors->Required(path / "rollingUpdate");
  } else {
    CheckRollingUpdate(strategy.rolling_update(), path / "rollingUpdate", errors);
  }
}

}  // namespace

void CheckDaemonSet(const appsv1::DaemonSet& set, ErrorList* errors) {
  const appsv1::DaemonSetSpec& spec = set.spec();
  const Path path("spec");
  CheckLabelSelector(spec.selector(), path / "selector", errors);
  const absl::StatusOr<LabelSelector> selector =
      spec.has_selector() ? LabelSelector::FromProto(spec.selector()) : LabelSelector::Nothing();
  const Labels& labels = spec.template_().metadata().labels();
  if (selector.ok() && !selector->Matches(labels)) {
    errors->Invalid(path / "template" / "metadata" / "labels", labels,
                    "`selector` does not match template `labels`");
  }
  if (spec.has_selector() && spec.selector().match_labels().empty() &&
      spec.selector().match_expressions().empty()) {
    errors->Invalid(path / "selector", spec.selector(), "empty selector is invalid for daemonset");
  }
  CheckPodTemplate(spec.template_(), path / "template", errors);
  const Path pod = path / "template" / "spec";
  const std::string& restart = spec.template_().spec().restart_policy();
  if (restart != "Always") errors->NotSupported(pod / "restartPolicy", restart, {"Always"});
  if (spec.template_().spec().has_active_deadline_seconds()) {
    errors->Forbidden(pod / "activeDeadlineSeconds",
                      "activeDeadlineSeconds in DaemonSet is not Supported");
  }
  errors->NotNegative(path / "minReadySeconds", spec.min_ready_seconds());
  CheckUpdateStrategy(spec.update_strategy(), path / "updateStrategy", errors);
  errors->NotNegative(path / "revisionHistoryLimit", spec.revision_history_limit());
}

void CheckDaemonSetUpdate(const appsv1::DaemonSet& now, const appsv1::DaemonSet& old,
                          ErrorList* errors) {
  CheckDaemonSet(now, errors);
  errors->Immutable(Path("spec.selector"), now.spec().selector(),
                    LooksSame(now.spec().selector(), old.spec().selector()));
}

void CheckDaemonSetStatus(const appsv1::DaemonSet& now, const appsv1::DaemonSet& old,
                          ErrorList* errors) {
  const appsv1::DaemonSetStatus& status = now.status();
  const Path path("status");
  const std::pair<const char*, int64_t> counts[] = {
      {"currentNumberScheduled", status.current_number_scheduled()},
      {"numberMisscheduled", status.number_misscheduled()},
      {"desiredNumberScheduled", status.desired_number_scheduled()},
      {"numberReady", status.number_ready()},
      {"observedGeneration", status.observed_generation()},
      {"updatedNumberScheduled", status.updated_number_scheduled()},
      {"numberAvailable", status.number_available()},
      {"numberUnavailable", status.number_unavailable()},
      {"collisionCount", status.collision_count()},
  };
  for (const auto& [field, count] : counts) errors->NotNegative(path / field, count);
  if (old.status().has_collision_count() &&
      (!status.has_collision_count() ||
       status.collision_count() < old.status().collision_count())) {
    errors->Invalid(path / "collisionCount", status.collision_count(), "cannot be decremented");
  }
}

void CheckControllerRevision(const appsv1::ControllerRevision& revision, ErrorList* errors) {
  errors->NotNegative(Path("revision"), revision.revision());
  if (!revision.has_data() || revision.data().raw().empty() || revision.data().raw() == "null") {
    errors->Required(Path("data"), "data is mandatory");
    return;
  }
  const absl::StatusOr<JsonValue> data = JsonValue::Parse(revision.data().raw());
  if (!data.ok() || !data->is_object()) {
    errors->Required(Path("data"), "data must be a valid JSON object");
  }
}

void CheckControllerRevisionUpdate(const appsv1::ControllerRevision& now,
                                   const appsv1::ControllerRevision& old, ErrorList* errors) {
  errors->NotNegative(Path("revision"), now.revision());
  errors->Immutable(Path("data"), now.data(), LooksSame(now.data(), old.data()));
}

}  // namespace skiff::api
