// A node's bridge: who gets which address, who reaches whom, what is mended and what is left.
#include "network/bridge.h"

#include <fstream>
#include <set>

#include "absl/strings/match.h"
#include "tests/network/netns_fixture.h"

namespace skiff::network {
namespace {

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST_CASE("PodsGetAddressesOfTheSubnet") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  CHECK(bridge->gateway() == "10.99.7.1");
  const FakePod a, b;
  const PodAddress first = ScratchHost::Attach(bridge.get(), "a", a);
  CHECK(first.ip == "10.99.7.2");
  CHECK(first.prefix_length == 24);
  CHECK(first.gateway == "10.99.7.1");
  CHECK(ScratchHost::Attach(bridge.get(), "b", b).ip == "10.99.7.3");
  // Asked again, the same again.
  CHECK(ScratchHost::Attach(bridge.get(), "a", a).ip == "10.99.7.2");
  CHECK(ScratchHost::LinkNames() == std::vector<std::string>{"sktest0", "sktest0p2", "sktest0p3"});
}

TEST_CASE("PodsReachEachOtherAndTheHostReachesThem") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  const FakePod a, b;
  const std::string ip_a = ScratchHost::Attach(bridge.get(), "a", a).ip;
  const std::string ip_b = ScratchHost::Attach(bridge.get(), "b", b).ip;
  CHECK(Reaches(a.Socket(), b.Socket(), ip_b));
  CHECK(Reaches(b.Socket(), a.Socket(), ip_a));
  CHECK(Reaches(a.Socket(), a.Socket(), ip_a));
  CHECK(Reaches(HostSocket(), a.Socket(), ip_a));
  CHECK(Reaches(b.Socket(), HostSocket(), bridge->gateway()));
}

TEST_CASE("PodsOfTwoNodesReachEachOtherThroughTheHost") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const std::string forwarding = ReadText("/proc/sys/net/ipv4/ip_forward");
  const auto one = host.Open(host.Options("10.99.7.0/24", "sktest0"));
  const auto two = host.Open(host.Options("10.99.8.0/24", "sktest1"));
  const FakePod a, b;
  ScratchHost::Attach(one.get(), "a", a);
  const std::string ip = ScratchHost::Attach(two.get(), "b", b).ip;
  CHECK(ip == "10.99.8.2");
  CHECK(Reaches(a.Socket(), b.Socket(), ip));
  // One going leaves the other as it is, and the machine's own setting was never touched.
  CHECK(one->Remove() == absl::OkStatus());
  CHECK(Reaches(HostSocket(), b.Socket(), ip));
  CHECK(ReadText("/proc/sys/net/ipv4/ip_forward") == forwarding);
}

TEST_CASE("AddressIsGivenBackAndTakenLast") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open(host.Options("10.99.7.0/29"));  // Five pods.
  const FakePod pod;
  CHECK(ScratchHost::Attach(bridge.get(), "a", pod).ip == "10.99.7.2");
  CHECK(bridge->Detach("a") == absl::OkStatus());
  CHECK(bridge->Detach("a") == absl::OkStatus());
  CHECK(ScratchHost::LinkNames() == std::vector<std::string>{"sktest0"});
  for (const char* ip : {"10.99.7.3", "10.99.7.4", "10.99.7.5", "10.99.7.6", "10.99.7.2"}) {
    CHECK(ScratchHost::Attach(bridge.get(), "next", pod).ip == ip);
    CHECK(bridge->Detach("next") == absl::OkStatus());
  }
}

TEST_CASE("AddressOfALivingPodIsNotGivenToAnother") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const FakePod a, b, c;
  {
    const auto bridge = host.Open();
    ScratchHost::Attach(bridge.get(), "a", a);
    ScratchHost::Attach(bridge.get(), "b", b);
  }
  // The next manager counts from the beginning, and finds who has what.
  const auto bridge = host.Open();
  CHECK(ScratchHost::Attach(bridge.get(), "c", c).ip == "10.99.7.4");
  CHECK(ScratchHost::Attach(bridge.get(), "b", b).ip == "10.99.7.3");
  CHECK(Reaches(c.Socket(), a.Socket(), "10.99.7.2"));
}

TEST_CASE("FullSubnetIsAClearError") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open(host.Options("10.99.7.0/30"));  // One pod.
  const FakePod a, b;
  CHECK(ScratchHost::Attach(bridge.get(), "a", a).ip == "10.99.7.2");
  const auto full = bridge->Attach("b", b.pid());
  CHECK(absl::IsResourceExhausted(full.status()));
  CHECK(full.status().message() ==
        "every address of the pod subnet 10.99.7.0/30 is taken: 1 pods have one each; delete some, "
        "or give the node a larger subnet");
  CHECK(bridge->Detach("a") == absl::OkStatus());
  CHECK(ScratchHost::Attach(bridge.get(), "b", b).ip == "10.99.7.2");
}

TEST_CASE("LeaseThatCannotBeWrittenGivesNoAddress") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  const FakePod a;
  // A directory in the lease's place: what cannot be written down would be given twice.
  std::filesystem::create_directories(host.Options().lease_dir + "/a/x");
  CHECK_FALSE(bridge->Attach("a", a.pid()).ok());
  CHECK(ScratchHost::LinkNames() == std::vector<std::string>{"sktest0"});
}

TEST_CASE("LinkThatWasDeletedIsMadeAgain") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  const FakePod a, b;
  const std::string ip = ScratchHost::Attach(bridge.get(), "a", a).ip;
  ScratchHost::Attach(bridge.get(), "b", b);
  CHECK(ScratchHost::Links().DeleteLink("sktest0p2") == absl::OkStatus());
  CHECK(ScratchHost::Attach(bridge.get(), "a", a).ip == ip);
  CHECK(Reaches(b.Socket(), a.Socket(), ip));
}

TEST_CASE("BridgeThatWasDeletedIsMadeAgainWithItsPods") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  const FakePod a, b;
  const std::string ip = ScratchHost::Attach(bridge.get(), "a", a).ip;
  ScratchHost::Attach(bridge.get(), "b", b);
  CHECK(ScratchHost::Links().DeleteLink("sktest0") == absl::OkStatus());
  ScratchHost::Attach(bridge.get(), "b", b);
  CHECK(Reaches(b.Socket(), a.Socket(), ip));
  CHECK(Reaches(HostSocket(), a.Socket(), ip));
}

TEST_CASE("BridgeKeepsItsHardwareAddress") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  const FakePod pods[4];
  for (int i = 0; i < 4; ++i) ScratchHost::Attach(bridge.get(), absl::StrCat("p", i), pods[i]);
  // Read by ioctl: the /sys of this process shows the namespace that it was mounted in.
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "sktest0");
  REQUIRE(ioctl(fd.get(), SIOCGIFHWADDR, &request) == 0);
  CHECK(std::memcmp(request.ifr_hwaddr.sa_data, "\x0a\x58\x0a\x63\x07\x01", 6) == 0);
}

TEST_CASE("DeadPodsLoseTheirAddressesAndLinks") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  const FakePod a, b, c;
  ScratchHost::Attach(bridge.get(), "a", a);
  ScratchHost::Attach(bridge.get(), "b", b);
  // A host end whose lease is lost, and one that is not ours.
  REQUIRE(ScratchHost::Links().AddVeth("sktest0p77", "eth0", c.pid()) == absl::OkStatus());
  REQUIRE(ScratchHost::Links().AddVeth("sktest0pub", "eth1", c.pid()) == absl::OkStatus());
  CHECK(bridge->Retain({"b"}) == absl::OkStatus());
  CHECK(ScratchHost::LinkNames() == std::vector<std::string>{"sktest0", "sktest0p3", "sktest0pub"});
  CHECK_FALSE(std::filesystem::exists(host.Options().lease_dir + "/a"));
  CHECK(std::filesystem::exists(host.Options().lease_dir + "/b"));
  CHECK(Reaches(HostSocket(), b.Socket(), "10.99.7.3"));
}

TEST_CASE("PodThatCameBackUnderTheSameNameKeepsItsAddress") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  FakePod before;
  const std::string ip = ScratchHost::Attach(bridge.get(), "a", before).ip;
  before.Kill();
  const FakePod after;
  CHECK(ScratchHost::Attach(bridge.get(), "a", after).ip == ip);
  CHECK(Reaches(HostSocket(), after.Socket(), ip));
}

TEST_CASE("RemovedBridgeLeavesNothing") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  const FakePod a, b;
  ScratchHost::Attach(bridge.get(), "a", a);
  ScratchHost::Attach(bridge.get(), "b", b);
  CHECK(bridge->Remove() == absl::OkStatus());
  CHECK(ScratchHost::LinkNames().empty());
  CHECK_FALSE(std::filesystem::exists(host.Options().lease_dir));
  // Nor does a second time find anything to complain of.
  CHECK(bridge->Remove() == absl::OkStatus());
}

TEST_CASE("BadOptionsAreNamed") {
  if (!IsRoot()) return;
  const ScratchHost host;
  for (const char* subnet : {"", "10.99.7.0", "10.99.7.0/33", "10.99.7.0/8", "ten/24"}) {
    const auto opened = Bridge::Open(host.Options(subnet));
    CHECK(absl::IsInvalidArgument(opened.status()));
    CHECK(absl::StrContains(opened.status().message(), absl::StrCat("subnet \"", subnet, "\"")));
  }
  const auto loose = Bridge::Open(host.Options("10.99.7.9/24"));
  CHECK(absl::StrContains(loose.status().message(), "want 10.99.7.0/24"));
  CHECK(absl::IsInvalidArgument(
      Bridge::Open(host.Options("10.99.7.0/24", "much-too-long")).status()));
  CHECK(ScratchHost::LinkNames().empty());
  const FakePod a;
  REQUIRE(ScratchHost::Links().AddVeth("sktest0", "eth0", a.pid()) == absl::OkStatus());
  const auto taken = Bridge::Open(host.Options());
  CHECK(absl::IsAlreadyExists(taken.status()));
  CHECK(absl::StrContains(taken.status().message(), "sktest0"));
}

TEST_CASE("PodThatIsGoneIsAnError") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const auto bridge = host.Open();
  FakePod pod;
  const pid_t pid = pod.pid();
  pod.Kill();
  CHECK(absl::IsNotFound(bridge->Attach("a", pid).status()));
  CHECK(std::filesystem::is_empty(host.Options().lease_dir));
}

}  // namespace
}  // namespace skiff::network
