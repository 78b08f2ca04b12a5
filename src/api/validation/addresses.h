// IP addresses and networks as texts: what they are, and Kubernetes' sentence for what they should
// not be. "Loosely" is how fields that are older than the strict rules read them: leading zeros do
// not matter, and an IPv4 address may be written as an IPv6 one.
//
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace skiff::api {

struct IpAddress {
  std::array<uint8_t, 16> bytes{};  // IPv4: as ::ffff:a.b.c.d.
  bool is_v4 = false;

  static std::optional<IpAddress> ParseLoosely(absl::string_view text);
  // The one form that Kubernetes writes.
  std::string ToString() const;
};

struct IpNetwork {
  IpAddress address;      // No bit is set beyond the prefix.
  int prefix = 0;         // Of 32 or 128 bits.
  bool is_masked = true;  // Whether the text set no bit beyond the prefix either.

  static std::optional<IpNetwork> ParseLoosely(absl::string_view text);
  bool Contains(const IpAddress& other) const;
  std::string ToString() const;
};

// Nothing, if the text is right.
std::vector<std::string> CheckIpLoosely(absl::string_view text);
std::vector<std::string> CheckIpStrictly(absl::string_view text);
std::vector<std::string> CheckNetworkLoosely(absl::string_view text);
std::vector<std::string> CheckNetworkStrictly(absl::string_view text);
// An address and the size of its network, as an interface has it: "10.1.2.3/24".
std::vector<std::string> CheckInterfaceAddress(absl::string_view text);
// What no endpoint has: unspecified, loopback and link-local addresses.
std::vector<std::string> CheckEndpointIp(absl::string_view text);

}  // namespace skiff::api
