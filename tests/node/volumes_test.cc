#include "node/volumes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "node/volume_files.h"
#include "tests/api/from_json.h"

namespace skiff::node {
namespace {

namespace fs = std::filesystem;

struct Table {
  std::string dir;
  References references;
  corev1::Pod pod;

  explicit Table(const std::string& volume = R"({"name":"v","emptyDir":{}})") {
    char path[] = "/tmp/skiff-volumes-test.XXXXXX";
    REQUIRE(mkdtemp(path) != nullptr);
    dir = path;
    pod = api::FromJson<corev1::Pod>(
        R"({"metadata":{"name":"p","namespace":"ns","labels":{"app":"web"}},
            "spec":{"volumes":[)" +
        volume + "]}}");
    Put("one", "x");
  }
  ~Table() {
    RemoveVolumes(dir).IgnoreError();
    fs::remove_all(dir);
  }
  void Put(const std::string& k, const std::string& other) {
    auto map = std::make_unique<corev1::ConfigMap>();
    (*map->mutable_data())["k"] = k;
    if (!other.empty()) (*map->mutable_data())["other"] = other;
    references["configmaps/c"] = api::Object::Make(std::move(map));
    references["secrets/s"] = api::ObjectFromJson<corev1::Secret>(
        R"({"metadata":{"name":"s"},"data":{"pw":"aHVzaA=="}})");
  }
  PodPlaces Places() const {
    PodPlaces places;
    places.volumes_dir = dir + "/pod";
    return places;
  }
  absl::Status Make() const { return MakeVolumes(pod, Places(), references).status(); }
  absl::Status Update() const { return UpdateVolumes(pod, Places(), references); }
  std::string Path(const std::string& file = "") const { return dir + "/pod/v/" + file; }
  std::string Read(const std::string& file) const {
    std::ifstream in(Path(file));
    std::stringstream out;
    out << in.rdbuf();
    return in ? out.str() : "(none)";
  }
  int Mode(const std::string& file) const {
    struct stat info;
    return stat(Path(file).c_str(), &info) == 0 ? static_cast<int>(info.st_mode & 07777) : -1;
  }
};

const char kConfig[] = R"({"name":"v","configMap":{"name":"c"}})";

TEST_CASE("AConfigMapVolumeShowsItsEntriesThroughOneLink") {
  Table table(kConfig);
  REQUIRE(table.Make().ok());
  CHECK(table.Read("k") == "one");
  CHECK(fs::read_symlink(table.Path("k")) == "..data/k");
  CHECK(fs::is_symlink(table.Path("..data")));
}

TEST_CASE("AChangeReplacesAllFilesAtOnceAndNamesComeAndGo") {
  Table table(kConfig);
  REQUIRE(table.Make().ok());
  const fs::path before = fs::read_symlink(table.Path("..data"));
  REQUIRE(table.Update().ok());
  CHECK(fs::read_symlink(table.Path("..data")) == before);
  table.Put("two", "");
  REQUIRE(table.Update().ok());
  CHECK(table.Read("k") == "two");
  CHECK_FALSE(fs::is_symlink(table.Path("other")));
  CHECK(fs::read_symlink(table.Path("..data")) != before);
  CHECK_FALSE(fs::exists(table.Path(before)));
}

TEST_CASE("AFileThatIsOpenKeepsItsOldContent") {
  Table table(kConfig);
  REQUIRE(table.Make().ok());
  std::ifstream open(table.Path("k"));
  table.Put("two", "x");
  REQUIRE(table.Update().ok());
  std::string text;
  open >> text;
  CHECK(text == "one");
}

TEST_CASE("AnObjectThatIsGoneLeavesTheFilesAsTheyWere") {
  Table table(kConfig);
  REQUIRE(table.Make().ok());
  table.references["configmaps/c"] = nullptr;
  CHECK(table.Update().message() == "configmap \"c\" not found");
  CHECK(table.Read("k") == "one");
}

TEST_CASE("ItemsChooseNamesAndModes") {
  Table table(R"({"name":"v","configMap":{"name":"c","defaultMode":256,
                  "items":[{"key":"k","path":"deep/er/file"},
                           {"key":"other","path":"o","mode":384}]}})");
  REQUIRE(table.Make().ok());
  CHECK(table.Read("deep/er/file") == "one");
  CHECK(table.Mode("deep/er/file") == 0400);
  CHECK(table.Mode("o") == 0600);
  CHECK(table.Read("k") == "(none)");
}

TEST_CASE("AKeyThatDoesNotExistIsAnErrorUnlessItIsOptional") {
  Table wrong(R"({"name":"v","configMap":{"name":"c","items":[{"key":"no","path":"n"}]}})");
  CHECK(wrong.Make().message() == "configmap \"c\" references non-existent key: no");
  Table optional(R"({"name":"v","configMap":{"name":"none","optional":true}})");
  CHECK(optional.Make().ok());
  Table missing(R"({"name":"v","secret":{"secretName":"none"}})");
  CHECK(missing.Make().message() == "secret \"none\" not found");
  Table escape(R"({"name":"v","configMap":{"name":"c","items":[{"key":"k","path":"../x"}]}})");
  CHECK_FALSE(escape.Make().ok());
}

TEST_CASE("AProjectedVolumeHoldsSeveralSources") {
  Table table(R"({"name":"v","projected":{"sources":[
      {"configMap":{"name":"c","items":[{"key":"k","path":"sub/k"}]}},{"secret":{"name":"s"}},
      {"downwardAPI":{"items":[{"path":"labels",
                                "fieldRef":{"fieldPath":"metadata.labels"}}]}}]}})");
  REQUIRE(table.Make().ok());
  CHECK(table.Read("sub/k") == "one");
  CHECK(table.Read("pw") == "hush");
  CHECK(table.Read("labels") == "app=\"web\"");
  CHECK(VolumeReferencesOf(table.pod.spec()) ==
        std::vector<std::string>{"configmaps/c", "secrets/s"});
  CHECK(ShowsPodFields(table.pod.spec()));
  (*table.pod.mutable_metadata()->mutable_labels())["app"] = "new";
  REQUIRE(table.Update().ok());
  CHECK(table.Read("labels") == "app=\"new\"");
}

TEST_CASE("WhatCannotBeMadeSaysWhatCan") {
  Table token(R"({"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}})");
  CHECK(token.Make().message() ==
        "volume v: a projected serviceAccountToken is not supported by this node: use configMap, "
        "secret or downwardAPI");
  Table nfs(R"({"name":"v","nfs":{"server":"a","path":"/"}})");
  CHECK(nfs.Make().message() ==
        "volume v has a source that this node does not support: use emptyDir, hostPath, configMap, "
        "secret, downwardAPI or projected");
  Table huge(R"({"name":"v","emptyDir":{"medium":"HugePages"}})");
  CHECK_FALSE(huge.Make().ok());
}

TEST_CASE("AHostPathIsCheckedForItsType") {
  struct Row {
    const char* path;
    const char* type;
    bool good;
  };
  for (const Row& row : {Row{"/etc", "Directory", true}, Row{"/etc", "File", false},
                         Row{"/etc/passwd", "File", true}, Row{"/dev/null", "CharDevice", true},
                         Row{"/etc/passwd", "Socket", false}, Row{"/nonexistent", "File", false}}) {
    INFO(row.path << " " << row.type);
    Table table(std::string(R"({"name":"v","hostPath":{"path":")") + row.path + R"(","type":")" +
                row.type + R"("}})");
    CHECK(table.Make().ok() == row.good);
  }
}

TEST_CASE("AVolumeInMemoryIsATmpfsOfItsSizeAndGoesWithThePod") {
  if (geteuid() != 0) {
    WARN("skipped: mounting needs root");
    return;
  }
  Table table(R"({"name":"v","emptyDir":{"medium":"Memory","sizeLimit":"64Ki"}})");
  REQUIRE(table.Make().ok());
  REQUIRE(table.Make().ok());
  CHECK(fs::space(table.Path()).capacity == 64 << 10);
  std::ofstream(table.Path("f")) << "x";
  REQUIRE(RemoveVolumes(table.dir + "/pod").ok());
  CHECK_FALSE(fs::exists(table.dir + "/pod"));
  std::ifstream mounts("/proc/self/mountinfo");
  std::stringstream text;
  text << mounts.rdbuf();
  CHECK(text.str().find(table.dir) == std::string::npos);
}

TEST_CASE("ASubPathDoesNotLeaveItsVolumeByWayOfALink") {
  if (geteuid() != 0) {
    WARN("skipped: mounting needs root");
    return;
  }
  Table table;
  REQUIRE(table.Make().ok());
  const std::string pod_dir = table.dir + "/pod";
  const std::string staging = StagingDir(pod_dir) + "/a.0";
  SECTION("a place that is made") {
    REQUIRE(StageSubPath(table.Path(), "deep/er", staging).ok());
    std::ofstream(staging + "/f") << "x";
    CHECK(table.Read("deep/er/f") == "x");
  }
  SECTION("a link to the machine's files") {
    fs::create_symlink("/etc", table.Path("evil"));
    fs::create_directory(table.Path("etc"));
    std::ofstream(table.Path("etc/mine")) << "x";
    REQUIRE(StageSubPath(table.Path(), "evil", staging).ok());
    CHECK(fs::exists(staging + "/mine"));
    CHECK_FALSE(fs::exists(staging + "/passwd"));
  }
  SECTION("dots") { CHECK_FALSE(StageSubPath(table.Path(), "../other", staging).ok()); }
  REQUIRE(RemoveStaging(pod_dir).ok());
  CHECK_FALSE(fs::exists(StagingDir(pod_dir)));
}

}  // namespace
}  // namespace skiff::node
