#include "network/bridge.h"

#include <arpa/inet.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "network/netlink.h"

namespace skiff::network {
namespace {

namespace fs = std::filesystem;

constexpr char kForwarding[] = "/proc/sys/net/ipv4/ip_forward";

std::string ToText(uint32_t address) {
  return absl::StrFormat("%d.%d.%d.%d", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
                         address & 0xff);
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Bridge>> Bridge::Open(BridgeOptions options) {
  std::unique_ptr<Bridge> bridge(new Bridge(std::move(options)));
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(bridge->options_.subnet, absl::MaxSplits('/', 1));
  in_addr address;
  if (inet_pton(AF_INET, parts.first.c_str(), &address) != 1 ||
      !absl::SimpleAtoi(parts.second, &bridge->prefix_length_) || bridge->prefix_length_ < 8 ||
      bridge->prefix_length_ > 30) {
    return absl::InvalidArgumentError(absl::StrCat(
        "subnet \"", bridge->options_.subnet, "\": want ADDRESS/LENGTH, such as 10.244.1.0/24"));
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
  SKIFF_RETURN_IF_ERROR(netlink.AddBridge(options_.name));
  SKIFF_RETURN_IF_ERROR(
      netlink.AddAddress(options_.name, absl::StrCat(gateway_, "/", prefix_length_)));
  SKIFF_RETURN_IF_ERROR(netlink.SetUp(options_.name));
  // Pods of one node reach those of another by way of the host.
  if (Slurp(kForwarding) == "0\n") {
    std::ofstream(kForwarding) << "1";
    forwarding_changed_ = true;
    std::ofstream(options_.lease_dir + "/.forwarding") << "changed";
  }
  forwarding_changed_ = fs::exists(options_.lease_dir + "/.forwarding", error);
  return absl::OkStatus();
}

std::string Bridge::HostEnd(uint32_t host) const { return absl::StrCat(options_.name, "p", host); }

// The pod's number in the subnet: the one on disk, or the next that nobody has. A number that was
// just given back is the last to be taken again.
absl::StatusOr<uint32_t> Bridge::Lease(const std::string& pod_uid) {
  std::set<uint32_t> taken;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.lease_dir, error)) {
    uint32_t host = 0;
    if (!absl::SimpleAtoi(Slurp(entry.path()), &host)) continue;
    if (entry.path().filename() == pod_uid) return host;
    taken.insert(host);
  }
  const uint32_t last = (1u << (32 - prefix_length_)) - 2;
  for (uint32_t i = 0; i < last; ++i) {
    const uint32_t host = next_ > last || next_ < 2 ? (next_ = 2) : next_;
    ++next_;
    if (taken.contains(host)) continue;
    std::ofstream(absl::StrCat(options_.lease_dir, "/", pod_uid)) << host;
    return host;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("every address of the pod subnet ", options_.subnet, " is taken"));
}

absl::StatusOr<PodAddress> Bridge::Attach(const std::string& pod_uid, int64_t head_pid) {
  absl::MutexLock lock(&mutex_);
  SKIFF_ASSIGN_OR_RETURN(const uint32_t host, Lease(pod_uid));
  PodAddress address;
  address.ip = ToText(base_ + host);
  address.prefix_length = prefix_length_;
  address.gateway = gateway_;
  SKIFF_ASSIGN_OR_RETURN(Netlink inside, Netlink::OpenIn(head_pid));
  SKIFF_ASSIGN_OR_RETURN(const int existing, inside.LinkIndex("eth0"));
  const std::string end = HostEnd(host);
  SKIFF_ASSIGN_OR_RETURN(Netlink outside, Netlink::Open());
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
  absl::MutexLock lock(&mutex_);
  const std::string lease = absl::StrCat(options_.lease_dir, "/", pod_uid);
  uint32_t host = 0;
  if (!absl::SimpleAtoi(Slurp(lease), &host)) return absl::OkStatus();
  SKIFF_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  SKIFF_RETURN_IF_ERROR(netlink.DeleteLink(HostEnd(host)));
  std::error_code ignored;
  fs::remove(lease, ignored);
  return absl::OkStatus();
}

absl::Status Bridge::Remove() {
  absl::MutexLock lock(&mutex_);
  SKIFF_ASSIGN_OR_RETURN(Netlink netlink, Netlink::Open());
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.lease_dir, error)) {
    uint32_t host = 0;
    if (absl::SimpleAtoi(Slurp(entry.path()), &host)) {
      SKIFF_RETURN_IF_ERROR(netlink.DeleteLink(HostEnd(host)));
    }
  }
  SKIFF_RETURN_IF_ERROR(netlink.DeleteLink(options_.name));
  if (forwarding_changed_) std::ofstream(kForwarding) << "0";
  fs::remove_all(options_.lease_dir, error);
  return absl::OkStatus();
}

}  // namespace skiff::network
