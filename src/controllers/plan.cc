#include "controllers/plan.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/numbers.h"
#include "api/conditions.h"
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

bool Same(const google::protobuf::Message& a, const google::protobuf::Message& b) {
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

bool HasFinalizer(const metav1::ObjectMeta& meta, absl::string_view name) {
  return std::find(meta.finalizers().begin(), meta.finalizers().end(), name) !=
         meta.finalizers().end();
}

namespace {

void DropFinalizer(absl::string_view name, metav1::ObjectMeta* meta) {
  auto* finalizers = meta->mutable_finalizers();
  const auto at = std::find(finalizers->begin(), finalizers->end(), name);
  if (at != finalizers->end()) finalizers->erase(at);
}

}  // namespace

client::Write WithoutFinalizer(const api::Object& object, absl::string_view name) {
  api::MessagePtr changed = object.Copy();
  DropFinalizer(name, api::MutableMetaOf(changed.get()));
  return client::Write::Update(std::move(changed));
}

void Claim(const api::Object& owner, const metav1::LabelSelector& selector,
           const std::vector<api::ObjectPtr>& controlled, const std::vector<api::ObjectPtr>& strays,
           Plan* plan, const std::string& finalizer) {
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
    DropFinalizer(finalizer, api::MutableMetaOf(changed.get()));
    plan->writes.push_back(client::Write::Update(std::move(changed)));
  }
  for (const api::ObjectPtr& object : strays) {
    if (!parsed->Matches(object->meta().labels()) || object->meta().has_deletion_timestamp())
      continue;
    api::MessagePtr changed = object->Copy();
    metav1::ObjectMeta* meta = api::MutableMetaOf(changed.get());
    *meta->add_owner_references() = MakeControllerRef(owner);
    if (!finalizer.empty() && !HasFinalizer(*meta, finalizer)) meta->add_finalizers(finalizer);
    plan->writes.push_back(client::Write::Update(std::move(changed)));
  }
}

bool IsPodAvailable(const corev1::Pod& pod, int32_t min_ready_seconds, absl::Time now) {
  if (!api::IsPodReady(pod)) return false;
  return min_ready_seconds == 0 || PodAvailableAt(pod, min_ready_seconds) <= now;
}

absl::Time PodAvailableAt(const corev1::Pod& pod, int32_t min_ready_seconds) {
  const auto* ready = api::FindCondition(pod.status().conditions(), "Ready");
  if (ready == nullptr) return absl::InfiniteFuture();
  return api::ToAbsl(ready->last_transition_time()) + absl::Seconds(min_ready_seconds);
}

bool IsPodActive(const corev1::Pod& pod) {
  return pod.status().phase() != "Succeeded" && pod.status().phase() != "Failed" &&
         !pod.metadata().has_deletion_timestamp();
}

bool IsPodTerminating(const corev1::Pod& pod) {
  return pod.status().phase() != "Succeeded" && pod.status().phase() != "Failed" &&
         pod.metadata().has_deletion_timestamp();
}

void SetDisruption(const std::string& reason, const std::string& message, absl::Time now,
                   corev1::Pod* pod) {
  api::SetCondition("DisruptionTarget", "True", reason, message, now,
                    pod->mutable_status()->mutable_conditions());
}

std::vector<api::ObjectPtr> InOrderOfRemoval(std::vector<api::ObjectPtr> pods) {
  std::map<std::string, int> on_node;
  for (const api::ObjectPtr& pod : pods) ++on_node[pod->As<corev1::Pod>().spec().node_name()];
  const auto rank = [&](const api::ObjectPtr& object) {
    const auto& pod = object->As<corev1::Pod>();
    const std::string& phase = pod.status().phase();
    int restarts = 0;
    for (const auto& status : pod.status().container_statuses()) {
      restarts = std::max(restarts, status.restart_count());
    }
    const auto& annotations = pod.metadata().annotations();
    const auto priced = annotations.find("controller.kubernetes.io/pod-deletion-cost");
    int32_t cost = 0;
    if (priced != annotations.end() && !absl::SimpleAtoi(priced->second, &cost)) cost = 0;
    const bool ready = api::IsPodReady(pod);
    const int64_t ready_since = ready ? absl::ToUnixSeconds(PodAvailableAt(pod, 0)) : 0;
    const int64_t created = absl::ToUnixSeconds(api::ToAbsl(pod.metadata().creation_timestamp()));
    return std::make_tuple(!pod.spec().node_name().empty(),
                           phase == "Running" ? 2 : (phase == "Unknown" ? 1 : 0), ready, cost,
                           -on_node[pod.spec().node_name()], -ready_since, -restarts, -created,
                           pod.metadata().name());
  };
  std::sort(pods.begin(), pods.end(),
            [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return pods;
}

}  // namespace skiff::controllers
