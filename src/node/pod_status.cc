#include "node/pod_status.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/time.h"

namespace skiff::node {
namespace {

using runtime::ContainerPhase;

void FillTerminated(const runtime::ContainerState& state, corev1::ContainerStateTerminated* out) {
  out->set_exit_code(state.exit_code);
  if (state.signal != 0) out->set_signal(state.signal);
  out->set_reason(state.reason);
  out->set_message(state.message);
  *out->mutable_started_at() = api::MakeTime(state.started_at);
  *out->mutable_finished_at() = api::MakeTime(state.finished_at);
  out->set_container_id(state.id);
}

// What was reported running and is not here any more.
void FillLost(const corev1::ContainerStatus& before, absl::Time now,
              corev1::ContainerStateTerminated* out) {
  out->set_exit_code(137);
  out->set_reason("ContainerStatusUnknown");
  out->set_message("The container could not be located when the pod was terminated");
  *out->mutable_started_at() = before.state().running().started_at();
  *out->mutable_finished_at() = api::MakeTime(now);
  out->set_container_id(before.container_id());
}

// How the attempt that ended did so: as it was reported, if it was, for the end of an attempt does
// not change.
corev1::ContainerStateTerminated TerminatedOf(const ContainerEnd& end,
                                              const runtime::ContainerState* state,
                                              const corev1::ContainerStatus* before,
                                              const StatusInputs& inputs, const std::string& name) {
  corev1::ContainerStateTerminated out;
  if (state != nullptr && state->attempt == end.attempt) {
    if (before != nullptr && before->state().terminated().container_id() == state->id) {
      return before->state().terminated();
    }
    if (before != nullptr && before->last_state().terminated().container_id() == state->id) {
      return before->last_state().terminated();
    }
    FillTerminated(*state, &out);
    return out;
  }
  const auto failure = inputs.memory->failures.find(name);
  if (failure != inputs.memory->failures.end() && failure->second.attempt == end.attempt) {
    out.set_exit_code(end.exit_code);
    out.set_reason(failure->second.reason);
    out.set_message(failure->second.message);
    *out.mutable_finished_at() = api::MakeTime(failure->second.at);
    return out;
  }
  if (before->state().has_terminated()) return before->state().terminated();
  if (before->state().has_waiting()) return before->last_state().terminated();
  FillLost(*before, inputs.now, &out);
  return out;
}

// A container that has no process: why, and since when.
void FillWaiting(const corev1::Pod& pod, const corev1::Container& container, bool init,
                 const StatusInputs& inputs, corev1::ContainerStatus* out) {
  const auto failure = inputs.memory->failures.find(container.name());
  corev1::ContainerStateWaiting* waiting = out->mutable_state()->mutable_waiting();
  if (failure != inputs.memory->failures.end() && !failure->second.terminal) {
    waiting->set_reason(failure->second.reason == "ErrImagePull" && failure->second.count > 1
                            ? "ImagePullBackOff"
                            : failure->second.reason);
    waiting->set_message(failure->second.message);
    return;
  }
  waiting->set_reason(!init && !pod.spec().init_containers().empty() ? "PodInitializing"
                                                                     : "ContainerCreating");
}

// What ended before the present attempt.
void FillLastState(const corev1::ContainerStatus* before, const runtime::ContainerState* state,
                   absl::Time now, corev1::ContainerStatus* out) {
  if (before == nullptr) return;
  const bool another = state == nullptr || before->container_id() != state->id;
  if (before->state().has_terminated() && another) {
    *out->mutable_last_state()->mutable_terminated() = before->state().terminated();
  } else if (before->state().has_running() && another) {
    FillLost(*before, now, out->mutable_last_state()->mutable_terminated());
  } else if (before->last_state().has_terminated()) {
    *out->mutable_last_state() = before->last_state();
  }
}

void FillRunning(const runtime::ContainerState& state, const StatusInputs& inputs,
                 corev1::ContainerStatus* out) {
  *out->mutable_state()->mutable_running()->mutable_started_at() = api::MakeTime(state.started_at);
  const auto& started = inputs.memory->started;
  const auto probe = started.find(state.name);
  const bool up =
      (probe == started.end() || probe->second) && !inputs.memory->post_start.contains(state.name);
  const auto ready = inputs.ready.find(state.name);
  out->set_started(up);
  out->set_ready(up && (ready == inputs.ready.end() || ready->second));
}

bool BacksOff(const corev1::Pod& pod, const corev1::Container& container, bool init,
              const ContainerEnd& end, const PodMemory& memory) {
  const auto crashes = memory.crashes.find(container.name());
  return !pod.metadata().has_deletion_timestamp() && !IsTerminal(pod) &&
         Restarts(pod, container, init, end) && crashes != memory.crashes.end() &&
         crashes->second > 1;
}

corev1::ContainerStatus OneStatus(const corev1::Pod& pod, const corev1::Container& container,
                                  bool init, const StatusInputs& inputs) {
  corev1::ContainerStatus out;
  const std::string& name = container.name();
  const corev1::ContainerStatus* before = ReportedStatus(pod, name);
  const runtime::ContainerState* state = FindContainer(inputs.state, name);
  const auto end = EndOf(pod, container, init, inputs.state, *inputs.memory);
  out.set_name(name);
  out.set_image(container.image());
  if (state != nullptr) {
    out.set_container_id(state->id);
    out.set_image_id(state->image_id);
    out.set_restart_count(state->attempt);
  } else if (before != nullptr && !before->container_id().empty()) {
    // The runtime has forgotten it; what was reported is what is known.
    out.set_container_id(before->container_id());
    out.set_image_id(before->image_id());
    out.set_restart_count(before->restart_count());
  }
  if (state != nullptr && state->phase == ContainerPhase::kRunning) {
    FillLastState(before, state, inputs.now, &out);
    FillRunning(*state, inputs, &out);
    if (init && !IsSidecar(container, init)) out.set_ready(false);  // Ready is: done.
    return out;
  }
  out.set_started(false);
  out.set_ready(false);
  if (!end) {
    FillLastState(before, state, inputs.now, &out);
    FillWaiting(pod, container, init, inputs, &out);
    return out;
  }
  if (before != nullptr && before->last_state().has_terminated()) {
    *out.mutable_last_state() = before->last_state();
  }
  if (before != nullptr && before->restart_count() < end->attempt) {
    FillLastState(before, nullptr, inputs.now, &out);
  }
  const corev1::ContainerStateTerminated terminated =
      TerminatedOf(*end, state, before, inputs, name);
  out.set_restart_count(end->attempt);
  if (init && end->exit_code == 0) out.set_ready(true);
  if (BacksOff(pod, container, init, *end, *inputs.memory)) {
    *out.mutable_last_state()->mutable_terminated() = terminated;
    corev1::ContainerStateWaiting* waiting = out.mutable_state()->mutable_waiting();
    waiting->set_reason("CrashLoopBackOff");
    waiting->set_message(absl::StrCat(
        "back-off ", absl::FormatDuration(CrashBackoff(inputs.memory->crashes.at(name))),
        " restarting failed container=", name, " pod=", pod.metadata().name(), "_",
        pod.metadata().namespace_(), "(", pod.metadata().uid(), ")"));
  } else {
    *out.mutable_state()->mutable_terminated() = terminated;
  }
  return out;
}

void SetCondition(const corev1::Pod& pod, const std::string& type, bool holds,
                  const std::string& reason, const std::string& message, absl::Time now,
                  corev1::PodStatus* out) {
  corev1::PodCondition* condition = out->add_conditions();
  condition->set_type(type);
  condition->set_status(holds ? "True" : "False");
  if (!holds) {
    condition->set_reason(reason);
    condition->set_message(message);
  }
  *condition->mutable_last_transition_time() = api::MakeTime(now);
  for (const corev1::PodCondition& before : pod.status().conditions()) {
    if (before.type() == type && before.status() == condition->status()) {
      *condition->mutable_last_transition_time() = before.last_transition_time();
    }
  }
}

// A phase that is final is not said before everything has stopped: who hears it may start another
// pod in this one's place.
void SetPhase(const corev1::Pod& pod, const StatusInputs& inputs, bool works,
              corev1::PodStatus* out) {
  const corev1::PodStatus& before = pod.status();
  bool failed = false;
  if (IsTerminal(pod)) {
    out->set_phase(before.phase());
    if (before.has_reason()) out->set_reason(before.reason());
    if (before.has_message()) out->set_message(before.message());
  } else if (AnyRunning(inputs.state)) {
    out->set_phase(works ? "Running" : "Pending");
  } else if (DeadlineExceeded(pod, inputs.now)) {
    out->set_phase("Failed");
    out->set_reason("DeadlineExceeded");
    out->set_message("Pod was active on the node longer than the specified deadline");
  } else if (IsFinished(pod, inputs.state, *inputs.memory, &failed)) {
    out->set_phase(failed ? "Failed" : "Succeeded");
  } else {
    out->set_phase(works ? "Running" : "Pending");
  }
}

std::string Named(const char* what, const std::vector<std::string>& names) {
  return names.empty() ? "" : absl::StrCat(what, ": [", absl::StrJoin(names, " "), "]");
}

// Readiness gates that are not open, as a sentence; empty if all are.
std::string ClosedGates(const corev1::Pod& pod) {
  for (const corev1::PodReadinessGate& gate : pod.spec().readiness_gates()) {
    bool open = false;
    for (const corev1::PodCondition& condition : pod.status().conditions()) {
      open = open || (condition.type() == gate.condition_type() && condition.status() == "True");
    }
    if (!open) {
      return absl::StrCat("the status of pod readiness gate \"", gate.condition_type(),
                          "\" is not \"True\"");
    }
  }
  return "";
}

void SetConditions(const corev1::Pod& pod, const StatusInputs& inputs,
                   const std::vector<std::string>& incomplete,
                   const std::vector<std::string>& unready, corev1::PodStatus* out) {
  const bool over = out->phase() == "Failed" || out->phase() == "Succeeded";
  const std::string why = out->phase() == "Failed"      ? "PodFailed"
                          : out->phase() == "Succeeded" ? "PodCompleted"
                                                        : "ContainersNotReady";
  const std::string message = over ? "" : Named("containers with unready status", unready);
  const bool sandbox = inputs.state && inputs.state->alive && !over;
  const bool ready = unready.empty() && !over && incomplete.empty();
  SetCondition(pod, "PodReadyToStartContainers", sandbox, "", "", inputs.now, out);
  SetCondition(pod, "Initialized", incomplete.empty(), "ContainersNotInitialized",
               Named("containers with incomplete status", incomplete), inputs.now, out);
  const std::string closed = ready ? ClosedGates(pod) : "";
  SetCondition(pod, "Ready", ready && closed.empty(),
               closed.empty() ? why : "ReadinessGatesNotReady", closed.empty() ? message : closed,
               inputs.now, out);
  SetCondition(pod, "ContainersReady", ready, why, message, inputs.now, out);
  for (const corev1::PodCondition& condition : pod.status().conditions()) {
    const bool own = std::any_of(
        out->conditions().begin(), out->conditions().end(),
        [&](const corev1::PodCondition& mine) { return mine.type() == condition.type(); });
    if (!own) *out->add_conditions() = condition;
  }
}

}  // namespace

corev1::PodStatus MakeStatus(const corev1::Pod& pod, const StatusInputs& inputs) {
  const corev1::PodStatus& before = pod.status();
  corev1::PodStatus out = before;  // What others wrote stays.
  out.clear_phase();
  out.clear_reason();
  out.clear_message();
  out.clear_conditions();
  out.clear_host_ips();
  out.clear_pod_ips();
  out.clear_init_container_statuses();
  out.clear_container_statuses();
  out.set_observed_generation(pod.metadata().generation());
  *out.mutable_start_time() =
      before.has_start_time() ? before.start_time() : api::MakeTime(inputs.now);
  out.set_host_ip(inputs.host_ip);
  if (!inputs.host_ip.empty()) out.add_host_ips()->set_ip(inputs.host_ip);
  out.set_pod_ip(inputs.pod_ip);
  if (!inputs.pod_ip.empty()) out.add_pod_ips()->set_ip(inputs.pod_ip);

  std::vector<std::string> incomplete;
  for (const corev1::Container& container : pod.spec().init_containers()) {
    corev1::ContainerStatus* status = out.add_init_container_statuses();
    *status = OneStatus(pod, container, true, inputs);
    const bool sidecar = container.restart_policy() == "Always";
    if (!(sidecar ? status->started() : status->ready())) incomplete.push_back(container.name());
  }
  const bool initialized = incomplete.empty();
  std::vector<std::string> unready;
  bool any_running = false;
  for (const corev1::Container& container : pod.spec().containers()) {
    corev1::ContainerStatus* status = out.add_container_statuses();
    *status = OneStatus(pod, container, false, inputs);
    if (!status->ready()) unready.push_back(container.name());
    any_running = any_running || status->state().has_running() ||
                  status->last_state().has_terminated() || status->state().has_terminated();
  }
  SetPhase(pod, inputs, any_running && initialized, &out);
  SetConditions(pod, inputs, incomplete, unready, &out);
  return out;
}

}  // namespace skiff::node
