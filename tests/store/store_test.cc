#include "store/store.h"

#include "absl/strings/match.h"
#include "tests/store/fixture.h"

namespace skiff::store {

TEST_CASE("AnEmptyStoreIsAtARevisionThatIsNotNone") {
  SimStore store;
  CHECK(store.store->snapshot()->revision() >= 1);
  CHECK(store.store->snapshot()->Count("") == 0);
}

TEST_CASE("EveryChangeTakesTheNextRevision") {
  SimStore store;
  const uint64_t first = store.Put("a", "1");
  CHECK(store.Put("b", "1") == first + 1);
  CHECK(store.Put("a", "2") == first + 2);
  const auto object = store.store->snapshot()->Get(MapKey("a"));
  CHECK(object->revision() == first + 2);
  CHECK(object->meta().resource_version() == absl::StrCat(first + 2));
  CHECK(store.store->snapshot()->revision() == first + 2);
}

TEST_CASE("ATransactionIsOneRevision") {
  SimStore store;
  Txn txn = PutTxn("a", "1");
  txn.ops.push_back(Op::Put(MapKey("b"), Map("b", "1")));
  const auto result = store.Commit(std::move(txn));
  REQUIRE(result.ok());
  REQUIRE(result->objects.size() == 2);
  CHECK(result->objects[0]->revision() == result->revision);
  CHECK(result->objects[1]->revision() == result->revision);
}

TEST_CASE("ATransactionThatChangesNothingTakesNoRevision") {
  SimStore store;
  const uint64_t before = store.Put("a", "1");
  const auto result = store.Commit(DeleteTxn("absent"));
  REQUIRE(result.ok());
  CHECK(result->applied);
  CHECK(result->revision == before);
  CHECK(result->objects[0] == nullptr);
  CHECK(store.Commit(Txn())->revision == before);
}

TEST_CASE("TheRevisionThatAClientSendsIsIgnored") {
  SimStore store;
  auto message = Map("a", "1");
  api::MutableMetaOf(message.get())->set_resource_version("999");
  Txn txn;
  txn.ops.push_back(Op::Put(MapKey("a"), std::move(message)));
  const auto result = store.Commit(std::move(txn));
  CHECK(result->objects[0]->revision() == result->revision);
}

TEST_CASE("PreconditionsDecideWholeTransactions") {
  SimStore store;
  const uint64_t revision = store.Put("a", "1");
  struct Case {
    Precondition precondition;
    bool applied;
  };
  for (const Case& c :
       std::vector<Case>{{Precondition::Absent(MapKey("a")), false},
                         {Precondition::Absent(MapKey("b")), true},
                         {Precondition::Exists(MapKey("a")), true},
                         {Precondition::Exists(MapKey("b")), false},
                         {Precondition::AtRevision(MapKey("a"), revision), true},
                         {Precondition::AtRevision(MapKey("a"), 0), false},
                         {Precondition::AtRevision(MapKey("b"), revision), false}}) {
    const uint64_t before = store.store->snapshot()->revision();
    Txn txn = PutTxn("c", "1");
    txn.preconditions = {Precondition::Exists(MapKey("a")), c.precondition};
    const auto result = store.Commit(std::move(txn));
    REQUIRE(result.ok());
    CHECK(result->applied == c.applied);
    CHECK(result->revision == (c.applied ? before + 1 : before));
    if (!c.applied) CHECK(result->failed_precondition == 1);
    REQUIRE(store.Commit(DeleteTxn("c")).ok());
  }
}

TEST_CASE("OfTwoWritersOnOneRevisionOneWins") {
  SimStore store;
  const uint64_t revision = store.Put("a", "1");
  std::vector<bool> applied;
  for (const char* value : {"2", "3"}) {  // Both in one batch.
    Txn txn = PutTxn("a", value);
    txn.preconditions = {Precondition::AtRevision(MapKey("a"), revision)};
    store.store->Commit(std::move(txn), [&](absl::StatusOr<TxnResult> result) {
      applied.push_back(result->applied);
    });
  }
  store.sim.RunDue();
  CHECK(applied == std::vector<bool>{true, false});
  CHECK(store.Value("a") == "2");
}

TEST_CASE("ADeletedObjectIsHandedBackAtTheRevisionOfItsDeletion") {
  SimStore store;
  store.Put("a", "1");
  const auto result = store.Commit(DeleteTxn("a"));
  REQUIRE(result.ok());
  CHECK(ValueOf(result->objects[0]) == "1");
  CHECK(result->objects[0]->revision() == result->revision);
  CHECK(store.Value("a") == "(none)");
}

TEST_CASE("ASnapshotNeverChanges") {
  SimStore store;
  store.Put("a", "1");
  const auto before = store.store->snapshot();
  store.Put("a", "2");
  store.Put("b", "1");
  CHECK(ValueOf(before->Get(MapKey("a"))) == "1");
  CHECK(before->Count("") == 1);
}

TEST_CASE("EveryRevisionWithinHistoryCanBeReadAgain") {
  StoreOptions options;
  options.history_events = 1000;
  SimStore store(std::move(options));
  std::vector<std::pair<uint64_t, std::string>> past;
  Rng rng(5);
  const auto dump = [](const Snapshot& snapshot) {
    std::string out;
    snapshot.Scan("", "", [&](absl::string_view key, const api::ObjectPtr& object) {
      absl::StrAppend(&out, std::string(key), "=", ValueOf(object), "@", object->revision(), " ");
      return true;
    });
    return out;
  };
  for (int i = 0; i < 600; ++i) {
    const std::string name = absl::StrCat("n", rng.Below(10));
    if (rng.Below(3) == 0) {
      REQUIRE(store.Commit(DeleteTxn(name)).ok());
    } else {
      store.Put(name, absl::StrCat(i));
    }
    const auto snapshot = store.store->snapshot();
    past.emplace_back(snapshot->revision(), dump(*snapshot));
  }
  for (const auto& [revision, text] : past) {
    const auto snapshot = store.store->SnapshotAt(revision);
    REQUIRE(snapshot.ok());
    REQUIRE((*snapshot)->revision() == revision);
    REQUIRE(dump(**snapshot) == text);
  }
}

TEST_CASE("RevisionsWithinOneBatchCanBeReadToo") {
  SimStore store;
  std::vector<uint64_t> revisions;
  for (const char* value : {"1", "2", "3"}) {
    store.store->Commit(PutTxn("a", value), [&](absl::StatusOr<TxnResult> result) {
      revisions.push_back(result->revision);
    });
  }
  store.sim.RunDue();
  REQUIRE(revisions.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    const auto snapshot = store.store->SnapshotAt(revisions[i]);
    REQUIRE(snapshot.ok());
    CHECK(ValueOf((*snapshot)->Get(MapKey("a"))) == absl::StrCat(i + 1));
  }
}

TEST_CASE("RevisionsOutsideHistoryAreOutOfRange") {
  StoreOptions options;
  options.history_events = 10;
  SimStore store(std::move(options));
  const uint64_t first = store.Put("a", "0");
  for (int i = 1; i <= 20; ++i) store.Put("a", absl::StrCat(i));
  CHECK(store.store->SnapshotAt(first).status().code() == absl::StatusCode::kOutOfRange);
  CHECK(store.store->SnapshotAt(first + 10).ok());
  CHECK(store.store->SnapshotAt(first + 21).status().code() == absl::StatusCode::kOutOfRange);
}

TEST_CASE("AListPageByPageIsOneState") {
  SimStore store;
  for (int i = 0; i < 25; ++i) store.Put(absl::StrCat("n", 10 + i), "old");
  const uint64_t revision = store.store->snapshot()->revision();
  std::string after;
  std::vector<std::string> names;
  while (true) {
    const auto snapshot = store.store->SnapshotAt(revision);
    REQUIRE(snapshot.ok());
    int taken = 0;
    const std::string from = after;
    (*snapshot)->Scan(Prefix(api::ResourceOf<corev1::ConfigMap>()), from,
                      [&](absl::string_view key, const api::ObjectPtr& object) {
                        CHECK(ValueOf(object) == "old");
                        names.push_back(object->meta().name());
                        after = std::string(key);
                        return ++taken < 7;
                      });
    if (taken < 7) break;
    store.Put(absl::StrCat("n", 10 + names.size() % 25), "new");
    REQUIRE(store.Commit(DeleteTxn(absl::StrCat("n", 10 + (names.size() + 1) % 25))).ok());
    store.Put(absl::StrCat("m", names.size()), "new");
  }
  CHECK(names.size() == 25);
  CHECK(std::is_sorted(names.begin(), names.end()));
}

TEST_CASE("AnObjectUnderAKeyOfAnotherKindIsRefused") {
  SimStore store;
  Txn txn;
  txn.ops.push_back(Op::Put("/pods/default/a", Map("a", "1")));
  CHECK(store.Commit(std::move(txn)).status().code() == absl::StatusCode::kInvalidArgument);
  Txn unknown;
  unknown.ops.push_back(Op::Put("/unicorns/default/a", Map("a", "1")));
  CHECK(store.Commit(std::move(unknown)).status().code() == absl::StatusCode::kInvalidArgument);
  store.Put("a", "1");
}

TEST_CASE("WritersThatAnswerEveryWriteWithAnotherDoNotGrowTheStack") {
  SimStore store;
  int left = 50'000;
  std::function<void()> next = [&] {
    store.store->Commit(PutTxn("a", "1"), [&](absl::StatusOr<TxnResult> result) {
      REQUIRE(result.ok());
      if (--left > 0) next();
    });
  };
  next();
  CHECK(store.sim.RunDue());
  CHECK(left == 0);
}

TEST_CASE("AClosedStoreRefusesAndEndsWatches") {
  SimStore store;
  Seen seen;
  const auto watch = store.store->StartWatch("", store.store->snapshot()->revision(), seen.Sink());
  REQUIRE(watch.ok());
  absl::Status waiting;
  store.store->Commit(PutTxn("a", "1"),
                      [&](absl::StatusOr<TxnResult> result) { waiting = result.status(); });
  store.store->Close();
  CHECK(waiting.code() == absl::StatusCode::kUnavailable);
  REQUIRE(seen.ends.size() == 1);
  CHECK(seen.ends[0].code() == absl::StatusCode::kUnavailable);
  CHECK(store.Commit(PutTxn("a", "1")).status().code() == absl::StatusCode::kUnavailable);
  CHECK(store.store->StartWatch("", 1, seen.Sink()).status().code() ==
        absl::StatusCode::kUnavailable);
  store.store->Close();
  CHECK(seen.ends.size() == 1);
}

TEST_CASE("AStoreMayBeClosedFromItsOwnCallbacks") {
  TempDir dir;
  for (const std::string& data_dir : {std::string(), dir.path()}) {
    StoreOptions options;
    options.data_dir = data_dir;
    SimStore store(std::move(options));
    int answers = 0;
    for (int i = 0; i < 3; ++i) {
      store.store->Commit(PutTxn("a", "1"), [&](absl::StatusOr<TxnResult> result) {
        CHECK(result.ok());
        ++answers;
        store.store->Close();
      });
    }
    store.sim.RunDue();
    CHECK(answers == 3);
  }
}

TEST_CASE("MetricsCountWhatHappened") {
  SimStore store;
  store.Put("a", "1");
  store.Put("b", "1");
  const std::string text = store.metrics.Text();
  CHECK(absl::StrContains(text, "skiff_store_transactions_total 2"));
  CHECK(absl::StrContains(text, "skiff_store_objects 2"));
  CHECK(absl::StrContains(
      text, absl::StrCat("skiff_store_revision ", store.store->snapshot()->revision())));
}

}  // namespace skiff::store
