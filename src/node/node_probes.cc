// Node's probes: which are asked of what runs, and what follows from their answers.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "node/handlers.h"
#include "node/node.h"

namespace skiff::node {
namespace {

const char* NameOf(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kStartup:
      return "Startup";
    case ProbeKind::kReadiness:
      return "Readiness";
    case ProbeKind::kLiveness:
      return "Liveness";
  }
  return "";
}

}  // namespace

void Node::UpdateProbers(const std::string& uid, Pod& pod) {
  const auto& typed = pod.object->As<corev1::Pod>();
  for (const corev1::Container& container : typed.spec().init_containers()) {
    if (IsSidecar(container, true)) Probe(uid, pod, container);
  }
  for (const corev1::Container& container : typed.spec().containers()) {
    Probe(uid, pod, container);
  }
}

void Node::Probe(const std::string& uid, Pod& pod, const corev1::Container& container) {
  const std::string& name = container.name();
  const runtime::ContainerState* state = FindContainer(pod.state, name);
  const bool running = state != nullptr && state->phase == runtime::ContainerPhase::kRunning &&
                       !pod.object->meta().has_deletion_timestamp() &&
                       !pod.memory.stops.contains(name);
  const std::string prefix = absl::StrCat(name, "#", running ? state->attempt : -1, "#");
  // Probers of attempts that are over.
  for (auto it = pod.probers.begin(); it != pod.probers.end();) {
    const bool own = absl::StartsWith(it->first, absl::StrCat(name, "#"));
    it = own && !absl::StartsWith(it->first, prefix) ? pod.probers.erase(it) : std::next(it);
  }
  if (!running) {
    pod.ready.erase(name);
    pod.memory.started.erase(name);
    return;
  }
  if (container.has_readiness_probe()) pod.ready.emplace(name, false);
  if (container.has_startup_probe()) pod.memory.started.emplace(name, false);
  if (pod.memory.post_start.contains(name)) return;
  if (container.has_startup_probe()) {
    StartProber(uid, pod, prefix + "startup", ProbeKind::kStartup, container.startup_probe(),
                container);
    if (!pod.memory.started[name]) return;
  }
  if (container.has_readiness_probe()) {
    StartProber(uid, pod, prefix + "readiness", ProbeKind::kReadiness, container.readiness_probe(),
                container);
  }
  if (container.has_liveness_probe()) {
    StartProber(uid, pod, prefix + "liveness", ProbeKind::kLiveness, container.liveness_probe(),
                container);
  }
}

void Node::StartProber(const std::string& uid, Pod& pod, const std::string& key, ProbeKind kind,
                       const corev1::Probe& probe, const corev1::Container& container) {
  auto& slot = pod.probers[key];
  if (slot != nullptr) return;
  const HandlerTarget target = TargetOf(uid, pod, container);
  const std::string name = container.name();
  const int64_t grace =
      probe.has_termination_grace_period_seconds()
          ? probe.termination_grace_period_seconds()
          : pod.object->As<corev1::Pod>().spec().termination_grace_period_seconds();
  Prober::Listener listener;
  listener.failed = [this, uid, name, kind](const std::string& why) {
    if (const PodPtr now = Find(uid)) {
      Say(*now, "Warning", "Unhealthy", absl::StrCat(NameOf(kind), " probe failed: ", why), name);
    }
  };
  listener.opinion = [this, uid, name, kind, grace](bool healthy, const std::string&) {
    OnOpinion(uid, name, kind, grace, healthy);
  };
  slot = std::make_unique<Prober>(
      loop_, &waiting_pool_, kind, probe, [probe, target] { return RunProbe(probe, target); },
      std::move(listener));
}

void Node::OnOpinion(const std::string& uid, const std::string& name, ProbeKind kind,
                     int64_t grace_seconds, bool healthy) {
  const PodPtr pod = Find(uid);
  if (pod == nullptr || pod->object == nullptr) return;
  if (kind == ProbeKind::kReadiness) pod->ready[name] = healthy;
  if (kind == ProbeKind::kStartup) pod->memory.started[name] = healthy;
  if (kind != ProbeKind::kReadiness && !healthy) {
    Stopping(uid, name, grace_seconds,
             absl::StrCat("Container ", name, " failed ",
                          kind == ProbeKind::kStartup ? "startup" : "liveness",
                          " probe, will be restarted"));
  }
  // Not at once: what is next may end the prober that speaks.
  loop_->Post([this, alive = alive_, uid] {
    if (*alive) Sync(uid);
  });
}

}  // namespace skiff::node
