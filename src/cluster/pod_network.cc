#include "cluster/pod_network.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::cluster {
namespace {

constexpr int kFirst = 100;
constexpr int kCount = 128;
constexpr size_t kShown = 20;  // Of what the file should not hold.

// None: it is to be chosen. An empty file is what a crash leaves of a new one, before there are
// pods.
absl::StatusOr<std::optional<int>> ReadKept(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return std::nullopt;
    return ErrnoStatus(errno, absl::StrCat("open ", path));
  }
  std::string text;
  for (char c; text.size() <= kShown && file.get(c);) text.push_back(c);
  if (file.bad()) return ErrnoStatus(errno, absl::StrCat("read ", path));
  if (text.empty()) return std::nullopt;
  int kept = 0;
  const bool number = text.find_first_not_of("0123456789\n") == std::string::npos &&
                      absl::SimpleAtoi(absl::StripTrailingAsciiWhitespace(text), &kept);
  if (number && kept >= kFirst && kept < kFirst + kCount) return kept;
  return absl::DataLossError(absl::StrCat(
      path, " is damaged: it holds \"", absl::CHexEscape(text.substr(0, kShown)),
      text.size() > kShown ? "..." : "", "\" where a number from ", kFirst, " to ",
      kFirst + kCount - 1,
      " should be, N of the pods' network 10.N.0.0/16: write the N that the "
      "addresses of its pods have, or, if none of them runs any more, delete the file"));
}

absl::StatusOr<std::set<int>> Taken() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return ErrnoStatus(errno, "list the machine's addresses");
  const auto free_list = absl::MakeCleanup([list] { freeifaddrs(list); });
  std::set<int> taken;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    const uint32_t address =
        ntohl(reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr.s_addr);
    if (address >> 24 == 10) taken.insert(static_cast<int>(address >> 16 & 0xff));
  }
  return taken;
}

}  // namespace

absl::StatusOr<int> PodNetworkOf(const std::string& home, uint64_t seed) {
  const std::string path = home + "/pod-network";
  SKIFF_ASSIGN_OR_RETURN(const std::optional<int> kept, ReadKept(path));
  if (kept) return *kept;
  SKIFF_ASSIGN_OR_RETURN(const std::set<int> taken, Taken());
  for (int i = 0; i < kCount; ++i) {
    const int chosen = kFirst + static_cast<int>((seed + static_cast<uint64_t>(i)) % kCount);
    if (taken.contains(chosen)) continue;
    std::ofstream file(path);
    if (!(file << chosen << std::flush)) return ErrnoStatus(errno, absl::StrCat("write ", path));
    return chosen;
  }
  return absl::ResourceExhaustedError("no network 10.N.0.0/16 is free for pods on this machine");
}

}  // namespace skiff::cluster
