// Namespaces that are being deleted: first the pods in them, then all else, then they.
#pragma once

#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

struct NamespaceObserved {
  api::ObjectPtr name_space;
  std::vector<api::ObjectPtr> contents;  // Everything in it, in any order.
  absl::Time now = absl::UnixEpoch();
};

// The conditions of its status say what is left and which finalizers hold it.
Plan ReconcileNamespace(const NamespaceObserved& observed);

}  // namespace skiff::controllers
