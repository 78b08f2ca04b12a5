#include "api/defaulting.h"

#include "api/int_or_string.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

template <typename T>
T Defaulted(absl::string_view json) {
  T object = FromJson<T>(json);
  SetDefaults(&object);
  T again = object;
  SetDefaults(&again);
  CHECK(google::protobuf::util::MessageDifferencer::Equals(again, object));
  return object;
}

TEST_CASE("APodGetsWhatItsManifestLeavesOut") {
  const auto pod = Defaulted<corev1::Pod>(R"({"spec": {"containers": [{
      "name": "a", "image": "nginx", "ports": [{"containerPort": 80}],
      "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}, "requests": {"cpu": "0.5"}},
      "livenessProbe": {"httpGet": {"port": 80}},
      "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}],
      "volumes": [{"name": "v"}, {"name": "c", "configMap": {"name": "x"}},
                  {"name": "h", "hostPath": {"path": "/"}}]}})");
  const corev1::PodSpec& spec = pod.spec();
  CHECK(spec.restart_policy() == "Always");
  CHECK(spec.dns_policy() == "ClusterFirst");
  CHECK(spec.scheduler_name() == "default-scheduler");
  CHECK(spec.termination_grace_period_seconds() == 30);
  CHECK(spec.has_security_context());
  CHECK(spec.enable_service_links());
  const corev1::Container& container = spec.containers(0);
  CHECK(container.image_pull_policy() == "Always");
  CHECK(container.termination_message_path() == "/dev/termination-log");
  CHECK(container.termination_message_policy() == "File");
  CHECK(container.ports(0).protocol() == "TCP");
  CHECK(container.ports(0).host_port() == 0);
  CHECK(container.resources().limits().at("cpu").string() == "1");
  CHECK(container.resources().requests().at("cpu").string() == "500m");
  CHECK(container.resources().requests().at("memory").string() == "1Gi");
  CHECK(container.liveness_probe().timeout_seconds() == 1);
  CHECK(container.liveness_probe().period_seconds() == 10);
  CHECK(container.liveness_probe().success_threshold() == 1);
  CHECK(container.liveness_probe().failure_threshold() == 3);
  CHECK(container.liveness_probe().handler().http_get().path() == "/");
  CHECK(container.liveness_probe().handler().http_get().scheme() == "HTTP");
  CHECK(container.env(0).value_from().field_ref().api_version() == "v1");
  CHECK(spec.volumes(0).volume_source().has_empty_dir());
  CHECK(spec.volumes(1).volume_source().config_map().default_mode() == 420);
  CHECK(spec.volumes(2).volume_source().host_path().has_type());
}

TEST_CASE("GivenValuesStand") {
  const auto pod = Defaulted<corev1::Pod>(R"({"spec": {"restartPolicy": "Never",
      "terminationGracePeriodSeconds": 0, "enableServiceLinks": false, "hostNetwork": true,
      "serviceAccountName": "s",
      "containers": [{"name": "a", "image": "x:1", "imagePullPolicy": "Never",
                      "ports": [{"containerPort": 80, "protocol": "UDP"}]}]}})");
  CHECK(pod.spec().restart_policy() == "Never");
  CHECK(pod.spec().termination_grace_period_seconds() == 0);
  CHECK_FALSE(pod.spec().enable_service_links());
  CHECK(pod.spec().service_account() == "s");
  CHECK(pod.spec().containers(0).image_pull_policy() == "Never");
  CHECK(pod.spec().containers(0).ports(0).protocol() == "UDP");
  CHECK(pod.spec().containers(0).ports(0).host_port() == 80);
}

TEST_CASE("ThePullPolicyFollowsTheTag") {
  const std::pair<const char*, const char*> rows[] = {
      {"nginx", "Always"},
      {"nginx:latest", "Always"},
      {"nginx:1.25", "IfNotPresent"},
      {"registry:5000/nginx", "Always"},
      {"registry:5000/nginx:1", "IfNotPresent"},
      {"nginx@sha256:abc", "IfNotPresent"},
      {"nginx:latest@sha256:abc", "Always"},
      {"", "IfNotPresent"},
  };
  for (const auto& [image, policy] : rows) {
    INFO(image);
    CHECK(DefaultPullPolicy(image) == policy);
  }
}

TEST_CASE("ADeploymentRollsByAQuarter") {
  const auto deployment = Defaulted<appsv1::Deployment>(
      R"({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x:1"}]}}}})");
  CHECK(deployment.spec().replicas() == 1);
  CHECK(deployment.spec().strategy().type() == "RollingUpdate");
  CHECK(ToString(deployment.spec().strategy().rolling_update().max_surge()) == "25%");
  CHECK(ToString(deployment.spec().strategy().rolling_update().max_unavailable()) == "25%");
  CHECK(deployment.spec().revision_history_limit() == 10);
  CHECK(deployment.spec().progress_deadline_seconds() == 600);
  CHECK(deployment.spec().template_().spec().restart_policy() == "Always");
  CHECK_FALSE(deployment.spec().template_().spec().has_enable_service_links());
  const auto recreate =
      Defaulted<appsv1::Deployment>(R"({"spec": {"strategy": {"type": "Recreate"}}})");
  CHECK_FALSE(recreate.spec().strategy().has_rolling_update());
}

TEST_CASE("AJobIsOnePodUnlessItSaysOtherwise") {
  const auto one = Defaulted<batchv1::Job>(
      R"({"spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}}})");
  CHECK(one.spec().completions() == 1);
  CHECK(one.spec().parallelism() == 1);
  CHECK(one.spec().backoff_limit() == 6);
  CHECK(one.spec().completion_mode() == "NonIndexed");
  CHECK(one.spec().has_suspend());
  CHECK(one.spec().pod_replacement_policy() == "TerminatingOrFailed");
  CHECK(one.metadata().labels().at("a") == "b");
  const auto queue = Defaulted<batchv1::Job>(R"({"spec": {"parallelism": 3}})");
  CHECK_FALSE(queue.spec().has_completions());
  const auto many = Defaulted<batchv1::Job>(R"({"spec": {"completions": 3}})");
  CHECK(many.spec().parallelism() == 1);
  const auto indexed = Defaulted<batchv1::Job>(R"({"spec": {"backoffLimitPerIndex": 1}})");
  CHECK(indexed.spec().backoff_limit() == 2147483647);
}

TEST_CASE("AServiceTargetsItsPort") {
  const auto service = Defaulted<corev1::Service>(
      R"({"spec": {"ports": [{"port": 80}, {"port": 81, "targetPort": "x"}]}})");
  CHECK(service.spec().type() == "ClusterIP");
  CHECK(service.spec().session_affinity() == "None");
  CHECK(service.spec().internal_traffic_policy() == "Cluster");
  CHECK(service.spec().ip_family_policy() == "SingleStack");
  CHECK(service.spec().ports(0).protocol() == "TCP");
  CHECK(service.spec().ports(0).target_port().int_val() == 80);
  CHECK(service.spec().ports(1).target_port().str_val() == "x");
  CHECK(service.spec().external_traffic_policy().empty());
  CHECK(Defaulted<corev1::Service>(R"({"spec": {"type": "NodePort"}})")
            .spec()
            .external_traffic_policy() == "Cluster");
}

TEST_CASE("SmallKindsGetTheirOwnDefaults") {
  const auto secret = Defaulted<corev1::Secret>(R"({"stringData": {"a": "b"}})");
  CHECK(secret.type() == "Opaque");
  CHECK(secret.data().at("a") == "b");
  CHECK(secret.string_data().empty());
  const auto space = Defaulted<corev1::Namespace>(R"({"metadata": {"name": "n"}})");
  CHECK(space.metadata().labels().at("kubernetes.io/metadata.name") == "n");
  CHECK(space.status().phase() == "Active");
  const auto node = Defaulted<corev1::Node>(R"({"status": {"capacity": {"cpu": "2000m"}}})");
  CHECK(node.status().allocatable().at("cpu").string() == "2");
  CHECK(Defaulted<corev1::ConfigMap>("{}").SerializeAsString().empty());
}

}  // namespace
}  // namespace skiff::api
