#include "api/json_value.h"

#include <catch2/catch.hpp>

namespace skiff::api {
namespace {

std::string Again(absl::string_view text) {
  const absl::StatusOr<JsonValue> value = JsonValue::Parse(text);
  return value.ok() ? value->ToString() : std::string(value.status().message());
}

TEST_CASE("JsonKeepsOrderAndTheTextOfNumbers") {
  for (const char* text : {"null", "true", "false", "0", "-1.50e+3", "12345678901234567890123",
                           "\"x\"", "[]", "{}", R"({"b":1,"a":[1,"2",null,{"c":true}]})",
                           "\"\\n\\t\\\"\\\\\"", "\"\xc3\xa9\xf0\x9f\x98\x80\""}) {
    CHECK(Again(text) == text);
  }
  CHECK(Again(" { \"a\" : [ 1 , 2 ] } \n") == R"({"a":[1,2]})");
  CHECK(Again("\"\\u00e9\\ud83d\\ude00\\/\"") == "\"\xc3\xa9\xf0\x9f\x98\x80/\"");
  CHECK(Again("\"\\u0001\"") == "\"\\u0001\"");
  CHECK(Again(R"({"a":1,"a":2})") == R"({"a":2})");
  CHECK(Again("\"\\ud83d\"") == "\"\xef\xbf\xbd\"");
}

TEST_CASE("MalformedJsonIsToldWithLineAndColumn") {
  const std::pair<const char*, const char*> rows[] = {
      {"", "line 1, column 1"},         {"{\n  \"a\": }", "line 2, column 8"},
      {"[1, 2", "line 1, column 6"},    {"{\"a\" 1}", "line 1, column 6"},
      {"[1,]", "line 1, column 4"},     {"01", "line 1, column 3"},
      {"1 2", "line 1, column 3"},      {"\"a", "line 1, column 3"},
      {"\"a\nb\"", "line 1, column 3"}, {"tru", "line 1, column 1"},
      {"\"\\x\"", "line 1, column 2"},  {"\"\xff\"", "line 1, column 2"},
      {"nullx", "line 1, column 5"},    {"1.", "line 1, column 3"},
      {"{'a': 1}", "line 1, column 2"},
  };
  for (const auto& [text, place] : rows) {
    INFO(text << " -> " << Again(text));
    CHECK(Again(text).find(place) != std::string::npos);
  }
}

TEST_CASE("JsonNestedTooDeepIsRefused") {
  CHECK(Again(std::string(200, '[') + std::string(200, ']')).size() == 400);
  CHECK(Again(std::string(100'000, '[')).find("deeper") != std::string::npos);
}

TEST_CASE("EqualityIsByValue") {
  const auto same = [](const char* a, const char* b) {
    return *JsonValue::Parse(a) == *JsonValue::Parse(b);
  };
  CHECK(same("1", "1.0"));
  CHECK(same(R"({"a":1,"b":2})", R"({"b":2,"a":1})"));
  CHECK_FALSE(same("9007199254740993", "9007199254740992"));
  CHECK_FALSE(same("[1,2]", "[2,1]"));
  CHECK_FALSE(same("1", "\"1\""));
  CHECK_FALSE(same("{}", "[]"));
}

TEST_CASE("BytesThatAreNoUtf8AreReplacedWhenPrinted") {
  CHECK(JsonString("a\xff"
                   "b") ==
        "\"a\xef\xbf\xbd"
        "b\"");
}

TEST_CASE("WhatNeedsAnEscapeIsFoundWhereverItStands") {
  const std::pair<std::string, std::string> kSpecials[] = {{"\"", "\\\""},
                                                           {"\\", "\\\\"},
                                                           {"\n", "\\n"},
                                                           {"\x1f", "\\u001f"},
                                                           {std::string(1, '\0'), "\\u0000"},
                                                           {"\x7f", "\x7f"},
                                                           {"\xc3\xa9", "\xc3\xa9"},
                                                           {"\xc3", "\xef\xbf\xbd"},
                                                           {"", ""}};
  for (size_t before = 0; before < 20; ++before) {
    for (size_t after = 0; after < 20; ++after) {
      for (const auto& [special, written] : kSpecials) {
        const std::string a(before, '!');
        const std::string b(after, '~');
        const std::string json = JsonString(a + special + b);
        REQUIRE(json == "\"" + a + written + b + "\"");
        const auto read = JsonValue::Parse(json);
        REQUIRE(read.ok());
        if (written != "\xef\xbf\xbd") REQUIRE(read->text() == a + special + b);
      }
    }
  }
}

// In time by the square of their number, this would take minutes.
TEST_CASE("ManyMembersAreRead") {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i)
    text += "\"k" + std::to_string(i % 150'000) + "\":" + std::to_string(i) + ",";
  text.back() = '}';
  const auto value = JsonValue::Parse(text);
  REQUIRE(value.ok());
  CHECK(value->entries().size() == 150'000);
  CHECK(value->entries()[7].second.text() ==
        "150007");  // The last of a name, in the first's place.
  CHECK(value->entries()[60'000].second.text() == "60000");
  CHECK(*value == *JsonValue::Parse(value->ToString()));
}

}  // namespace
}  // namespace skiff::api
