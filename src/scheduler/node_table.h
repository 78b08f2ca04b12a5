// Nodes as rows of flat arrays (architecture, decision 7). Each resource name is a column pair
// (allocatable, used); each taint and each node's labels are interned once, so that filtering a pod
// over all nodes is a tight loop over integers.
//
//   NodeTable table;
//   table.SetNode(node);  table.AddPod(row, info);
//   Placement placement = table.Place(constraints, info, rng);
//
// Threads: belongs to one loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "api/object.h"
#include "base/rng.h"
#include "scheduler/pod_info.h"

namespace skiff::scheduler {

using NodeRow = size_t;

class Topology;

// Where a pod goes, or why nowhere.
struct Placement {
  std::optional<NodeRow> row;
  // Reason -> number of nodes it excludes, in Kubernetes' words ("Insufficient cpu"). A node may
  // lack several resources.
  std::map<std::string, int> reasons;
  // The same of what removing pods of lower priority could do.
  std::map<std::string, int> preemption;
  bool never_preempts = false;  // The pod does not want others removed.
  // "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: 0/3
  // nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not
  // helpful for scheduling."
  std::string Message(size_t nodes) const;
};

class NodeTable {
 public:
  // Adds the node or takes over its new state. Pods stay accounted.
  void SetNode(const corev1::Node& node);
  // Pods of a removed node are forgotten with it.
  void RemoveNode(const std::string& name);
  std::optional<NodeRow> Find(const std::string& name) const;
  const std::string& Name(NodeRow row) const { return names_[row]; }
  size_t size() const { return live_; }

  // Accounts a pod to a node; RemovePod takes the same info.
  void AddPod(NodeRow row, const PodInfo& pod);
  void RemovePod(NodeRow row, const PodInfo& pod);

  // The node for `pod`: of those that pass every filter, the one with the highest score (least
  // allocated after placing, minus untolerated PreferNoSchedule taints, plus preferred node
  // affinity); ties are broken by `rng`. `topology`, unless null, is the pod's against this table.
  Placement Place(const corev1::Pod& pod, const PodInfo& info, Rng& rng,
                  const Topology* topology = nullptr) const;

  // For rules over several nodes. Rows in use; a row's labels; whether the pod's node selector and
  // required node affinity match it; whether the pod tolerates what of its taints keeps pods away.
  std::vector<NodeRow> rows() const;
  const google::protobuf::Map<std::string, std::string>& labels(NodeRow row) const {
    return labels_[row];
  }
  bool MatchesAffinity(const corev1::Pod& pod, NodeRow row) const;
  bool IsTolerated(const corev1::Pod& pod, NodeRow row) const;

 private:
  struct Taint {
    std::string key, value, effect;
    bool operator==(const Taint&) const = default;
  };
  struct Column {
    std::vector<int64_t> allocatable;
    std::vector<int64_t> used;
  };
  struct Constraints;  // A pod's, compiled against this table; see node_filter.cc.

  size_t ColumnOf(const std::string& resource);
  size_t TaintId(Taint taint);
  Constraints Compile(const corev1::Pod& pod, const PodInfo& info) const;
  // Null if the node passes; else the first reason. What depends on the pods there is in
  // RejectByUse, which adds all reasons and says whether there are any.
  const std::string* RejectByKind(const Constraints& constraints, NodeRow row) const;
  bool RejectByUse(const Constraints& constraints, NodeRow row, Placement* placement) const;
  bool Reject(const Constraints& constraints, const Topology* topology, NodeRow row,
              Placement* placement) const;
  void NoteVictims(const Constraints& constraints, bool resolvable, NodeRow row,
                   Placement* placement) const;
  int64_t Score(const Constraints& constraints, NodeRow row) const;

  std::vector<std::string> names_;  // Empty: a free row.
  std::vector<bool> unschedulable_;
  std::vector<std::vector<size_t>> taints_;  // Ids, by row.
  std::vector<google::protobuf::Map<std::string, std::string>> labels_;
  std::vector<std::vector<HostPort>> ports_;
  std::vector<std::map<int32_t, int>> priorities_;  // Of the pods, with how many have each.
  std::vector<Column> columns_;
  absl::flat_hash_map<std::string, size_t> column_ids_;
  std::vector<Taint> taint_table_;
  absl::flat_hash_map<std::string, NodeRow> rows_;
  std::vector<NodeRow> free_rows_;
  size_t live_ = 0;
};

}  // namespace skiff::scheduler
