// The few rtnetlink requests that the network needs, over libnl.
//
// Threads: a Netlink belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct nl_sock;

namespace skiff::network {

struct Link {
  int index = 0;
  int master = 0;  // The index of the bridge that it is a port of, or 0.
  std::string name;
  std::string kind;  // "bridge", "veth"; empty for hardware.
};

class Netlink {
 public:
  // A socket in the calling thread's network namespace.
  static absl::StatusOr<Netlink> Open();
  // In the namespace of /proc/<pid>/ns/net. The calling thread enters it and comes back.
  static absl::StatusOr<Netlink> OpenIn(int64_t pid);

  // 0 if there is no such link.
  absl::StatusOr<int> LinkIndex(const std::string& name);
  // Every link of the namespace.
  absl::StatusOr<std::vector<Link>> Links();
  // With the hardware address `mac` ("0a:58:0a:f4:03:01") for good: a bridge without one of its own
  // takes the lowest of its ports', so that it would change under the pods that have learned it. OK
  // if there is such a bridge; kAlreadyExists if a link of another kind has the name.
  absl::Status AddBridge(const std::string& name, const std::string& mac);
  // A pair: `name` here and `peer` in the namespace of `peer_pid`.
  absl::Status AddVeth(const std::string& name, const std::string& peer, int64_t peer_pid);
  absl::Status SetUp(const std::string& name);
  absl::Status SetMaster(const std::string& name, const std::string& bridge);
  // `address` in CIDR form. OK if it is there.
  absl::Status AddAddress(const std::string& name, const std::string& address);
  absl::Status AddDefaultRoute(const std::string& gateway, const std::string& name);
  // OK if there is none.
  absl::Status DeleteLink(const std::string& name);

 private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  explicit Netlink(nl_sock* socket) : socket_(socket) {}

  std::unique_ptr<nl_sock, Free> socket_;
};

}  // namespace skiff::network
