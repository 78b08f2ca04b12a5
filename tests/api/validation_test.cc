#include "api/validation/validation.h"

#include <algorithm>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "api/defaulting.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

std::string Text(const std::vector<FieldError>& errors) {
  return absl::StrJoin(errors, "; ", [](std::string* out, const FieldError& error) {
    out->append(error.ToString());
  });
}

template <typename T>
std::string Created(T object) {
  SetDefaults(&object);
  return Text(ValidateCreate(object));
}

// The errors of `base` after `change`.
template <typename T>
std::string Changed(const T& base, const std::function<void(T*)>& change) {
  T object = base;
  change(&object);
  return Created(object);
}

template <typename T>
std::string Updated(const T& base, const std::function<void(T*)>& change) {
  T old = base;
  old.mutable_metadata()->set_resource_version("1");
  SetDefaults(&old);
  T now = old;
  change(&now);
  SetDefaults(&now);
  return Text(ValidateUpdate(now, old));
}

corev1::Pod Pod() {
  return FromJson<corev1::Pod>(R"({"metadata": {"name": "p", "namespace": "ns"},
      "spec": {"containers": [{"name": "a", "image": "x:1"}]}})");
}

appsv1::Deployment Deployment() {
  return FromJson<appsv1::Deployment>(R"({"metadata": {"name": "d", "namespace": "ns"},
      "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
          "metadata": {"labels": {"app": "web"}},
          "spec": {"containers": [{"name": "a", "image": "x:1"}]}}}})");
}

batchv1::Job Job() {
  return FromJson<batchv1::Job>(R"({"metadata": {"name": "j", "namespace": "ns"},
      "spec": {"selector": {"matchLabels": {"job": "j"}}, "template": {
          "metadata": {"labels": {"job": "j"}},
          "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x:1"}]}}}})");
}

TEST_CASE("ValidObjectsHaveNoErrors") {
  CHECK(Created(Pod()) == "");
  CHECK(Created(Deployment()) == "");
  CHECK(Created(Job()) == "");
  CHECK(Created(FromJson<corev1::Service>(R"({"metadata": {"name": "s", "namespace": "ns"},
      "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}})")) == "");
  CHECK(Created(FromJson<corev1::Namespace>(R"({"metadata": {"name": "n"}})")) == "");
  CHECK(Created(FromJson<corev1::ServiceAccount>(
            R"({"metadata": {"name": "s", "namespace": "n"}})")) == "");
}

TEST_CASE("MetadataIsCheckedForEveryKind") {
  const auto map = [](const char* json) { return Created(FromJson<corev1::ConfigMap>(json)); };
  CHECK(map(R"({"metadata": {"namespace": "n"}})") ==
        "metadata.name: Required value: name or generateName is required");
  CHECK(absl::StartsWith(map(R"({"metadata": {"name": "A", "namespace": "n"}})"),
                         "metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain"));
  CHECK(map(R"({"metadata": {"name": "a"}})") == "metadata.namespace: Required value");
  CHECK(map(R"({"metadata": {"name": "a-x", "generateName": "a-", "namespace": "n"}})") == "");
  CHECK(absl::StartsWith(
      map(R"({"metadata": {"name": "a", "namespace": "n", "labels": {"a": "-"}}})"),
      "metadata.labels: Invalid value: \"-\": a valid label must be an empty string"));
  CHECK(Created(FromJson<corev1::Namespace>(R"({"metadata": {"name": "n", "namespace": "m"}})")) ==
        "metadata.namespace: Forbidden: not allowed on this type");
  CHECK(map(R"({"metadata": {"name": "a", "namespace": "n", "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": "p"}]}})") ==
        "metadata.ownerReferences[0].uid: Required value: must not be empty");
  corev1::ConfigMap big =
      FromJson<corev1::ConfigMap>(R"({"metadata": {"name": "a", "namespace": "n"}})");
  (*big.mutable_metadata()->mutable_annotations())["a"] = std::string(262144, 'x');
  CHECK(Created(big) == "metadata.annotations: Too long: may not be more than 262144 bytes");
}

TEST_CASE("PodFaultsNameTheirField") {
  using Change = std::function<void(corev1::Pod*)>;
  const auto merge = [](const char* json) -> Change {
    return [json](corev1::Pod* pod) { pod->MergeFrom(FromJson<corev1::Pod>(json)); };
  };
  const auto container = [](const char* json) -> Change {
    return [json](corev1::Pod* pod) {
      pod->mutable_spec()->mutable_containers(0)->MergeFrom(FromJson<corev1::Container>(json));
    };
  };
  const std::pair<Change, const char*> rows[] = {
      {[](corev1::Pod* pod) { pod->mutable_spec()->clear_containers(); },
       "spec.containers: Required value"},
      {[](corev1::Pod* pod) { pod->mutable_spec()->mutable_containers(0)->clear_name(); },
       "spec.containers[0].name: Required value"},
      {[](corev1::Pod* pod) { pod->mutable_spec()->mutable_containers(0)->clear_image(); },
       "spec.containers[0].image: Required value"},
      {merge(R"({"spec": {"containers": [{"name": "a", "image": "x:1"}]}})"),
       "spec.containers[1].name: Duplicate value: \"a\""},
      {merge(R"({"spec": {"restartPolicy": "Maybe"}})"),
       "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", "
       "\"OnFailure\", \"Never\""},
      {container(R"({"imagePullPolicy": "Maybe"})"),
       "spec.containers[0].imagePullPolicy: Unsupported value: \"Maybe\": supported values: "
       "\"Always\", \"IfNotPresent\", \"Never\""},
      {container(R"({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})"),
       "spec.containers[0].volumeMounts[0].name: Not found: \"v\""},
      {container(R"({"ports": [{"containerPort": 70000}]})"),
       "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and "
       "65535, inclusive"},
      {container(R"({"env": [{"name": ""}]})"), "spec.containers[0].env[0].name: Required value"},
      {container(R"({"env": [{"name": "A", "value": "x",
                    "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]})"),
       "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when "
       "`value` "
       "is not empty"},
      {container(R"({"env": [{"name": "A", "valueFrom": {}}]})"),
       "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, "
       "`resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"},
      {container(R"({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}})"),
       "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to "
       "cpu limit of 1"},
      {container(R"({"resources": {"limits": {"memory": "-1"}}})"),
       "spec.containers[0].resources.limits[memory]: Invalid value: \"-1\": must be greater than "
       "or "
       "equal to 0"},
      {container(R"({"livenessProbe": {"periodSeconds": 1}})"),
       "spec.containers[0].livenessProbe: Required value: must specify a handler type"},
      {container(R"({"livenessProbe": {"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}}})"),
       "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler "
       "type"},
      {container(R"({"livenessProbe": {"exec": {"command": ["x"]}, "successThreshold": 2}})"),
       "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"},
      {merge(
           R"({"spec": {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]}})"),
       "may not specify more than 1 volume type"},
      {merge(R"({"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/a/.."}}]}})"),
       "spec.volumes[0].hostPath.path: Invalid value: \"/a/..\": must not contain '..'"},
      {merge(R"({"spec": {"tolerations": [{"operator": "Equal"}]}})"),
       "operator must be Exists when `key` is empty"},
      {merge(R"({"spec": {"activeDeadlineSeconds": 0}})"),
       "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"},
      {merge(R"({"spec": {"initContainers": [{"name": "i", "image": "x:1",
                 "livenessProbe": {"exec": {"command": ["x"]}}}]}})"),
       "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers "
       "without "
       "restartPolicy=Always"},
      {merge(R"({"spec": {"dnsPolicy": "None"}})"),
       "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when "
       "`dnsPolicy` is None"},
  };
  for (const auto& [change, error] : rows) {
    const std::string errors = Changed<corev1::Pod>(Pod(), change);
    INFO(errors << " <> " << error);
    CHECK(absl::StrContains(errors, error));
  }
}

TEST_CASE("OfAPodSpecOnlyAFewFieldsMayChange") {
  CHECK(Updated<corev1::Pod>(Pod(), [](corev1::Pod*) {}) == "");
  CHECK(Updated<corev1::Pod>(Pod(), [](corev1::Pod* pod) {
          pod->mutable_spec()->mutable_containers(0)->set_image("x:2");
          pod->mutable_spec()->set_active_deadline_seconds(5);
          pod->mutable_spec()->add_tolerations()->set_operator_("Exists");
          (*pod->mutable_metadata()->mutable_labels())["a"] = "b";
          pod->mutable_status()->set_phase("Running");
        }) == "");
  const std::string errors =
      Updated<corev1::Pod>(Pod(), [](corev1::Pod* pod) { pod->mutable_spec()->set_hostname("h"); });
  CHECK(absl::StartsWith(errors,
                         "spec: Forbidden: pod updates may not change fields other than "
                         "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                         "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
                         "existing tolerations)"));
  CHECK(absl::EndsWith(errors, "changed: hostname"));
  CHECK(Updated<corev1::Pod>(Pod(), [](corev1::Pod* pod) {
          *pod->mutable_spec()->add_containers() =
              FromJson<corev1::Container>(R"({"name": "b", "image": "x:1"})");
        }) == "spec.containers: Forbidden: pod updates may not add or remove containers");
}

TEST_CASE("MetadataThatIsFixedMayNotChange") {
  CHECK(Updated<corev1::Pod>(Pod(), [](corev1::Pod* pod) {
          pod->mutable_metadata()->set_uid("u");
        }) == "metadata.uid: Invalid value: \"u\": field is immutable");
  CHECK(Updated<corev1::Pod>(Pod(), [](corev1::Pod* pod) {
          pod->mutable_metadata()->clear_resource_version();
        }) == "metadata.resourceVersion: Invalid value: \"\": must be specified for an update");
}

TEST_CASE("WorkloadsMustSelectTheirOwnPods") {
  CHECK(Changed<appsv1::Deployment>(Deployment(),
                                    [](appsv1::Deployment* deployment) {
                                      auto* labels = deployment->mutable_spec()
                                                         ->mutable_template_()
                                                         ->mutable_metadata()
                                                         ->mutable_labels();
                                      (*labels)["app"] = "db";
                                    }) ==
        "spec.template.metadata.labels: Invalid value: {\"app\":\"db\"}: `selector` does not "
        "match template `labels`");
  CHECK(absl::StrContains(
      Changed<appsv1::Deployment>(
          Deployment(),
          [](appsv1::Deployment* deployment) { deployment->mutable_spec()->clear_selector(); }),
      "spec.selector: Required value"));
  CHECK(Changed<appsv1::Deployment>(Deployment(), [](appsv1::Deployment* deployment) {
          deployment->mutable_spec()->set_replicas(-1);
        }) == "spec.replicas: Invalid value: -1: must be greater than or equal to 0");
  CHECK(absl::StrContains(
      Changed<appsv1::Deployment>(Deployment(),
                                  [](appsv1::Deployment* deployment) {
                                    *deployment->mutable_spec()->mutable_strategy() =
                                        FromJson<appsv1::DeploymentStrategy>(
                                            R"({"type": "RollingUpdate", "rollingUpdate":
                                                {"maxSurge": 0, "maxUnavailable": 0}})");
                                  }),
      "may not be 0 when `maxSurge` is 0"));
  CHECK(absl::EndsWith(
      Updated<appsv1::Deployment>(
          Deployment(),
          [](appsv1::Deployment* deployment) {
            auto* spec = deployment->mutable_spec();
            (*spec->mutable_selector()->mutable_match_labels())["b"] = "c";
            (*spec->mutable_template_()->mutable_metadata()->mutable_labels())["b"] = "c";
          }),
      "field is immutable"));
}

TEST_CASE("AJobRunsPodsThatEndAndKeepsItsTemplate") {
  CHECK(Changed<batchv1::Job>(
            Job(),
            [](batchv1::Job* job) {
              job->mutable_spec()->mutable_template_()->mutable_spec()->clear_restart_policy();
            }) ==
        "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", "
        "\"Never\"");
  CHECK(Changed<batchv1::Job>(Job(), [](batchv1::Job* job) {
          job->mutable_spec()->set_completion_mode("Indexed");
          job->mutable_spec()->set_parallelism(2);
        }) == "spec.completions: Required value: when completion mode is Indexed");
  const std::string errors = Updated<batchv1::Job>(Job(), [](batchv1::Job* job) {
    job->mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0)->set_image(
        "y:1");
  });
  CHECK(absl::StartsWith(errors, "spec.template: Invalid value: {"));
  CHECK(absl::EndsWith(errors, ": field is immutable"));
  CHECK(Updated<batchv1::Job>(Job(), [](batchv1::Job* job) {
          job->mutable_spec()->set_completions(5);
        }) == "spec.completions: Invalid value: 5: field is immutable");
  CHECK(Updated<batchv1::Job>(Job(), [](batchv1::Job* job) {
          job->mutable_spec()->set_parallelism(5);
          job->mutable_spec()->set_suspend(true);
        }) == "");
}

TEST_CASE("ServicesNeedPortsAndKeepTheirAddress") {
  const auto service = FromJson<corev1::Service>(R"({"metadata": {"name": "s", "namespace": "n"},
      "spec": {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], "ports": [{"port": 80}]}})");
  const auto changed = [&](std::function<void(corev1::Service*)> change) {
    return Changed<corev1::Service>(service, change);
  };
  CHECK(changed([](auto* s) { s->mutable_spec()->clear_ports(); }) == "spec.ports: Required value");
  CHECK(changed([](auto* s) { s->mutable_spec()->add_ports()->set_port(81); }) ==
        "spec.ports[0].name: Required value; spec.ports[1].name: Required value");
  CHECK(absl::StartsWith(changed([](auto* s) { s->mutable_metadata()->set_name("0s"); }),
                         "metadata.name: Invalid value: \"0s\": a DNS-1035 label must consist of"));
  CHECK(changed([](auto* s) { s->mutable_spec()->set_type("Magic"); }) ==
        "spec.type: Unsupported value: \"Magic\": supported values: \"ClusterIP\", "
        "\"ExternalName\", \"LoadBalancer\", \"NodePort\"");
  CHECK(changed([](auto* s) {
          s->mutable_spec()->clear_ports();
          s->mutable_spec()->set_cluster_ip("None");
          s->mutable_spec()->set_cluster_ips(0, "None");
        }) == "");
  CHECK(Updated<corev1::Service>(service, [](corev1::Service* s) {
          s->mutable_spec()->set_cluster_ip("10.96.0.8");
          s->mutable_spec()->set_cluster_ips(0, "10.96.0.8");
        }) == "spec.clusterIPs[0]: Invalid value: \"10.96.0.8\": may not change once set");
}

TEST_CASE("ConfigMapsAndSecretsAreBoundedAndMayFreeze") {
  auto map = FromJson<corev1::ConfigMap>(
      R"({"metadata": {"name": "m", "namespace": "n"}, "data": {"a": "b"}, "immutable": true})");
  CHECK(Updated<corev1::ConfigMap>(map, [](corev1::ConfigMap* now) {
          (*now->mutable_data())["a"] = "c";
        }) == "data: Forbidden: field is immutable when `immutable` is set");
  (*map.mutable_data())["x/y"] = "";
  CHECK(
      absl::StartsWith(Created(map), "data[x/y]: Invalid value: \"x/y\": a valid config key must"));
  map.mutable_data()->erase("x/y");
  (*map.mutable_data())["big"] = std::string(1048577, 'x');
  CHECK(absl::StrContains(Created(map), "Too long: may not be more than 1048576 bytes"));
  const auto secret = FromJson<corev1::Secret>(
      R"({"metadata": {"name": "s", "namespace": "n"}, "type": "kubernetes.io/tls"})");
  CHECK(Created(secret) == "data[tls.crt]: Required value; data[tls.key]: Required value");
  CHECK(Updated<corev1::Secret>(
            FromJson<corev1::Secret>(R"({"metadata": {"name": "s", "namespace": "n"}})"),
            [](corev1::Secret* now) { now->set_type("other"); }) ==
        "type: Invalid value: \"other\": field is immutable");
}

TEST_CASE("TheClustersOwnKindsAreChecked") {
  CHECK(Created(FromJson<corev1::Node>(
            R"({"metadata": {"name": "n"},
              "spec": {"taints": [{"key": "a", "effect": "Maybe"}]}})")) ==
        "spec.taints[0].effect: Unsupported value: \"Maybe\": supported values: \"NoExecute\", "
        "\"NoSchedule\", \"PreferNoSchedule\"");
  CHECK(Created(FromJson<coordinationv1::Lease>(
            R"({"metadata": {"name": "l", "namespace": "n"},
              "spec": {"leaseDurationSeconds": 0}})")) ==
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0");
  CHECK(Created(FromJson<corev1::Event>(
            R"({"metadata": {"name": "e", "namespace": "n"},
              "involvedObject": {"namespace": "m"}})")) ==
        "involvedObject.namespace: Invalid value: \"m\": does not match event.namespace");
  const auto runtime =
      FromJson<nodev1::RuntimeClass>(R"({"metadata": {"name": "r"}, "handler": "linux"})");
  CHECK(Created(runtime) == "");
  CHECK(Updated<nodev1::RuntimeClass>(runtime, [](nodev1::RuntimeClass* now) {
          now->set_handler("fake");
        }) == "handler: Invalid value: \"fake\": field is immutable");
}

}  // namespace
}  // namespace skiff::api
