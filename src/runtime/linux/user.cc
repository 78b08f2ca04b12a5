#include "runtime/linux/user.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::runtime {
namespace {

constexpr size_t kMaxFile = 1 << 20;

// The file as the topmost layer that has it shows it. Links resolve within that layer.
std::string ReadFromImage(const Image& image, const char* path) {
  for (auto layer = image.layer_dirs.rbegin(); layer != image.layer_dirs.rend(); ++layer) {
    const UniqueFd root(open(layer->c_str(), O_DIRECTORY | O_PATH | O_CLOEXEC));
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root.get(), path, &how, sizeof how)));
    if (!fd.valid()) continue;
    std::string out(kMaxFile, '\0');
    const ssize_t n = read(fd.get(), out.data(), out.size());
    out.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return out;
  }
  return "";
}

// The line of a colon-separated table whose field `column` is `value`.
std::vector<std::string> Row(const std::string& table, size_t column, absl::string_view value) {
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    std::vector<std::string> fields = absl::StrSplit(line, ':');
    if (fields.size() > column && fields.size() >= 3 && fields[column] == value) return fields;
  }
  return {};
}

absl::Status NoSuch(absl::string_view what, absl::string_view name) {
  return absl::FailedPreconditionError(
      absl::StrCat("unable to find ", what, " ", name, ": no matching entries in the image"));
}

void AddOnce(int64_t group, std::vector<int64_t>* groups) {
  if (std::find(groups->begin(), groups->end(), group) == groups->end()) groups->push_back(group);
}

// The groups of /etc/group whose member lists name the user.
void AddMemberships(const std::string& table, const std::string& name,
                    std::vector<int64_t>* groups) {
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, ':');
    int64_t gid = 0;
    if (fields.size() < 4 || !absl::SimpleAtoi(fields[2], &gid)) continue;
    for (const absl::string_view member : absl::StrSplit(fields[3], ',')) {
      if (member == name) AddOnce(gid, groups);
    }
  }
}

}  // namespace

absl::StatusOr<User> ResolveUser(const ContainerSpec& container, const Image& image) {
  const std::pair<std::string, std::string> written =
      absl::StrSplit(image.user, absl::MaxSplits(':', 1));
  const std::string passwd = ReadFromImage(image, "etc/passwd");
  const std::string group = ReadFromImage(image, "etc/group");
  User user;
  std::vector<std::string> row;
  if (container.uid) {
    user.uid = *container.uid;
    row = Row(passwd, 2, absl::StrCat(user.uid));
  } else if (!written.first.empty() && !absl::SimpleAtoi(written.first, &user.uid)) {
    row = Row(passwd, 0, written.first);
    if (row.empty() || !absl::SimpleAtoi(row[2], &user.uid)) return NoSuch("user", written.first);
    if (container.run_as_non_root) {
      return absl::InvalidArgumentError(
          absl::StrCat("container has runAsNonRoot and image has non-numeric user (", written.first,
                       "), cannot verify user is non-root: set runAsUser"));
    }
  } else {
    row = Row(passwd, 2, absl::StrCat(user.uid));
  }
  if (row.size() > 3 && !absl::SimpleAtoi(row[3], &user.gid)) user.gid = 0;
  if (container.gid) {
    user.gid = *container.gid;
  } else if (!container.uid && !written.second.empty() &&
             !absl::SimpleAtoi(written.second, &user.gid)) {
    const std::vector<std::string> found = Row(group, 0, written.second);
    if (found.empty() || !absl::SimpleAtoi(found[2], &user.gid)) {
      return NoSuch("group", written.second);
    }
  }
  if (container.run_as_non_root && user.uid == 0) {
    return absl::InvalidArgumentError(
        "container has runAsNonRoot and image will run as root: set runAsUser");
  }
  if (user.uid < 0 || user.gid < 0) {
    return absl::InvalidArgumentError("user and group numbers must not be negative");
  }
  // Its own group, those that the image puts it into, and those that the pod adds.
  user.groups.push_back(user.gid);
  if (!row.empty()) AddMemberships(group, row[0], &user.groups);
  for (const int64_t extra : container.supplemental_groups) AddOnce(extra, &user.groups);
  return user;
}

}  // namespace skiff::runtime
