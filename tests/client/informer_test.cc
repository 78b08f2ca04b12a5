// Views: what they hold, what they tell, and how they come back after a watch has ended. The API is
// a table in memory whose watches the test feeds and ends.
#include "client/informer.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "base/sim_executor.h"
#include "client/event_recorder.h"
#include "tests/sim/member_loop.h"

namespace skiff::client {
namespace {

class TableClient final : public Client {
 public:
  struct Open final : Watch {
    explicit Open(TableClient* client) : client(client) {}
    ~Open() override {
      if (client->open == this) client->open = nullptr;
    }
    TableClient* const client;
    WatchSink sink;
  };

  void Get(const api::ResourceInfo&, std::string, std::string, Executor*,
           Callback<api::ObjectPtr>) override {}
  void List(const api::ResourceInfo&, ListOptions, Executor*, Callback<ListResult>) override {}
  std::unique_ptr<Watch> StartWatch(const api::ResourceInfo&, WatchOptions, Executor*,
                                    WatchSink sink) override {
    ++starts;
    auto out = std::make_unique<Open>(this);
    out->sink = std::move(sink);
    open = out.get();
    return out;
  }
  void Commit(std::vector<Write> writes, Executor* reply_on, Callback<WriteResult> done) override {
    WriteResult result;
    result.revision = ++revision;
    for (Write& write : writes) {
      api::MutableMetaOf(write.object.get())->set_resource_version(absl::StrCat(revision));
      result.objects.push_back(api::Object::Make(std::move(write.object)));
      committed.push_back(result.objects.back());
      verbs.push_back(write.verb);
    }
    reply_on->Post([done = std::move(done), result = std::move(result), fail = fail]() mutable {
      if (fail) return std::move(done)(absl::UnavailableError("no"));
      std::move(done)(std::move(result));
    });
  }

  Open* open = nullptr;
  int starts = 0;
  uint64_t revision = 100;
  bool fail = false;
  std::vector<api::ObjectPtr> committed;
  std::vector<Write::Verb> verbs;
};

api::ObjectPtr Pod(const std::string& name, uint64_t revision, const std::string& owner = "",
                   const std::string& name_space = "default") {
  auto pod = std::make_unique<corev1::Pod>();
  pod->mutable_metadata()->set_name(name);
  pod->mutable_metadata()->set_namespace_(name_space);
  pod->mutable_metadata()->set_uid("uid-" + name);
  pod->mutable_metadata()->set_resource_version(absl::StrCat(revision));
  if (!owner.empty()) {
    pod->mutable_metadata()->add_owner_references()->set_uid(owner);
  }
  return api::Object::Make(std::move(pod));
}

WatchEvent Added(const api::ObjectPtr& pod) { return {EventType::kAdded, pod, pod->revision()}; }
WatchEvent Bookmark(uint64_t revision) { return {EventType::kBookmark, nullptr, revision}; }

struct Fixture {
  Simulation sim{3};
  std::unique_ptr<Executor> loop = sim.NewLoop();
  TableClient client;
  Informer informer{&client, loop.get(), api::ResourceOf<corev1::Pod>()};
  std::vector<std::string> told;

  Fixture() {
    informer.AddHandler([this](const api::ObjectPtr& before, const api::ObjectPtr& now) {
      if (before == nullptr && now == nullptr) return told.push_back("complete");
      told.push_back(before == nullptr ? "+" + now->meta().name()
                     : now == nullptr  ? "-" + before->meta().name()
                                       : "~" + now->meta().name());
    });
    informer.Start();
  }
  void Send(std::vector<WatchEvent> events) { client.open->sink.on_events(std::move(events)); }
};

TEST_CASE("AViewIsSyncedWhenItHasSeenWhatThereWas") {
  Fixture f;
  f.Send({Added(Pod("b", 2)), Added(Pod("a", 1))});
  CHECK(!f.informer.synced());
  f.Send({Bookmark(5)});
  CHECK(f.informer.synced());
  CHECK(f.informer.current());
  CHECK(f.informer.revision() == 5);
  CHECK(f.informer.objects().begin()->first == "default/a");
  CHECK(f.told == std::vector<std::string>{"+b", "+a", "complete"});
}

TEST_CASE("AViewKnowsWhatIsOwned") {
  Fixture f;
  f.Send({Added(Pod("a", 1, "o1")), Added(Pod("b", 2, "o1")), Added(Pod("c", 3)), Bookmark(3)});
  CHECK(f.informer.OwnedBy("o1").size() == 2);
  f.Send(
      {{EventType::kModified, Pod("a", 4, "o2"), 4}, {EventType::kDeleted, Pod("b", 5, "o1"), 5}});
  CHECK(f.informer.OwnedBy("o1").empty());
  REQUIRE(f.informer.OwnedBy("o2").size() == 1);
  CHECK(f.informer.revision() == 5);
}

TEST_CASE("AViewThatStartsOverIsNotCurrentAndTellsTheDifferences") {
  Fixture f;
  f.Send({Added(Pod("gone", 1)), Added(Pod("same", 2)), Added(Pod("other", 3)), Bookmark(3)});
  f.told.clear();
  f.client.open->sink.on_end(absl::OutOfRangeError("expired"));
  CHECK(f.informer.synced());
  CHECK(!f.informer.current());
  CHECK(f.client.starts == 1);
  f.sim.RunFor(absl::Seconds(1));
  REQUIRE(f.client.starts == 2);
  CHECK(!f.informer.current());
  f.Send({Added(Pod("same", 2)), Added(Pod("other", 8)), Added(Pod("new", 9))});
  CHECK(!f.informer.current());
  f.Send({Bookmark(9)});
  CHECK(f.informer.current());
  CHECK(f.told == std::vector<std::string>{"~other", "+new", "-gone", "complete"});
}

TEST_CASE("AViewBacksOffWhileWatchesFail") {
  Fixture f;
  for (int i = 0; i < 20; ++i) {
    if (f.client.open != nullptr) f.client.open->sink.on_end(absl::UnavailableError("down"));
    f.sim.RunFor(absl::Seconds(1));
  }
  CHECK(f.client.starts > 3);
  CHECK(f.client.starts < 12);
}

TEST_CASE("NothingIsToldAfterStop") {
  Fixture f;
  f.Send({Bookmark(1)});
  f.client.open->sink.on_end(absl::OutOfRangeError("expired"));
  f.informer.Stop();
  f.sim.RunFor(absl::Minutes(5));
  CHECK(f.client.starts == 1);
  CHECK(!f.informer.current());
}

TEST_CASE("TheSameEventAgainIsCountedUp") {
  Fixture f;
  EventRecorder recorder(&f.client, f.loop.get(), "tester", "n1");
  const api::ObjectPtr pod = Pod("a", 1);
  recorder.Record(*pod, "Normal", "Started", "Started container c");
  recorder.Record(*pod, "Normal", "Started", "Started container c");
  recorder.Record(*pod, "Normal", "Started", "Started container d");
  f.sim.RunFor(absl::Seconds(1));
  REQUIRE(f.client.committed.size() == 3);
  CHECK(f.client.verbs[2] == Write::Verb::kUpdate);
  const auto& event = f.client.committed[2]->As<corev1::Event>();
  CHECK(event.count() == 2);
  CHECK(event.source().component() == "tester");
  CHECK(event.reporting_component() == "tester");
  CHECK(event.involved_object().name() == "a");
  CHECK(f.client.committed[0]->meta().name().substr(0, 2) == "a.");
}

TEST_CASE("AnEventsTimesAreInOrderThoughTheClockIsSetBack") {
  Fixture f;
  sim::HostClock clock(&f.sim.clock());
  sim::MemberLoop loop(&f.sim, &clock);
  EventRecorder recorder(&f.client, &loop, "tester");
  const api::ObjectPtr pod = Pod("a", 1);
  recorder.Record(*pod, "Normal", "Started", "Started container c");
  clock.Jump(-absl::Hours(5));
  f.sim.RunFor(absl::Seconds(1));
  recorder.Record(*pod, "Normal", "Started", "Started container c");
  f.sim.RunFor(absl::Seconds(1));
  REQUIRE(f.client.committed.size() == 2);
  const auto& event = f.client.committed[1]->As<corev1::Event>();
  CHECK(event.count() == 2);
  CHECK(event.last_timestamp().seconds() >= event.first_timestamp().seconds());
}

TEST_CASE("AnEventThatWasRefusedIsDroppedAndTheNextIsNew") {
  Fixture f;
  EventRecorder recorder(&f.client, f.loop.get(), "tester");
  const api::ObjectPtr pod = Pod("a", 1);
  f.client.fail = true;
  recorder.Record(*pod, "Normal", "Started", "Started container c");
  f.sim.RunFor(absl::Seconds(1));
  f.client.fail = false;
  recorder.Record(*pod, "Normal", "Started", "Started container c");
  f.sim.RunFor(absl::Seconds(1));
  REQUIRE(f.client.verbs.size() == 2);
  CHECK(f.client.verbs[1] == Write::Verb::kCreate);
}

}  // namespace
}  // namespace skiff::client
