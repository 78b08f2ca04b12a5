// Rows of the kinds that make pods, and of those that bound them.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/printing/printing.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);  // 2023-11-14T22:13:20Z

// One of that kind, five minutes old, as `kubectl get -o wide` shows it: its cells, or the names of
// its columns with those that -o wide adds in parentheses.
struct Shown {
  std::string columns;
  std::string cells;
};

Shown Show(absl::string_view api_version, absl::string_view kind, const std::string& members) {
  const ResourceInfo* resource = FindKind(api_version, kind);
  REQUIRE(resource != nullptr);
  MessagePtr object(resource->prototype->New());
  const std::string json = absl::StrCat(
      R"({"metadata": {"name": "x", "creationTimestamp": "2023-11-14T22:08:20Z")", members, "}");
  const absl::Status decoded = DecodeJson(json, object.get());
  INFO(decoded.message() << " in " << json);
  REQUIRE(decoded.ok());
  const std::vector<Cell> row = Row(*Object::Make(std::move(object)), kNow);
  const auto columns = Columns(*resource);
  REQUIRE(row.size() == columns.size());
  return {absl::StrJoin(columns, "|",
                        [](std::string* out, const Column& column) {
                          absl::StrAppend(out, column.priority == 0 ? "" : "(", column.name, ":",
                                          column.type, column.priority == 0 ? "" : ")");
                        }),
          absl::StrJoin(row, "|",
                        [](std::string* out, const Cell& cell) { out->append(CellText(cell)); })};
}

const std::string kPods =
    R"("template": {"metadata": {"labels": {"app": "web", "a": "b"}}, "spec": {
    "nodeSelector": {"disk": "ssd"},
    "containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"}]}})";

TEST_CASE("SetsAndControllersShowWhatIsReadyOfWhatIsWanted") {
  const Shown stateful =
      Show("apps/v1", "StatefulSet",
           R"(}, "spec": {"replicas": 3, )" + kPods + R"(}, "status": {"readyReplicas": 2})");
  CHECK(stateful.columns ==
        "Name:string|Ready:string|Age:string|(Containers:string)|(Images:string)");
  CHECK(stateful.cells == "x|2/3|5m|a,b|x:1,y:2");
  const Shown daemon = Show("apps/v1", "DaemonSet",
                            R"(}, "spec": {"selector": {"matchLabels": {"app": "web"}}, )" + kPods +
                                R"(}, "status": {"desiredNumberScheduled": 5,
                                "currentNumberScheduled": 4, "numberReady": 3,
                                "updatedNumberScheduled": 2, "numberAvailable": 1})");
  CHECK(daemon.columns ==
        "Name:string|Desired:integer|Current:integer|Ready:integer|Up-to-date:integer|"
        "Available:integer|Node Selector:string|Age:string|(Containers:string)|(Images:string)|"
        "(Selector:string)");
  CHECK(daemon.cells == "x|5|4|3|2|1|disk=ssd|5m|a,b|x:1,y:2|app=web");
  const Shown controller = Show("v1", "ReplicationController",
                                R"(}, "spec": {"replicas": 3, "selector": {"b": "2", "a": "1"}, )" +
                                    kPods + R"(}, "status": {"replicas": 2, "readyReplicas": 1})");
  CHECK(controller.columns ==
        "Name:string|Desired:integer|Current:integer|Ready:integer|Age:string|(Containers:string)|"
        "(Images:string)|(Selector:string)");
  CHECK(controller.cells == "x|3|2|1|5m|a,b|x:1,y:2|a=1,b=2");
  const Shown pods = Show("v1", "PodTemplate", "}, " + kPods);
  CHECK(pods.columns == "Name:string|Containers:string|Images:string|Pod Labels:string");
  CHECK(pods.cells == "x|a,b|x:1,y:2|a=b,app=web");
}

TEST_CASE("ARevisionShowsWhoseItIs") {
  const Shown revision =
      Show("apps/v1", "ControllerRevision",
           R"(, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web",
               "uid": "u", "controller": true}]}, "revision": 7)");
  CHECK(revision.columns == "Name:string|Controller:string|Revision:integer|Age:string");
  CHECK(revision.cells == "x|statefulset.apps/web|7|5m");
  CHECK(Show("apps/v1", "ControllerRevision", R"(}, "revision": 7)").cells == "x|<none>|7|5m");
}

TEST_CASE("ACronJobShowsItsScheduleAndItsLastJob") {
  const Shown job = Show("batch/v1", "CronJob",
                         R"(}, "spec": {"schedule": "0 3 * * *", "suspend": false,
                             "jobTemplate": {"spec": {)" +
                             kPods + R"(}}},
                             "status": {"active": [{"name": "x-1"}],
                                        "lastScheduleTime": "2023-11-14T22:12:20Z"})");
  CHECK(job.columns ==
        "Name:string|Schedule:string|Timezone:string|Suspend:boolean|Active:integer|"
        "Last Schedule:string|Age:string|(Containers:string)|(Images:string)|(Selector:string)");
  CHECK(job.cells == "x|0 3 * * *|<none>|False|1|60s|5m|a,b|x:1,y:2|<none>");
  CHECK(Show("batch/v1", "CronJob",
             R"(}, "spec": {"schedule": "@daily", "timeZone": "Europe/Berlin", "suspend": true})")
            .cells == "x|@daily|Europe/Berlin|True|0|<none>|5m|||<none>");
}

TEST_CASE("BoundsShowWhatIsUsedOfThem") {
  const Shown range = Show("v1", "LimitRange", "}");
  CHECK(range.columns == "Name:string|Created At:string");
  CHECK(range.cells == "x|2023-11-14T22:08:20Z");
  const Shown quota = Show("v1", "ResourceQuota", R"(}, "status": {
      "hard": {"requests.cpu": "2", "pods": "10", "limits.cpu": "4", "limits.memory": "2Gi"},
      "used": {"requests.cpu": "500m", "limits.cpu": "1"}})");
  CHECK(quota.columns == "Name:string|Request:string|Limit:string|Age:string");
  CHECK(quota.cells ==
        "x|pods: 0/10, requests.cpu: 500m/2|limits.cpu: 1/4, limits.memory: 0/2Gi|5m");
  const Shown budget = Show("policy/v1", "PodDisruptionBudget", R"(}, "spec": {
      "minAvailable": "50%"}, "status": {"disruptionsAllowed": 2})");
  CHECK(budget.columns ==
        "Name:string|Min Available:string|Max Unavailable:string|Allowed Disruptions:integer|"
        "Age:string");
  CHECK(budget.cells == "x|50%|N/A|2|5m");
  const Shown priority = Show("scheduling.k8s.io/v1", "PriorityClass",
                              R"(}, "value": 1000, "preemptionPolicy": "Never")");
  CHECK(priority.columns ==
        "Name:string|Value:integer|Global-Default:boolean|Age:string|PreemptionPolicy:string");
  CHECK(priority.cells == "x|1000|false|5m|Never");
}

TEST_CASE("EndpointsShowTheFirstThree") {
  CHECK(Show("v1", "Endpoints", "}").cells == "x|<none>|5m");
  CHECK(Show("v1", "Endpoints", R"(}, "subsets": [{"addresses": [{"ip": "10.0.0.1"},
      {"ip": "fd00::1"}], "notReadyAddresses": [{"ip": "10.0.0.9"}], "ports": [{"port": 80}]}])")
            .cells == "x|10.0.0.1:80,[fd00::1]:80|5m");
  CHECK(Show("v1", "Endpoints", R"(}, "subsets": [{"addresses": [{"ip": "10.0.0.1"},
      {"ip": "10.0.0.2"}], "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}])")
            .cells == "x|10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...|5m");
  CHECK(Show("v1", "Endpoints", R"(}, "subsets": [{"addresses": [{"ip": "10.0.0.1"}]}])").cells ==
        "x|10.0.0.1|5m");
}

TEST_CASE("AnAutoscalerShowsItsMetricsBesideTheirTargets") {
  const auto targets = [](const std::string& metrics, const std::string& current = "") {
    const Shown shown = Show("autoscaling/v2", "HorizontalPodAutoscaler",
                             absl::StrCat(R"(}, "spec": {"minReplicas": 2, "maxReplicas": 5,
        "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "metrics": [)",
                                          metrics, R"(]}, "status": {"currentReplicas": 3,
        "currentMetrics": [)",
                                          current, "]}"));
    CHECK(shown.columns ==
          "Name:string|Reference:string|Targets:string|MinPods:string|MaxPods:string|"
          "Replicas:string|Age:string");
    REQUIRE(shown.cells.find("x|Deployment/web|") == 0);
    const size_t end = shown.cells.find("|2|5|3|5m");
    REQUIRE(end != std::string::npos);
    return shown.cells.substr(17, end - 17);
  };
  const std::string cpu = R"({"type": "Resource", "resource": {"name": "cpu",
      "target": {"type": "Utilization", "averageUtilization": 80}}})";
  const std::string memory = R"({"type": "Resource", "resource": {"name": "memory",
      "target": {"type": "AverageValue", "averageValue": "1Gi"}}})";
  const std::string rps = R"({"type": "Pods", "pods": {"metric": {"name": "rps"},
      "target": {"type": "AverageValue", "averageValue": "100"}}})";
  const std::string queue = R"({"type": "External", "external": {"metric": {"name": "q"},
      "target": {"type": "AverageValue", "averageValue": "30"}}})";
  CHECK(targets("") == "<none>");
  CHECK(targets(cpu) == "cpu: <unknown>/80%");
  CHECK(targets(cpu, R"({"type": "Resource", "resource": {"name": "cpu",
                         "current": {"averageUtilization": 12}}})") == "cpu: 12%/80%");
  CHECK(targets(memory, R"({"type": "Resource", "resource": {"name": "memory",
                            "current": {"averageValue": "512Mi"}}})") == "memory: 512Mi/1Gi");
  CHECK(targets(rps) == "<unknown>/100");
  CHECK(targets(queue, R"({"type": "External", "external": {
                           "current": {"averageValue": "7"}}})") == "7/30 (avg)");
  CHECK(targets(cpu + "," + memory + "," + rps) ==
        "cpu: <unknown>/80%, memory: <unknown>/1Gi + 1 more...");
}

TEST_CASE("ACertificateRequestShowsWhatBecameOfIt") {
  const auto state = [](const std::string& status) {
    return Show("certificates.k8s.io/v1", "CertificateSigningRequest",
                absl::StrCat(R"(}, "spec": {"signerName": "a.b/c", "username": "me",
                    "expirationSeconds": 86400}, "status": {)",
                             status, "}"))
        .cells;
  };
  CHECK(state("") == "x|5m|a.b/c|me|24h|Pending");
  CHECK(state(R"("conditions": [{"type": "Approved"}])") == "x|5m|a.b/c|me|24h|Approved");
  CHECK(state(R"("conditions": [{"type": "Approved"}], "certificate": "eA==")") ==
        "x|5m|a.b/c|me|24h|Approved,Issued");
  CHECK(state(R"("conditions": [{"type": "Denied"}, {"type": "Failed"}])") ==
        "x|5m|a.b/c|me|24h|Denied,Failed");
  const Shown bare = Show("certificates.k8s.io/v1", "CertificateSigningRequest", "}");
  CHECK(bare.columns ==
        "Name:string|Age:string|SignerName:string|Requestor:string|RequestedDuration:string|"
        "Condition:string");
  CHECK(bare.cells == "x|5m|<none>||<none>|Pending");
}

TEST_CASE("FlowControlShowsItsLevels") {
  const Shown schema = Show("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", R"(}, "spec": {
      "matchingPrecedence": 500, "priorityLevelConfiguration": {"name": "l"},
      "distinguisherMethod": {"type": "ByUser"}},
      "status": {"conditions": [{"type": "Dangling", "status": "False"}]})");
  CHECK(schema.columns ==
        "Name:string|PriorityLevel:string|MatchingPrecedence:integer|DistinguisherMethod:string|"
        "Age:string|MissingPL:string");
  CHECK(schema.cells == "x|l|500|ByUser|5m|False");
  CHECK(Show("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "}").cells == "x||0|<none>|5m|?");
  const Shown level = Show("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
                           R"(}, "spec": {"type": "Limited", "limited": {
      "nominalConcurrencyShares": 30, "limitResponse": {"type": "Queue", "queuing": {
      "queues": 64, "handSize": 6, "queueLengthLimit": 50}}}})");
  CHECK(level.columns ==
        "Name:string|Type:string|NominalConcurrencyShares:string|Queues:string|HandSize:string|"
        "QueueLengthLimit:string|Age:string");
  CHECK(level.cells == "x|Limited|30|64|6|50|5m");
  CHECK(Show("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
             R"(}, "spec": {"type": "Exempt"})")
            .cells == "x|Exempt|<none>|<none>|<none>|<none>|5m");
}

}  // namespace
}  // namespace skiff::api
