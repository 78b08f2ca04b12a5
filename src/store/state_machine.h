// What the log means: transactions, one after the other, over the tree of objects. Deterministic:
// the same log gives the same objects at the same revisions on every member.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/object_tree.h"
#include "store/store.h"

namespace skiff::store {

class TreeSnapshot final : public Snapshot {
 public:
  TreeSnapshot(ObjectTree tree, uint64_t revision) : tree_(std::move(tree)), revision_(revision) {}
  uint64_t revision() const override { return revision_; }
  api::ObjectPtr Get(absl::string_view key) const override { return tree_.Get(key); }
  void Scan(absl::string_view prefix, absl::string_view after,
            absl::FunctionRef<bool(absl::string_view, const api::ObjectPtr&)> visit) const override;
  size_t Count(absl::string_view prefix) const override;
  const ObjectTree& tree() const { return tree_; }

 private:
  const ObjectTree tree_;
  const uint64_t revision_;
};

class StateMachine {
 public:
  // Starts from what was stored.
  void Restore(ObjectTree tree, uint64_t revision);

  // Applies `txn`, whose messages become the stored objects. Events of what changed are appended to
  // `events`. A transaction that changes nothing takes no revision.
  TxnResult Apply(Txn txn, std::vector<Event>* events);

  uint64_t revision() const { return revision_; }
  std::shared_ptr<const TreeSnapshot> snapshot() const {
    return std::make_shared<const TreeSnapshot>(tree_, revision_);
  }

 private:
  bool Holds(const Precondition& precondition) const;
  api::ObjectPtr ApplyOp(Op op, uint64_t revision, std::vector<Event>* events);

  ObjectTree tree_;
  uint64_t revision_ = 1;  // Clients take 0 as "none": an empty store is at 1.
};

}  // namespace skiff::store
