#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "tests/node/node_world.h"

namespace skiff::node {
namespace {

namespace fs = std::filesystem;

std::string Read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return in ? out.str() : "(none)";
}

const char kSpec[] =
    R"("volumes":[{"name":"v","projected":{"sources":[{"configMap":{"name":"c","optional":true}},
        {"downwardAPI":{"items":[{"path":"note","fieldRef":
         {"fieldPath":"metadata.annotations['note']"}}]}}]}}],
       "containers":[{"name":"a","image":"x","volumeMounts":[{"name":"v","mountPath":"/v"}]}])";

TEST_CASE("AVolumeFollowsItsConfigMapWhileThePodRuns") {
  NodeWorld world;
  world.UseDisk();
  world.Put("c", "k", "one");
  const std::string uid = world.Run("p", "", kSpec);
  const std::string file = absl::StrCat(world.dir(), "/volumes/", uid, "/v/k");
  REQUIRE(world.Main("p").state().has_running());
  CHECK(Read(file) == "one");
  REQUIRE(world.disk_runtime().last.mounts.size() == 1);
  CHECK(world.disk_runtime().last.mounts[0].target == "/v");
  CHECK(world.disk_runtime().last.mounts[0].read_only);
  world.Put("c", "k", "two");
  CHECK(Read(file) == "two");
  CHECK(world.Main("p").restart_count() == 0);
}

TEST_CASE("AnOptionalConfigMapMayComeLater") {
  NodeWorld world;
  world.UseDisk();
  const std::string uid = world.Run("p", "", kSpec);
  const std::string file = absl::StrCat(world.dir(), "/volumes/", uid, "/v/k");
  REQUIRE(world.Main("p").state().has_running());
  CHECK(Read(file) == "(none)");
  world.Put("c", "k", "late");
  CHECK(Read(file) == "late");
}

TEST_CASE("AVolumeFollowsThePodsOwnFields") {
  NodeWorld world;
  world.UseDisk();
  const std::string uid = world.Run("p", R"("note":"old")", kSpec);
  const std::string file = absl::StrCat(world.dir(), "/volumes/", uid, "/v/note");
  CHECK(Read(file) == "old");
  auto changed = world.Get("p")->CopyAs<corev1::Pod>();
  (*changed->mutable_metadata()->mutable_annotations())["note"] = "new";
  REQUIRE(world.Commit(client::Write::Update(std::move(changed))).ok());
  world.Pass(absl::Milliseconds(50));
  CHECK(Read(file) == "new");
}

TEST_CASE("WhatChangedWhileNoManagerLookedIsSeenByTheNext") {
  NodeWorld world;
  world.UseDisk();
  world.Put("c", "k", "one");
  const std::string uid = world.Run("p", "", kSpec);
  world.KillNode();
  world.Put("c", "k", "two");
  world.StartNode();
  CHECK(Read(absl::StrCat(world.dir(), "/volumes/", uid, "/v/k")) == "two");
}

TEST_CASE("VolumesGoWithThePodAndWhenItIsOver") {
  NodeWorld world;
  world.UseDisk();
  world.Put("c", "k", "one");
  const std::string uid = world.Run("p", "", kSpec);
  const std::string once = world.Run("once", R"("fake.skiff.dev/run-seconds":"1")",
                                     absl::StrCat(R"("restartPolicy":"Never",)", kSpec));
  CHECK(fs::exists(absl::StrCat(world.dir(), "/volumes/", once)));
  world.Pass(absl::Seconds(2));
  CHECK(world.Status("once").phase() == "Succeeded");
  CHECK_FALSE(fs::exists(absl::StrCat(world.dir(), "/volumes/", once)));
  world.Delete("p");
  CHECK(world.Get("p") == nullptr);
  CHECK_FALSE(fs::exists(absl::StrCat(world.dir(), "/volumes/", uid)));
  // Nobody follows it any more.
  world.Put("c", "k", "two");
  CHECK(fs::is_empty(world.dir() + "/volumes"));
}

}  // namespace
}  // namespace skiff::node
