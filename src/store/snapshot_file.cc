#include "store/snapshot_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "base/varint.h"
#include "raft/crc32c.h"
#include "raft/rocksdb_storage.h"
#include "store/recover.h"
#include "store/txn_codec.h"

namespace skiff::store {
namespace {

constexpr absl::string_view kMagic = "skiff-snapshot 1\n";
constexpr absl::string_view kMagicOfAnyVersion = "skiff-snapshot ";
constexpr size_t kPiece = 256 << 10;
constexpr size_t kMaxRecord = 64 << 20;

std::string Record(absl::string_view bytes) {
  std::string out;
  PutString(bytes, &out);
  uint32_t crc = raft::Crc32c(bytes);
  for (int i = 0; i < 4; ++i, crc >>= 8) out.push_back(static_cast<char>(crc & 0xff));
  return out;
}

// Reads records one by one; errors name the file and where in it.
class RecordFile {
 public:
  static absl::StatusOr<RecordFile> Open(const std::string& path) {
    RecordFile out;
    out.path_ = path;
    out.in_.open(path, std::ios::binary);
    if (!out.in_) return absl::NotFoundError(absl::StrCat("snapshot file ", path, ": none there"));
    std::string magic(kMagic.size(), '\0');
    out.in_.read(magic.data(), static_cast<std::streamsize>(magic.size()));
    if (out.in_ && magic != kMagic && absl::StartsWith(magic, kMagicOfAnyVersion)) {
      return absl::FailedPreconditionError(absl::StrCat(
          path, " is a snapshot of another version: restore it with the program that made it"));
    }
    if (!out.in_ || magic != kMagic) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " is no snapshot: `skiff snapshot save` makes them"));
    }
    out.offset_ = kMagic.size();
    return out;
  }

  absl::StatusOr<std::string> Next() {
    uint64_t size = 0;
    for (int shift = 0;; shift += 7) {
      const int byte = in_.get();
      if (byte == std::char_traits<char>::eof() || shift > 28) return Damaged();
      size |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) break;
    }
    if (size > kMaxRecord) return Damaged();
    std::string bytes(size + 4, '\0');
    in_.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!in_) return Damaged();
    uint32_t crc = 0;
    for (int i = 3; i >= 0; --i) crc = crc << 8 | static_cast<unsigned char>(bytes[size + i]);
    bytes.resize(size);
    if (crc != raft::Crc32c(bytes)) return Damaged();
    offset_ = static_cast<uint64_t>(in_.tellg());
    return bytes;
  }
  bool AtEnd() { return in_.peek() == std::char_traits<char>::eof(); }
  uint64_t offset() const { return offset_; }
  absl::Status Damaged() const {
    return absl::DataLossError(absl::StrCat("snapshot ", path_, " is damaged or cut off at offset ",
                                            offset_, ": use another copy of it"));
  }

 private:
  std::string path_;
  std::ifstream in_;
  uint64_t offset_ = 0;  // Of the record that comes next.
};

// Every row, decoded to see that it can be.
absl::StatusOr<SnapshotSummary> ReadSnapshot(
    const std::string& path,
    absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view row)> visit) {
  SKIFF_ASSIGN_OR_RETURN(RecordFile file, RecordFile::Open(path));
  SnapshotSummary out;
  SKIFF_ASSIGN_OR_RETURN(const std::string head, file.Next());
  ByteReader header(head);
  if (!header.Varint(&out.revision) || !header.Varint(&out.objects)) return file.Damaged();
  std::string last;
  for (uint64_t i = 0; i < out.objects; ++i) {
    SKIFF_ASSIGN_OR_RETURN(const std::string record, file.Next());
    ByteReader reader(record);
    absl::string_view key;
    absl::string_view value;
    if (!reader.String(&key) || !reader.String(&value) || key <= last) return file.Damaged();
    SKIFF_RETURN_IF_ERROR(Annotate(DecodeRow(key, value).status(), path));
    last = std::string(key);
    SKIFF_RETURN_IF_ERROR(visit(key, value));
  }
  if (!file.AtEnd()) return file.Damaged();
  out.bytes = file.offset();
  return out;
}

}  // namespace

SnapshotSummary WriteSnapshot(const Snapshot& snapshot,
                              absl::FunctionRef<bool(absl::string_view bytes)> take) {
  SnapshotSummary out;
  out.revision = snapshot.revision();
  out.objects = snapshot.Count("");
  std::string head;
  PutVarint(out.revision, &head);
  PutVarint(out.objects, &head);
  std::string piece = absl::StrCat(kMagic, Record(head));
  bool more = true;
  snapshot.Scan("", "", [&](absl::string_view key, const api::ObjectPtr& object) {
    std::string row;
    PutString(key, &row);
    PutString(EncodeRow(*object), &row);
    piece += Record(row);
    if (piece.size() < kPiece) return true;
    out.bytes += piece.size();
    more = take(piece);
    piece.clear();
    return more;
  });
  if (more && !piece.empty()) {
    out.bytes += piece.size();
    take(piece);
  }
  return out;
}

absl::StatusOr<SnapshotSummary> SaveSnapshot(const Snapshot& snapshot, const std::string& path) {
  const std::string fresh = path + ".new";
  const UniqueFd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  absl::Status written;
  const SnapshotSummary out = WriteSnapshot(snapshot, [&](absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = write(fd.get(), bytes.data(), bytes.size());
      if (n < 0) {
        written = ErrnoStatus(errno, path);
        return false;
      }
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  });
  if (written.ok() && (fsync(fd.get()) != 0 || rename(fresh.c_str(), path.c_str()) != 0)) {
    written = ErrnoStatus(errno, path);
  }
  if (!written.ok()) {
    unlink(fresh.c_str());
    return written;
  }
  return out;
}

absl::StatusOr<SnapshotSummary> SaveOffline(const std::string& dir, const std::string& path) {
  if (!std::filesystem::exists(dir)) {
    return absl::NotFoundError(absl::StrCat(dir, ": there is no store"));
  }
  SKIFF_ASSIGN_OR_RETURN(const auto storage, raft::RocksdbStorage::Open(dir));
  StateMachine machine;
  SKIFF_ASSIGN_OR_RETURN(const raft::Persistent persistent,
                         LoadCheckpoint(storage.get(), &machine));
  SKIFF_RETURN_IF_ERROR(ReplayLog(persistent, *storage, &machine));
  return SaveSnapshot(*machine.snapshot(), path);
}

absl::StatusOr<SnapshotSummary> VerifySnapshot(const std::string& path) {
  return ReadSnapshot(path, [](absl::string_view, absl::string_view) { return absl::OkStatus(); });
}

absl::StatusOr<SnapshotSummary> RestoreSnapshot(const std::string& path, const std::string& dir,
                                                raft::MemberId member, const std::string& note) {
  SKIFF_RETURN_IF_ERROR(VerifySnapshot(path).status());
  std::error_code error;
  if (std::filesystem::exists(dir, error) && !std::filesystem::is_empty(dir, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(dir, " is not empty: restore into a new data directory"));
  }
  const std::string fresh = RestoreInProgress(dir);
  std::filesystem::remove_all(fresh, error);
  std::filesystem::create_directories(fresh, error);
  if (error) return ErrnoStatus(error.value(), fresh);
  SKIFF_ASSIGN_OR_RETURN(auto storage, raft::RocksdbStorage::Open(fresh));
  std::vector<raft::Row> rows;
  size_t bytes = 0;
  bool first = true;
  const auto stage = [&] {
    const absl::Status staged = storage->Stage(rows, first);
    rows.clear();
    bytes = 0;
    first = false;
    return staged;
  };
  SKIFF_ASSIGN_OR_RETURN(
      const SnapshotSummary out,
      ReadSnapshot(path, [&](absl::string_view key, absl::string_view row) -> absl::Status {
        bytes += row.size();
        rows.push_back({std::string(key), std::string(row)});
        return bytes < kPiece ? absl::OkStatus() : stage();
      }));
  SKIFF_RETURN_IF_ERROR(stage());
  raft::Checkpoint checkpoint;
  checkpoint.index = 1;
  checkpoint.term = 1;
  checkpoint.config.voters = {member};
  checkpoint.config.notes[member] = note;
  checkpoint.note = absl::StrCat(out.revision);
  SKIFF_RETURN_IF_ERROR(storage->Install(checkpoint, {1, 0}));
  storage.reset();
  std::filesystem::remove(dir, error);  // If it is there it is empty.
  const std::string parent = std::filesystem::path(dir).parent_path().string();
  const UniqueFd directory(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (rename(fresh.c_str(), dir.c_str()) != 0 || !directory.valid() ||
      fsync(directory.get()) != 0) {
    return ErrnoStatus(errno, dir);
  }
  return out;
}

std::string RestoreInProgress(const std::string& dir) { return dir + ".restoring"; }

absl::StatusOr<raft::Config> ConfigOfStore(const std::string& dir) {
  SKIFF_ASSIGN_OR_RETURN(const auto storage, raft::RocksdbStorage::Open(dir));
  SKIFF_ASSIGN_OR_RETURN(const raft::Persistent persistent, storage->Load());
  raft::Config out = persistent.checkpoint.config;
  for (const auto& held : persistent.log) {
    if (held.config) out = *held.config;
  }
  return out;
}

}  // namespace skiff::store
