#include "node/pod_plan.h"

#include <algorithm>

#include "api/time.h"

namespace skiff::node {
namespace {

using runtime::ContainerPhase;
using runtime::ContainerState;
using Action = PodPlan::Action;

bool IsSidecar(const corev1::Container& container, bool init) {
  return init && container.restart_policy() == "Always";
}

bool AnyRunning(const std::optional<runtime::PodState>& state) {
  if (!state) return false;
  return std::any_of(state->containers.begin(), state->containers.end(),
                     [](const ContainerState& c) { return c.phase == ContainerPhase::kRunning; });
}

PodPlan PlanTermination(const corev1::Pod& pod, const std::optional<runtime::PodState>& state,
                        const PodMemory& memory, absl::Time now) {
  PodPlan plan;
  if (!AnyRunning(state)) {
    plan.action = Action::kRemove;
    return plan;
  }
  if (!memory.term_sent) {
    plan.action = Action::kTerminate;
    return plan;
  }
  const int64_t grace = pod.metadata().has_deletion_grace_period_seconds()
                            ? pod.metadata().deletion_grace_period_seconds()
                            : pod.spec().termination_grace_period_seconds();
  const absl::Time end = *memory.term_sent + absl::Seconds(grace);
  if (now < end) {
    plan.wake_at = end;
  } else if (!memory.kill_sent) {
    plan.action = Action::kKill;
  }
  return plan;
}

// What to do about one container; nothing if it runs, waits or is over. `blocked`: what comes after
// it must wait.
std::optional<PodPlan> PlanContainer(const corev1::Pod& pod, const corev1::Container& container,
                                     bool init, const std::optional<runtime::PodState>& state,
                                     const PodMemory& memory, absl::Time now, absl::Time* wake_at) {
  const std::string& name = container.name();
  const ContainerState* found = FindContainer(state, name);
  if (found != nullptr && found->phase == ContainerPhase::kRunning) {
    if (!memory.unhealthy.contains(name)) return std::nullopt;
    return PodPlan{Action::kStopContainer, name, found->attempt, init};
  }
  const auto failure = memory.failures.find(name);
  if (failure != memory.failures.end() && !failure->second.terminal) {
    const absl::Time retry =
        failure->second.at + std::max(absl::Seconds(2), CrashBackoff(failure->second.count));
    if (now < retry) {
      *wake_at = std::min(*wake_at, retry);
      return std::nullopt;
    }
    return PodPlan{Action::kStartContainer, name, failure->second.attempt, init};
  }
  const auto end = EndOf(name, state, memory);
  if (!end) return PodPlan{Action::kStartContainer, name, 0, init};
  if (!Restarts(pod, container, init, *end)) return std::nullopt;
  const auto crashes = memory.crashes.find(name);
  const absl::Time start =
      end->at + CrashBackoff(crashes == memory.crashes.end() ? 0 : crashes->second);
  if (now < start) {
    *wake_at = std::min(*wake_at, start);
    return std::nullopt;
  }
  return PodPlan{Action::kStartContainer, name, end->attempt + 1, init};
}

}  // namespace

absl::Duration CrashBackoff(int crashes) {
  if (crashes <= 1) return absl::ZeroDuration();
  return std::min(absl::Seconds(10) * (1 << std::min(crashes - 2, 5)), absl::Minutes(5));
}

const ContainerState* FindContainer(const std::optional<runtime::PodState>& state,
                                    const std::string& name) {
  if (!state) return nullptr;
  for (const ContainerState& container : state->containers) {
    if (container.name == name) return &container;
  }
  return nullptr;
}

std::optional<ContainerEnd> EndOf(const std::string& name,
                                  const std::optional<runtime::PodState>& state,
                                  const PodMemory& memory) {
  const ContainerState* found = FindContainer(state, name);
  const auto failure = memory.failures.find(name);
  if (failure != memory.failures.end() &&
      (found == nullptr || failure->second.attempt > found->attempt)) {
    if (!failure->second.terminal) return std::nullopt;
    return ContainerEnd{failure->second.attempt, 128, failure->second.at};
  }
  if (found == nullptr || found->phase != ContainerPhase::kExited) return std::nullopt;
  return ContainerEnd{found->attempt, found->exit_code, found->finished_at};
}

bool Restarts(const corev1::Pod& pod, const corev1::Container& container, bool init,
              const ContainerEnd& end) {
  if (IsSidecar(container, init)) return true;
  const std::string& policy = pod.spec().restart_policy();
  if (policy == "Never") return false;
  if (policy == "OnFailure" || init) return end.exit_code != 0;
  return true;
}

bool DeadlineExceeded(const corev1::Pod& pod, absl::Time now) {
  return pod.spec().has_active_deadline_seconds() && pod.status().has_start_time() &&
         now >= api::ToAbsl(pod.status().start_time()) +
                    absl::Seconds(pod.spec().active_deadline_seconds());
}

bool IsFinished(const corev1::Pod& pod, const std::optional<runtime::PodState>& state,
                const PodMemory& memory, bool* failed) {
  *failed = false;
  for (const corev1::Container& container : pod.spec().init_containers()) {
    if (IsSidecar(container, true)) continue;
    const auto end = EndOf(container.name(), state, memory);
    if (!end) return false;
    if (end->exit_code == 0) continue;
    *failed = true;
    return !Restarts(pod, container, true, *end);
  }
  for (const corev1::Container& container : pod.spec().containers()) {
    const auto end = EndOf(container.name(), state, memory);
    if (!end || Restarts(pod, container, false, *end)) return false;
    *failed = *failed || end->exit_code != 0;
  }
  return true;
}

PodPlan PlanPod(const corev1::Pod& pod, const std::optional<runtime::PodState>& state,
                const PodMemory& memory, absl::Time now) {
  if (pod.metadata().has_deletion_timestamp()) return PlanTermination(pod, state, memory, now);
  PodPlan plan;
  bool failed = false;
  if (DeadlineExceeded(pod, now) || IsFinished(pod, state, memory, &failed) ||
      pod.status().phase() == "Failed" || pod.status().phase() == "Succeeded") {
    // Over: what still runs (sidecars, or all of it past its deadline) is stopped; the records
    // stay.
    if (AnyRunning(state)) plan = PlanTermination(pod, state, memory, now);
    return plan;
  }
  if (!state || !state->alive) {
    plan.action = Action::kStartSandbox;
    return plan;
  }
  if (pod.spec().has_active_deadline_seconds() && pod.status().has_start_time()) {
    plan.wake_at = api::ToAbsl(pod.status().start_time()) +
                   absl::Seconds(pod.spec().active_deadline_seconds());
  }
  for (const corev1::Container& container : pod.spec().init_containers()) {
    if (auto step = PlanContainer(pod, container, true, state, memory, now, &plan.wake_at)) {
      step->wake_at = plan.wake_at;
      return *step;
    }
    const auto end = EndOf(container.name(), state, memory);
    const bool done = end && end->exit_code == 0;
    const ContainerState* found = FindContainer(state, container.name());
    const bool up =
        IsSidecar(container, true) && found != nullptr && found->phase == ContainerPhase::kRunning;
    if (!done && !up) return plan;  // One after the other.
  }
  for (const corev1::Container& container : pod.spec().containers()) {
    if (auto step = PlanContainer(pod, container, false, state, memory, now, &plan.wake_at)) {
      step->wake_at = plan.wake_at;
      return *step;
    }
  }
  return plan;
}

}  // namespace skiff::node
