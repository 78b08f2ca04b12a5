// What manifests of sets, cron jobs and bounds leave out.
#include "absl/strings/str_cat.h"
#include "api/defaulting.h"
#include "api/json_value.h"
#include "api/object.h"
#include "api/resource.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

// The object's JSON after defaulting; a second time changes nothing.
JsonValue Defaulted(absl::string_view api_version, absl::string_view kind, absl::string_view json) {
  const ResourceInfo* resource = FindKind(api_version, kind);
  REQUIRE(resource != nullptr);
  MessagePtr object(resource->prototype->New());
  const absl::Status decoded = DecodeJson(json, object.get());
  INFO(decoded.message() << " in " << json);
  REQUIRE(decoded.ok());
  SetDefaults(object.get());
  const MessagePtr again(object->New());
  again->CopyFrom(*object);
  SetDefaults(again.get());
  CHECK(google::protobuf::util::MessageDifferencer::Equals(*again, *object));
  std::string text;
  EncodeJson(*object, JsonOptions{}, &text);
  auto value = JsonValue::Parse(text);
  REQUIRE(value.ok());
  return *std::move(value);
}

// What stands at that path of members and indices: "spec.metrics.0.type". "-" if nothing does.
std::string At(const JsonValue& value, absl::string_view path) {
  const JsonValue* at = &value;
  while (!path.empty() && at != nullptr) {
    const size_t dot = path.find('.');
    const absl::string_view step = path.substr(0, dot);
    path = dot == absl::string_view::npos ? absl::string_view() : path.substr(dot + 1);
    if (at->is_array()) {
      const size_t index = static_cast<size_t>(step[0] - '0');
      at = index < at->items().size() ? &at->items()[index] : nullptr;
    } else {
      at = at->Find(step);
    }
  }
  return at == nullptr ? "-" : at->ToString();
}

TEST_CASE("AStatefulSetGetsWhatItsManifestLeavesOut") {
  const JsonValue set = Defaulted("apps/v1", "StatefulSet", R"({"spec": {
      "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
      "template": {"spec": {"containers": [{"name": "a", "image": "x"}]}}}})");
  CHECK(At(set, "spec.replicas") == "1");
  CHECK(At(set, "spec.podManagementPolicy") == "\"OrderedReady\"");
  CHECK(At(set, "spec.revisionHistoryLimit") == "10");
  CHECK(At(set, "spec.updateStrategy.type") == "\"RollingUpdate\"");
  CHECK(At(set, "spec.updateStrategy.rollingUpdate") == R"({"partition":0,"maxUnavailable":1})");
  CHECK(At(set, "spec.persistentVolumeClaimRetentionPolicy") ==
        R"({"whenDeleted":"Retain","whenScaled":"Retain"})");
  CHECK(At(set, "spec.volumeClaimTemplates.0.spec.volumeMode") == "\"Filesystem\"");
  CHECK(At(set, "spec.volumeClaimTemplates.0.status.phase") == "\"Pending\"");
  CHECK(At(set, "spec.template.spec.restartPolicy") == "\"Always\"");
  CHECK(At(Defaulted("apps/v1", "StatefulSet",
                     R"({"spec": {"updateStrategy": {"type": "OnDelete"}}})"),
           "spec.updateStrategy") == R"({"type":"OnDelete"})");
}

TEST_CASE("ADaemonSetReplacesOnePodAtATime") {
  const JsonValue set = Defaulted("apps/v1", "DaemonSet", R"({"spec": {}})");
  CHECK(At(set, "spec.updateStrategy") ==
        R"({"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":0}})");
  CHECK(At(set, "spec.revisionHistoryLimit") == "10");
}

TEST_CASE("AReplicationControllerSelectsWhatItsTemplateIsLabelled") {
  const JsonValue controller = Defaulted("v1", "ReplicationController", R"({"spec": {
      "template": {"metadata": {"labels": {"app": "web"}}}}})");
  CHECK(At(controller, "spec.replicas") == "1");
  CHECK(At(controller, "spec.selector") == R"({"app":"web"})");
  CHECK(At(controller, "metadata.labels") == R"({"app":"web"})");
  CHECK(At(Defaulted("v1", "ReplicationController", R"({"spec": {"selector": {"a": "b"},
           "template": {"metadata": {"labels": {"app": "web"}}}}})"),
           "spec.selector") == R"({"a":"b"})");
  CHECK(At(Defaulted("v1", "ReplicationController", R"({"spec": {}})"), "spec.template") == "-");
}

TEST_CASE("ACronJobAllowsConcurrencyAndKeepsAFewJobs") {
  const JsonValue job = Defaulted("batch/v1", "CronJob", R"({"spec": {"jobTemplate": {"spec": {
      "podFailurePolicy": {"rules": [{"action": "Ignore",
          "onPodConditions": [{"type": "DisruptionTarget"}]}]}}}}})");
  CHECK(At(job, "spec.concurrencyPolicy") == "\"Allow\"");
  CHECK(At(job, "spec.suspend") == "false");
  CHECK(At(job, "spec.successfulJobsHistoryLimit") == "3");
  CHECK(At(job, "spec.failedJobsHistoryLimit") == "1");
  CHECK(At(job, "spec.jobTemplate.spec.podFailurePolicy.rules.0.onPodConditions.0.status") ==
        "\"True\"");
  CHECK(At(job, "spec.jobTemplate.spec.template.spec.dnsPolicy") == "\"ClusterFirst\"");
  CHECK(At(job, "spec.jobTemplate.spec.backoffLimit") == "-");
}

TEST_CASE("ALimitOnContainersIsTheirDefault") {
  const JsonValue range = Defaulted("v1", "LimitRange", R"({"spec": {"limits": [
      {"type": "Container", "max": {"cpu": "2000m"}, "min": {"memory": "1Mi"}},
      {"type": "Pod", "max": {"cpu": "2"}}]}})");
  CHECK(At(range, "spec.limits.0.default") == R"({"cpu":"2"})");
  CHECK(At(range, "spec.limits.0.defaultRequest") == R"({"cpu":"2","memory":"1Mi"})");
  CHECK(At(range, "spec.limits.1.default") == "-");
}

TEST_CASE("AnAutoscalerWatchesTheProcessor") {
  const JsonValue plain =
      Defaulted("autoscaling/v2", "HorizontalPodAutoscaler", R"({"spec": {"maxReplicas": 3}})");
  CHECK(At(plain, "spec.minReplicas") == "1");
  CHECK(At(plain, "spec.metrics") ==
        R"([{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization",)"
        R"("averageUtilization":80}}}])");
  CHECK(At(plain, "spec.behavior") == "-");
  const JsonValue behaving =
      Defaulted("autoscaling/v2", "HorizontalPodAutoscaler",
                R"({"spec": {"behavior": {"scaleDown": {"selectPolicy": "Min"}}}})");
  CHECK(At(behaving, "spec.behavior.scaleUp.stabilizationWindowSeconds") == "0");
  CHECK(At(behaving, "spec.behavior.scaleUp.selectPolicy") == "\"Max\"");
  CHECK(At(behaving, "spec.behavior.scaleUp.policies") ==
        R"([{"type":"Pods","value":4,"periodSeconds":15},)"
        R"({"type":"Percent","value":100,"periodSeconds":15}])");
  CHECK(At(behaving, "spec.behavior.scaleDown.selectPolicy") == "\"Min\"");
  CHECK(At(behaving, "spec.behavior.scaleDown.stabilizationWindowSeconds") == "-");
  CHECK(At(behaving, "spec.behavior.scaleDown.policies") ==
        R"([{"type":"Percent","value":100,"periodSeconds":15}])");
}

TEST_CASE("FlowControlHasItsUsualNumbers") {
  CHECK(At(Defaulted("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", R"({"spec": {}})"),
           "spec.matchingPrecedence") == "1000");
  const JsonValue level = Defaulted("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
                                    R"({"spec": {"limited": {"limitResponse": {"queuing": {}}}}})");
  CHECK(At(level, "spec.limited.nominalConcurrencyShares") == "30");
  CHECK(At(level, "spec.limited.lendablePercent") == "0");
  CHECK(At(level, "spec.limited.limitResponse.queuing") ==
        R"({"queues":64,"handSize":8,"queueLengthLimit":50})");
  CHECK(At(Defaulted("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
                     R"({"spec": {"exempt": {}}})"),
           "spec.exempt") == R"({"nominalConcurrencyShares":0,"lendablePercent":0})");
}

TEST_CASE("OtherBoundsHaveOneDefaultEach") {
  CHECK(At(Defaulted("scheduling.k8s.io/v1", "PriorityClass", R"({"value": 1})"),
           "preemptionPolicy") == "\"PreemptLowerPriority\"");
  CHECK(At(Defaulted("v1", "Endpoints", R"({"subsets": [{"ports": [{"port": 80}]}]})"),
           "subsets.0.ports.0.protocol") == "\"TCP\"");
  CHECK(At(Defaulted("v1", "ResourceQuota", R"({"spec": {"hard": {"requests.cpu": "1000m"}}})"),
           "spec.hard") == R"({"requests.cpu":"1"})");
}

}  // namespace
}  // namespace skiff::api
