// Data directories and temporary homes.
#include "cluster/home.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace skiff::cluster {
namespace {

namespace fs = std::filesystem;

// $TMPDIR is a directory of the test's own as long as this lives.
class Base {
 public:
  Base() {
    const char* before = std::getenv("TMPDIR");
    if (before != nullptr) before_ = before;
    std::string pattern = "/tmp/skiff-home-test-XXXXXX";
    path_ = mkdtemp(pattern.data());
    setenv("TMPDIR", path_.c_str(), 1);
  }
  ~Base() {
    before_.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", before_.c_str(), 1);
    fs::remove_all(path_);
  }
  const std::string& path() const { return path_; }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
  std::string before_;
};

TEST_CASE("ATemporaryHomeGoesWithItsObject") {
  const Base base;
  {
    const auto home = Home::Open("");
    REQUIRE(home.ok());
    CHECK((*home)->temporary());
    std::ofstream((*home)->path() + "/file") << "x";
    CHECK(base.entries() == 1);
  }
  CHECK(base.entries() == 0);
}

TEST_CASE("WhatAKilledProcessLeftIsRemovedAndWhatIsInUseStays") {
  const Base base;
  int made[2];
  REQUIRE(pipe(made) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto home = Home::Open("");
    std::ofstream((*home)->path() + "/file") << "x";
    (void)!write(made[1], "x", 1);
    pause();
    _exit(1);
  }
  char done;
  REQUIRE(read(made[0], &done, 1) == 1);
  { CHECK(Home::Open("").ok()); }
  CHECK(base.entries() == 1);  // The child's is in use.
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  fs::create_directory(base.path() + "/skiff-others");
  fs::create_directory(base.path() + "/skiff-abcdef");  // Nobody knows whose.
  { CHECK(Home::Open("").ok()); }
  CHECK(base.entries() == 2);
  close(made[0]);
  close(made[1]);
}

TEST_CASE("ADataDirectoryIsMadeAndStays") {
  const Base base;
  const std::string dir = base.path() + "/a/b";
  {
    const auto home = Home::Open(dir);
    REQUIRE(home.ok());
    CHECK_FALSE((*home)->temporary());
    CHECK((*home)->path() == dir);
  }
  CHECK(fs::exists(dir));
  CHECK(Home::Open("/proc/nothing/here").status().message().find("/proc/nothing/here") !=
        std::string::npos);
}

}  // namespace
}  // namespace skiff::cluster
