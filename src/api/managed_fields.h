// Who owns which fields of an object (`metadata.managedFields`), and server-side apply on top of
// it.
//
//   FieldWrite write{.manager = "kubectl-edit", .api_version = "apps/v1", .now = clock.Now()};
//   RecordWrite(write, old->message(), changed.get());  // Before `changed` is stored.
//
// Every write that changes a field makes its manager the owner of it, and takes it from the others.
// An apply owns exactly what it names, shares what it names with an equal value, is refused where
// others own what it would change, and takes out what it named before and names no more.
//
// Threads: any.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "api/field_compare.h"
#include "api/field_set.h"
#include "api/json_value.h"
#include "api/merge_type.h"
#include "api/types.h"

namespace skiff::api {

// One entry.
struct FieldManager {
  std::string name;
  bool applies = false;  // Apply; else Update.
  std::string api_version;
  std::string subresource;
  std::optional<absl::Time> time;
  FieldSet fields;
};
using FieldManagers = std::vector<FieldManager>;
using ManagedFieldsEntries = google::protobuf::RepeatedPtrField<metav1::ManagedFieldsEntry>;

// kInvalidArgument: an entry of no known operation or form. Of entries of one manager the last
// counts.
absl::StatusOr<FieldManagers> DecodeManagedFields(const ManagedFieldsEntries& entries);
// In the order in which they are shown: appliers first, then the older ones. None: cleared.
void EncodeManagedFields(FieldManagers managers, ManagedFieldsEntries* entries);

// What identifies an object and what the server says of it, which is nobody's; and `reset`, which
// writes on a path do not change whatever they say. With all that is below.
FieldSet NeverOwned(const FieldSet& reset);

// A write, as far as ownership goes.
struct FieldWrite {
  std::string manager;      // Empty: "unknown".
  std::string api_version;  // That the object is written in.
  std::string subresource;  // Empty: the object itself.
  absl::Time now;
  const FieldSet* never_owned = nullptr;  // Null: NeverOwned of nothing.
};

// `now` replaces `old`: sets its metadata.managedFields. `old` without a uid: an object to be
// created, which is all defaults.
//
// A client may write the entries themselves, but not on a subresource: entries that are none are
// forgotten for the old ones, and a single empty entry ends the management of the object, until it
// is applied.
void RecordWrite(const FieldWrite& write, const google::protobuf::Message& old,
                 google::protobuf::Message* now);

// Whether they say the same but for times.
bool SameButTimes(const ManagedFieldsEntries& a, const ManagedFieldsEntries& b);

// An apply. Documents are with kind and apiVersion, and without managedFields.
struct ApplyRequest {
  const MergeType* type = nullptr;
  FieldWrite write;
  const JsonValue* live = nullptr;
  FieldManagers managers;            // Of the live object.
  const JsonValue* blank = nullptr;  // An object that is all defaults, for what has no managers.
  const JsonValue* config = nullptr;
  bool force = false;
};
struct Applied {
  JsonValue object;
  FieldManagers managers;
};
// kAborted (Conflict) names who owns what, with one cause a field. kInternal: the configuration is
// not of that type, with the place.
absl::StatusOr<Applied> ApplyConfiguration(ApplyRequest request);

// Of the owner of a field in `managers`, an entry's name as conflicts have it:
// `"kubectl" with subresource "scale" using apps/v1`.
std::string ManagerText(const FieldManager& manager);

}  // namespace skiff::api
