#include "raft/record_check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "raft/chunked_file.h"
#include "raft/crc32c.h"

namespace skiff::raft {
namespace {

// A record's part: masked CRC-32C of type and data (4), length (2), type (1), data.
constexpr uint64_t kHeader = 7;
enum PartType : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

struct Part {
  uint32_t crc;
  uint64_t length;
  uint8_t type;
};

uint32_t Unmask(uint32_t masked) {
  const uint32_t rotated = masked - 0xa282ead8U;
  return rotated >> 17 | rotated << 15;
}

Part PartAt(absl::string_view file, uint64_t at) {
  const auto byte = [&](uint64_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(file[at + i]));
  };
  return {Unmask(byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24), byte(4) | byte(5) << 8,
          static_cast<uint8_t>(byte(6))};
}

bool AllZero(absl::string_view bytes) {
  return bytes.find_first_not_of('\0') == absl::string_view::npos;
}

// How far a file can be read.
struct Extent {
  uint64_t record = 0;        // Every record before it is whole...
  uint64_t part = 0;          // ...and of the one there, every part before this.
  const char* why = nullptr;  // Null: zeros follow.
};

Extent Parse(absl::string_view file) {
  Extent out;
  bool open = false;  // Within a record of several parts.
  for (uint64_t at = 0; at < file.size();) {
    const uint64_t rest = kBlock - at % kBlock;
    if (rest < kHeader) {
      at += rest;
      continue;
    }
    out.part = at;
    if (!open) out.record = at;
    if (AllZero(file.substr(at, kHeader))) return out;
    const Part part = PartAt(file, at);
    if (part.type < kFull || part.type > kLast || kHeader + part.length > rest) {
      out.why = "no record begins there";
      return out;
    }
    if (Crc32c(file.substr(at + kHeader - 1, 1 + part.length)) != part.crc) {
      out.why = "the checksum does not match";
      return out;
    }
    if (open != (part.type == kMiddle || part.type == kLast)) {
      out.why = "a part of a record is missing";
      return out;
    }
    open = part.type == kFirst || part.type == kMiddle;
    at += kHeader + part.length;
    if (!open) out.record = at;
    out.part = at;
  }
  if (open) out.why = "a part of a record is missing";
  return out;
}

// Whether the part at `at` is whole but for the length in its header.
bool OnlyLengthIsWrong(absl::string_view file, uint64_t at) {
  const uint32_t wanted = PartAt(file, at).crc;
  const uint64_t end = at - at % kBlock + kBlock;
  uint32_t crc = Crc32c(file.substr(at + kHeader - 1, 1));
  for (uint64_t i = at + kHeader; i < end; ++i) {
    if (crc == wanted) return true;
    crc = Crc32c(file.substr(i, 1), crc);
  }
  return crc == wanted;
}

// Whether what is broken at `extent` has a sector that was never written; `end`: only zeros follow.
bool Torn(absl::string_view file, const Extent& extent, uint64_t end) {
  if (extent.part >= end) return true;  // The next part was never written.
  for (uint64_t at = extent.record; at < end;) {
    const uint64_t next = std::min(end, at - at % kSector + kSector);
    if (AllZero(file.substr(at, next - at))) return true;
    at = next;
  }
  // Are its last sectors missing? Then what is there reaches to a sector's end (with some zeros,
  // maybe), and the record says that it goes on.
  constexpr uint64_t kZerosAtEnd = 64;
  const uint64_t sector_end = (end + kSector - 1) / kSector * kSector;
  return sector_end - end < kZerosAtEnd &&
         extent.part + kHeader + PartAt(file, extent.part).length > sector_end &&
         !OnlyLengthIsWrong(file, extent.part);
}

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, path);
  std::string out(static_cast<size_t>(info.st_size), '\0');
  size_t at = 0;
  while (at < out.size()) {
    const ssize_t n = pread(fd, out.data() + at, out.size() - at, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Annotate(ErrnoStatus(errno, path), absl::StrCat("cannot read at byte ", at));
    if (n == 0) break;
    at += static_cast<size_t>(n);
  }
  out.resize(at);
  return out;
}

absl::Status Erase(const std::string& path, uint64_t from, uint64_t to) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  const std::string zeros(to - from, '\0');
  for (size_t at = 0; at < zeros.size();) {
    const ssize_t n =
        pwrite(fd.get(), zeros.data(), zeros.size() - at, static_cast<off_t>(from + at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, path);
    at += static_cast<size_t>(n);
  }
  if (fdatasync(fd.get()) != 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

}  // namespace

const char kRemedy[] =
    "restore a snapshot into a new data directory, or, if a majority of the other members is well, "
    "remove this member and let it join anew with an empty one";

absl::Status DamagedFile(absl::string_view file, uint64_t offset, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat(file, " is damaged at byte ", offset, ": ", why, "; ", kRemedy));
}

absl::StatusOr<uint64_t> CheckRecords(const std::string& path, uint64_t chunk, bool may_be_torn) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  SKIFF_ASSIGN_OR_RETURN(const std::string bytes, ReadAll(fd.get(), path));
  const absl::string_view whole(bytes);
  if (whole.empty() || whole.size() % chunk != 0) {
    return DamagedFile(path, whole.size(), "the file has been cut off there");
  }
  const absl::string_view file = whole.substr(0, whole.size() - kBlock);
  if (!AllZero(whole.substr(file.size(), kBlock - kSector))) {
    return DamagedFile(path, whole.size(), "the file has been cut off there");
  }
  const absl::string_view last = whole.substr(whole.size() - kSector);
  const std::optional<uint64_t> seal = AllZero(last) ? 0 : DecodeSeal(last);

  const Extent extent = Parse(file);
  const uint64_t end = file.find_last_not_of('\0') + 1;
  const bool clean = extent.why == nullptr && extent.part == extent.record && end <= extent.part;
  if (clean && seal.value_or(0) <= extent.record) return end;
  if (!seal || *seal > extent.record || !may_be_torn || !Torn(file, extent, end)) {
    return DamagedFile(path, extent.part,
                       extent.why != nullptr ? extent.why : "a record is missing");
  }
  SKIFF_RETURN_IF_ERROR(Erase(path, extent.record, end));
  return extent.record;
}

}  // namespace skiff::raft
