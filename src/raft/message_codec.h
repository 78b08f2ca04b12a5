// Messages as bytes. One message has one encoding: whatever DecodeMessage accepts, EncodeMessage
// gives back bit by bit.
//
//   version (1 byte), type (1 byte), from, to, term, mask, and for every bit of the mask its field.
//
// Numbers are LEB128 varints of the least length; a field that is zero or empty is not in the mask.
// Entries: their count, the first one's index, and of each the term, type (1 byte), length, data.
//
// Threads: any.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "raft/types.h"

namespace skiff::raft {

// `message` must name both members, be of a type for the wire, and hold entries of consecutive
// indexes.
std::string EncodeMessage(const Message& message);

// All of `bytes` is one message. kDataLoss, saying what is wrong, for anything else. Takes no more
// memory than a small multiple of what `bytes` has.
absl::StatusOr<Message> DecodeMessage(absl::string_view bytes);

}  // namespace skiff::raft
