#include "absl/strings/match.h"
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

using Texts = std::vector<std::string>;

std::unique_ptr<Watch> Start(SimStore* store, const std::string& prefix, uint64_t after,
                             Seen* seen) {
  auto watch = store->store->StartWatch(prefix, after, seen->Sink());
  INFO(watch.status());
  REQUIRE(watch.ok());
  return *std::move(watch);
}

const std::string kMaps = Prefix(api::ResourceOf<corev1::ConfigMap>());

}  // namespace

TEST_CASE("AWatchSeesWhatFollows") {
  SimStore store;
  store.Put("before", "1");
  Seen seen;
  const auto watch = Start(&store, kMaps, store.store->snapshot()->revision(), &seen);
  const uint64_t first = store.Put("a", "1");
  store.Put("a", "2");
  REQUIRE(store.Commit(DeleteTxn("a")).ok());
  CHECK(seen.events == Texts{absl::StrCat("+a=1@", first), absl::StrCat("+a=2@", first + 1),
                             absl::StrCat("-a@", first + 2)});
}

TEST_CASE("EventsCarryWhatTheyReplaced") {
  SimStore store;
  std::vector<std::string> changes;
  const auto watch = store.store->StartWatch(
      kMaps, store.store->snapshot()->revision(),
      {[&](std::shared_ptr<const std::vector<Event>> events) {
         for (const Event& event : *events) {
           changes.push_back(ValueOf(event.previous) + ">" + ValueOf(event.object));
         }
       },
       [](absl::Status) {}});
  REQUIRE(watch.ok());
  store.Put("a", "1");
  store.Put("a", "2");
  CHECK(changes == Texts{"(none)>1", "1>2"});
}

TEST_CASE("AWatchResumesFromAnyRevisionOfHistory") {
  SimStore store;
  const uint64_t start = store.store->snapshot()->revision();
  for (int i = 1; i <= 5; ++i) store.Put("a", absl::StrCat(i));
  for (uint64_t after = start; after <= start + 5; ++after) {
    Seen seen;
    const auto watch = Start(&store, kMaps, after, &seen);
    store.sim.RunDue();
    CHECK(seen.events.size() == start + 5 - after);
    if (!seen.events.empty()) {
      CHECK(seen.events.front() == absl::StrCat("+a=", after - start + 1, "@", after + 1));
    }
  }
}

TEST_CASE("AWatchStartedBetweenWriteAndDeliveryMissesAndRepeatsNothing") {
  SimStore store;
  Rng rng(11);
  uint64_t written = 0;
  std::vector<std::pair<std::unique_ptr<Seen>, uint64_t>> watches;
  std::vector<std::unique_ptr<Watch>> handles;
  for (int step = 0; step < 400; ++step) {
    switch (rng.Below(3)) {
      case 0:
        store.store->Commit(PutTxn("a", absl::StrCat(++written)), [](absl::StatusOr<TxnResult>) {});
        break;
      case 1: {
        const uint64_t present = store.store->snapshot()->revision();
        const uint64_t after = 1 + rng.Below(present);
        watches.emplace_back(std::make_unique<Seen>(), after);
        handles.push_back(Start(&store, kMaps, after, watches.back().first.get()));
        break;
      }
      default:
        store.sim.Step();
    }
  }
  store.sim.RunDue();
  for (const auto& [seen, after] : watches) {
    Texts expected;
    for (uint64_t i = after; i <= written; ++i) {  // The i-th write has revision i + 1.
      expected.push_back(absl::StrCat("+a=", i, "@", i + 1));
    }
    REQUIRE(seen->events == expected);
  }
}

TEST_CASE("AWatchOfAQuietNamespaceOutlivesABusyOne") {
  StoreOptions options;
  options.history_events = 10;
  SimStore store(std::move(options));
  Seen seen;
  const auto watch = Start(&store, kMaps + "quiet/", store.store->snapshot()->revision(), &seen);
  for (int i = 0; i < 100; ++i) store.Put("a", absl::StrCat(i), "busy");
  const uint64_t revision = store.Put("a", "1", "quiet");
  CHECK(seen.ends.empty());
  CHECK(seen.events == Texts{absl::StrCat("+a=1@", revision)});
}

TEST_CASE("AWatchFromBeforeHistoryIsExpiredAndFromTheFutureInvalid") {
  StoreOptions options;
  options.history_events = 10;
  SimStore store(std::move(options));
  for (int i = 0; i < 30; ++i) store.Put("a", absl::StrCat(i));
  const uint64_t present = store.store->snapshot()->revision();
  Seen seen;
  const auto old = store.store->StartWatch(kMaps, present - 11, seen.Sink());
  CHECK(old.status().code() == absl::StatusCode::kOutOfRange);
  CHECK(absl::StrContains(old.status().message(), "too old resource version"));
  CHECK(store.store->StartWatch(kMaps, present - 10, seen.Sink()).ok());
  CHECK(store.store->StartWatch(kMaps, present + 1, seen.Sink()).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("HistoryAgesButWhatAWatchWasPromisedIsDelivered") {
  StoreOptions options;
  options.history_time = absl::Minutes(1);
  SimStore store(std::move(options));
  const uint64_t start = store.store->snapshot()->revision();
  store.Put("a", "1");
  Seen seen;
  auto watch = store.store->StartWatch(kMaps, start, seen.Sink());  // Its turn has not come.
  REQUIRE(watch.ok());
  store.sim.RunFor(absl::Minutes(5));
  store.Put("a", "2");
  CHECK(seen.events.size() == 2);
  CHECK(store.store->StartWatch(kMaps, start, seen.Sink()).status().code() ==
        absl::StatusCode::kOutOfRange);
}

TEST_CASE("WatchesSeeTheirPrefixOnly") {
  SimStore store;
  const uint64_t start = store.store->snapshot()->revision();
  Seen all, maps, one_namespace, one_object, part, pods;
  std::vector<std::unique_ptr<Watch>> watches;
  watches.push_back(Start(&store, "", start, &all));
  watches.push_back(Start(&store, kMaps, start, &maps));
  watches.push_back(Start(&store, kMaps + "blue/", start, &one_namespace));
  watches.push_back(Start(&store, kMaps + "blue/a", start, &one_object));
  watches.push_back(Start(&store, kMaps + "bl", start, &part));
  watches.push_back(Start(&store, "/pods/", start, &pods));
  store.Put("a", "1", "blue");
  store.Put("b", "1", "blue");
  store.Put("a", "1", "black");
  store.Put("a", "1", "red");
  CHECK(all.events.size() == 4);
  CHECK(maps.events.size() == 4);
  CHECK(one_namespace.events.size() == 2);
  CHECK(one_object.events.size() == 1);
  CHECK(part.events.size() == 3);
  CHECK(pods.events.empty());
}

TEST_CASE("WritesOfOneBatchArriveTogetherAndSharedByWatchers") {
  SimStore store;
  const uint64_t start = store.store->snapshot()->revision();
  std::vector<const std::vector<Event>*> batches;
  std::vector<std::shared_ptr<const std::vector<Event>>> held;
  const WatchSink sink{[&](std::shared_ptr<const std::vector<Event>> events) {
                         batches.push_back(events.get());
                         held.push_back(events);
                       },
                       [](absl::Status) {}};
  const auto first = store.store->StartWatch(kMaps, start, sink);
  const auto second = store.store->StartWatch(kMaps, start, sink);
  store.sim.RunDue();
  for (int i = 0; i < 5; ++i) {
    store.store->Commit(PutTxn("a", absl::StrCat(i)), [](absl::StatusOr<TxnResult>) {});
  }
  store.sim.RunDue();
  REQUIRE(batches.size() == 2);
  CHECK(batches[0] == batches[1]);
  CHECK(batches[0]->size() == 5);
}

TEST_CASE("AnEndedWatchHearsNothingMore") {
  SimStore store;
  Seen seen;
  auto watch = Start(&store, kMaps, store.store->snapshot()->revision(), &seen);
  store.Put("a", "1");
  watch.reset();
  store.Put("a", "2");
  CHECK(seen.events.size() == 1);
  store.store->Close();
  CHECK(seen.ends.empty());
}

TEST_CASE("AWatchMayEndItselfAndItsNeighboursFromItsSink") {
  SimStore store;
  const uint64_t start = store.store->snapshot()->revision();
  std::vector<std::unique_ptr<Watch>> watches(3);
  int calls = 0;
  for (auto& watch : watches) {
    auto started = store.store->StartWatch(kMaps, start,
                                           {[&](std::shared_ptr<const std::vector<Event>>) {
                                              ++calls;
                                              watches.clear();
                                            },
                                            [](absl::Status) {}});
    REQUIRE(started.ok());
    watch = *std::move(started);
  }
  store.Put("a", "1");
  CHECK(calls == 1);
}

TEST_CASE("AWatchMayOutliveItsStore") {
  std::unique_ptr<Watch> watch;
  Seen seen;
  {
    SimStore store;
    watch = Start(&store, kMaps, store.store->snapshot()->revision(), &seen);
  }
  CHECK(seen.ends.size() == 1);
  watch.reset();
}

TEST_CASE("WatchesStartAndEndOnOtherThreadsWhileWritesGoOn") {
  TempDir dir;
  LiveStore live(dir.path());
  std::atomic<bool> stop = false;
  ThreadPool watchers(2);
  std::atomic<int> gaps = 0;
  for (int worker = 0; worker < 2; ++worker) {
    watchers.Run([&] {
      while (!stop) {
        auto last = std::make_shared<uint64_t>(live.store->snapshot()->revision());
        const auto watch = live.store->StartWatch(
            kMaps, *last,
            {[last, &gaps](std::shared_ptr<const std::vector<Event>> events) {
               for (const Event& event : *events) {
                 if (event.revision != *last + 1) ++gaps;
                 *last = event.revision;
               }
             },
             [](absl::Status) {}});
        if (!watch.ok()) ++gaps;
        const auto snapshot = live.store->snapshot();
        if (!live.store->SnapshotAt(snapshot->revision()).ok()) ++gaps;
      }
    });
  }
  for (int i = 0; i < 300; ++i) REQUIRE(live.Commit(PutTxn("a", absl::StrCat(i))).ok());
  stop = true;
  CHECK(gaps == 0);
}

TEST_CASE("AStoreInMemoryGoesBackToASnapshotAndOnFromThere") {
  SimStore store;
  store.Put("a", "1");
  const auto saved = store.store->snapshot();
  for (int round = 0; round < 2; ++round) {
    Seen seen;
    const auto watch = Start(&store, kMaps, saved->revision(), &seen);
    for (int i = 0; i < 300; ++i) store.Put(absl::StrCat("b", i % 7), "1");
    absl::StatusOr<TxnResult> asked_before = absl::UnknownError("no answer");
    store.store->Commit(PutTxn("a", "2"), [&](absl::StatusOr<TxnResult> result) {
      asked_before = std::move(result);
    });
    store.store->Restore(saved);
    CHECK(asked_before.ok());
    CHECK(store.store->snapshot() == saved);
    CHECK(store.Value("a") == "1");
    REQUIRE(seen.ends.size() == 1);
    CHECK(absl::IsOutOfRange(seen.ends[0]));
    CHECK(absl::IsInvalidArgument(
        store.store->StartWatch(kMaps, saved->revision() + 1, Seen().Sink()).status()));
    Seen after;
    const auto next = Start(&store, kMaps, saved->revision(), &after);
    CHECK(store.Put("a", "3") == saved->revision() + 1);
    CHECK(after.events == Texts{absl::StrCat("+a=3@", saved->revision() + 1)});
  }
}

}  // namespace skiff::store
