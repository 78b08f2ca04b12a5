// The kernel's answers as this room words them.
#include "network/netlink.h"

#include "tests/network/netns_fixture.h"

namespace skiff::network {
namespace {

TEST_CASE("MissingLinksAreNotFoundOrNothingToDelete") {
  if (!IsRoot()) return;
  const ScratchHost host;
  Netlink netlink = ScratchHost::Links();
  CHECK(*netlink.LinkIndex("nosuch0") == 0);
  CHECK(*netlink.LinkIndex("lo") == 1);
  CHECK(netlink.DeleteLink("nosuch0") == absl::OkStatus());
  CHECK(absl::IsNotFound(netlink.SetUp("nosuch0")));
  CHECK(absl::IsNotFound(netlink.SetMaster("nosuch0", "lo")));
}

TEST_CASE("EveryStepMayBeRepeated") {
  if (!IsRoot()) return;
  const ScratchHost host;
  Netlink netlink = ScratchHost::Links();
  for (int i = 0; i < 2; ++i) {
    CHECK(netlink.AddBridge("sktest0", "0a:58:0a:63:07:01") == absl::OkStatus());
    CHECK(netlink.AddAddress("sktest0", "10.99.7.1/24") == absl::OkStatus());
    CHECK(netlink.SetUp("sktest0") == absl::OkStatus());
    CHECK(netlink.AddDefaultRoute("10.99.7.2", "sktest0") == absl::OkStatus());
  }
  CHECK(netlink.DeleteLink("sktest0") == absl::OkStatus());
}

TEST_CASE("NamespaceOfAnotherProcessIsEnteredAndLeft") {
  if (!IsRoot()) return;
  const ScratchHost host;
  const FakePod pod;
  auto inside = Netlink::OpenIn(pod.pid());
  REQUIRE(inside.ok());
  REQUIRE(inside->AddBridge("inner0", "0a:58:0a:63:07:01") == absl::OkStatus());
  CHECK(*inside->LinkIndex("inner0") != 0);
  CHECK(*ScratchHost::Links().LinkIndex("inner0") == 0);
  CHECK(absl::IsNotFound(Netlink::OpenIn(1 << 30).status()));
}

}  // namespace
}  // namespace skiff::network
