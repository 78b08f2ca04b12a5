#include "node/log_files.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace skiff::node {
namespace {

namespace fs = std::filesystem;

struct Table {
  std::string dir;
  std::string path;
  Table() {
    char name[] = "/tmp/skiff-log-test.XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    dir = name;
    path = dir + "/0.log";
  }
  ~Table() { fs::remove_all(dir); }
  void Write(const std::string& text) const { std::ofstream(path, std::ios::app) << text; }
  absl::Status Rotate(int max_files) const {
    return RotateLog(path, max_files, [this] {
      std::ofstream made(path);
      return absl::OkStatus();
    });
  }
  static std::string All(std::vector<UniqueFd> files) {
    std::string out;
    for (const UniqueFd& file : files) {
      char buffer[4096];
      ssize_t n;
      while ((n = read(file.get(), buffer, sizeof buffer)) > 0) {
        out.append(buffer, static_cast<size_t>(n));
      }
    }
    return out;
  }
  std::string Tail(int64_t lines) const {
    std::vector<UniqueFd> files = OpenLog(path);
    SkipToTail(lines, &files);
    return All(std::move(files));
  }
};

TEST_CASE("ARotatedLogIsReadFromItsOldestFileOn") {
  Table table;
  table.Write("1\n2\n");
  REQUIRE(table.Rotate(5).ok());
  table.Write("3\n");
  REQUIRE(table.Rotate(5).ok());
  table.Write("4\n");
  CHECK(Table::All(OpenLog(table.path)) == "1\n2\n3\n4\n");
}

TEST_CASE("OnlySoManyFilesAreKept") {
  Table table;
  for (int i = 0; i < 9; ++i) {
    table.Write(std::to_string(i) + "\n");
    REQUIRE(table.Rotate(3).ok());
  }
  table.Write("9\n");
  CHECK(Table::All(OpenLog(table.path)) == "7\n8\n9\n");
}

TEST_CASE("WhatWasDroppedIsCountedAsAClientWouldHaveSeenIt") {
  Table table;
  const std::string head = "2026-01-02T15:04:05.123456789Z stdout ";
  CHECK(DroppedBytes(table.path) == 0);
  table.Write(head + "F hello\n" + head + "P par\n" + head + "F t\n" + head + "F \n");
  REQUIRE(table.Rotate(2).ok());
  CHECK(DroppedBytes(table.path) == 0);
  table.Write(head + "F next\n");
  REQUIRE(table.Rotate(2).ok());
  CHECK(DroppedBytes(table.path) == 6 + 3 + 2 + 1);
  REQUIRE(table.Rotate(2).ok());
  CHECK(DroppedBytes(table.path) == 12 + 5);
}

TEST_CASE("TheTailReachesIntoOlderFiles") {
  Table table;
  table.Write("1\n2\n3\n");
  REQUIRE(table.Rotate(5).ok());
  table.Write("4\n5\n");
  CHECK(table.Tail(0).empty());
  CHECK(table.Tail(1) == "5\n");
  CHECK(table.Tail(2) == "4\n5\n");
  CHECK(table.Tail(3) == "3\n4\n5\n");
  CHECK(table.Tail(5) == "1\n2\n3\n4\n5\n");
  CHECK(table.Tail(50) == "1\n2\n3\n4\n5\n");
}

TEST_CASE("TheTailOfALongFileIsFoundFromItsEnd") {
  Table table;
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i) + "\n";
  table.Write(text);
  CHECK(table.Tail(2) == "line 49998\nline 49999\n");
  const std::string most = table.Tail(49'999);
  CHECK(most.substr(0, 7) == "line 1\n");
}

TEST_CASE("AWriterThatDoesNotReopenKeepsItsLog") {
  Table table;
  table.Write("1\n");
  const absl::Status status =
      RotateLog(table.path, 5, [] { return absl::NotFoundError("it has ended"); });
  CHECK(absl::IsNotFound(status));
  CHECK(Table::All(OpenLog(table.path)) == "1\n");
}

}  // namespace
}  // namespace skiff::node
