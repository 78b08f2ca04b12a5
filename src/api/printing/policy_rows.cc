#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/int_or_string.h"
#include "api/printing/rows.h"
#include "api/quantity.h"
#include "api/time.h"
#include "k8s.io/api/autoscaling/v2/generated.pb.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"
#include "k8s.io/api/policy/v1/generated.pb.h"
#include "k8s.io/api/scheduling/v1/generated.pb.h"

namespace skiff::api::printing {
namespace {

constexpr Column kLimitRange[] = {kName,
                                  {"Created At", "string", "", "When the object was made.", 0}};
constexpr Column kResourceQuota[] = {
    kName,
    {"Request", "string", "", "What is used of requests and counts, and how much may be.", 0},
    {"Limit", "string", "", "What is used of limits, and how much may be.", 0},
    kAge,
};
constexpr Column kEndpoints[] = {
    kName, {"Endpoints", "string", "", "Addresses and ports that are ready.", 0}, kAge};
constexpr Column kPodDisruptionBudget[] = {
    kName,
    {"Min Available", "string", "", "Pods that must stay available.", 0},
    {"Max Unavailable", "string", "", "Pods that may be unavailable.", 0},
    {"Allowed Disruptions", "integer", "", "Pods that may be evicted now.", 0},
    kAge,
};
constexpr Column kPriorityClass[] = {
    kName,
    {"Value", "integer", "", "Priority of the class's pods.", 0},
    {"Global-Default", "boolean", "", "Whether pods that name no class are of this one.", 0},
    kAge,
    {"PreemptionPolicy", "string", "", "Whether the pods push others off their nodes.", 0},
};
constexpr Column kAutoscaler[] = {
    kName,
    {"Reference", "string", "", "What is scaled.", 0},
    {"Targets", "string", "", "The metrics as they are, and as they should be.", 0},
    {"MinPods", "string", "", "The fewest replicas.", 0},
    {"MaxPods", "string", "", "The most replicas.", 0},
    {"Replicas", "string", "", "Replicas as last seen.", 0},
    kAge,
};
constexpr Column kCertificateRequest[] = {
    kName,
    kAge,
    {"SignerName", "string", "", "Who is asked to sign.", 0},
    {"Requestor", "string", "", "Who asks.", 0},
    {"RequestedDuration", "string", "", "For how long the certificate should be valid.", 0},
    {"Condition", "string", "", "What has become of the request.", 0},
};
constexpr Column kFlowSchema[] = {
    kName,
    {"PriorityLevel", "string", "", "Level of the requests.", 0},
    {"MatchingPrecedence", "integer", "", "Place among the schemas: the lowest wins.", 0},
    {"DistinguisherMethod", "string", "", "What tells one flow from another.", 0},
    kAge,
    {"MissingPL", "string", "", "Whether its priority level does not exist.", 0},
};
constexpr Column kPriorityLevel[] = {
    kName,
    {"Type", "string", "", "Whether its requests are limited.", 0},
    {"NominalConcurrencyShares", "string", "", "Its share of the requests served at once.", 0},
    {"Queues", "string", "", "Queues of its requests.", 0},
    {"HandSize", "string", "", "Queues that one flow may use.", 0},
    {"QueueLengthLimit", "string", "", "Requests that may wait in a queue.", 0},
    kAge,
};

std::string AmountText(const QuantityProto& amount) {
  const absl::StatusOr<Quantity> quantity = Quantity::FromProto(amount);
  return quantity.ok() ? quantity->ToString() : amount.string();
}

Cells LimitRangeRow(const corev1::LimitRange& range, absl::Time) {
  return {range.metadata().name(), api::FormatTime(ToAbsl(range.metadata().creation_timestamp()))};
}

Cells ResourceQuotaRow(const corev1::ResourceQuota& quota, absl::Time now) {
  const auto& hard = quota.status().hard();
  std::vector<std::string> requests, limits;
  for (const auto& [name, most] : std::map<std::string, QuantityProto>(hard.begin(), hard.end())) {
    const auto used = quota.status().used().find(name);
    const std::string text = absl::StrCat(
        name, ": ", used == quota.status().used().end() ? "0" : AmountText(used->second), "/",
        AmountText(most));
    (absl::StartsWith(name, "limits.") ? limits : requests).push_back(text);
  }
  return {quota.metadata().name(), absl::StrJoin(requests, ", "), absl::StrJoin(limits, ", "),
          Age(quota.metadata(), now)};
}

// The first of a long list, and how many more there are.
std::string Shortened(const std::vector<std::string>& texts, size_t most, absl::string_view comma) {
  if (texts.size() <= most) return absl::StrJoin(texts, comma);
  return absl::StrCat(absl::StrJoin(texts.begin(), texts.begin() + most, comma), " + ",
                      texts.size() - most, " more...");
}

std::string HostPort(const std::string& ip, int32_t port) {
  return absl::StrContains(ip, ':') ? absl::StrCat("[", ip, "]:", port)
                                    : absl::StrCat(ip, ":", port);
}

Cells EndpointsRow(const corev1::Endpoints& endpoints, absl::Time now) {
  std::vector<std::string> texts;
  for (const corev1::EndpointSubset& subset : endpoints.subsets()) {
    if (subset.ports().empty()) {
      for (const corev1::EndpointAddress& address : subset.addresses()) {
        texts.push_back(address.ip());
      }
    }
    for (const corev1::EndpointPort& port : subset.ports()) {
      for (const corev1::EndpointAddress& address : subset.addresses()) {
        texts.push_back(HostPort(address.ip(), port.port()));
      }
    }
  }
  return {endpoints.metadata().name(),
          endpoints.subsets().empty() ? "<none>" : Shortened(texts, 3, ","),
          Age(endpoints.metadata(), now)};
}

Cells PodDisruptionBudgetRow(const policyv1::PodDisruptionBudget& budget, absl::Time now) {
  const policyv1::PodDisruptionBudgetSpec& spec = budget.spec();
  return {budget.metadata().name(),
          spec.has_min_available() ? ToString(spec.min_available()) : "N/A",
          spec.has_max_unavailable() ? ToString(spec.max_unavailable()) : "N/A",
          int64_t{budget.status().disruptions_allowed()}, Age(budget.metadata(), now)};
}

Cells PriorityClassRow(const schedulingv1::PriorityClass& priority, absl::Time now) {
  return {priority.metadata().name(), int64_t{priority.value()}, priority.global_default(),
          Age(priority.metadata(), now), priority.preemption_policy()};
}

// A metric as it was last seen.
struct Reading {
  bool known = false;
  autoscalingv2::MetricValueStatus current;
};

std::string PercentText(bool has, int32_t percent, absl::string_view otherwise) {
  return has ? absl::StrCat(percent, "%") : std::string(otherwise);
}

std::string ResourceTarget(const std::string& name, const autoscalingv2::MetricTarget& target,
                           const Reading& reading) {
  if (target.has_average_value()) {
    return absl::StrCat(name, ": ",
                        reading.known ? AmountText(reading.current.average_value()) : "<unknown>",
                        "/", AmountText(target.average_value()));
  }
  return absl::StrCat(
      name, ": ",
      PercentText(reading.known && reading.current.has_average_utilization(),
                  reading.current.average_utilization(), "<unknown>"),
      "/", PercentText(target.has_average_utilization(), target.average_utilization(), "<auto>"));
}

std::string ValueTarget(const autoscalingv2::MetricTarget& target, const Reading& reading) {
  if (target.has_average_value()) {
    return absl::StrCat(reading.known && reading.current.has_average_value()
                            ? AmountText(reading.current.average_value())
                            : "<unknown>",
                        "/", AmountText(target.average_value()), " (avg)");
  }
  return absl::StrCat(reading.known ? AmountText(reading.current.value()) : "<unknown>", "/",
                      AmountText(target.value()));
}

std::string TargetText(const autoscalingv2::MetricSpec& metric,
                       const autoscalingv2::MetricStatus& status) {
  const std::string& type = metric.type();
  if (type == "External") {
    return ValueTarget(metric.external().target(),
                       {status.has_external(), status.external().current()});
  }
  if (type == "Object") {
    return ValueTarget(metric.object().target(), {status.has_object(), status.object().current()});
  }
  if (type == "Pods") {
    return absl::StrCat(
        status.has_pods() ? AmountText(status.pods().current().average_value()) : "<unknown>", "/",
        AmountText(metric.pods().target().average_value()));
  }
  if (type == "Resource") {
    return ResourceTarget(metric.resource().name(), metric.resource().target(),
                          {status.has_resource(), status.resource().current()});
  }
  if (type == "ContainerResource") {
    return ResourceTarget(metric.container_resource().name(), metric.container_resource().target(),
                          {status.has_container_resource(), status.container_resource().current()});
  }
  return "<unknown type>";
}

Cells AutoscalerRow(const autoscalingv2::HorizontalPodAutoscaler& autoscaler, absl::Time now) {
  const autoscalingv2::HorizontalPodAutoscalerSpec& spec = autoscaler.spec();
  const autoscalingv2::HorizontalPodAutoscalerStatus& status = autoscaler.status();
  std::vector<std::string> targets;
  for (int i = 0; i < spec.metrics_size(); ++i) {
    targets.push_back(TargetText(spec.metrics(i), i < status.current_metrics_size()
                                                      ? status.current_metrics(i)
                                                      : autoscalingv2::MetricStatus()));
  }
  return {autoscaler.metadata().name(),
          absl::StrCat(spec.scale_target_ref().kind(), "/", spec.scale_target_ref().name()),
          OrNone(Shortened(targets, 2, ", ")),
          spec.has_min_replicas() ? absl::StrCat(spec.min_replicas()) : "<unset>",
          int64_t{spec.max_replicas()},
          int64_t{status.current_replicas()},
          Age(autoscaler.metadata(), now)};
}

std::string RequestState(const certificatesv1::CertificateSigningRequest& request) {
  bool approved = false, denied = false, failed = false;
  for (const auto& condition : request.status().conditions()) {
    approved = approved || condition.type() == "Approved";
    denied = denied || condition.type() == "Denied";
    failed = failed || condition.type() == "Failed";
  }
  std::string state = denied ? "Denied" : approved ? "Approved" : "Pending";
  if (failed) state += ",Failed";
  if (!request.status().certificate().empty()) state += ",Issued";
  return state;
}

Cells CertificateRequestRow(const certificatesv1::CertificateSigningRequest& request,
                            absl::Time now) {
  const certificatesv1::CertificateSigningRequestSpec& spec = request.spec();
  return {request.metadata().name(),
          Age(request.metadata(), now),
          OrNone(spec.signer_name()),
          spec.username(),
          spec.has_expiration_seconds() ? HumanDuration(absl::Seconds(spec.expiration_seconds()))
                                        : "<none>",
          RequestState(request)};
}

Cells FlowSchemaRow(const flowcontrolv1::FlowSchema& schema, absl::Time now) {
  const flowcontrolv1::FlowSchemaSpec& spec = schema.spec();
  std::string missing = "?";
  for (const flowcontrolv1::FlowSchemaCondition& condition : schema.status().conditions()) {
    if (condition.type() == "Dangling") missing = condition.status();
  }
  return {schema.metadata().name(),
          spec.priority_level_configuration().name(),
          int64_t{spec.matching_precedence()},
          spec.has_distinguisher_method() ? spec.distinguisher_method().type() : "<none>",
          Age(schema.metadata(), now),
          missing};
}

Cells PriorityLevelRow(const flowcontrolv1::PriorityLevelConfiguration& level, absl::Time now) {
  const flowcontrolv1::PriorityLevelConfigurationSpec& spec = level.spec();
  const auto number = [](bool has, int32_t value) {
    return has ? Cell(int64_t{value}) : Cell(std::string("<none>"));
  };
  const bool queues = spec.limited().limit_response().has_queuing();
  const flowcontrolv1::QueuingConfiguration& queuing = spec.limited().limit_response().queuing();
  return {level.metadata().name(),
          spec.type(),
          number(spec.has_limited(), spec.limited().nominal_concurrency_shares()),
          number(queues, queuing.queues()),
          number(queues, queuing.hand_size()),
          number(queues, queuing.queue_length_limit()),
          Age(level.metadata(), now)};
}

}  // namespace

std::span<const Table> PolicyTables() {
  static const Table kTables[] = {
      MakeTable<corev1::LimitRange, LimitRangeRow>(kLimitRange),
      MakeTable<corev1::ResourceQuota, ResourceQuotaRow>(kResourceQuota),
      MakeTable<corev1::Endpoints, EndpointsRow>(kEndpoints),
      MakeTable<policyv1::PodDisruptionBudget, PodDisruptionBudgetRow>(kPodDisruptionBudget),
      MakeTable<schedulingv1::PriorityClass, PriorityClassRow>(kPriorityClass),
      MakeTable<autoscalingv2::HorizontalPodAutoscaler, AutoscalerRow>(kAutoscaler),
      MakeTable<certificatesv1::CertificateSigningRequest, CertificateRequestRow>(
          kCertificateRequest),
      MakeTable<flowcontrolv1::FlowSchema, FlowSchemaRow>(kFlowSchema),
      MakeTable<flowcontrolv1::PriorityLevelConfiguration, PriorityLevelRow>(kPriorityLevel),
  };
  return kTables;
}

}  // namespace skiff::api::printing
