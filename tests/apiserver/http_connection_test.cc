// The wire itself, over a real loopback socket: order, limits, ends.
#include "tests/apiserver/http_fixture.h"

namespace skiff::apiserver::http {
namespace {

constexpr char kCm[] = "/api/v1/namespaces/default/configmaps";

std::string ConfigMap(absl::string_view name, size_t bytes = 1) {
  return absl::StrCat(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":")", name,
                      R"("},"data":{"a":")", std::string(bytes, 'x'), "\"}}");
}

std::string Post(absl::string_view body, absl::string_view headers = "") {
  return absl::StrCat("POST ", kCm, " HTTP/1.1\r\nHost: h\r\n", headers,
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
}

TEST_CASE("RequestsSentAheadAreAnsweredInOrder") {
  ServedApi api;
  RawClient client(api.port());
  // Writes are answered later than reads would be; they come first all the same.
  client.Send(Post(ConfigMap("a")) + "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n" +
              Post(ConfigMap("b")) + "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n" +
              absl::StrCat("GET ", kCm, "/b HTTP/1.1\r\nHost: h\r\n\r\n"));
  CHECK(client.ReadAnswer().status == 201);
  CHECK(client.ReadAnswer().body == "ok");
  CHECK(client.ReadAnswer().status == 201);
  CHECK(client.ReadAnswer().status == 404);
  const auto last = client.ReadAnswer();
  CHECK(last.status == 200);
  CHECK(absl::StrContains(last.body, R"("name":"b")"));
}

TEST_CASE("AFloodOfRequestsWaitsForItsReader") {
  ConnectionLimits limits;
  limits.queued_bytes = 256 << 10;
  ServedApi api(limits);
  RawClient client(api.port());
  constexpr int kRequests = 300;
  std::string all;
  for (int i = 0; i < kRequests; ++i) all += "GET /openapi/v2 HTTP/1.1\r\nHost: h\r\n\r\n";
  REQUIRE(client.Send(all));
  size_t length = 0;
  for (int i = 0; i < kRequests; ++i) {
    const auto answer = client.ReadAnswer();
    REQUIRE(answer.status == 200);
    if (i == 0) length = answer.body.size();
    REQUIRE(answer.body.size() == length);
  }
  CHECK(length > 1000);
}

TEST_CASE("BytesOneByOneMakeARequest") {
  ServedApi api;
  RawClient client(api.port());
  for (const char byte : Post(ConfigMap("slow"))) client.Send(absl::string_view(&byte, 1));
  CHECK(client.ReadAnswer().status == 201);
}

TEST_CASE("ABodyMayComeInChunks") {
  ServedApi api;
  RawClient client(api.port());
  const std::string body = ConfigMap("chunked");
  client.Send(
      absl::StrCat("POST ", kCm, " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
  client.Send(absl::StrFormat("%x\r\n%s\r\n", 10, body.substr(0, 10)));
  client.Send(absl::StrFormat("%x\r\n%s\r\n0\r\n\r\n", body.size() - 10, body.substr(10)));
  CHECK(client.ReadAnswer().status == 201);
}

TEST_CASE("LeaveToSendABodyIsGiven") {
  ServedApi api;
  RawClient client(api.port());
  const std::string body = ConfigMap("expected");
  client.Send(absl::StrCat("POST ", kCm, " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n",
                           "Content-Length: ", body.size(), "\r\n\r\n"));
  CHECK(client.ReadUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send(body);
  CHECK(client.ReadAnswer().status == 201);
}

TEST_CASE("HeadHasNoBody") {
  ServedApi api;
  RawClient client(api.port());
  const auto head = client.Ask("HEAD", "/livez");
  CHECK(head.status == 200);
  CHECK(absl::StrContains(head.head, "Content-Length: 2\r\n"));
  CHECK(client.Ask("HEAD", "/apis").status == 200);
  CHECK(client.Ask("HEAD", absl::StrCat(kCm, "?watch=true")).status == 200);
  CHECK(client.Ask("GET", "/livez").body == "ok");
}

TEST_CASE("AClientThatHasAskedAllGetsAllAnswers") {
  ServedApi api;
  RawClient client(api.port());
  client.Send(Post(ConfigMap("h1")) + Post(ConfigMap("h2")) + Post(ConfigMap("h3")));
  client.EndOfRequests();
  for (int i = 0; i < 3; ++i) CHECK(client.ReadAnswer().status == 201);
  CHECK(client.AtEnd());
}

TEST_CASE("HalfARequestIsNotAnswered") {
  ServedApi api;
  RawClient client(api.port());
  client.Send("GET /livez HTTP/1.1\r\nHo");
  client.EndOfRequests();
  CHECK(client.AtEnd());
}

TEST_CASE("OldClientsAreServedAndClosed") {
  ServedApi api;
  RawClient client(api.port());
  client.Send("GET /livez HTTP/1.0\r\n\r\n");
  const auto answer = client.ReadAnswer();
  CHECK(answer.body == "ok");
  CHECK(client.AtEnd());

  RawClient watcher(api.port());
  watcher.Send("GET /api/v1/namespaces?watch=true&timeoutSeconds=1 HTTP/1.0\r\n\r\n");
  const std::string head = watcher.ReadUntil("\r\n\r\n");
  CHECK_FALSE(absl::StrContains(head, "chunked"));
  CHECK(absl::StartsWith(watcher.ReadUntil("\n"), R"({"type":"ADDED")"));
}

TEST_CASE("NonsenseIsAnsweredInTextAndClosed") {
  ServedApi api;
  RawClient client(api.port());
  client.Send("what is this\r\n\r\n");
  const auto answer = client.ReadAnswer();
  CHECK(answer.status == 400);
  CHECK(absl::StrContains(answer.head, "text/plain"));
  CHECK(client.AtEnd());
  // The next client is served as ever.
  CHECK(RawClient(api.port()).Ask("GET", "/livez").status == 200);
}

TEST_CASE("ABodyBeyondTheLimitIsRefusedWithAStatus") {
  ServedApi api;
  RawClient client(api.port());
  // All of it is sent, as clients do that do not listen meanwhile; the refusal must still arrive.
  CHECK(client.Send(Post(ConfigMap("big", 10 << 20))));
  const auto answer = client.ReadAnswer();
  CHECK(answer.status == 413);
  CHECK(absl::StrContains(answer.body, R"("reason":"RequestEntityTooLarge")"));
  CHECK(absl::StrContains(answer.body, "limit is 3145728"));
  CHECK(absl::StrContains(answer.head, "Connection: close"));
}

TEST_CASE("HeadersBeyondTheLimitAreRefused") {
  ServedApi api;
  RawClient client(api.port());
  client.Send(absl::StrCat("GET / HTTP/1.1\r\nX: ", std::string(100'000, 'a'), "\r\n\r\n"));
  CHECK(client.ReadAnswer().status == 431);
}

TEST_CASE("SilentClientsAreClosed") {
  ConnectionLimits limits;
  limits.header_time = absl::Milliseconds(50);
  limits.idle_time = absl::Milliseconds(50);
  ServedApi api(limits);
  RawClient nothing(api.port());
  CHECK(nothing.AtEnd());
  RawClient half(api.port());
  half.Send("GET / HT");
  CHECK(half.AtEnd());
  RawClient idle(api.port());
  CHECK(idle.Ask("GET", "/livez").status == 200);
  CHECK(idle.AtEnd());
}

TEST_CASE("AReaderThatDoesNotReadIsCutOff") {
  ConnectionLimits limits;
  limits.queued_bytes = 64 << 10;
  ServedApi api(limits);
  RawClient watcher(api.port());
  watcher.Send(absl::StrCat("GET ", kCm, "?watch=true HTTP/1.1\r\nHost: h\r\n\r\n"));
  watcher.ReadUntil("\r\n\r\n");
  RawClient writer(api.port());
  REQUIRE(writer.Ask("POST", kCm, ConfigMap("w", 1'000'000)).status == 201);
  for (int i = 0; i < 12; ++i) {
    const std::string patch = absl::StrCat(R"({"data":{"n":")", i, "\"}}");
    REQUIRE(writer
                .Ask("PATCH", absl::StrCat(kCm, "/w"), patch,
                     "Content-Type: application/merge-patch+json\r\n")
                .status == 200);
  }
  // The stream breaks off before its end: no last chunk.
  std::string all;
  while (watcher.Fill()) all = watcher.ReadBytes(1 << 20);
  CHECK_FALSE(absl::EndsWith(all, "0\r\n\r\n"));
}

TEST_CASE("StreamsEndProperlyWhenTheServerStops") {
  ServedApi api;
  RawClient watcher(api.port());
  watcher.Send("GET /api/v1/nodes?watch=true HTTP/1.1\r\nHost: h\r\n\r\n");
  watcher.ReadUntil("\r\n\r\n");
  api.http().Close();
  CHECK(watcher.ReadUntil("0\r\n\r\n") == "0\r\n\r\n");
  CHECK(watcher.AtEnd());
  api.http().Close();
}

TEST_CASE("AnAddressInUseIsNamed") {
  ServedApi api;
  UvExecutor loop("second");
  HttpServer second(&loop, {}, [](std::shared_ptr<Exchange>) {});
  const auto taken = second.Listen(api.address());
  REQUIRE_FALSE(taken.ok());
  CHECK(absl::IsAlreadyExists(taken.status()));
  CHECK(absl::StrContains(taken.status().message(), api.address()));
  for (const char* bad : {"", "nowhere", "127.0.0.1:99999", "no.such.host:80", "[::1"}) {
    CHECK(absl::IsInvalidArgument(second.Listen(bad).status()));
  }
  CHECK(second.Listen("127.0.0.1:0").ok());
  second.Close();
  loop.Stop();
  CHECK_FALSE(second.Listen("127.0.0.1:0").ok());
}

}  // namespace
}  // namespace skiff::apiserver::http
