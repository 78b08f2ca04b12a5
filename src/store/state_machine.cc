#include "store/state_machine.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::store {

void TreeSnapshot::Scan(
    absl::string_view prefix, absl::string_view after,
    absl::FunctionRef<bool(absl::string_view, const api::ObjectPtr&)> visit) const {
  tree_.Scan(std::max(prefix, after), [&](absl::string_view key, const api::ObjectPtr& object) {
    if (!absl::StartsWith(key, prefix)) return false;
    if (key == after) return true;
    return visit(key, object);
  });
}

size_t TreeSnapshot::Count(absl::string_view prefix) const {
  if (prefix.empty()) return tree_.size();
  // Keys hold no byte 0xff (they are UTF-8), so this is past every key with the prefix.
  return tree_.Rank(absl::StrCat(prefix, "\xff")) - tree_.Rank(prefix);
}

void StateMachine::Restore(ObjectTree tree, uint64_t revision) {
  tree_ = std::move(tree);
  revision_ = revision;
}

bool StateMachine::Holds(const Precondition& precondition) const {
  const api::ObjectPtr object = tree_.Get(precondition.key);
  switch (precondition.kind) {
    case Precondition::Kind::kAbsent:
      return object == nullptr;
    case Precondition::Kind::kExists:
      return object != nullptr;
    case Precondition::Kind::kRevision:
      return object != nullptr && object->revision() == precondition.revision;
  }
  return false;
}

TxnResult StateMachine::Apply(Txn txn, std::vector<Event>* events) {
  TxnResult result;
  for (size_t i = 0; i < txn.preconditions.size(); ++i) {
    if (Holds(txn.preconditions[i])) continue;
    result.failed_precondition = i;
    result.revision = revision_;
    return result;
  }
  result.applied = true;
  const size_t events_before = events->size();
  for (Op& op : txn.ops) result.objects.push_back(ApplyOp(std::move(op), revision_ + 1, events));
  if (events->size() != events_before) ++revision_;
  result.revision = revision_;
  return result;
}

api::ObjectPtr StateMachine::ApplyOp(Op op, uint64_t revision, std::vector<Event>* events) {
  const bool put = op.object != nullptr;
  api::ObjectPtr previous = put ? nullptr : tree_.Get(op.key);
  if (!put && previous == nullptr) return nullptr;
  api::MessagePtr message = put ? std::move(op.object) : previous->Copy();
  api::MutableMetaOf(message.get())->set_resource_version(absl::StrCat(revision));
  const api::ObjectPtr object = api::Object::Make(std::move(message));
  tree_ = put ? std::move(tree_).With(op.key, object, &previous) : tree_.Without(op.key);
  events->push_back({put ? Event::Type::kPut : Event::Type::kDelete, std::move(op.key), revision,
                     object, std::move(previous)});
  return object;
}

}  // namespace skiff::store
