// Planner's evictions: deletions of pods that ask the PodDisruptionBudgets first. What is spent of
// a budget and the deletion are one transaction.
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "api/disruption_budget.h"
#include "api/errors.h"
#include "api/time.h"
#include "apiserver/rest/planner.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

// So many evictions may wait for the disruption controller to take note of them.
constexpr int kMaxDisruptedPods = 2000;
constexpr int kRetrySeconds = 10;

// What does not run disturbs nobody when it goes.
bool NeedsNoBudget(const corev1::Pod& pod) {
  const std::string& phase = pod.status().phase();
  return phase == "Succeeded" || phase == "Failed" || phase == "Pending" ||
         pod.metadata().has_deletion_timestamp();
}

// A pod that is not ready is none of those that the budget counts.
bool LetsUnreadyGo(const policyv1::PodDisruptionBudget& budget) {
  if (budget.spec().unhealthy_pod_eviction_policy() == "AlwaysAllow") return true;
  const auto& status = budget.status();
  return status.desired_healthy() > 0 && status.current_healthy() >= status.desired_healthy();
}

absl::Status Refused(const std::string& cause, int retry_after_seconds) {
  metav1::Status status = api::ToMetaStatus(api::TooManyRequests(
      "Cannot evict pod as it would violate the pod's disruption budget.", retry_after_seconds));
  auto* why = status.mutable_details()->add_causes();
  why->set_reason("DisruptionBudget");
  why->set_message(cause);
  return api::FromMetaStatus(status);
}

absl::Status SeveralBudgets() {
  metav1::Status status;
  status.set_status("Failure");
  status.set_message(
      "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
      "support.");
  status.set_code(500);
  return api::FromMetaStatus(status);
}

absl::Status CheckBudget(const api::Object& object) {
  const auto& budget = object.As<policyv1::PodDisruptionBudget>();
  const auto& status = budget.status();
  const std::string& name = budget.metadata().name();
  if (status.observed_generation() < budget.metadata().generation()) {
    return Refused(
        absl::StrCat("The disruption budget ", name, " is still being processed by the server."),
        kRetrySeconds);
  }
  if (status.disrupted_pods_size() > kMaxDisruptedPods) {
    return api::Forbidden(object.resource(), name,
                          "DisruptedPods map too big - too many evictions not confirmed by PDB "
                          "controller");
  }
  if (status.disruptions_allowed() > 0) return absl::OkStatus();
  return Refused(absl::StrCat("The disruption budget ", name, " needs ", status.desired_healthy(),
                              " healthy pods and has ", status.current_healthy(), " currently"),
                 0);
}

// What the eviction says of the deletion.
absl::Status TakeOptions(client::Write* write) {
  const auto& eviction = static_cast<const policyv1::Eviction&>(*write->object);
  if (write->name.empty()) write->name = eviction.metadata().name();
  if (write->name_space.empty()) write->name_space = eviction.metadata().namespace_();
  if (write->name != eviction.metadata().name()) {
    return api::BadRequest("name in URL does not match name in Eviction object");
  }
  const auto& options = eviction.delete_options();
  if (options.has_grace_period_seconds()) {
    write->grace_period_seconds = options.grace_period_seconds();
  }
  write->propagation_policy = options.propagation_policy();
  const auto& wanted = options.preconditions();
  if (write->uid.empty()) write->uid = wanted.uid();
  if (write->if_revision == 0 && !wanted.resource_version().empty() &&
      !absl::SimpleAtoi(wanted.resource_version(), &write->if_revision)) {
    return api::BadRequest(
        absl::StrCat("deleteOptions.preconditions.resourceVersion: Invalid value: \"",
                     wanted.resource_version(), "\": must be a number"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Planner::Evict(client::Write write) {
  SKIFF_RETURN_IF_ERROR(TakeOptions(&write));
  const std::string key = store::Key(*write.resource, write.name_space, write.name);
  SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr old, Current(write, key));
  const auto& pod = old->As<corev1::Pod>();
  SKIFF_RETURN_IF_ERROR(Check(*env_.plugins,
                              RequestOf(AdmissionRequest::Operation::kDelete, *write.resource,
                                        old->meta(), &old->message()),
                              nullptr));
  if (!NeedsNoBudget(pod)) SKIFF_RETURN_IF_ERROR(SpendBudget(pod));
  auto changed = old->CopyAs<corev1::Pod>();
  api::SetCondition("DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting",
                    env_.now, changed->mutable_status()->mutable_conditions());
  return DeletePod(old, key, write, std::move(changed));
}

absl::Status Planner::SpendBudget(const corev1::Pod& pod) {
  api::ObjectPtr budget;
  bool several = false;
  list_(api::ResourceOf<policyv1::PodDisruptionBudget>(), pod.metadata().namespace_(),
        [&](const api::ObjectPtr& one) {
          if (!api::Selects(one->As<policyv1::PodDisruptionBudget>(), pod)) return;
          several = several || budget != nullptr;
          budget = one;
        });
  if (budget == nullptr) return absl::OkStatus();
  if (several) return SeveralBudgets();
  if (!api::IsPodReady(pod) && LetsUnreadyGo(budget->As<policyv1::PodDisruptionBudget>())) {
    return absl::OkStatus();
  }
  SKIFF_RETURN_IF_ERROR(CheckBudget(*budget));
  auto spent = budget->CopyAs<policyv1::PodDisruptionBudget>();
  auto* status = spent->mutable_status();
  status->set_disruptions_allowed(status->disruptions_allowed() - 1);
  if (status->disruptions_allowed() == 0) api::SetDisruptionAllowed(env_.now, spent.get());
  // It is not counted as healthy any more, whatever the controller's view still shows.
  (*status->mutable_disrupted_pods())[pod.metadata().name()] = api::MakeTime(env_.now);
  Put(store::Key(budget->resource(), budget->meta().namespace_(), budget->meta().name()), budget,
      std::move(spent));
  outcomes_.pop_back();  // Nobody asked for it.
  return absl::OkStatus();
}

}  // namespace skiff::apiserver
