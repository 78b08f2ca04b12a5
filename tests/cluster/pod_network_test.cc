// The file that says which network the pods of a cluster have.
#include "cluster/pod_network.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/temp_dir.h"

namespace skiff::cluster {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("TheNetworkOfPodsIsChosenOnceAndKept") {
  const TempDir home;
  const auto chosen = PodNetworkOf(home.path(), 7);
  REQUIRE(chosen.ok());
  CHECK(*chosen >= 100);
  CHECK(*chosen < 228);
  CHECK(ReadFile(home.path() + "/pod-network") == std::to_string(*chosen));
  CHECK(*PodNetworkOf(home.path(), 8) == *chosen);
  std::ofstream(home.path() + "/pod-network") << "123\n";  // By hand.
  CHECK(*PodNetworkOf(home.path(), 7) == 123);
}

TEST_CASE("AFileOfTheNetworkThatACrashLeftEmptyIsWrittenAgain") {
  const TempDir home;
  const std::string path = home.path() + "/pod-network";
  std::ofstream{path};
  const auto chosen = PodNetworkOf(home.path(), 7);
  REQUIRE(chosen.ok());
  CHECK(ReadFile(path) == std::to_string(*chosen));
}

TEST_CASE("ADamagedFileOfTheNetworkIsRefusedByName") {
  const TempDir home;
  const std::string path = home.path() + "/pod-network";
  for (const std::string& text :
       {std::string("96"), std::string("99"), std::string("228"), std::string("-5"),
        std::string("1x4"), std::string("104 and more"), std::string("99999999999999999999999"),
        std::string("\n"), std::string(3, '\0'), std::string("104\0", 4), std::string(1000, '1')}) {
    std::ofstream(path, std::ios::binary) << text;
    const absl::Status status = PodNetworkOf(home.path(), 7).status();
    INFO(status);
    CHECK(status.code() == absl::StatusCode::kDataLoss);
    CHECK_THAT(std::string(status.message()),
               Catch::Contains(path) && Catch::Contains("delete the file"));
    CHECK(ReadFile(path) == text);
  }
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK(!PodNetworkOf(home.path(), 7).ok());
}

}  // namespace
}  // namespace skiff::cluster
