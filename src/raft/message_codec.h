// Messages as bytes. One message has one encoding in each version: whatever DecodeMessage accepts,
// EncodeMessage gives back bit by bit.
//
//   version (1 byte), type (1 byte), from, to, term, mask, and for every bit of the mask its field;
//   from version 2 on, CRC-32C of all that (4 bytes, big endian)
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

// Whether members of `version` say such to one another.
bool ForTheWire(MessageType type, uint32_t version);

// `message` must name both members, be for the wire in `version`, and hold entries of consecutive
// indexes; `version` is one that this program understands.
std::string EncodeMessage(const Message& message, uint32_t version);

// All of `bytes` is one message of `version`. kDataLoss, saying what is wrong, for anything else.
// Takes no more memory than a small multiple of what `bytes` has.
absl::StatusOr<Message> DecodeMessage(absl::string_view bytes, uint32_t version);

}  // namespace skiff::raft
