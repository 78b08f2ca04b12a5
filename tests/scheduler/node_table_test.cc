#include "scheduler/node_table.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace skiff::scheduler {
namespace {

corev1::Node MakeNode(const std::string& name, const std::string& cpu,
                      const std::string& memory = "8Gi", const std::string& pods = "110") {
  corev1::Node node;
  node.mutable_metadata()->set_name(name);
  auto& allocatable = *node.mutable_status()->mutable_allocatable();
  allocatable["cpu"].set_string(cpu);
  allocatable["memory"].set_string(memory);
  allocatable["pods"].set_string(pods);
  return node;
}

corev1::Pod MakePod(const std::string& name, const std::string& cpu = "",
                    const std::string& memory = "") {
  corev1::Pod pod;
  pod.mutable_metadata()->set_name(name);
  pod.mutable_metadata()->set_namespace_("default");
  corev1::Container* container = pod.mutable_spec()->add_containers();
  auto& requests = *container->mutable_resources()->mutable_requests();
  if (!cpu.empty()) requests["cpu"].set_string(cpu);
  if (!memory.empty()) requests["memory"].set_string(memory);
  return pod;
}

struct World {
  NodeTable table;
  Rng rng{1};

  Placement Place(const corev1::Pod& pod) { return table.Place(pod, MakePodInfo(pod), rng); }
  // Or why nowhere, without what preemption could do.
  std::string NodeFor(const corev1::Pod& pod) {
    const Placement placement = Place(pod);
    if (!placement.row) {
      const std::string message = placement.Message(table.size());
      return message.substr(0, message.find(" preemption: "));
    }
    table.AddPod(*placement.row, MakePodInfo(pod));
    return table.Name(*placement.row);
  }
};

TEST_CASE("WithoutNodesThereIsNoPlace") {
  World world;
  CHECK(world.NodeFor(MakePod("a")) == "no nodes available to schedule pods");
}

TEST_CASE("APodFitsOnlyWhereItsRequestsFit") {
  World world;
  world.table.SetNode(MakeNode("small", "500m"));
  world.table.SetNode(MakeNode("large", "4"));
  CHECK(world.NodeFor(MakePod("a", "2")) == "large");
  CHECK(world.NodeFor(MakePod("b", "2")) == "large");
  CHECK(world.NodeFor(MakePod("c", "2")) == "0/2 nodes are available: 2 Insufficient cpu.");
  CHECK(world.NodeFor(MakePod("d", "500m")) == "small");
  // Each node names all that it lacks.
  CHECK(world.NodeFor(MakePod("e", "1m", "100Gi")) ==
        "0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory.");
  world.table.SetNode(MakeNode("third", "1"));
  CHECK(world.NodeFor(MakePod("f", "1m", "100Gi")) ==
        "0/3 nodes are available: 2 Insufficient cpu, 3 Insufficient memory.");
}

TEST_CASE("AMessageSaysWhatPreemptionCouldDo") {
  World world;
  corev1::Node tainted = MakeNode("tainted", "4");
  corev1::Taint* taint = tainted.mutable_spec()->add_taints();
  taint->set_key("dedicated");
  taint->set_value("db");
  taint->set_effect("NoSchedule");
  world.table.SetNode(tainted);
  world.table.SetNode(MakeNode("a", "1"));
  world.table.SetNode(MakeNode("b", "1"));
  corev1::Pod pod = MakePod("x", "1");
  world.NodeFor(MakePod("y", "1"));
  world.NodeFor(MakePod("z", "1"));
  CHECK(
      world.Place(pod).Message(3) ==
      "0/3 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 2 Insufficient "
      "cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No "
      "preemption victims found for incoming pod.");
  CHECK(world.Place(MakePod("big", "2")).Message(3) ==
        "0/3 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 2 Insufficient "
        "cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.");
  pod.mutable_spec()->set_priority(1000);
  CHECK(absl::StrContains(world.Place(pod).Message(3),
                          "2 Preemption is not supported by this scheduler"));
  pod.mutable_spec()->set_preemption_policy("Never");
  CHECK(absl::StrContains(world.Place(pod).Message(3),
                          " preemption: not eligible due to preemptionPolicy=Never."));
}

TEST_CASE("AnUnknownResourceIsNowhere") {
  World world;
  world.table.SetNode(MakeNode("n", "4"));
  corev1::Pod pod = MakePod("a");
  (*pod.mutable_spec()
        ->mutable_containers(0)
        ->mutable_resources()
        ->mutable_requests())["example.com/gpu"]
      .set_string("1");
  CHECK(world.NodeFor(pod) == "0/1 nodes are available: 1 Insufficient example.com/gpu.");
}

TEST_CASE("TheLeastAllocatedNodeIsTaken") {
  World world;
  world.table.SetNode(MakeNode("a", "4"));
  world.table.SetNode(MakeNode("b", "4"));
  const std::string first = world.NodeFor(MakePod("x", "1"));
  CHECK(world.NodeFor(MakePod("y", "1")) != first);
}

TEST_CASE("PodsWithoutRequestsSpreadEvenly") {
  World world;
  for (int i = 0; i < 4; ++i) world.table.SetNode(MakeNode(absl::StrCat("n", i), "4"));
  std::map<std::string, int> count;
  for (int i = 0; i < 40; ++i) ++count[world.NodeFor(MakePod(absl::StrCat("p", i)))];
  CHECK(count.size() == 4);
  for (const auto& [node, pods] : count) CHECK(pods == 10);
}

TEST_CASE("TheNumberOfPodsIsBounded") {
  World world;
  world.table.SetNode(MakeNode("n", "4", "8Gi", "1"));
  CHECK(world.NodeFor(MakePod("a")) == "n");
  CHECK(world.NodeFor(MakePod("b")) == "0/1 nodes are available: 1 Too many pods.");
}

TEST_CASE("TaintsRepelUnlessTolerated") {
  World world;
  corev1::Node node = MakeNode("n", "4");
  corev1::Taint* taint = node.mutable_spec()->add_taints();
  taint->set_key("dedicated");
  taint->set_value("db");
  taint->set_effect("NoSchedule");
  world.table.SetNode(node);
  corev1::Pod pod = MakePod("a");
  CHECK(world.NodeFor(pod) ==
        "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: db}.");
  corev1::Toleration* toleration = pod.mutable_spec()->add_tolerations();
  toleration->set_key("dedicated");
  toleration->set_operator_("Equal");
  toleration->set_value("other");
  CHECK_FALSE(world.Place(pod).row.has_value());
  toleration->set_value("db");
  CHECK(world.Place(pod).row.has_value());
  toleration->set_operator_("Exists");
  toleration->clear_value();
  toleration->set_effect("NoExecute");
  CHECK_FALSE(world.Place(pod).row.has_value());
  toleration->clear_effect();
  toleration->clear_key();
  CHECK(world.Place(pod).row.has_value());
}

TEST_CASE("ACordonedNodeTakesNoPod") {
  World world;
  corev1::Node node = MakeNode("n", "4");
  node.mutable_spec()->set_unschedulable(true);
  world.table.SetNode(node);
  CHECK(world.NodeFor(MakePod("a")) == "0/1 nodes are available: 1 node(s) were unschedulable.");
}

TEST_CASE("SelectorsAndAffinityChooseByLabels") {
  World world;
  corev1::Node ssd = MakeNode("ssd", "4");
  (*ssd.mutable_metadata()->mutable_labels())["disk"] = "ssd";
  (*ssd.mutable_metadata()->mutable_labels())["cores"] = "8";
  world.table.SetNode(ssd);
  world.table.SetNode(MakeNode("plain", "4"));

  corev1::Pod pod = MakePod("a");
  (*pod.mutable_spec()->mutable_node_selector())["disk"] = "ssd";
  CHECK(world.NodeFor(pod) == "ssd");
  (*pod.mutable_spec()->mutable_node_selector())["disk"] = "tape";
  CHECK(world.NodeFor(pod) ==
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.");

  const std::vector<std::tuple<std::string, std::string, std::string, std::string>> cases = {
      {"disk", "In", "ssd", "ssd"},  {"disk", "NotIn", "ssd", "plain"},
      {"disk", "Exists", "", "ssd"}, {"disk", "DoesNotExist", "", "plain"},
      {"cores", "Gt", "4", "ssd"},
  };
  for (const auto& [key, op, value, want] : cases) {
    corev1::Pod chosen = MakePod("b");
    corev1::NodeSelectorRequirement* requirement =
        chosen.mutable_spec()
            ->mutable_affinity()
            ->mutable_node_affinity()
            ->mutable_required_during_scheduling_ignored_during_execution()
            ->add_node_selector_terms()
            ->add_match_expressions();
    requirement->set_key(key);
    requirement->set_operator_(op);
    if (!value.empty()) requirement->add_values(value);
    CHECK(world.NodeFor(chosen) == want);
  }
}

TEST_CASE("HostPortsDoNotCollide") {
  World world;
  world.table.SetNode(MakeNode("n", "4"));
  corev1::Pod pod = MakePod("a");
  corev1::ContainerPort* port = pod.mutable_spec()->mutable_containers(0)->add_ports();
  port->set_host_port(80);
  port->set_protocol("TCP");
  CHECK(world.NodeFor(pod) == "n");
  CHECK(world.NodeFor(pod) ==
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.");
  port->set_protocol("UDP");
  CHECK(world.NodeFor(pod) == "n");
}

TEST_CASE("ARemovedNodesRowIsUsedAgainAndItsPodsAreForgotten") {
  World world;
  world.table.SetNode(MakeNode("old", "1"));
  CHECK(world.NodeFor(MakePod("a", "1")) == "old");
  world.table.RemoveNode("old");
  world.table.SetNode(MakeNode("new", "1"));
  CHECK(world.NodeFor(MakePod("b", "1")) == "new");
}

TEST_CASE("InitContainersCountByTheirPeakAndSidecarsByTheirSum") {
  corev1::Pod pod = MakePod("a", "1");
  const auto add = [&](const std::string& cpu, bool sidecar) {
    corev1::Container* init = pod.mutable_spec()->add_init_containers();
    (*init->mutable_resources()->mutable_requests())["cpu"].set_string(cpu);
    if (sidecar) init->set_restart_policy("Always");
  };
  add("3", false);
  CHECK(MakePodInfo(pod).requests.at("cpu") == 3000);
  add("500m", true);
  CHECK(MakePodInfo(pod).requests.at("cpu") == 3000);
  add("3", false);
  CHECK(MakePodInfo(pod).requests.at("cpu") == 3500);
}

}  // namespace
}  // namespace skiff::scheduler
