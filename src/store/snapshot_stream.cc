#include "store/snapshot_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/varint.h"
#include "store/txn_codec.h"

namespace skiff::store {
namespace {

constexpr size_t kChunkBytes = 128 << 10;
constexpr uint64_t kWindow = 4;  // Chunks that may be on their way.

absl::Status Damaged() { return absl::DataLossError("a piece of a streamed state is damaged"); }

}  // namespace

std::string EncodeChunk(const SnapshotChunk& chunk) {
  std::string out;
  PutVarint(chunk.checkpoint.index, &out);
  PutVarint(chunk.checkpoint.term, &out);
  PutString(raft::EncodeConfig(chunk.checkpoint.config), &out);
  PutString(chunk.checkpoint.note, &out);
  PutVarint(chunk.number, &out);
  PutVarint(chunk.last ? 1 : 0, &out);
  PutVarint(chunk.rows.size(), &out);
  for (const raft::Row& row : chunk.rows) {
    PutString(row.key, &out);
    PutString(*row.value, &out);
  }
  return out;
}

absl::StatusOr<SnapshotChunk> DecodeChunk(absl::string_view bytes) {
  ByteReader reader(bytes);
  SnapshotChunk chunk;
  absl::string_view config;
  absl::string_view note;
  uint64_t last = 0;
  uint64_t count = 0;
  if (!reader.Varint(&chunk.checkpoint.index) || !reader.Varint(&chunk.checkpoint.term) ||
      !reader.String(&config) || !reader.String(&note) || !reader.Varint(&chunk.number) ||
      !reader.Varint(&last) || !reader.Varint(&count)) {
    return Damaged();
  }
  SKIFF_ASSIGN_OR_RETURN(chunk.checkpoint.config, raft::DecodeConfig(config));
  chunk.checkpoint.note = std::string(note);
  chunk.last = last != 0;
  for (uint64_t i = 0; i < count; ++i) {
    absl::string_view key;
    absl::string_view value;
    if (!reader.String(&key) || !reader.String(&value)) return Damaged();
    chunk.rows.push_back({std::string(key), std::string(value)});
  }
  if (!reader.rest().empty()) return Damaged();
  return chunk;
}

std::string EncodeAck(const SnapshotAck& ack) {
  std::string out;
  PutVarint(ack.index, &out);
  PutVarint(ack.next, &out);
  PutVarint(ack.done ? 1 : 0, &out);
  return out;
}

absl::StatusOr<SnapshotAck> DecodeAck(absl::string_view bytes) {
  ByteReader reader(bytes);
  SnapshotAck ack;
  uint64_t done = 0;
  if (!reader.Varint(&ack.index) || !reader.Varint(&ack.next) || !reader.Varint(&done) ||
      !reader.rest().empty()) {
    return Damaged();
  }
  ack.done = done != 0;
  return ack;
}

SnapshotSender::SnapshotSender(std::shared_ptr<const TreeSnapshot> state,
                               raft::Checkpoint checkpoint, absl::Duration now)
    : state_(std::move(state)), checkpoint_(std::move(checkpoint)), progress_(now), rewound_(now) {}

void SnapshotSender::Rewind(absl::Duration now) {
  next_ = acked_;
  rewound_ = now;
}

std::optional<std::string> SnapshotSender::Next() {
  if (next_ >= acked_ + kWindow || (count_ && next_ >= *count_)) return std::nullopt;
  SnapshotChunk chunk;
  chunk.checkpoint = checkpoint_;
  chunk.number = next_;
  chunk.last = true;
  size_t bytes = 0;
  state_->Scan("", after_[next_], [&](absl::string_view key, const api::ObjectPtr& object) {
    if (bytes >= kChunkBytes) {
      chunk.last = false;
      return false;
    }
    chunk.rows.push_back({std::string(key), EncodeRow(*object)});
    bytes += key.size() + chunk.rows.back().value->size();
    return true;
  });
  ++next_;
  if (chunk.last) {
    count_ = next_;
  } else if (after_.size() == next_) {
    after_.push_back(chunk.rows.back().key);
  }
  return EncodeChunk(chunk);
}

bool SnapshotSender::OnAck(const SnapshotAck& ack, absl::Duration now) {
  if (ack.index != checkpoint_.index) return false;
  // It may have more than was sent: from an earlier sender of the same state.
  const uint64_t next = std::min(ack.next, next_);
  if (next != acked_) progress_ = now;
  // Less than it had: it has lost what it had, and begins anew.
  if (next < acked_) next_ = next;
  acked_ = next;
  return ack.done;
}

absl::StatusOr<bool> SnapshotReceiver::Take(const SnapshotChunk& chunk) {
  const bool anew = chunk.number == 0 && chunk.checkpoint.index != checkpoint_.index;
  if (anew) {
    *this = SnapshotReceiver();
    checkpoint_ = chunk.checkpoint;
  }
  if (chunk.checkpoint.index != checkpoint_.index || chunk.checkpoint.term != checkpoint_.term ||
      chunk.number != next_ || whole_) {
    return false;
  }
  for (const raft::Row& row : chunk.rows) {
    if (!objects_.empty() && row.key <= objects_.back().first) return Damaged();
    SKIFF_ASSIGN_OR_RETURN(api::ObjectPtr object, DecodeRow(row.key, *row.value));
    objects_.emplace_back(row.key, std::move(object));
  }
  ++next_;
  whole_ = chunk.last;
  return true;
}

absl::StatusOr<uint64_t> SnapshotReceiver::revision() const {
  uint64_t revision = 0;
  if (!absl::SimpleAtoi(checkpoint_.note, &revision)) return Damaged();
  return revision;
}

}  // namespace skiff::store
