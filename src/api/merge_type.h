// What a schema says of how values merge: the one thing that field_compare.h, field_merge.h and
// managed_fields.h know of a kind. Plans compile to it here; the schema of a custom resource can
// compile to it as well.
//
//   const MergeType& pod = MergeTypeOf(corev1::Pod::descriptor());
//   pod.Member("spec")->Member("containers")->keys[0].name;  // "name"
//
// Threads: any. Those of plans live as long as the process.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "api/schema.h"

namespace skiff::api {

struct MergeType {
  enum class Shape : uint8_t {
    kScalar,
    kList,
    kMap,      // Structs as well.
    kDeduced,  // Whatever the value is: maps merge, lists are atomic.
    kOpaque,   // Whatever the value is, atomic.
  };
  enum class Scalar : uint8_t { kString, kNumeric, kBoolean, kAny };
  // A member that tells the items of a list apart.
  struct Key {
    std::string name;
    std::string default_value;           // JSON; what an item without it has. Empty: none.
    std::vector<const FieldPlan*> path;  // Of a plan: to its field, through inlined messages.
  };

  Shape shape = Shape::kOpaque;
  Scalar scalar = Scalar::kAny;
  // One field in all, whoever owns it; of lists and maps.
  bool atomic = false;
  // Of a list that is not atomic; none: it is a set of scalars. Sorted by name.
  std::vector<Key> keys;
  // Of a list's items, and of members that are not declared. Null: there are no others.
  const MergeType* element = nullptr;
  absl::flat_hash_map<std::string, const MergeType*> members;  // Declared.

  // Where it comes from a plan: that plan, and its fields, sorted by their JSON names.
  struct Field {
    const FieldPlan* plan;
    const MergeType* type;
    bool silent;  // Where it is not set, JSON says nothing of it.
  };
  const Plan* plan = nullptr;
  const google::protobuf::Reflection* reflection = nullptr;  // Of its messages.
  std::vector<Field> fields;

  bool declares(absl::string_view name) const { return members.contains(name); }
  // Null: the map has no such member.
  const MergeType* Member(absl::string_view name) const {
    const auto it = members.find(name);
    return it != members.end() ? it->second : element;
  }
};

// Of the object that the message is, as a whole.
const MergeType& MergeTypeOf(const google::protobuf::Descriptor* descriptor);

// Of what has no schema: kDeduced.
const MergeType& DeducedMergeType();

}  // namespace skiff::api
