// Which fields differ between two versions of an object, by the schema's idea of what a field is:
// an atomic list is one, an item of a list with keys is one by its keys, wherever it stands.
//
// Threads: any.
#pragma once

#include "absl/status/statusor.h"
#include "api/field_changes.h"
#include "api/field_set.h"
#include "api/json_value.h"
#include "api/merge_type.h"
#include "google/protobuf/message.h"

namespace skiff::api {

// `old` and `now` are of one type, and outlive `out`, which is empty. `ignored`: paths that do not
// count, nor what is below them. kInvalidArgument: an item of a list has none of the keys that tell
// it from others; `out` is of no use then.
absl::Status CompareFields(const google::protobuf::Message& old,
                           const google::protobuf::Message& now, const FieldSet& ignored,
                           FieldChanges* out);
// The same of documents of that type, which need not outlive it.
absl::Status CompareFields(const MergeType& type, const JsonValue& old, const JsonValue& now,
                           const FieldSet& ignored, FieldChanges* out);

// The text of the step to an item of a list of that type, which is not atomic.
// kInvalidArgument: the item has no such step.
absl::StatusOr<std::string> ItemText(const MergeType& list, const JsonValue& item);

// How a step to an item of that list is called.
inline PathStep ItemStep(const MergeType& list, absl::string_view text) {
  return {list.keys.empty() ? PathStep::Kind::kValue : PathStep::Kind::kKey, text};
}

}  // namespace skiff::api
