// Rules about neighbours: required pod affinity and anti-affinity (those of the pod, and those of
// the pods that are there already), and topology spread constraints that forbid
// (whenUnsatisfiable: DoNotSchedule). Preferences among nodes that pass are not weighed.
//
//   if (Topology::Concerns(pod)) {
//     Topology topology(pod, table, placed);
//     placement = table.Place(pod, info, rng, &topology);
//   }
//
// Threads: belongs to the table's loop, and is good until the table changes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "api/selector.h"
#include "scheduler/node_table.h"

namespace skiff::scheduler {

struct PlacedPod {
  const corev1::Pod* pod;
  NodeRow row;
};

class Topology {
 public:
  // Whether the pod itself has such rules.
  static bool Concerns(const corev1::Pod& pod);
  // Whether it keeps others away.
  static bool RepelsOthers(const corev1::Pod& pod);
  // Empty, or why the pod's rules cannot be judged here: it must not run anywhere then. (A
  // namespaceSelector that is not empty: the scheduler has no view of namespaces.)
  static std::string Unsupported(const corev1::Pod& pod);

  // `placed` is every pod that has a node.
  Topology(const corev1::Pod& pod, const NodeTable& table, const std::vector<PlacedPod>& placed);

  // Null if the node passes; else why not, and whether it could be otherwise if pods went.
  struct Reason {
    std::string text;
    bool resolvable;
  };
  const Reason* Reject(NodeRow row) const;

 private:
  using Domain = std::pair<std::string, std::string>;  // Topology key, value.
  struct Spread {
    std::string key;
    int max_skew;
    bool self;
    int least = 0;
    std::map<std::string, int> counts;
  };

  void CompileSpread(const corev1::Pod& pod, const std::vector<PlacedPod>& placed);
  void CompileAffinity(const corev1::Pod& pod, const std::vector<PlacedPod>& placed);
  void CompileAntiAffinity(const corev1::Pod& pod, const std::vector<PlacedPod>& placed);
  const std::string* Label(NodeRow row, const std::string& key) const;

  const NodeTable& table_;
  std::vector<Spread> spreads_;
  std::vector<std::string> affinity_keys_;  // Of the affinity terms.
  absl::flat_hash_set<Domain> friends_;     // Where pods are that match all of them.
  bool first_of_its_kind_ = false;          // Nobody matches yet but the pod itself.
  absl::flat_hash_set<Domain> foes_;        // Of its own anti-affinity.
  absl::flat_hash_set<Domain> repelled_;    // By the pods that are there.
};

}  // namespace skiff::scheduler
