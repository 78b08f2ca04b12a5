#include "controllers/pod_gc.h"

namespace skiff::controllers {
namespace {

constexpr absl::Duration kQuarantine = absl::Seconds(40);

}  // namespace

Plan ReconcilePodGc(const PodGcObserved& observed) {
  Plan plan;
  const auto& pod = observed.pod->As<corev1::Pod>();
  const bool bound = !pod.spec().node_name().empty();
  if (bound ? observed.node_exists : !pod.metadata().has_deletion_timestamp()) return plan;
  if (bound && observed.now < observed.missing_since + kQuarantine) {
    plan.WakeAt(observed.missing_since + kQuarantine);
    return plan;
  }
  auto changed = observed.pod->CopyAs<corev1::Pod>();
  if (pod.status().phase() != "Succeeded" && pod.status().phase() != "Failed") {
    changed->mutable_status()->set_phase("Failed");
    if (bound) {
      SetDisruption("DeletionByPodGC", "PodGC: node no longer exists", observed.now, changed.get());
    }
    plan.writes.push_back(client::Write::Update(std::move(changed), "status"));
  }
  // With a finalizer on it, it stays until that is taken off.
  if (!pod.metadata().has_deletion_timestamp() ||
      pod.metadata().deletion_grace_period_seconds() > 0) {
    client::Write write = client::Write::Delete(*observed.pod);
    write.grace_period_seconds = 0;
    plan.writes.push_back(std::move(write));
  }
  return plan;
}

}  // namespace skiff::controllers
