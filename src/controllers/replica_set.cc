#include "controllers/replica_set.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/conditions.h"

namespace skiff::controllers {
namespace {

// One transaction makes at most so many pods: a thousand replicas do not wait for one giant commit.
constexpr int kBurst = 500;

std::unique_ptr<corev1::Pod> MakePod(const api::Object& owner, const appsv1::ReplicaSet& set) {
  auto pod = std::make_unique<corev1::Pod>();
  const auto& template_meta = set.spec().template_().metadata();
  metav1::ObjectMeta* meta = pod->mutable_metadata();
  meta->set_generate_name(absl::StrCat(set.metadata().name(), "-"));
  meta->set_namespace_(set.metadata().namespace_());
  *meta->mutable_labels() = template_meta.labels();
  *meta->mutable_annotations() = template_meta.annotations();
  *meta->add_owner_references() = MakeControllerRef(owner);
  *pod->mutable_spec() = set.spec().template_().spec();
  return pod;
}

}  // namespace

Plan ReconcileReplicaSet(const ReplicaSetObserved& observed) {
  Plan plan;
  const auto& set = observed.replica_set->As<appsv1::ReplicaSet>();
  Claim(*observed.replica_set, set.spec().selector(), observed.pods, observed.strays, &plan);
  if (!plan.writes.empty()) return plan;
  std::vector<api::ObjectPtr> active;
  int terminating = 0;
  for (const api::ObjectPtr& pod : observed.pods) {
    const auto& typed = pod->As<corev1::Pod>();
    if (IsPodActive(typed)) active.push_back(pod);
    terminating += IsPodTerminating(typed) ? 1 : 0;
  }
  const int wanted = set.spec().replicas();
  const int have = static_cast<int>(active.size());
  if (!set.metadata().has_deletion_timestamp()) {
    for (int i = have; i < std::min(wanted, have + kBurst); ++i) {
      plan.events.push_back({observed.replica_set, "Normal", "SuccessfulCreate",
                             "Created pod: ", static_cast<int>(plan.writes.size())});
      plan.writes.push_back(client::Write::Create(MakePod(*observed.replica_set, set)));
    }
    if (have > wanted) {
      const std::vector<api::ObjectPtr> ranked = InOrderOfRemoval(active);
      for (int i = 0; i < have - wanted; ++i) {
        plan.writes.push_back(client::Write::Delete(*ranked[i]));
        plan.events.push_back({observed.replica_set, "Normal", "SuccessfulDelete",
                               absl::StrCat("Deleted pod: ", ranked[i]->meta().name())});
      }
    }
  }
  auto changed = observed.replica_set->CopyAs<appsv1::ReplicaSet>();
  appsv1::ReplicaSetStatus* status = changed->mutable_status();
  int ready = 0;
  int available = 0;
  for (const api::ObjectPtr& object : active) {
    const auto& pod = object->As<corev1::Pod>();
    if (!api::IsPodReady(pod)) continue;
    ++ready;
    if (IsPodAvailable(pod, set.spec().min_ready_seconds(), observed.now)) {
      ++available;
    } else {
      plan.WakeAt(PodAvailableAt(pod, set.spec().min_ready_seconds()));
    }
  }
  status->set_replicas(have);
  status->set_fully_labeled_replicas(have);
  status->set_ready_replicas(ready);
  status->set_available_replicas(available);
  status->set_terminating_replicas(terminating);
  status->set_observed_generation(set.metadata().generation());
  if (!Same(changed->status(), set.status())) {
    plan.writes.push_back(client::Write::Update(std::move(changed), "status"));
  }
  return plan;
}

}  // namespace skiff::controllers
