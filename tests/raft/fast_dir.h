// A directory that a test has for itself, on the fastest disk there is.
#pragma once

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

namespace skiff::raft {

// Hundreds of databases are opened: in memory, where a sync costs nothing, if there is such a
// place.
class FastDir {
 public:
  FastDir() {
    char shm[] = "/dev/shm/skiff-test-dir-XXXXXX";
    char tmp[] = "/tmp/skiff-test-dir-XXXXXX";
    const char* made = mkdtemp(shm);
    if (made == nullptr) made = mkdtemp(tmp);
    REQUIRE(made != nullptr);
    path_ = made;
  }
  FastDir(const FastDir&) = delete;
  FastDir& operator=(const FastDir&) = delete;
  ~FastDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace skiff::raft
