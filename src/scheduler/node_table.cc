#include "scheduler/node_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace skiff::scheduler {

namespace {

std::string Histogram(size_t nodes, const std::map<std::string, int>& reasons) {
  std::vector<std::string> parts;
  for (const auto& [reason, count] : reasons) parts.push_back(absl::StrCat(count, " ", reason));
  std::sort(parts.begin(), parts.end());
  return absl::StrCat("0/", nodes, " nodes are available: ", absl::StrJoin(parts, ", "), ".");
}

}  // namespace

std::string Placement::Message(size_t nodes) const {
  if (nodes == 0) return "no nodes available to schedule pods";
  return absl::StrCat(Histogram(nodes, reasons), " preemption: ",
                      never_preempts ? "not eligible due to preemptionPolicy=Never."
                                     : Histogram(nodes, preemption));
}

size_t NodeTable::ColumnOf(const std::string& resource) {
  const auto [it, fresh] = column_ids_.try_emplace(resource, columns_.size());
  if (fresh) {
    columns_.push_back({std::vector<int64_t>(names_.size()), std::vector<int64_t>(names_.size())});
  }
  return it->second;
}

size_t NodeTable::TaintId(Taint taint) {
  const auto it = std::find(taint_table_.begin(), taint_table_.end(), taint);
  if (it != taint_table_.end()) return it - taint_table_.begin();
  taint_table_.push_back(std::move(taint));
  return taint_table_.size() - 1;
}

void NodeTable::SetNode(const corev1::Node& node) {
  const std::string& name = node.metadata().name();
  auto [it, fresh] = rows_.try_emplace(name, 0);
  if (fresh) {
    if (free_rows_.empty()) {
      it->second = names_.size();
      names_.emplace_back();
      unschedulable_.push_back(false);
      taints_.emplace_back();
      labels_.emplace_back();
      ports_.emplace_back();
      priorities_.emplace_back();
      for (Column& column : columns_) {
        column.allocatable.push_back(0);
        column.used.push_back(0);
      }
    } else {
      it->second = free_rows_.back();
      free_rows_.pop_back();
    }
    ++live_;
  }
  const NodeRow row = it->second;
  names_[row] = name;
  unschedulable_[row] = node.spec().unschedulable();
  labels_[row] = node.metadata().labels();
  taints_[row].clear();
  for (const corev1::Taint& taint : node.spec().taints()) {
    taints_[row].push_back(TaintId({taint.key(), taint.value(), taint.effect()}));
  }
  for (Column& column : columns_) column.allocatable[row] = 0;
  for (const auto& [resource, amount] : ToAmounts(node.status().allocatable())) {
    columns_[ColumnOf(resource)].allocatable[row] = amount;
  }
}

void NodeTable::RemoveNode(const std::string& name) {
  const auto it = rows_.find(name);
  if (it == rows_.end()) return;
  const NodeRow row = it->second;
  names_[row].clear();
  ports_[row].clear();
  priorities_[row].clear();
  for (Column& column : columns_) column.allocatable[row] = column.used[row] = 0;
  free_rows_.push_back(row);
  rows_.erase(it);
  --live_;
}

std::optional<NodeRow> NodeTable::Find(const std::string& name) const {
  const auto it = rows_.find(name);
  if (it == rows_.end()) return std::nullopt;
  return it->second;
}

std::vector<NodeRow> NodeTable::rows() const {
  std::vector<NodeRow> out;
  for (NodeRow row = 0; row < names_.size(); ++row) {
    if (!names_[row].empty()) out.push_back(row);
  }
  return out;
}

void NodeTable::AddPod(NodeRow row, const PodInfo& pod) {
  for (const auto& [resource, amount] : pod.requests) {
    columns_[ColumnOf(resource)].used[row] += amount;
  }
  columns_[ColumnOf("pods")].used[row] += 1;
  ports_[row].insert(ports_[row].end(), pod.host_ports.begin(), pod.host_ports.end());
  ++priorities_[row][pod.priority];
}

void NodeTable::RemovePod(NodeRow row, const PodInfo& pod) {
  for (const auto& [resource, amount] : pod.requests) {
    columns_[ColumnOf(resource)].used[row] -= amount;
  }
  columns_[ColumnOf("pods")].used[row] -= 1;
  if (--priorities_[row][pod.priority] == 0) priorities_[row].erase(pod.priority);
  for (const HostPort& port : pod.host_ports) {
    const auto it = std::find(ports_[row].begin(), ports_[row].end(), port);
    if (it != ports_[row].end()) ports_[row].erase(it);
  }
}

}  // namespace skiff::scheduler
