// What a node says of itself, and how it contradicts who takes it for dead.
#include <catch2/catch.hpp>

#include "tests/node/node_world.h"

namespace skiff::node {
namespace {

std::string Ready(NodeWorld& world) {
  const auto node = world.server().GetNow(api::ResourceOf<corev1::Node>(), "", "n1");
  REQUIRE(node.ok());
  for (const auto& condition : (*node)->As<corev1::Node>().status().conditions()) {
    if (condition.type() == "Ready") return condition.status();
  }
  return "";
}

TEST_CASE("ANodeThatWasCalledDeadSaysThatItLives") {
  NodeWorld world;
  CHECK(Ready(world) == "True");
  auto node =
      (*world.server().GetNow(api::ResourceOf<corev1::Node>(), "", "n1"))->CopyAs<corev1::Node>();
  for (auto& condition : *node->mutable_status()->mutable_conditions()) {
    condition.set_status("Unknown");
  }
  REQUIRE(world.Commit(client::Write::Update(std::move(node), "status")).ok());
  CHECK(Ready(world) == "Unknown");
  world.Pass(absl::Seconds(11));
  CHECK(Ready(world) == "True");
}

}  // namespace
}  // namespace skiff::node
