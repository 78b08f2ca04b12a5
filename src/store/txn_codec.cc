#include "store/txn_codec.h"

#include <google/protobuf/io/coded_stream.h>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/varint.h"
#include "raft/crc32c.h"

namespace skiff::store {
namespace {

constexpr char kPlainEntry = 2;
constexpr char kSealedEntry = 3;

// Its size was asked for before.
void PutMessage(const google::protobuf::Message& message, std::string* out) {
  const auto size = static_cast<size_t>(message.GetCachedSize());
  PutVarint(size, out);
  const size_t at = out->size();
  out->resize(at + size);
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out->data() + at));
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("a stored ", what, " is damaged"));
}

absl::StatusOr<api::MessagePtr> ParseMessage(absl::string_view key, absl::string_view bytes) {
  const api::ResourceInfo* resource = ResourceOfKey(key);
  if (resource == nullptr) {
    return absl::DataLossError(
        absl::StrCat("the stored object ", key, " is of a kind that this version does not know"));
  }
  api::MessagePtr message(resource->prototype->New());
  if (!message->ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Damaged(absl::StrCat("object ", key));
  }
  return message;
}

}  // namespace

const api::ResourceInfo* ResourceOfKey(absl::string_view key) {
  // By "group/resource": each is stored in one version.
  using Stored = absl::flat_hash_map<absl::string_view, const api::ResourceInfo*>;
  static const Stored* const kStored = [] {
    auto* out = new Stored();
    for (const api::ResourceInfo& resource : api::Resources()) {
      const auto* name = new std::string(absl::StrCat(resource.group, "/", resource.resource));
      out->emplace(*name, &resource);
    }
    return out;
  }();
  const size_t first = key.find('/');
  if (first == absl::string_view::npos) return nullptr;
  const size_t second = key.find('/', first + 1);
  if (second == absl::string_view::npos) return nullptr;
  const auto found = kStored->find(key.substr(0, second));
  return found == kStored->end() ? nullptr : found->second;
}

std::string EncodeOrigin(const EntryOrigin& origin, uint32_t version, uint32_t txn_crc) {
  std::string out(1, version == 1 ? kPlainEntry : kSealedEntry);
  PutVarint(origin.member, &out);
  PutVarint(origin.life, &out);
  PutVarint(origin.number, &out);
  if (version > 1) out += raft::Crc32cBytes(out, txn_crc);
  return out;
}

absl::Status DecodeOrigin(absl::string_view entry, EntryOrigin* origin, absl::string_view* txn) {
  if (entry.empty()) return Damaged("log entry");
  if (entry[0] > kSealedEntry) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a log entry is of form ", static_cast<int>(entry[0]), ", this program reads forms up to ",
        static_cast<int>(kSealedEntry), ": start the newer program that wrote it"));
  }
  ByteReader reader(entry.substr(1));
  if (entry[0] < kPlainEntry || !reader.Varint(&origin->member) || !reader.Varint(&origin->life) ||
      !reader.Varint(&origin->number)) {
    return Damaged("log entry");
  }
  *txn = reader.rest();
  if (entry[0] == kPlainEntry) return absl::OkStatus();
  if (txn->size() < raft::kCrcBytes) return Damaged("log entry");
  const absl::string_view crc = txn->substr(0, raft::kCrcBytes);
  txn->remove_prefix(raft::kCrcBytes);
  const absl::string_view before = entry.substr(0, entry.size() - raft::kCrcBytes - txn->size());
  const std::string right = raft::Crc32cBytes(before, raft::Crc32c(*txn));
  return crc == right ? absl::OkStatus() : Damaged("log entry");
}

std::string EncodeTxn(const Txn& txn) {
  constexpr size_t kEach = 16;
  size_t size = 4 * kEach;  // With room for the origin.
  for (const Precondition& precondition : txn.preconditions) {
    size += kEach + precondition.key.size();
  }
  for (const Op& op : txn.ops) {
    size += kEach + op.key.size() + (op.object == nullptr ? 0 : op.object->ByteSizeLong());
  }
  std::string out;
  out.reserve(size);
  PutVarint(txn.preconditions.size(), &out);
  for (const Precondition& precondition : txn.preconditions) {
    out.push_back(static_cast<char>(precondition.kind));
    PutString(precondition.key, &out);
    PutVarint(precondition.revision, &out);
  }
  PutVarint(txn.ops.size(), &out);
  for (const Op& op : txn.ops) {
    PutString(op.key, &out);
    out.push_back(op.object != nullptr ? 1 : 0);
    if (op.object != nullptr) PutMessage(*op.object, &out);
  }
  return out;
}

absl::StatusOr<Txn> DecodeTxn(absl::string_view bytes) {
  ByteReader reader(bytes);
  Txn out;
  uint64_t count = 0;
  uint64_t kind = 0;
  absl::string_view text;
  if (!reader.Varint(&count)) return Damaged("transaction");
  for (uint64_t i = 0; i < count; ++i) {
    Precondition precondition;
    if (!reader.Varint(&kind) || kind > 2 || !reader.String(&text) ||
        !reader.Varint(&precondition.revision)) {
      return Damaged("transaction");
    }
    precondition.kind = static_cast<Precondition::Kind>(kind);
    precondition.key = std::string(text);
    out.preconditions.push_back(std::move(precondition));
  }
  if (!reader.Varint(&count)) return Damaged("transaction");
  for (uint64_t i = 0; i < count; ++i) {
    if (!reader.String(&text) || !reader.Varint(&kind) || kind > 1) return Damaged("transaction");
    Op op{std::string(text), nullptr};
    if (kind == 1) {
      if (!reader.String(&text)) return Damaged("transaction");
      SKIFF_ASSIGN_OR_RETURN(op.object, ParseMessage(op.key, text));
    }
    out.ops.push_back(std::move(op));
  }
  if (!reader.rest().empty()) return Damaged("transaction");
  return out;
}

std::string EncodeRow(const api::Object& object) {
  std::string out;
  PutVarint(object.revision(), &out);
  SKIFF_CHECK(object.message().AppendPartialToString(&out));
  return out;
}

absl::StatusOr<api::ObjectPtr> DecodeRow(absl::string_view key, absl::string_view row) {
  ByteReader reader(row);
  uint64_t revision = 0;
  if (!reader.Varint(&revision)) return Damaged(absl::StrCat("object ", key));
  SKIFF_ASSIGN_OR_RETURN(api::MessagePtr message, ParseMessage(key, reader.rest()));
  api::MutableMetaOf(message.get())->set_resource_version(absl::StrCat(revision));
  return api::Object::Make(std::move(message));
}

}  // namespace skiff::store
