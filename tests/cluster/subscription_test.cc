// Watches that list again by themselves. The API is a table in memory whose watches the test feeds
// and breaks; the loop is a real one, for ending a subscription blocks on it.
#include "cluster/subscription.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "api/json_value.h"
#include "base/notification.h"
#include "base/uv_executor.h"

namespace skiff::cluster {
namespace {

class TableClient final : public client::Client {
 public:
  struct Open final : client::Watch {
    explicit Open(TableClient* client) : client(client) {}
    ~Open() override { client->sink = {}; }
    TableClient* const client;
  };

  void Get(const api::ResourceInfo&, std::string, std::string, Executor*,
           client::Callback<api::ObjectPtr>) override {}
  void List(const api::ResourceInfo&, client::ListOptions, Executor* reply_on,
            client::Callback<client::ListResult> done) override {
    ++lists;
    if (reply_on->InLoop()) ++lists_in_loop;
    reply_on->Post([this, done = std::move(done)]() mutable {
      if (!list_error.ok()) return std::move(done)(list_error);
      client::ListResult result;
      for (const auto& [name, object] : table) result.items.push_back(object);
      result.revision = revision;
      std::move(done)(std::move(result));
    });
  }
  std::unique_ptr<client::Watch> StartWatch(const api::ResourceInfo&, client::WatchOptions options,
                                            Executor*, client::WatchSink new_sink) override {
    after = options.after_revision;
    sink = std::move(new_sink);
    return std::make_unique<Open>(this);
  }
  void Commit(std::vector<client::Write>, Executor*,
              client::Callback<client::WriteResult>) override {}

  // As stored, at the next revision.
  api::ObjectPtr Put(const std::string& name) {
    auto made = std::make_unique<corev1::ConfigMap>();
    made->mutable_metadata()->set_name(name);
    made->mutable_metadata()->set_namespace_("default");
    made->mutable_metadata()->set_resource_version(absl::StrCat(++revision));
    return table[name] = api::Object::Make(std::move(made));
  }

  std::map<std::string, api::ObjectPtr> table;
  uint64_t revision = 100;
  absl::Status list_error;
  int lists = 0;
  int lists_in_loop = 0;
  uint64_t after = 0;
  client::WatchSink sink;  // Of the open watch.
};

struct Fixture {
  UvExecutor loop{"subscription"};
  TableClient client;
  std::vector<std::string> told;
  std::vector<absl::Status> ends;
  std::unique_ptr<Subscription> subscription;

  ~Fixture() {
    subscription.reset();
    loop.Stop();
  }

  void Start() {
    subscription = Subscribe(
        &client, &loop, api::ResourceOf<corev1::ConfigMap>(), {},
        [this](skiff::WatchEvent event) {
          const auto object = api::JsonValue::Parse(event.object_json);
          const char* signs[] = {"+", "~", "-"};
          told.push_back(signs[static_cast<int>(event.type)] +
                         object->Find("metadata")->Find("name")->text());
        },
        [this](absl::Status why) { ends.push_back(std::move(why)); });
  }

  // Runs `task` on the loop, and what it posts there.
  void On(std::function<void()> task) {
    for (int i = 0; i < 3; ++i) {
      Notification done;
      loop.Post([&] {
        if (i == 0 && task) task();
        done.Notify();
      });
      done.WaitForNotification();
    }
  }
  void Break(absl::Status why) {
    On([&] {
      const auto on_end = client.sink.on_end;
      on_end(why);
    });
  }
  // Until a watch is open again, after its pause.
  void AwaitWatch() {
    Notification open;
    std::function<void()> look = [&] {
      if (client.sink.on_events) return open.Notify();
      loop.PostAfter(absl::Milliseconds(5), look);
    };
    loop.Post(look);
    open.WaitForNotification();
  }
};

TEST_CASE("WhatIsThereHasBeenSeenWhenAWatchIsHandedOut") {
  Fixture f;
  f.client.Put("a");
  f.Start();
  // Asked for by this thread, which waited for the answer: what comes and goes now is the watch's
  // to tell.
  CHECK(f.client.lists == 1);
  CHECK(f.client.lists_in_loop == 0);
  f.client.Put("late");
  f.AwaitWatch();
  CHECK(f.told == std::vector<std::string>{"+a"});
  CHECK(f.client.after == 101);
}

TEST_CASE("WhatChangedWhileHistoryWasGoneIsToldOnce") {
  Fixture f;
  f.client.Put("a");
  f.client.Put("b");
  f.Start();
  f.AwaitWatch();
  CHECK(f.told == std::vector<std::string>{"+a", "+b"});
  CHECK(f.client.after == 102);
  f.On([&] {
    const api::ObjectPtr a = f.client.Put("a");
    f.client.sink.on_events({{client::EventType::kModified, a, a->revision()}});
  });
  f.told.clear();
  f.client.Put("d");
  f.client.table.erase("b");
  f.Break(absl::OutOfRangeError("too old resource version: 102 (5000)"));
  f.AwaitWatch();
  CHECK(f.told == std::vector<std::string>{"+d", "-b"});
  CHECK(f.client.after == f.client.revision);
  CHECK(f.client.lists == 2);
  f.On([&] {
    const api::ObjectPtr a = f.client.Put("a");
    f.client.sink.on_events({{client::EventType::kModified, a, a->revision()}});
  });
  CHECK(f.told.back() == "~a");
  CHECK(f.ends.empty());
}

TEST_CASE("AWatchThatBreaksAgainAndAgainGoesOn") {
  Fixture f;
  f.Start();
  for (int i = 0; i < 20; ++i) {
    f.AwaitWatch();
    f.Break(absl::UnavailableError("the leader has changed"));
  }
  f.AwaitWatch();
  CHECK(f.ends.empty());
  CHECK(f.client.lists == 21);
}

TEST_CASE("AWatchThatCannotGoOnSaysWhyOnce") {
  Fixture f;
  f.Start();
  f.AwaitWatch();
  f.On([&] { f.client.list_error = absl::PermissionDeniedError("no longer allowed"); });
  f.Break(absl::OutOfRangeError("too old"));
  REQUIRE(f.ends.size() == 1);
  CHECK(f.ends[0].message() == "no longer allowed");
}

TEST_CASE("NothingIsToldAfterASubscriptionIsGone") {
  Fixture f;
  f.client.Put("a");
  f.Start();
  f.AwaitWatch();
  f.subscription.reset();
  CHECK(f.client.sink.on_events == nullptr);
  CHECK(f.told == std::vector<std::string>{"+a"});
  CHECK(f.ends.empty());
}

}  // namespace
}  // namespace skiff::cluster
