// Ownership: what goes when its owners go, and in which order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controllers/plan.h"

namespace skiff::controllers {

struct GarbageObserved {
  api::ObjectPtr object;
  // Those that name it as an owner, in a fixed order.
  std::vector<api::ObjectPtr> dependents;
  // Whether an object of that uid exists.
  std::function<bool(const std::string& uid)> exists;
  // Whether it was seen to go. What was never seen may yet have to be: the views of owners and of
  // dependents are not of one instant. Null: every absence is certain.
  std::function<bool(const std::string& uid)> seen_to_go = nullptr;
  absl::Time now = absl::InfiniteFuture();
};

// Deletes an object whose owners are all gone (for one with an owner that was never seen, not
// before it is two seconds old; never one with an owner of a kind that is not served: nobody can
// tell whether it is there); walks one that is being deleted in the foreground, or whose dependents
// are to be orphaned, through its finalizers.
Plan ReconcileGarbage(const GarbageObserved& observed);

}  // namespace skiff::controllers
