#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/validation/kinds.h"
#include "api/validation/names.h"
#include "k8s.io/api/autoscaling/v2/generated.pb.h"

namespace skiff::api {
namespace {

constexpr int32_t kMaxPeriodSeconds = 1800;
constexpr int32_t kMaxWindowSeconds = 3600;
constexpr std::initializer_list<absl::string_view> kSources = {"ContainerResource", "External",
                                                               "Object", "Pods", "Resource"};

void CheckSegment(const std::string& text, const Path& path, absl::string_view when_empty,
                  ErrorList* errors) {
  if (text.empty()) {
    errors->Required(path, when_empty);
  } else {
    errors->InvalidEach(path, text, CheckPathSegment(text));
  }
}

// "" if the text is "version" or "group/version", or a group is not asked for.
std::string ApiVersionFault(const std::string& text, bool group_needed) {
  const auto slashes = std::count(text.begin(), text.end(), '/');
  if (slashes > 1) return absl::StrCat("unexpected GroupVersion string: ", text);
  const bool has_group = slashes == 1 && text[0] != '/';
  return group_needed && !has_group ? "apiVersion must specify API group" : "";
}

void CheckReference(const autoscalingv2::CrossVersionObjectReference& reference, bool group_needed,
                    const Path& path, ErrorList* errors) {
  CheckSegment(reference.kind(), path / "kind", "", errors);
  CheckSegment(reference.name(), path / "name", "", errors);
  const std::string fault = ApiVersionFault(reference.api_version(), group_needed);
  if (!fault.empty()) errors->Invalid(path / "apiVersion", reference.api_version(), fault);
}

void CheckPositive(const QuantityProto& amount, const Path& path, ErrorList* errors) {
  const absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
  if (!quantity.ok() || quantity->Sign() <= 0) {
    errors->Invalid(path, quantity.ok() ? quantity->ToString() : amount.string(),
                    "must be positive");
  }
}

void CheckTarget(const autoscalingv2::MetricTarget& target, const Path& path, ErrorList* errors) {
  const std::string& type = target.type();
  if (type.empty()) errors->Required(path / "type", "must specify a metric target type");
  if (type != "Utilization" && type != "Value" && type != "AverageValue") {
    errors->Invalid(path / "type", type, "must be either Utilization, Value, or AverageValue");
  }
  if (target.has_value()) CheckPositive(target.value(), path / "value", errors);
  if (target.has_average_value()) {
    CheckPositive(target.average_value(), path / "averageValue", errors);
  }
  if (target.has_average_utilization() && target.average_utilization() < 1) {
    errors->Invalid(path / "averageUtilization", target.average_utilization(),
                    "must be greater than 0");
  }
}

void CheckMetric(const autoscalingv2::MetricIdentifier& metric, const Path& path,
                 ErrorList* errors) {
  CheckSegment(metric.name(), path / "name", "must specify a metric name", errors);
}

void CheckObjectSource(const autoscalingv2::ObjectMetricSource& source, const Path& path,
                       ErrorList* errors) {
  CheckReference(source.described_object(), false, path / "describedObject", errors);
  CheckMetric(source.metric(), path / "metric", errors);
  CheckTarget(source.target(), path / "target", errors);
  if (!source.target().has_value() && !source.target().has_average_value()) {
    errors->Required(path / "target" / "averageValue",
                     "must set either a target value or averageValue");
  }
}

void CheckExternalSource(const autoscalingv2::ExternalMetricSource& source, const Path& path,
                         ErrorList* errors) {
  CheckMetric(source.metric(), path / "metric", errors);
  CheckTarget(source.target(), path / "target", errors);
  const bool whole = source.target().has_value();
  const bool each = source.target().has_average_value();
  if (!whole && !each) {
    errors->Required(path / "target" / "averageValue",
                     "must set either a target value for metric or a per-pod target");
  } else if (whole && each) {
    errors->Forbidden(path / "target" / "value",
                      "may not set both a target value for metric and a per-pod target");
  }
}

void CheckPodsSource(const autoscalingv2::PodsMetricSource& source, const Path& path,
                     ErrorList* errors) {
  CheckMetric(source.metric(), path / "metric", errors);
  CheckTarget(source.target(), path / "target", errors);
  if (!source.target().has_average_value()) {
    errors->Required(path / "target" / "averageValue",
                     "must specify a positive target averageValue");
  }
}

void CheckRawOrShare(const autoscalingv2::MetricTarget& target, const Path& path,
                     ErrorList* errors) {
  CheckTarget(target, path, errors);
  const bool share = target.has_average_utilization();
  const bool raw = target.has_average_value();
  if (!share && !raw) {
    errors->Required(path / "averageUtilization",
                     "must set either a target raw value or a target utilization");
  } else if (share && raw) {
    errors->Forbidden(path / "averageValue",
                      "may not set both a target raw value and a target utilization");
  }
}

void CheckResourceSource(const autoscalingv2::ResourceMetricSource& source, const Path& path,
                         ErrorList* errors) {
  if (source.name().empty()) errors->Required(path / "name", "must specify a resource name");
  CheckRawOrShare(source.target(), path / "target", errors);
}

void CheckContainerSource(const autoscalingv2::ContainerResourceMetricSource& source,
                          const Path& path, ErrorList* errors) {
  if (source.name().empty()) {
    errors->Required(path / "name", "must specify a resource name");
  } else {
    CheckContainerResourceName(source.name(), path / "name", errors);
  }
  if (source.container().empty()) {
    errors->Required(path / "container", "must specify a container");
  } else {
    errors->InvalidEach(path / "container", source.container(),
                        CheckDns1123Label(source.container()));
  }
  CheckRawOrShare(source.target(), path / "target", errors);
}

// One of the members of which a metric has the one that its type names.
struct Source {
  absl::string_view type;
  absl::string_view member;
  bool has;
};

void CheckSource(const autoscalingv2::MetricSpec& metric, absl::string_view member,
                 const Path& path, ErrorList* errors) {
  const Path at = path / member;
  if (member == "object") CheckObjectSource(metric.object(), at, errors);
  if (member == "external") CheckExternalSource(metric.external(), at, errors);
  if (member == "pods") CheckPodsSource(metric.pods(), at, errors);
  if (member == "resource") CheckResourceSource(metric.resource(), at, errors);
  if (member == "containerResource") {
    CheckContainerSource(metric.container_resource(), at, errors);
  }
}

void CheckMetricSpec(const autoscalingv2::MetricSpec& metric, const Path& path, ErrorList* errors) {
  const std::string& type = metric.type();
  if (type.empty()) errors->Required(path / "type", "must specify a metric source type");
  errors->OneOf(path / "type", type, kSources);
  const Source sources[] = {
      {"Object", "object", metric.has_object()},
      {"External", "external", metric.has_external()},
      {"Pods", "pods", metric.has_pods()},
      {"Resource", "resource", metric.has_resource()},
      {"ContainerResource", "containerResource", metric.has_container_resource()},
  };
  const auto first = std::find_if(std::begin(sources), std::end(sources),
                                  [](const Source& source) { return source.has; });
  if (first != std::end(sources)) CheckSource(metric, first->member, path, errors);
  bool known = false;
  int given = 0;
  for (const Source& source : sources) {
    if (source.has) ++given;
    if (source.type != type) continue;
    known = true;
    if (!source.has) {
      errors->Required(path / source.member,
                       "must populate information for the given metric source");
    }
  }
  if (!known) errors->OneOf(path / "type", type, kSources);
  if (given == 1) return;
  for (const Source& source : sources) {
    if (source.has && source.type != type) {
      errors->Forbidden(path / source.member, "must populate the given metric source only");
    }
  }
}

void CheckMetrics(const autoscalingv2::HorizontalPodAutoscalerSpec& spec, const Path& path,
                  ErrorList* errors) {
  bool idle_seen = false;  // A metric that is there while there are no pods.
  for (int i = 0; i < spec.metrics_size(); ++i) {
    CheckMetricSpec(spec.metrics(i), path[i], errors);
    const std::string& type = spec.metrics(i).type();
    idle_seen = idle_seen || type == "Object" || type == "External";
  }
  if (spec.has_min_replicas() && spec.min_replicas() == 0 && !idle_seen) {
    errors->Forbidden(path,
                      "must specify at least one Object or External metric to support scaling to "
                      "zero replicas");
  }
}

void CheckScalingPolicy(const autoscalingv2::HPAScalingPolicy& policy, const Path& path,
                        ErrorList* errors) {
  errors->OneOf(path / "type", policy.type(), {"Percent", "Pods"});
  if (policy.value() <= 0) {
    errors->Invalid(path / "value", policy.value(), "must be greater than zero");
  }
  const Path period = path / "periodSeconds";
  if (policy.period_seconds() <= 0) {
    errors->Invalid(period, policy.period_seconds(), "must be greater than zero");
  } else if (policy.period_seconds() > kMaxPeriodSeconds) {
    errors->Invalid(period, policy.period_seconds(),
                    absl::StrCat("must be less than or equal to ", kMaxPeriodSeconds));
  }
}

void CheckScalingRules(const autoscalingv2::HPAScalingRules& rules, const Path& path,
                       ErrorList* errors) {
  const Path window = path / "stabilizationWindowSeconds";
  if (rules.stabilization_window_seconds() < 0) {
    errors->Invalid(window, rules.stabilization_window_seconds(),
                    "must be greater than or equal to zero");
  } else if (rules.stabilization_window_seconds() > kMaxWindowSeconds) {
    errors->Invalid(window, rules.stabilization_window_seconds(),
                    absl::StrCat("must be less than or equal to ", kMaxWindowSeconds));
  }
  if (rules.has_select_policy()) {
    errors->OneOf(path / "selectPolicy", rules.select_policy(), {"Disabled", "Max", "Min"});
  }
  if (rules.policies().empty()) {
    errors->Required(path / "policies", "must specify at least one Policy");
  }
  for (int i = 0; i < rules.policies_size(); ++i) {
    CheckScalingPolicy(rules.policies(i), (path / "policies")[i], errors);
  }
  if (!rules.has_tolerance()) return;
  const absl::StatusOr<Quantity> tolerance = Quantity::FromProto(rules.tolerance());
  if (!tolerance.ok() || tolerance->Sign() < 0) {
    errors->Invalid(path / "tolerance",
                    tolerance.ok() ? tolerance->ToString() : rules.tolerance().string(),
                    "must be greater or equal to zero");
  }
}

void CheckSpec(const autoscalingv2::HorizontalPodAutoscalerSpec& spec, int32_t least,
               bool group_needed, ErrorList* errors) {
  const Path path("spec");
  if (spec.has_min_replicas() && spec.min_replicas() < least) {
    errors->Invalid(path / "minReplicas", spec.min_replicas(),
                    absl::StrCat("must be greater than or equal to ", least));
  }
  if (spec.max_replicas() < 1) {
    errors->Invalid(path / "maxReplicas", spec.max_replicas(), "must be greater than 0");
  }
  if (spec.has_min_replicas() && spec.max_replicas() < spec.min_replicas()) {
    errors->Invalid(path / "maxReplicas", spec.max_replicas(),
                    "must be greater than or equal to `minReplicas`");
  }
  CheckReference(spec.scale_target_ref(), group_needed, path / "scaleTargetRef", errors);
  CheckMetrics(spec, path / "metrics", errors);
  const Path behavior = path / "behavior";
  if (spec.behavior().has_scale_up()) {
    CheckScalingRules(spec.behavior().scale_up(), behavior / "scaleUp", errors);
  }
  if (spec.behavior().has_scale_down()) {
    CheckScalingRules(spec.behavior().scale_down(), behavior / "scaleDown", errors);
  }
}

// Only a ReplicationController can be scaled and is of the core group.
bool NeedsGroup(const autoscalingv2::HorizontalPodAutoscalerSpec& spec) {
  return spec.scale_target_ref().kind() != "ReplicationController";
}

}  // namespace

void CheckAutoscaler(const autoscalingv2::HorizontalPodAutoscaler& autoscaler, ErrorList* errors) {
  CheckSpec(autoscaler.spec(), 1, NeedsGroup(autoscaler.spec()), errors);
}

void CheckAutoscalerUpdate(const autoscalingv2::HorizontalPodAutoscaler& now,
                           const autoscalingv2::HorizontalPodAutoscaler& old, ErrorList* errors) {
  // What was stored under looser rules stays changeable.
  const bool from_zero = old.spec().has_min_replicas() && old.spec().min_replicas() == 0;
  const bool without_group =
      NeedsGroup(old.spec()) &&
      !ApiVersionFault(old.spec().scale_target_ref().api_version(), true).empty();
  CheckSpec(now.spec(), from_zero ? 0 : 1, NeedsGroup(now.spec()) && !without_group, errors);
}

void CheckAutoscalerStatus(const autoscalingv2::HorizontalPodAutoscaler& now,
                           const autoscalingv2::HorizontalPodAutoscaler&, ErrorList* errors) {
  errors->NotNegative(Path("status.currentReplicas"), now.status().current_replicas());
  errors->NotNegative(Path("status.desiredReplicas"), now.status().desired_replicas());
}

}  // namespace skiff::api
