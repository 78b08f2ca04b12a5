#include "controllers/node_lifecycle.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "api/time.h"

namespace skiff::controllers {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(50);
// For a node that has never said how it is.
constexpr absl::Duration kStartupGrace = absl::Seconds(60);
constexpr char kUnreachable[] = "node.kubernetes.io/unreachable";
constexpr char kNotReady[] = "node.kubernetes.io/not-ready";

const corev1::NodeCondition* Find(const corev1::Node& node, const std::string& type) {
  for (const corev1::NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

bool IsSilent(const corev1::Node& node, absl::Duration silent_for) {
  return silent_for >= GraceOf(node);
}

bool IsTaintedNoExecute(const corev1::Node& node) {
  const auto& taints = node.spec().taints();
  return std::any_of(taints.begin(), taints.end(),
                     [](const auto& taint) { return taint.effect() == "NoExecute"; });
}

// What nobody has reported for too long is unknown.
void MarkUnknown(absl::Time now, corev1::Node* node) {
  for (const char* type : {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}) {
    corev1::NodeCondition* condition = nullptr;
    for (auto& each : *node->mutable_status()->mutable_conditions()) {
      if (each.type() == type) condition = &each;
    }
    const bool never = condition == nullptr;
    if (never) {
      condition = node->mutable_status()->add_conditions();
      condition->set_type(type);
      *condition->mutable_last_heartbeat_time() = node->metadata().creation_timestamp();
    } else if (condition->status() == "Unknown") {
      continue;
    }
    condition->set_status("Unknown");
    condition->set_reason(never ? "NodeStatusNeverUpdated" : "NodeStatusUnknown");
    condition->set_message(never ? "Kubelet never posted node status."
                                 : "Kubelet stopped posting node status.");
    *condition->mutable_last_transition_time() = api::MakeTime(now);
  }
}

// The taints that the node's state calls for; those of other keys are its users'.
void SetTaints(absl::Time now, bool all_down, corev1::Node* node) {
  const auto is = [&](const char* type, const char* status) {
    const corev1::NodeCondition* condition = Find(*node, type);
    return condition != nullptr && condition->status() == status;
  };
  const std::pair<const char*, bool> wanted[] = {
      {kNotReady, is("Ready", "False")},
      {kUnreachable, is("Ready", "Unknown")},
      {"node.kubernetes.io/memory-pressure", is("MemoryPressure", "True")},
      {"node.kubernetes.io/disk-pressure", is("DiskPressure", "True")},
      {"node.kubernetes.io/pid-pressure", is("PIDPressure", "True")},
      {"node.kubernetes.io/network-unavailable", is("NetworkUnavailable", "True")},
      {"node.kubernetes.io/unschedulable", node->spec().unschedulable()},
  };
  auto* taints = node->mutable_spec()->mutable_taints();
  for (const auto& [key, holds] : wanted) {
    for (const char* effect : {"NoSchedule", "NoExecute"}) {
      const bool drives_away = absl::string_view(effect) == "NoExecute";
      // Only readiness does.
      if (drives_away && key != kNotReady && key != kUnreachable) continue;
      const auto at = std::find_if(taints->begin(), taints->end(), [&](const auto& taint) {
        return taint.key() == key && taint.effect() == effect;
      });
      const bool wanted_here = holds && !(drives_away && all_down);
      if (wanted_here && at == taints->end()) {
        corev1::Taint* taint = taints->Add();
        taint->set_key(key);
        taint->set_effect(effect);
        *taint->mutable_time_added() = api::MakeTime(now);
      } else if (!wanted_here && at != taints->end()) {
        taints->erase(at);
      }
    }
  }
}

// How long the pod bears the taint; nothing if it must go at once, infinity if it stays.
absl::Duration Tolerance(const corev1::Pod& pod, const corev1::Taint& taint) {
  absl::Duration shortest = absl::InfiniteDuration();
  bool tolerated = false;
  for (const corev1::Toleration& toleration : pod.spec().tolerations()) {
    const bool key = toleration.key().empty() || toleration.key() == taint.key();
    const bool effect = toleration.effect().empty() || toleration.effect() == taint.effect();
    const bool value = toleration.operator_() == "Exists" || toleration.value() == taint.value();
    if (!key || !effect || !value) continue;
    tolerated = true;
    if (toleration.has_toleration_seconds()) {
      shortest = std::min(shortest, absl::Seconds(toleration.toleration_seconds()));
    }
  }
  return tolerated ? shortest : absl::ZeroDuration();
}

// When the pod came to the node: one that came to a tainted node has its whole time yet.
absl::Time BoundAt(const corev1::Pod& pod) {
  for (const corev1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() == "PodScheduled" && condition.status() == "True") {
      return api::ToAbsl(condition.last_transition_time());
    }
  }
  return api::ToAbsl(pod.metadata().creation_timestamp());
}

class Round {
 public:
  explicit Round(const NodeObserved& observed)
      : observed_(observed), node_(observed.node->As<corev1::Node>()), pods_(observed.pods) {
    std::sort(pods_.begin(), pods_.end(), [](const auto& a, const auto& b) {
      return std::tie(a->meta().namespace_(), a->meta().name()) <
             std::tie(b->meta().namespace_(), b->meta().name());
    });
  }

  // One change of the node at a time: the next step goes on from what is stored.
  Plan Run() {
    if (node_.metadata().has_deletion_timestamp()) return {};
    const corev1::NodeCondition* ready = Find(node_, "Ready");
    if (!IsSilent(node_, observed_.silent_for)) {
      const absl::Duration grace = GraceOf(node_);
      const bool first_look = observed_.silent_for < grace - kSecondLook;
      plan_.WakeAt(observed_.now + grace - observed_.silent_for -
                   (first_look ? kSecondLook : absl::ZeroDuration()));
    } else if (ready == nullptr || ready->status() != "Unknown") {
      FallSilent();
      return std::move(plan_);
    }
    auto changed = observed_.node->CopyAs<corev1::Node>();
    SetTaints(observed_.now, observed_.all_down, changed.get());
    if (!Same(changed->spec(), node_.spec())) {
      plan_.writes.push_back(client::Write::Update(std::move(changed)));
      return std::move(plan_);
    }
    for (const api::ObjectPtr& pod : pods_) {
      if (!pod->meta().has_deletion_timestamp()) Consider(pod);
    }
    return std::move(plan_);
  }

 private:
  void FallSilent() {
    auto changed = observed_.node->CopyAs<corev1::Node>();
    MarkUnknown(observed_.now, changed.get());
    plan_.writes.push_back(client::Write::Update(std::move(changed), "status"));
    plan_.events.push_back(
        {observed_.node, "Normal", "NodeNotReady",
         absl::StrCat("Node ", node_.metadata().name(), " status is now: NodeNotReady")});
    // Once, with the transition: a node that lives after all says itself how its pods are.
    for (const api::ObjectPtr& pod : pods_) {
      if (api::IsPodReady(pod->As<corev1::Pod>())) MarkNotReady(pod);
    }
  }

  void MarkNotReady(const api::ObjectPtr& pod) {
    auto changed = pod->CopyAs<corev1::Pod>();
    for (corev1::PodCondition& condition : *changed->mutable_status()->mutable_conditions()) {
      if (condition.type() != "Ready") continue;
      condition.set_status("False");
      condition.set_reason("NodeNotReady");
      condition.set_message("Node is not ready");
      *condition.mutable_last_transition_time() = api::MakeTime(observed_.now);
    }
    plan_.writes.push_back(client::Write::Update(std::move(changed), "status"));
    plan_.events.push_back({pod, "Warning", "NodeNotReady", "Node is not ready"});
  }

  // Evicts the pod, or says when it is to be looked at again.
  void Consider(const api::ObjectPtr& pod) {
    const auto& typed = pod->As<corev1::Pod>();
    absl::Time end = absl::InfiniteFuture();
    for (int i = 0; i < node_.spec().taints_size(); ++i) {
      const corev1::Taint& taint = node_.spec().taints(i);
      if (taint.effect() != "NoExecute") continue;
      absl::Time since = api::ToAbsl(taint.time_added());
      if (!taint.has_time_added()) {
        since = i < static_cast<int>(observed_.tainted_since.size()) ? observed_.tainted_since[i]
                                                                     : observed_.now;
      }
      end = std::min(end, std::max(since, BoundAt(typed)) + Tolerance(typed, taint));
    }
    if (observed_.now < end) return plan_.WakeAt(end);
    auto changed = pod->CopyAs<corev1::Pod>();
    SetDisruption("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint",
                  observed_.now, changed.get());
    if (!Same(changed->status(), typed.status())) {
      plan_.writes.push_back(client::Write::Update(std::move(changed), "status"));
    }
    plan_.writes.push_back(client::Write::Delete(*pod));
    plan_.events.push_back({pod, "Normal", "TaintManagerEviction",
                            absl::StrCat("Marking for deletion Pod ", pod->meta().namespace_(), "/",
                                         pod->meta().name())});
  }

  const NodeObserved& observed_;
  const corev1::Node& node_;
  std::vector<api::ObjectPtr> pods_;
  Plan plan_;
};

}  // namespace

absl::Duration GraceOf(const corev1::Node& node) {
  return Find(node, "Ready") == nullptr ? kStartupGrace : kGrace;
}

bool NeedsPods(const corev1::Node& node, absl::Duration silent_for) {
  return IsSilent(node, silent_for) || IsTaintedNoExecute(node);
}

Plan ReconcileNode(const NodeObserved& observed) { return Round(observed).Run(); }

}  // namespace skiff::controllers
