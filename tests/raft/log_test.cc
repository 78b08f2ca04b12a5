#include "raft/log.h"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "tests/temp_dir.h"

namespace skiff::raft {
namespace {

std::unique_ptr<Log> Open(const std::string& dir) {
  auto log = Log::Open(dir, {"objects"});
  INFO(log.status());
  REQUIRE(log.ok());
  return *std::move(log);
}

void Write(Log* log, const std::vector<Entry>& entries, Index last_before) {
  rocksdb::WriteBatch batch;
  log->AddEntries(entries, last_before, &batch);
  REQUIRE(log->Write(&batch).ok());
}

std::vector<std::string> DataOf(Log* log, Index from, Index to) {
  std::vector<std::string> out;
  REQUIRE(log->Read(from, to,
                    [&](Entry entry) {
                      out.push_back(entry.data);
                      return absl::OkStatus();
                    })
              .ok());
  return out;
}

}  // namespace

TEST_CASE("ANewLogIsEmpty") {
  TempDir dir;
  const auto log = Open(dir.path());
  const auto loaded = log->Load(0);
  REQUIRE(loaded.ok());
  CHECK(loaded->first == 1);
  CHECK(loaded->last == 0);
  CHECK(loaded->hard_state == HardState());
}

TEST_CASE("EntriesAndHardStateSurviveAReopen") {
  TempDir dir;
  {
    const auto log = Open(dir.path());
    rocksdb::WriteBatch batch;
    log->AddHardState({7, 2}, &batch);
    log->AddEntries({{5, 1, "a"}, {5, 2, ""}, {7, 3, std::string("\0b", 2)}}, 0, &batch);
    REQUIRE(log->Write(&batch).ok());
  }
  const auto log = Open(dir.path());
  const auto loaded = log->Load(2);
  REQUIRE(loaded.ok());
  CHECK(loaded->hard_state == HardState{7, 2});
  CHECK(loaded->last == 3);
  CHECK(loaded->commit == 2);
  CHECK(loaded->term_starts == std::vector<std::pair<Index, Term>>{{1, 5}, {3, 7}});
  CHECK(DataOf(log.get(), 1, 3) == std::vector<std::string>{"a", "", std::string("\0b", 2)});
}

TEST_CASE("NewEntriesReplaceTheTailTheyConflictWith") {
  TempDir dir;
  {
    const auto log = Open(dir.path());
    Write(log.get(), {{1, 1, "a"}, {1, 2, "b"}, {1, 3, "c"}, {1, 4, "d"}}, 0);
    Write(log.get(), {{2, 2, "B"}}, 4);
  }
  const auto log = Open(dir.path());
  const auto loaded = log->Load(0);
  REQUIRE(loaded.ok());
  CHECK(loaded->last == 2);
  CHECK(DataOf(log.get(), 1, 2) == std::vector<std::string>{"a", "B"});
}

TEST_CASE("ACompactedLogBeginsWhereItWasCut") {
  TempDir dir;
  {
    const auto log = Open(dir.path());
    Write(log.get(), {{1, 1, "a"}, {1, 2, "b"}, {2, 3, "c"}}, 0);
    rocksdb::WriteBatch batch;
    log->AddCompaction(3, 1, &batch);
    REQUIRE(log->Write(&batch).ok());
  }
  {
    const auto log = Open(dir.path());
    const auto loaded = log->Load(2);
    REQUIRE(loaded.ok());
    CHECK(loaded->first == 3);
    CHECK(loaded->before_first_term == 1);
    CHECK(loaded->last == 3);
    rocksdb::WriteBatch batch;
    log->AddCompaction(4, 2, &batch);  // To nothing.
    REQUIRE(log->Write(&batch).ok());
  }
  const auto loaded = Open(dir.path())->Load(3);
  REQUIRE(loaded.ok());
  CHECK(loaded->last == 3);
  CHECK(loaded->term_starts.empty());
}

TEST_CASE("AHoleInTheLogIsDataLoss") {
  TempDir dir;
  const auto log = Open(dir.path());
  Write(log.get(), {{1, 1, "a"}, {1, 2, "b"}, {1, 4, "d"}}, 0);
  CHECK(log->Load(0).status().code() == absl::StatusCode::kDataLoss);
  CHECK(log->Read(1, 4, [](Entry) { return absl::OkStatus(); }).code() ==
        absl::StatusCode::kDataLoss);
}

TEST_CASE("ALogThatEndsBeforeWhatWasAppliedIsDataLoss") {
  TempDir dir;
  const auto log = Open(dir.path());
  Write(log.get(), {{1, 1, "a"}}, 0);
  CHECK(log->Load(2).status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("ADirectoryIsInUseOnce") {
  TempDir dir;
  const auto log = Open(dir.path());
  const auto second = Log::Open(dir.path(), {"objects"});
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(second.status().message() ==
        "data directory " + dir.path() + " is in use by another cluster of this process");
}

TEST_CASE("AnotherFormatIsRefusedByName") {
  TempDir dir;
  {
    const auto log = Open(dir.path());
    rocksdb::WriteBatch batch;
    batch.Put(log->family("state"), "format", "99");
    REQUIRE(log->Write(&batch).ok());
  }
  const auto log = Log::Open(dir.path(), {"objects"});
  CHECK(log.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(log.status().message(), "format 99"));
}

TEST_CASE("DamagedFilesAreDataLossAndNameTheDirectory") {
  TempDir dir;
  {
    const auto log = Open(dir.path());
    Write(log.get(), {{1, 1, std::string(100'000, 'a')}}, 0);
    REQUIRE(log->db()->Flush(rocksdb::FlushOptions(), log->family("log")).ok());
  }
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    if (file.path().extension() != ".sst") continue;
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(1000);
    stream << "damage";
  }
  auto log = Log::Open(dir.path(), {"objects"});
  const absl::Status status = log.ok() ? (*log)->Load(0).status() : log.status();
  INFO(status);
  CHECK(status.code() == absl::StatusCode::kDataLoss);
  CHECK(absl::StrContains(status.message(), dir.path()));
}

TEST_CASE("NoThreadOutlivesALog") {
  const auto threads = [] {
    size_t count = 0;
    for ([[maybe_unused]] const auto& task :
         std::filesystem::directory_iterator("/proc/self/task")) {
      ++count;
    }
    return count;
  };
  const size_t before = threads();
  for (int round = 0; round < 3; ++round) {
    TempDir dir;
    const auto log = Open(dir.path());
    Write(log.get(), {{1, 1, "a"}}, 0);
    REQUIRE(log->db()->Flush(rocksdb::FlushOptions(), log->family("log")).ok());
  }
  CHECK(threads() == before);
}

}  // namespace skiff::raft
