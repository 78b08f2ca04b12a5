// What the server does to sets, controllers, priorities, flow control and certificate requests
// besides storing them.
#include "api/scale.h"
#include "api/time.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"
#include "k8s.io/api/scheduling/v1/generated.pb.h"
#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

constexpr char kGeneration[] = "deprecated.daemonset.template.generation";

// Of a P-256 key, signed by it.
constexpr char kRequest[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIHhMIGIAgEAMCYxEzARBgNVBAoMCmRldmVsb3BlcnMxDzANBgNVBAMMBm15dXNl\n"
    "cjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCwWdidM/pMKUNL02HWVf7m2eW9s\n"
    "7RNgm7JWkWmCF3GYS6qcQEF9MQedAVjKf85UlSWDLoPWgT3u572tGL9cATugADAK\n"
    "BggqhkjOPQQDAgNIADBFAiBEr4CzbtrMmaV7d5dNaGToXC2xN7ZkGebwr19VGUUq\n"
    "cgIhAOjqk+v568VEbPN1/uFjZGYLZaM/GJouMiaLavWQMnGe\n"
    "-----END CERTIFICATE REQUEST-----\n";

template <typename T>
std::unique_ptr<T> MakeSet(const std::string& name) {
  auto set = Named<T>(name);
  (*set->mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "web";
  auto* pods = set->mutable_spec()->mutable_template_();
  (*pods->mutable_metadata()->mutable_labels())["app"] = "web";
  FillPodSpec(pods->mutable_spec());
  return set;
}

TEST_CASE("ADaemonSetsTemplatesAreNumbered") {
  SimServer server;
  auto made = server.Create(MakeSet<appsv1::DaemonSet>("web"));
  REQUIRE(made.ok());
  CHECK((*made)->meta().generation() == 1);
  CHECK((*made)->meta().annotations().at(kGeneration) == "1");
  // Nobody else numbers them, and only a template's change does.
  auto same = server.Edit<appsv1::DaemonSet>("web", [](appsv1::DaemonSet* set) {
    (*set->mutable_metadata()->mutable_annotations())[kGeneration] = "7";
    set->mutable_spec()->set_min_ready_seconds(5);
  });
  REQUIRE(same.ok());
  CHECK((*same)->meta().generation() == 2);
  CHECK((*same)->meta().annotations().at(kGeneration) == "1");
  auto changed = server.Edit<appsv1::DaemonSet>("web", [](appsv1::DaemonSet* set) {
    set->mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0)->set_image("y");
  });
  REQUIRE(changed.ok());
  CHECK((*changed)->meta().generation() == 3);
  CHECK((*changed)->meta().annotations().at(kGeneration) == "2");
}

TEST_CASE("StatefulSetsAndControllersScale") {
  SimServer server;
  REQUIRE(server.Create(MakeSet<appsv1::StatefulSet>("web")).ok());
  auto controller = Named<corev1::ReplicationController>("old");
  auto* pods = controller->mutable_spec()->mutable_template_();
  (*pods->mutable_metadata()->mutable_labels())["app"] = "old";
  FillPodSpec(pods->mutable_spec());
  REQUIRE(server.Create(std::move(controller)).ok());

  const auto set_scale = api::ScaleOf(*server.Find<appsv1::StatefulSet>("web"));
  CHECK(set_scale.spec().replicas() == 1);
  CHECK(set_scale.status().selector() == "app=web");
  const auto controller_scale = api::ScaleOf(*server.Find<corev1::ReplicationController>("old"));
  CHECK(controller_scale.spec().replicas() == 1);
  CHECK(controller_scale.status().selector() == "app=old");

  auto set_patch =
      server.PatchOf<appsv1::StatefulSet>("web", PatchType::kMerge, R"({"spec": {"replicas": 4}})");
  set_patch.subresource = "scale";
  REQUIRE(server.Patch(std::move(set_patch)).ok());
  CHECK(server.Find<appsv1::StatefulSet>("web")->As<appsv1::StatefulSet>().spec().replicas() == 4);
  auto controller_patch = server.PatchOf<corev1::ReplicationController>(
      "old", PatchType::kMerge, R"({"spec": {"replicas": 3}})");
  controller_patch.subresource = "scale";
  REQUIRE(server.Patch(std::move(controller_patch)).ok());
  CHECK(server.Find<corev1::ReplicationController>("old")
            ->As<corev1::ReplicationController>()
            .spec()
            .replicas() == 3);
}

TEST_CASE("EveryClusterHasItsSystemPrioritiesAndFlowControl") {
  SimServer server;
  const api::ObjectPtr node = server.Find<schedulingv1::PriorityClass>("system-node-critical");
  REQUIRE(node != nullptr);
  CHECK(node->As<schedulingv1::PriorityClass>().value() == 2000001000);
  CHECK(node->meta().generation() == 1);
  CHECK(server.Find<schedulingv1::PriorityClass>("system-cluster-critical") != nullptr);
  for (const char* name : {"exempt", "catch-all"}) {
    CHECK(server.Find<flowcontrolv1::FlowSchema>(name) != nullptr);
    CHECK(server.Find<flowcontrolv1::PriorityLevelConfiguration>(name) != nullptr);
  }
  CHECK(Text(server.Delete<schedulingv1::PriorityClass>("system-node-critical").status()) ==
        "403 Forbidden: priorityclasses.scheduling.k8s.io \"system-node-critical\" is forbidden: "
        "this is a system priority class and cannot be deleted");
  // They may be written, as they are.
  CHECK(server
            .Edit<flowcontrolv1::FlowSchema>(
                "exempt",
                [](flowcontrolv1::FlowSchema* schema) {
                  (*schema->mutable_metadata()->mutable_labels())["a"] = "b";
                })
            .ok());
  CHECK_FALSE(server
                  .Edit<flowcontrolv1::FlowSchema>("exempt",
                                                   [](flowcontrolv1::FlowSchema* schema) {
                                                     schema->mutable_spec()->clear_rules();
                                                   })
                  .ok());
}

TEST_CASE("AReplicationControllersPodsOutliveItUnlessAsked") {
  SimServer server;
  auto controller = Named<corev1::ReplicationController>("old");
  auto* pods = controller->mutable_spec()->mutable_template_();
  (*pods->mutable_metadata()->mutable_labels())["app"] = "old";
  FillPodSpec(pods->mutable_spec());
  REQUIRE(server.Create(std::move(controller)).ok());
  REQUIRE(server.Delete<corev1::ReplicationController>("old").ok());
  const api::ObjectPtr left = server.Find<corev1::ReplicationController>("old");
  REQUIRE(left != nullptr);
  REQUIRE(left->meta().finalizers_size() == 1);
  CHECK(left->meta().finalizers(0) == "orphan");
}

std::unique_ptr<certificatesv1::CertificateSigningRequest> MakeRequest(const std::string& name) {
  auto request = Named<certificatesv1::CertificateSigningRequest>(name);
  request->mutable_spec()->set_request(kRequest);
  request->mutable_spec()->set_signer_name("kubernetes.io/kube-apiserver-client");
  request->mutable_spec()->add_usages("client auth");
  request->mutable_spec()->set_username("root");
  request->mutable_spec()->add_groups("system:masters");
  return request;
}

using Request = certificatesv1::CertificateSigningRequest;

void Judge(const char* verdict, Request* request) {
  auto* condition = request->mutable_status()->add_conditions();
  condition->set_type(verdict);
  condition->set_status("True");
  condition->set_reason("Test");
}

TEST_CASE("NobodySaysWhoTheyAreInACertificateRequest") {
  SimServer server;
  auto made = server.Create(MakeRequest("r"));
  INFO(Text(made.status()));
  REQUIRE(made.ok());
  CHECK((*made)->As<Request>().spec().username().empty());
  CHECK((*made)->As<Request>().spec().groups().empty());
  // What is to be signed never changes.
  auto edited = server.Edit<Request>("r", [](Request* request) {
    request->mutable_spec()->set_signer_name("a.b/c");
    (*request->mutable_metadata()->mutable_labels())["a"] = "b";
  });
  REQUIRE(edited.ok());
  CHECK((*edited)->As<Request>().spec().signer_name() == "kubernetes.io/kube-apiserver-client");
  CHECK((*edited)->meta().labels().at("a") == "b");
}

TEST_CASE("ARequestIsApprovedOnItsPathAndCertifiedOnAnother") {
  SimServer server;
  REQUIRE(server.Create(MakeRequest("r")).ok());
  auto refused = server.Edit<Request>(
      "r", [](Request* request) { Judge("Approved", request); }, "status");
  CHECK(Text(refused.status()) ==
        "422 Invalid: CertificateSigningRequest.certificates.k8s.io \"r\" is invalid: "
        "status.conditions: Forbidden: updates may not add a condition of type \"Approved\"");
  auto approved = server.Edit<Request>(
      "r",
      [](Request* request) {
        Judge("Approved", request);
        request->mutable_status()->set_certificate("mine");  // Not here.
        (*request->mutable_metadata()->mutable_labels())["a"] = "b";
      },
      "approval");
  INFO(Text(approved.status()));
  REQUIRE(approved.ok());
  const auto& owner =
      (*approved)->meta().managed_fields((*approved)->meta().managed_fields_size() - 1);
  CHECK(owner.subresource() == "approval");
  CHECK(absl::StartsWith(owner.fields_v1().raw(), R"({"f:status":{"f:conditions":{)"));
  const Request& now = (*approved)->As<Request>();
  REQUIRE(now.status().conditions_size() == 1);
  CHECK(api::IsSet(now.status().conditions(0).last_update_time()));
  CHECK(api::IsSet(now.status().conditions(0).last_transition_time()));
  CHECK(now.status().certificate().empty());
  CHECK(now.metadata().labels().empty());
  auto denied = server.Edit<Request>(
      "r", [](Request* request) { Judge("Denied", request); }, "approval");
  CHECK_FALSE(denied.ok());
  // The status path keeps the verdict as it is.
  auto failed = server.Edit<Request>(
      "r",
      [](Request* request) {
        request->mutable_status()->mutable_conditions(0)->set_reason("Other");
        Judge("Failed", request);
      },
      "status");
  INFO(Text(failed.status()));
  REQUIRE(failed.ok());
  REQUIRE((*failed)->As<Request>().status().conditions_size() == 2);
  CHECK((*failed)->As<Request>().status().conditions(0).reason() == "Test");
}

}  // namespace
}  // namespace skiff::apiserver
