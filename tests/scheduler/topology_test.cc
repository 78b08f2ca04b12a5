// Rules about neighbours, as tables: who is where, who may go where.
#include "scheduler/topology.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace skiff::scheduler {
namespace {

constexpr char kZone[] = "topology.kubernetes.io/zone";
constexpr char kHost[] = "kubernetes.io/hostname";

// Nodes a1, a2 in zone a; b1 in zone b; "bare" has no labels.
struct Cluster {
  NodeTable table;
  std::map<std::string, corev1::Pod> pods;
  std::map<std::string, std::string> where;

  Cluster() {
    for (const char* name : {"a1", "a2", "b1", "bare"}) {
      corev1::Node node;
      node.mutable_metadata()->set_name(name);
      auto& allocatable = *node.mutable_status()->mutable_allocatable();
      allocatable["cpu"].set_string("4");
      allocatable["pods"].set_string("110");
      if (std::string(name) != "bare") {
        (*node.mutable_metadata()->mutable_labels())[kZone] = std::string(1, name[0]);
        (*node.mutable_metadata()->mutable_labels())[kHost] = name;
      }
      table.SetNode(node);
    }
  }
  void Put(corev1::Pod pod, const std::string& node) {
    const std::string name = pod.metadata().name();
    where[name] = node;
    pods[name] = std::move(pod);
  }
  // "a1,a2": where the pod may go.
  std::string MayGo(const corev1::Pod& pod) const {
    std::vector<PlacedPod> placed;
    for (const auto& [name, other] : pods) placed.push_back({&other, *table.Find(where.at(name))});
    const Topology topology(pod, table, placed);
    std::vector<std::string> out;
    for (const NodeRow row : table.rows()) {
      if (topology.Reject(row) == nullptr) out.push_back(table.Name(row));
    }
    return absl::StrJoin(out, ",");
  }
  std::string WhyNot(const corev1::Pod& pod, const std::string& node) const {
    std::vector<PlacedPod> placed;
    for (const auto& [name, other] : pods) placed.push_back({&other, *table.Find(where.at(name))});
    const auto* reason = Topology(pod, table, placed).Reject(*table.Find(node));
    return reason == nullptr ? "" : reason->text;
  }
};

corev1::Pod MakePod(const std::string& name, const std::string& app,
                    const std::string& name_space = "default") {
  corev1::Pod pod;
  pod.mutable_metadata()->set_name(name);
  pod.mutable_metadata()->set_namespace_(name_space);
  (*pod.mutable_metadata()->mutable_labels())["app"] = app;
  return pod;
}

corev1::PodAffinityTerm Term(const std::string& app, const std::string& key) {
  corev1::PodAffinityTerm term;
  term.set_topology_key(key);
  (*term.mutable_label_selector()->mutable_match_labels())["app"] = app;
  return term;
}

corev1::Pod With(corev1::Pod pod, const corev1::PodAffinityTerm& term) {
  *pod.mutable_spec()
       ->mutable_affinity()
       ->mutable_pod_affinity()
       ->add_required_during_scheduling_ignored_during_execution() = term;
  return pod;
}

corev1::Pod Without(corev1::Pod pod, const corev1::PodAffinityTerm& term) {
  *pod.mutable_spec()
       ->mutable_affinity()
       ->mutable_pod_anti_affinity()
       ->add_required_during_scheduling_ignored_during_execution() = term;
  return pod;
}

corev1::Pod Spread(corev1::Pod pod, int max_skew, const std::string& key) {
  auto* rule = pod.mutable_spec()->add_topology_spread_constraints();
  rule->set_max_skew(max_skew);
  rule->set_topology_key(key);
  rule->set_when_unsatisfiable("DoNotSchedule");
  (*rule->mutable_label_selector()->mutable_match_labels())["app"] =
      pod.metadata().labels().at("app");
  return pod;
}

TEST_CASE("AffinityGoesWhereTheOthersAre") {
  Cluster cluster;
  const corev1::Pod web = With(MakePod("web", "web"), Term("db", kZone));
  CHECK(cluster.MayGo(web).empty());
  CHECK(cluster.WhyNot(web, "a1") == "node(s) didn't match pod affinity rules");
  cluster.Put(MakePod("elsewhere", "db", "other"), "b1");
  CHECK(cluster.MayGo(web).empty());
  cluster.Put(MakePod("db", "db"), "a1");
  CHECK(cluster.MayGo(web) == "a1,a2");
  CHECK(cluster.MayGo(With(MakePod("x", "x"), Term("db", kHost))) == "a1");
  corev1::PodAffinityTerm wide = Term("db", kZone);
  wide.add_namespaces("other");
  CHECK(cluster.MayGo(With(MakePod("x", "x"), wide)) == "b1");
  wide.clear_namespaces();
  wide.mutable_namespace_selector();
  CHECK(cluster.MayGo(With(MakePod("x", "x"), wide)) == "a1,a2,b1");
}

TEST_CASE("TheFirstOfAGroupMayGoAnywhereWithTheKey") {
  Cluster cluster;
  const corev1::Pod first = With(MakePod("w1", "web"), Term("web", kZone));
  CHECK(cluster.MayGo(first) == "a1,a2,b1");
  cluster.Put(first, "b1");
  CHECK(cluster.MayGo(With(MakePod("w2", "web"), Term("web", kZone))) == "b1");
}

TEST_CASE("AntiAffinityKeepsApartInBothDirections") {
  Cluster cluster;
  const auto one = [](const std::string& name) {
    return Without(MakePod(name, "web"), Term("web", kHost));
  };
  CHECK(cluster.MayGo(one("w1")) == "a1,a2,b1,bare");
  cluster.Put(one("w1"), "a1");
  CHECK(cluster.MayGo(one("w2")) == "a2,b1,bare");
  CHECK(cluster.WhyNot(one("w2"), "a1") == "node(s) didn't match pod anti-affinity rules");
  // One that has no rules itself is kept away all the same.
  CHECK(cluster.MayGo(MakePod("w3", "web")) == "a2,b1,bare");
  CHECK(cluster.WhyNot(MakePod("w3", "web"), "a1") ==
        "node(s) didn't satisfy existing pods anti-affinity rules");
  CHECK(cluster.MayGo(MakePod("db", "db")) == "a1,a2,b1,bare");
}

TEST_CASE("SpreadKeepsTheSkew") {
  Cluster cluster;
  const auto next = [](const std::string& name) { return Spread(MakePod(name, "web"), 1, kZone); };
  CHECK(cluster.MayGo(next("w1")) == "a1,a2,b1");
  CHECK(cluster.WhyNot(next("w1"), "bare") ==
        "node(s) didn't match pod topology spread constraints (missing required label)");
  cluster.Put(next("w1"), "a1");
  CHECK(cluster.MayGo(next("w2")) == "b1");
  CHECK(cluster.WhyNot(next("w2"), "a2") == "node(s) didn't match pod topology spread constraints");
  cluster.Put(next("w2"), "b1");
  CHECK(cluster.MayGo(next("w3")) == "a1,a2,b1");
  // Those that are going do not count.
  cluster.pods["w1"].mutable_metadata()->mutable_deletion_timestamp();
  CHECK(cluster.MayGo(next("w3")) == "a1,a2");
  CHECK(cluster.MayGo(Spread(MakePod("w3", "web"), 2, kZone)) == "a1,a2,b1");
}

TEST_CASE("SpreadCountsTheNodesThatThePodMayBeOn") {
  Cluster cluster;
  corev1::Pod pod = Spread(MakePod("w2", "web"), 1, kZone);
  cluster.Put(Spread(MakePod("w1", "web"), 1, kZone), "a1");
  (*pod.mutable_spec()->mutable_node_selector())[kZone] = "a";
  CHECK(cluster.WhyNot(pod, "a1").empty());  // Zone b is none of its domains.
  pod.mutable_spec()->mutable_topology_spread_constraints(0)->set_node_affinity_policy("Ignore");
  CHECK_FALSE(cluster.WhyNot(pod, "a1").empty());
  corev1::Pod wide = Spread(MakePod("w3", "web"), 1, kZone);
  wide.mutable_spec()->mutable_topology_spread_constraints(0)->set_min_domains(3);
  CHECK(cluster.MayGo(wide) == "b1");
  cluster.Put(wide, "b1");
  CHECK(cluster.MayGo(wide).empty());  // As if a third zone had none.
}

TEST_CASE("LabelKeysNarrowWhomARuleMeans") {
  Cluster cluster;
  corev1::Pod old_pod = MakePod("old", "web");
  (*old_pod.mutable_metadata()->mutable_labels())["rev"] = "1";
  cluster.Put(old_pod, "a1");
  corev1::Pod pod = Spread(MakePod("new", "web"), 1, kZone);
  (*pod.mutable_metadata()->mutable_labels())["rev"] = "2";
  CHECK(cluster.MayGo(pod) == "b1");
  pod.mutable_spec()->mutable_topology_spread_constraints(0)->add_match_label_keys("rev");
  CHECK(cluster.MayGo(pod) == "a1,a2,b1");
  corev1::PodAffinityTerm others = Term("web", kZone);
  others.add_mismatch_label_keys("rev");
  corev1::Pod apart = Without(MakePod("new", "web"), others);
  (*apart.mutable_metadata()->mutable_labels())["rev"] = "2";
  CHECK(cluster.MayGo(apart) == "b1,bare");
}

TEST_CASE("WhatCannotBeJudgedIsSaid") {
  corev1::PodAffinityTerm term = Term("web", kZone);
  CHECK(Topology::Unsupported(With(MakePod("a", "a"), term)).empty());
  (*term.mutable_namespace_selector()->mutable_match_labels())["team"] = "x";
  CHECK(absl::StrContains(Topology::Unsupported(Without(MakePod("a", "a"), term)),
                          "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuring"
                          "Execution[0].namespaceSelector is not supported"));
}

}  // namespace
}  // namespace skiff::scheduler
