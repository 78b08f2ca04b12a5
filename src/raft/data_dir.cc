#include "raft/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "raft/chunked_file.h"
#include "raft/record_check.h"
#include "raft/rocksdb_env.h"
#include "raft/wal_list.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_reader.h"

namespace skiff::raft {
namespace {

namespace fs = std::filesystem;

constexpr char kFormatText[] = "skiff data directory, format 2\n";
constexpr absl::string_view kFormatStart = "skiff data directory, format ";

struct Files {
  bool format = false;
  bool current = false;
  bool tables = false;
  std::vector<std::string> logs;  // Oldest first.
  std::vector<std::string> unfinished;
};

bool OlderNumber(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

absl::StatusOr<Files> List(const std::string& dir) {
  Files out;
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (name == "FORMAT") out.format = true;
    if (name == "CURRENT") out.current = true;
    if (absl::EndsWith(name, ".sst")) out.tables = true;
    if (absl::EndsWith(name, ".log")) out.logs.push_back(name);
    if (absl::EndsWith(name, ".new")) out.unfinished.push_back(name);
  }
  if (error) return ErrnoStatus(error.value(), dir);
  std::sort(out.logs.begin(), out.logs.end(), OlderNumber);
  return out;
}

absl::StatusOr<std::string> ReadSmall(const std::string& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream.is_open() || stream.bad()) {
    return ErrnoStatus(errno != 0 ? errno : EIO, absl::StrCat("cannot read ", path));
  }
  return text.str();
}

absl::StatusOr<std::string> CurrentManifest(const std::string& dir) {
  const std::string path = absl::StrCat(dir, "/CURRENT");
  SKIFF_ASSIGN_OR_RETURN(const std::string text, ReadSmall(path));
  absl::string_view name = text;
  absl::string_view digits = text;
  if (!absl::ConsumeSuffix(&name, "\n") || !absl::ConsumePrefix(&digits, "MANIFEST-") ||
      digits.find_first_not_of("0123456789") != digits.size() - 1) {
    return DamagedFile(path, 0, "it does not name the MANIFEST in use");
  }
  const std::string manifest = absl::StrCat(dir, "/", std::string(name));
  std::error_code ignored;
  if (!fs::exists(manifest, ignored)) {
    return DamagedFile(path, 0, absl::StrCat("the file ", std::string(name), " is not there"));
  }
  return manifest;
}

absl::Status CheckFormatFile(const std::string& dir) {
  const std::string path = absl::StrCat(dir, "/FORMAT");
  SKIFF_ASSIGN_OR_RETURN(const std::string text, ReadSmall(path));
  if (text == kFormatText) return absl::OkStatus();
  absl::string_view format = text;
  if (absl::ConsumePrefix(&format, kFormatStart) && absl::ConsumeSuffix(&format, "\n") &&
      !format.empty() && format.find_first_not_of("0123456789") == absl::string_view::npos) {
    return UnknownFormat(dir, format);
  }
  return DamagedFile(path, 0, "it does not say the format");
}

}  // namespace

absl::Status UnknownFormat(absl::string_view dir, absl::string_view format) {
  return absl::FailedPreconditionError(absl::StrCat(
      "data directory ", dir, " has the format ", format,
      "; this version of Skiff reads formats 1 to 3: start it with the version that wrote it, or "
      "a newer one"));
}

absl::StatusOr<bool> CheckDataDir(const std::string& dir) {
  SKIFF_ASSIGN_OR_RETURN(const Files files, List(dir));
  for (const std::string& name : files.unfinished) unlink(absl::StrCat(dir, "/", name).c_str());
  if (files.format) SKIFF_RETURN_IF_ERROR(CheckFormatFile(dir));
  if (!files.current) {
    // RocksDB would begin a new database, and delete the files of the old one.
    if (!files.format && !files.tables) return false;
    return DamagedFile(absl::StrCat(dir, "/CURRENT"), 0, "the file is not there");
  }
  SKIFF_ASSIGN_OR_RETURN(const std::string manifest, CurrentManifest(dir));
  if (!files.format) return false;
  const uint64_t manifest_number = FileNumber(fs::path(manifest).filename().string());
  SKIFF_RETURN_IF_ERROR(CheckWalList(dir, manifest_number, files.logs));
  SKIFF_RETURN_IF_ERROR(CheckRecords(manifest, kManifestChunk, /*may_be_torn=*/true).status());
  if (files.logs.empty()) return DamagedFile(dir, 0, "its write-ahead log (a .log file) is gone");
  for (const std::string& name : files.logs) {
    // The next log begins when everything before it was synced.
    const bool newest = name == files.logs.back();
    const std::string path = absl::StrCat(dir, "/", name);
    SKIFF_ASSIGN_OR_RETURN(const uint64_t end, CheckRecords(path, kWalChunk, newest));
    // RocksDB keeps what it had no need to flush, and each start adds one.
    if (end != 0 || newest) continue;
    SKIFF_ASSIGN_OR_RETURN(const auto list, WalList::Open(dir, manifest_number));
    SKIFF_RETURN_IF_ERROR(list->Remove(FileNumber(name)));
    unlink(path.c_str());
  }
  return true;
}

absl::Status MarkDataDir(const std::string& dir) {
  SKIFF_ASSIGN_OR_RETURN(const Files files, List(dir));
  if (files.format) return absl::OkStatus();
  for (const std::string& name : files.logs) {
    std::error_code ignored;
    const uint64_t size = fs::file_size(absl::StrCat(dir, "/", name), ignored);
    if (ignored || size == 0 || size % kWalChunk != 0) return absl::OkStatus();  // The next start.
  }
  const std::string path = absl::StrCat(dir, "/FORMAT");
  const std::string fresh = absl::StrCat(path, ".new");
  const UniqueFd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const auto size = static_cast<ssize_t>(sizeof(kFormatText) - 1);
  if (!fd.valid() || write(fd.get(), kFormatText, sizeof(kFormatText) - 1) != size ||
      fsync(fd.get()) != 0 || rename(fresh.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot write ", path));
  }
  const UniqueFd folder(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || fsync(folder.get()) != 0) return ErrnoStatus(errno, dir);
  return absl::OkStatus();
}

absl::Status FindDamagedTable(const std::string& dir, const rocksdb::Status& opened) {
  // It looks for a table under an older kind of name, too, and then speaks of that.
  const std::string text = opened.ToString();
  const size_t end = text.find(".ldb: No such file");
  if (end != std::string::npos) {
    const size_t start = text.rfind('/', end) + 1;
    return DamagedFile(absl::StrCat(dir, "/", text.substr(start, end - start), ".sst"), 0,
                       "the file is not there");
  }
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".sst") continue;
    rocksdb::SstFileReader table{rocksdb::Options()};
    rocksdb::Status status = table.Open(it->path());
    if (status.ok()) status = table.VerifyChecksum();
    if (!status.IsCorruption()) continue;
    // Of what describes a table RocksDB does not say where it is.
    const std::string text = status.ToString();
    const std::string where = absl::StrContains(text, " offset ")
                                  ? ""
                                  : absl::StrCat(" within its ", it->file_size(error), " bytes");
    return absl::DataLossError(
        absl::StrCat(it->path().string(), " is damaged", where, ": ", text, "; ", kRemedy));
  }
  return absl::OkStatus();
}

absl::Status FromRocks(const rocksdb::Status& status, absl::string_view dir) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  const std::string message = absl::StrCat(dir, ": ", text);
  if (absl::StrContains(text, kTooManyFiles)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(dir, ": this process has too many files open: raise its limit (ulimit -n)"));
  }
  if (status.IsNoSpace() || absl::StrContains(text, "No space left")) {
    return absl::ResourceExhaustedError(absl::StrCat(dir, ": the disk is full: free some space"));
  }
  if (absl::StrContains(text, "lock hold by current process")) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", dir, " is in use by another cluster of this process"));
  }
  if (absl::StrContains(text, "lock ") && absl::StrContains(text, "LOCK")) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", dir, " is in use by another process"));
  }
  if (absl::StrContains(text, "Permission denied") ||
      absl::StrContains(text, "Read-only file system")) {
    return absl::PermissionDeniedError(
        absl::StrCat("data directory ", dir, " is not writable: ", text));
  }
  if (status.IsCorruption() || absl::StrContains(text, "No such file")) {
    return absl::DataLossError(absl::StrCat(message, "; ", kRemedy));
  }
  if (status.IsInvalidArgument()) return absl::FailedPreconditionError(message);
  return absl::UnavailableError(message);
}

}  // namespace skiff::raft
