// Transactions and objects as bytes: what a log entry and an object's row hold.
//
// A transaction is: count of preconditions, each (kind byte, key, revision); count of ops, each
// (key, 1 and the message's protobuf bytes, or 0 for a deletion). A log entry is a byte for its
// form, the proposer's member, life and number, and the transaction; in form 3 with a CRC-32C (4
// bytes, big endian) before the transaction, of the transaction and then what is before the CRC:
// made by the proposer, checked by whoever applies the entry. Form 2 has none, form 1 is of disks
// of format 1. An object's row is its revision and its protobuf bytes. Numbers are base-128
// varints, strings carry their length before them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "raft/types.h"
#include "store/store.h"

namespace skiff::store {

// Whose a log entry is: the proposal `number` of one life of a member (from its start to its end).
struct EntryOrigin {
  raft::MemberId member = 0;  // 0: nobody waits for it.
  uint64_t life = 0;
  uint64_t number = 0;
};

// A log entry but for its transaction, whose bytes are to be added, and whose Crc32c is `txn_crc`
// (not used in version 1). `version`: of the log (raft::Config::version).
std::string EncodeOrigin(const EntryOrigin& origin, uint32_t version, uint32_t txn_crc);
// kDataLoss; kFailedPrecondition: of a later version. `txn`: the rest.
absl::Status DecodeOrigin(absl::string_view entry, EntryOrigin* origin, absl::string_view* txn);

std::string EncodeTxn(const Txn& txn);
// kDataLoss: the bytes are no transaction, or of a resource that this version does not know.
absl::StatusOr<Txn> DecodeTxn(absl::string_view bytes);

std::string EncodeRow(const api::Object& object);
absl::StatusOr<api::ObjectPtr> DecodeRow(absl::string_view key, absl::string_view row);

// The resource that a key belongs to; null if it is not served.
const api::ResourceInfo* ResourceOfKey(absl::string_view key);

}  // namespace skiff::store
