#include "controllers/garbage_collector.h"

#include <algorithm>

#include "api/resource.h"
#include "api/time.h"

namespace skiff::controllers {
namespace {

// One transaction deletes or frees at most so many dependents; the next round takes the next ones.
constexpr size_t kBurst = 500;
// By then an owner that was there before its dependent is in the view.
constexpr absl::Duration kOwnerSeen = absl::Seconds(2);

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

// Whether the owner may still be there. Of a kind that is not served here nobody can tell: what it
// owns is left alone.
bool MayExist(const metav1::OwnerReference& owner, const GarbageObserved& observed) {
  if (api::FindKind(owner.api_version(), owner.kind()) == nullptr) return true;
  return observed.exists(owner.uid());
}

bool HasOtherOwner(const api::Object& dependent, const GarbageObserved& observed) {
  for (const auto& owner : dependent.meta().owner_references()) {
    if (owner.uid() != observed.object->meta().uid() && MayExist(owner, observed)) return true;
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
    if (plan.writes.size() == kBurst) return plan;
    if (HasOtherOwner(*dependent, observed)) {
      plan.writes.push_back(WithoutOwner(*dependent, uid));
      continue;
    }
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
    if (plan.writes.size() == kBurst) return plan;
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
  bool certain = true;
  for (const auto& owner : meta.owner_references()) {
    if (MayExist(owner, observed)) return plan;
    certain = certain && (observed.seen_to_go == nullptr || observed.seen_to_go(owner.uid()));
  }
  const absl::Time known = api::ToAbsl(meta.creation_timestamp()) + kOwnerSeen;
  if (!certain && observed.now < known) {
    plan.WakeAt(known);
    return plan;
  }
  client::Write write = client::Write::Delete(*observed.object);
  write.propagation_policy = "Background";
  plan.writes.push_back(std::move(write));
  return plan;
}

}  // namespace skiff::controllers
