// Rules of the kinds that bound others: quotas, budgets, priorities, autoscalers, flow control; of
// endpoints; and of certificate requests.
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "api/types.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"
#include "tests/api/rules.h"

namespace skiff::api {
namespace {

const PatchedObject& LimitRange() {
  static const PatchedObject range("v1", "LimitRange", R"({
      "metadata": {"name": "r", "namespace": "ns"}, "spec": {"limits": [{"type": "Container",
      "max": {"cpu": "2"}, "min": {"cpu": "100m"}}]}})");
  return range;
}

const PatchedObject& Quota() {
  static const PatchedObject quota("v1", "ResourceQuota", R"({
      "metadata": {"name": "q", "namespace": "ns"}, "spec": {"hard": {"pods": "10",
      "requests.cpu": "1", "limits.memory": "2Gi", "count/deployments.apps": "3",
      "requests.nvidia.com/gpu": "4", "hugepages-2Mi": "1Gi"}}})");
  return quota;
}

const PatchedObject& Budget() {
  static const PatchedObject budget("policy/v1", "PodDisruptionBudget", R"({
      "metadata": {"name": "b", "namespace": "ns"}, "spec": {"minAvailable": 1,
      "selector": {"matchLabels": {"app": "web"}}}})");
  return budget;
}

const PatchedObject& Priority() {
  static const PatchedObject priority("scheduling.k8s.io/v1", "PriorityClass", R"({
      "metadata": {"name": "high"}, "value": 1000})");
  return priority;
}

const PatchedObject& Autoscaler() {
  static const PatchedObject autoscaler("autoscaling/v2", "HorizontalPodAutoscaler", R"({
      "metadata": {"name": "web", "namespace": "ns"}, "spec": {"maxReplicas": 5,
      "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})");
  return autoscaler;
}

const PatchedObject& Schema() {
  static const PatchedObject schema("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", R"({
      "metadata": {"name": "s"}, "spec": {"priorityLevelConfiguration": {"name": "catch-all"},
      "rules": [{"subjects": [{"kind": "User", "user": {"name": "u"}}],
                 "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]}]}})");
  return schema;
}

const PatchedObject& Level() {
  static const PatchedObject level("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
                                   R"({"metadata": {"name": "l"}, "spec": {"type": "Limited",
      "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}})");
  return level;
}

TEST_CASE("GoodBoundsHaveNoErrors") {
  for (const PatchedObject* good :
       {&LimitRange(), &Quota(), &Budget(), &Priority(), &Autoscaler(), &Schema(), &Level()}) {
    CHECK(good->Created() == "");
    CHECK(good->Updated("{}") == "");
  }
}

TEST_CASE("LimitRangeFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"limits": [{"type": "Node", "max": {"cpu": "1"}}]}})",
       "spec.limits[0].type: Invalid value: \"Node\": must be a standard limit type or fully "
       "qualified"},
      {R"({"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}},
                               {"type": "Pod", "max": {"cpu": "1"}}]}})",
       "spec.limits[1].type: Duplicate value: \"Pod\""},
      {R"({"spec": {"limits": [{"type": "Container", "max": {"apples": "1"}}]}})",
       "spec.limits[0].max[apples]: Invalid value: \"apples\": must be a standard resource type or "
       "fully qualified; "
       "spec.limits[0].max[apples]: Invalid value: \"apples\": must be a standard resource for "
       "containers; "
       "spec.limits[0].default[apples]: Invalid value: \"apples\": must be a standard resource "
       "type or fully qualified; "
       "spec.limits[0].default[apples]: Invalid value: \"apples\": must be a standard resource for "
       "containers; "
       "spec.limits[0].defaultRequest[apples]: Invalid value: \"apples\": must be a standard "
       "resource type or fully qualified; "
       "spec.limits[0].defaultRequest[apples]: Invalid value: \"apples\": must be a standard "
       "resource for containers"},
      {R"({"spec": {"limits": [{"type": "Pod", "default": {"cpu": "1"},
                                "defaultRequest": {"cpu": "1"}}]}})",
       "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'; "
       "spec.limits[0].defaultRequest: Forbidden: may not be specified when `type` is 'Pod'"},
      {R"({"spec": {"limits": [{"type": "Pod", "min": {"cpu": "3"}, "max": {"cpu": "2"}}]}})",
       "spec.limits[0].min[cpu]: Invalid value: \"3\": min value 3 is greater than max value 2"},
      {R"({"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"},
                                "defaultRequest": {"cpu": "2"}}]}})",
       "spec.limits[0].defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is "
       "greater than default limit value 1"},
      {R"({"spec": {"limits": [{"type": "Container", "default": {"cpu": "3"},
                                "defaultRequest": {"cpu": "1"}, "max": {"cpu": "2"}}]}})",
       "spec.limits[0].default[cpu]: Invalid value: \"2\": default value 3 is greater than max "
       "value 2"},
      {R"({"spec": {"limits": [{"type": "Container", "default": {"hugepages-2Mi": "4Mi"},
                                "defaultRequest": {"hugepages-2Mi": "2Mi"}}]}})",
       "spec.limits[0].defaultRequest[hugepages-2Mi]: Invalid value: \"2Mi\": default value 4Mi "
       "must equal to defaultRequest value 2Mi in hugepages-2Mi"},
      {R"({"spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"cpu": "1"}}]}})",
       "spec.limits[0].limits: Required value: either minimum or maximum storage value is "
       "required, but neither was provided"},
      {R"({"spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]}})",
       ""},
      {R"({"spec": {"limits": [{"type": "Pod", "maxLimitRequestRatio": {"cpu": "500m"}}]}})",
       "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than "
       "1"},
      {R"({"spec": {"limits": [{"type": "Pod", "max": {"cpu": "2"}, "min": {"cpu": "1"},
                                "maxLimitRequestRatio": {"cpu": "10"}}]}})",
       "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"10\": ratio 10 is greater than "
       "max/min = 2.000000"},
  };
  CheckCreates(LimitRange(), rows);
}

TEST_CASE("QuotaFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"hard": {"storage": "1"}}})",
       "spec.hard[storage]: Invalid value: \"storage\": must be a standard resource for quota"},
      {R"({"spec": {"hard": {"apples": "1"}}})",
       "spec.hard[apples]: Invalid value: \"apples\": must be a standard resource type or fully "
       "qualified; spec.hard[apples]: Invalid value: \"apples\": must be a standard resource for "
       "quota"},
      {R"({"spec": {"hard": {"pods": "-1"}}})",
       "spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0"},
      {R"({"spec": {"hard": {"pods": "1500m"}}})",
       "spec.hard[pods]: Invalid value: \"1500m\": must be an integer"},
      {R"({"spec": {"hard": {"requests.cpu": "1500m"}}})", ""},
      {R"({"spec": {"hard": null, "scopes": ["Sometimes"]}})",
       "spec.scopes: Invalid value: [\"Sometimes\"]: unsupported scope"},
      {R"({"spec": {"hard": null, "scopes": ["BestEffort", "NotBestEffort"]}})",
       "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes"},
      {R"({"spec": {"hard": null, "scopes": ["Terminating", "NotTerminating"]}})",
       "spec.scopes: Invalid value: [\"Terminating\",\"NotTerminating\"]: conflicting scopes"},
      {R"({"spec": {"hard": {"pods": null, "limits.memory": null, "count/deployments.apps": null,
           "hugepages-2Mi": null}, "scopes": ["BestEffort"]}})",
       "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource"},
      {R"({"spec": {"hard": null, "scopeSelector": {"matchExpressions": [
           {"scopeName": "PriorityClass", "operator": "In"}]}}})",
       "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value "
       "when `operator` is 'In' or 'NotIn' for scope selector"},
      {R"({"spec": {"hard": null, "scopeSelector": {"matchExpressions": [
           {"scopeName": "PriorityClass", "operator": "Exists", "values": ["x"]}]}}})",
       "spec.scopeSelector.matchExpressions.values: Invalid value: [\"x\"]: must be no value when "
       "`operator` is 'Exist' or 'DoesNotExist' for scope selector"},
      {R"({"spec": {"hard": null, "scopeSelector": {"matchExpressions": [
           {"scopeName": "PriorityClass", "operator": "Like"}]}}})",
       "spec.scopeSelector.matchExpressions.operator: Invalid value: \"Like\": not a valid "
       "selector operator"},
      {R"({"spec": {"hard": null, "scopeSelector": {"matchExpressions": [
           {"scopeName": "BestEffort", "operator": "DoesNotExist"}]}}})",
       "spec.scopeSelector.matchExpressions.operator: Invalid value: \"DoesNotExist\": must be "
       "'Exist' when scope is any of ResourceQuotaScopeTerminating, "
       "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
       "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"},
      {R"({"spec": {"hard": null, "scopeSelector": {"matchExpressions": [
           {"scopeName": "Sometimes", "operator": "Exists"}]}}})",
       "spec.scopeSelector.matchExpressions.scopeName: Invalid value: \"Sometimes\": unsupported "
       "scope"},
  };
  CheckCreates(Quota(), rows);
  CHECK(Quota().Updated(R"({"spec": {"hard": null, "scopes": ["BestEffort"]}})") ==
        "spec.scopes: Invalid value: [\"BestEffort\"]: field is immutable");
  CHECK(Quota().StatusUpdated(R"({"status": {"hard": {"pods": "1"}, "used": {"pods": "-1"}}})") ==
        "status.used[pods]: Invalid value: \"-1\": must be greater than or equal to 0");
}

TEST_CASE("BudgetFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"maxUnavailable": 2}})",
       "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":{\"matchLabels\":{\"app\":\"web\"}},"
       "\"MaxUnavailable\":2,\"UnhealthyPodEvictionPolicy\":null}: minAvailable and "
       "maxUnavailable cannot be both set"},
      {R"({"spec": {"minAvailable": -1}})",
       "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"minAvailable": "110%"}})",
       "spec.minAvailable: Invalid value: \"110%\": must not be greater than 100%"},
      {R"({"spec": {"minAvailable": null, "maxUnavailable": "50%"}})", ""},
      {R"({"spec": {"unhealthyPodEvictionPolicy": "Never"}})",
       "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Never\": supported values: "
       "\"AlwaysAllow\", \"IfHealthyBudget\""},
      {R"({"spec": {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}})",
       "spec.selector.matchExpressions[0].values: Required value: must be specified when "
       "`operator` is 'In' or 'NotIn'"},
      {R"({"metadata": {"name": "Any_Name"}})", ""},
  };
  CheckCreates(Budget(), rows);
  CHECK(Budget()
            .StatusUpdated(R"({"status": {"disruptionsAllowed": -1, "conditions": [
            {"type": "DisruptionAllowed", "status": "Maybe", "reason": "Sufficient Pods",
             "lastTransitionTime": "2023-11-14T22:08:20Z"}]}})")
            .find("status.conditions[0].status: Unsupported value: \"Maybe\": supported values: "
                  "\"False\", \"True\", \"Unknown\"; status.conditions[0].reason: Invalid value: "
                  "\"Sufficient "
                  "Pods\": a condition reason must start with") == 0);
}

TEST_CASE("PriorityClassFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"value": 1000000001})",
       "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"},
      {R"({"preemptionPolicy": "Always"})",
       "preemptionPolicy: Unsupported value: \"Always\": supported values: "
       "\"PreemptLowerPriority\", \"Never\""},
      {R"({"metadata": {"name": "system-mine"}})",
       "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for "
       "system use only. error: system-mine is not a known system priority class"},
      {R"({"metadata": {"name": "system-node-critical"}})",
       "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for "
       "system use only. error: value of system-node-critical PriorityClass must be 2000001000"},
      {R"({"metadata": {"name": "system-node-critical"}, "value": 2000001000})", ""},
  };
  CheckCreates(Priority(), rows);
  CHECK(Priority().Updated(R"({"value": 1, "preemptionPolicy": "Never"})") ==
        "value: Forbidden: may not be changed in an update.; preemptionPolicy: Invalid value: "
        "\"Never\": field is immutable");
  CHECK(Priority().Updated(R"({"description": "x"})") == "");
}

TEST_CASE("AutoscalerFaultsNameTheirField") {
  const std::string types =
      "supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"";
  const std::string unknown = "spec.metrics[0].type: Unsupported value: \"Wind\": " + types +
                              "; spec.metrics[0].type: Unsupported value: \"Wind\": " + types;
  const RuleRow rows[] = {
      {R"({"spec": {"minReplicas": 0}})",
       "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1; spec.metrics: "
       "Forbidden: must specify at least one Object or External metric to support scaling to zero "
       "replicas"},
      {R"({"spec": {"maxReplicas": 0}})",
       "spec.maxReplicas: Invalid value: 0: must be greater than 0; spec.maxReplicas: Invalid "
       "value: 0: must be greater than or equal to `minReplicas`"},
      {R"({"spec": {"scaleTargetRef": {"kind": "", "name": "a/b"}}})",
       "spec.scaleTargetRef.kind: Required value; spec.scaleTargetRef.name: Invalid value: "
       "\"a/b\": may not contain '/'"},
      {R"({"spec": {"scaleTargetRef": {"apiVersion": "v1"}}})",
       "spec.scaleTargetRef.apiVersion: Invalid value: \"v1\": apiVersion must specify API group"},
      {R"({"spec": {"scaleTargetRef": {"apiVersion": "v1", "kind": "ReplicationController"}}})",
       ""},
      {R"({"spec": {"scaleTargetRef": {"apiVersion": "a/b/c"}}})",
       "spec.scaleTargetRef.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: "
       "a/b/c"},
      {R"({"spec": {"metrics": [{"type": "Wind"}]}})", unknown.c_str()},
      {R"({"spec": {"metrics": [{"type": "Resource"}]}})",
       "spec.metrics[0].resource: Required value: must populate information for the given metric "
       "source"},
      {R"({"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu",
           "target": {"type": "Utilization"}}}]}})",
       "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a "
       "target raw value or a target utilization"},
      {R"({"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu",
           "target": {"type": "Utilization", "averageUtilization": 0}}}]}})",
       "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than "
       "0"},
      {R"({"spec": {"metrics": [{"type": "Pods", "pods": {"metric": {"name": "rps"},
           "target": {"type": "Share", "averageValue": "0"}}}]}})",
       "spec.metrics[0].pods.target.type: Invalid value: \"Share\": must be either Utilization, "
       "Value, or AverageValue; spec.metrics[0].pods.target.averageValue: Invalid value: \"0\": "
       "must be positive"},
      {R"({"spec": {"metrics": [{"type": "ContainerResource", "containerResource": {"name": "cpu",
           "target": {"type": "Utilization", "averageUtilization": 5}}}]}})",
       "spec.metrics[0].containerResource.container: Required value: must specify a container"},
      {R"({"spec": {"metrics": [{"type": "External", "external": {"metric": {"name": "q"},
           "target": {"type": "Value", "value": "1", "averageValue": "1"}}}]}})",
       "spec.metrics[0].external.target.value: Forbidden: may not set both a target value for "
       "metric and a per-pod target"},
      {R"({"spec": {"metrics": [{"type": "Object", "object": {"metric": {"name": ""},
           "describedObject": {"kind": "Service", "name": "s"}, "target": {"type": "Value"}}}]}})",
       "spec.metrics[0].object.metric.name: Required value: must specify a metric name; "
       "spec.metrics[0].object.target.averageValue: Required value: must set either a target value "
       "or averageValue"},
      {R"({"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 3601,
           "selectPolicy": "Some", "policies": [
           {"type": "Many", "value": 0, "periodSeconds": 1801}]}}}})",
       "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than "
       "or equal to 3600; spec.behavior.scaleDown.selectPolicy: Unsupported value: \"Some\": "
       "supported values: \"Disabled\", \"Max\", \"Min\"; "
       "spec.behavior.scaleDown.policies[0].type: "
       "Unsupported value: \"Many\": supported values: \"Percent\", \"Pods\"; "
       "spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero; "
       "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than "
       "or equal to 1800"},
      {R"({"spec": {"behavior": {"scaleUp": {"tolerance": "-100m"}}}})",
       "spec.behavior.scaleUp.tolerance: Invalid value: \"-100m\": must be greater or equal to "
       "zero"},
  };
  CheckCreates(Autoscaler(), rows);
  CHECK(Autoscaler().Updated(R"({"spec": {"maxReplicas": 7}})",
                             R"({"spec": {"scaleTargetRef": {"apiVersion": "v1"}}})") == "");
  CHECK(Autoscaler().StatusUpdated(R"({"status": {"currentReplicas": -1}})") ==
        "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0");
}

TEST_CASE("FlowSchemaFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"matchingPrecedence": 10001}})",
       "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"},
      {R"({"spec": {"matchingPrecedence": 1}})",
       "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have "
       "matchingPrecedence 1"},
      {R"({"spec": {"distinguisherMethod": {"type": "ByMood"}}})",
       "spec.distinguisherMethod.type: Unsupported value: {\"Type\":\"ByMood\"}: supported values: "
       "\"ByNamespace\", \"ByUser\""},
      {R"({"spec": {"priorityLevelConfiguration": {"name": ""}}})",
       "spec.priorityLevelConfiguration.name: Required value: must reference a priority level"},
      {R"({"spec": {"rules": [{}]}})",
       "spec.rules[0].subjects: Required value: subjects must contain at least one value; "
       "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to "
       "be non-empty"},
      {R"({"spec": {"rules": [{"subjects": [{"kind": "User", "group": {"name": "g"}}],
           "resourceRules": [{"verbs": ["*", "get"], "apiGroups": ["*"], "resources": []}]}]}})",
       "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is "
       "'User'; spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind "
       "is not 'Group'; spec.rules[0].resourceRules[0].verbs: Invalid value: [\"*\",\"get\"]: if "
       "'*' is present, must not specify other verbs; spec.rules[0].resourceRules[0].resources: "
       "Required value: resource rules must supply at least one resource; "
       "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not "
       "cluster scoped must supply at least one namespace"},
      {R"({"spec": {"rules": [{"subjects": [{"kind": "Robot"}], "nonResourceRules": [
           {"verbs": ["fly"], "nonResourceURLs": ["healthz", "/a//b", "/a*"]}]}]}})",
       "spec.rules[0].subjects[0].kind: Unsupported value: \"Robot\": supported values: \"Group\", "
       "\"ServiceAccount\", \"User\"; spec.rules[0].nonResourceRules[0].verbs: Unsupported value: "
       "[\"fly\"]: supported values: \"create\", \"delete\", \"deletecollection\", \"get\", "
       "\"list\", \"patch\", \"proxy\", \"update\", \"watch\"; "
       "spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: \"healthz\": must "
       "start with slash; spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "
       "\"/a//b\": must not contain double slash; "
       "spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: \"/a*\": wildcard can "
       "only do suffix matching"},
  };
  CheckCreates(Schema(), rows);
  CHECK(absl::EndsWith(Schema().Created(R"({"metadata": {"name": "catch-all"}})"),
                       "spec of 'catch-all' must equal the fixed value"));
  CHECK(Schema().StatusUpdated(R"({"status": {"conditions": [{"type": "a"}, {"type": "a"},
      {"type": ""}]}})") ==
        "status.conditions[1].type: Duplicate value: \"a\"; status.conditions[2].type: Required "
        "value: must not be empty");
}

TEST_CASE("PriorityLevelFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"type": "Exempt", "limited": null}})",
       "spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is "
       "'exempt'"},
      {R"({"spec": {"type": "Free"}})",
       "spec.type: Unsupported value: \"Free\": supported values: \"Exempt\", \"Limited\""},
      {R"({"spec": {"limited": null}})",
       "spec.limited: Required value: must not be empty when type is Limited"},
      {R"({"spec": {"exempt": {}}})", "spec.exempt: Forbidden: must be nil if the type is Limited"},
      {R"({"spec": {"limited": {"nominalConcurrencyShares": -1, "lendablePercent": 101,
                                "borrowingLimitPercent": -1}}})",
       "spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer; "
       "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive; "
       "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a "
       "non-negative integer"},
      {R"({"spec": {"limited": {"limitResponse": {"type": "Reject"}}}})",
       "spec.limited.limitResponse.queuing: Forbidden: must be nil if limited.limitResponse.type "
       "is not Limited"},
      {R"({"spec": {"limited": {"limitResponse": {"queuing": null}}}})",
       "spec.limited.limitResponse.queuing: Required value: must not be empty if "
       "limited.limitResponse.type is Limited"},
      {R"({"spec": {"limited": {"limitResponse": {"queuing": {"queues": 4, "handSize": 5,
                                                              "queueLengthLimit": -1}}}}})",
       "spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive; "
       "spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than "
       "queues (4)"},
      {R"({"spec": {"limited": {"limitResponse": {"queuing": {"queues": 1024, "handSize": 10}}}}})",
       "spec.limited.limitResponse.queuing.handSize: Invalid value: 10: required entropy bits of "
       "deckSize 1024 and handSize 10 should not be greater than 60"},
  };
  CheckCreates(Level(), rows);
  const PatchedObject exempt("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
                             R"({"metadata": {"name": "exempt"}, "spec": {"type": "Exempt",
                                 "exempt": {"lendablePercent": 50}}})");
  CHECK(exempt.Created() == "");
}

TEST_CASE("EndpointsFaultsNameTheirField") {
  const PatchedObject endpoints("v1", "Endpoints", R"({
      "metadata": {"name": "e", "namespace": "ns"}, "subsets": [{"addresses": [{"ip": "10.0.0.1"}],
      "ports": [{"port": 80}]}]})");
  CHECK(endpoints.Created() == "");
  const RuleRow rows[] = {
      {R"({"subsets": [{}]})",
       "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"},
      {R"({"subsets": [{"addresses": [{"ip": "127.0.0.1"}]}]})",
       "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range "
       "(127.0.0.0/8, ::1/128)"},
      {R"({"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80},
           {"port": 0, "name": "b", "protocol": "ICMP"}]}]})",
       "subsets[0].ports[0].name: Required value; subsets[0].ports[1].port: Invalid value: 0: must "
       "be between 1 and 65535, inclusive; subsets[0].ports[1].protocol: Unsupported value: "
       "\"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\""},
  };
  CheckCreates(endpoints, rows);
  CHECK(absl::StartsWith(endpoints.Created(R"({"subsets": [
            {"notReadyAddresses": [{"ip": "10.0.0.1", "nodeName": "A"}]}]})"),
                         "subsets[0].notReadyAddresses[0].nodeName: Invalid value: \"A\": "));
}

// A request of a P-256 key for CN=myuser,O=developers, signed by it.
constexpr char kRequest[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHhMIGIAgEAMCYxEzARBgNVBAoMCmRldmVsb3BlcnMxDzANBgNVBAMMBm15dXNl\n"
    "cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCwWdidM/pMKUNL02HWVf7m2eW9s\n"
    "7RNgm7JWkWmCF3GYS6qcQEF9MQedAVjKf85UlSWDLoPWgT3u572tGL9cATugADAK\n"
    "BggqhkjOPQQDAgNIADBFAiBEr4CzbtrMmaV7d5dNaGToXC2xN7ZkGebwr19VGUUq\n"
    "cgIhAOjqk+v568VEbPN1/uFjZGYLZaM/GJouMiaLavWQMnGe\n"
    "-----END CERTIFICATE REQUEST-----\n";

const PatchedObject& Request() {
  static const PatchedObject request(
      "certificates.k8s.io/v1", "CertificateSigningRequest",
      absl::StrCat(R"({"metadata": {"name": "myuser"}, "spec": {"request": ")",
                   absl::Base64Escape(kRequest),
                   R"(", "signerName": "kubernetes.io/kube-apiserver-client",
                      "usages": ["client auth"]}})"));
  return request;
}

TEST_CASE("CertificateRequestFaultsNameTheirField") {
  CHECK(Request().Created() == "");
  const RuleRow rows[] = {
      {R"({"spec": {"request": "aGVsbG8="}})",
       "spec.request: Invalid value: \"aGVsbG8=\": PEM block type must be CERTIFICATE REQUEST"},
      {R"({"spec": {"usages": []}})", "spec.usages: Required value"},
      {R"({"spec": {"usages": ["client auth", "client auth"]}})",
       "spec.usages[1]: Duplicate value: \"client auth\""},
      {R"({"spec": {"signerName": ""}})", "spec.signerName: Required value"},
      {R"({"spec": {"signerName": "kubernetes.io/legacy-unknown"}})",
       "spec.signerName: Invalid value: \"kubernetes.io/legacy-unknown\": the legacy signerName is "
       "not allowed via this API version"},
      {R"({"spec": {"signerName": "mine"}})",
       "spec.signerName: Invalid value: \"mine\": must be a fully qualified domain and path of the "
       "form 'example.com/signer-name'"},
      {R"({"spec": {"signerName": "local/mine"}})",
       "spec.signerName: Invalid value: \"local\": should be a domain with at least two segments "
       "separated by dots"},
      {R"({"spec": {"expirationSeconds": 599}})",
       "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 "
       "seconds (10 minutes)"},
  };
  CheckCreates(Request(), rows);
  CHECK(absl::StartsWith(Request().Created(R"({"spec": {"usages": ["world domination"]}})"),
                         "spec.usages[0]: Unsupported value: \"world domination\": supported "
                         "values: \"any\", \"cert sign\""));
}

std::string Approved(absl::string_view patch, absl::string_view before = "{}") {
  const auto make = [&](absl::string_view json) {
    MessagePtr object = Request().Patched(json, "{}");
    MutableMetaOf(object.get())->set_resource_version("1");
    return object;
  };
  const auto base = MergePatch(Request().json(), before);
  REQUIRE(base.ok());
  const auto changed = MergePatch(*base, patch);
  REQUIRE(changed.ok());
  using T = certificatesv1::CertificateSigningRequest;
  return PatchedObject::Text(ValidateApproval(static_cast<const T&>(*make(*changed)),
                                              static_cast<const T&>(*make(*base))));
}

TEST_CASE("OnlyTheApprovalPathApproves") {
  const char* const approved =
      R"({"status": {"conditions": [{"type": "Approved", "status": "True"}]}})";
  const char* const both = R"({"status": {"conditions": [{"type": "Approved", "status": "True"},
                                                         {"type": "Denied", "status": "True"}]}})";
  CHECK(Approved(approved) == "");
  CHECK(Request().StatusUpdated(approved) ==
        "status.conditions: Forbidden: updates may not add a condition of type \"Approved\"");
  CHECK(Approved(R"({"status": {"conditions": []}})", approved) ==
        "status.conditions: Forbidden: updates may not remove a condition of type \"Approved\"");
  CHECK(Approved(both, approved) ==
        "status.conditions[1].type: Invalid value: \"Denied\": Approved and Denied conditions are "
        "mutually exclusive");
  CHECK(Approved(R"({"status": {"conditions": [{"type": "Denied", "status": "False"}]}})") ==
        "status.conditions[0].status: Unsupported value: \"False\": supported values: \"True\"");
  CHECK(Approved(R"({"status": {"conditions": [{"type": "Ready"}]}})") ==
        "status.conditions[0].status: Required value");
  CHECK(Approved(R"({"status": {"certificate": "aGVsbG8="}})") ==
        "status.certificate: Invalid value: \"<certificate data>\": must contain at least one "
        "CERTIFICATE PEM block; status.certificate: Forbidden: updates may not set certificate "
        "content");
  CHECK(Request().StatusUpdated(
            R"({"status": {"conditions": [{"type": "Failed", "status": "True"}]}})") == "");
}

}  // namespace
}  // namespace skiff::api
