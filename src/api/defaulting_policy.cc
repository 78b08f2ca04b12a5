#include "api/defaulting_internal.h"
#include "k8s.io/api/autoscaling/v2/generated.pb.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"
#include "k8s.io/api/scheduling/v1/generated.pb.h"

namespace skiff::api {
namespace {

using Amounts = google::protobuf::Map<std::string, QuantityProto>;

// What `to` lacks, from `from`.
void FillFrom(const Amounts& from, Amounts* to) {
  for (const auto& [name, amount] : from) to->insert({name, amount});
}

struct Policy {
  const char* type;
  int32_t value;
};

void ScalingDefaults(std::initializer_list<Policy> policies,
                     autoscalingv2::HPAScalingRules* rules) {
  if (!rules->has_select_policy()) rules->set_select_policy("Max");
  if (!rules->policies().empty()) return;
  for (const Policy& policy : policies) {
    autoscalingv2::HPAScalingPolicy* added = rules->add_policies();
    added->set_type(policy.type);
    added->set_value(policy.value);
    added->set_period_seconds(15);
  }
}

}  // namespace

void LimitRangeDefaults(corev1::LimitRange* range) {
  for (corev1::LimitRangeItem& item : *range->mutable_spec()->mutable_limits()) {
    if (item.type() == "Container") {
      FillFrom(item.max(), item.mutable_default_());
      FillFrom(item.default_(), item.mutable_default_request());
      FillFrom(item.min(), item.mutable_default_request());
    }
    for (Amounts* list : {item.mutable_max(), item.mutable_min(), item.mutable_default_(),
                          item.mutable_default_request(), item.mutable_max_limit_request_ratio()}) {
      ResourceListDefaults(list);
    }
  }
}

void ResourceQuotaDefaults(corev1::ResourceQuota* quota) {
  ResourceListDefaults(quota->mutable_spec()->mutable_hard());
  if (!quota->has_status()) return;
  ResourceListDefaults(quota->mutable_status()->mutable_hard());
  ResourceListDefaults(quota->mutable_status()->mutable_used());
}

void EndpointsDefaults(corev1::Endpoints* endpoints) {
  for (corev1::EndpointSubset& subset : *endpoints->mutable_subsets()) {
    for (corev1::EndpointPort& port : *subset.mutable_ports()) {
      if (port.protocol().empty()) port.set_protocol("TCP");
    }
  }
}

void PriorityClassDefaults(schedulingv1::PriorityClass* priority) {
  if (!priority->has_preemption_policy()) priority->set_preemption_policy("PreemptLowerPriority");
}

void AutoscalerDefaults(autoscalingv2::HorizontalPodAutoscaler* autoscaler) {
  autoscalingv2::HorizontalPodAutoscalerSpec* spec = autoscaler->mutable_spec();
  if (!spec->has_min_replicas()) spec->set_min_replicas(1);
  if (spec->metrics().empty()) {
    autoscalingv2::MetricSpec* metric = spec->add_metrics();
    metric->set_type("Resource");
    metric->mutable_resource()->set_name("cpu");
    metric->mutable_resource()->mutable_target()->set_type("Utilization");
    metric->mutable_resource()->mutable_target()->set_average_utilization(80);
  }
  if (!spec->has_behavior()) return;
  autoscalingv2::HPAScalingRules* up = spec->mutable_behavior()->mutable_scale_up();
  if (!up->has_stabilization_window_seconds()) up->set_stabilization_window_seconds(0);
  ScalingDefaults({{"Pods", 4}, {"Percent", 100}}, up);
  ScalingDefaults({{"Percent", 100}}, spec->mutable_behavior()->mutable_scale_down());
}

void FlowSchemaDefaults(flowcontrolv1::FlowSchema* schema) {
  flowcontrolv1::FlowSchemaSpec* spec = schema->mutable_spec();
  if (spec->matching_precedence() == 0) spec->set_matching_precedence(1000);
}

void PriorityLevelDefaults(flowcontrolv1::PriorityLevelConfiguration* level) {
  flowcontrolv1::PriorityLevelConfigurationSpec* spec = level->mutable_spec();
  if (spec->has_exempt()) {
    flowcontrolv1::ExemptPriorityLevelConfiguration* exempt = spec->mutable_exempt();
    if (!exempt->has_nominal_concurrency_shares()) exempt->set_nominal_concurrency_shares(0);
    if (!exempt->has_lendable_percent()) exempt->set_lendable_percent(0);
  }
  if (!spec->has_limited()) return;
  flowcontrolv1::LimitedPriorityLevelConfiguration* limited = spec->mutable_limited();
  if (!limited->has_nominal_concurrency_shares()) limited->set_nominal_concurrency_shares(30);
  if (!limited->has_lendable_percent()) limited->set_lendable_percent(0);
  if (!limited->limit_response().has_queuing()) return;
  flowcontrolv1::QueuingConfiguration* queuing =
      limited->mutable_limit_response()->mutable_queuing();
  if (queuing->hand_size() == 0) queuing->set_hand_size(8);
  if (queuing->queues() == 0) queuing->set_queues(64);
  if (queuing->queue_length_limit() == 0) queuing->set_queue_length_limit(50);
}

}  // namespace skiff::api
