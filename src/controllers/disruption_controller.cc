// The manager's part of what concerns disruption budgets: what wakes their controller, and what the
// pods' own controllers are asked for.
#include "absl/strings/str_cat.h"
#include "api/disruption_budget.h"
#include "api/scale.h"
#include "controllers/controllers.h"

namespace skiff::controllers {

void ControllerManager::AddDisruptions() {
  client::Informer& budgets = informers_.Of<policyv1::PodDisruptionBudget>();
  client::Informer& pods = informers_.Of<corev1::Pod>();
  Runner* runner = Add("disruption-controller", [this, &budgets, &pods](const std::string& key) {
    DisruptionObserved observed;
    observed.budget = budgets.Get(key);
    if (observed.budget == nullptr) return Plan();
    observed.now = executor_->clock().Now();
    const auto& budget = observed.budget->As<policyv1::PodDisruptionBudget>();
    for (const api::ObjectPtr& pod : pods.In(budget.metadata().namespace_())) {
      if (api::Selects(budget, pod->As<corev1::Pod>())) observed.pods.push_back(pod);
    }
    observed.scale_of = [this](const api::Object& pod) { return ScaleOf(pod); };
    return ReconcileDisruption(observed);
  });
  OnOwn(api::ResourceOf<policyv1::PodDisruptionBudget>(), runner);
  pods.AddHandler([runner, &budgets](const api::ObjectPtr& before, const api::ObjectPtr& now) {
    for (const api::ObjectPtr& pod : {before, now}) {
      if (pod == nullptr) continue;
      for (const api::ObjectPtr& budget : budgets.In(pod->meta().namespace_())) {
        if (api::Selects(budget->As<policyv1::PodDisruptionBudget>(), pod->As<corev1::Pod>())) {
          runner->Enqueue(client::Informer::KeyOf(*budget));
        }
      }
    }
  });
  informers_.ForEach([runner, &budgets](client::Informer& informer) {
    if (!api::HasScale(informer.resource())) return;
    informer.AddHandler(
        [runner, &budgets](const api::ObjectPtr& before, const api::ObjectPtr& now) {
          const api::ObjectPtr& any = now != nullptr ? now : before;
          if (any == nullptr) return;
          if (before != nullptr && now != nullptr &&
              before->meta().generation() == now->meta().generation()) {
            return;
          }
          for (const api::ObjectPtr& budget : budgets.In(any->meta().namespace_())) {
            runner->Enqueue(client::Informer::KeyOf(*budget));
          }
        });
  });
}

// Of what controls that object; of a replica set that a deployment has made, the deployment's.
absl::StatusOr<Scaled> ControllerManager::ScaleOf(const api::Object& controlled) {
  const metav1::OwnerReference& owner = *ControllerOf(controlled);
  const api::ResourceInfo* resource = api::FindKind(owner.api_version(), owner.kind());
  if (resource == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no matches for kind \"", owner.kind(), "\" in version \"", owner.api_version(), "\""));
  }
  if (!api::HasScale(*resource)) {
    return absl::FailedPreconditionError(
        absl::StrCat(resource->qualified(), " does not implement the scale subresource"));
  }
  const api::ObjectPtr found =
      informers_.Of(*resource).Get(absl::StrCat(controlled.meta().namespace_(), "/", owner.name()));
  if (found == nullptr || found->meta().uid() != owner.uid()) {
    return absl::NotFoundError(absl::StrCat(owner.kind(), " ", owner.name(), " is not there"));
  }
  const metav1::OwnerReference* above = ControllerOf(*found);
  if (above != nullptr && above->kind() == api::ResourceOf<appsv1::Deployment>().kind) {
    return ScaleOf(*found);
  }
  return Scaled{found->meta().uid(), api::ScaleOf(*found).spec().replicas()};
}

}  // namespace skiff::controllers
