#include "raft/peer_frame.h"

#include <catch2/catch.hpp>
#include <vector>

#include "base/rng.h"

namespace skiff::raft {
namespace {

Message Heartbeat(uint64_t number) {
  return {.type = MessageType::kHeartbeat, .from = 1, .to = 2, .context = number};
}

Message Bulk(uint64_t number, size_t bytes) {
  Message message{.type = MessageType::kSnapshotChunk, .from = 1, .to = 2, .context = number};
  message.data = std::string(bytes, 'b');
  return message;
}

// The messages in a stream of frames, by their number.
class Receiver {
 public:
  std::vector<uint64_t> Feed(absl::string_view bytes) {
    std::vector<uint64_t> out;
    reader_.Feed(bytes);
    while (true) {
      absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
      REQUIRE(frame.ok());
      if (!frame->has_value()) return out;
      absl::StatusOr<std::optional<Message>> message = assembler_.Add(**std::move(frame));
      REQUIRE(message.ok());
      if (message->has_value()) out.push_back((*message)->context);
    }
  }

 private:
  FrameReader reader_{kMaxFrameBytes};
  MessageAssembler assembler_;
};

TEST_CASE("FramesAreFoundInAnyPiecesOfTheStream") {
  const std::string stream = EncodeFrame(FrameKind::kHello, "one") +
                             EncodeFrame(FrameKind::kMessage, "") +
                             EncodeFrame(FrameKind::kBulk, std::string(300, 'x'));
  for (const size_t step : {1, 2, 7, 1000}) {
    FrameReader reader(300);
    std::vector<size_t> sizes;
    for (size_t at = 0; at < stream.size(); at += step) {
      reader.Feed(absl::string_view(stream).substr(at, step));
      while (true) {
        const absl::StatusOr<std::optional<Frame>> frame = reader.Next();
        REQUIRE(frame.ok());
        if (!frame->has_value()) break;
        sizes.push_back((*frame)->payload.size());
      }
    }
    CHECK(sizes == std::vector<size_t>{3, 0, 300});
  }
}

TEST_CASE("AFrameTooLongOrOfUnknownKindIsRefusedByItsHeader") {
  FrameReader small(10);
  small.Feed(EncodeFrame(FrameKind::kHello, std::string(11, 'x')).substr(0, 5));
  CHECK(small.Next().status().message() == "a frame of 11 bytes, where 10 are the most");
  CHECK_FALSE(small.Next().ok());
  FrameReader reader(kMaxFrameBytes);
  reader.Feed(absl::string_view("\0\0\0\0\x08", 5));
  CHECK(reader.Next().status().code() == absl::StatusCode::kDataLoss);
  FrameReader huge(kMaxFrameBytes);
  huge.Feed("\xff\xff\xff\xff\x04");
  CHECK_FALSE(huge.Next().ok());
}

TEST_CASE("GreetingsComeOutAsTheyWentIn") {
  Hello hello;
  hello.min_version = 1;
  hello.max_version = 7;
  hello.cluster_id = 0xfedcba9876543210;
  hello.from = 3;
  hello.to = 4;
  const std::string payload = EncodeHello(hello);
  // A later version may say more.
  const absl::StatusOr<Hello> decoded = DecodeHello(payload + "more");
  REQUIRE(decoded.ok());
  CHECK(decoded->min_version == 1);
  CHECK(decoded->max_version == 7);
  CHECK(decoded->cluster_id == hello.cluster_id);
  CHECK(decoded->from == 3);
  CHECK(decoded->to == 4);
  for (size_t n = 0; n < payload.size(); ++n) CHECK_FALSE(DecodeHello(payload.substr(0, n)).ok());
  CHECK_FALSE(DecodeHello(std::string(payload.size(), 'x')).ok());
  CHECK(DecodeWelcome(EncodeWelcome({1}))->version == 1);
  CHECK_FALSE(DecodeWelcome("xyz").ok());
}

TEST_CASE("BulkWaitsUntilNothingElseDoesAndGivesWayBetweenItsPieces") {
  SendQueue queue({});
  Receiver receiver;
  REQUIRE(queue.Push(Bulk(100, 1 << 20)));
  REQUIRE(queue.Push(Heartbeat(1)));
  CHECK(receiver.Feed(queue.Take(1 << 20).frames) == std::vector<uint64_t>{1});
  std::vector<uint64_t> got;
  int pieces = 0;
  for (uint64_t n = 2; true; ++n) {
    const SendQueue::Batch batch = queue.Take(1 << 20);
    if (batch.frames.empty()) break;
    CHECK(batch.frames.size() < 70'000);
    ++pieces;
    for (const uint64_t number : receiver.Feed(batch.frames)) got.push_back(number);
    if (n > 5) continue;
    REQUIRE(queue.Push(Heartbeat(n)));
    for (const uint64_t number : receiver.Feed(queue.Take(1 << 20).frames)) got.push_back(number);
  }
  CHECK(pieces > 15);
  CHECK(got == std::vector<uint64_t>{2, 3, 4, 5, 100});
}

TEST_CASE("AMessageLongerThanAFrameTravelsInParts") {
  SendQueue queue({});
  Message message{.type = MessageType::kAppend, .from = 1, .to = 2, .context = 9};
  message.entries.push_back({1, 1, EntryType::kData, std::string(1'500'000, 'e')});
  REQUIRE(queue.Push(message));
  REQUIRE(queue.Push(Heartbeat(10)));
  Receiver receiver;
  std::vector<uint64_t> got;
  size_t counted = 0;
  int batches = 0;
  while (true) {
    const SendQueue::Batch batch = queue.Take(500'000);
    if (batch.frames.empty()) break;
    CHECK(batch.frames.size() < 500'000 + kMaxFrameBytes + 10);
    ++batches;
    counted += batch.messages;
    for (const uint64_t number : receiver.Feed(batch.frames)) got.push_back(number);
  }
  CHECK(batches >= 3);
  CHECK(counted == 2);
  CHECK(got == std::vector<uint64_t>{9, 10});
}

TEST_CASE("WhatIsBeyondTheLimitsOfAQueueIsDropped") {
  SendQueue queue({.messages = 3, .bytes = 1000, .bulk_bytes = 100});
  for (uint64_t n = 0; n < 3; ++n) CHECK(queue.Push(Heartbeat(n)));
  CHECK_FALSE(queue.Push(Heartbeat(3)));
  CHECK(queue.Push(Bulk(4, 60)));
  CHECK(queue.BulkRoom() == 40);
  CHECK_FALSE(queue.Push(Bulk(5, 41)));
  CHECK(queue.Push(Bulk(6, 40)));
  CHECK(queue.BulkRoom() == 0);
  CHECK(queue.Clear() == 5);
  CHECK(queue.BulkRoom() == 100);
  CHECK(queue.Take(1000).frames.empty());
  Message large = Heartbeat(7);
  large.data = std::string(995, 'x');
  CHECK_FALSE(queue.Push(large));
  large.data.resize(900);
  CHECK(queue.Push(large));
  CHECK_FALSE(queue.Push(large));
  queue.Take(1 << 20);
  CHECK(queue.Push(large));
}

TEST_CASE("PartsThatNeverEndAndGreetingsAmongMessagesAreRefused") {
  MessageAssembler assembler;
  absl::Status status;
  size_t fed = 0;
  while (status.ok() && fed < 2 * kMaxMessageBytes) {
    status = assembler.Add({FrameKind::kMessagePart, std::string(kMaxFrameBytes, 'x')}).status();
    fed += kMaxFrameBytes;
  }
  CHECK(status.code() == absl::StatusCode::kDataLoss);
  CHECK(fed <= kMaxMessageBytes + kMaxFrameBytes);
  CHECK_FALSE(MessageAssembler().Add({FrameKind::kHello, ""}).ok());
  CHECK_FALSE(MessageAssembler().Add({FrameKind::kMessage, "nonsense"}).ok());
}

}  // namespace
}  // namespace skiff::raft
