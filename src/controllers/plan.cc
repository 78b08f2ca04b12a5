#include "controllers/plan.h"

#include "api/time.h"

namespace skiff::controllers {

const metav1::OwnerReference* ControllerOf(const api::Object& object) {
  for (const metav1::OwnerReference& owner : object.meta().owner_references()) {
    if (owner.controller()) return &owner;
  }
  return nullptr;
}

metav1::OwnerReference MakeControllerRef(const api::Object& owner) {
  metav1::OwnerReference out;
  out.set_api_version(owner.resource().api_version());
  out.set_kind(std::string(owner.resource().kind));
  out.set_name(owner.meta().name());
  out.set_uid(owner.meta().uid());
  out.set_controller(true);
  out.set_block_owner_deletion(true);
  return out;
}

namespace {

const corev1::PodCondition* ReadyCondition(const corev1::Pod& pod) {
  for (const corev1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() == "Ready") return &condition;
  }
  return nullptr;
}

}  // namespace

bool IsPodReady(const corev1::Pod& pod) {
  const corev1::PodCondition* ready = ReadyCondition(pod);
  return ready != nullptr && ready->status() == "True";
}

bool IsPodAvailable(const corev1::Pod& pod, int32_t min_ready_seconds, absl::Time now) {
  if (!IsPodReady(pod)) return false;
  if (min_ready_seconds == 0) return true;
  return api::ToAbsl(ReadyCondition(pod)->last_transition_time()) +
             absl::Seconds(min_ready_seconds) <= now;
}

bool IsPodActive(const corev1::Pod& pod) {
  return pod.status().phase() != "Succeeded" && pod.status().phase() != "Failed" &&
         !pod.metadata().has_deletion_timestamp();
}

}  // namespace skiff::controllers
