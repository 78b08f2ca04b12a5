// Namespaces that are being deleted: first all that is in them, then they.
#pragma once

#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

struct NamespaceObserved {
  api::ObjectPtr name_space;
  std::vector<api::ObjectPtr> contents;  // Everything in it, in a fixed order.
};

Plan ReconcileNamespace(const NamespaceObserved& observed);

}  // namespace skiff::controllers
