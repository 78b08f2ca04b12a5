#include "raft/peer_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <uv.h>

#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace skiff::raft {

absl::StatusOr<HostPort> SplitHostPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  HostPort out;
  if (colon != std::string::npos && absl::SimpleAtoi(address.substr(colon + 1), &port) &&
      port <= 65535) {
    out.port = static_cast<int>(port);
    out.host = address.substr(0, colon);
    if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']') {
      out.host = out.host.substr(1, out.host.size() - 2);
    } else if (out.host.find(':') != std::string::npos) {
      out.host.clear();
    }
  }
  if (out.host.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("member address \"", address, "\": want HOST:PORT, such as 10.0.0.1:2380"));
  }
  return out;
}

std::vector<sockaddr_storage> NumericAddress(const HostPort& where) {
  sockaddr_storage storage{};
  if (uv_ip4_addr(where.host.c_str(), where.port, reinterpret_cast<sockaddr_in*>(&storage)) == 0 ||
      uv_ip6_addr(where.host.c_str(), where.port, reinterpret_cast<sockaddr_in6*>(&storage)) == 0) {
    return {storage};
  }
  return {};
}

absl::StatusOr<std::vector<sockaddr_storage>> ResolveBlocking(const HostPort& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(where.host.c_str(), absl::StrCat(where.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("looking up host ", where.host, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, freeaddrinfo);
  std::vector<sockaddr_storage> out;
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    memcpy(&out.emplace_back(), at->ai_addr, at->ai_addrlen);
  }
  if (out.empty()) {
    return absl::UnavailableError(
        absl::StrCat("looking up host ", where.host, ": it has no IP address"));
  }
  return out;
}

std::string IpOf(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET6) {
    uv_ip6_name(reinterpret_cast<const sockaddr_in6*>(&address), text, sizeof text);
  } else if (address.ss_family == AF_INET) {
    uv_ip4_name(reinterpret_cast<const sockaddr_in*>(&address), text, sizeof text);
  }
  return text;
}

std::string IpAndPortOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    return absl::StrCat("[", IpOf(address),
                        "]:", ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port));
  }
  return absl::StrCat(IpOf(address), ":",
                      ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port));
}

}  // namespace skiff::raft
