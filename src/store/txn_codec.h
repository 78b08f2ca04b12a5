// Transactions and objects as bytes: what a log entry and an object's row hold.
//
// A transaction is: count of preconditions, each (kind byte, key, revision); count of ops, each
// (key, 1 and the message's protobuf bytes, or 0 for a deletion). An object's row is its revision
// and its protobuf bytes. Numbers are base-128 varints, strings carry their length before them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/store.h"

namespace skiff::store {

std::string EncodeTxn(const Txn& txn);
// kDataLoss: the bytes are no transaction, or of a resource that this version does not know.
absl::StatusOr<Txn> DecodeTxn(absl::string_view bytes);

std::string EncodeRow(const api::Object& object);
absl::StatusOr<api::ObjectPtr> DecodeRow(absl::string_view key, absl::string_view row);

// The resource that a key belongs to; null if it is not served.
const api::ResourceInfo* ResourceOfKey(absl::string_view key);

}  // namespace skiff::store
