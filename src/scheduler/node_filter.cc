// Filters and scores of NodeTable: which nodes a pod may run on, and which of them is best.
#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "scheduler/node_table.h"
#include "scheduler/topology.h"

namespace skiff::scheduler {
namespace {

constexpr absl::string_view kUnschedulableTaint = "node.kubernetes.io/unschedulable";

// core/v1 Toleration: an empty key with Exists tolerates everything; an empty effect, every effect.
bool Tolerates(const corev1::Toleration& toleration, absl::string_view key, absl::string_view value,
               absl::string_view effect) {
  if (!toleration.effect().empty() && toleration.effect() != effect) return false;
  if (!toleration.key().empty() && toleration.key() != key) return false;
  if (toleration.operator_() == "Exists") return true;
  return !toleration.key().empty() && toleration.value() == value;
}

bool ToleratedBy(const corev1::PodSpec& spec, absl::string_view key, absl::string_view value,
                 absl::string_view effect) {
  return std::any_of(spec.tolerations().begin(), spec.tolerations().end(),
                     [&](const corev1::Toleration& toleration) {
                       return Tolerates(toleration, key, value, effect);
                     });
}

bool MatchesRequirement(const corev1::NodeSelectorRequirement& requirement,
                        const std::string* value) {
  const std::string& op = requirement.operator_();
  const auto& values = requirement.values();
  if (op == "Exists") return value != nullptr;
  if (op == "DoesNotExist") return value == nullptr;
  const bool in =
      value != nullptr && std::find(values.begin(), values.end(), *value) != values.end();
  if (op == "In") return in;
  if (op == "NotIn") return !in;
  int64_t have = 0;
  int64_t bound = 0;
  if (value == nullptr || values.size() != 1 || !absl::SimpleAtoi(*value, &have) ||
      !absl::SimpleAtoi(values.Get(0), &bound)) {
    return false;
  }
  return op == "Gt" ? have > bound : op == "Lt" && have < bound;
}

using Labels = google::protobuf::Map<std::string, std::string>;

const std::string* Lookup(const Labels& labels, const std::string& key) {
  const auto it = labels.find(key);
  return it == labels.end() ? nullptr : &it->second;
}

// A term with no requirement matches nothing (core/v1 NodeSelectorTerm).
bool MatchesTerm(const corev1::NodeSelectorTerm& term, const std::string& name,
                 const Labels& labels) {
  if (term.match_expressions().empty() && term.match_fields().empty()) return false;
  for (const auto& requirement : term.match_expressions()) {
    if (!MatchesRequirement(requirement, Lookup(labels, requirement.key()))) return false;
  }
  for (const auto& requirement : term.match_fields()) {
    if (requirement.key() != "metadata.name" || !MatchesRequirement(requirement, &name)) {
      return false;
    }
  }
  return true;
}

}  // namespace

struct NodeTable::Constraints {
  const corev1::PodSpec* spec = nullptr;
  const corev1::Pod* pod = nullptr;
  const PodInfo* info = nullptr;
  bool tolerates_unschedulable = false;
  std::vector<bool> taint_blocks;    // By taint id: NoSchedule or NoExecute, not tolerated.
  std::vector<bool> taint_dislikes;  // By taint id: PreferNoSchedule, not tolerated.
  std::vector<std::string> taint_reasons;
  struct Request {
    size_t column;
    int64_t amount;
    std::string reason;
  };
  std::vector<Request> requests;
  std::vector<std::string> missing;  // Requested, but no node has ever had it.
  const std::string unschedulable = "node(s) were unschedulable";
  const std::string affinity = "node(s) didn't match Pod's node affinity/selector";
};

NodeTable::Constraints NodeTable::Compile(const corev1::Pod& pod, const PodInfo& info) const {
  Constraints out;
  out.spec = &pod.spec();
  out.pod = &pod;
  out.info = &info;
  out.tolerates_unschedulable = ToleratedBy(pod.spec(), kUnschedulableTaint, "", "NoSchedule");
  for (const Taint& taint : taint_table_) {
    const bool tolerated = ToleratedBy(pod.spec(), taint.key, taint.value, taint.effect);
    const bool soft = taint.effect == "PreferNoSchedule";
    out.taint_blocks.push_back(!soft && !tolerated);
    out.taint_dislikes.push_back(soft && !tolerated);
    out.taint_reasons.push_back(
        absl::StrCat("node(s) had untolerated taint {", taint.key, ": ", taint.value, "}"));
  }
  for (const auto& [resource, amount] : info.requests) {
    if (amount == 0) continue;
    const auto it = column_ids_.find(resource);
    const std::string reason = absl::StrCat("Insufficient ", resource);
    if (it == column_ids_.end()) {
      out.missing.push_back(reason);
    } else {
      out.requests.push_back({it->second, amount, reason});
    }
  }
  return out;
}

bool NodeTable::MatchesAffinity(const corev1::Pod& pod, NodeRow row) const {
  const corev1::PodSpec& spec = pod.spec();
  for (const auto& [key, value] : spec.node_selector()) {
    const std::string* have = Lookup(labels_[row], key);
    if (have == nullptr || *have != value) return false;
  }
  const auto& affinity = spec.affinity().node_affinity();
  if (!affinity.has_required_during_scheduling_ignored_during_execution()) return true;
  const auto& terms =
      affinity.required_during_scheduling_ignored_during_execution().node_selector_terms();
  return std::any_of(terms.begin(), terms.end(), [&](const corev1::NodeSelectorTerm& term) {
    return MatchesTerm(term, names_[row], labels_[row]);
  });
}

bool NodeTable::IsTolerated(const corev1::Pod& pod, NodeRow row) const {
  return std::all_of(taints_[row].begin(), taints_[row].end(), [&](size_t id) {
    const Taint& taint = taint_table_[id];
    return taint.effect == "PreferNoSchedule" ||
           ToleratedBy(pod.spec(), taint.key, taint.value, taint.effect);
  });
}

// In the order of Kubernetes' plugins: NodeUnschedulable, TaintToleration, NodeAffinity.
const std::string* NodeTable::RejectByKind(const Constraints& constraints, NodeRow row) const {
  if (unschedulable_[row] && !constraints.tolerates_unschedulable) {
    return &constraints.unschedulable;
  }
  for (const size_t taint : taints_[row]) {
    if (constraints.taint_blocks[taint]) return &constraints.taint_reasons[taint];
  }
  return MatchesAffinity(*constraints.pod, row) ? nullptr : &constraints.affinity;
}

// NodePorts, then NodeResourcesFit, which names everything that is short.
bool NodeTable::RejectByUse(const Constraints& constraints, NodeRow row,
                            Placement* placement) const {
  for (const HostPort& wanted : constraints.info->host_ports) {
    for (const HostPort& taken : ports_[row]) {
      if (!wanted.Conflicts(taken)) continue;
      ++placement->reasons["node(s) didn't have free ports for the requested pod ports"];
      NoteVictims(constraints, /*resolvable=*/true, row, placement);
      return true;
    }
  }
  bool rejected = false;
  bool resolvable = constraints.missing.empty();
  if (const auto pods = column_ids_.find("pods"); pods != column_ids_.end()) {
    const Column& column = columns_[pods->second];
    if (column.used[row] + 1 > column.allocatable[row]) {
      ++placement->reasons["Too many pods"];
      rejected = true;
    }
  }
  for (const std::string& reason : constraints.missing) {
    ++placement->reasons[reason];
    rejected = true;
  }
  for (const Constraints::Request& request : constraints.requests) {
    const Column& column = columns_[request.column];
    if (column.used[row] + request.amount <= column.allocatable[row]) continue;
    ++placement->reasons[request.reason];
    rejected = true;
    // More than the empty node has.
    if (request.amount > column.allocatable[row]) resolvable = false;
  }
  if (rejected) NoteVictims(constraints, resolvable, row, placement);
  return rejected;
}

// Whether the pod could run there if others went.
void NodeTable::NoteVictims(const Constraints& constraints, bool resolvable, NodeRow row,
                            Placement* placement) const {
  const auto& priorities = priorities_[row];
  const bool lesser = !priorities.empty() && priorities.begin()->first < constraints.info->priority;
  ++placement->preemption[!resolvable ? "Preemption is not helpful for scheduling"
                          : lesser    ? "Preemption is not supported by this scheduler"
                                      : "No preemption victims found for incoming pod"];
}

bool NodeTable::Reject(const Constraints& constraints, const Topology* topology, NodeRow row,
                       Placement* placement) const {
  if (const std::string* reason = RejectByKind(constraints, row); reason != nullptr) {
    ++placement->reasons[*reason];
    NoteVictims(constraints, /*resolvable=*/false, row, placement);
    return true;
  }
  if (RejectByUse(constraints, row, placement)) return true;
  const Topology::Reason* reason = topology == nullptr ? nullptr : topology->Reject(row);
  if (reason == nullptr) return false;
  ++placement->reasons[reason->text];
  NoteVictims(constraints, reason->resolvable, row, placement);
  return true;
}

int64_t NodeTable::Score(const Constraints& constraints, NodeRow row) const {
  // Least allocated (0..100 of cpu and memory, after placing), as NodeResourcesFit does. A pod
  // without a request counts as a small one, so that such pods spread as well.
  static constexpr std::pair<absl::string_view, int64_t> kScored[] = {
      {"cpu", 100}, {"memory", int64_t{200} << 20}};
  int64_t score = 0;
  for (const auto& [resource, least] : kScored) {
    const auto id = column_ids_.find(resource);
    if (id == column_ids_.end()) continue;
    const Column& column = columns_[id->second];
    const int64_t capacity = column.allocatable[row];
    if (capacity <= 0) continue;
    const auto wanted = constraints.info->requests.find(resource);
    int64_t used = column.used[row];
    used += wanted == constraints.info->requests.end() ? least : wanted->second;
    score += std::max<int64_t>(0, capacity - used) * 1000 / capacity;
  }
  // Pods without requests leave the columns unmoved: the fewer pods, the better, by a hair.
  if (const auto pods = column_ids_.find("pods"); pods != column_ids_.end()) {
    score -= columns_[pods->second].used[row];
  }
  for (const size_t taint : taints_[row]) {
    if (constraints.taint_dislikes[taint]) score -= 3000;
  }
  const auto& affinity = constraints.spec->affinity().node_affinity();
  for (const auto& term : affinity.preferred_during_scheduling_ignored_during_execution()) {
    if (MatchesTerm(term.preference(), names_[row], labels_[row])) score += 20 * term.weight();
  }
  return score;
}

Placement NodeTable::Place(const corev1::Pod& pod, const PodInfo& info, Rng& rng,
                           const Topology* topology) const {
  const Constraints constraints = Compile(pod, info);
  Placement placement;
  placement.never_preempts = pod.spec().preemption_policy() == "Never";
  int64_t best = std::numeric_limits<int64_t>::min();
  uint64_t ties = 0;
  for (NodeRow row = 0; row < names_.size(); ++row) {
    if (names_[row].empty()) continue;
    if (Reject(constraints, topology, row, &placement)) continue;
    const int64_t score = Score(constraints, row);
    if (score > best) {
      best = score;
      placement.row = row;
      ties = 1;
    } else if (score == best && rng.Below(++ties) == 0) {
      placement.row = row;  // Each of the equals with the same chance.
    }
  }
  return placement;
}

}  // namespace skiff::scheduler
