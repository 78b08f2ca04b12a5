// Where members listen, as text and as the kernel has it.
//
// Threads: any.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace skiff::raft {

struct HostPort {
  std::string host;  // Without the brackets of an IPv6 address.
  int port = 0;
};

// "10.0.0.1:2380", "[::1]:2380", "host.example.com:2380". kInvalidArgument, naming the address.
absl::StatusOr<HostPort> SplitHostPort(const std::string& address);

// None: the host is a name.
std::vector<sockaddr_storage> NumericAddress(const HostPort& where);

// As the system's resolver has it, at least one. Blocks, for as long as the resolver takes.
// kUnavailable: it does not know the name (now).
absl::StatusOr<std::vector<sockaddr_storage>> ResolveBlocking(const HostPort& where);

// "10.0.0.1"; with its port "10.0.0.1:2380", "[::1]:2380".
std::string IpOf(const sockaddr_storage& address);
std::string IpAndPortOf(const sockaddr_storage& address);

}  // namespace skiff::raft
