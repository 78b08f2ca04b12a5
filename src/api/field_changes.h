// The fields that differ between two versions of an object, as comparing finds them: a tree of
// steps that knows of each field whether it was added, modified or removed.
//
//   changes.Push(PathStep::Field("spec"));
//   changes.Push(PathStep::Field("replicas"));
//   changes.Insert(FieldChanges::kModified);
//   …
//   changes.ToJson(FieldChanges::kWritten);  // {"f:spec":{"f:replicas":{}}}
//
// Every write makes one, so it copies no names: what the texts of steps stand in must outlive it.
//
// Threads: plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "api/field_set.h"

namespace skiff::api {

class FieldChanges {
 public:
  enum Kind : uint8_t { kAdded = 1, kModified = 2, kWritten = kAdded | kModified, kRemoved = 4 };

  FieldChanges() : nodes_(1) {}

  // The walk: down a step, back up, and what is found where it is (at the top: nothing).
  void Push(const PathStep& step) { path_.push_back({step, -1}); }
  void Pop() { path_.pop_back(); }
  void Insert(Kind kind);
  // A copy of the text that lives as long as this.
  absl::string_view Keep(absl::string_view text);
  // Where the walk is.
  std::string Path() const;
  // When the walk is over; before anything below.
  void Finish();

  bool empty() const { return nodes_[0].below == 0; }
  bool Any(Kind kinds) const { return (nodes_[0].below & kinds) != 0; }
  size_t written() const { return written_; }  // How many fields.

  FieldSet Set(Kind kinds) const;
  // The same set in the form of FieldsV1.
  std::string ToJson(Kind kinds) const;

  // How many of the fields are in the set with that JSON, which must be as FieldSet prints it;
  // without making the set. kInvalidArgument: it is no such JSON.
  struct Counts {
    size_t written = 0;
    size_t removed = 0;
  };
  absl::StatusOr<Counts> CountIn(absl::string_view fields_v1) const;

 private:
  class Counter;
  struct Node {
    PathStep step{};
    uint8_t self = 0;   // Kinds of the field itself,
    uint8_t below = 0;  // and of those below it.
    bool unordered = false;
    int first = -1;  // Children,
    int last = -1;
    int next = -1;  // and the next one of the same parent.
  };
  struct Entered {
    PathStep step;
    int node;  // -1: not there yet.
  };
  int ChildOf(int parent, const PathStep& step);
  void Order(int parent);
  void AppendJson(int at, Kind kinds, std::string* out) const;
  void CopyTo(int at, Kind kinds, FieldSet* out) const;

  absl::InlinedVector<Node, 12> nodes_;  // The first is the object itself.
  absl::InlinedVector<Entered, 12> path_;
  size_t written_ = 0;
  std::vector<std::unique_ptr<char[]>> kept_;
  size_t room_ = 0;  // In the last of kept_,
  char* free_ = nullptr;
};

}  // namespace skiff::api
