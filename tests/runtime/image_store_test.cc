#include "runtime/image/image_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/image/digest.h"
#include "tests/runtime/tar.h"

namespace skiff::runtime {
namespace {

namespace fs = std::filesystem;

std::string Config(const std::vector<std::string>& layers, absl::string_view diff_id = "") {
  std::vector<std::string> ids;
  for (const std::string& layer : layers) {
    ids.push_back(
        absl::StrCat("\"", diff_id.empty() ? DigestOf(layer) : std::string(diff_id), "\""));
  }
  return absl::StrCat(R"({"config":{"Entrypoint":["/bin/sh"],"Cmd":["-c","true"],"Env":["A=b=c"],)",
                      R"("WorkingDir":"/srv",)"
                      R"("User":"7:8"},"rootfs":{"type":"layers","diff_ids":[)",
                      absl::StrJoin(ids, ","), "]}}");
}

std::string DockerArchive(const std::vector<std::string>& layers, std::string config = "") {
  if (config.empty()) config = Config(layers);
  std::vector<TarEntry> entries;
  std::vector<std::string> names;
  for (size_t i = 0; i < layers.size(); ++i) {
    names.push_back(absl::StrCat("\"", i, "/layer.tar\""));
    entries.push_back({absl::StrCat(i, "/layer.tar"), layers[i]});
  }
  entries.push_back({"config.json", config});
  entries.push_back(
      {"manifest.json", absl::StrCat(R"([{"Config":"config.json","RepoTags":["web:v1"],"Layers":[)",
                                     absl::StrJoin(names, ","), "]}]")});
  return MakeTar(entries);
}

class Scratch {
 public:
  Scratch() : dir_(fs::temp_directory_path() / absl::StrCat("skiff-image-test-", getpid())) {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  ~Scratch() { fs::remove_all(dir_); }
  std::string Path(absl::string_view name) const { return dir_ / std::string(name); }
  std::string Write(absl::string_view name, const std::string& content) const {
    fs::create_directories(fs::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << content;
    return Path(name);
  }
  std::unique_ptr<ImageStore> Open() const {
    auto store = ImageStore::Open(Path("store"));
    REQUIRE(store.ok());
    return *std::move(store);
  }

 private:
  fs::path dir_;
};

std::string Slurp(const std::string& path) {
  const auto text = ReadWholeFile(path);
  return text.ok() ? *text : absl::StrCat("error: ", text.status().message());
}

void RequireNothingLeft(const Scratch& scratch) {
  REQUIRE(fs::is_empty(scratch.Path("store/layers")));
  REQUIRE(fs::is_empty(scratch.Path("store/blobs/sha256")));
}

TEST_CASE("ReferencesAreNormalisedAsDockerDoes") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"busybox", "docker.io/library/busybox:latest"},
      {"team/app:v1", "docker.io/team/app:v1"},
      {"localhost/app", "localhost/app:latest"},
      {"r.example:5000/a/b:x", "r.example:5000/a/b:x"},
  };
  for (const auto& [written, normal] : cases) {
    const auto got = NormalizeReference(written);
    REQUIRE(got.ok());
    CHECK(*got == normal);
  }
  for (const char* bad : {"", "Busybox", "a b", "a/../b", "x:", "x@sha256:12", "/x", "x/"}) {
    CHECK_FALSE(NormalizeReference(bad).ok());
  }
}

TEST_CASE("ADockerArchiveIsLoadedAndFoundAfterReopening") {
  const Scratch scratch;
  const std::string archive = scratch.Write(
      "web.tar",
      DockerArchive({MakeTar({{"etc/", ""}, {"etc/motd", "one"}}), MakeTar({{"bin/sh", "#!"}})}));
  {
    const auto loaded = scratch.Open()->Load(archive);
    REQUIRE(loaded.ok());
    REQUIRE(loaded->size() == 1);
  }
  const auto store = scratch.Open();
  const auto image = store->Find("web:v1");
  REQUIRE(image.ok());
  CHECK(image->references == std::vector<std::string>{"docker.io/library/web:v1"});
  CHECK(image->entrypoint == std::vector<std::string>{"/bin/sh"});
  CHECK(image->cmd == std::vector<std::string>{"-c", "true"});
  CHECK(image->env == std::vector<std::pair<std::string, std::string>>{{"A", "b=c"}});
  CHECK(image->working_dir == "/srv");
  CHECK(image->user == "7:8");
  CHECK(image->size_bytes == 5);
  REQUIRE(image->layer_dirs.size() == 2);
  CHECK(Slurp(image->layer_dirs[0] + "/etc/motd") == "one");
  CHECK(store->Find(image->id.substr(0, 20)).ok());
  CHECK(absl::IsNotFound(store->Find("web:v2").status()));
}

TEST_CASE("AnOciLayoutDirectoryIsLoadedAndItsDigestsAreChecked") {
  const Scratch scratch;
  const std::string layer = MakeTar({{"a", "A"}});
  const std::string config = Config({layer});
  const std::string manifest =
      absl::StrCat(R"({"config":{"digest":")", DigestOf(config), R"("},"layers":[{"digest":")",
                   DigestOf(layer), R"("}]})");
  const auto blob = [](const std::string& content) {
    return absl::StrCat("oci/blobs/sha256/", DigestOf(content).substr(7));
  };
  scratch.Write(blob(layer), layer);
  scratch.Write(blob(config), config);
  scratch.Write(blob(manifest), manifest);
  scratch.Write(
      "oci/index.json",
      absl::StrCat(R"({"manifests":[{"digest":")", DigestOf(manifest),
                   R"(","annotations":{"org.opencontainers.image.ref.name":"app:1"}}]})"));
  const auto store = scratch.Open();
  REQUIRE(store->Load(scratch.Path("oci")).ok());
  REQUIRE(store->Find("app:1").ok());

  REQUIRE(store->Remove("app:1").ok());
  RequireNothingLeft(scratch);
  scratch.Write(blob(layer), MakeTar({{"a", "B"}}));
  const auto tampered = store->Load(scratch.Path("oci"));
  REQUIRE(absl::IsInvalidArgument(tampered.status()));
  RequireNothingLeft(scratch);
}

TEST_CASE("WhiteoutsBecomeOverlayfsWhiteouts") {
  if (geteuid() != 0) {
    WARN("SKIPPED: making whiteouts needs root");
    return;
  }
  const Scratch scratch;
  const auto store = scratch.Open();
  REQUIRE(store->Load(scratch.Write("w.tar", DockerArchive({MakeTar({{"d/.wh.gone", ""}})}))).ok());
  struct stat info;
  REQUIRE(stat((store->Find("web:v1")->layer_dirs[0] + "/d/gone").c_str(), &info) == 0);
  CHECK(S_ISCHR(info.st_mode));
  CHECK(info.st_rdev == 0);
}

TEST_CASE("NoEntryLeavesTheRoot") {
  const Scratch scratch;
  const auto store = scratch.Open();
  SECTION("by dots in a layer") {
    const auto loaded =
        store->Load(scratch.Write("x.tar", DockerArchive({MakeTar({{"../../evil", "x"}})})));
    REQUIRE(absl::IsInvalidArgument(loaded.status()));
    CHECK(absl::StrContains(loaded.status().message(), "../../evil"));
    RequireNothingLeft(scratch);
  }
  SECTION("by dots in the archive") {
    REQUIRE(absl::IsInvalidArgument(
        store->Load(scratch.Write("x.tar", MakeTar({{"../evil", "x"}}))).status()));
  }
  SECTION("through a symbolic link") {
    const std::string outside = scratch.Path("outside");
    fs::create_directories(outside);
    const auto loaded = store->Load(scratch.Write(
        "x.tar", DockerArchive({MakeTar({{"link", "", outside}, {"link/evil", "x"}})})));
    CHECK(fs::is_empty(outside));
  }
  SECTION("by a layer's digest") {
    const std::string layer = MakeTar({{"a", "A"}});
    const auto loaded = store->Load(scratch.Write(
        "x.tar", DockerArchive({layer}, Config({layer}, "sha256:../../../../../../etc"))));
    REQUIRE(absl::IsInvalidArgument(loaded.status()));
    RequireNothingLeft(scratch);
  }
  CHECK_FALSE(fs::exists(scratch.Path("evil")));
  CHECK_FALSE(fs::exists(scratch.Path("store/evil")));
}

TEST_CASE("ATruncatedArchiveIsRefusedAtEveryLengthAndLeavesNothing") {
  const Scratch scratch;
  const auto store = scratch.Open();
  const std::string whole = DockerArchive({MakeTar({{"a", std::string(3000, 'x')}})});
  for (size_t size = 0; size + 1024 < whole.size(); size += 512) {
    const auto loaded = store->Load(scratch.Write("t.tar", whole.substr(0, size)));
    REQUIRE_FALSE(loaded.ok());
    CHECK(absl::StrContains(loaded.status().message(), "t.tar"));
  }
  RequireNothingLeft(scratch);
  REQUIRE(store->Load(scratch.Write("t.tar", whole)).ok());
}

TEST_CASE("WhatIsNoImageIsRefused") {
  const Scratch scratch;
  const auto store = scratch.Open();
  CHECK(absl::IsNotFound(store->Load(scratch.Path("absent.tar")).status()));
  CHECK(absl::IsInvalidArgument(store->Load(scratch.Write("x", "hello")).status()));
  CHECK(absl::IsInvalidArgument(store->Load(scratch.Write("y", MakeTar({{"a", "b"}}))).status()));
  CHECK(absl::IsInvalidArgument(
      store->Load(scratch.Write("z", MakeTar({{"manifest.json", "{]"}}))).status()));
}

}  // namespace
}  // namespace skiff::runtime
