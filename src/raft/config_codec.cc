#include "absl/strings/str_cat.h"
#include "base/big_endian.h"
#include "base/status.h"
#include "raft/types.h"

// Config::version (1 byte), then the three sets and the notes: counts, ids and lengths as 8 bytes,
// the most significant first. A later version may change what follows the byte, as nobody who does
// not understand it is sent it.
namespace skiff::raft {
namespace {

void PutSet(const std::set<MemberId>& members, std::string* out) {
  PutBigEndian<uint64_t>(members.size(), out);
  for (const MemberId id : members) PutBigEndian<uint64_t>(id, out);
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("a configuration of the cluster is damaged: ", what));
}

absl::StatusOr<uint64_t> TakeNumber(absl::string_view* bytes) {
  if (bytes->size() < 8) return Damaged("it ends early");
  return TakeBigEndian<uint64_t>(bytes);
}

absl::Status TakeSet(absl::string_view* bytes, std::set<MemberId>* members) {
  SKIFF_ASSIGN_OR_RETURN(const uint64_t count, TakeNumber(bytes));
  for (uint64_t i = 0; i < count; ++i) {
    SKIFF_ASSIGN_OR_RETURN(const MemberId id, TakeNumber(bytes));
    if (id == 0 || !members->insert(id).second) return Damaged("a member is named twice, or 0");
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeConfig(const Config& config) {
  std::string out(1, static_cast<char>(config.version));
  PutSet(config.voters, &out);
  PutSet(config.outgoing, &out);
  PutSet(config.learners, &out);
  PutBigEndian<uint64_t>(config.notes.size(), &out);
  for (const auto& [id, note] : config.notes) {
    PutBigEndian<uint64_t>(id, &out);
    PutBigEndian<uint64_t>(note.size(), &out);
    out += note;
  }
  return out;
}

absl::StatusOr<Config> DecodeConfig(absl::string_view bytes) {
  if (bytes.empty() || bytes[0] == 0) return Damaged("it is of no known version");
  Config config;
  config.version = static_cast<unsigned char>(bytes[0]);
  if (config.version > kNewestVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the log of the cluster is of version ", config.version,
                     ", this program understands versions up to ", kNewestVersion,
                     ": start the newer program that the other members run"));
  }
  bytes.remove_prefix(1);
  SKIFF_RETURN_IF_ERROR(TakeSet(&bytes, &config.voters));
  SKIFF_RETURN_IF_ERROR(TakeSet(&bytes, &config.outgoing));
  SKIFF_RETURN_IF_ERROR(TakeSet(&bytes, &config.learners));
  SKIFF_ASSIGN_OR_RETURN(const uint64_t notes, TakeNumber(&bytes));
  for (uint64_t i = 0; i < notes; ++i) {
    SKIFF_ASSIGN_OR_RETURN(const MemberId id, TakeNumber(&bytes));
    SKIFF_ASSIGN_OR_RETURN(const uint64_t length, TakeNumber(&bytes));
    if (length > bytes.size()) return Damaged("it ends early");
    if (!config.notes.emplace(id, std::string(bytes.substr(0, length))).second) {
      return Damaged("a member has two notes");
    }
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) return Damaged("something follows it");
  return config;
}

}  // namespace skiff::raft
