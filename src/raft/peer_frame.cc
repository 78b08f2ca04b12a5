#include "raft/peer_frame.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/big_endian.h"
#include "base/status.h"
#include "raft/message_codec.h"

namespace skiff::raft {
namespace {

constexpr size_t kHeaderBytes = 5;
constexpr size_t kBulkPieceBytes = 64 << 10;
// So that a stranger who got this far is told apart from a member.
constexpr absl::string_view kMagic = "skiff-raft";

bool Known(uint8_t kind) {
  return kind >= static_cast<uint8_t>(FrameKind::kHello) &&
         kind <= static_cast<uint8_t>(FrameKind::kBulkPart);
}

}  // namespace

std::string EncodeFrame(FrameKind kind, absl::string_view payload) {
  SKIFF_CHECK(payload.size() <= kMaxFrameBytes);
  std::string out;
  out.reserve(kHeaderBytes + payload.size());
  PutBigEndian(static_cast<uint32_t>(payload.size()), &out);
  out.push_back(static_cast<char>(kind));
  absl::StrAppend(&out, payload);
  return out;
}

std::string EncodeHello(const Hello& hello) {
  std::string out(kMagic);
  PutBigEndian(hello.min_version, &out);
  PutBigEndian(hello.max_version, &out);
  PutBigEndian(hello.cluster_id, &out);
  PutBigEndian(hello.from, &out);
  PutBigEndian(hello.to, &out);
  return out;
}

absl::StatusOr<Hello> DecodeHello(absl::string_view payload) {
  // Of a later version it may be longer; what is here stays where it is.
  if (payload.size() < kMagic.size() + 32 || payload.substr(0, kMagic.size()) != kMagic) {
    return absl::DataLossError("this is not the greeting of a member");
  }
  payload.remove_prefix(kMagic.size());
  Hello hello;
  hello.min_version = TakeBigEndian<uint32_t>(&payload);
  hello.max_version = TakeBigEndian<uint32_t>(&payload);
  hello.cluster_id = TakeBigEndian<uint64_t>(&payload);
  hello.from = TakeBigEndian<uint64_t>(&payload);
  hello.to = TakeBigEndian<uint64_t>(&payload);
  return hello;
}

std::string EncodeWelcome(const Welcome& welcome) {
  std::string out;
  PutBigEndian(welcome.version, &out);
  return out;
}

absl::StatusOr<Welcome> DecodeWelcome(absl::string_view payload) {
  if (payload.size() < 4) return absl::DataLossError("this is not the welcome of a member");
  return Welcome{TakeBigEndian<uint32_t>(&payload)};
}

void FrameReader::Feed(absl::string_view bytes) {
  bytes_.erase(0, std::exchange(taken_, 0));
  absl::StrAppend(&bytes_, bytes);
}

absl::StatusOr<std::optional<Frame>> FrameReader::Next() {
  absl::string_view rest = absl::string_view(bytes_).substr(taken_);
  if (rest.size() < kHeaderBytes) return std::nullopt;
  const uint32_t length = TakeBigEndian<uint32_t>(&rest);
  const uint8_t kind = TakeBigEndian<uint8_t>(&rest);
  if (!Known(kind)) return absl::DataLossError(absl::StrCat("a frame of unknown kind ", kind));
  if (length > max_bytes_) {
    return absl::DataLossError(
        absl::StrCat("a frame of ", length, " bytes, where ", max_bytes_, " are the most"));
  }
  if (rest.size() < length) return std::nullopt;
  taken_ += kHeaderBytes + length;
  return Frame{static_cast<FrameKind>(kind), std::string(rest.substr(0, length))};
}

absl::StatusOr<std::optional<Message>> MessageAssembler::Add(Frame frame) {
  const bool bulk = frame.kind == FrameKind::kBulk || frame.kind == FrameKind::kBulkPart;
  if (!bulk && frame.kind != FrameKind::kMessage && frame.kind != FrameKind::kMessagePart) {
    return absl::DataLossError("a greeting among messages");
  }
  std::string& whole = bulk ? bulk_ : message_;
  if (whole.size() + frame.payload.size() > kMaxMessageBytes) {
    return absl::DataLossError(absl::StrCat("a message of more than ", kMaxMessageBytes, " bytes"));
  }
  absl::StrAppend(&whole, frame.payload);
  if (frame.kind == FrameKind::kMessagePart || frame.kind == FrameKind::kBulkPart) {
    return std::nullopt;
  }
  const std::string bytes = std::exchange(whole, std::string());
  SKIFF_ASSIGN_OR_RETURN(Message message, DecodeMessage(bytes, version_));
  return message;
}

bool SendQueue::Push(const Message& message) {
  if (!ForTheWire(message.type, version_)) return false;
  const bool bulk = message.type == MessageType::kSnapshotChunk;
  if (bulk ? message.data.size() > BulkRoom() : messages_.size() >= limits_.messages) return false;
  Waiting waiting{.bytes = EncodeMessage(message, version_)};
  if (waiting.bytes.size() > kMaxMessageBytes) return false;
  if (bulk) {
    bulk_bytes_ += waiting.counted = message.data.size();
    bulk_.push_back(std::move(waiting));
    return true;
  }
  waiting.counted = waiting.bytes.size();
  if (message_bytes_ + waiting.counted > limits_.bytes) return false;
  message_bytes_ += waiting.counted;
  messages_.push_back(std::move(waiting));
  return true;
}

bool SendQueue::TakeFrame(Waiting* waiting, size_t most, FrameKind last, FrameKind part,
                          std::string* out) {
  const absl::string_view piece = absl::string_view(waiting->bytes).substr(waiting->sent, most);
  waiting->sent += piece.size();
  const bool ends = waiting->sent == waiting->bytes.size();
  absl::StrAppend(out, EncodeFrame(ends ? last : part, piece));
  return ends;
}

SendQueue::Batch SendQueue::Take(size_t bytes) {
  Batch batch;
  while (!messages_.empty() && batch.frames.size() < bytes) {
    if (!TakeFrame(&messages_.front(), kMaxFrameBytes, FrameKind::kMessage, FrameKind::kMessagePart,
                   &batch.frames)) {
      continue;
    }
    ++batch.messages;
    message_bytes_ -= messages_.front().counted;
    messages_.pop_front();
  }
  if (!batch.frames.empty() || bulk_.empty()) return batch;
  if (TakeFrame(&bulk_.front(), kBulkPieceBytes, FrameKind::kBulk, FrameKind::kBulkPart,
                &batch.frames)) {
    ++batch.messages;
    bulk_bytes_ -= bulk_.front().counted;
    bulk_.pop_front();
  }
  return batch;
}

size_t SendQueue::Clear() {
  const size_t count = messages_.size() + bulk_.size();
  messages_.clear();
  bulk_.clear();
  message_bytes_ = bulk_bytes_ = 0;
  return count;
}

}  // namespace skiff::raft
