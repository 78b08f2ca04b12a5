// What pods, jobs, services and nodes do besides being stored, and what admission asks of them.
#include <algorithm>
#include <set>

#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

TEST_CASE("ABindingSetsTheNodeOnce") {
  SimServer api;
  const auto pod = *api.Create(MakePod("web-0"));
  CHECK(absl::IsAborted(api.Bind("web-0", "n1", "another-uid").status()));
  const auto bound = api.Bind("web-0", "n1", pod->meta().uid());
  REQUIRE(bound.ok());
  const auto& now = (*bound)->As<corev1::Pod>();
  CHECK(now.spec().node_name() == "n1");
  REQUIRE(now.status().conditions_size() == 1);
  CHECK(now.status().conditions(0).type() == "PodScheduled");
  CHECK(now.status().conditions(0).status() == "True");
  const std::string again = Text(api.Bind("web-0", "n2").status());
  CHECK(absl::StrContains(again, "409 Conflict"));
  CHECK(absl::StrContains(again, "pod web-0 is already assigned to node \"n1\""));
  CHECK(absl::IsNotFound(api.Bind("web-1", "n1").status()));
  REQUIRE(api.Create(MakePod("web-2")).ok());
  CHECK(absl::IsInvalidArgument(api.Bind("web-2", "").status()));
}

TEST_CASE("AnUpdateNeitherBindsNorUnbindsAPod") {
  SimServer api;
  REQUIRE(api.Create(MakePod("web")).ok());
  REQUIRE(api.Bind("web", "n1").ok());
  const auto kept = api.Edit<corev1::Pod>("web", [](corev1::Pod* pod) {
    pod->mutable_spec()->clear_node_name();
    (*pod->mutable_metadata()->mutable_labels())["a"] = "b";
  });
  REQUIRE(kept.ok());
  CHECK((*kept)->As<corev1::Pod>().spec().node_name() == "n1");
  CHECK(absl::IsInvalidArgument(
      api.Edit<corev1::Pod>("web",
                            [](corev1::Pod* pod) { pod->mutable_spec()->set_node_name("n2"); })
          .status()));
}

TEST_CASE("QosClassesFollowRequestsAndLimits") {
  SimServer api;
  const auto class_of = [&](const std::string& name, const char* request, const char* limit) {
    auto pod = MakePod(name);
    for (const char* resource : {"cpu", "memory"}) {
      auto* resources = pod->mutable_spec()->mutable_containers(0)->mutable_resources();
      if (*request) (*resources->mutable_requests())[resource].set_string(request);
      if (*limit) (*resources->mutable_limits())[resource].set_string(limit);
    }
    const auto made = api.Create(std::move(pod));
    INFO(Text(made.status()));
    REQUIRE(made.ok());
    return (*made)->As<corev1::Pod>().status().qos_class();
  };
  CHECK(class_of("a", "", "") == "BestEffort");
  CHECK(class_of("b", "1", "") == "Burstable");
  CHECK(class_of("c", "1", "2") == "Burstable");
  CHECK(class_of("d", "1", "1000m") == "Guaranteed");
  CHECK(class_of("e", "", "1") == "Guaranteed");
}

TEST_CASE("AdmissionOfPodsAsksForWhatTheyName") {
  SimServer api;
  const auto answer = [&](const std::string& name, auto change) {
    auto pod = MakePod(name);
    change(pod->mutable_spec());
    return Text(api.Create(std::move(pod)).status());
  };
  CHECK(answer("a", [](corev1::PodSpec* spec) { spec->set_runtime_class_name("gvisor"); }) ==
        "403 Forbidden: pods \"a\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found");
  CHECK(answer("b", [](corev1::PodSpec* spec) { spec->set_runtime_class_name("process"); }) ==
        "OK");
  CHECK(answer("c", [](corev1::PodSpec* spec) { spec->set_service_account_name("robot"); }) ==
        "403 Forbidden: pods \"c\" is forbidden: error looking up service account default/robot: "
        "serviceaccount \"robot\" not found");
  REQUIRE(api.Create(Named<corev1::ServiceAccount>("robot")).ok());
  CHECK(answer("c", [](corev1::PodSpec* spec) { spec->set_service_account_name("robot"); }) ==
        "OK");
  CHECK(answer("d", [](corev1::PodSpec* spec) { spec->set_priority_class_name("high"); }) ==
        "403 Forbidden: pods \"d\" is forbidden: no PriorityClass with name high was found");
  CHECK(answer("e", [](corev1::PodSpec* spec) { spec->set_priority(7); }).substr(0, 3) == "403");
  CHECK(answer("f", [](corev1::PodSpec* spec) {
          spec->set_priority_class_name("system-node-critical");
        }) == "OK");
  CHECK(api.Find<corev1::Pod>("f")->As<corev1::Pod>().spec().priority() == 2'000'001'000);
}

TEST_CASE("ARuntimeClassBringsItsOverheadAndPlace") {
  SimServer api;
  auto heavy = Named<nodev1::RuntimeClass>("heavy");
  heavy->set_handler("linux");
  (*heavy->mutable_overhead()->mutable_pod_fixed())["memory"].set_string("64Mi");
  (*heavy->mutable_scheduling()->mutable_node_selector())["vm"] = "yes";
  REQUIRE(api.Create(std::move(heavy)).ok());
  auto pod = MakePod("a");
  pod->mutable_spec()->set_runtime_class_name("heavy");
  const auto made = api.Create(std::move(pod));
  REQUIRE(made.ok());
  const auto& spec = (*made)->As<corev1::Pod>().spec();
  CHECK(spec.overhead().at("memory").string() == "64Mi");
  CHECK(spec.node_selector().at("vm") == "yes");
  auto other = MakePod("b");
  other->mutable_spec()->set_runtime_class_name("heavy");
  (*other->mutable_spec()->mutable_node_selector())["vm"] = "no";
  CHECK(absl::IsPermissionDenied(api.Create(std::move(other)).status()));
}

TEST_CASE("PluginsOfTheEmbedderSeeEveryWrite") {
  std::string log;
  AdmissionPlugins plugins = DefaultAdmission();
  plugins.push_back(
      {"Stamp",
       [](const AdmissionRequest&, google::protobuf::Message* object) {
         (*api::MutableMetaOf(object)->mutable_annotations())["stamp"] = "here";
         return absl::OkStatus();
       },
       [&](const AdmissionRequest& request, const google::protobuf::Message* object) {
         static constexpr const char* kVerbs[] = {"c", "u", "d"};
         absl::StrAppend(&log, kVerbs[static_cast<int>(request.operation)],
                         request.old == nullptr ? "-" : "o", object == nullptr ? "-" : "n",
                         request.dry_run ? "dry " : " ");
         if (request.name != "no") return absl::OkStatus();
         return api::Forbidden(*request.resource, request.name, "Stamp does not like it");
       }});
  SimServer api({}, std::move(plugins));
  log.clear();
  const auto made = api.Create(Map("a"));
  REQUIRE(made.ok());
  CHECK((*made)->meta().annotations().at("stamp") == "here");
  REQUIRE(api.Update(Map("a", "2")).ok());
  REQUIRE(api.Delete<corev1::ConfigMap>("a").ok());
  CHECK(log == "c-n uon do- ");
  log.clear();
  REQUIRE(api.Create(Map("b"), /*dry_run=*/true).ok());
  CHECK(log == "c-ndry ");
  CHECK(Text(api.Create(Map("no")).status()) ==
        "403 Forbidden: configmaps \"no\" is forbidden: Stamp does not like it");
}

TEST_CASE("AJobsPodsCarryItsUid") {
  SimServer api;
  const auto made = api.Create(MakeJob("sum"));
  INFO(Text(made.status()));
  REQUIRE(made.ok());
  const auto& job = (*made)->As<batchv1::Job>();
  const std::string& uid = job.metadata().uid();
  const auto& labels = job.spec().template_().metadata().labels();
  CHECK(labels.at("batch.kubernetes.io/controller-uid") == uid);
  CHECK(labels.at("controller-uid") == uid);
  CHECK(labels.at("batch.kubernetes.io/job-name") == "sum");
  CHECK(labels.at("job-name") == "sum");
  CHECK(job.spec().selector().match_labels().at("batch.kubernetes.io/controller-uid") == uid);

  auto copied = MakeJob("copy");
  *copied->mutable_spec()->mutable_template_() = job.spec().template_();
  const std::string refused = Text(api.Create(std::move(copied)).status());
  CHECK(absl::StrContains(refused, "422 Invalid"));
  CHECK(absl::StrContains(refused, "spec.template.metadata.labels[controller-uid]"));

  auto manual = MakeJob("manual");
  manual->mutable_spec()->set_manual_selector(true);
  (*manual->mutable_spec()->mutable_selector()->mutable_match_labels())["job"] = "m";
  (*manual->mutable_spec()->mutable_template_()->mutable_metadata()->mutable_labels())["job"] = "m";
  const auto own = api.Create(std::move(manual));
  REQUIRE(own.ok());
  CHECK((*own)->As<batchv1::Job>().spec().template_().metadata().labels().size() == 1);
}

TEST_CASE("ServicesGetAddressesOfTheirOwn") {
  SimServer api;
  std::set<std::string> ips;
  for (int i = 0; i < 30; ++i) {
    const auto made = api.Create(MakeService(absl::StrCat("s", i)));
    REQUIRE(made.ok());
    const auto& spec = (*made)->As<corev1::Service>().spec();
    CHECK(absl::StartsWith(spec.cluster_ip(), "10.96."));
    CHECK(spec.cluster_ips(0) == spec.cluster_ip());
    CHECK_FALSE((*made)->meta().has_generation());
    ips.insert(spec.cluster_ip());
  }
  CHECK(ips.size() == 30);
  auto headless = MakeService("headless");
  headless->mutable_spec()->set_cluster_ip("None");
  CHECK((*api.Create(std::move(headless)))->As<corev1::Service>().spec().cluster_ip() == "None");
  auto external = Named<corev1::Service>("external");
  external->mutable_spec()->set_type("ExternalName");
  external->mutable_spec()->set_external_name("example.com");
  const auto made = api.Create(std::move(external));
  REQUIRE(made.ok());
  CHECK((*made)->As<corev1::Service>().spec().cluster_ip().empty());
}

// Both are planned before either is stored.
TEST_CASE("OneAddressHasOneOwnerThoughTwoAskForItAtOnce") {
  SimServer api;
  const auto ask = [&](std::unique_ptr<corev1::Service> service,
                       std::vector<std::string>* answers) {
    std::vector<client::Write> writes;
    writes.push_back(client::Write::Create(std::move(service)));
    api.server->Write(std::move(writes), {}, api.loop.get(),
                      [answers](const absl::StatusOr<Written>& written) {
                        answers->push_back(Text(written.status()));
                      });
  };
  std::vector<std::string> answers;
  for (const char* name : {"a", "b"}) {
    auto service = MakeService(name);
    service->mutable_spec()->set_cluster_ip("10.96.7.7");
    ask(std::move(service), &answers);
  }
  REQUIRE(api.sim.RunDue());
  REQUIRE(answers.size() == 2);
  CHECK(answers[0] == "OK");
  CHECK(absl::StrContains(answers[1], "422 Invalid: Service \"b\" is invalid"));
  CHECK(absl::StrContains(answers[1], "provided IP is already allocated"));
  answers.clear();
  for (const char* name : {"c", "d"}) {
    auto service = MakeService(name, "NodePort");
    service->mutable_spec()->mutable_ports(0)->set_node_port(30123);
    ask(std::move(service), &answers);
  }
  REQUIRE(api.sim.RunDue());
  REQUIRE(answers.size() == 2);
  CHECK(answers[0] == "OK");
  CHECK(absl::StrContains(answers[1], "provided port is already allocated"));
  // Those that want any get one each.
  answers.clear();
  for (int i = 0; i < 20; ++i) ask(MakeService(absl::StrCat("any", i), "NodePort"), &answers);
  ask(MakeService("any7", "NodePort"), &answers);
  REQUIRE(api.sim.RunDue());
  REQUIRE(answers.size() == 21);
  CHECK(std::count(answers.begin(), answers.end(), "OK") == 20);
  CHECK(std::count_if(answers.begin(), answers.end(), [](const std::string& answer) {
          return absl::StartsWith(answer, "409 AlreadyExists");
        }) == 1);
}

TEST_CASE("AnAddressThatAServiceNamesMustBeFree") {
  SimServer api;
  auto taken = MakeService("a");
  taken->mutable_spec()->set_cluster_ip("10.96.0.1");
  const std::string clash = Text(api.Create(std::move(taken)).status());
  CHECK(absl::StrContains(clash, "failed to allocate IP 10.96.0.1: provided IP is already"));
  auto outside = MakeService("a");
  outside->mutable_spec()->set_cluster_ip("192.168.0.1");
  CHECK(absl::StrContains(Text(api.Create(std::move(outside)).status()), "10.96.0.0/16"));
  auto free = MakeService("a");
  free->mutable_spec()->set_cluster_ip("10.96.7.7");
  REQUIRE(api.Create(std::move(free)).ok());
  CHECK(api.Edit<corev1::Service>(
               "a",
               [](corev1::Service* service) {
                 service->mutable_spec()->clear_cluster_ip();  // The one that it has.
                 service->mutable_spec()->clear_cluster_ips();
                 (*service->mutable_spec()->mutable_selector())["app"] = "web";
               })
            .ok());
  CHECK(api.Find<corev1::Service>("a")->As<corev1::Service>().spec().cluster_ip() == "10.96.7.7");
}

TEST_CASE("NodePortsComeFromTheirRangeAndReturnToIt") {
  SimServer api;
  // More in all than the range holds: what is deleted is free again.
  for (int i = 0; i < 3000; ++i) {
    const auto made = api.Create(MakeService("s", "NodePort"));
    REQUIRE(made.ok());
    const int32_t port = (*made)->As<corev1::Service>().spec().ports(0).node_port();
    REQUIRE(port >= 30000);
    REQUIRE(port <= 32767);
    REQUIRE(api.Delete<corev1::Service>("s").ok());
  }
  auto first = MakeService("first", "NodePort");
  first->mutable_spec()->mutable_ports(0)->set_node_port(30080);
  REQUIRE(api.Create(std::move(first)).ok());
  auto second = MakeService("second", "NodePort");
  second->mutable_spec()->mutable_ports(0)->set_node_port(30080);
  CHECK(absl::StrContains(Text(api.Create(std::move(second)).status()),
                          "spec.ports[0].nodePort: Invalid value: 30080: provided port is already "
                          "allocated"));
  auto low = MakeService("low", "NodePort");
  low->mutable_spec()->mutable_ports(0)->set_node_port(80);
  CHECK(absl::StrContains(Text(api.Create(std::move(low)).status()), "30000-32767"));
  const auto inner = api.Edit<corev1::Service>(
      "first", [](corev1::Service* service) { service->mutable_spec()->set_type("ClusterIP"); });
  INFO(Text(inner.status()));
  REQUIRE(inner.ok());
  CHECK((*inner)->As<corev1::Service>().spec().ports(0).node_port() == 0);
}

TEST_CASE("ANodeSaysWhatItIsWhenItRegisters") {
  SimServer api;
  auto node = Named<corev1::Node>("n1");
  (*node->mutable_status()->mutable_capacity())["cpu"].set_string("4");
  const auto made = api.Create(std::move(node));
  INFO(Text(made.status()));
  REQUIRE(made.ok());
  CHECK((*made)->As<corev1::Node>().status().capacity().at("cpu").string() == "4");
  CHECK_FALSE((*made)->meta().has_generation());
}

}  // namespace
}  // namespace skiff::apiserver
