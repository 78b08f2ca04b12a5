#include "raft/wal_list.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/big_endian.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "raft/chunked_file.h"
#include "raft/crc32c.h"
#include "raft/record_check.h"

namespace skiff::raft {
namespace {

constexpr size_t kNumberBytes = 8;
// Of the newest: so many fit.
constexpr size_t kMaxLogs = (kSector - kCrcBytes) / kNumberBytes - 1;

std::string PathOf(const std::string& dir) { return absl::StrCat(dir, "/WALS"); }

}  // namespace

uint64_t FileNumber(absl::string_view name) {
  uint64_t number = 0;
  const bool known = absl::ConsumeSuffix(&name, ".log") || absl::ConsumePrefix(&name, "MANIFEST-");
  return known && absl::SimpleAtoi(name, &number) ? number : 0;
}

absl::StatusOr<std::unique_ptr<WalList>> WalList::Open(const std::string& dir, uint64_t manifest) {
  const std::string path = PathOf(dir);
  UniqueFd folder(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return ErrnoStatus(errno, dir);
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) return ErrnoStatus(errno, path);
  std::unique_ptr<WalList> list(new WalList(path, std::move(folder), std::move(file), manifest));
  std::error_code error;
  for (std::filesystem::directory_iterator it(dir, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename();
    if (absl::EndsWith(name, ".log")) list->logs_.insert(FileNumber(name));
  }
  if (error) return ErrnoStatus(error.value(), dir);
  return list;
}

absl::Status WalList::Add(uint64_t log) {
  logs_.insert(log);
  return Write();
}

absl::Status WalList::Remove(uint64_t log) {
  logs_.erase(log);
  return Write();
}

absl::Status WalList::NoteManifest(uint64_t number) {
  manifest_ = number;
  return Write();
}

absl::Status WalList::Write() {
  std::string rest;
  PutBigEndian(manifest_, &rest);
  size_t skip = logs_.size() - std::min(logs_.size(), kMaxLogs);
  for (const uint64_t log : logs_) {
    if (skip > 0) {
      --skip;
    } else {
      PutBigEndian(log, &rest);
    }
  }
  rest.resize(kSector - kCrcBytes);
  const std::string sector = Crc32cBytes(rest) + rest;
  // The names of the logs are to be on disk before the list that has them.
  if (fsync(folder_.get()) != 0 ||
      pwrite(file_.get(), sector.data(), sector.size(), 0) != static_cast<ssize_t>(kSector) ||
      fdatasync(file_.get()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write ", path_));
  }
  return absl::OkStatus();
}

absl::Status CheckWalList(const std::string& dir, uint64_t manifest,
                          const std::vector<std::string>& logs) {
  const std::string path = PathOf(dir);
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() && errno == ENOENT) return absl::OkStatus();  // Of an older program.
  std::string sector(kSector + 1, '\0');
  const ssize_t size = fd.valid() ? pread(fd.get(), sector.data(), sector.size(), 0) : -1;
  if (size < 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", path));
  // Made, but power failed before it was first written.
  if (size == 0) return absl::OkStatus();
  absl::string_view rest = absl::string_view(sector).substr(0, kSector);
  rest.remove_prefix(kCrcBytes);
  if (size != kSector || Crc32cBytes(rest) != absl::string_view(sector).substr(0, kCrcBytes)) {
    return DamagedFile(path, 0, "it does not say which logs there are");
  }
  if (TakeBigEndian<uint64_t>(&rest) < manifest) return absl::OkStatus();
  while (rest.size() >= kNumberBytes) {
    const uint64_t number = TakeBigEndian<uint64_t>(&rest);
    if (number == 0) break;
    const bool there = std::any_of(logs.begin(), logs.end(), [&](const std::string& name) {
      return FileNumber(name) == number;
    });
    if (!there) {
      return DamagedFile(absl::StrCat(dir, "/", absl::StrFormat("%06d.log", number)), 0,
                         "the file is not there");
    }
  }
  return absl::OkStatus();
}

}  // namespace skiff::raft
