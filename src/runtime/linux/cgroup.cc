#include "runtime/linux/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::runtime {
namespace {

namespace fs = std::filesystem;

constexpr const char* kControllers[] = {"cpu", "memory", "pids"};
constexpr int64_t kPeriodMicros = 100'000;  // Of the CFS quota.

absl::Status WriteFile(const std::string& path, absl::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  if (write(fd.get(), text.data(), text.size()) < 0) return ErrnoStatus(errno, path);
  return absl::OkStatus();
}

std::string ReadFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char part[4096];
  for (ssize_t n; (n = read(fd.get(), part, sizeof part)) > 0;) {
    out.append(part, static_cast<size_t>(n));
  }
  return out;
}

std::vector<std::string> Words(const std::string& path) {
  return absl::StrSplit(ReadFile(path), absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

bool Contains(const std::vector<std::string>& words, absl::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

absl::Status MakeDirs(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? ErrnoStatus(error.value(), path) : absl::OkStatus();
}

// The number after `name ` in a file of such lines.
int64_t Field(const std::string& text, absl::string_view name) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    int64_t value = 0;
    if (parts.first == name && absl::SimpleAtoi(parts.second, &value)) return value;
  }
  return 0;
}

int64_t Number(const std::string& path) {
  int64_t value = 0;
  return absl::SimpleAtoi(ReadFile(path), &value) ? value : 0;
}

}  // namespace

absl::StatusOr<Cgroups> Cgroups::Detect() {
  Cgroups out;
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  while (std::getline(mounts, line)) {
    const std::vector<std::string> sides = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    if (sides.size() != 2) continue;
    const std::vector<std::string> before = absl::StrSplit(sides[0], ' ');
    const std::vector<std::string> after = absl::StrSplit(sides[1], ' ');
    if (before.size() < 5 || after.size() < 3) continue;
    if (after[0] == "cgroup2" && out.v2_.empty()) {
      out.v2_ = before[4];
    } else if (after[0] == "cgroup") {
      for (const absl::string_view option : absl::StrSplit(after[2], ',')) {
        if (option == "cpu" || option == "cpuacct" || option == "memory" || option == "pids") {
          out.v1_[std::string(option)] = before[4];
          std::string& options = out.v1_options_[before[4]];
          absl::StrAppend(&options, options.empty() ? "" : ",", option);
        }
      }
    }
  }
  if (out.v2_.empty()) {
    return absl::FailedPreconditionError(
        "no cgroup2 hierarchy is mounted: mount -t cgroup2 none /sys/fs/cgroup");
  }
  out.v2_controllers_ = Words(out.v2_ + "/cgroup.controllers");
  return out;
}

std::vector<std::string> Cgroups::Controllers() const {
  std::vector<std::string> out;
  for (const char* name : kControllers) {
    if (v1_.contains(name) || HasV2(name)) out.push_back(name);
  }
  return out;
}

bool Cgroups::HasV2(const std::string& controller) const {
  return Contains(v2_controllers_, controller);
}

// The machine's own root has no type.
bool Cgroups::RootIsInhabited() const {
  return access((v2_ + "/cgroup.type").c_str(), F_OK) == 0 &&
         !ReadFile(v2_ + "/cgroup.procs").empty();
}

std::vector<std::string> Cgroups::Prepare() {
  std::vector<std::string> losses;
  const std::string file = v2_ + "/cgroup.subtree_control";
  // With processes in the root, cpu and pids could be had; but the groups below would then be parts
  // of a threaded domain, which no process can join (cgroup-v2.rst, "Threads").
  const bool inhabited = RootIsInhabited();
  for (const char* name : kControllers) {
    if (!HasV2(name) || Contains(Words(file), name)) continue;
    std::string reason = absl::StrCat(
        "processes live in ", v2_, " itself: move them into a group below it before Skiff starts");
    if (!inhabited) {
      const absl::Status enabled = WriteFile(file, absl::StrCat("+", name));
      if (enabled.ok()) continue;
      reason = std::string(enabled.message());
    }
    v2_controllers_.erase(std::find(v2_controllers_.begin(), v2_controllers_.end(), name));
    losses.push_back(absl::StrCat(name, " limits of pods do not bite: ", reason));
  }
  return losses;
}

std::vector<Cgroups::View> Cgroups::Views() const {
  std::vector<View> out;
  if (pure_v2()) {
    out.push_back({"/sys/fs/cgroup", "cgroup2", ""});
    return out;
  }
  out.push_back({"/sys/fs/cgroup", "tmpfs", "mode=755,size=16k"});
  for (const auto& [mount, options] : v1_options_) {
    out.push_back({absl::StrCat("/sys/fs/cgroup/", options), "cgroup", options});
  }
  out.push_back({"/sys/fs/cgroup/unified", "cgroup2", ""});
  return out;
}

std::string Cgroups::V1(const std::string& controller, const std::string& group) const {
  const auto it = v1_.find(controller);
  return it == v1_.end() ? "" : absl::StrCat(it->second, "/", group);
}

std::string Cgroups::V2(const std::string& group) const { return absl::StrCat(v2_, "/", group); }

std::vector<std::string> Cgroups::Paths(const std::string& group) const {
  std::vector<std::string> out = {V2(group)};
  for (const auto& [controller, mount] : v1_) {
    const std::string path = absl::StrCat(mount, "/", group);
    if (std::find(out.begin(), out.end(), path) == out.end()) out.push_back(path);
  }
  return out;
}

// A v2 group may limit what its parent hands down (cgroup.subtree_control), all the way from the
// root. What is enabled is left alone: a write waits until the kernel has buried every group that
// was removed below.
absl::Status Cgroups::EnableControllers(const std::string& group) const {
  std::string parent = v2_;
  const std::vector<std::string> parts = absl::StrSplit(group, '/');
  for (const std::string& part : parts) {
    const std::vector<std::string> enabled = Words(parent + "/cgroup.subtree_control");
    std::string wanted;
    for (const char* name : kControllers) {
      if (!HasV2(name) || Contains(enabled, name)) continue;
      absl::StrAppend(&wanted, wanted.empty() ? "" : " ", "+", name);
    }
    if (!wanted.empty()) {
      SKIFF_RETURN_IF_ERROR(WriteFile(parent + "/cgroup.subtree_control", wanted));
    }
    absl::StrAppend(&parent, "/", part);
    SKIFF_RETURN_IF_ERROR(MakeDirs(parent));
  }
  return absl::OkStatus();
}

absl::Status Cgroups::Make(const std::string& group, const Resources& limits, bool whole) const {
  SKIFF_RETURN_IF_ERROR(EnableControllers(group));
  for (const std::string& path : Paths(group)) SKIFF_RETURN_IF_ERROR(MakeDirs(path));
  SKIFF_RETURN_IF_ERROR(LimitV1(group, limits));
  return LimitV2(group, limits, whole);
}

absl::Status Cgroups::MakeBare(const std::string& group) const { return MakeDirs(V2(group)); }

absl::Status Cgroups::LimitV1(const std::string& group, const Resources& limits) const {
  if (const std::string cpu = V1("cpu", group); !cpu.empty()) {
    if (limits.cpu_shares > 0) {
      SKIFF_RETURN_IF_ERROR(WriteFile(cpu + "/cpu.shares", absl::StrCat(limits.cpu_shares)));
    }
    if (limits.cpu_quota_millis > 0) {
      SKIFF_RETURN_IF_ERROR(WriteFile(cpu + "/cpu.cfs_period_us", absl::StrCat(kPeriodMicros)));
      SKIFF_RETURN_IF_ERROR(WriteFile(
          cpu + "/cpu.cfs_quota_us",
          absl::StrCat(std::max<int64_t>(1000, limits.cpu_quota_millis * kPeriodMicros / 1000))));
    }
  }
  if (const std::string memory = V1("memory", group); !memory.empty()) {
    if (limits.memory_bytes > 0) {
      SKIFF_RETURN_IF_ERROR(
          WriteFile(memory + "/memory.limit_in_bytes", absl::StrCat(limits.memory_bytes)));
      // With swap; absent where the kernel does not count it.
      WriteFile(memory + "/memory.memsw.limit_in_bytes", absl::StrCat(limits.memory_bytes))
          .IgnoreError();
    }
  }
  if (const std::string pids = V1("pids", group); !pids.empty() && limits.pids > 0) {
    SKIFF_RETURN_IF_ERROR(WriteFile(pids + "/pids.max", absl::StrCat(limits.pids)));
  }
  return absl::OkStatus();
}

absl::Status Cgroups::LimitV2(const std::string& group, const Resources& limits, bool whole) const {
  const std::string path = V2(group);
  if (HasV2("cpu") && limits.cpu_shares > 0) {
    // The usual mapping of shares 2..262144 to weights 1..10000 (KEP-2254).
    const int64_t shares = std::clamp<int64_t>(limits.cpu_shares, 2, 262144);
    const int64_t weight = 1 + (shares - 2) * 9999 / 262142;
    SKIFF_RETURN_IF_ERROR(WriteFile(path + "/cpu.weight", absl::StrCat(weight)));
  }
  if (HasV2("cpu") && limits.cpu_quota_millis > 0) {
    const int64_t quota = std::max<int64_t>(1000, limits.cpu_quota_millis * kPeriodMicros / 1000);
    SKIFF_RETURN_IF_ERROR(WriteFile(path + "/cpu.max", absl::StrCat(quota, " ", kPeriodMicros)));
  }
  if (HasV2("memory") && limits.memory_bytes > 0) {
    SKIFF_RETURN_IF_ERROR(WriteFile(path + "/memory.max", absl::StrCat(limits.memory_bytes)));
    // What may not be in memory may not be in swap either. Absent where there is no swap.
    WriteFile(path + "/memory.swap.max", "0").IgnoreError();
  }
  // Whoever sets off the OOM killer, this group's limit or one around it.
  if (HasV2("memory") && whole) {
    SKIFF_RETURN_IF_ERROR(WriteFile(path + "/memory.oom.group", "1"));
  }
  if (HasV2("pids") && limits.pids > 0) {
    SKIFF_RETURN_IF_ERROR(WriteFile(path + "/pids.max", absl::StrCat(limits.pids)));
  }
  return absl::OkStatus();
}

std::vector<std::string> Cgroups::V1Tasks(const std::string& group) const {
  std::vector<std::string> out;
  for (const auto& [mount, options] : v1_options_) {
    out.push_back(absl::StrCat(mount, "/", group, "/tasks"));
  }
  return out;
}

absl::Status Cgroups::Kill(const std::string& group) const {
  const absl::Status status = WriteFile(V2(group) + "/cgroup.kill", "1");
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

namespace {

// Waits for cgroup.events to say that nothing is left, as the kernel notifies (cgroup-v2.rst).
void AwaitEmpty(const std::string& path) {
  const UniqueFd fd(open((path + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  for (int tries = 0; fd.valid() && tries < 50; ++tries) {
    char text[256];
    const ssize_t n = pread(fd.get(), text, sizeof text - 1, 0);
    if (n <= 0 || Field(std::string(text, static_cast<size_t>(n)), "populated") == 0) return;
    pollfd wait{fd.get(), POLLPRI, 0};
    poll(&wait, 1, 100);
  }
}

absl::Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::vector<std::string> all;
  for (auto it = fs::recursive_directory_iterator(path, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (it->is_directory(error)) all.push_back(it->path());
  }
  std::sort(all.begin(), all.end(), std::greater<>());
  all.push_back(path);
  for (const std::string& dir : all) {
    // A group may be busy for a moment after its last process has gone.
    for (int tries = 0; rmdir(dir.c_str()) != 0 && errno != ENOENT; ++tries) {
      if (errno != EBUSY || tries == 500) return ErrnoStatus(errno, dir);
      poll(nullptr, 0, 2);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Cgroups::Remove(const std::string& group) const {
  SKIFF_RETURN_IF_ERROR(Kill(group));
  AwaitEmpty(V2(group));
  for (const std::string& path : Paths(group)) SKIFF_RETURN_IF_ERROR(RemoveTree(path));
  return absl::OkStatus();
}

void Cgroups::RemoveIfEmpty(const std::string& group) const {
  for (const std::string& path : Paths(group)) rmdir(path.c_str());
}

int64_t Cgroups::OomKills(const std::string& group) const {
  if (const std::string memory = V1("memory", group); !memory.empty()) {
    return Field(ReadFile(memory + "/memory.oom_control"), "oom_kill");
  }
  return Field(ReadFile(V2(group) + "/memory.events"), "oom_kill");
}

absl::StatusOr<Usage> Cgroups::ReadUsage(const std::string& group) const {
  if (access(V2(group).c_str(), F_OK) != 0) return ErrnoStatus(errno, V2(group));
  Usage usage;
  usage.cpu_nanoseconds = Field(ReadFile(V2(group) + "/cpu.stat"), "usage_usec") * 1000;
  const std::string memory = V1("memory", group);
  usage.memory_bytes = memory.empty() ? Number(V2(group) + "/memory.current")
                                      : Number(memory + "/memory.usage_in_bytes");
  return usage;
}

}  // namespace skiff::runtime
