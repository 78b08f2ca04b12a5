#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "apiserver/http/parser.h"

namespace skiff::apiserver::http {
namespace {

using State = RequestParser::State;

// Feeds `bytes` in pieces of `step`, as a socket would; returns the last state.
State FeedAll(RequestParser& parser, absl::string_view bytes, size_t step, size_t* rest = nullptr) {
  std::string held;
  State state = State::kMore;
  while (true) {
    const size_t n = std::min(step, bytes.size());
    held.append(bytes.data(), n);
    bytes.remove_prefix(n);
    size_t used = 0;
    state = parser.Feed(held, &used);
    held.erase(0, used);
    if (state == State::kDone || state == State::kFailed || (n == 0 && bytes.empty())) break;
  }
  if (rest != nullptr) *rest = held.size() + bytes.size();
  return state;
}

int StatusOf(absl::string_view bytes) {
  RequestParser parser((ParserLimits()));
  if (FeedAll(parser, bytes, 4096) != State::kFailed) return 0;
  return parser.error_status();
}

TEST_CASE("RequestsComeWholeHoweverTheyAreCut") {
  const std::string bytes =
      "POST /api/v1/namespaces/a%20b/pods?watch=true&labelSelector=app%3Dweb+x&empty HTTP/1.1\r\n"
      "Host: h\r\nX-Two: a\r\nx-two: b\r\nContent-Length: 5\r\n\r\nhelloNEXT";
  for (const size_t step : {1, 2, 3, 7, 64, 4096}) {
    RequestParser parser((ParserLimits()));
    size_t rest = 0;
    REQUIRE(FeedAll(parser, bytes, step, &rest) == State::kDone);
    CHECK(rest == 4);
    const Request request = parser.TakeRequest();
    CHECK(request.method == "POST");
    CHECK(request.path == "/api/v1/namespaces/a b/pods");
    CHECK(request.Query("labelSelector") == "app=web x");
    CHECK(request.HasQuery("empty"));
    CHECK_FALSE(request.HasQuery("none"));
    CHECK(request.Header("x-two") == "a, b");
    CHECK(request.body == "hello");
    CHECK(request.keep_alive);
    CHECK_FALSE(parser.started());
  }
}

TEST_CASE("ChunkedBodiesAreJoined") {
  const std::string bytes =
      "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
  for (const size_t step : {1, 5, 4096}) {
    RequestParser parser((ParserLimits()));
    REQUIRE(FeedAll(parser, bytes, step) == State::kDone);
    CHECK(parser.TakeRequest().body == "abcde");
  }
}

TEST_CASE("ClientsThatWaitForLeaveAreToldOnce") {
  RequestParser parser((ParserLimits()));
  size_t used = 0;
  const std::string head =
      "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  CHECK(parser.Feed(head, &used) == State::kExpectContinue);
  CHECK(used == head.size());
  CHECK(parser.Feed("a", &used) == State::kMore);
  CHECK(parser.Feed("b", &used) == State::kDone);
  CHECK(parser.TakeRequest().body == "ab");
}

TEST_CASE("OldClientsAreNotKept") {
  RequestParser parser((ParserLimits()));
  REQUIRE(FeedAll(parser, "GET / HTTP/1.0\r\n\r\n", 4096) == State::kDone);
  const Request old = parser.TakeRequest();
  CHECK_FALSE(old.keep_alive);
  CHECK(old.version == 10);
  REQUIRE(FeedAll(parser, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 4096) ==
          State::kDone);
  CHECK_FALSE(parser.TakeRequest().keep_alive);
}

TEST_CASE("MalformedRequestsAreRefused") {
  CHECK(StatusOf("nonsense\r\n\r\n") == 400);
  CHECK(StatusOf("GET\r\n\r\n") == 400);
  CHECK(StatusOf("GET relative HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(StatusOf("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(StatusOf("GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n") == 400);
  CHECK(StatusOf("GET / HTTP/9.9\r\nHost: h\r\n\r\n") == 400);
  CHECK(StatusOf("GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n") == 400);
  CHECK(StatusOf("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n") == 400);
  CHECK(StatusOf("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n") == 400);
  CHECK(StatusOf("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") == 400);
  // Without Host, RFC 9112 section 3.2 asks for a refusal.
  CHECK(StatusOf("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(StatusOf(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n") ==
        400);
}

// Two lengths are how requests are smuggled past proxies (RFC 9112 section 11.2).
TEST_CASE("ContradictingLengthsAreRefused") {
  CHECK(StatusOf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400);
  CHECK(StatusOf("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                 "Content-Length: 3\r\n\r\n0\r\n\r\n") == 400);
  CHECK(StatusOf(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd") ==
        400);
}

TEST_CASE("LimitsHaveTheirOwnAnswers") {
  CHECK(StatusOf(absl::StrCat("GET /", std::string(70'000, 'a'), " HTTP/1.1\r\nHost: h\r\n\r\n")) ==
        431);
  CHECK(StatusOf(absl::StrCat("GET / HTTP/1.1\r\nHost: h\r\nX: ", std::string(70'000, 'a'),
                              "\r\n\r\n")) == 431);
  CHECK(StatusOf(std::string(70'000, 'a')) != 0);
  // Refused by its length, before any of it has come.
  CHECK(StatusOf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10485760\r\n\r\n") == 413);
  std::string chunks = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100; ++i)
    absl::StrAppend(&chunks, "10000\r\n", std::string(65536, 'x'), "\r\n");
  CHECK(StatusOf(chunks) == 413);
}

TEST_CASE("QueriesKeepWhatTheyCanRead") {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(ParseQuery("").empty());
  CHECK(ParseQuery("a=1&a=2&&b") == Pairs{{"a", "1"}, {"a", "2"}, {"b", ""}});
  CHECK(ParseQuery("k%3D=v%26w") == Pairs{{"k=", "v&w"}});
  CHECK(ParseQuery("%zz=1&ok=1") == Pairs{{"ok", "1"}});
}

}  // namespace
}  // namespace skiff::apiserver::http
