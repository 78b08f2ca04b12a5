#include "controllers/disruption.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "api/disruption_budget.h"
#include "api/int_or_string.h"
#include "api/time.h"
#include "base/status.h"

namespace skiff::controllers {
namespace {

class Disruption {
 public:
  explicit Disruption(const DisruptionObserved& observed)
      : observed_(observed),
        budget_(observed.budget->As<policyv1::PodDisruptionBudget>()),
        changed_(observed.budget->CopyAs<policyv1::PodDisruptionBudget>()),
        status_(changed_->mutable_status()) {}

  Plan Make() {
    if (observed_.pods.empty()) Note("Normal", "NoPods", "No matching pods found");
    const absl::Status counted = Expect();
    if (counted.ok()) {
      ForgetGone();
      status_->set_current_healthy(Healthy());
      const int spare = status_->current_healthy() - status_->desired_healthy();
      status_->set_disruptions_allowed(status_->expected_pods() > 0 ? std::max(0, spare) : 0);
      status_->set_observed_generation(budget_.metadata().generation());
      api::SetDisruptionAllowed(observed_.now, changed_.get());
    } else {
      // What is not known is not given away.
      Note("Warning", "CalculateExpectedPodCountFailed",
           absl::StrCat("Failed to calculate the number of expected pods: ", counted.message()));
      status_->set_disruptions_allowed(0);
      auto* condition =
          api::SetCondition("DisruptionAllowed", "False", "SyncFailed", counted.message(),
                            observed_.now, status_->mutable_conditions());
      condition->set_observed_generation(budget_.status().observed_generation());
    }
    if (Same(*status_, budget_.status())) {
      plan_.events.clear();  // They were told when it came to this.
    } else {
      plan_.writes.push_back(client::Write::Update(std::move(changed_), "status"));
    }
    return std::move(plan_);
  }

 private:
  // Of how many pods, and how many of them are to be healthy.
  absl::Status Expect() {
    const auto& spec = budget_.spec();
    if (spec.has_max_unavailable()) {
      SKIFF_ASSIGN_OR_RETURN(const int expected, AskedFor());
      SKIFF_ASSIGN_OR_RETURN(const int unavailable, api::ScaledValue(spec.max_unavailable(),
                                                                     expected, api::Rounding::kUp));
      status_->set_expected_pods(expected);
      status_->set_desired_healthy(std::max(0, expected - unavailable));
      return absl::OkStatus();
    }
    int expected = 0;
    int desired = 0;
    if (spec.has_min_available()) {
      expected = static_cast<int>(observed_.pods.size());
      if (api::IsString(spec.min_available())) {
        SKIFF_ASSIGN_OR_RETURN(expected, AskedFor());
      }
      SKIFF_ASSIGN_OR_RETURN(desired,
                             api::ScaledValue(spec.min_available(), expected, api::Rounding::kUp));
    }
    status_->set_expected_pods(expected);
    status_->set_desired_healthy(desired);
    return absl::OkStatus();
  }

  // By all that control one of the pods.
  absl::StatusOr<int> AskedFor() {
    std::map<std::string, int> asked;
    bool unmanaged = false;
    for (const api::ObjectPtr& pod : observed_.pods) {
      if (ControllerOf(*pod) == nullptr) {
        unmanaged = true;
        continue;
      }
      const auto scaled = observed_.scale_of(*pod);
      if (absl::IsNotFound(scaled.status())) {
        return absl::NotFoundError(
            absl::StrCat("found no controllers for pod \"", pod->meta().name(), "\""));
      }
      SKIFF_RETURN_IF_ERROR(scaled.status());
      asked[scaled->uid] = scaled->replicas;
    }
    if (unmanaged) {
      const auto selector = api::LabelSelector::FromProto(budget_.spec().selector());
      Note("Warning", "UnmanagedPods",
           absl::StrCat("Pods selected by this PodDisruptionBudget (selector: ",
                        selector.ok() ? selector->ToString() : "",
                        ") were found to be unmanaged. As a result, the status of the PDB cannot "
                        "be calculated correctly, which may result in undefined behavior. To "
                        "account for these pods please set \".spec.minAvailable\" field of the PDB "
                        "to an integer value."));
    }
    int sum = 0;
    for (const auto& [uid, replicas] : asked) sum += replicas;
    return sum;
  }

  // Pods that were evicted and are going do not count for themselves any more; of those that have
  // not begun to go in time it is taken that they stay.
  void ForgetGone() {
    auto* disrupted = status_->mutable_disrupted_pods();
    disrupted->clear();
    for (const api::ObjectPtr& pod : observed_.pods) {
      const auto evicted = budget_.status().disrupted_pods().find(pod->meta().name());
      if (evicted == budget_.status().disrupted_pods().end()) continue;
      if (pod->meta().has_deletion_timestamp()) continue;
      const absl::Time stays = api::ToAbsl(evicted->second) + api::kEvictionTimeout;
      if (stays <= observed_.now) {
        plan_.events.push_back(
            {pod, "Warning", "NotDeleted",
             absl::StrCat("Pod was expected by PDB ", budget_.metadata().namespace_(), "/",
                          budget_.metadata().name(), " to be deleted but it wasn't")});
        continue;
      }
      (*disrupted)[pod->meta().name()] = evicted->second;
      plan_.WakeAt(stays);
    }
  }

  int Healthy() const {
    return static_cast<int>(
        std::count_if(observed_.pods.begin(), observed_.pods.end(), [&](const auto& pod) {
          return !pod->meta().has_deletion_timestamp() &&
                 !status_->disrupted_pods().contains(pod->meta().name()) &&
                 api::IsPodReady(pod->template As<corev1::Pod>());
        }));
  }

  void Note(const char* type, const char* reason, std::string message) {
    plan_.events.push_back({observed_.budget, type, reason, std::move(message)});
  }

  const DisruptionObserved& observed_;
  const policyv1::PodDisruptionBudget& budget_;
  std::unique_ptr<policyv1::PodDisruptionBudget> changed_;
  policyv1::PodDisruptionBudgetStatus* const status_;
  Plan plan_;
};

}  // namespace

Plan ReconcileDisruption(const DisruptionObserved& observed) { return Disruption(observed).Make(); }

}  // namespace skiff::controllers
