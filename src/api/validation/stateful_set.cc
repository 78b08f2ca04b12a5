#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/same.h"
#include "api/selector.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"

namespace skiff::api {
namespace {

void CheckManagement(const appsv1::StatefulSetSpec& spec, const Path& path, ErrorList* errors) {
  const std::string& policy = spec.pod_management_policy();
  if (policy.empty()) {
    errors->Required(path);
  } else if (policy != "OrderedReady" && policy != "Parallel") {
    errors->Invalid(path, policy, "must be 'OrderedReady' or 'Parallel'");
  }
}

void CheckRollingUpdate(const appsv1::RollingUpdateStatefulSetStrategy& rolling, const Path& path,
                        ErrorList* errors) {
  errors->NotNegative(path / "partition", rolling.partition());
  if (!rolling.has_max_unavailable()) return;
  const Path unavailable = path / "maxUnavailable";
  CheckIntOrPercent(rolling.max_unavailable(), unavailable, errors);
  if (IsNothing(rolling.max_unavailable())) {
    errors->Invalid(unavailable, rolling.max_unavailable(), "cannot be 0");
  }
  CheckAtMostAll(rolling.max_unavailable(), unavailable, errors);
}

void CheckUpdateStrategy(const appsv1::StatefulSetUpdateStrategy& strategy, const Path& path,
                         ErrorList* errors) {
  const Path rolling = path / "rollingUpdate";
  const auto json = [&strategy] {
    return strategy.has_rolling_update()
               ? absl::StrCat("{\"Partition\":", strategy.rolling_update().partition(),
                              ",\"MaxUnavailable\":",
                              strategy.rolling_update().has_max_unavailable()
                                  ? JsonOf(strategy.rolling_update().max_unavailable())
                                  : "null",
                              "}")
               : "null";
  };
  if (strategy.type().empty()) {
    errors->Required(path);
  } else if (strategy.type() == "OnDelete") {
    if (strategy.has_rolling_update()) {
      errors->Invalid(rolling, RawJson{json()}, "only allowed for updateStrategy 'RollingUpdate'");
    }
  } else if (strategy.type() == "RollingUpdate") {
    if (strategy.has_rolling_update()) {
      CheckRollingUpdate(strategy.rolling_update(), rolling, errors);
    }
  } else {
    errors->Invalid(path,
                    RawJson{absl::StrCat("{\"Type\":", JsonOf(strategy.type()),
                                         ",\"RollingUpdate\":", json(), "}")},
                    "must be 'RollingUpdate' or 'OnDelete'");
  }
}

void CheckClaimRetention(const appsv1::StatefulSetPersistentVolumeClaimRetentionPolicy& policy,
                         const Path& path, ErrorList* errors) {
  errors->OneOf(path / "whenDeleted", policy.when_deleted(), {"Retain", "Delete"});
  errors->OneOf(path / "whenScaled", policy.when_scaled(), {"Retain", "Delete"});
}

// The pods' template with a volume for each claim that every pod will have of its own: containers
// mount them by these names.
corev1::PodTemplateSpec WithClaims(const appsv1::StatefulSetSpec& spec) {
  corev1::PodTemplateSpec pods = spec.template_();
  for (const corev1::PersistentVolumeClaim& claim : spec.volume_claim_templates()) {
    const std::string& name = claim.metadata().name();
    auto* volumes = pods.mutable_spec()->mutable_volumes();
    auto volume = std::find_if(volumes->begin(), volumes->end(),
                               [&name](const auto& other) { return other.name() == name; });
    corev1::Volume* own = volume != volumes->end() ? &*volume : volumes->Add();
    own->Clear();
    own->set_name(name);
    own->mutable_volume_source()->mutable_persistent_volume_claim()->set_claim_name(name);
  }
  return pods;
}

void CheckSelector(const appsv1::StatefulSetSpec& spec, const Path& path, ErrorList* errors) {
  const Path selector = path / "selector";
  if (!spec.has_selector()) {
    errors->Required(selector);
    return;
  }
  CheckLabelSelector(spec.selector(), selector, errors);
  if (spec.selector().match_labels().empty() && spec.selector().match_expressions().empty()) {
    errors->Invalid(selector, spec.selector(), "empty selector is invalid for statefulset");
  }
  const absl::StatusOr<LabelSelector> parsed = LabelSelector::FromProto(spec.selector());
  const Labels& labels = spec.template_().metadata().labels();
  if (!parsed.ok()) {
    errors->Invalid(selector, spec.selector(), "");
  } else if (!parsed->empty() && !parsed->Matches(labels)) {
    errors->Invalid(path / "template" / "metadata" / "labels", labels,
                    "`selector` does not match template `labels`");
  }
}

void CheckClaims(const appsv1::StatefulSetSpec& spec, const Path& path, ErrorList* errors) {
  for (int i = 0; i < spec.volume_claim_templates_size(); ++i) {
    CheckVolumeClaimSpec(spec.volume_claim_templates(i).spec(), path[i] / "spec", errors);
  }
}

// What a set may have wrong because it was stored so, under looser rules.
struct Tolerated {
  bool service_name = false;
  bool pods = false;
  bool claims = false;
};

void CheckSpec(const appsv1::StatefulSetSpec& spec, const Tolerated& tolerated, ErrorList* errors) {
  const Path path("spec");
  CheckManagement(spec, path / "podManagementPolicy", errors);
  CheckUpdateStrategy(spec.update_strategy(), path / "updateStrategy", errors);
  if (spec.has_persistent_volume_claim_retention_policy()) {
    CheckClaimRetention(spec.persistent_volume_claim_retention_policy(),
                        path / "persistentVolumeClaimRetentionPolicy", errors);
  }
  if (!tolerated.claims) CheckClaims(spec, path / "volumeClaimTemplates", errors);
  errors->NotNegative(path / "replicas", spec.replicas());
  errors->NotNegative(path / "minReadySeconds", spec.min_ready_seconds());
  errors->NotNegative(path / "ordinals.start", spec.ordinals().start());
  if (!tolerated.service_name && !spec.service_name().empty()) {
    errors->InvalidEach(path / "serviceName", spec.service_name(),
                        CheckDns1123Label(spec.service_name()));
  }
  CheckSelector(spec, path, errors);
  if (!tolerated.pods) CheckPodTemplate(WithClaims(spec), path / "template", errors);
  const Path pod = path / "template" / "spec";
  const std::string& restart = spec.template_().spec().restart_policy();
  if (restart != "Always") errors->NotSupported(pod / "restartPolicy", restart, {"Always"});
  if (spec.template_().spec().has_active_deadline_seconds()) {
    errors->Forbidden(pod / "activeDeadlineSeconds",
                      "activeDeadlineSeconds in StatefulSet is not Supported");
  }
}

Tolerated WrongIn(const appsv1::StatefulSetSpec& stored) {
  ErrorList pods, claims;
  CheckPodTemplate(WithClaims(stored), Path("spec.template"), &pods);
  CheckClaims(stored, Path("spec.volumeClaimTemplates"), &claims);
  return {.service_name = true, .pods = !pods.empty(), .claims = !claims.empty()};
}

// The fields that a set keeps for ever.
appsv1::StatefulSetSpec FixedPart(appsv1::StatefulSetSpec spec) {
  spec.clear_replicas();
  spec.clear_ordinals();
  spec.clear_template_();
  spec.clear_update_strategy();
  spec.clear_revision_history_limit();
  spec.clear_persistent_volume_claim_retention_policy();
  spec.clear_min_ready_seconds();
  return spec;
}

}  // namespace

void CheckStatefulSet(const appsv1::StatefulSet& set, ErrorList* errors) {
  CheckSpec(set.spec(), Tolerated(), errors);
}

void CheckStatefulSetUpdate(const appsv1::StatefulSet& now, const appsv1::StatefulSet& old,
                            ErrorList* errors) {
  CheckSpec(now.spec(), WrongIn(old.spec()), errors);
  if (!LooksSame(FixedPart(now.spec()), FixedPart(old.spec()))) {
    errors->Forbidden(Path("spec"),
                      "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
                      "'template', 'updateStrategy', 'revisionHistoryLimit', "
                      "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
  }
}

void CheckStatefulSetStatus(const appsv1::StatefulSet& now, const appsv1::StatefulSet& old,
                            ErrorList* errors) {
  const appsv1::StatefulSetStatus& status = now.status();
  const Path path("status");
  const std::pair<const char*, int64_t> counts[] = {
      {"replicas", status.replicas()},
      {"readyReplicas", status.ready_replicas()},
      {"currentReplicas", status.current_replicas()},
      {"updatedReplicas", status.updated_replicas()},
      {"availableReplicas", status.available_replicas()},
      {"observedGeneration", status.observed_generation()},
      {"collisionCount", status.collision_count()},
  };
  for (const auto& [field, count] : counts) errors->NotNegative(path / field, count);
  for (int i = 1; i <= 4; ++i) {
    const auto& [field, count] = counts[i];
    if (count > status.replicas()) {
      errors->Invalid(path / field, count, "cannot be greater than status.replicas");
    }
  }
  if (status.available_replicas() > status.ready_replicas()) {
    errors->Invalid(path / "availableReplicas", status.available_replicas(),
                    "cannot be greater than status.readyReplicas");
  }
  if (old.status().has_collision_count() &&
      (!status.has_collision_count() ||
       status.collision_count() < old.status().collision_count())) {
    errors->Invalid(path / "collisionCount", status.collision_count(), "cannot be decremented");
  }
}

}  // namespace skiff::api
