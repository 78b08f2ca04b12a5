#include "raft/rocksdb_storage.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/notification.h"
#include "base/unique_fd.h"
#include "base/uv_executor.h"
#include "tests/raft/fast_dir.h"
#include "tests/temp_dir.h"

namespace skiff::raft {
namespace {

using Rows = std::map<std::string, std::string>;

std::unique_ptr<RocksdbStorage> Open(const std::string& dir,
                                     const RocksdbStorage::Format1& format1 = {}) {
  auto storage = RocksdbStorage::Open(dir, format1);
  INFO(storage.status());
  REQUIRE(storage.ok());
  return *std::move(storage);
}

void Write(Storage* storage, const DiskWrite& write) {
  const absl::Status status = storage->Write(write);
  INFO(status);
  REQUIRE(status.ok());
}

DiskWrite Append(std::vector<Entry> entries, Index tail = 0) {
  DiskWrite out;
  out.append = std::move(entries);
  out.tail = tail;
  return out;
}

Entry Data(Term term, Index index, std::string data) {
  return {term, index, EntryType::kData, std::move(data)};
}

Checkpoint At(Index index, Term term, std::string note = "") {
  Config config;
  config.voters = {1, 2, 3};
  return {index, term, config, std::move(note)};
}

Persistent Load(Storage* storage) {
  auto loaded = storage->Load();
  INFO(loaded.status());
  REQUIRE(loaded.ok());
  return *std::move(loaded);
}

std::vector<std::string> DataOf(const Storage& storage, Index from, Index to) {
  std::vector<std::string> out;
  const absl::Status status = storage.Read(from, to, [&](Entry entry) {
    out.push_back(entry.data);
    return absl::OkStatus();
  });
  INFO(status);
  REQUIRE(status.ok());
  return out;
}

Rows RowsOf(Storage* storage) {
  Rows out;
  const absl::Status status =
      storage->ReadRows([&](absl::string_view key, absl::string_view value) {
        out[std::string(key)] = std::string(value);
        return absl::OkStatus();
      });
  INFO(status);
  REQUIRE(status.ok());
  return out;
}

// 0, or the line that went wrong.
#define OR_LINE(condition) \
  if (!(condition)) return __LINE__ % 251 + 1
int RunOnFullDisk(const std::string& dir) {
  OR_LINE(unshare(CLONE_NEWNS) == 0);
  OR_LINE(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  OR_LINE(mount("tmpfs", dir.c_str(), "tmpfs", 0, "size=12m") == 0);
  const std::string data(64 << 10, 'x');
  Index last = 0;
  for (int round = 0; round < 3; ++round) {
    auto storage = RocksdbStorage::Open(dir + "/data");
    OR_LINE(storage.ok());
    const auto loaded = (*storage)->Load();
    OR_LINE(loaded.ok() && loaded->log.size() == last);
    const int ballast = open((dir + "/ballast").c_str(), O_CREAT | O_WRONLY, 0600);
    const std::string block(4096, 'b');
    while (write(ballast, block.data(), block.size()) > 0) {
    }
    close(ballast);
    absl::Status full;
    for (int i = 0; i < 100 && full.ok(); ++i) {
      full = (*storage)->Write(Append({Data(1, last + 1, data)}));
      if (full.ok()) ++last;
    }
    for (int i = 0; i < 3; ++i) {
      OR_LINE(absl::IsResourceExhausted(full));
      OR_LINE(absl::StrContains(full.message(), "disk is full"));
      full = (*storage)->Write(Append({Data(1, last + 1, data)}));
    }
    OR_LINE(absl::IsOutOfRange((*storage)->Read(0, 0, [](Entry) { return absl::OkStatus(); })));
    OR_LINE(unlink((dir + "/ballast").c_str()) == 0);
    OR_LINE((*storage)->Write(Append({Data(1, last + 1, "after")})).ok());
    ++last;
  }
  return 0;
}

}  // namespace

TEST_CASE("ANewDiskIsEmpty") {
  TempDir dir;
  const auto storage = Open(dir.path());
  const Persistent loaded = Load(storage.get());
  CHECK(loaded.hard_state == HardState());
  CHECK(loaded.checkpoint.index == 0);
  CHECK(loaded.checkpoint.config == Config());
  CHECK(loaded.log.empty());
  CHECK(RowsOf(storage.get()).empty());
}

TEST_CASE("WhatWasWrittenSurvivesAReopen") {
  TempDir dir;
  Config config;
  config.voters = {1, 2};
  {
    const auto storage = Open(dir.path());
    DiskWrite write = Append({Data(5, 1, "a"),
                              Data(5, 2, ""),
                              {7, 3, EntryType::kConfig, EncodeConfig(config)},
                              Data(7, 4, std::string("\0b", 2))});
    write.hard_state = HardState{7, 2};
    Write(storage.get(), write);
    const std::vector<Row> rows = {{"x", "1"}, {"y", std::string("\0", 1)}, {"z", std::nullopt}};
    REQUIRE(storage->WriteCheckpoint(At(1, 5, "17"), rows).ok());
  }
  const auto storage = Open(dir.path());
  const Persistent loaded = Load(storage.get());
  CHECK(loaded.hard_state == HardState{7, 2});
  CHECK(loaded.checkpoint.index == 1);
  CHECK(loaded.checkpoint.term == 5);
  CHECK(loaded.checkpoint.note == "17");
  CHECK(loaded.checkpoint.config == At(1, 5).config);
  CHECK(loaded.commit == 1);
  REQUIRE(loaded.log.size() == 3);
  CHECK(loaded.log[0].term == 5);
  CHECK(loaded.log[0].bytes == 0);
  CHECK(!loaded.log[0].config);
  CHECK(loaded.log[1].config == config);
  CHECK(loaded.log[2].term == 7);
  CHECK(loaded.log[2].bytes == 2);
  CHECK(DataOf(*storage, 2, 4) ==
        std::vector<std::string>{"", EncodeConfig(config), std::string("\0b", 2)});
  CHECK(RowsOf(storage.get()) == Rows{{"x", "1"}, {"y", std::string("\0", 1)}});
}

TEST_CASE("NewEntriesReplaceTheTailTheyConflictWith") {
  TempDir dir;
  const bool many = GENERATE(false, true);
  const Index last = many ? 1000 : 4;
  {
    const auto storage = Open(dir.path());
    std::vector<Entry> entries;
    for (Index i = 1; i <= last; ++i) entries.push_back(Data(1, i, "old"));
    Write(storage.get(), Append(std::move(entries)));
    Write(storage.get(), Append({Data(2, 2, "new")}, last));
  }
  const auto storage = Open(dir.path());
  CHECK(Load(storage.get()).log.size() == 2);
  CHECK(DataOf(*storage, 1, 2) == std::vector<std::string>{"old", "new"});
  Write(storage.get(), Append({Data(3, 3, "newer")}));
  CHECK(DataOf(*storage, 1, 3) == std::vector<std::string>{"old", "new", "newer"});
}

TEST_CASE("ALogBeginsAfterItsCheckpoint") {
  TempDir dir;
  {
    const auto storage = Open(dir.path());
    Write(storage.get(), Append({Data(1, 1, "a"), Data(1, 2, "b"), Data(2, 3, "c")}));
    REQUIRE(storage->WriteCheckpoint(At(2, 1), {}).ok());
    REQUIRE(storage->Flush().ok());
    CHECK(storage->Read(1, 3, [](Entry) { return absl::OkStatus(); }).code() ==
          absl::StatusCode::kOutOfRange);
    CHECK(DataOf(*storage, 3, 3) == std::vector<std::string>{"c"});
    REQUIRE(storage->WriteCheckpoint(At(3, 2), {}).ok());  // To nothing.
  }
  const auto storage = Open(dir.path());
  CHECK(Load(storage.get()).log.empty());
  Write(storage.get(), Append({Data(2, 4, "d")}));
  CHECK(DataOf(*storage, 4, 4) == std::vector<std::string>{"d"});
}

TEST_CASE("AHoleInTheLogIsDataLoss") {
  TempDir dir;
  const auto storage = Open(dir.path());
  Write(storage.get(), Append({Data(1, 1, "a"), Data(1, 2, "b"), Data(1, 4, "d")}));
  CHECK(storage->Load().status().code() == absl::StatusCode::kDataLoss);
  CHECK(storage->Read(1, 4, [](Entry) { return absl::OkStatus(); }).code() ==
        absl::StatusCode::kDataLoss);
}

TEST_CASE("StagedRowsCountOnlyOnceInstalled") {
  TempDir dir;
  {
    const auto storage = Open(dir.path());
    Write(storage.get(), Append({Data(1, 1, "a"), Data(1, 2, "b")}));
    REQUIRE(storage->WriteCheckpoint(At(1, 1), {{"old", "1"}}).ok());
    REQUIRE(storage->Stage({{"lost", "1"}}, /*first=*/true).ok());
    REQUIRE(storage->Flush().ok());
  }
  {
    const auto storage = Open(dir.path());
    CHECK(RowsOf(storage.get()) == Rows{{"old", "1"}});
    CHECK(storage->Stage({{"lost", "2"}}, /*first=*/false).code() ==
          absl::StatusCode::kFailedPrecondition);
    REQUIRE(storage->Stage({{"given up", "1"}}, /*first=*/true).ok());
    REQUIRE(storage->Stage({{"a", "1"}}, /*first=*/true).ok());
    REQUIRE(storage->Stage({{"b", "2"}}, /*first=*/false).ok());
    CHECK(RowsOf(storage.get()) == Rows{{"old", "1"}});
    REQUIRE(storage->Install(At(50, 4, "note"), {4, 0}).ok());
    CHECK(RowsOf(storage.get()) == Rows{{"a", "1"}, {"b", "2"}});
    Write(storage.get(), Append({Data(4, 51, "c")}));
  }
  const auto storage = Open(dir.path());
  const Persistent loaded = Load(storage.get());
  CHECK(RowsOf(storage.get()) == Rows{{"a", "1"}, {"b", "2"}});
  CHECK(loaded.checkpoint.index == 50);
  CHECK(loaded.checkpoint.note == "note");
  CHECK(loaded.hard_state == HardState{4, 0});
  REQUIRE(loaded.log.size() == 1);
  CHECK(DataOf(*storage, 51, 51) == std::vector<std::string>{"c"});
}

TEST_CASE("InstallingLeavesNothingOfALongerLog") {
  TempDir dir;
  const auto storage = Open(dir.path());
  Write(storage.get(), Append({Data(1, 1, "a"), Data(1, 2, "b"), Data(1, 3, "c")}));
  REQUIRE(storage->Install(At(2, 2), {2, 0}).ok());
  CHECK(Load(storage.get()).log.empty());
}

TEST_CASE("ManyCompactionsAndInstallsLeaveASmallDisk") {
  FastDir dir;
  const std::string data(2000, 'x');
  {
    const auto storage = Open(dir.path());
    for (Index i = 1; i <= 4000; ++i) {  // 8 MB of entries.
      Write(storage.get(), Append({Data(1, i, data)}));
      if (i % 20 == 0) {
        const std::vector<Row> rows = {{absl::StrCat("row ", i / 20 % 10), data}};
        REQUIRE(storage->WriteCheckpoint(At(i - 1, 1), rows).ok());
      }
      if (i % 500 == 0) REQUIRE(storage->Flush().ok());
    }
    for (int round = 0; round < 5; ++round) {
      REQUIRE(storage->Stage({{"a", std::string(1 << 20, 'y')}}, /*first=*/true).ok());
      REQUIRE(storage->Install(At(5000 + round, 1), {1, 0}).ok());
    }
    CHECK(storage->DiskBytes() < 10 << 20);
  }
  const auto storage = Open(dir.path());
  CHECK(Load(storage.get()).log.empty());
  CHECK(storage->DiskBytes() < 6 << 20);
}

TEST_CASE("StartsThatWriteNothingLeaveNothing") {
  TempDir dir;
  for (int start = 0; start < 3; ++start) Open(dir.path());
  const int64_t bytes = Open(dir.path())->DiskBytes();
  for (int start = 0; start < 3; ++start) Open(dir.path());
  CHECK(Open(dir.path())->DiskBytes() < bytes + (100 << 10));
}

TEST_CASE("ADirectoryOfFormat1IsReadWhole") {
  TempDir dir;
  std::filesystem::copy(SKIFF_SOURCE_DIR "/tests/raft/data/format1", dir.path());
  // Entries 1 to 40, the first empty, of term 2 up to 29 and then of 3; cut before 11; applied up
  // to 37: then the rows k/2 to k/37, where each tenth deleted the fifth before it.
  Rows rows;
  for (int i = 2; i <= 37; ++i) {
    if (i % 10 == 0) {
      rows.erase(absl::StrCat("k/", i - 5));
    } else {
      rows[absl::StrCat("k/", i)] = absl::StrCat("value ", i);
    }
  }
  RocksdbStorage::Format1 format1;
  format1.member = 77;
  format1.note = "here";
  format1.convert = [](std::string data) { return "\x01" + data; };
  for (int start = 0; start < 3; ++start) {  // The first one migrates.
    const auto storage = Open(dir.path(), format1);
    const Persistent loaded = Load(storage.get());
    CHECK(loaded.hard_state == HardState{3, 77});
    CHECK(loaded.checkpoint.index == 37);
    CHECK(loaded.checkpoint.term == 3);
    CHECK(loaded.checkpoint.note == "1037");
    CHECK(loaded.checkpoint.config.voters == std::set<MemberId>{77});
    REQUIRE(loaded.log.size() == 3);
    CHECK(DataOf(*storage, 38, 40) == std::vector<std::string>{"\x01"
                                                               "entry 38",
                                                               "\x01"
                                                               "entry 39",
                                                               "\x01"
                                                               "entry 40"});
    CHECK(RowsOf(storage.get()) == rows);
    CHECK(std::filesystem::exists(dir.path() + "/FORMAT"));
  }
  const auto storage = Open(dir.path());
  REQUIRE(storage->Install(At(50, 4), {4, 0}).ok());
  CHECK(RowsOf(storage.get()).empty());
}

TEST_CASE("ADirectoryOfFormat2IsReadWhole") {
  TempDir dir;
  std::filesystem::copy(SKIFF_SOURCE_DIR "/tests/raft/data/format2", dir.path());
  // Entries 1 to 8, of term 2 up to 6 and then of 3. A checkpoint at 3 that is in table files, with
  // rows a, b and c; one at 5 that is in the write-ahead log alone, which changed a and deleted b.
  for (int start = 0; start < 3; ++start) {  // The first one migrates.
    const auto storage = Open(dir.path());
    const Persistent loaded = Load(storage.get());
    CHECK(loaded.hard_state == HardState{3, 6});
    CHECK(loaded.checkpoint.index == 5);
    CHECK(loaded.checkpoint.term == 2);
    CHECK(loaded.checkpoint.note == "6");
    CHECK(loaded.checkpoint.config.voters == std::set<MemberId>{5, 6, 7});
    CHECK(loaded.checkpoint.config.notes.at(6) == "six");
    REQUIRE(loaded.log.size() == 3);
    CHECK(DataOf(*storage, 6, 8) == std::vector<std::string>{"entry 6", "entry 7", "entry 8"});
    CHECK(RowsOf(storage.get()) == Rows{{"a", "uno"}, {"c", "three"}});
  }
}

TEST_CASE("ACheckpointOutlivesACrashOnceWritten") {
  TempDir dir;
  TempDir copy;
  const auto storage = Open(dir.path());
  const auto crash = [&] {
    std::filesystem::remove_all(copy.path());
    std::filesystem::copy(dir.path(), copy.path());
  };
  REQUIRE(storage->WriteCheckpoint(At(0, 0, "begin"), {}).ok());
  crash();
  CHECK(Load(Open(copy.path()).get()).checkpoint.note == "begin");

  std::vector<Entry> entries;
  for (Index i = 1; i <= 9; ++i) entries.push_back(Data(1, i, absl::StrCat("e", i)));
  Write(storage.get(), Append(entries));
  REQUIRE(storage->WriteCheckpoint(At(4, 1, "four"), {{"a", "1"}, {"b", "2"}}).ok());
  crash();
  // A crash while the next is being written leaves a file.
  std::ofstream(copy.path() + "/rows.sst.new") << "half of it";
  {
    const auto after = Open(copy.path());
    CHECK(Load(after.get()).checkpoint.note == "four");
    CHECK(RowsOf(after.get()) == Rows{{"a", "1"}, {"b", "2"}});
    CHECK(DataOf(*after, 5, 9).size() == 5);
    CHECK(!std::filesystem::exists(copy.path() + "/rows.sst.new"));
    REQUIRE(after->WriteCheckpoint(At(5, 1, "five"), {{"a", std::nullopt}}).ok());
  }
  CHECK(RowsOf(Open(copy.path()).get()) == Rows{{"b", "2"}});
  // What a checkpoint stands for the flush of the log may drop; not what came later.
  REQUIRE(storage->Flush().ok());
  REQUIRE(storage->WriteCheckpoint(At(7, 1, "seven"), {{"a", "2"}, {"c", "3"}}).ok());
  Write(storage.get(), Append({Data(1, 10, "e10")}, 9));
  crash();
  const auto after = Open(copy.path());
  const Persistent loaded = Load(after.get());
  CHECK(loaded.checkpoint.index == 7);
  CHECK(loaded.log.size() == 3);
  CHECK(DataOf(*after, 8, 10).back() == "e10");
  CHECK(RowsOf(after.get()) == Rows{{"a", "2"}, {"b", "2"}, {"c", "3"}});
}

TEST_CASE("CheckpointsAreWrittenBesideTheLog") {
  TempDir dir;
  {
    const auto storage = Open(dir.path());
    REQUIRE(storage->WriteCheckpoint(At(0, 0, "begin"), {}).ok());
    Write(storage.get(), Append({Data(1, 1, "e1")}));
    ThreadPool pool(1);
    Notification done;
    absl::Status written;
    pool.Run([&] {
      for (Index i = 1; i <= 50 && written.ok(); ++i) {
        written = storage->WriteCheckpoint(At(1, 1, absl::StrCat(i)), {{absl::StrCat(i), "x"}});
      }
      done.Notify();
    });
    for (Index i = 2; i <= 200; ++i) Write(storage.get(), Append({Data(1, i, "e")}));
    done.WaitForNotification();
    CHECK(written == absl::OkStatus());
  }
  const auto storage = Open(dir.path());
  const Persistent loaded = Load(storage.get());
  CHECK(loaded.checkpoint.note == "50");
  CHECK(loaded.log.size() == 199);
  CHECK(RowsOf(storage.get()).size() == 50);
}

TEST_CASE("WithoutADescriptorWritesAreRefusedUntilThereIsOne") {
  TempDir dir;
  const auto storage = Open(dir.path());
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  Index index = 0;
  absl::Status status;
  const auto write = [&] {
    status = storage->Write(Append({Data(1, ++index, std::string(1 << 20, 'x'))}));
    if (!status.ok()) --index;
    return status.ok();
  };
  REQUIRE(write());
  const UniqueFd lowest(open("/", O_RDONLY | O_CLOEXEC));
  const rlimit few{static_cast<rlim_t>(lowest.get()), before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  for (int i = 0; i < 100 && write(); ++i) continue;  // A new log is due after 24 MiB.
  const absl::Status refused = status;
  write();
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(absl::IsResourceExhausted(refused));
  CHECK(refused.message() == dir.path() +
                                 ": this process has too many files open: raise its "
                                 "limit (ulimit -n)");
  CHECK(absl::IsResourceExhausted(status));
  for (int i = 0; i < 40; ++i) {
    write();
    INFO(status);
    REQUIRE(status.ok());
  }
  CHECK(DataOf(*storage, 1, index).size() == index);
}

TEST_CASE("CheckpointsAreWrittenAfterADiskThatWasFull") {
  // Of a disk that was full RocksDB remembers more than it says.
  TempDir dir;
  const auto storage = Open(dir.path());
  REQUIRE(storage->WriteCheckpoint(At(0, 0, "begin"), {{"a", "begin"}}).ok());
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const UniqueFd lowest(open("/", O_RDONLY | O_CLOEXEC));
  const rlimit few{static_cast<rlim_t>(lowest.get()), before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  Index index = 0;
  absl::Status status;
  while (status.ok() && index < 100) {
    status = storage->Write(Append({Data(1, ++index, std::string(1 << 20, 'x'))}));
  }
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(absl::IsResourceExhausted(status));
  Write(storage.get(), Append({Data(1, index, "after")}, index));
  for (const char* value : {"1", "2", "3"}) {
    REQUIRE(storage->WriteCheckpoint(At(index - 1, 1, value), {{"a", value}}).ok());
  }
  CHECK(RowsOf(storage.get()) == Rows{{"a", "3"}});
  CHECK(Load(storage.get()).checkpoint.note == "3");
  CHECK(DataOf(*storage, index, index) == std::vector<std::string>{"after"});
}

TEST_CASE("ACheckpointIsWrittenWhereverItLacksADescriptor") {
  TempDir dir;
  {
    const auto storage = Open(dir.path());
    Write(storage.get(), Append({Data(1, 1, "a")}));
    REQUIRE(storage->WriteCheckpoint(At(0, 0, "begin"), {{"a", "begin"}}).ok());
    rlimit before;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    for (rlim_t more = 12; more-- > 0;) {
      const UniqueFd lowest(open("/", O_RDONLY | O_CLOEXEC));
      const rlimit few{static_cast<rlim_t>(lowest.get()) + more, before.rlim_max};
      REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
      const absl::Status status =
          storage->WriteCheckpoint(At(0, 0, "few"), {{"a", absl::StrCat(more)}});
      REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
      INFO(status);
      CHECK(status.ok());
    }
  }
  CHECK(RowsOf(Open(dir.path()).get()) == Rows{{"a", "0"}});
}

TEST_CASE("ADirectoryIsInUseOnce") {
  TempDir dir;
  const auto storage = Open(dir.path());
  Write(storage.get(), Append({Data(1, 1, "a")}));
  const auto second = RocksdbStorage::Open(dir.path());
  CHECK(second.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(second.status().message() ==
        "data directory " + dir.path() + " is in use by another cluster of this process");
}

TEST_CASE("ANewerFormatIsRefusedByName") {
  TempDir dir;
  Open(dir.path());
  std::ofstream(dir.path() + "/FORMAT") << "skiff data directory, format 4\n";
  const auto storage = RocksdbStorage::Open(dir.path());
  CHECK(storage.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(storage.status().message() ==
        "data directory " + dir.path() +
            " has the format 4; this version of Skiff reads formats 1 to 3: start it with the "
            "version that wrote it, or a newer one");
}

TEST_CASE("AFullDiskRefusesWritesUntilThereIsSpace") {
  if (geteuid() != 0) {
    WARN("needs root to mount");
    return;
  }
  TempDir dir;
  // The mount is in a namespace that ends with the child.
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(RunOnFullDisk(dir.path()));
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("NoThreadOutlivesADisk") {
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = threads();
  for (int round = 0; round < 3; ++round) {
    TempDir dir;
    const auto storage = Open(dir.path());
    Write(storage.get(), Append({Data(1, 1, "a")}));
    REQUIRE(storage->Flush().ok());
  }
  CHECK(threads() == before);
}

}  // namespace skiff::raft
