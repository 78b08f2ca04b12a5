// A library is a guest: a hundred clusters later the process is as it was.
#include <catch2/catch.hpp>
#include <filesystem>

#include "skiff/cluster.h"

namespace skiff {
namespace {

long Entries(const char* dir) {
  long count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    (void)entry;
    ++count;
  }
  return count;
}

void OpenAndClose() {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  options.listen = "127.0.0.1:0";
  auto cluster = Cluster::Open(options);
  INFO(cluster.status());
  REQUIRE(cluster.ok());
  REQUIRE((*cluster)->Apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}").ok());
  REQUIRE((*cluster)->Close(true).ok());
}

TEST_CASE("AHundredClustersLaterTheProcessIsAsItWas") {
  OpenAndClose();  // What is made once: tables of the schema.
  const long threads = Entries("/proc/self/task");
  const long files = Entries("/proc/self/fd");
  for (int i = 0; i < 100; ++i) OpenAndClose();
  CHECK(Entries("/proc/self/task") == threads);
  CHECK(Entries("/proc/self/fd") == files);
}

TEST_CASE("ClustersInOneProcessDoNotMeet") {
  ClusterOptions options;
  options.runtime = RuntimeKind::kFake;
  const auto a = Cluster::Open(options);
  const auto b = Cluster::Open(options);
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  REQUIRE((*a)->Apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: mine}}").ok());
  CHECK((*a)->Get({"cm", "default", "mine"}).ok());
  CHECK(absl::IsNotFound((*b)->Get({"cm", "default", "mine"}).status()));
}

}  // namespace
}  // namespace skiff
