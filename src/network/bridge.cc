#include "network/bridge.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "network/netlink.h"

namespace skiff::network {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxName =
    10;  // A link's name has at most 15 characters; ours adds "p" and a number.

std::string ToText(uint32_t address) {
  return absl::StrFormat("%d.%d.%d.%d", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
                         address & 0xff);
}

// A locally administered one that says whose it is.
std::string HardwareAddress(uint32_t address) {
  return absl::StrFormat("0a:58:%02x:%02x:%02x:%02x", address >> 24, address >> 16 & 0xff,
                         address >> 8 & 0xff, address & 0xff);
}

// The start of a small file; empty if it cannot be read.
std::string Slurp(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[32];
  const ssize_t n = read(fd.get(), text, sizeof text);
  return std::string(text, n > 0 ? static_cast<size_t>(n) : 0);
}

absl::Status WriteText(const std::string& path, int flags, const std::string& text) {
  const UniqueFd fd(open(path.c_str(), flags | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, path);
  const ssize_t n = write(fd.get(), text.data(), text.size());
  if (n == static_cast<ssize_t>(text.size())) return absl::OkStatus();
  return ErrnoStatus(n < 0 ? errno : ENOSPC, path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bridge>> Bridge::Open(BridgeOptions options) {
  std::unique_ptr<Bridge> bridge(new Bridge(std::move(options)));
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(bridge->options_.subnet, absl::MaxSplits('/', 1));
  in_addr address;
  if (inet_pton(AF_INET, parts.first.c_str(), &address) != 1 ||
      !absl::SimpleAtoi(parts.second, &bridge->prefix_length_) || bridge->prefix_length_ < 16 ||
      bridge->prefix_length_ > 30) {
    return absl::InvalidArgumentError(
        absl::StrCat("subnet \"", bridge->options_.subnet,
                     "\": want ADDRESS/LENGTH with a length of 16 to 30, such as 10.244.1.0/24"));
  }
  const uint32_t mask = ~0u << (32 - bridge->prefix_length_);
  if ((ntohl(address.s_addr) & ~mask) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "subnet \"", bridge->options_.subnet, "\": its address has bits beyond the length: want ",
        ToText(ntohl(address.s_addr) & mask), "/", bridge->prefix_length_));
  }
  if (bridge->options_.name.empty() || bridge->options_.name.size() > kMaxName) {
    return absl::InvalidArgumentError(absl::StrCat("bridge name \"", bridge->options_.name,
                                                   "\": want 1 to ", kMaxName, " characters"));
  }
  bridge->base_ = ntohl(address.s_addr);
  bridge->gateway_ = ToText(bridge->base_ + 1);
  SKIFF_RETURN_IF_ERROR(bridge->Ensure());
  return bridge;
}

absl::Status Bridge::Ensure() {
  std::error_code error;
  fs::create_directories(options_.lease_dir, error);
  if (error) return ErrnoStatus(error.value(), options_.lease_dir);
  SKIFF_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  SKIFF_RETURN_IF_ERROR(netlink.AddBridge(options_.name, HardwareAddress(base_ + 1)));
  SKIFF_RETURN_IF_ERROR(
      netlink.AddAddress(options_.name, absl::StrCat(gateway_, "/", prefix_length_)));
  SKIFF_RETURN_IF_ERROR(netlink.SetUp(options_.name));
  // Pods of one node reach those of another by way of the host. The kernel asks the link that a
  // packet comes in by, so that the machine's own setting (ip_forward) can stay as it is.
  return WriteText(absl::StrCat("/proc/sys/net/ipv4/conf/", options_.name, "/forwarding"), 0, "1");
}

std::string Bridge::HostEnd(uint32_t host) const { return absl::StrCat(options_.name, "p", host); }

// What is in a file whose name has a dot is on its way.
std::map<std::string, uint32_t> Bridge::Leases() const {
  std::map<std::string, uint32_t> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.lease_dir, error)) {
    uint32_t host = 0;
    const std::string name = entry.path().filename();
    if (absl::StrContains(name, '.') || !absl::SimpleAtoi(Slurp(entry.path()), &host)) continue;
    out[name] = host;
  }
  return out;
}

// The pod's number in the subnet: the one on disk, or the next that nobody has. A number that was
// just given back is the last to be taken again.
absl::StatusOr<uint32_t> Bridge::Lease(const std::string& pod_uid) {
  std::set<uint32_t> taken;
  for (const auto& [uid, host] : Leases()) {
    if (uid == pod_uid) return host;
    taken.insert(host);
  }
  const uint32_t last = (1u << (32 - prefix_length_)) - 2;  // The one after is for broadcasts.
  for (uint32_t i = 0; i < last; ++i) {
    const uint32_t host = next_ > last || next_ < 2 ? (next_ = 2) : next_;
    ++next_;
    if (taken.contains(host)) continue;
    // An address whose lease is not on disk would be given twice.
    const std::string path = absl::StrCat(options_.lease_dir, "/", pod_uid);
    const std::string temporary = path + ".new";
    SKIFF_RETURN_IF_ERROR(WriteText(temporary, O_CREAT | O_TRUNC, absl::StrCat(host)));
    if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, path);
    return host;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("every address of the pod subnet ", options_.subnet, " is taken: ", last - 1,
                   " pods have one each; delete some, or give the node a larger subnet"));
}

// Makes the bridge again if it is gone, and puts back on it what pods have.
absl::Status Bridge::Repair(Netlink* netlink) {
  SKIFF_ASSIGN_OR_RETURN(const int index, netlink->LinkIndex(options_.name));
  if (index != 0) return absl::OkStatus();
  SKIFF_RETURN_IF_ERROR(Ensure());
  for (const auto& [uid, host] : Leases()) {
    const absl::Status joined = netlink->SetMaster(HostEnd(host), options_.name);
    if (!joined.ok() && !absl::IsNotFound(joined)) return joined;
  }
  return absl::OkStatus();
}

absl::StatusOr<PodAddress> Bridge::Attach(const std::string& pod_uid, int64_t head_pid) {
  MutexLock lock(&mutex_);
  SKIFF_ASSIGN_OR_RETURN(Netlink inside, Netlink::OpenIn(head_pid));
  SKIFF_ASSIGN_OR_RETURN(Netlink outside, Netlink::Open());
  SKIFF_RETURN_IF_ERROR(Repair(&outside));
  SKIFF_ASSIGN_OR_RETURN(const uint32_t host, Lease(pod_uid));
  PodAddress address;
  address.ip = ToText(base_ + host);
  address.prefix_length = prefix_length_;
  address.gateway = gateway_;
  SKIFF_ASSIGN_OR_RETURN(const int existing, inside.LinkIndex("eth0"));
  const std::string end = HostEnd(host);
  if (existing == 0) {
    SKIFF_RETURN_IF_ERROR(outside.DeleteLink(end));  // Of a pod that had the number before.
    SKIFF_RETURN_IF_ERROR(outside.AddVeth(end, "eth0", head_pid));
  }
  SKIFF_RETURN_IF_ERROR(outside.SetMaster(end, options_.name));
  SKIFF_RETURN_IF_ERROR(outside.SetUp(end));
  SKIFF_RETURN_IF_ERROR(inside.AddAddress("eth0", absl::StrCat(address.ip, "/", prefix_length_)));
  SKIFF_RETURN_IF_ERROR(inside.SetUp("eth0"));
  SKIFF_RETURN_IF_ERROR(inside.AddDefaultRoute(gateway_, "eth0"));
  return address;
}

absl::Status Bridge::Detach(const std::string& pod_uid) {
  MutexLock lock(&mutex_);
  const std::string lease = absl::StrCat(options_.lease_dir, "/", pod_uid);
  uint32_t host = 0;
  if (!absl::SimpleAtoi(Slurp(lease), &host)) return absl::OkStatus();
  SKIFF_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  SKIFF_RETURN_IF_ERROR(netlink.DeleteLink(HostEnd(host)));
  if (unlink(lease.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, lease);
  return absl::OkStatus();
}

// Our host ends are known by their names, on the bridge or fallen off it.
absl::Status Bridge::DeleteStrangers(Netlink* netlink, const std::set<std::string>& host_ends) {
  SKIFF_ASSIGN_OR_RETURN(const std::vector<Link> links, netlink->Links());
  const std::string prefix = options_.name + "p";
  for (const Link& link : links) {
    uint32_t host = 0;
    if (link.kind != "veth" || !absl::StartsWith(link.name, prefix) ||
        !absl::SimpleAtoi(link.name.substr(prefix.size()), &host) ||
        host_ends.contains(link.name)) {
      continue;
    }
    SKIFF_RETURN_IF_ERROR(netlink->DeleteLink(link.name));
  }
  return absl::OkStatus();
}

absl::Status Bridge::Retain(const std::set<std::string>& pod_uids) {
  MutexLock lock(&mutex_);
  SKIFF_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  std::set<std::string> kept;
  for (const auto& [uid, host] : Leases()) {
    if (pod_uids.contains(uid)) kept.insert(HostEnd(host));
  }
  SKIFF_RETURN_IF_ERROR(DeleteStrangers(&netlink, kept));
  for (const auto& [uid, host] : Leases()) {
    const std::string lease = absl::StrCat(options_.lease_dir, "/", uid);
    if (!pod_uids.contains(uid) && unlink(lease.c_str()) != 0) return ErrnoStatus(errno, lease);
  }
  return absl::OkStatus();
}

absl::Status Bridge::Remove() {
  MutexLock lock(&mutex_);
  SKIFF_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  SKIFF_RETURN_IF_ERROR(DeleteStrangers(&netlink, {}));
  SKIFF_RETURN_IF_ERROR(netlink.DeleteLink(options_.name));
  std::error_code error;
  fs::remove_all(options_.lease_dir, error);
  return error ? ErrnoStatus(error.value(), options_.lease_dir) : absl::OkStatus();
}

}  // namespace skiff::network
