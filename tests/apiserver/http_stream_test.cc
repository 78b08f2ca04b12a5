// Answers that go on: watches in every form, and pod logs from a node that the test plays.
#include "absl/strings/str_split.h"
#include "api/codec.h"
#include "api/json_value.h"
#include "tests/apiserver/http_fixture.h"

namespace skiff::apiserver::http {
namespace {

constexpr char kCm[] = "/api/v1/namespaces/default/configmaps";
constexpr char kPods[] = "/api/v1/namespaces/default/pods";
constexpr char kMerge[] = "Content-Type: application/merge-patch+json\r\n";

std::string ConfigMap(absl::string_view name, absl::string_view labels = "{}") {
  return absl::StrCat(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":")", name,
                      R"(","labels":)", labels, "}}");
}

// The first resourceVersion in a text.
std::string JsonRevision(const std::string& json) {
  const std::string key = R"("resourceVersion":")";
  const size_t at = json.find(key) + key.size();
  return json.substr(at, json.find('"', at) - at);
}

// A client that reads one watch, event by event.
class Watcher {
 public:
  Watcher(int port, absl::string_view target, absl::string_view headers = "") : client_(port) {
    client_.Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: h\r\n", headers, "\r\n"));
    head_ = client_.ReadUntil("\r\n\r\n");
  }
  const std::string& head() const { return head_; }
  // The bytes of the next events, which may come in one chunk or more; "" at the end.
  std::string Chunk() { return client_.ReadChunk(); }
  // The next line; "" at the end.
  std::string Line() {
    while (held_.find('\n') == std::string::npos) {
      const std::string chunk = Chunk();
      if (chunk.empty()) return "";
      held_ += chunk;
    }
    const size_t end = held_.find('\n');
    std::string out = held_.substr(0, end);
    held_.erase(0, end + 1);
    return out;
  }
  // "ADDED a"
  std::string Event() {
    const std::string line = Line();
    const auto event = api::JsonValue::Parse(line);
    if (!event.ok()) return line;
    const api::JsonValue* meta = event->Find("object")->Find("metadata");
    const api::JsonValue* name = meta == nullptr ? nullptr : meta->Find("name");
    return absl::StrCat(event->Find("type")->text(), name == nullptr ? "" : " ",
                        name == nullptr ? "" : name->text());
  }

 private:
  RawClient client_;
  std::string head_;
  std::string held_;
};

TEST_CASE("AWatchBeginsWithWhatIsThere") {
  ServedApi api;
  RawClient client(api.port());
  client.Ask("POST", kCm, ConfigMap("a"));
  Watcher watcher(api.port(), absl::StrCat(kCm, "?watch=true"));
  CHECK(absl::StrContains(watcher.head(), "Content-Type: application/json\r\n"));
  CHECK(watcher.Event() == "ADDED a");
  client.Ask("POST", kCm, ConfigMap("b"));
  CHECK(watcher.Event() == "ADDED b");
  client.Ask("PATCH", absl::StrCat(kCm, "/b"), R"({"data":{"k":"v"}})", kMerge);
  CHECK(watcher.Event() == "MODIFIED b");
  client.Ask("DELETE", absl::StrCat(kCm, "/a"));
  CHECK(watcher.Event() == "DELETED a");
}

TEST_CASE("AWatchGoesOnFromAList") {
  ServedApi api;
  RawClient client(api.port());
  client.Ask("POST", kCm, ConfigMap("a"));
  const auto list = api::JsonValue::Parse(client.Ask("GET", kCm).body);
  const std::string version = list->Find("metadata")->Find("resourceVersion")->text();
  client.Ask("POST", kCm, ConfigMap("b"));
  Watcher watcher(api.port(), absl::StrCat(kCm, "?watch=1&resourceVersion=", version));
  CHECK(watcher.Event() == "ADDED b");
}

TEST_CASE("SelectorsTurnChangesIntoComingsAndGoings") {
  ServedApi api;
  RawClient client(api.port());
  Watcher watcher(api.port(), absl::StrCat(kCm, "?watch=true&labelSelector=on%3Dyes"));
  client.Ask("POST", kCm, ConfigMap("a"));
  client.Ask("PATCH", absl::StrCat(kCm, "/a"), R"({"metadata":{"labels":{"on":"yes"}}})", kMerge);
  client.Ask("PATCH", absl::StrCat(kCm, "/a"), R"({"metadata":{"labels":{"on":"no"}}})", kMerge);
  CHECK(watcher.Event() == "ADDED a");
  CHECK(watcher.Event() == "DELETED a");

  client.Ask("POST", kCm, ConfigMap("b"));
  Watcher one(api.port(), absl::StrCat(kCm, "/b?watch=true"));
  CHECK(one.Event() == "ADDED b");
  client.Ask("DELETE", absl::StrCat(kCm, "/a"));
  client.Ask("DELETE", absl::StrCat(kCm, "/b"));
  CHECK(one.Event() == "DELETED b");
}

TEST_CASE("WatchListsEndWithABookmark") {
  ServedApi api;
  RawClient client(api.port());
  client.Ask("POST", kCm, ConfigMap("a"));
  Watcher watcher(api.port(),
                  absl::StrCat(kCm,
                               "?watch=true&sendInitialEvents=true&allowWatchBookmarks=true"
                               "&resourceVersionMatch=NotOlderThan"));
  CHECK(watcher.Event() == "ADDED a");
  const std::string bookmark = watcher.Line();
  CHECK(absl::StartsWith(bookmark, R"({"type":"BOOKMARK")"));
  CHECK(absl::StrContains(bookmark, R"("k8s.io/initial-events-end":"true")"));
}

TEST_CASE("AWatchThatEndsTellsHowFarItHasCome") {
  ServedApi api;
  RawClient client(api.port());
  const std::string list = client.Ask("GET", kCm).body;
  const std::string from = JsonRevision(list);
  Watcher watcher(api.port(),
                  absl::StrCat(kCm, "?watch=1&allowWatchBookmarks=true&timeoutSeconds=1",
                               "&resourceVersion=", from));
  // Of something else.
  const std::string secret = client
                                 .Ask("POST", "/api/v1/namespaces/default/secrets",
                                      R"({"kind":"Secret","metadata":{"name":"s"}})")
                                 .body;
  const std::string bookmark = watcher.Line();
  CHECK(absl::StartsWith(bookmark, R"({"type":"BOOKMARK","object":{"kind":"ConfigMap")"));
  CHECK(JsonRevision(bookmark) == JsonRevision(secret));
  CHECK_FALSE(absl::StrContains(bookmark, "initial-events-end"));
  CHECK(watcher.Line().empty());
}

TEST_CASE("AWatchEndsWhenItsTimeIsOver") {
  ServedApi api;
  Watcher watcher(api.port(), absl::StrCat(kCm, "?watch=true&timeoutSeconds=1"));
  CHECK(watcher.Line().empty());
}

TEST_CASE("AWatchFromTheFutureIsRefused") {
  ServedApi api;
  RawClient client(api.port());
  const auto answer = client.Ask("GET", absl::StrCat(kCm, "?watch=true&resourceVersion=999999"));
  CHECK(answer.status >= 400);
  CHECK(absl::StrContains(answer.body, R"("kind":"Status")"));
  CHECK(client.Ask("GET", "/livez").status == 200);
}

TEST_CASE("TableWatchesNameTheirColumnsOnce") {
  ServedApi api;
  RawClient client(api.port());
  client.Ask("POST", kCm, ConfigMap("a"));
  client.Ask("POST", kCm, ConfigMap("b"));
  Watcher watcher(api.port(), absl::StrCat(kCm, "?watch=true"),
                  "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n");
  CHECK(absl::StrContains(watcher.Line(), R"("columnDefinitions":[{)"));
  CHECK(absl::StrContains(watcher.Line(), R"("columnDefinitions":null)"));
}

TEST_CASE("BinaryWatchesAreFramedByLength") {
  ServedApi api;
  RawClient client(api.port());
  client.Ask("POST", kCm, ConfigMap("a"));
  Watcher watcher(api.port(), absl::StrCat(kCm, "?watch=true"),
                  "Accept: application/vnd.kubernetes.protobuf\r\n");
  CHECK(absl::StrContains(watcher.head(), "application/vnd.kubernetes.protobuf;stream=watch"));
  const std::string frame = watcher.Chunk();
  REQUIRE(frame.size() > 4);
  size_t length = 0;
  for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(frame[i]);
  REQUIRE(length == frame.size() - 4);
  metav1::WatchEvent event;
  REQUIRE(event.ParseFromString(frame.substr(4)));
  CHECK(event.type() == "ADDED");
  const auto envelope = api::OpenEnvelope(event.object().raw());
  REQUIRE(envelope.ok());
  CHECK(envelope->kind == "ConfigMap");
}

// A node that says what it was asked, or plays one of several parts by the container's name.
class PlayedNode final : public client::NodeApi, public client::NodeDirectory {
 public:
  client::NodeApi* Find(absl::string_view name) override { return name == "n1" ? this : nullptr; }

  void StreamLogs(const std::string& name_space, const std::string& name,
                  client::LogOptions options, Executor* reply_on, client::LogSink sink,
                  absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<client::LogStream>>) &&>
                      started) override {
    reply_on->Post([this, name_space, name, options, sink = std::move(sink),
                    started = std::move(started)]() mutable {
      if (options.container == "waiting") {
        std::move(started)(absl::InvalidArgumentError("container \"waiting\" is waiting to start"));
        return;
      }
      std::move(started)(std::make_unique<Stream>(&open_, sink));
      sink.on_data(absl::StrCat(
          name_space, "/", name, "/", options.container, " follow=", options.follow,
          " previous=", options.previous, " timestamps=", options.timestamps,
          " tail=", options.tail_lines.value_or(-1), " limit=", options.limit_bytes.value_or(-1),
          " offset=", options.offset_bytes, " since=",
          options.since ? absl::FormatTime("%Y", *options.since, absl::UTCTimeZone()) : "", "\n"));
      if (!options.follow) sink.on_end(absl::OkStatus());
    });
  }

  int open() const { return open_; }

 private:
  struct Stream final : client::LogStream {
    Stream(std::atomic<int>* open, client::LogSink sink) : open_(open), sink_(std::move(sink)) {
      ++*open_;
    }
    ~Stream() override { --*open_; }
    std::atomic<int>* open_;
    client::LogSink sink_;
  };
  std::atomic<int> open_ = 0;
};

std::string Pod(absl::string_view name, absl::string_view node, absl::string_view containers) {
  std::string list;
  for (const absl::string_view one : absl::StrSplit(containers, ' ')) {
    absl::StrAppend(&list, list.empty() ? "" : ",", R"({"image":"i","name":")", one, "\"}");
  }
  return absl::StrCat(R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":")", name,
                      R"("},"spec":{"nodeName":")", node, R"(","containers":[)", list, "]}}");
}

TEST_CASE("LogsComeFromThePodsNode") {
  PlayedNode node;
  ServedApi api({}, &node);
  RawClient client(api.port());
  REQUIRE(client.Ask("POST", kPods, Pod("p", "n1", "c")).status == 201);
  REQUIRE(client.Ask("POST", kPods, Pod("two", "n1", "a b")).status == 201);
  REQUIRE(client.Ask("POST", kPods, Pod("lost", "n2", "c")).status == 201);
  REQUIRE(client.Ask("POST", kPods, Pod("w", "n1", "waiting")).status == 201);
  const auto log = [&](absl::string_view rest) {
    return client.Ask("GET", absl::StrCat(kPods, "/", rest));
  };
  const auto plain = log("p/log");
  CHECK(plain.status == 200);
  CHECK(absl::StrContains(plain.head, "text/plain"));
  CHECK(plain.body ==
        "default/p/c follow=0 previous=0 timestamps=0 tail=-1 limit=-1 offset=0 since=\n");
  CHECK(log("p/log?container=c&previous=true&timestamps=true&tailLines=5&limitBytes=9&offsetBytes=7"
            "&sinceTime=2020-01-02T03:04:05Z")
            .body ==
        "default/p/c follow=0 previous=1 timestamps=1 tail=5 limit=9 offset=7 since=2020\n");
  CHECK(absl::StrContains(log("two/log").body,
                          "a container name must be specified for pod two, choose one of: [a b]"));
  CHECK(log("two/log?container=b").status == 200);
  CHECK(absl::StrContains(log("two/log?container=x").body, "container x is not valid for pod two"));
  CHECK(log("lost/log").status == 503);
  CHECK(log("none/log").status == 404);
  CHECK(log("p/log?tailLines=x").status == 400);
  const auto waiting = log("w/log");
  CHECK(waiting.status == 400);
  CHECK(absl::StrContains(waiting.body, "waiting to start"));
}

TEST_CASE("FollowedLogsEndWithTheirReader") {
  PlayedNode node;
  ServedApi api({}, &node);
  {
    RawClient client(api.port());
    REQUIRE(client.Ask("POST", kPods, Pod("p", "n1", "c")).status == 201);
    client.Send(absl::StrCat("GET ", kPods, "/p/log?follow=true HTTP/1.1\r\nHost: h\r\n\r\n"));
    client.ReadUntil("\r\n\r\n");
    CHECK(absl::StartsWith(client.ReadChunk(), "default/p/c follow=1"));
    CHECK(node.open() == 1);
  }
  // The server notices; whatever it answers next comes after it has.
  RawClient next(api.port());
  for (int i = 0; i < 1000 && node.open() != 0; ++i) next.Ask("GET", "/livez");
  CHECK(node.open() == 0);
}

}  // namespace
}  // namespace skiff::apiserver::http
