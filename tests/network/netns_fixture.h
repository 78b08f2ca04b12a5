// A scratch network namespace for a test, with further ones in the place of pods: nothing of the
// machine's own network changes, whatever the test does.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/unique_fd.h"
#include "network/bridge.h"
#include "network/netlink.h"

namespace skiff::network {

inline bool IsRoot() {
  if (geteuid() == 0) return true;
  WARN("SKIPPED: tests of links need root, to make network namespaces");
  return false;
}

inline void BringUpLoopback() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ioctl(fd.get(), SIOCSIFFLAGS, &request);
}

// A process in a network namespace of its own, as a pod's head is.
class FakePod {
 public:
  FakePod() {
    int ready[2];
    REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (unshare(CLONE_NEWNET) != 0) _exit(1);
      BringUpLoopback();
      if (write(ready[1], "r", 1) != 1) _exit(1);
      for (;;) pause();
    }
    const UniqueFd reader(ready[0]);
    UniqueFd(ready[1]).Reset();
    char done;
    REQUIRE(read(reader.get(), &done, 1) == 1);
  }
  FakePod(const FakePod&) = delete;
  ~FakePod() { Kill(); }

  void Kill() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

  // Made in the pod's namespace, where it stays.
  UniqueFd Socket() const {
    return In([] { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); });
  }

 private:
  UniqueFd In(const std::function<int()>& make) const {
    const UniqueFd own(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    const UniqueFd other(
        open(absl::StrCat("/proc/", pid_, "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(setns(other.get(), CLONE_NEWNET) == 0);
    UniqueFd out(make());
    REQUIRE(setns(own.get(), CLONE_NEWNET) == 0);
    return out;
  }

  pid_t pid_ = 0;
};

inline sockaddr_in AddressOf(const std::string& ip, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  REQUIRE(inet_pton(AF_INET, ip.c_str(), &address.sin_addr) == 1);
  return address;
}

// Whether a connection from `client` reaches `ip`, where `server` listens. Both are fresh sockets.
inline bool Reaches(UniqueFd client, UniqueFd server, const std::string& ip) {
  const sockaddr_in any = AddressOf("0.0.0.0", 8080);
  REQUIRE(bind(server.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
  REQUIRE(listen(server.get(), 1) == 0);
  const timeval patience{3, 0};
  setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const sockaddr_in there = AddressOf(ip, 8080);
  return connect(client.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0;
}

inline UniqueFd HostSocket() { return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

// The scratch namespace: the test's thread is in it as long as this lives.
class ScratchHost {
 public:
  ScratchHost() : own_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    REQUIRE(own_.valid());
    REQUIRE(unshare(CLONE_NEWNET) == 0);
    BringUpLoopback();
    std::string pattern = std::filesystem::temp_directory_path().string() + "/skiff-net-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    dir_ = pattern;
  }
  ScratchHost(const ScratchHost&) = delete;
  ~ScratchHost() {
    CHECK(setns(own_.get(), CLONE_NEWNET) == 0);
    std::filesystem::remove_all(dir_);
  }

  BridgeOptions Options(const std::string& subnet = "10.99.7.0/24",
                        const std::string& name = "sktest0") const {
    return {name, subnet, absl::StrCat(dir_, "/leases-", name)};
  }
  std::unique_ptr<Bridge> Open(const BridgeOptions& options) const {
    auto bridge = Bridge::Open(options);
    INFO(bridge.status().ToString());
    REQUIRE(bridge.ok());
    return *std::move(bridge);
  }
  std::unique_ptr<Bridge> Open() const { return Open(Options()); }

  static PodAddress Attach(Bridge* bridge, const std::string& uid, const FakePod& pod) {
    const auto address = bridge->Attach(uid, pod.pid());
    INFO(address.status().ToString());
    REQUIRE(address.ok());
    return *address;
  }

  static Netlink Links() {
    auto netlink = Netlink::Open();
    REQUIRE(netlink.ok());
    return *std::move(netlink);
  }
  // The names of the links here, but for what every new namespace has.
  static std::vector<std::string> LinkNames() {
    const auto links = Links().Links();
    REQUIRE(links.ok());
    std::vector<std::string> out;
    for (const Link& link : *links) {
      if (link.kind == "veth" || link.kind == "bridge" || link.kind == "dummy") {
        out.push_back(link.name);
      }
    }
    return out;
  }

  const std::string& dir() const { return dir_; }

 private:
  const UniqueFd own_;
  std::string dir_;
};

}  // namespace skiff::network
