#include "runtime/linux/records.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::runtime {

absl::Status WriteRecord(const std::string& path, absl::string_view text) {
  const std::string temporary = path + ".tmp";
  const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, temporary);
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, path);
  }
  return absl::OkStatus();
}

// By read(2): a process may end between the opening of its file in /proc and the reading, which a
// stream takes for an exception.
std::string ReadRecord(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char part[8192];
  for (ssize_t n; fd.valid() && (n = read(fd.get(), part, sizeof part)) > 0;) {
    out.append(part, static_cast<size_t>(n));
  }
  return out;
}

std::string FormatFields(const std::map<std::string, std::string>& fields) {
  std::string out;
  for (const auto& [key, value] : fields) absl::StrAppend(&out, key, " ", value, "\n");
  return out;
}

std::map<std::string, std::string> ParseFields(const std::string& text) {
  std::map<std::string, std::string> out;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    out.insert(absl::StrSplit(line, absl::MaxSplits(' ', 1)));
  }
  return out;
}

int64_t LivingHead(const std::string& dir) {
  int64_t pid = 0;
  unsigned long long started = 0;
  if (sscanf(ReadRecord(dir + "/head.pid").c_str(), "%ld %llu", &pid, &started) != 2) return 0;
  const std::string stat = ReadRecord(absl::StrCat("/proc/", pid, "/stat"));
  const size_t end = stat.rfind(')');
  if (end == std::string::npos) return 0;
  // Fields after the name: state is the third, the start time the twenty-second (proc(5)).
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(end + 2), ' ');
  uint64_t actual = 0;
  if (fields.size() < 20 || fields[0] == "Z" || !absl::SimpleAtoi(fields[19], &actual)) return 0;
  return actual == started ? pid : 0;
}

std::map<std::string, int> LatestAttempts(const std::string& dir) {
  std::map<std::string, int> out;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(dir, ignored)) {
    const std::string file = entry.path().filename();
    const std::vector<std::string> parts = absl::StrSplit(file, '.');
    int attempt = 0;
    if (parts.size() != 3 || (parts[2] != "run" && parts[2] != "exit") ||
        !absl::SimpleAtoi(parts[1], &attempt)) {
      continue;
    }
    const auto [it, fresh] = out.emplace(parts[0], attempt);
    if (!fresh) it->second = std::max(it->second, attempt);
  }
  return out;
}

}  // namespace skiff::runtime
