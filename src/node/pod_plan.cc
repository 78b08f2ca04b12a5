#include "node/pod_plan.h"

#include <algorithm>

#include "api/time.h"

namespace skiff::node {
namespace {

using runtime::ContainerPhase;
using runtime::ContainerState;
using Action = PodPlan::Action;

// What a preStop hook that took the whole grace leaves for SIGTERM.
constexpr absl::Duration kAfterHook = absl::Seconds(2);
constexpr absl::Duration kShortestRetry = absl::Seconds(2);
constexpr int kLostExitCode = 137;

bool IsRunning(const std::optional<runtime::PodState>& state, const std::string& name) {
  const ContainerState* found = FindContainer(state, name);
  return found != nullptr && found->phase == ContainerPhase::kRunning;
}

bool HasRun(const corev1::ContainerStatus& status) {
  return !status.container_id().empty() || status.state().has_terminated();
}

bool AnyMainHasRun(const corev1::Pod& pod) {
  return std::any_of(pod.status().container_statuses().begin(),
                     pod.status().container_statuses().end(), HasRun);
}

// The end of what the API has heard of.
std::optional<ContainerEnd> ReportedEnd(const corev1::Pod& pod, const std::string& name) {
  const corev1::ContainerStatus* status = ReportedStatus(pod, name);
  if (status == nullptr || !HasRun(*status)) return std::nullopt;
  const auto& terminated = status->state().has_terminated() ? status->state().terminated()
                                                            : status->last_state().terminated();
  const bool known = status->state().has_terminated() ||
                     (status->state().has_waiting() && status->last_state().has_terminated());
  if (!known) return ContainerEnd{status->restart_count(), kLostExitCode, absl::InfinitePast()};
  return ContainerEnd{status->restart_count(), terminated.exit_code(),
                      api::ToAbsl(terminated.finished_at())};
}

// The next step of stopping a container; nothing if there is only to wait, till `wake_at`.
std::optional<PodPlan> PlanStop(const corev1::Container& container, const ContainerStop& stop,
                                absl::Time end, absl::Time now, absl::Time* wake_at) {
  const auto step = [&](Action action) {
    PodPlan plan;
    plan.action = action;
    plan.container = container.name();
    return plan;
  };
  if (stop.killed) return std::nullopt;
  const bool has_hook = container.lifecycle().has_pre_stop();
  const bool in_hook = has_hook && stop.hook == ContainerStop::Hook::kRunning;
  if (!stop.term_sent) {
    if (now < end && has_hook && stop.hook == ContainerStop::Hook::kNotRun) {
      return step(Action::kPreStop);
    }
    if (now < end && in_hook) {
      *wake_at = std::min(*wake_at, end);
      return std::nullopt;
    }
    return step(now < end || in_hook ? Action::kStopContainer : Action::kKillContainer);
  }
  const absl::Time kill_at = has_hook ? std::max(end, *stop.term_sent + kAfterHook) : end;
  if (now >= kill_at) return step(Action::kKillContainer);
  *wake_at = std::min(*wake_at, kill_at);
  return std::nullopt;
}

int64_t GraceSeconds(const corev1::Pod& pod) {
  return pod.metadata().has_deletion_grace_period_seconds()
             ? pod.metadata().deletion_grace_period_seconds()
             : pod.spec().termination_grace_period_seconds();
}

// The containers to be stopped now: those that do the pod's work, and when these are gone the
// sidecars, the last one first. Past the grace: all.
std::vector<const corev1::Container*> ToStop(const corev1::Pod& pod,
                                             const std::optional<runtime::PodState>& state,
                                             bool all) {
  std::vector<const corev1::Container*> out;
  for (const corev1::Container& container : pod.spec().containers()) {
    if (IsRunning(state, container.name())) out.push_back(&container);
  }
  for (const corev1::Container& container : pod.spec().init_containers()) {
    if (!IsSidecar(container, true) && IsRunning(state, container.name())) {
      out.push_back(&container);
    }
  }
  for (int i = pod.spec().init_containers_size(); i-- > 0 && (all || out.empty());) {
    const corev1::Container& container = pod.spec().init_containers(i);
    if (IsSidecar(container, true) && IsRunning(state, container.name())) {
      out.push_back(&container);
    }
  }
  return out;
}

// Stops everything that runs. `then`: what to do when nothing does.
PodPlan PlanTermination(const corev1::Pod& pod, const std::optional<runtime::PodState>& state,
                        const PodMemory& memory, absl::Time now, Action then) {
  PodPlan plan;
  if (!AnyRunning(state)) {
    plan.action = then;
    return plan;
  }
  plan.whole_pod = true;
  const int64_t grace = GraceSeconds(pod);
  const absl::Time end = memory.ending_since.value_or(now) + absl::Seconds(grace);
  for (const corev1::Container* container : ToStop(pod, state, now >= end)) {
    const auto stop = memory.stops.find(container->name());
    auto step = PlanStop(*container, stop == memory.stops.end() ? ContainerStop{} : stop->second,
                         end, now, &plan.wake_at);
    if (!step) continue;
    step->whole_pod = true;
    step->grace_seconds = grace;
    return *step;
  }
  return plan;
}

PodPlan Start(const corev1::Container& container, int attempt, bool init) {
  PodPlan plan;
  plan.action = Action::kStartContainer;
  plan.container = container.name();
  plan.attempt = attempt;
  plan.init = init;
  return plan;
}

// What to do about one container; nothing if it runs, waits (till `wake_at`) or is over.
std::optional<PodPlan> PlanContainer(const corev1::Pod& pod, const corev1::Container& container,
                                     bool init, const std::optional<runtime::PodState>& state,
                                     const PodMemory& memory, absl::Time now, absl::Time* wake_at) {
  const std::string& name = container.name();
  if (IsRunning(state, name)) {
    const auto stop = memory.stops.find(name);
    if (stop == memory.stops.end()) return std::nullopt;
    auto step =
        PlanStop(container, stop->second,
                 stop->second.since + absl::Seconds(stop->second.grace_seconds), now, wake_at);
    if (step) step->grace_seconds = stop->second.grace_seconds;
    return step;
  }
  const ContainerState* found = FindContainer(state, name);
  if (found != nullptr && found->phase == ContainerPhase::kCreated) {
    return std::nullopt;  // On its way: the runtime will tell.
  }
  const auto failure = memory.failures.find(name);
  if (failure != memory.failures.end() && !failure->second.terminal) {
    const absl::Time retry =
        failure->second.at + std::max(kShortestRetry, CrashBackoff(failure->second.count));
    if (now < retry) {
      *wake_at = std::min(*wake_at, retry);
      return std::nullopt;
    }
    return Start(container, failure->second.attempt, init);
  }
  const auto end = EndOf(pod, container, init, state, memory);
  if (!end) {
    const auto lost = ReportedEnd(pod, name);
    return Start(container, lost ? lost->attempt + 1 : 0, init);
  }
  if (!Restarts(pod, container, init, *end)) return std::nullopt;
  const auto crashes = memory.crashes.find(name);
  const absl::Time start =
      end->at + CrashBackoff(crashes == memory.crashes.end() ? 0 : crashes->second);
  if (now < start) {
    *wake_at = std::min(*wake_at, start);
    return std::nullopt;
  }
  return Start(container, end->attempt + 1, init);
}

// Whether what comes after this init container may start.
bool MayGoOn(const corev1::Pod& pod, const corev1::Container& container,
             const std::optional<runtime::PodState>& state, const PodMemory& memory) {
  const std::string& name = container.name();
  if (IsSidecar(container, true)) {
    const auto started = memory.started.find(name);
    return IsRunning(state, name) && !memory.post_start.contains(name) &&
           (started == memory.started.end() || started->second);
  }
  const auto end = EndOf(pod, container, true, state, memory);
  return end && end->exit_code == 0;
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

const corev1::ContainerStatus* ReportedStatus(const corev1::Pod& pod, const std::string& name) {
  for (const auto* list :
       {&pod.status().container_statuses(), &pod.status().init_container_statuses()}) {
    for (const corev1::ContainerStatus& status : *list) {
      if (status.name() == name) return &status;
    }
  }
  return nullptr;
}

bool IsSidecar(const corev1::Container& container, bool init) {
  return init && container.restart_policy() == "Always";
}

bool AnyRunning(const std::optional<runtime::PodState>& state) {
  if (!state) return false;
  return std::any_of(state->containers.begin(), state->containers.end(),
                     [](const ContainerState& c) { return c.phase == ContainerPhase::kRunning; });
}

bool IsTerminal(const corev1::Pod& pod) {
  return pod.status().phase() == "Failed" || pod.status().phase() == "Succeeded";
}

std::optional<ContainerEnd> EndOf(const corev1::Pod& pod, const corev1::Container& container,
                                  bool init, const std::optional<runtime::PodState>& state,
                                  const PodMemory& memory) {
  const std::string& name = container.name();
  const ContainerState* found = FindContainer(state, name);
  const auto failure = memory.failures.find(name);
  if (failure != memory.failures.end() &&
      (found == nullptr || failure->second.attempt > found->attempt)) {
    if (!failure->second.terminal) return std::nullopt;
    return ContainerEnd{failure->second.attempt, 128, failure->second.at};
  }
  if (found != nullptr && found->phase == ContainerPhase::kRunning) return std::nullopt;
  // An init container runs again in a new sandbox, unless the pod's work is not done again either.
  const bool forgotten = init && !IsSidecar(container, init) && !IsTerminal(pod) &&
                         !(pod.spec().restart_policy() == "Never" && AnyMainHasRun(pod));
  const auto reported = ReportedEnd(pod, name);
  if (found == nullptr) return forgotten ? std::nullopt : reported;
  if (reported && reported->attempt > found->attempt) return reported;
  if (found->phase != ContainerPhase::kExited) return std::nullopt;
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
    const auto end = EndOf(pod, container, true, state, memory);
    if (!end) return false;
    if (end->exit_code == 0) continue;
    *failed = true;
    return !Restarts(pod, container, true, *end);
  }
  for (const corev1::Container& container : pod.spec().containers()) {
    const auto end = EndOf(pod, container, false, state, memory);
    if (!end || Restarts(pod, container, false, *end)) return false;
    *failed = *failed || end->exit_code != 0;
  }
  return true;
}

PodPlan PlanPod(const corev1::Pod& pod, const std::optional<runtime::PodState>& state,
                const PodMemory& memory, absl::Time now) {
  if (pod.metadata().has_deletion_timestamp()) {
    return PlanTermination(pod, state, memory, now, Action::kRemove);
  }
  bool failed = false;
  if (IsTerminal(pod) || DeadlineExceeded(pod, now) || IsFinished(pod, state, memory, &failed)) {
    // What still runs (sidecars, or all of it past its deadline) is stopped. The sandbox is given
    // up once the API has the whole story, for with it goes what the kernel knows.
    const bool release = IsTerminal(pod) && state && !memory.released;
    return PlanTermination(pod, state, memory, now, release ? Action::kRelease : Action::kNone);
  }
  PodPlan plan;
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
    if (!MayGoOn(pod, container, state, memory)) return plan;  // One after the other.
  }
  for (const corev1::Container& container : pod.spec().containers()) {
    if (auto step = PlanContainer(pod, container, false, state, memory, now, &plan.wake_at)) {
      step->wake_at = plan.wake_at;
      return *step;
    }
    if (memory.post_start.contains(container.name())) return plan;  // Till its hook is done.
  }
  return plan;
}

}  // namespace skiff::node
