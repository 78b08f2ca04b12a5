#include "store/object_tree.h"

namespace skiff::store {
namespace {

// Hirai & Yamamoto's proven parameters.
constexpr size_t kDelta = 3;
constexpr size_t kGamma = 2;

}  // namespace

api::ObjectPtr ObjectTree::Get(absl::string_view key) const {
  const Node* node = root_.get();
  while (node != nullptr) {
    const int order = key.compare(node->item->key);
    if (order == 0) return node->item->object;
    node = order < 0 ? node->left.get() : node->right.get();
  }
  return nullptr;
}

ObjectTree::Link ObjectTree::Make(const ItemPtr& item, Link left, Link right) {
  const size_t size = SizeOf(left) + SizeOf(right) + 1;
  return std::make_shared<const Node>(Node{item, std::move(left), std::move(right), size});
}

ObjectTree::Link ObjectTree::Balance(const ItemPtr& item, Link left, Link right) {
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
  return Make(item, std::move(left), std::move(right));
}

ObjectTree::Link ObjectTree::Build(std::vector<std::pair<std::string, api::ObjectPtr>>& objects,
                                   size_t begin, size_t end) {
  if (begin == end) return nullptr;
  const size_t middle = begin + (end - begin) / 2;
  auto& [key, object] = objects[middle];
  return Make(std::make_shared<const Item>(Item{std::move(key), std::move(object)}),
              Build(objects, begin, middle), Build(objects, middle + 1, end));
}

ObjectTree ObjectTree::FromSorted(std::vector<std::pair<std::string, api::ObjectPtr>> objects) {
  return ObjectTree(Build(objects, 0, objects.size()));
}

ObjectTree::Link ObjectTree::Insert(const Link& node, const ItemPtr& item) {
  if (node == nullptr) return Make(item, nullptr, nullptr);
  const int order = item->key.compare(node->item->key);
  if (order < 0) return Balance(node->item, Insert(node->left, item), node->right);
  if (order > 0) return Balance(node->item, node->left, Insert(node->right, item));
  return Make(item, node->left, node->right);
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
  const int order = key.compare(node->item->key);
  if (order < 0) return Balance(node->item, Erase(node->left, key), node->right);
  if (order > 0) return Balance(node->item, node->left, Erase(node->right, key));
  return Glue(node->left, node->right);
}

ObjectTree ObjectTree::With(std::string key, api::ObjectPtr object) const {
  return ObjectTree(
      Insert(root_, std::make_shared<const Item>(Item{std::move(key), std::move(object)})));
}

ObjectTree ObjectTree::Without(absl::string_view key) const {
  if (Get(key) == nullptr) return *this;
  return ObjectTree(Erase(root_, key));
}

bool ObjectTree::Visit(const Node* node, absl::string_view from,
                       absl::FunctionRef<bool(absl::string_view, const api::ObjectPtr&)> visit) {
  if (node == nullptr) return true;
  const int order = from.compare(node->item->key);
  if (order < 0 && !Visit(node->left.get(), from, visit)) return false;
  if (order <= 0 && !visit(node->item->key, node->item->object)) return false;
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
    if (key.compare(node->item->key) <= 0) {
      node = node->left.get();
    } else {
      rank += SizeOf(node->left) + 1;
      node = node->right.get();
    }
  }
  return rank;
}

}  // namespace skiff::store
