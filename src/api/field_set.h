// A set of fields of an object: what `metadata.managedFields` records of who owns what (FieldsV1).
//
//   SKIFF_ASSIGN_OR_RETURN(FieldSet set, FieldSet::Parse(R"({"f:spec":{"f:replicas":{}}})"));
//   set.Has({PathStep::Field("spec"), PathStep::Field("replicas")});  // true
//   set.ToJson();
//
// A set holds paths, not subtrees: `.spec` may be in it without `.spec.replicas`, and the other way
// round. The operations are those of Kubernetes' structured-merge-diff, and so is the order of what
// is printed.
//
// Threads: plain values.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "api/json_value.h"

namespace skiff::api {

// One step of a path, over characters that are somebody else's.
struct PathStep {
  // In the order in which they are sorted.
  enum class Kind : uint8_t {
    kField,  // A member of a map: its name.
    kKey,    // An item of a list of maps: `{"name":"a"}`, members sorted by name, no blanks.
    kValue,  // An item of a set: its JSON.
    kIndex,  // An item of any list: its decimal place.
  };
  Kind kind;
  absl::string_view text;

  static PathStep Field(absl::string_view name) { return {Kind::kField, name}; }
  static PathStep Key(absl::string_view json) { return {Kind::kKey, json}; }
  static PathStep Value(absl::string_view json) { return {Kind::kValue, json}; }

  // `.spec`, `[name="a"]`, `[="x"]`, `[3]`
  std::string ToString() const;
};

// The JSON of a scalar as steps hold it: one text a value, however it was written.
std::string ScalarText(const JsonValue& value);

// Negative, 0 or positive: strings before booleans, numbers by value before both.
int Compare(const PathStep& a, const PathStep& b);

using FieldPath = absl::InlinedVector<PathStep, 12>;
// `.spec.containers[name="a"].image`
std::string PathToString(absl::Span<const PathStep> path);

class FieldSet {
 public:
  FieldSet();
  FieldSet(const FieldSet&);
  FieldSet(FieldSet&&) noexcept;
  FieldSet& operator=(const FieldSet&);
  FieldSet& operator=(FieldSet&&) noexcept;
  ~FieldSet();

  // Of the JSON of FieldsV1. Steps of kinds that are not known are left out, as Kubernetes does.
  // kInvalidArgument: it is no such JSON.
  static absl::StatusOr<FieldSet> Parse(absl::string_view fields_v1);
  std::string ToJson() const;

  bool empty() const { return nodes_.empty(); }
  size_t size() const;  // How many paths.

  // The paths above are not inserted with it; the empty path is no field.
  void Insert(absl::Span<const PathStep> path);
  void Insert(std::initializer_list<PathStep> path) {
    Insert(absl::MakeConstSpan(path.begin(), path.size()));
  }
  bool Has(absl::Span<const PathStep> path) const;
  bool Has(std::initializer_list<PathStep> path) const {
    return Has(absl::MakeConstSpan(path.begin(), path.size()));
  }

  FieldSet Union(const FieldSet& other) const;
  FieldSet Intersection(const FieldSet& other) const;
  FieldSet Difference(const FieldSet& other) const;
  // Without the other's paths and all that is below them.
  FieldSet RecursiveDifference(const FieldSet& other) const;
  // The paths that have none below them.
  FieldSet Leaves() const;

  // In order: of each level its own paths first, then those below.
  void ForEach(const std::function<void(absl::Span<const PathStep>)>& visit) const;

  friend bool operator==(const FieldSet& a, const FieldSet& b);
  friend bool operator!=(const FieldSet& a, const FieldSet& b) { return !(a == b); }

  // One step down: whether the path that ends here is in the set, and the paths that go on. One of
  // the two holds.
  struct Node;
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node* Find(const PathStep& step) const;
  // The same, made where there is none: it must be filled then.
  Node& Descend(const PathStep& step);

 private:
  friend class FieldSetReader;
  void AppendJson(bool self, std::string* out) const;
  void Visit(FieldPath* prefix, const std::function<void(absl::Span<const PathStep>)>& visit) const;
  template <bool kRecursive>
  FieldSet Minus(const FieldSet& other) const;

  std::vector<Node> nodes_;  // Sorted by their steps.
};

struct FieldSet::Node {
  PathStep::Kind kind;
  bool member = false;
  std::string text;
  FieldSet below;

  PathStep step() const { return {kind, text}; }
};

}  // namespace skiff::api
