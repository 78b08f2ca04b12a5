#include "node/volume_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::node {
namespace {

namespace fs = std::filesystem;

constexpr char kData[] = "..data";
constexpr char kNewData[] = "..data_tmp";
constexpr char kVersion[] = "..v";  // "..v1", "..v2" …

absl::Status MakeDir(const std::string& path, std::optional<int64_t> group) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return ErrnoStatus(errno, path);
  chmod(path.c_str(), 0755);  // Past the process's umask.
  if (!group) return absl::OkStatus();
  if (chown(path.c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(*group)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("give ", path, " to fsGroup ", *group));
  }
  chmod(path.c_str(), 02775);
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, const VolumeFile& file,
                       std::optional<int64_t> group) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  for (size_t done = 0; done < file.content.size();) {
    const ssize_t n = write(fd.get(), file.content.data() + done, file.content.size() - done);
    if (n < 0) return ErrnoStatus(errno, path);
    done += static_cast<size_t>(n);
  }
  if (group && fchown(fd.get(), static_cast<uid_t>(-1), static_cast<gid_t>(*group)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("give ", path, " to fsGroup ", *group));
  }
  if (fchmod(fd.get(), (file.mode & 0777) | (group ? 0440 : 0)) != 0) {
    return ErrnoStatus(errno, path);
  }
  return absl::OkStatus();
}

// The version that is shown; empty if there is none.
std::string Shown(const std::string& dir) {
  std::error_code none;
  return fs::read_symlink(absl::StrCat(dir, "/", kData), none).string();
}

bool SameFile(const fs::path& path, const VolumeFile& file, std::optional<int64_t> group) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (static_cast<size_t>(info.st_size) != file.content.size()) return false;
  if ((info.st_mode & 0777) != ((file.mode & 0777) | (group ? 0440u : 0u))) return false;
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str() == file.content;
}

bool IsShown(const std::string& dir, const VolumeFiles& files, std::optional<int64_t> group) {
  const std::string version = Shown(dir);
  if (version.empty()) return false;
  const fs::path root = absl::StrCat(dir, "/", version);
  size_t there = 0;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(root, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (it->is_directory(error)) continue;
    const auto file = files.find(fs::relative(it->path(), root, error).string());
    if (file == files.end() || !SameFile(it->path(), file->second, group)) return false;
    ++there;
  }
  return !error && there == files.size();
}

absl::Status WriteVersion(const std::string& root, const VolumeFiles& files,
                          std::optional<int64_t> group) {
  std::error_code ignored;
  fs::remove_all(root, ignored);  // Of a write that was broken off.
  SKIFF_RETURN_IF_ERROR(MakeDir(root, group));
  for (const auto& [path, file] : files) {
    for (size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      SKIFF_RETURN_IF_ERROR(MakeDir(absl::StrCat(root, "/", path.substr(0, slash)), group));
    }
    SKIFF_RETURN_IF_ERROR(WriteFile(absl::StrCat(root, "/", path), file, group));
  }
  return absl::OkStatus();
}

// The names that people see are links into `..data`: they change only when names come and go.
absl::Status LinkNames(const std::string& dir, const VolumeFiles& files) {
  std::set<std::string> names;
  for (const auto& [path, file] : files) names.insert(path.substr(0, path.find('/')));
  for (const std::string& name : names) {
    const std::string link = absl::StrCat(dir, "/", name);
    if (symlink(absl::StrCat(kData, "/", name).c_str(), link.c_str()) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, link);
    }
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    const std::string name = entry.path().filename();
    if (!absl::StartsWith(name, "..") && !names.contains(name)) fs::remove_all(entry.path(), error);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckVolumePath(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  bool good = !path.empty() && !absl::StartsWith(path, "/") && !absl::StartsWith(path, "..");
  for (const std::string& part : parts) good = good && part != "..";
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("path \"", path, "\" must be relative, without '..'"));
}

absl::Status PublishFiles(const std::string& dir, const VolumeFiles& files,
                          std::optional<int64_t> group) {
  for (const auto& [path, file] : files) SKIFF_RETURN_IF_ERROR(CheckVolumePath(path));
  SKIFF_RETURN_IF_ERROR(MakeDir(dir, group));
  const std::string old = Shown(dir);
  if (!IsShown(dir, files, group)) {
    int number = 0;
    if (absl::StartsWith(old, kVersion)) absl::SimpleAtoi(old.substr(3), &number);
    const std::string version = absl::StrCat(kVersion, number + 1);
    SKIFF_RETURN_IF_ERROR(WriteVersion(absl::StrCat(dir, "/", version), files, group));
    const std::string next = absl::StrCat(dir, "/", kNewData);
    unlink(next.c_str());
    if (symlink(version.c_str(), next.c_str()) != 0 ||
        rename(next.c_str(), absl::StrCat(dir, "/", kData).c_str()) != 0) {
      return ErrnoStatus(errno, next);
    }
    std::error_code ignored;
    if (!old.empty()) fs::remove_all(absl::StrCat(dir, "/", old), ignored);
  }
  return LinkNames(dir, files);
}

}  // namespace skiff::node
