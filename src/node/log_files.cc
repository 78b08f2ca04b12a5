#include "node/log_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::node {
namespace {

constexpr size_t kChunk = 64 << 10;

std::string Rotated(const std::string& path, int number) { return absl::StrCat(path, ".", number); }

// Where the last `lines` lines of a file begin, looking from its end; `lines` becomes how many it
// lacks.
off_t TailOffset(int fd, int64_t* lines) {
  struct stat info;
  if (fstat(fd, &info) != 0) return 0;
  std::string chunk(kChunk, '\0');
  for (off_t end = info.st_size; end > 0;) {
    const size_t size = static_cast<size_t>(std::min<off_t>(end, static_cast<off_t>(kChunk)));
    const off_t begin = end - static_cast<off_t>(size);
    if (pread(fd, chunk.data(), size, begin) != static_cast<ssize_t>(size)) return begin;
    for (size_t i = size; i-- > 0;) {
      // The end of the last line begins nothing.
      if (chunk[i] != '\n' || begin + static_cast<off_t>(i) + 1 == info.st_size) continue;
      if (--*lines == 0) return begin + static_cast<off_t>(i) + 1;
    }
    end = begin;
  }
  if (info.st_size > 0) --*lines;
  return 0;
}

std::string DroppedFile(const std::string& path) { return path + ".dropped"; }

int64_t VisibleBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  LogLine parsed;
  int64_t out = 0;
  while (std::getline(file, line)) {
    if (!ParseLogLine(line, &parsed)) continue;
    out += static_cast<int64_t>(parsed.text.size()) + (parsed.whole ? 1 : 0);
  }
  return out;
}

}  // namespace

bool ParseLogLine(absl::string_view line, LogLine* out) {
  const size_t first = line.find(' ');
  const size_t second = first == absl::string_view::npos ? first : line.find(' ', first + 1);
  if (second == absl::string_view::npos || second + 2 > line.size()) return false;
  out->time = line.substr(0, first);
  out->whole = line.substr(second + 1, 1) == "F";
  out->text = second + 3 <= line.size() ? line.substr(second + 3) : absl::string_view();
  return true;
}

int64_t DroppedBytes(const std::string& path) {
  int64_t out = 0;
  std::ifstream file(DroppedFile(path));
  return file >> out ? out : 0;
}

std::vector<UniqueFd> OpenLog(const std::string& path) {
  std::vector<UniqueFd> out;
  std::set<ino_t> seen;  // A file that is renamed meanwhile would be met twice.
  for (int number = 0;; ++number) {
    const std::string name = number == 0 ? path : Rotated(path, number);
    UniqueFd fd(open(name.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info;
    if (!fd.valid() || fstat(fd.get(), &info) != 0) break;
    if (seen.insert(info.st_ino).second) out.push_back(std::move(fd));
  }
  std::reverse(out.begin(), out.end());
  return out;
}

void SkipToTail(int64_t lines, std::vector<UniqueFd>* files) {
  for (size_t i = files->size(); i-- > 0;) {
    const int fd = (*files)[i].get();
    if (lines <= 0) {
      // None of it: only what is written from now on, and that comes to the last file.
      lseek(fd, 0, SEEK_END);
    } else {
      lseek(fd, TailOffset(fd, &lines), SEEK_SET);
    }
  }
}

absl::Status RotateLog(const std::string& path, int max_files,
                       const std::function<absl::Status()>& reopen) {
  const std::string oldest = Rotated(path, std::max(max_files - 1, 1));
  if (access(oldest.c_str(), F_OK) == 0) {
    const int64_t dropped = DroppedBytes(path) + VisibleBytes(oldest);
    std::ofstream(DroppedFile(path)) << dropped;
    unlink(oldest.c_str());
  }
  for (int number = std::max(max_files - 2, 0); number > 0; --number) {
    rename(Rotated(path, number).c_str(), Rotated(path, number + 1).c_str());
  }
  if (rename(path.c_str(), Rotated(path, 1).c_str()) != 0) return ErrnoStatus(errno, path);
  absl::Status reopened = reopen();
  if (!reopened.ok() && access(path.c_str(), F_OK) != 0) {
    rename(Rotated(path, 1).c_str(), path.c_str());
  }
  return reopened;
}

}  // namespace skiff::node
