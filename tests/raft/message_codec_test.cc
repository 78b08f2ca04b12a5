#include "raft/message_codec.h"

#include <catch2/catch.hpp>
#include <limits>

#include "base/rng.h"
#include "raft/crc32c.h"

namespace skiff::raft {
namespace {

constexpr MessageType kTypes[] = {
    MessageType::kPreVoteRequest,  MessageType::kPreVote,
    MessageType::kVoteRequest,     MessageType::kVote,
    MessageType::kAppend,          MessageType::kAppended,
    MessageType::kHeartbeat,       MessageType::kHeartbeatAck,
    MessageType::kTimeoutNow,      MessageType::kReadIndex,
    MessageType::kReadIndexAnswer, MessageType::kPropose,
    MessageType::kMembers,         MessageType::kSnapshotChunk,
    MessageType::kSnapshotAck,     MessageType::kAsk,
    MessageType::kAnswered,
};

// Small numbers, large ones and zero.
uint64_t Number(Rng* rng) { return rng->Next() >> rng->Below(65) % 64 & -(rng->Below(4) != 0); }

std::string Data(Rng* rng, size_t most) {
  std::string out(rng->Below(most + 1), '\0');
  for (char& c : out) c = static_cast<char>(rng->Next());
  return out;
}

Message Random(Rng* rng, uint32_t version) {
  Message message{.type = kTypes[rng->Below(std::size(kTypes))]};
  if (!ForTheWire(message.type, version)) message.type = MessageType::kAppend;
  message.from = 1 + rng->Below(1 << 20);
  message.to = std::numeric_limits<uint64_t>::max() - rng->Below(1 << 20);
  message.term = Number(rng);
  message.log_index = Number(rng);
  message.log_term = Number(rng);
  message.send_to = Number(rng);
  message.commit = Number(rng);
  message.reject = rng->Below(2) == 1;
  message.match = Number(rng);
  message.context = Number(rng);
  message.read_index = Number(rng);
  message.data = Data(rng, rng->Below(2) * 40);
  Index index = 1 + rng->Below(1 << 30);
  for (uint64_t n = rng->Below(4); n > 0; --n) {
    message.entries.push_back({Number(rng), index++,
                               rng->Below(2) == 0 ? EntryType::kData : EntryType::kConfig,
                               Data(rng, 30)});
  }
  return message;
}

void CheckSame(const Message& a, const Message& b) {
  CHECK(a.type == b.type);
  CHECK(a.from == b.from);
  CHECK(a.to == b.to);
  CHECK(a.term == b.term);
  CHECK(a.log_index == b.log_index);
  CHECK(a.log_term == b.log_term);
  CHECK(a.send_to == b.send_to);
  CHECK(a.commit == b.commit);
  CHECK(a.reject == b.reject);
  CHECK(a.match == b.match);
  CHECK(a.context == b.context);
  CHECK(a.read_index == b.read_index);
  CHECK(a.data == b.data);
  REQUIRE(a.entries.size() == b.entries.size());
  for (size_t i = 0; i < a.entries.size(); ++i) {
    CHECK(a.entries[i].term == b.entries[i].term);
    CHECK(a.entries[i].index == b.entries[i].index);
    CHECK(a.entries[i].type == b.entries[i].type);
    CHECK(a.entries[i].data == b.entries[i].data);
  }
}

// Refused as it should be, or a message of which these bytes are the one encoding.
void CheckRefusedOrExact(const std::string& bytes, uint32_t version) {
  const absl::StatusOr<Message> message = DecodeMessage(bytes, version);
  if (message.ok()) {
    CHECK(EncodeMessage(*message, version) == bytes);
  } else {
    CHECK(message.status().code() == absl::StatusCode::kDataLoss);
  }
}

TEST_CASE("EveryMessageComesOutAsItWentIn") {
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    const uint32_t version = 1 + i % 2;
    const Message message = Random(&rng, version);
    const absl::StatusOr<Message> decoded = DecodeMessage(EncodeMessage(message, version), version);
    INFO(decoded.status());
    REQUIRE(decoded.ok());
    CheckSame(message, *decoded);
  }
}

TEST_CASE("AMessageCutShortOrWithMoreBehindItIsRefused") {
  Rng rng(2);
  for (int i = 0; i < 200; ++i) {
    const uint32_t version = 1 + i % 2;
    const std::string bytes = EncodeMessage(Random(&rng, version), version);
    for (size_t length = 0; length < bytes.size(); ++length) {
      CHECK(DecodeMessage(absl::string_view(bytes).substr(0, length), version).status().code() ==
            absl::StatusCode::kDataLoss);
    }
    CHECK_FALSE(DecodeMessage(bytes + '\0', version).ok());
  }
}

TEST_CASE("AnyBitMayFlipAndAnyBytesMayCome") {
  Rng rng(3);
  for (int i = 0; i < 100; ++i) {
    const std::string bytes = EncodeMessage(Random(&rng, 1), 1);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      CheckRefusedOrExact(flipped, 1);
    }
  }
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = Data(&rng, 60);
    if (bytes.size() > 2) bytes[0] = 1, bytes[1] = static_cast<char>(1 + rng.Below(12));
    CheckRefusedOrExact(bytes, 1);
  }
}

TEST_CASE("ACountOfEntriesThatTheBytesCannotHoldTakesNoMemory") {
  std::string bytes("\x01\x05\x01\x02\x03", 5);
  bytes += std::string("\x80\x02", 2);                                   // The mask: entries.
  bytes += std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);  // How many.
  bytes += std::string("\x01\x01\x00\x00", 4);
  const absl::Status status = DecodeMessage(bytes, 1).status();
  CHECK(status.code() == absl::StatusCode::kDataLoss);
  CHECK(status.message() ==
        "malformed message between members: more entries than it has bytes for");
}

TEST_CASE("FromVersionTwoOnNoBitMayFlip") {
  Rng rng(4);
  for (int i = 0; i < 30; ++i) {
    const std::string bytes = EncodeMessage(Random(&rng, 2), 2);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      CHECK(absl::IsDataLoss(DecodeMessage(flipped, 2).status()));
    }
  }
}

TEST_CASE("AMessageOfVersionOneIsWhatItAlwaysWas") {
  Message message{.type = MessageType::kAppend, .from = 1, .to = 2, .term = 3};
  message.log_index = 300;
  message.entries = {{3, 301, EntryType::kData, "ab"}};
  const std::string first(
      "\x01\x05\x01\x02\x03\x81\x02\xac\x02\x01\xad\x02\x03\x00\x02"
      "ab",
      17);
  CHECK(EncodeMessage(message, 1) == first);
  std::string second = first;
  second[0] = 2;
  second += Crc32cBytes(second);
  CHECK(EncodeMessage(message, 2) == second);
}

TEST_CASE("WhatIsNotForTheWireIsRefused") {
  std::string bytes = EncodeMessage({.type = MessageType::kHeartbeat, .from = 1, .to = 2}, 1);
  REQUIRE(DecodeMessage(bytes, 1).ok());
  std::string other = bytes;
  other[1] = static_cast<char>(MessageType::kSnapshot);
  CHECK_FALSE(DecodeMessage(other, 1).ok());
  other = bytes;
  other[0] = 2;
  CHECK(DecodeMessage(other, 1).status().message() ==
        "malformed message between members: version 2, where version 1 was agreed on");
  other = bytes;
  other[2] = 0;
  CHECK_FALSE(DecodeMessage(other, 1).ok());
}

}  // namespace
}  // namespace skiff::raft
