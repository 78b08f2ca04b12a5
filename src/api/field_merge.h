// Documents by their fields: which a configuration names, what of it enters an object, and what is
// left of an object without some.
//
// Threads: any.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "api/field_set.h"
#include "api/json_value.h"
#include "api/merge_type.h"

namespace skiff::api {

// Whether the document is of that type. kInvalidArgument says where it is not, in Kubernetes'
// words: `.spec.replicas: expected numeric (int or float), got string`. `duplicates`: whether a set
// may hold a value twice, and a list two items of the same keys.
absl::Status CheckDocument(const MergeType& type, const JsonValue& document, bool duplicates);

// The fields that a document of that type names: leaves, items, members of maps that the schema
// does not declare, and what is empty.
FieldSet FieldsOf(const MergeType& type, const JsonValue& document);

// `live` with all that `config` says: its values, and its items in its order. Nothing is removed.
// Both are of that type, `config` without duplicates.
JsonValue MergeDocuments(const MergeType& type, const JsonValue& live, const JsonValue& config);

// The document without the fields of the set; what is left empty is null.
JsonValue WithoutFields(const MergeType& type, const JsonValue& document, const FieldSet& fields);

// The set with each declared field above its paths: `.spec` where `.spec.replicas` is in it.
FieldSet WithNamedFields(const MergeType& type, const FieldSet& fields);

// The set as it would have been written under this schema: paths below what is atomic now become
// that field.
FieldSet FitToSchema(const MergeType& type, const FieldSet& fields);

}  // namespace skiff::api
