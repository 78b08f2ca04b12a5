// Ownership: what goes when its owners go, and in which order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "controllers/plan.h"

namespace skiff::controllers {

struct GarbageObserved {
  api::ObjectPtr object;
  // Those that name it as an owner, in a fixed order.
  std::vector<api::ObjectPtr> dependents;
  // Whether an object of that uid exists.
  std::function<bool(const std::string& uid)> exists;
};

// Deletes an object whose owners are all gone (never one with an owner of a kind that is not
// served: nobody can tell whether it is there); walks one that is being deleted in the foreground,
// or whose dependents are to be orphaned, through its finalizers.
Plan ReconcileGarbage(const GarbageObserved& observed);

}  // namespace skiff::controllers
