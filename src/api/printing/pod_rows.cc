#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/printing/rows.h"
#include "api/time.h"

namespace skiff::api::printing {
namespace {

constexpr Column kPod[] = {
    kName,
    {"Ready", "string", "", "Containers that are ready, of all.", 0},
    {"Status", "string", "", "Summary of the state of the pod and its containers.", 0},
    {"Restarts", "string", "", "How often containers were restarted, and when last.", 0},
    kAge,
    {"IP", "string", "", "Address of the pod.", 1},
    {"Node", "string", "", "Node that the pod is bound to.", 1},
    {"Nominated Node", "string", "", "Node on which room is being made for the pod.", 1},
    {"Readiness Gates", "string", "", "Readiness gates that are true, of all.", 1},
};

const corev1::PodCondition* FindCondition(const corev1::Pod& pod, absl::string_view type) {
  for (const corev1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

bool IsTrue(const corev1::Pod& pod, absl::string_view type) {
  const corev1::PodCondition* condition = FindCondition(pod, type);
  return condition != nullptr && condition->status() == "True";
}

// How a container that ended is told: its reason, or the number it ended with.
std::string EndText(const corev1::ContainerStateTerminated& end) {
  if (!end.reason().empty()) return end.reason();
  if (end.signal() != 0) return absl::StrCat("Signal:", end.signal());
  return absl::StrCat("ExitCode:", end.exit_code());
}

struct Restarts {
  int64_t count = 0;
  absl::Time last = absl::InfinitePast();

  void Add(const corev1::ContainerStatus& status) {
    count += status.restart_count();
    const auto& end = status.last_state().terminated();
    if (status.last_state().has_terminated() && IsSet(end.finished_at())) {
      last = std::max(last, ToAbsl(end.finished_at()));
    }
  }

  std::string Text(absl::Time now) const {
    if (count == 0 || last == absl::InfinitePast()) return absl::StrCat(count);
    return absl::StrCat(count, " (", HumanDuration(now - last), " ago)");
  }
};

// Walks the statuses in the order of kubectl's printer; what it finds last is the pod's STATUS.
class Summary {
 public:
  explicit Summary(const corev1::Pod& pod) : pod_(pod), total_(pod.spec().containers_size()) {
    reason_ = pod.status().reason().empty() ? pod.status().phase() : pod.status().reason();
    const corev1::PodCondition* scheduled = FindCondition(pod, "PodScheduled");
    if (scheduled != nullptr && scheduled->reason() == "SchedulingGated") {
      reason_ = "SchedulingGated";
    }
    for (const corev1::Container& container : pod.spec().init_containers()) {
      if (container.restart_policy() == "Always") ++total_;
    }
    const bool initializing = InitContainers();
    if (!initializing || IsTrue(pod, "Initialized")) Containers();
    if (pod.metadata().has_deletion_timestamp()) {
      const std::string& phase = pod.status().phase();
      if (pod.status().reason() == "NodeLost") {
        reason_ = "Unknown";
      } else if (phase != "Succeeded" && phase != "Failed") {
        reason_ = "Terminating";
      }
    }
  }

  const std::string& reason() const { return reason_; }
  std::string Ready() const { return absl::StrCat(ready_, "/", total_); }
  const Restarts& restarts() const { return restarts_; }

 private:
  bool IsSidecar(const std::string& name) const {
    const auto& containers = pod_.spec().init_containers();
    return std::any_of(containers.begin(), containers.end(), [&](const corev1::Container& c) {
      return c.name() == name && c.restart_policy() == "Always";
    });
  }

  // Whether one of them still has to end.
  bool InitContainers() {
    int index = -1;
    for (const corev1::ContainerStatus& status : pod_.status().init_container_statuses()) {
      ++index;
      const bool sidecar = IsSidecar(status.name());
      restarts_.Add(status);
      if (sidecar) sidecar_restarts_.Add(status);
      const corev1::ContainerState& state = status.state();
      if (state.has_terminated() && state.terminated().exit_code() == 0) continue;
      if (sidecar && status.started()) {
        if (status.ready()) ++ready_;
        continue;
      }
      if (state.has_terminated()) {
        reason_ = absl::StrCat("Init:", EndText(state.terminated()));
      } else if (!state.waiting().reason().empty() &&
                 state.waiting().reason() != "PodInitializing") {
        reason_ = absl::StrCat("Init:", state.waiting().reason());
      } else {
        reason_ = absl::StrCat("Init:", index, "/", pod_.spec().init_containers_size());
      }
      return true;
    }
    return false;
  }

  void Containers() {
    restarts_ = sidecar_restarts_;
    bool any_running = false;
    const auto& statuses = pod_.status().container_statuses();
    for (auto status = statuses.rbegin(); status != statuses.rend(); ++status) {
      restarts_.Add(*status);
      const corev1::ContainerState& state = status->state();
      if (!state.waiting().reason().empty()) {
        reason_ = state.waiting().reason();
      } else if (state.has_terminated()) {
        reason_ = EndText(state.terminated());
      } else if (status->ready() && state.has_running()) {
        any_running = true;
        ++ready_;
      }
    }
    // One that completed does not hide another that still runs.
    if (reason_ == "Completed" && any_running) {
      reason_ = IsTrue(pod_, "Ready") ? "Running" : "NotReady";
    }
  }

  const corev1::Pod& pod_;
  int total_;
  int ready_ = 0;
  std::string reason_;
  Restarts restarts_;
  Restarts sidecar_restarts_;
};

std::string ReadinessGates(const corev1::Pod& pod) {
  if (pod.spec().readiness_gates().empty()) return "<none>";
  const auto& gates = pod.spec().readiness_gates();
  const auto open = std::count_if(gates.begin(), gates.end(), [&](const auto& gate) {
    return IsTrue(pod, gate.condition_type());
  });
  return absl::StrCat(open, "/", gates.size());
}

Cells PodRow(const corev1::Pod& pod, absl::Time now) {
  const Summary summary(pod);
  const std::string& ip =
      pod.status().pod_ips_size() > 0 ? pod.status().pod_ips(0).ip() : pod.status().pod_ip();
  return {pod.metadata().name(),
          summary.Ready(),
          summary.reason(),
          summary.restarts().Text(now),
          Age(pod.metadata(), now),
          OrNone(ip),
          OrNone(pod.spec().node_name()),
          OrNone(pod.status().nominated_node_name()),
          ReadinessGates(pod)};
}

}  // namespace

std::span<const Table> PodTables() {
  static const Table kTables[] = {
      MakeTable<corev1::Pod, PodRow>(kPod),
  };
  return kTables;
}

}  // namespace skiff::api::printing
