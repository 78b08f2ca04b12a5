#include "api/validation/addresses.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_join.h"

namespace skiff::api {
namespace {

std::string Joined(const std::vector<std::string>& sentences) {
  return absl::StrJoin(sentences, "; ");
}

TEST_CASE("AddressesHaveOneForm") {
  const std::pair<const char*, const char*> rows[] = {
      {"10.0.0.1", ""},
      {"2001:db8::1", ""},
      {"::", ""},
      {"::1", ""},
      {"1:2:3:4:5:6:7:8", ""},
      {"1::3:0:0:6:7:8", "must be in canonical form (\"1:0:3::6:7:8\")"},
      {"2001:DB8::1", "must be in canonical form (\"2001:db8::1\")"},
      {"2001:db8:0:0:0:0:0:1", "must be in canonical form (\"2001:db8::1\")"},
      {"010.0.0.1", "must not have leading 0s"},
      {"::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"},
      {"10.0.0", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
      {"10.0.0.256", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
      {"web", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
      {"", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
  };
  for (const auto& [text, wrong] : rows) {
    INFO(text);
    CHECK(Joined(CheckIpStrictly(text)) == wrong);
  }
  CHECK(CheckIpLoosely("010.0.0.1").empty());
  CHECK(CheckIpLoosely("::ffff:1.2.3.4").empty());
}

TEST_CASE("NetworksHaveOneForm") {
  constexpr char kBad[] = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
  const std::pair<const char*, const char*> rows[] = {
      {"10.96.0.0/12", ""},
      {"0.0.0.0/0", ""},
      {"2001:db8::/64", ""},
      {"2001:DB8::/64", "must be in canonical form (\"2001:db8::/64\")"},
      {"10.96.0.1/12", "must not have bits set beyond the prefix length"},
      {"10.096.0.0/12", "must not have leading 0s in IP or prefix length"},
      {"10.0.0.0/08", "must not have leading 0s in IP or prefix length"},
      {"::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"},
      {"10.0.0.0/33", kBad},
      {"10.0.0.0", kBad},
      {"10.0.0.0/8/8", kBad},
      {"10.0.0.0/-1", kBad},
  };
  for (const auto& [text, wrong] : rows) {
    INFO(text);
    CHECK(Joined(CheckNetworkStrictly(text)) == wrong);
  }
  CHECK(CheckNetworkLoosely("10.96.0.1/12").empty());
  const auto network = *IpNetwork::ParseLoosely("172.17.0.0/16");
  CHECK(network.Contains(*IpAddress::ParseLoosely("172.17.200.3")));
  CHECK_FALSE(network.Contains(*IpAddress::ParseLoosely("172.18.0.0")));
  CHECK_FALSE(network.Contains(*IpAddress::ParseLoosely("2001:db8::1")));
}

TEST_CASE("AnInterfaceHasAnAddressInItsNetwork") {
  CHECK(CheckInterfaceAddress("10.9.8.7/24").empty());
  CHECK(Joined(CheckInterfaceAddress("2001:db8:0::1/64")) ==
        "must be in canonical form (\"2001:db8::1/64\")");
  CHECK(Joined(CheckInterfaceAddress("10.9.8.7")) ==
        "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)");
}

}  // namespace
}  // namespace skiff::api
