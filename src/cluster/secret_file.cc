#include "cluster/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::cluster {

absl::Status WriteSecretFile(const std::string& path, absl::string_view bytes) {
  const std::string dir = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  const std::string fresh = path + ".new";
  const UniqueFd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid() || fchmod(fd.get(), 0600) != 0 ||
      write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      fsync(fd.get()) != 0 || rename(fresh.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, path);
  }
  const UniqueFd directory(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) return ErrnoStatus(errno, dir);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  std::string out;
  char bytes[16 << 10];
  ssize_t n = 0;
  while ((n = read(fd.get(), bytes, sizeof bytes)) > 0) out.append(bytes, static_cast<size_t>(n));
  if (n < 0) return ErrnoStatus(errno, path);
  return out;
}

}  // namespace skiff::cluster
