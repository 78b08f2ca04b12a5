#include "controllers/plan.h"

#include <algorithm>

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

void Claim(const api::Object& owner, const metav1::LabelSelector& selector,
           const std::vector<api::ObjectPtr>& controlled, const std::vector<api::ObjectPtr>& strays,
           Plan* plan) {
  const auto parsed = api::LabelSelector::FromProto(selector);
  // What selects everything, or cannot be read, claims nothing.
  if (!parsed.ok() || parsed->empty() || owner.meta().has_deletion_timestamp()) return;
  for (const api::ObjectPtr& object : controlled) {
    if (parsed->Matches(object->meta().labels()) || object->meta().has_deletion_timestamp())
      continue;
    api::MessagePtr changed = object->Copy();
    auto* owners = api::MutableMetaOf(changed.get())->mutable_owner_references();
    owners->erase(
        std::remove_if(owners->begin(), owners->end(),
                       [&](const auto& each) { return each.uid() == owner.meta().uid(); }),
        owners->end());
    plan->writes.push_back(client::Write::Update(std::move(changed)));
  }
  for (const api::ObjectPtr& object : strays) {
    if (!parsed->Matches(object->meta().labels()) || object->meta().has_deletion_timestamp())
      continue;
    api::MessagePtr changed = object->Copy();
    *api::MutableMetaOf(changed.get())->add_owner_references() = MakeControllerRef(owner);
    plan->writes.push_back(client::Write::Update(std::move(changed)));
  }
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
  return min_ready_seconds == 0 || PodAvailableAt(pod, min_ready_seconds) <= now;
}

absl::Time PodAvailableAt(const corev1::Pod& pod, int32_t min_ready_seconds) {
  const corev1::PodCondition* ready = ReadyCondition(pod);
  if (ready == nullptr) return absl::InfiniteFuture();
  return api::ToAbsl(ready->last_transition_time()) + absl::Seconds(min_ready_seconds);
}

bool IsPodActive(const corev1::Pod& pod) {
  return pod.status().phase() != "Succeeded" && pod.status().phase() != "Failed" &&
         !pod.metadata().has_deletion_timestamp();
}

}  // namespace skiff::controllers
