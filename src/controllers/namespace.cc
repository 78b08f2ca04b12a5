#include "controllers/namespace.h"

namespace skiff::controllers {
namespace {

// One transaction deletes at most so many objects; the next round takes the next ones.
constexpr size_t kBurst = 500;

}  // namespace

Plan ReconcileNamespace(const NamespaceObserved& observed) {
  Plan plan;
  if (!observed.name_space->meta().has_deletion_timestamp()) return plan;
  for (const api::ObjectPtr& object : observed.contents) {
    if (object->meta().has_deletion_timestamp()) continue;
    if (plan.writes.size() == kBurst) return plan;
    client::Write write = client::Write::Delete(*object);
    write.propagation_policy = "Background";
    plan.writes.push_back(std::move(write));
  }
  if (!observed.contents.empty()) return plan;
  auto changed = observed.name_space->CopyAs<corev1::Namespace>();
  if (changed->spec().finalizers().empty()) return plan;
  changed->mutable_spec()->clear_finalizers();
  plan.writes.push_back(client::Write::Update(std::move(changed), "finalize"));
  return plan;
}

}  // namespace skiff::controllers
