#include <fstream>

#include "absl/strings/match.h"
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

// Runs a hidden case in a child as root; elsewhere there is nothing to mount with.
void RunAsRoot(const std::string& name) {
  if (geteuid() != 0) {
    WARN("needs root to mount");
    return;
  }
  TempDir dir;
  Child child(name, dir.path());
  CHECK(child.Wait() == 0);
}

raft::Index FirstOf(SimStore* store) {
  raft::Index first = 0;
  store->store->Status([&](const StoreStatus& status) { first = status.first; });
  store->sim.RunDue();
  return first;
}

}  // namespace

TEST_CASE("WhatWasWrittenIsThereAfterAReopen") {
  TempDir dir;
  uint64_t revision = 0;
  {
    SimStore store(In(dir.path()));
    store.Put("a", "1");
    store.Put("b", "1");
    store.Put("a", "2");
    REQUIRE(store.Commit(DeleteTxn("b")).ok());
    revision = store.store->snapshot()->revision();
  }
  for (int round = 0; round < 3; ++round) {
    SimStore store(In(dir.path()));
    const auto snapshot = store.store->snapshot();
    CHECK(snapshot->revision() == revision);
    CHECK(snapshot->Count("") == 1);
    CHECK(store.Value("a") == "2");
    CHECK(snapshot->Get(MapKey("a"))->revision() == revision - 1);
  }
  SimStore store(In(dir.path()));
  CHECK(store.Put("c", "1") == revision + 1);
}

TEST_CASE("AWatchResumesOverRestarts") {
  TempDir dir;
  StoreOptions options = In(dir.path());
  options.history_events = 700;
  uint64_t start = 0;
  {
    SimStore store(std::move(options));
    for (int i = 0; i < 2000; ++i) store.Put(absl::StrCat("old", i % 7), absl::StrCat(i));
    start = store.store->snapshot()->revision();
    store.Put("a", "1");
    REQUIRE(store.Commit(DeleteTxn("a")).ok());
  }
  for (int round = 0; round < 2; ++round) {
    StoreOptions again = In(dir.path());
    again.history_events = 700;
    SimStore store(std::move(again));
    Seen seen;
    const auto watch = store.store->StartWatch("/configmaps/", start, seen.Sink());
    REQUIRE(watch.ok());
    store.sim.RunDue();
    REQUIRE(seen.events.size() == 2 + static_cast<size_t>(round));
    CHECK(seen.events[0] == absl::StrCat("+a=1@", start + 1));
    CHECK(seen.events[1] == absl::StrCat("-a@", start + 2));
    // As far back as history goes, and no further.
    Seen others;
    const auto far = store.store->StartWatch("/configmaps/", start - 500, others.Sink());
    CHECK(far.ok());
    const auto gone = store.store->StartWatch("/configmaps/", 2, others.Sink());
    CHECK(absl::IsOutOfRange(gone.status()));
    CHECK(store.store->SnapshotAt(start)->get()->Get(MapKey("a")) == nullptr);
    CHECK(ValueOf(store.store->SnapshotAt(start + 1)->get()->Get(MapKey("a"))) == "1");
    store.Put("b", absl::StrCat(round));
  }
}

TEST_CASE("AReplayedLogRefusesWhatWasRefused") {
  TempDir dir;
  {
    SimStore store(In(dir.path()));
    const uint64_t revision = store.Put("a", "1");
    store.Put("a", "2");
    Txn late = PutTxn("a", "lost");
    late.preconditions = {Precondition::AtRevision(MapKey("a"), revision)};
    CHECK(!store.Commit(std::move(late))->applied);
  }
  SimStore store(In(dir.path()));
  CHECK(store.Value("a") == "2");
}

TEST_CASE("ALongLogIsCutAndReadFromWhereItBegins") {
  TempDir dir;
  StoreOptions options = In(dir.path());
  options.history_events = 1000;
  uint64_t revision = 0;
  {
    SimStore store(std::move(options));
    for (int i = 0; i < 11'000; ++i) {
      if (i % 1000 == 0) store.sim.RunDue();
      store.store->Commit(PutTxn(absl::StrCat("n", i % 50), absl::StrCat(i)),
                          [](absl::StatusOr<TxnResult> result) { REQUIRE(result.ok()); });
    }
    store.sim.RunDue();
    for (int i = 0; i < 5; ++i) store.Put("last", absl::StrCat(i));
    revision = store.store->snapshot()->revision();
    CHECK(FirstOf(&store) > 9000);
  }
  SimStore store(In(dir.path()));
  CHECK(store.store->snapshot()->revision() == revision);
  CHECK(store.Value("last") == "4");
  CHECK(store.Value("n49") == "10999");
}

TEST_CASE("ALogOfOldEntriesIsCutByTheirAge") {
  TempDir dir;
  StoreOptions options = In(dir.path());
  options.history_time = absl::Minutes(1);
  options.history_events = 500;
  {
    SimStore store(std::move(options));
    for (int i = 0; i < 600; ++i) store.Put(absl::StrCat("n", i % 50), absl::StrCat(i));
    CHECK(FirstOf(&store) == 1);
    store.sim.RunFor(absl::Minutes(2));
    for (int i = 0; i < 3; ++i) store.Put("last", absl::StrCat(i));
    CHECK(FirstOf(&store) > 600);
  }
  SimStore store(In(dir.path()));
  CHECK(FirstOf(&store) > 600);
  CHECK(store.Value("n49") == "599");
  CHECK(store.Value("last") == "2");
}

TEST_CASE("ALogOfLargeEntriesIsCutByItsSize") {
  TempDir dir;
  const std::string large(1 << 20, 'x');
  {
    SimStore store(In(dir.path()));
    for (int i = 0; i < 140; ++i) store.Put("a", absl::StrCat(i, large));
  }
  uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    bytes += file.file_size();
  }
  CHECK(bytes < 250 << 20);
  SimStore store(In(dir.path()));
  CHECK(absl::StartsWith(store.Value("a"), "139x"));
}

TEST_CASE("WhatTheFilesTakeIsMeasured") {
  TempDir dir;
  SimStore store(In(dir.path()));
  const auto measured = [&] {
    const std::string text = store.metrics.Text();
    const std::string name = "\nskiff_store_disk_bytes ";
    const size_t at = text.find(name);
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + name.size()));
  };
  const double before = measured();
  CHECK(before > 0);
  for (int i = 0; i < 200; ++i) store.Put(absl::StrCat(i), std::string(100'000, 'x'));
  store.sim.RunFor(absl::Seconds(10));
  store.Put("last", "1");
  CHECK(measured() > before + 10'000'000);
}

TEST_CASE("ManyWritersShareASync") {
  TempDir dir;
  LiveStore live(dir.path());
  std::atomic<int> left = 2000;
  Notification all;
  for (int i = 0; i < 2000; ++i) {
    live.store->Commit(PutTxn(absl::StrCat("n", i), "1"), [&](absl::StatusOr<TxnResult> result) {
      CHECK(result.ok());
      if (--left == 0) all.Notify();
    });
  }
  all.WaitForNotification();
  const std::string text = live.metrics.Text();
  CHECK(absl::StrContains(text, "skiff_store_synced_entries_total 2000"));
  const auto syncs = live.metrics.Counter("skiff_store_syncs_total", "").Value();
  CHECK(syncs < 500);
}

TEST_CASE("AWriteMadeWhileAnotherIsAnsweredIsWrittenByItself") {
  TempDir dir;
  SimStore store(In(dir.path()));
  std::optional<absl::StatusOr<TxnResult>> second;
  store.store->Commit(PutTxn("a", "1"), [&](const absl::StatusOr<TxnResult>& first) {
    CHECK(first.ok());
    store.store->Commit(PutTxn("b", "1"),
                        [&](absl::StatusOr<TxnResult> result) { second = std::move(result); });
  });
  REQUIRE(store.sim.RunDue());
  REQUIRE(second.has_value());
  CHECK(second->ok());
  CHECK(store.Value("b") == "1");
}

TEST_CASE("WritesUnderWayAreAnsweredWhenAStoreIsClosed") {
  TempDir dir;
  int answered = 0;
  int durable = 0;
  {
    LiveStore live(dir.path());
    for (int i = 0; i < 500; ++i) {
      live.store->Commit(PutTxn(absl::StrCat("n", i), "1"), [&](absl::StatusOr<TxnResult> result) {
        ++answered;
        if (result.ok()) {
          ++durable;
        } else {
          CHECK(result.status().code() == absl::StatusCode::kUnavailable);
        }
      });
    }
    live.store->Close();
    CHECK(answered == 500);
  }
  SimStore store(In(dir.path()));
  CHECK(store.store->snapshot()->Count("") == static_cast<size_t>(durable));
}

TEST_CASE("AStoreMayBeClosedAfterItsLoop") {
  TempDir dir;
  LiveStore live(dir.path());
  REQUIRE(live.Commit(PutTxn("a", "1")).ok());
  live.loop.Stop();
  live.store->Close();
}

TEST_CASE("DroppedSimulatedStoresLeaveNothingOnTheLoop") {
  TempDir dir;
  Simulation sim(1);
  const auto loop = sim.NewLoop();
  Metrics metrics;
  for (int round = 0; round < 3; ++round) {
    auto store = Store::Open(In(dir.path()), loop.get(), &sim.pool(), Logger(), &metrics);
    REQUIRE(store.ok());
    int answers = 0;
    for (int i = 0; i < 2; ++i) {
      (*store)->Commit(PutTxn("a", "1"), [&](absl::StatusOr<TxnResult>) { ++answers; });
      sim.Step();  // The first is written now, its answer still posted.
    }
    store->reset();
    CHECK(answers == 2);
    sim.RunDue();
  }
}

TEST_CASE("ADataDirectoryIsInUseOnce") {
  TempDir dir;
  SimStore store(In(dir.path()));
  const absl::Status status = OpenStatus(dir.path());
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(absl::StrContains(status.message(), "in use"));
  CHECK(absl::StrContains(status.message(), dir.path()));
}

TEST_CASE("ADataDirectoryOfAnotherProcessIsInUse") {
  TempDir dir;
  SimStore store(In(dir.path()));
  Child child("InUseChild", dir.path());
  CHECK(child.Wait() == 0);
}

TEST_CASE("AFileIsNoDataDirectory") {
  TempDir dir;
  const std::string file = dir.path() + "/file";
  std::ofstream(file) << "x";
  for (const std::string& path : {file, file + "/below"}) {
    const absl::Status status = OpenStatus(path);
    INFO(status);
    CHECK(!status.ok());
    CHECK(absl::StrContains(status.message(), path));
  }
}

TEST_CASE("AReadOnlyFileSystemIsSaidToBeNotWritable") { RunAsRoot("ReadOnlyChild"); }

TEST_CASE("ADirectoryOfAnotherUserIsSaidToBeNotWritable") { RunAsRoot("NotMineChild"); }

TEST_CASE("AFullDiskRefusesWritesUntilThereIsSpaceAgain") { RunAsRoot("FullDiskChild"); }

}  // namespace skiff::store
