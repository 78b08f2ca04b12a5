#include "api/printing/printing.h"

#include "absl/strings/str_join.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);  // 2023-11-14T22:13:20Z

template <typename T>
std::string RowOf(absl::string_view json) {
  const ObjectPtr object = ObjectFromJson<T>(json);
  const std::vector<Cell> row = Row(*object, kNow);
  REQUIRE(row.size() == Columns(object->resource()).size());
  return absl::StrJoin(row, "|",
                       [](std::string* out, const Cell& cell) { out->append(CellText(cell)); });
}

// READY|STATUS|RESTARTS of a pod of two containers with these members.
std::string PodState(const std::string& spec, const std::string& status,
                     const std::string& meta = "") {
  const std::string row = RowOf<corev1::Pod>(
      R"({"metadata": {"name": "p", "creationTimestamp": "2023-11-14T22:08:20Z")" + meta +
      R"(}, "spec": {"containers": [{"name": "a"}, {"name": "b"}])" + spec + R"(}, "status": {)" +
      status + "}}");
  const size_t first = row.find('|') + 1;
  const size_t age = row.find("|5m|");
  REQUIRE(age != std::string::npos);
  return row.substr(first, age - first);
}

TEST_CASE("APodsStatusIsWhatItsContainersTell") {
  const std::string running = R"("state": {"running": {}}, "ready": true)";
  const auto statuses = [](const std::string& a, const std::string& b) {
    return R"("phase": "Running", "containerStatuses": [{)" + a + "}, {" + b + "}]";
  };
  CHECK(PodState("", R"("phase": "Pending")") == "0/2|Pending|0");
  CHECK(PodState("", statuses(running, running)) == "2/2|Running|0");
  CHECK(PodState("", statuses(running, R"("state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "restartCount": 3,
        "lastState": {"terminated": {"finishedAt": "2023-11-14T22:08:20Z"}})")) ==
        "1/2|CrashLoopBackOff|3 (5m ago)");
  CHECK(
      PodState("", statuses(R"("state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}})",
                            running)) == "1/2|OOMKilled|0");
  CHECK(PodState("", statuses(R"("state": {"terminated": {"exitCode": 3}})",
                              R"("state": {"terminated": {"signal": 9}})")) == "0/2|ExitCode:3|0");
  CHECK(PodState("", R"("phase": "Succeeded", "containerStatuses": [
            {"state": {"terminated": {"reason": "Completed"}}},
            {"state": {"terminated": {"reason": "Completed"}}}])") == "0/2|Completed|0");
  CHECK(PodState("", statuses(R"("state": {"terminated": {"reason": "Completed"}})", running)) ==
        "1/2|NotReady|0");
  CHECK(PodState("", statuses(running, running),
                 R"(, "deletionTimestamp": "2023-11-14T22:13:00Z")") == "2/2|Terminating|0");
  CHECK(PodState("", R"("phase": "Failed", "reason": "Evicted")") == "0/2|Evicted|0");
  CHECK(PodState("", R"("phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}])") ==
        "0/2|SchedulingGated|0");
}

TEST_CASE("APodThatInitializesShowsHowFarItIs") {
  const std::string spec = R"(, "initContainers": [{"name": "i"}, {"name": "j"}])";
  CHECK(PodState(spec, R"("phase": "Pending", "initContainerStatuses": [
            {"name": "i", "state": {"running": {}}}, {"name": "j"}])") == "0/2|Init:0/2|0");
  CHECK(PodState(spec, R"("phase": "Pending", "initContainerStatuses": [
            {"name": "i", "state": {"terminated": {"exitCode": 0}}},
            {"name": "j", "state": {"waiting": {"reason": "PodInitializing"}}}])") ==
        "0/2|Init:1/2|0");
  CHECK(PodState(spec, R"("phase": "Pending", "initContainerStatuses": [
            {"name": "i", "restartCount": 2,
             "state": {"waiting": {"reason": "CrashLoopBackOff"}}}])") ==
        "0/2|Init:CrashLoopBackOff|2");
  CHECK(PodState(spec, R"("phase": "Pending", "initContainerStatuses": [
            {"name": "i", "state": {"terminated": {"reason": "Error", "exitCode": 1}}}])") ==
        "0/2|Init:Error|0");
  CHECK(PodState(R"(, "initContainers": [{"name": "s", "restartPolicy": "Always"}])",
                 R"("phase": "Running", "initContainerStatuses": [
            {"name": "s", "started": true, "ready": true, "state": {"running": {}}}],
            "containerStatuses": [{"ready": true, "state": {"running": {}}}])") == "2/3|Running|0");
}

TEST_CASE("APodsWideColumnsTellWhereItIs") {
  CHECK(RowOf<corev1::Pod>(R"({"metadata": {"name": "p"}, "spec": {"nodeName": "n",
            "readinessGates": [{"conditionType": "x"}]},
            "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}})") ==
        "p|0/0|Running|0|<unknown>|10.0.0.1|n|<none>|0/1");
}

TEST_CASE("WorkloadsShowTheirCounts") {
  const std::string meta =
      R"("metadata": {"name": "w", "creationTimestamp": "2023-11-14T22:13:10Z"})";
  const std::string pods = R"("selector": {"matchLabels": {"app": "w"}}, "template": {"spec":
      {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y"}]}})";
  CHECK(RowOf<appsv1::Deployment>("{" + meta + R"(, "spec": {"replicas": 3, )" + pods +
                                  R"(}, "status": {"readyReplicas": 2, "updatedReplicas": 3,
                                      "availableReplicas": 1}})") ==
        "w|2/3|3|1|10s|a,b|x:1,y|app=w");
  CHECK(RowOf<appsv1::ReplicaSet>("{" + meta + R"(, "spec": {"replicas": 3, )" + pods +
                                  R"(}, "status": {"replicas": 2, "readyReplicas": 1}})") ==
        "w|3|2|1|10s|a,b|x:1,y|app=w");
  const auto job = [&](const std::string& spec, const std::string& status) {
    const std::string row = RowOf<batchv1::Job>(
        "{" + meta + R"(, "spec": {)" + spec + R"("suspend": false}, "status": {)" + status + "}}");
    return row.substr(2, row.find("|10s|") - 2);
  };
  CHECK(job(R"("completions": 5, )", R"("succeeded": 2, "startTime": "2023-11-14T22:13:00Z")") ==
        "Running|2/5|20s");
  CHECK(job(R"("completions": 1, )",
            R"("succeeded": 1, "startTime": "2023-11-14T22:13:00Z",
               "completionTime": "2023-11-14T22:13:07Z",
               "conditions": [{"type": "Complete", "status": "True"}])") == "Complete|1/1|7s");
  CHECK(job("", R"("conditions": [{"type": "Failed", "status": "True"}])") == "Failed|0/1|");
  CHECK(job(R"("parallelism": 4, )", "") == "Running|0/1 of 4|");
}

TEST_CASE("NodesShowStateAndRoles") {
  CHECK(RowOf<corev1::Node>(R"({"metadata": {"name": "n", "labels":
            {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": ""}},
            "spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "True"}],
              "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}],
              "nodeInfo": {"kubeletVersion": "v1"}}})") ==
        "n|Ready,SchedulingDisabled|control-plane,worker|<unknown>|v1|10.0.0.2|<none>|<unknown>|"
        "<unknown>|<unknown>");
}

TEST_CASE("ServicesShowAddressesAndPorts") {
  CHECK(RowOf<corev1::Service>(R"({"metadata": {"name": "s"}, "spec": {"type": "NodePort",
            "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "selector": {"b": "2", "a": "1"},
            "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080},
                      {"port": 53, "protocol": "UDP"}]}})") ==
        "s|NodePort|10.96.0.1|<none>|80:30080/TCP,53/UDP|<unknown>|a=1,b=2");
  CHECK(
      RowOf<corev1::Service>(R"({"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer"}})") ==
      "s|LoadBalancer|<none>|<pending>|<none>|<unknown>|<none>");
}

TEST_CASE("EventsShowWhenAndWhat") {
  CHECK(RowOf<corev1::Event>(R"({"metadata": {"name": "e"}, "type": "Warning", "reason": "BackOff",
            "message": " again\n", "involvedObject": {"kind": "Pod", "name": "p",
            "fieldPath": "spec.containers{a}"}, "source": {"component": "kubelet", "host": "n"},
            "firstTimestamp": "2023-11-14T22:12:20Z", "lastTimestamp": "2023-11-14T22:13:15Z",
            "count": 4})") ==
        "5s|Warning|BackOff|pod/p|spec.containers{a}|kubelet, n|again|60s|4|e");
  CHECK(RowOf<corev1::Event>(R"({"metadata": {"name": "e"},
            "eventTime": "2023-11-14T22:13:10.000000Z", "reportingComponent": "s"})") ==
        "10s|||||s||10s|1|e");
}

TEST_CASE("SmallKindsShowTheirOwnColumns") {
  CHECK(
      RowOf<corev1::ConfigMap>(
          R"({"metadata": {"name": "c"}, "data": {"a": "", "b": ""}, "binaryData": {"c": ""}})") ==
      "c|3|<unknown>");
  CHECK(RowOf<corev1::Secret>(R"({"metadata": {"name": "s"}, "type": "Opaque"})") ==
        "s|Opaque|0|<unknown>");
  CHECK(RowOf<corev1::Namespace>(R"({"metadata": {"name": "n"}, "status": {"phase": "Active"}})") ==
        "n|Active|<unknown>");
  CHECK(RowOf<coordinationv1::Lease>(
            R"({"metadata": {"name": "l"}, "spec": {"holderIdentity": "h"}})") == "l|h|<unknown>");
  CHECK(RowOf<nodev1::RuntimeClass>(R"({"metadata": {"name": "r"}, "handler": "linux"})") ==
        "r|linux|<unknown>");
  CHECK(RowOf<corev1::ServiceAccount>(R"({"metadata": {"name": "a"}})") == "a|0|<unknown>");
}

TEST_CASE("CellsPrintAsJson") {
  CHECK(CellJson(Cell(std::string("a\"b"))) == "\"a\\\"b\"");
  CHECK(CellJson(Cell(int64_t{3})) == "3");
  CHECK(CellJson(Cell(true)) == "true");
}

}  // namespace
}  // namespace skiff::api
