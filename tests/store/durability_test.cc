#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/match.h"
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

StoreOptions In(const std::string& dir) {
  StoreOptions options;
  options.data_dir = dir;
  return options;
}

absl::Status OpenStatus(const std::string& dir) {
  Simulation sim(1);
  const auto loop = sim.NewLoop();
  Metrics metrics;
  return Store::Open(In(dir), loop.get(), &sim.pool(), Logger(), &metrics).status();
}

// Makes `dir` a mount of its own in a namespace that ends with this process, so that nothing is left
// behind however it ends.
void MountTmpfs(const std::string& dir, const char* options, unsigned long flags = 0) {
  REQUIRE(unshare(CLONE_NEWNS) == 0);
  REQUIRE(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  REQUIRE(mount("tmpfs", dir.c_str(), "tmpfs", flags, options) == 0);
}

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
  uint64_t revision = 0;
  {
    SimStore store(In(dir.path()));
    for (int i = 0; i < 11'000; ++i) {
      if (i % 1000 == 0) store.sim.RunDue();
      store.store->Commit(PutTxn(absl::StrCat("n", i % 50), absl::StrCat(i)),
                          [](absl::StatusOr<TxnResult> result) { REQUIRE(result.ok()); });
    }
    store.sim.RunDue();
    for (int i = 0; i < 5; ++i) store.Put("last", absl::StrCat(i));
    revision = store.store->snapshot()->revision();
  }
  SimStore store(In(dir.path()));
  CHECK(store.store->snapshot()->revision() == revision);
  CHECK(store.Value("last") == "4");
  CHECK(store.Value("n49") == "10999");
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

TEST_CASE("ManyWritersShareASync") {
  TempDir dir;
  LiveStore live(dir.path());
  std::atomic<int> left = 2000;
  absl::Notification all;
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

TEST_CASE("InUseChild", "[.]") {
  const absl::Status status = OpenStatus(ChildArgument());
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(status.message() ==
        "data directory " + ChildArgument() + " is in use by another process");
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

TEST_CASE("ReadOnlyChild", "[.]") {
  MountTmpfs(ChildArgument(), "size=1m", MS_RDONLY);
  const absl::Status status = OpenStatus(ChildArgument());
  INFO(status);
  CHECK(status.code() == absl::StatusCode::kPermissionDenied);
  CHECK(absl::StrContains(status.message(), ChildArgument()));
}

TEST_CASE("AReadOnlyFileSystemIsSaidToBeNotWritable") { RunAsRoot("ReadOnlyChild"); }

TEST_CASE("NotMineChild", "[.]") {
  const std::string dir = ChildArgument() + "/theirs";
  REQUIRE(mkdir(dir.c_str(), 0700) == 0);
  REQUIRE(chmod(ChildArgument().c_str(), 0755) == 0);
  REQUIRE(setuid(65534) == 0);
  const absl::Status status = OpenStatus(dir);
  INFO(status);
  CHECK(status.code() == absl::StatusCode::kPermissionDenied);
  CHECK(absl::StrContains(status.message(), dir));
}

TEST_CASE("ADirectoryOfAnotherUserIsSaidToBeNotWritable") { RunAsRoot("NotMineChild"); }

TEST_CASE("FullDiskChild", "[.]") {
  const std::string dir = ChildArgument();
  MountTmpfs(dir, "size=24m");
  const std::string large(64 << 10, 'x');
  uint64_t revision = 0;
  {
    LiveStore live(dir + "/data");
    REQUIRE(live.Commit(PutTxn("kept", "1")).ok());
    const int ballast = open((dir + "/ballast").c_str(), O_CREAT | O_WRONLY, 0600);
    std::vector<char> block(1 << 16, 'b');
    while (write(ballast, block.data(), block.size()) > 0) {
    }
    close(ballast);
    absl::Status full;
    int written = 0;
    for (; written < 400 && full.ok(); ++written) {
      full = live.Commit(PutTxn(absl::StrCat("n", written % 3), absl::StrCat(written, large)))
                 .status();
    }
    INFO(full);
    CHECK(full.code() == absl::StatusCode::kResourceExhausted);
    CHECK(absl::StrContains(full.message(), "disk is full"));
    for (int i = 0; i < 3; ++i) {  // It stays so, and reads go on.
      CHECK(live.Commit(PutTxn("refused", absl::StrCat(i, large))).status().code() ==
            absl::StatusCode::kResourceExhausted);
    }
    CHECK(ValueOf(live.store->snapshot()->Get(MapKey("kept"))) == "1");
    CHECK(live.store->snapshot()->Get(MapKey("refused")) == nullptr);
    REQUIRE(unlink((dir + "/ballast").c_str()) == 0);
    const auto after = live.Commit(PutTxn("after", "1"));
    INFO(after.status());
    REQUIRE(after.ok());
    for (int i = 0; i < 5; ++i) REQUIRE(live.Commit(PutTxn("after", absl::StrCat(i))).ok());
    revision = live.store->snapshot()->revision();
  }
  LiveStore live(dir + "/data");
  CHECK(live.store->snapshot()->revision() == revision);
  CHECK(ValueOf(live.store->snapshot()->Get(MapKey("kept"))) == "1");
  CHECK(ValueOf(live.store->snapshot()->Get(MapKey("after"))) == "4");
  CHECK(live.store->snapshot()->Get(MapKey("refused")) == nullptr);
}

TEST_CASE("AFullDiskRefusesWritesUntilThereIsSpaceAgain") { RunAsRoot("FullDiskChild"); }

}  // namespace skiff::store
