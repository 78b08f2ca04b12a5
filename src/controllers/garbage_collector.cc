#include "controllers/garbage_collector.h"

#include <algorithm>

namespace skiff::controllers {
namespace {

bool HasFinalizer(const metav1::ObjectMeta& meta, const char* name) {
  return std::find(meta.finalizers().begin(), meta.finalizers().end(), name) !=
         meta.finalizers().end();
}

client::Write WithoutFinalizer(const api::Object& object, const char* name) {
  api::MessagePtr changed = object.Copy();
  auto* finalizers = api::MutableMetaOf(changed.get())->mutable_finalizers();
  finalizers->erase(std::find(finalizers->begin(), finalizers->end(), name));
  return client::Write::Update(std::move(changed));
}

client::Write WithoutOwner(const api::Object& object, const std::string& uid) {
  api::MessagePtr changed = object.Copy();
  auto* owners = api::MutableMetaOf(changed.get())->mutable_owner_references();
  owners->erase(std::remove_if(owners->begin(), owners->end(),
                               [&](const auto& owner) { return owner.uid() == uid; }),
                owners->end());
  return client::Write::Update(std::move(changed));
}

bool Blocks(const api::Object& dependent, const std::string& owner_uid) {
  for (const auto& owner : dependent.meta().owner_references()) {
    if (owner.uid() == owner_uid) return owner.block_owner_deletion();
  }
  return false;
}

Plan Foreground(const GarbageObserved& observed) {
  Plan plan;
  const std::string& uid = observed.object->meta().uid();
  bool blocked = false;
  for (const api::ObjectPtr& dependent : observed.dependents) {
    blocked = blocked || Blocks(*dependent, uid);
    if (dependent->meta().has_deletion_timestamp()) continue;
    client::Write write = client::Write::Delete(*dependent);
    write.propagation_policy = "Foreground";
    plan.writes.push_back(std::move(write));
  }
  if (!blocked) plan.writes.push_back(WithoutFinalizer(*observed.object, "foregroundDeletion"));
  return plan;
}

Plan Orphan(const GarbageObserved& observed) {
  Plan plan;
  for (const api::ObjectPtr& dependent : observed.dependents) {
    plan.writes.push_back(WithoutOwner(*dependent, observed.object->meta().uid()));
  }
  plan.writes.push_back(WithoutFinalizer(*observed.object, "orphan"));
  return plan;
}

}  // namespace

Plan ReconcileGarbage(const GarbageObserved& observed) {
  const metav1::ObjectMeta& meta = observed.object->meta();
  if (meta.has_deletion_timestamp()) {
    if (HasFinalizer(meta, "orphan")) return Orphan(observed);
    if (HasFinalizer(meta, "foregroundDeletion")) return Foreground(observed);
    return {};
  }
  Plan plan;
  if (meta.owner_references().empty()) return plan;
  for (const auto& owner : meta.owner_references()) {
    if (observed.exists(owner.uid())) return plan;
  }
  client::Write write = client::Write::Delete(*observed.object);
  write.propagation_policy = "Background";
  plan.writes.push_back(std::move(write));
  return plan;
}

}  // namespace skiff::controllers
