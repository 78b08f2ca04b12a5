#include "raft/sim_disk.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace skiff::raft {
namespace {

DiskWrite Append(Term term, Index index, std::string data) {
  DiskWrite out;
  out.hard_state = HardState{term, 1};
  out.append = {{term, index, EntryType::kData, std::move(data)}};
  return out;
}

absl::Status Compact(Index index, const std::vector<Row>& rows, SimStorage* storage) {
  return storage->WriteCheckpoint({index, 1, {}, "note"}, rows);
}

std::string ContentOf(SimStorage* storage) {
  const auto loaded = storage->Load();
  REQUIRE(loaded.ok());
  std::string out = absl::StrCat(loaded->hard_state.term, " ", loaded->checkpoint.index, ":");
  REQUIRE(storage
              ->ReadRows([&](absl::string_view key, absl::string_view value) {
                absl::StrAppend(&out, " ", key, "=", value);
                return absl::OkStatus();
              })
              .ok());
  const Index first = loaded->checkpoint.index + 1;
  REQUIRE(storage
              ->Read(first, first + loaded->log.size() - 1,
                     [&](Entry entry) {
                       absl::StrAppend(&out, " ", entry.data);
                       return absl::OkStatus();
                     })
              .ok());
  return out;
}

}  // namespace

TEST_CASE("ASimulatedDiskKeepsWhatWasAcknowledged") {
  SimDisk disk(Rng(1));
  auto storage = disk.Open();
  CHECK(ContentOf(storage.get()) == "0 0:");
  REQUIRE(storage->Write(Append(1, 1, "a")).ok());
  REQUIRE(storage->Write(Append(1, 2, "b")).ok());
  REQUIRE(storage->Write(Append(1, 3, "c")).ok());
  REQUIRE(storage->Write(Append(2, 3, "d")).ok());
  REQUIRE(Compact(1, {{"x", "1"}, {"y", "2"}}, storage.get()).ok());
  REQUIRE(Compact(2, {{"x", std::nullopt}}, storage.get()).ok());
  CHECK(ContentOf(storage.get()) == "2 2: y=2 d");
  CHECK(storage->Read(1, 3, [](Entry) { return absl::OkStatus(); }).code() ==
        absl::StatusCode::kOutOfRange);
  CHECK(storage->Read(3, 4, [](Entry) { return absl::OkStatus(); }).code() ==
        absl::StatusCode::kDataLoss);
  disk.Crash();
  CHECK(storage->Write(Append(2, 4, "e")).code() == absl::StatusCode::kFailedPrecondition);
  storage = disk.Open();
  CHECK(disk.writes() == 6);
}

TEST_CASE("ACrashMayRevealACheckpointThatFailed") {
  std::set<std::string> seen;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SimDisk disk{Rng(seed)};
    auto storage = disk.Open();
    REQUIRE(storage->Write(Append(1, 1, "a")).ok());
    REQUIRE(storage->Write(Append(1, 2, "b")).ok());
    REQUIRE(storage->Write(Append(1, 3, "c")).ok());
    REQUIRE(Compact(1, {{"x", "1"}, {"y", "2"}}, storage.get()).ok());
    disk.FailWrites(1, absl::UnavailableError("broken"));
    CHECK(absl::IsUnavailable(Compact(2, {{"x", std::nullopt}}, storage.get())));
    CHECK(ContentOf(storage.get()) == "1 1: x=1 y=2 b c");
    disk.Crash();
    storage = disk.Open();
    seen.insert(ContentOf(storage.get()));
  }
  CHECK(seen == std::set<std::string>{"1 1: x=1 y=2 b c", "1 2: y=2 c"});
}

TEST_CASE("ACrashTearsTheWriteUnderWay") {
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SimDisk disk{Rng(seed)};
    auto storage = disk.Open();
    REQUIRE(storage->Write(Append(1, 1, "a")).ok());
    disk.Crash();
    DiskWrite under_way = Append(2, 2, "b");
    under_way.append.push_back({2, 3, EntryType::kData, "c"});
    CHECK(absl::IsFailedPrecondition(storage->Write(under_way)));
    CHECK(absl::IsFailedPrecondition(storage->Write(Append(2, 2, "after it"))));
    storage = disk.Open();
    ++seen[ContentOf(storage.get())];
  }
  CHECK(seen.size() == 4);
  for (const char* content : {"1 0: a", "2 0: a", "2 0: a b", "2 0: a b c"}) {
    INFO(content);
    CHECK(seen[content] > 50);
  }
}

TEST_CASE("WhatAHandleWritesThatAnotherHasReplacedIsNowhere") {
  SimDisk disk(Rng(1));
  auto before = disk.Open();
  auto storage = disk.Open();
  disk.Crash();
  CHECK(absl::IsFailedPrecondition(before->Write(Append(1, 1, "a"))));
  storage = disk.Open();
  CHECK(ContentOf(storage.get()) == "0 0:");
}

TEST_CASE("WritesOfASlowDiskTakeAsLongAsItWasTold") {
  SimDisk disk(Rng(1));
  disk.SlowWrites(absl::Milliseconds(5), absl::Milliseconds(9));
  const auto storage = disk.Open();
  for (int i = 0; i < 20; ++i) {
    const absl::Duration delay = storage->WriteDelay();
    CHECK(delay >= absl::Milliseconds(5));
    CHECK(delay <= absl::Milliseconds(9));
  }
}

TEST_CASE("FailingWritesChangeNothingAndThenTheDiskRecovers") {
  SimDisk disk(Rng(1));
  const auto storage = disk.Open();
  disk.FailWrites(2, absl::ResourceExhaustedError("full"));
  CHECK(absl::IsResourceExhausted(storage->Write(Append(1, 1, "a"))));
  CHECK(absl::IsResourceExhausted(storage->Write(Append(1, 1, "a"))));
  CHECK(ContentOf(storage.get()) == "0 0:");
  CHECK(storage->Write(Append(1, 1, "a")).ok());
  disk.FailWrites(SimDisk::kAll, absl::UnavailableError("broken"));
  for (int i = 0; i < 10; ++i) CHECK(absl::IsUnavailable(storage->Write(Append(1, 2, "b"))));
  CHECK(absl::IsUnavailable(storage->Stage({}, true)));
  CHECK(absl::IsUnavailable(storage->Install(Checkpoint(), HardState())));
  disk.ClearFaults();
  disk.FailReads(1);
  CHECK(absl::IsUnavailable(storage->Load().status()));
  disk.ClearFaults();
  disk.FailWritesAtRandom(0.5, absl::UnavailableError("flaky"));
  int failed = 0;
  for (Index i = 2; i < 102; ++i) failed += storage->Write(Append(1, 2, "b")).ok() ? 0 : 1;
  CHECK(failed > 30);
  CHECK(failed < 70);
  disk.ClearFaults();
  CHECK(ContentOf(storage.get()) == "1 0: a b");
}

TEST_CASE("AWriteThatFailedMayAppearAfterACrashUntilOneSucceeds") {
  int there = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SimDisk disk{Rng(seed)};
    auto storage = disk.Open();
    disk.FailWrites(1, absl::UnavailableError("broken"));
    CHECK(!storage->Write(Append(1, 1, "a")).ok());
    CHECK(ContentOf(storage.get()) == "0 0:");
    const bool another = seed % 2 == 0;
    if (another) REQUIRE(storage->Write(Append(1, 1, "b")).ok());
    disk.Crash();
    storage = disk.Open();
    const std::string content = ContentOf(storage.get());
    if (another) {
      CHECK(content == "1 0: b");
    } else {
      there += content == "1 0: a" ? 1 : 0;
    }
  }
  CHECK(there > 10);
  CHECK(there < 40);
}

TEST_CASE("AFullSimulatedDiskHasRoomAgainAfterACompaction") {
  SimDisk disk(Rng(1));
  const auto storage = disk.Open();
  disk.LimitBytes(1000);
  REQUIRE(storage->Write(Append(1, 1, std::string(800, 'a'))).ok());
  CHECK(absl::IsResourceExhausted(storage->Write(Append(1, 2, std::string(800, 'b')))));
  REQUIRE(Compact(1, {{"x", "1"}}, storage.get()).ok());
  CHECK(storage->DiskBytes() < 100);
  CHECK(storage->Write(Append(1, 2, std::string(800, 'b'))).ok());
}

TEST_CASE("SavedDisksShareWhatNoneHasChanged") {
  SimDisk disk(Rng(1));
  auto storage = disk.Open();
  REQUIRE(storage->Write(Append(1, 1, "a")).ok());
  REQUIRE(storage->Write(Append(1, 2, "b")).ok());
  REQUIRE(Compact(1, {{"x", "1"}}, storage.get()).ok());
  const SimDisk::Saved saved = disk.Save();
  REQUIRE(storage->Write(Append(1, 3, "c")).ok());
  REQUIRE(Compact(3, {{"x", "2"}, {"y", "3"}}, storage.get()).ok());
  SimDisk other(Rng(2));
  for (int round = 0; round < 2; ++round) {
    other.Restore(saved);
    const auto copy = other.Open();
    CHECK(ContentOf(copy.get()) == "1 1: x=1 b");
    REQUIRE(Compact(2, {{"x", std::nullopt}}, copy.get()).ok());
  }
  CHECK(ContentOf(storage.get()) == "1 3: x=2 y=3");
  disk.Restore(saved);
  CHECK(storage->Load().status().code() == absl::StatusCode::kFailedPrecondition);
  storage = disk.Open();
  CHECK(ContentOf(storage.get()) == "1 1: x=1 b");
  disk.Restore(nullptr);
  storage = disk.Open();
  CHECK(ContentOf(storage.get()) == "0 0:");
}

TEST_CASE("SimulatedStagedRowsCountOnlyOnceInstalled") {
  SimDisk disk(Rng(1));
  auto storage = disk.Open();
  REQUIRE(storage->Write(Append(1, 1, "a")).ok());
  REQUIRE(Compact(1, {{"old", "1"}}, storage.get()).ok());
  REQUIRE(storage->Stage({{"lost", "1"}}, true).ok());
  disk.Crash();
  storage = disk.Open();
  CHECK(storage->Stage({{"lost", "1"}}, false).code() == absl::StatusCode::kFailedPrecondition);
  REQUIRE(storage->Stage({{"given up", "1"}}, true).ok());
  REQUIRE(storage->Stage({{"x", "1"}}, true).ok());
  REQUIRE(storage->Stage({{"y", "2"}}, false).ok());
  CHECK(ContentOf(storage.get()) == "1 1: old=1");
  REQUIRE(storage->Install(Checkpoint{9, 3, {}, ""}, {3, 0}).ok());
  CHECK(ContentOf(storage.get()) == "3 9: x=1 y=2");
}

TEST_CASE("ADamagedEntryIsDataLossUntilItIsReplaced") {
  SimDisk disk(Rng(1));
  const auto storage = disk.Open();
  REQUIRE(storage->Write(Append(1, 1, "a")).ok());
  REQUIRE(storage->Write(Append(1, 2, "b")).ok());
  disk.DamageEntry(2);
  CHECK(absl::IsDataLoss(storage->Read(1, 2, [](Entry) { return absl::OkStatus(); })));
  CHECK(absl::IsDataLoss(storage->Load().status()));
  REQUIRE(storage->Write(Append(2, 2, "c")).ok());
  CHECK(ContentOf(storage.get()) == "2 0: a c");
}

}  // namespace skiff::raft
