#include "raft/message_codec.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "raft/crc32c.h"

namespace skiff::raft {
namespace {

// Term, type and length of an entry take at least this.
constexpr size_t kLeastEntryBytes = 3;

enum Field : uint64_t {
  kLogIndex = 1 << 0,
  kLogTerm = 1 << 1,
  kSendTo = 1 << 2,
  kCommit = 1 << 3,
  kMatch = 1 << 4,
  kContext = 1 << 5,
  kReadIndex = 1 << 6,
  kReject = 1 << 7,  // The bit is the value.
  kEntries = 1 << 8,
  kData = 1 << 9,
  kAllFields = (1 << 10) - 1,
};

// The plain numbers among the fields, in the order of their bits.
constexpr std::pair<Field, uint64_t Message::*> kNumbers[] = {
    {kLogIndex, &Message::log_index},   {kLogTerm, &Message::log_term},
    {kSendTo, &Message::send_to},       {kCommit, &Message::commit},
    {kMatch, &Message::match},          {kContext, &Message::context},
    {kReadIndex, &Message::read_index},
};

}  // namespace

bool ForTheWire(MessageType type, uint32_t version) {
  switch (type) {
    case MessageType::kPreVoteRequest:
    case MessageType::kPreVote:
    case MessageType::kVoteRequest:
    case MessageType::kVote:
    case MessageType::kAppend:
    case MessageType::kAppended:
    case MessageType::kHeartbeat:
    case MessageType::kHeartbeatAck:
    case MessageType::kTimeoutNow:
    case MessageType::kReadIndex:
    case MessageType::kReadIndexAnswer:
    case MessageType::kPropose:
    case MessageType::kMembers:
    case MessageType::kSnapshotChunk:
    case MessageType::kSnapshotAck:
      return true;
    case MessageType::kAsk:
    case MessageType::kAnswered:
      return version >= 2;
    case MessageType::kSnapshot:
      return false;
  }
  return false;
}

namespace {

void PutVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

void PutBytes(absl::string_view bytes, std::string* out) {
  PutVarint(bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("malformed message between members: ", what));
}

class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  size_t left() const { return rest_.size(); }

  absl::StatusOr<uint8_t> Byte() {
    if (rest_.empty()) return Malformed("it ends early");
    const uint8_t byte = rest_[0];
    rest_.remove_prefix(1);
    return byte;
  }

  absl::StatusOr<uint64_t> Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      SKIFF_ASSIGN_OR_RETURN(const uint8_t byte, Byte());
      if (shift == 63 && byte > 1) return Malformed("a number is beyond 64 bits");
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) != 0) continue;
      if (byte == 0 && shift != 0) return Malformed("a number is longer than it needs to be");
      return value;
    }
    return Malformed("a number is beyond 64 bits");
  }

  absl::StatusOr<std::string> Bytes() {
    SKIFF_ASSIGN_OR_RETURN(const uint64_t length, Varint());
    if (length > rest_.size()) return Malformed("it ends early");
    std::string out(rest_.data(), length);
    rest_.remove_prefix(length);
    return out;
  }

 private:
  absl::string_view rest_;
};

absl::StatusOr<std::vector<Entry>> ReadEntries(Reader* reader) {
  SKIFF_ASSIGN_OR_RETURN(const uint64_t count, reader->Varint());
  SKIFF_ASSIGN_OR_RETURN(const uint64_t first, reader->Varint());
  if (count == 0) return Malformed("a list of entries without any");
  if (count > reader->left() / kLeastEntryBytes) {
    return Malformed("more entries than it has bytes for");
  }
  if (first == 0 || count - 1 > std::numeric_limits<uint64_t>::max() - first) {
    return Malformed("an entry's index is out of range");
  }
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < count; ++i) {
    Entry entry;
    entry.index = first + i;
    SKIFF_ASSIGN_OR_RETURN(entry.term, reader->Varint());
    SKIFF_ASSIGN_OR_RETURN(const uint8_t type, reader->Byte());
    if (type > static_cast<uint8_t>(EntryType::kConfig)) {
      return Malformed(absl::StrCat("unknown entry type ", type));
    }
    entry.type = static_cast<EntryType>(type);
    SKIFF_ASSIGN_OR_RETURN(entry.data, reader->Bytes());
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::Status ReadFields(Reader* reader, Message* message) {
  SKIFF_ASSIGN_OR_RETURN(const uint64_t mask, reader->Varint());
  if ((mask & ~static_cast<uint64_t>(kAllFields)) != 0) return Malformed("unknown fields");
  for (const auto& [field, number] : kNumbers) {
    if ((mask & field) == 0) continue;
    SKIFF_ASSIGN_OR_RETURN(message->*number, reader->Varint());
    if (message->*number == 0) return Malformed("a field that is there is zero");
  }
  message->reject = (mask & kReject) != 0;
  if ((mask & kEntries) != 0) {
    SKIFF_ASSIGN_OR_RETURN(message->entries, ReadEntries(reader));
  }
  if ((mask & kData) != 0) {
    SKIFF_ASSIGN_OR_RETURN(message->data, reader->Bytes());
    if (message->data.empty()) return Malformed("a field that is there is empty");
  }
  if (reader->left() != 0) return Malformed("bytes after its end");
  return absl::OkStatus();
}

absl::Status TakeCrc(absl::string_view* bytes) {
  if (bytes->size() < kCrcBytes) return Malformed("it ends early");
  const absl::string_view crc = bytes->substr(bytes->size() - kCrcBytes);
  bytes->remove_suffix(kCrcBytes);
  return crc == Crc32cBytes(*bytes) ? absl::OkStatus() : Malformed("its checksum is wrong");
}

size_t SizeHint(const Message& message) {
  size_t bytes = 64 + message.data.size();
  for (const Entry& entry : message.entries) bytes += 16 + entry.data.size();
  return bytes;
}

}  // namespace

std::string EncodeMessage(const Message& message, uint32_t version) {
  SKIFF_CHECK(version >= kOldestVersion && version <= kNewestVersion);
  SKIFF_CHECK(message.from != 0 && message.to != 0);
  SKIFF_CHECK(ForTheWire(message.type, version));
  std::string out;
  out.reserve(SizeHint(message));
  out.push_back(static_cast<char>(version));
  out.push_back(static_cast<char>(message.type));
  PutVarint(message.from, &out);
  PutVarint(message.to, &out);
  PutVarint(message.term, &out);
  uint64_t mask = 0;
  for (const auto& [field, number] : kNumbers) {
    if (message.*number != 0) mask |= field;
  }
  if (message.reject) mask |= kReject;
  if (!message.entries.empty()) mask |= kEntries;
  if (!message.data.empty()) mask |= kData;
  PutVarint(mask, &out);
  for (const auto& [field, number] : kNumbers) {
    if ((mask & field) != 0) PutVarint(message.*number, &out);
  }
  if (!message.entries.empty()) {
    PutVarint(message.entries.size(), &out);
    Index index = message.entries.front().index;
    SKIFF_CHECK(index != 0);
    PutVarint(index, &out);
    for (const Entry& entry : message.entries) {
      SKIFF_CHECK(entry.index == index++);
      PutVarint(entry.term, &out);
      out.push_back(static_cast<char>(entry.type));
      PutBytes(entry.data, &out);
    }
  }
  if (!message.data.empty()) PutBytes(message.data, &out);
  if (version >= 2) out += Crc32cBytes(out);
  return out;
}

absl::StatusOr<Message> DecodeMessage(absl::string_view bytes, uint32_t version) {
  if (bytes.empty()) return Malformed("it ends early");
  if (static_cast<uint8_t>(bytes[0]) != version) {
    return Malformed(absl::StrCat("version ", static_cast<int>(static_cast<uint8_t>(bytes[0])),
                                  ", where version ", version, " was agreed on"));
  }
  if (version >= 2) SKIFF_RETURN_IF_ERROR(TakeCrc(&bytes));
  Reader reader(bytes.substr(1));
  SKIFF_ASSIGN_OR_RETURN(const uint8_t type, reader.Byte());
  if (!ForTheWire(static_cast<MessageType>(type), version))
    return Malformed(absl::StrCat("unknown type ", type));
  Message message{.type = static_cast<MessageType>(type)};
  SKIFF_ASSIGN_OR_RETURN(message.from, reader.Varint());
  SKIFF_ASSIGN_OR_RETURN(message.to, reader.Varint());
  SKIFF_ASSIGN_OR_RETURN(message.term, reader.Varint());
  if (message.from == 0 || message.to == 0) return Malformed("it names no member");
  SKIFF_RETURN_IF_ERROR(ReadFields(&reader, &message));
  return message;
}

}  // namespace skiff::raft
