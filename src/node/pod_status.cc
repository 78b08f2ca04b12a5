#include "node/pod_status.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/time.h"

namespace skiff::node {
namespace {

using runtime::ContainerPhase;

const corev1::ContainerStatus* Before(
    const google::protobuf::RepeatedPtrField<corev1::ContainerStatus>& list,
    const std::string& name) {
  for (const corev1::ContainerStatus& status : list) {
    if (status.name() == name) return &status;
  }
  return nullptr;
}

void FillTerminated(const runtime::ContainerState& state, corev1::ContainerStateTerminated* out) {
  out->set_exit_code(state.exit_code);
  if (state.signal != 0) out->set_signal(state.signal);
  out->set_reason(state.reason);
  out->set_message(state.message);
  *out->mutable_started_at() = api::MakeTime(state.started_at);
  *out->mutable_finished_at() = api::MakeTime(state.finished_at);
  out->set_container_id(state.id);
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

corev1::ContainerStatus OneStatus(const corev1::Pod& pod, const corev1::Container& container,
                                  bool init, const StatusInputs& inputs,
                                  const corev1::ContainerStatus* before) {
  corev1::ContainerStatus out;
  const std::string& name = container.name();
  out.set_name(name);
  out.set_image(container.image());
  const runtime::ContainerState* state = FindContainer(inputs.state, name);
  const auto end = EndOf(name, inputs.state, *inputs.memory);
  if (state != nullptr) {
    out.set_container_id(state->id);
    out.set_image_id(state->image_id);
    out.set_restart_count(state->attempt);
  }
  // What ended before the present state.
  if (before != nullptr) {
    if (before->state().has_terminated() && before->container_id() != out.container_id()) {
      *out.mutable_last_state()->mutable_terminated() = before->state().terminated();
    } else if (before->last_state().has_terminated()) {
      *out.mutable_last_state() = before->last_state();
    }
  }
  if (state != nullptr && state->phase == ContainerPhase::kRunning) {
    *out.mutable_state()->mutable_running()->mutable_started_at() =
        api::MakeTime(state->started_at);
    const auto started = inputs.started.find(name);
    const bool up = started == inputs.started.end() || started->second;
    const auto ready = inputs.ready.find(name);
    out.set_started(up);
    out.set_ready(up && (ready == inputs.ready.end() || ready->second));
    return out;
  }
  out.set_started(false);
  out.set_ready(false);
  if (!end) {
    FillWaiting(pod, container, init, inputs, &out);
    return out;
  }
  corev1::ContainerStateTerminated terminated;
  if (state != nullptr && state->attempt == end->attempt) {
    FillTerminated(*state, &terminated);
  } else {
    const StartFailure& failure = inputs.memory->failures.at(name);
    terminated.set_exit_code(128);
    terminated.set_reason(failure.reason);
    terminated.set_message(failure.message);
    *terminated.mutable_finished_at() = api::MakeTime(failure.at);
    out.set_restart_count(failure.attempt);
  }
  if (init && end->exit_code == 0) out.set_ready(true);
  const auto crashes = inputs.memory->crashes.find(name);
  const bool backs_off = !pod.metadata().has_deletion_timestamp() &&
                         Restarts(pod, container, init, *end) &&
                         crashes != inputs.memory->crashes.end() && crashes->second > 1;
  if (backs_off) {
    *out.mutable_last_state()->mutable_terminated() = terminated;
    corev1::ContainerStateWaiting* waiting = out.mutable_state()->mutable_waiting();
    waiting->set_reason("CrashLoopBackOff");
    waiting->set_message(
        absl::StrCat("back-off ", absl::FormatDuration(CrashBackoff(crashes->second)),
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

}  // namespace

corev1::PodStatus MakeStatus(const corev1::Pod& pod, const StatusInputs& inputs) {
  corev1::PodStatus out;
  const corev1::PodStatus& before = pod.status();
  out.set_qos_class(before.qos_class());
  out.set_observed_generation(pod.metadata().generation());
  *out.mutable_start_time() =
      before.has_start_time() ? before.start_time() : api::MakeTime(inputs.now);
  out.set_host_ip(inputs.host_ip);
  if (!inputs.host_ip.empty()) out.add_host_ips()->set_ip(inputs.host_ip);
  out.set_pod_ip(inputs.pod_ip);
  if (!inputs.pod_ip.empty()) out.add_pod_ips()->set_ip(inputs.pod_ip);

  bool initialized = true;
  for (const corev1::Container& container : pod.spec().init_containers()) {
    corev1::ContainerStatus* status = out.add_init_container_statuses();
    *status = OneStatus(pod, container, true, inputs,
                        Before(before.init_container_statuses(), container.name()));
    const bool sidecar = container.restart_policy() == "Always";
    initialized = initialized && (sidecar ? status->started() : status->ready());
  }
  std::vector<std::string> unready;
  bool any_running = false;
  for (const corev1::Container& container : pod.spec().containers()) {
    corev1::ContainerStatus* status = out.add_container_statuses();
    *status = OneStatus(pod, container, false, inputs,
                        Before(before.container_statuses(), container.name()));
    if (!status->ready()) unready.push_back(container.name());
    any_running = any_running || status->state().has_running() ||
                  status->last_state().has_terminated() || status->state().has_terminated();
  }
  bool failed = false;
  if (before.phase() == "Failed" || before.phase() == "Succeeded") {
    out.set_phase(before.phase());  // Final.
    out.set_reason(before.reason());
    out.set_message(before.message());
  } else if (DeadlineExceeded(pod, inputs.now)) {
    out.set_phase("Failed");
    out.set_reason("DeadlineExceeded");
    out.set_message("Pod was active on the node longer than the specified deadline");
  } else if (IsFinished(pod, inputs.state, *inputs.memory, &failed)) {
    out.set_phase(failed ? "Failed" : "Succeeded");
  } else {
    out.set_phase(any_running && initialized ? "Running" : "Pending");
  }
  const bool over = out.phase() == "Failed" || out.phase() == "Succeeded";
  const std::string why = over ? "PodCompleted" : "ContainersNotReady";
  const std::string message =
      over || unready.empty()
          ? ""
          : absl::StrCat("containers with unready status: [", absl::StrJoin(unready, " "), "]");
  const bool sandbox = inputs.state && inputs.state->alive;
  const bool ready = unready.empty() && !over && initialized;
  SetCondition(pod, "PodReadyToStartContainers", sandbox && !over, "", "", inputs.now, &out);
  SetCondition(pod, "Initialized", initialized, "ContainersNotInitialized",
               "containers with incomplete status", inputs.now, &out);
  SetCondition(pod, "Ready", ready, why, message, inputs.now, &out);
  SetCondition(pod, "ContainersReady", ready, why, message, inputs.now, &out);
  for (const corev1::PodCondition& condition : before.conditions()) {
    if (condition.type() == "PodScheduled") *out.add_conditions() = condition;
  }
  return out;
}

}  // namespace skiff::node
