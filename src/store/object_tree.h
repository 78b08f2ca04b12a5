// A persistent ordered map from key to object: every version shares what it did not change with the
// one before, so a version is a pointer, and taking one is free. A weight-balanced tree (Adams,
// "Functional Pearls: Efficient sets"; Hirai & Yamamoto, "Balancing weight-balanced trees"), whose
// sizes also answer how many keys have a prefix.
//
// Threads: a version may be read by any number; making a new one from it changes nothing in it.
#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
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
  // `previous`, if not null, gets what was there. On a temporary, what no other version shares is
  // changed where it is, so that of a run of changes each copies little.
  ObjectTree With(absl::string_view key, api::ObjectPtr object,
                  api::ObjectPtr* previous = nullptr) const&;
  ObjectTree With(absl::string_view key, api::ObjectPtr object,
                  api::ObjectPtr* previous = nullptr) &&;
  // The same tree if the key is absent.
  ObjectTree Without(absl::string_view key) const;
  // Keys at or after `from`, in order, until `visit` returns false.
  void Scan(
      absl::string_view from,
      absl::FunctionRef<bool(absl::string_view key, const api::ObjectPtr& object)> visit) const;
  // How many keys are less than `key`.
  size_t Rank(absl::string_view key) const;

 private:
  // How many hold it.
  struct Counted {
    mutable std::atomic<uint32_t> holders = 0;
  };
  // Made once a put; the nodes that replace one another on a path share it. The key's bytes are
  // behind it, in the same piece of memory: a search reads many, and each piece is a cache miss.
  struct Item : Counted {
    Item(size_t a_key_size, api::ObjectPtr an_object)
        : key_size(static_cast<uint32_t>(a_key_size)), object(std::move(an_object)) {}
    absl::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }
    static void operator delete(void* memory) { ::operator delete(memory); }
    const uint32_t key_size;
    const api::ObjectPtr object;
  };
  using ItemPtr = boost::intrusive_ptr<const Item>;
  struct Node;
  using Link = boost::intrusive_ptr<Node>;
  struct Node : Counted {
    Node(ItemPtr an_item, Link a_left, Link a_right)
        : size(static_cast<uint32_t>(SizeOf(a_left) + SizeOf(a_right) + 1)),
          item(std::move(an_item)),
          left(std::move(a_left)),
          right(std::move(a_right)) {}
    uint32_t size;
    ItemPtr item;
    Link left;
    Link right;
  };
  // As intrusive_ptr asks for.
  template <typename T>
  static void Release(const T* counted) {
    if (counted->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) delete counted;
  }
  friend void intrusive_ptr_add_ref(const Counted* counted) {
    counted->holders.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(const Item* item) { Release(item); }
  friend void intrusive_ptr_release(const Node* node) { Release(node); }
  // Whether only `link` holds it: then nobody else can come to hold it but by way of `link`, and
  // those who let go of it have done with it.
  static bool Alone(const Link& link) { return link->holders.load(std::memory_order_acquire) == 1; }

  explicit ObjectTree(Link root) : root_(std::move(root)) {}
  static ItemPtr MakeItem(absl::string_view key, api::ObjectPtr object);
  static size_t SizeOf(const Link& node);
  static Link Make(const ItemPtr& item, Link left, Link right);
  // `spare`: a node to use again if nobody else has it.
  static Link Balance(const ItemPtr& item, Link left, Link right, Link spare = nullptr);
  static Link Build(std::vector<std::pair<std::string, api::ObjectPtr>>& objects, size_t begin,
                    size_t end);
  static Link Insert(Link node, const ItemPtr& item, api::ObjectPtr* previous);
  static Link Erase(const Link& node, absl::string_view key);
  static Link EraseFirst(const Link& node);
  static Link Glue(const Link& left, const Link& right);
  static bool Visit(const Node* node, absl::string_view from,
                    absl::FunctionRef<bool(absl::string_view, const api::ObjectPtr&)> visit);

  Link root_;
};

}  // namespace skiff::store
