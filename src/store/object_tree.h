// A persistent ordered map from key to object: every version shares what it did not change with the
// one before, so a version is a pointer, and taking one is free. A weight-balanced tree (Adams,
// "Functional Pearls: Efficient sets"; Hirai & Yamamoto, "Balancing weight-balanced trees"), whose
// sizes also answer how many keys have a prefix.
//
// Threads: a version may be read by any number; making a new one from it changes nothing in it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "api/object.h"

namespace skiff::store {

class ObjectTree {
 public:
  ObjectTree() = default;

  // The tree of `objects`, which are in key order without repeats. Linear, where adding them one by
  // one is not.
  static ObjectTree FromSorted(std::vector<std::pair<std::string, api::ObjectPtr>> objects);

  size_t size() const { return SizeOf(root_); }
  // Null if absent.
  api::ObjectPtr Get(absl::string_view key) const;
  ObjectTree With(std::string key, api::ObjectPtr object) const;
  // The same tree if the key is absent.
  ObjectTree Without(absl::string_view key) const;
  // Keys at or after `from`, in order, until `visit` returns false.
  void Scan(
      absl::string_view from,
      absl::FunctionRef<bool(absl::string_view key, const api::ObjectPtr& object)> visit) const;
  // How many keys are less than `key`.
  size_t Rank(absl::string_view key) const;

 private:
  struct Node;
  using Link = std::shared_ptr<const Node>;
  // Made once a put; the nodes that replace one another on a path share it.
  struct Item {
    std::string key;
    api::ObjectPtr object;
  };
  using ItemPtr = std::shared_ptr<const Item>;
  struct Node {
    ItemPtr item;
    Link left;
    Link right;
    size_t size;
  };

  explicit ObjectTree(Link root) : root_(std::move(root)) {}
  static size_t SizeOf(const Link& node) { return node == nullptr ? 0 : node->size; }
  static Link Make(const ItemPtr& item, Link left, Link right);
  static Link Balance(const ItemPtr& item, Link left, Link right);
  static Link Build(std::vector<std::pair<std::string, api::ObjectPtr>>& objects, size_t begin,
                    size_t end);
  static Link Insert(const Link& node, const ItemPtr& item);
  static Link Erase(const Link& node, absl::string_view key);
  static Link EraseFirst(const Link& node);
  static Link Glue(const Link& left, const Link& right);
  static bool Visit(const Node* node, absl::string_view from,
                    absl::FunctionRef<bool(absl::string_view, const api::ObjectPtr&)> visit);

  Link root_;
};

}  // namespace skiff::store
