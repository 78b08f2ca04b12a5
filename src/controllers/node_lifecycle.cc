#include "controllers/node_lifecycle.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/time.h"

namespace skiff::controllers {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(40);
constexpr char kUnreachable[] = "node.kubernetes.io/unreachable";
constexpr char kNotReady[] = "node.kubernetes.io/not-ready";

const corev1::NodeCondition* Ready(const corev1::Node& node) {
  for (const corev1::NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == "Ready") return &condition;
  }
  return nullptr;
}

// The taints that `status` of Ready calls for, with those of other keys kept.
void SetTaints(const std::string& status, absl::Time now, corev1::Node* node) {
  const char* key = status == "Unknown" ? kUnreachable : status == "False" ? kNotReady : "";
  auto* taints = node->mutable_spec()->mutable_taints();
  taints->erase(std::remove_if(taints->begin(), taints->end(),
                               [&](const corev1::Taint& taint) {
                                 return (taint.key() == kUnreachable || taint.key() == kNotReady) &&
                                        taint.key() != key;
                               }),
                taints->end());
  if (*key == '\0') return;
  for (const char* effect : {"NoSchedule", "NoExecute"}) {
    const bool present = std::any_of(taints->begin(), taints->end(), [&](const auto& taint) {
      return taint.key() == key && taint.effect() == effect;
    });
    if (present) continue;
    corev1::Taint* taint = taints->Add();
    taint->set_key(key);
    taint->set_effect(effect);
    *taint->mutable_time_added() = api::MakeTime(now);
  }
}

// How long the pod bears the taint; nothing if it must go at once, infinity if it stays.
absl::Duration Tolerance(const corev1::Pod& pod, const corev1::Taint& taint) {
  absl::Duration longest = -absl::InfiniteDuration();
  for (const corev1::Toleration& toleration : pod.spec().tolerations()) {
    const bool key = toleration.key().empty() || toleration.key() == taint.key();
    const bool effect = toleration.effect().empty() || toleration.effect() == taint.effect();
    const bool value = toleration.operator_() == "Exists" || toleration.value() == taint.value();
    if (!key || !effect || !value) continue;
    const absl::Duration own = toleration.has_toleration_seconds()
                                   ? absl::Seconds(toleration.toleration_seconds())
                                   : absl::InfiniteDuration();
    // Several tolerations: the shortest time counts.
    longest = longest == -absl::InfiniteDuration() ? own : std::min(longest, own);
  }
  return longest == -absl::InfiniteDuration() ? absl::ZeroDuration() : longest;
}

}  // namespace

Plan ReconcileNode(const NodeObserved& observed) {
  Plan plan;
  const auto& node = observed.node->As<corev1::Node>();
  const corev1::NodeCondition* ready = Ready(node);
  if (ready == nullptr) return plan;
  absl::Time heard = api::ToAbsl(ready->last_heartbeat_time());
  if (observed.lease != nullptr) {
    heard = std::max(heard,
                     api::ToAbsl(observed.lease->As<coordinationv1::Lease>().spec().renew_time()));
  }
  const bool silent = observed.now >= heard + kGrace;
  if (!silent) plan.WakeAt(heard + kGrace);
  std::string status = ready->status();
  if (silent && status != "Unknown") {
    status = "Unknown";
    auto changed = observed.node->CopyAs<corev1::Node>();
    for (corev1::NodeCondition& condition : *changed->mutable_status()->mutable_conditions()) {
      condition.set_status("Unknown");
      condition.set_reason("NodeStatusUnknown");
      condition.set_message("Kubelet stopped posting node status.");
      *condition.mutable_last_transition_time() = api::MakeTime(observed.now);
    }
    plan.writes.push_back(client::Write::Update(std::move(changed), "status"));
    plan.events.push_back(
        {observed.node, "Normal", "NodeNotReady",
         absl::StrCat("Node ", node.metadata().name(), " status is now: NodeNotReady")});
    return plan;  // The taints follow on the newer object.
  }
  auto changed = observed.node->CopyAs<corev1::Node>();
  SetTaints(status, observed.now, changed.get());
  if (!Same(changed->spec(), node.spec())) {
    plan.writes.push_back(client::Write::Update(std::move(changed)));
    return plan;
  }
  for (const corev1::Taint& taint : node.spec().taints()) {
    if (taint.effect() != "NoExecute") continue;
    for (const api::ObjectPtr& pod : observed.pods) {
      if (pod->meta().has_deletion_timestamp()) continue;
      const absl::Time end =
          api::ToAbsl(taint.time_added()) + Tolerance(pod->As<corev1::Pod>(), taint);
      if (observed.now >= end) {
        plan.writes.push_back(client::Write::Delete(*pod));
        plan.events.push_back({pod, "Normal", "TaintManagerEviction",
                               absl::StrCat("Marking for deletion Pod ", pod->meta().namespace_(),
                                            "/", pod->meta().name())});
      } else {
        plan.WakeAt(end);
      }
    }
  }
  return plan;
}

}  // namespace skiff::controllers
