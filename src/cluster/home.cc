#include "cluster/home.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::cluster {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "skiff-";
constexpr size_t kSuffixLength = 6;
// Tells a temporary home from other directories; made once it is locked, removed last.
constexpr char kMarker[] = "temporary";

// The directory, locked against every other process; nothing if somebody has it.
UniqueFd Lock(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.valid() && flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.Reset();
  return fd;
}

// The marker goes last, so that what could not be removed now is tried again another time.
void RemoveTemporary(const fs::path& path) {
  std::error_code ignored;
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) {
    if (entry.path().filename() != kMarker) entries.push_back(entry.path());
  }
  bool whole = true;
  for (const fs::path& entry : entries) {
    std::error_code error;
    fs::remove_all(entry, error);
    whole = whole && !error;
  }
  if (whole) fs::remove_all(path, ignored);
}

void RemoveAbandoned(const std::string& base) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(base, error)) {
    const std::string name = entry.path().filename();
    if (name.size() != sizeof kPrefix - 1 + kSuffixLength || name.rfind(kPrefix, 0) != 0) continue;
    struct stat own {};
    if (lstat((entry.path() / kMarker).c_str(), &own) != 0 || own.st_uid != geteuid()) continue;
    const UniqueFd lock = Lock(entry.path());
    if (lock.valid()) RemoveTemporary(entry.path());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Home>> Home::Open(const std::string& data_dir) {
  std::unique_ptr<Home> home(new Home());
  SKIFF_RETURN_IF_ERROR(data_dir.empty() ? home->MakeTemporary() : home->Make(data_dir));
  return home;
}

absl::Status Home::Make(const std::string& data_dir) {
  std::error_code error;
  const fs::path absolute = fs::absolute(data_dir, error);
  fs::create_directories(absolute, error);
  if (error) {
    const absl::Status status = ErrnoStatus(error.value(), data_dir);
    const bool of_the_path =
        error == std::errc::not_a_directory || error == std::errc::no_such_file_or_directory ||
        error == std::errc::filename_too_long || error == std::errc::too_many_symbolic_link_levels;
    return Annotate(of_the_path ? absl::InvalidArgumentError(status.message()) : status,
                    "data directory");
  }
  path_ = absolute.string();
  if (access(path_.c_str(), W_OK | X_OK) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("data directory ", data_dir, " is not writable"));
  }
  return absl::OkStatus();
}

absl::Status Home::MakeTemporary() {
  const char* tmpdir = std::getenv("TMPDIR");
  const std::string base = tmpdir != nullptr ? tmpdir : "/tmp";
  RemoveAbandoned(base);
  std::string pattern = absl::StrCat(base, "/", kPrefix, std::string(kSuffixLength, 'X'));
  if (mkdtemp(pattern.data()) == nullptr) return ErrnoStatus(errno, pattern);
  path_ = pattern;
  temporary_ = true;
  lock_ = Lock(path_);
  const UniqueFd marker(
      open((path_ + "/" + kMarker).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid() || !marker.valid()) return ErrnoStatus(errno, path_);
  return absl::OkStatus();
}

Home::~Home() {
  if (temporary_) RemoveTemporary(path_);
}

}  // namespace skiff::cluster
