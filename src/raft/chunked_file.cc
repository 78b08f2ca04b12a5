#include "raft/chunked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
#include "raft/crc32c.h"

namespace skiff::raft {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

constexpr uint64_t kMaxGrowth = 4 << 20;
// Zeros that were written make the next syncs cheaper than blocks that were only reserved, but they
// are written twice; that pays while syncs are small.
constexpr uint64_t kSmallSync = 16 << 10;
constexpr absl::string_view kSealMark = "skiff seal ";
constexpr char kZeros[64 << 10] = {};

class ChunkedFile final : public rocksdb::WritableFile {
 public:
  ChunkedFile(std::string path, uint64_t chunk, UniqueFd fd)
      : path_(std::move(path)), chunk_(chunk), fd_(std::move(fd)) {}
  ~ChunkedFile() override { Close().PermitUncheckedError(); }

  using WritableFile::Append;
  Status Append(const Slice& data) override {
    if (size_ + data.size() + kBlock > allocated_) {
      const Status status = Grow(size_ + data.size() + kBlock);
      if (!status.ok()) return status;
    }
    if (has_holes_) {
      const Status status = FillHoles();  // A full disk takes no part of a record.
      if (!status.ok()) return status;
    }
    const Status status = WriteAt(size_, {data.data(), data.size()});
    if (!status.ok()) return status;
    NoteZeros({data.data(), data.size()});
    size_ += data.size();
    return Status::OK();
  }

  Status Sync() override {
    if (fdatasync(fd_.get()) != 0) return Failed("cannot sync");
    ++syncs_;
    NoteSectorEnd();
    synced_ = size_;
    if (!std::exchange(zero_sector_, false)) return Status::OK();
    return Seal();
  }

  // A process that ends in order leaves no doubt.
  Status Close() override {
    if (!fd_.valid()) return Status::OK();
    Status status;
    if (synced_ == size_ && sealed_ != synced_) status = Seal();
    fd_.Reset();
    return status;
  }

  // Room for the first chunk, on disk.
  Status Grow(uint64_t at_least) {
    const uint64_t grown = size_ - size_at_growth_;
    const bool zeros = allocated_ == 0 || syncs_ * kSmallSync > grown;
    uint64_t size = allocated_ + std::clamp(allocated_, chunk_, kMaxGrowth);
    if (size < at_least) size = (at_least + chunk_ - 1) / chunk_ * chunk_;
    const Status status = zeros ? GrowWithZeros(size) : Reserve(size);
    if (status.IsNoSpace() && allocated_ == 0) {
      // RocksDB does not get over a log that it could not create. It may have one with holes.
      if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return Failed("cannot extend");
      has_holes_ = true;
    } else if (!status.ok()) {
      return status;
    }
    // Records may follow only when the new length is on disk: else one that power failed on could
    // seem cut off by the file's end.
    if (fdatasync(fd_.get()) != 0) return Failed("cannot sync");
    const uint64_t before = std::exchange(allocated_, size);
    size_at_growth_ = size_;
    syncs_ = 0;
    if (std::exchange(sealed_, 0) == 0) return Status::OK();
    const Status sealed = Seal();  // At the new end, before the old one goes.
    if (!sealed.ok()) return sealed;
    return WriteAt(before - kSector, {kZeros, kSector});
  }

  Status Flush() override { return Status::OK(); }
  Status Truncate(uint64_t) override { return Status::OK(); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize() override { return size_; }
  void PrepareWrite(size_t, size_t) override {}
  Status Allocate(uint64_t, uint64_t) override { return Status::OK(); }
  Status RangeSync(uint64_t, uint64_t) override { return Status::OK(); }

 private:
  Status Failed(absl::string_view what) const {
    const int error = errno;
    if (error == ENOSPC || error == EDQUOT) return Status::NoSpace(path_, strerror(error));
    return Status::IOError(absl::StrCat(what, " ", path_), strerror(error));
  }

  Status WriteAt(uint64_t at, absl::string_view data) {
    while (!data.empty()) {
      const ssize_t n = pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Failed("cannot write");
      at += static_cast<uint64_t>(n);
      data.remove_prefix(static_cast<size_t>(n));
    }
    return Status::OK();
  }

  Status FillHoles() {
    if (fallocate(fd_.get(), 0, 0, static_cast<off_t>(allocated_)) != 0 && errno != EOPNOTSUPP) {
      return Failed("cannot fill");
    }
    has_holes_ = false;
    return Status::OK();
  }

  // The length changes in one step: one between two multiples of a chunk is a truncation's.
  Status Reserve(uint64_t size) {
    if (fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(allocated_),
                  static_cast<off_t>(size - allocated_)) != 0) {
      return errno == EOPNOTSUPP ? GrowWithZeros(size) : Failed("cannot extend");
    }
    if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return Failed("cannot extend");
    return Status::OK();
  }

  Status GrowWithZeros(uint64_t size) {
    if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return Failed("cannot extend");
    for (uint64_t at = allocated_; at < size;) {
      const uint64_t bytes = std::min<uint64_t>(sizeof(kZeros), size - at);
      const Status status = WriteAt(at, {kZeros, static_cast<size_t>(bytes)});
      if (!status.ok()) {
        if (ftruncate(fd_.get(), static_cast<off_t>(allocated_)) != 0) return Failed("cannot trim");
        return status;
      }
      at += bytes;
    }
    return Status::OK();
  }

  // Whether some sector's part of what was written since the last sync is all zeros.
  void NoteZeros(absl::string_view data) {
    uint64_t at = size_;
    while (!data.empty()) {
      const size_t part = std::min<uint64_t>(kSector - at % kSector, data.size());
      const absl::string_view piece = data.substr(0, part);
      if (piece.find_first_not_of('\0') != absl::string_view::npos) part_has_data_ = true;
      part_open_ = true;
      at += part;
      data.remove_prefix(part);
      if (at % kSector == 0) NoteSectorEnd();
    }
  }
  void NoteSectorEnd() {
    if (part_open_ && !part_has_data_) zero_sector_ = true;
    part_open_ = part_has_data_ = false;
  }

  Status Seal() {
    const Status status = WriteAt(allocated_ - kSector, EncodeSeal(synced_));
    if (!status.ok()) return status;
    if (fdatasync(fd_.get()) != 0) return Failed("cannot sync");
    sealed_ = synced_;
    return Status::OK();
  }

  const std::string path_;
  const uint64_t chunk_;
  UniqueFd fd_;
  uint64_t size_ = 0;       // Of what was appended.
  uint64_t synced_ = 0;     // Of that, surely on disk.
  uint64_t allocated_ = 0;  // The file's length.
  uint64_t sealed_ = 0;     // What the seal says; 0: there is none.
  uint64_t size_at_growth_ = 0;
  uint64_t syncs_ = 0;  // Since then.
  bool has_holes_ = false;
  bool part_open_ = false;
  bool part_has_data_ = false;
  bool zero_sector_ = false;
};

}  // namespace

Status MakeChunkedFile(const std::string& path, const std::string& name, uint64_t chunk,
                       std::unique_ptr<rocksdb::WritableFile>* file) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return Status::IOError("cannot create " + path, strerror(errno));
  auto made = std::make_unique<ChunkedFile>(name, chunk, std::move(fd));
  const Status status = made->Grow(chunk);
  if (!status.ok()) {
    unlink(path.c_str());
    return status;
  }
  *file = std::move(made);
  return Status::OK();
}

Status NewChunkedFile(const std::string& path, uint64_t chunk,
                      std::unique_ptr<rocksdb::WritableFile>* file) {
  const std::string fresh = path + ".new";
  std::unique_ptr<rocksdb::WritableFile> made;
  const Status status = MakeChunkedFile(fresh, path, chunk, &made);
  if (!status.ok()) return status;
  if (rename(fresh.c_str(), path.c_str()) != 0) {
    return Status::IOError("cannot create " + path, strerror(errno));
  }
  *file = std::move(made);
  return Status::OK();
}

std::string EncodeSeal(uint64_t synced) {
  std::string out = absl::StrCat(kSealMark, synced, " ");
  return absl::StrCat(out, absl::Hex(Crc32c(out), absl::kZeroPad8), "\n");
}

std::optional<uint64_t> DecodeSeal(absl::string_view sector) {
  const size_t end = sector.find('\n');
  if (end == absl::string_view::npos) return std::nullopt;
  if (sector.find_first_not_of('\0', end + 1) != absl::string_view::npos) return std::nullopt;
  uint64_t synced = 0;
  for (size_t at = kSealMark.size(); at < end && sector[at] >= '0' && sector[at] <= '9'; ++at) {
    synced = synced * 10 + static_cast<uint64_t>(sector[at] - '0');
  }
  if (sector.substr(0, end + 1) != EncodeSeal(synced)) return std::nullopt;
  return synced;
}

}  // namespace skiff::raft
