// Deployments: replica sets, one a template, and the walk from the old ones to the new.
#pragma once

#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

struct DeploymentObserved {
  api::ObjectPtr deployment;
  std::vector<api::ObjectPtr> replica_sets;  // Those it controls, in key order.
  absl::Time now;
  std::vector<api::ObjectPtr> strays =
      {};  // Those of its namespace that nobody controls, in key order.
};

Plan ReconcileDeployment(const DeploymentObserved& observed);

// The pod-template-hash of a template: the same template gives the same hash, everywhere and
// always.
std::string TemplateHash(const corev1::PodTemplateSpec& pod_template);

}  // namespace skiff::controllers
