// The manager's part of what concerns nodes: which changes wake the node controller and the pod
// collector, and what is remembered between their looks.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "controllers/controllers.h"
#include "controllers/event_ttl.h"
#include "controllers/pod_gc.h"

namespace skiff::controllers {
namespace {

std::string TaintKey(const corev1::Taint& taint) {
  return absl::StrCat(taint.key(), "=", taint.value(), ":", taint.effect());
}

int64_t LastHeartbeat(const api::ObjectPtr& node) {
  if (node == nullptr) return 0;
  const auto* ready = api::FindCondition(node->As<corev1::Node>().status().conditions(), "Ready");
  return ready == nullptr ? 0 : ready->last_heartbeat_time().seconds();
}

bool IsReady(const api::ObjectPtr& node) {
  if (node == nullptr) return false;
  const auto* ready = api::FindCondition(node->As<corev1::Node>().status().conditions(), "Ready");
  return ready != nullptr && ready->status() == "True";
}

bool SameRenewal(const api::ObjectPtr& a, const api::ObjectPtr& b) {
  return a != nullptr && b != nullptr &&
         Same(a->As<coordinationv1::Lease>().spec().renew_time(),
              b->As<coordinationv1::Lease>().spec().renew_time());
}

}  // namespace

NodeObserved ControllerManager::Observe(const api::ObjectPtr& object) {
  const auto& node = object->As<corev1::Node>();
  NodeMemory& memory = nodes_[node.metadata().name()];
  NodeObserved observed;
  observed.node = object;
  observed.now = executor_->clock().Now();
  observed.all_down = ready_nodes_ == 0;
  const absl::Duration now = executor_->clock().Monotonic();
  const absl::Duration almost = GraceOf(node) - kSecondLook;
  observed.silent_for = now - memory.heard;
  if (observed.silent_for < almost) {
    memory.suspected.reset();
  } else {
    if (!memory.suspected.has_value()) memory.suspected = now;
    observed.silent_for = std::min(observed.silent_for, almost + (now - *memory.suspected));
  }
  std::map<std::string, absl::Time> taints;
  for (const corev1::Taint& taint : node.spec().taints()) {
    const auto known = memory.taints.find(TaintKey(taint));
    const absl::Time since = known == memory.taints.end() ? observed.now : known->second;
    taints[TaintKey(taint)] = since;
    observed.tainted_since.push_back(since);
  }
  memory.taints = std::move(taints);
  if (!NeedsPods(node, observed.silent_for)) return observed;
  for (const auto& [key, pod] : informers_.Of<corev1::Pod>().objects()) {
    if (pod->As<corev1::Pod>().spec().node_name() == node.metadata().name()) {
      observed.pods.push_back(pod);
    }
  }
  return observed;
}

void ControllerManager::AddNodes() {
  Runner* runner = Add("node-controller", [this](const std::string& key) -> Plan {
    const api::ObjectPtr node = informers_.Of<corev1::Node>().Get(key);
    return node == nullptr ? Plan() : ReconcileNode(Observe(node));
  });
  node_runner_ = runner;
  informers_.Of<corev1::Node>().AddHandler(
      [this, runner](const api::ObjectPtr& before, const api::ObjectPtr& now) {
        const bool none_before = ready_nodes_ == 0;
        ready_nodes_ += (IsReady(now) ? 1 : 0) - (IsReady(before) ? 1 : 0);
        if (none_before != (ready_nodes_ == 0)) {
          for (const auto& [key, node] : informers_.Of<corev1::Node>().objects()) {
            runner->Enqueue(key);
          }
        }
        if (now == nullptr) {
          if (before != nullptr) nodes_.erase(before->meta().name());
          return;
        }
        const bool fresh = before == nullptr || before->meta().uid() != now->meta().uid() ||
                           LastHeartbeat(before) != LastHeartbeat(now);
        if (fresh) nodes_[now->meta().name()].heard = executor_->clock().Monotonic();
        runner->Enqueue(client::Informer::KeyOf(*now));
      });
  informers_.Of<coordinationv1::Lease>().AddHandler(
      [this, runner](const api::ObjectPtr& before, const api::ObjectPtr& now) {
        if (now == nullptr || now->meta().namespace_() != "kube-node-lease") return;
        const auto known = nodes_.find(now->meta().name());
        if (known == nodes_.end() || SameRenewal(before, now)) return;
        known->second.heard = executor_->clock().Monotonic();
        runner->Enqueue(absl::StrCat("/", now->meta().name()));
      });
  // A pod that comes to a node which drives pods away.
  informers_.Of<corev1::Pod>().AddHandler(
      [this, runner](const api::ObjectPtr&, const api::ObjectPtr& now) {
        if (now == nullptr || now->meta().has_deletion_timestamp()) return;
        const std::string key = absl::StrCat("/", now->As<corev1::Pod>().spec().node_name());
        const api::ObjectPtr node = informers_.Of<corev1::Node>().Get(key);
        if (node == nullptr) return;
        for (const corev1::Taint& taint : node->As<corev1::Node>().spec().taints()) {
          if (taint.effect() == "NoExecute") return runner->Enqueue(key);
        }
      });
}

std::set<Executor::TimerId> ControllerManager::SilenceTimers(
    const std::set<std::string>& nodes) const {
  std::set<Executor::TimerId> out;
  if (node_runner_ == nullptr) return out;
  for (const std::string& name : nodes) {
    if (const Executor::TimerId timer = node_runner_->WakeOf("/" + name)) out.insert(timer);
  }
  return out;
}

void ControllerManager::SkipSilence(const std::set<std::string>& nodes, absl::Duration time) {
  for (const std::string& name : nodes) {
    if (node_runner_ != nullptr) node_runner_->Skipped("/" + name, time);
    const auto known = nodes_.find(name);
    if (known == nodes_.end()) continue;
    known->second.heard += time;
    if (known->second.suspected.has_value()) *known->second.suspected += time;
  }
}

void ControllerManager::AddPodGc() {
  Runner* runner = Add("pod-garbage-collector", [this](const std::string& key) -> Plan {
    const api::ObjectPtr pod = informers_.Of<corev1::Pod>().Get(key);
    if (pod == nullptr) return {};
    const std::string& node = pod->As<corev1::Pod>().spec().node_name();
    PodGcObserved observed;
    observed.pod = pod;
    observed.now = executor_->clock().Now();
    observed.node_exists = informers_.Of<corev1::Node>().Get("/" + node) != nullptr;
    observed.missing_since = observed.node_exists || node.empty()
                                 ? observed.now
                                 : missing_nodes_.emplace(node, observed.now).first->second;
    return ReconcilePodGc(observed);
  });
  informers_.Of<corev1::Node>().AddHandler(
      [this, runner](const api::ObjectPtr& before, const api::ObjectPtr& now) {
        if (now != nullptr) missing_nodes_.erase(now->meta().name());
        if (now != nullptr || before == nullptr) return;
        for (const auto& [key, pod] : informers_.Of<corev1::Pod>().objects()) {
          if (pod->As<corev1::Pod>().spec().node_name() == before->meta().name()) {
            runner->Enqueue(key);
          }
        }
      });
  informers_.Of<corev1::Pod>().AddHandler(
      [this, runner](const api::ObjectPtr& before, const api::ObjectPtr& now) {
        if (now == nullptr) {
          if (before != nullptr && !missing_nodes_.empty()) ForgetNode(*before);
          return;
        }
        const std::string& node = now->As<corev1::Pod>().spec().node_name();
        const bool alone = node.empty() ? now->meta().has_deletion_timestamp()
                                        : informers_.Of<corev1::Node>().Get("/" + node) == nullptr;
        if (alone) runner->Enqueue(client::Informer::KeyOf(*now));
      });
}

// With the last of its pods, nothing about a node that is not there is worth keeping.
void ControllerManager::ForgetNode(const api::Object& pod) {
  const std::string& node = pod.As<corev1::Pod>().spec().node_name();
  if (!missing_nodes_.contains(node)) return;
  const auto& pods = informers_.Of<corev1::Pod>().objects();
  const bool last = std::none_of(pods.begin(), pods.end(), [&](const auto& other) {
    return other.second->template As<corev1::Pod>().spec().node_name() == node;
  });
  if (last) missing_nodes_.erase(node);
}

void ControllerManager::AddEvents() {
  Runner* runner = Add("event-ttl", [this](const std::string& key) -> Plan {
    const api::ObjectPtr event = informers_.Of<corev1::Event>().Get(key);
    return event == nullptr ? Plan() : ReconcileEvent(event, executor_->clock().Now());
  });
  OnOwn(api::ResourceOf<corev1::Event>(), runner);
}

}  // namespace skiff::controllers
