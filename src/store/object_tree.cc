#include "store/object_tree.h"

#include <cstring>
#include <new>

namespace skiff::store {
namespace {

// Hirai & Yamamoto's proven parameters.
constexpr size_t kDelta = 3;
constexpr size_t kGamma = 2;

}  // namespace

api::ObjectPtr ObjectTree::Get(absl::string_view key) const {
  const Node* node = root_.get();
  while (node != nullptr) {
    // The next node comes while this one's key is waited for.
    __builtin_prefetch(node->left.get());
    __builtin_prefetch(node->right.get());
    const int order = key.compare(node->item->key());
    if (order == 0) return node->item->object;
    node = order < 0 ? node->left.get() : node->right.get();
  }
  return nullptr;
}

ObjectTree::ItemPtr ObjectTree::MakeItem(absl::string_view key, api::ObjectPtr object) {
  void* memory = ::operator new(sizeof(Item) + key.size());
  std::memcpy(static_cast<char*>(memory) + sizeof(Item), key.data(), key.size());
  return ItemPtr(new (memory) Item(key.size(), std::move(object)));
}

size_t ObjectTree::SizeOf(const Link& node) { return node == nullptr ? 0 : node->size; }

ObjectTree::Link ObjectTree::Make(const ItemPtr& item, Link left, Link right) {
  return Link(new Node(item, std::move(left), std::move(right)));
}

ObjectTree::Link ObjectTree::Balance(const ItemPtr& item, Link left, Link right, Link spare) {
  const size_t l = SizeOf(left) + 1;
  const size_t r = SizeOf(right) + 1;
  if (kDelta * l < r) {
    const Node& pivot = *right;
    if (SizeOf(pivot.left) + 1 < kGamma * (SizeOf(pivot.right) + 1)) {
      return Make(pivot.item, Make(item, std::move(left), pivot.left), pivot.right);
    }
    const Node& inner = *pivot.left;
    return Make(inner.item, Make(item, std::move(left), inner.left),
                Make(pivot.item, inner.right, pivot.right));
  }
  if (kDelta * r < l) {
    const Node& pivot = *left;
    if (SizeOf(pivot.right) + 1 < kGamma * (SizeOf(pivot.left) + 1)) {
      return Make(pivot.item, pivot.left, Make(item, pivot.right, std::move(right)));
    }
    const Node& inner = *pivot.right;
    return Make(inner.item, Make(pivot.item, pivot.left, inner.left),
                Make(item, inner.right, std::move(right)));
  }
  if (spare == nullptr || !Alone(spare)) return Make(item, std::move(left), std::move(right));
  spare->size = static_cast<uint32_t>(l + r - 1);
  spare->left = std::move(left);
  spare->right = std::move(right);
  return spare;
}

ObjectTree::Link ObjectTree::Build(std::vector<std::pair<std::string, api::ObjectPtr>>& objects,
                                   size_t begin, size_t end) {
  if (begin == end) return nullptr;
  const size_t middle = begin + (end - begin) / 2;
  auto& [key, object] = objects[middle];
  return Make(MakeItem(key, std::move(object)), Build(objects, begin, middle),
              Build(objects, middle + 1, end));
}

ObjectTree ObjectTree::FromSorted(std::vector<std::pair<std::string, api::ObjectPtr>> objects) {
  return ObjectTree(Build(objects, 0, objects.size()));
}

ObjectTree::Link ObjectTree::Insert(Link node, const ItemPtr& item, api::ObjectPtr* previous) {
  if (node == nullptr) return Make(item, nullptr, nullptr);
  const bool alone = Alone(node);
  const int order = item->key().compare(node->item->key());
  if (order == 0) {
    if (previous != nullptr) *previous = node->item->object;
    if (!alone) return Make(item, node->left, node->right);
    node->item = item;
    return node;
  }
  // Taken out of a node of our own, so that each child has no holder but this one.
  Link left = alone ? std::move(node->left) : node->left;
  Link right = alone ? std::move(node->right) : node->right;
  Link& changed = order < 0 ? left : right;
  changed = Insert(std::move(changed), item, previous);
  const ItemPtr& own = node->item;
  return Balance(own, std::move(left), std::move(right), std::move(node));
}

ObjectTree::Link ObjectTree::EraseFirst(const Link& node) {
  if (node->left == nullptr) return node->right;
  return Balance(node->item, EraseFirst(node->left), node->right);
}

ObjectTree::Link ObjectTree::Glue(const Link& left, const Link& right) {
  if (left == nullptr) return right;
  if (right == nullptr) return left;
  const Node* first = right.get();
  while (first->left != nullptr) first = first->left.get();
  return Balance(first->item, left, EraseFirst(right));
}

ObjectTree::Link ObjectTree::Erase(const Link& node, absl::string_view key) {
  const int order = key.compare(node->item->key());
  if (order < 0) return Balance(node->item, Erase(node->left, key), node->right);
  if (order > 0) return Balance(node->item, node->left, Erase(node->right, key));
  return Glue(node->left, node->right);
}

ObjectTree ObjectTree::With(absl::string_view key, api::ObjectPtr object,
                            api::ObjectPtr* previous) const& {
  return ObjectTree(*this).With(key, std::move(object), previous);
}

ObjectTree ObjectTree::With(absl::string_view key, api::ObjectPtr object,
                            api::ObjectPtr* previous) && {
  return ObjectTree(Insert(std::move(root_), MakeItem(key, std::move(object)), previous));
}

ObjectTree ObjectTree::Without(absl::string_view key) const {
  if (Get(key) == nullptr) return *this;
  return ObjectTree(Erase(root_, key));
}

bool ObjectTree::Visit(const Node* node, absl::string_view from,
                       absl::FunctionRef<bool(absl::string_view, const api::ObjectPtr&)> visit) {
  if (node == nullptr) return true;
  const int order = from.compare(node->item->key());
  if (order < 0 && !Visit(node->left.get(), from, visit)) return false;
  if (order <= 0 && !visit(node->item->key(), node->item->object)) return false;
  return Visit(node->right.get(), from, visit);
}

void ObjectTree::Scan(
    absl::string_view from,
    absl::FunctionRef<bool(absl::string_view key, const api::ObjectPtr& object)> visit) const {
  Visit(root_.get(), from, visit);
}

size_t ObjectTree::Rank(absl::string_view key) const {
  size_t rank = 0;
  const Node* node = root_.get();
  while (node != nullptr) {
    if (key.compare(node->item->key()) <= 0) {
      node = node->left.get();
    } else {
      rank += SizeOf(node->left) + 1;
      node = node->right.get();
    }
  }
  return rank;
}

}  // namespace skiff::store
