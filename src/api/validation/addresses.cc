#include "api/validation/addresses.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace skiff::api {
namespace {

using Sentences = std::vector<std::string>;

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool IsNumber(absl::string_view text) {
  return !text.empty() && text.size() < 9 &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
}

bool HasLeadingZero(absl::string_view number) { return number.size() > 1 && number[0] == '0'; }

bool ParseV4(absl::string_view text, uint8_t* out) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 4) return false;
  for (int i = 0; i < 4; ++i) {
    int value = 0;
    if (!IsNumber(parts[i]) || !absl::SimpleAtoi(parts[i], &value) || value > 255) return false;
    out[i] = static_cast<uint8_t>(value);
  }
  return true;
}

bool HasV4Zeros(absl::string_view text) {
  if (absl::StrContains(text, ':')) return false;
  for (absl::string_view part : absl::StrSplit(text, '.')) {
    if (HasLeadingZero(part)) return true;
  }
  return false;
}

bool IsMapped(const IpAddress& ip) {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), ip.bytes.begin());
}

// The bits of an address after the first `prefix` become zero.
void Mask(int prefix, uint8_t* bytes, int size) {
  for (int i = 0; i < size; ++i) {
    const int kept = std::clamp(prefix - 8 * i, 0, 8);
    bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
  }
}

uint8_t* Significant(IpAddress* ip) { return ip->bytes.data() + (ip->is_v4 ? 12 : 0); }

int Width(const IpAddress& ip) { return ip.is_v4 ? 32 : 128; }

// Where the longest run of at least two zero groups is; empty if there is none.
std::pair<int, int> LongestZeros(const std::array<uint16_t, 8>& groups) {
  std::pair<int, int> best = {0, 0};
  for (int start = 0; start < 8; ++start) {
    int end = start;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - start > 1 && end - start > best.second - best.first) best = {start, end};
  }
  return best;
}

Sentences OneIf(bool wrong, absl::string_view sentence) {
  return wrong ? Sentences{std::string(sentence)} : Sentences{};
}

Sentences Canonical(absl::string_view text, const std::string& canonical) {
  return OneIf(text != canonical, absl::StrCat("must be in canonical form (\"", canonical, "\")"));
}

}  // namespace

std::optional<IpAddress> IpAddress::ParseLoosely(absl::string_view text) {
  IpAddress ip;
  if (!absl::StrContains(text, ':')) {
    if (!ParseV4(text, ip.bytes.data() + 12)) return std::nullopt;
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), ip.bytes.begin());
    ip.is_v4 = true;
    return ip;
  }
  if (inet_pton(AF_INET6, std::string(text).c_str(), ip.bytes.data()) != 1) return std::nullopt;
  ip.is_v4 = IsMapped(ip);
  return ip;
}

std::string IpAddress::ToString() const {
  if (is_v4) return absl::StrCat(bytes[12], ".", bytes[13], ".", bytes[14], ".", bytes[15]);
  std::array<uint16_t, 8> groups;
  for (int i = 0; i < 8; ++i)
    groups[i] = static_cast<uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  const auto [from, to] = LongestZeros(groups);
  std::string text;
  for (int i = 0; i < 8; ++i) {
    if (i == from && from < to) {
      text += "::";
      i = to - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    absl::StrAppend(&text, absl::Hex(groups[i]));
  }
  return text;
}

std::optional<IpNetwork> IpNetwork::ParseLoosely(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  IpNetwork network;
  if (parts.size() != 2 || !IsNumber(parts[1])) return std::nullopt;
  if (!absl::SimpleAtoi(parts[1], &network.prefix)) return std::nullopt;
  const std::optional<IpAddress> ip = IpAddress::ParseLoosely(parts[0]);
  if (!ip.has_value()) return std::nullopt;
  network.address = *ip;
  network.address.is_v4 = !absl::StrContains(parts[0], ':');
  if (network.prefix > Width(network.address)) return std::nullopt;
  Mask(network.prefix, Significant(&network.address), Width(network.address) / 8);
  network.is_masked = network.address.bytes == ip->bytes;
  return network;
}

bool IpNetwork::Contains(const IpAddress& other) const {
  if (address.is_v4 != other.is_v4) return false;
  IpAddress masked = other;
  Mask(prefix, Significant(&masked), Width(masked) / 8);
  return masked.bytes == address.bytes;
}

std::string IpNetwork::ToString() const { return absl::StrCat(address.ToString(), "/", prefix); }

Sentences CheckIpLoosely(absl::string_view text) {
  return OneIf(!IpAddress::ParseLoosely(text).has_value(),
               "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

Sentences CheckIpStrictly(absl::string_view text) {
  const std::optional<IpAddress> ip = IpAddress::ParseLoosely(text);
  if (!ip.has_value()) return CheckIpLoosely(text);
  if (HasV4Zeros(text)) return {"must not have leading 0s"};
  if (ip->is_v4 && absl::StrContains(text, ':')) {
    return {"must not be an IPv4-mapped IPv6 address"};
  }
  return Canonical(text, ip->ToString());
}

Sentences CheckNetworkLoosely(absl::string_view text) {
  return OneIf(!IpNetwork::ParseLoosely(text).has_value(),
               "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
}

Sentences CheckNetworkStrictly(absl::string_view text) {
  const std::optional<IpNetwork> network = IpNetwork::ParseLoosely(text);
  if (!network.has_value()) return CheckNetworkLoosely(text);
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, '/');
  if (HasV4Zeros(parts.first) || HasLeadingZero(parts.second)) {
    return {"must not have leading 0s in IP or prefix length"};
  }
  if (!network->address.is_v4 && IsMapped(*IpAddress::ParseLoosely(parts.first))) {
    return {"must not have an IPv4-mapped IPv6 address"};
  }
  if (!network->is_masked) return {"must not have bits set beyond the prefix length"};
  return Canonical(text, network->ToString());
}

Sentences CheckInterfaceAddress(absl::string_view text) {
  const std::optional<IpNetwork> network = IpNetwork::ParseLoosely(text);
  if (!network.has_value()) {
    return {"must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"};
  }
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, '/');
  const std::optional<IpAddress> ip = IpAddress::ParseLoosely(parts.first);
  return Canonical(text, absl::StrCat(ip->ToString(), "/", network->prefix));
}

Sentences CheckEndpointIp(absl::string_view text) {
  const std::optional<IpAddress> ip = IpAddress::ParseLoosely(text);
  if (!ip.has_value()) return {"must be a valid IP address"};
  const auto in = [&](absl::string_view v4, absl::string_view v6) {
    return IpNetwork::ParseLoosely(ip->is_v4 ? v4 : v6)->Contains(*ip);
  };
  Sentences errors;
  if (in("0.0.0.0/32", "::/128")) {
    errors.push_back(absl::StrCat("may not be unspecified (", text, ")"));
  }
  if (in("127.0.0.0/8", "::1/128")) {
    errors.push_back("may not be in the loopback range (127.0.0.0/8, ::1/128)");
  }
  if (in("169.254.0.0/16", "fe80::/10")) {
    errors.push_back("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  }
  if (in("224.0.0.0/24", "ff02::/16")) {
    errors.push_back("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
  }
  return errors;
}

}  // namespace skiff::api
