// What YAML's plain scalars, documents and mistakes become, as sigs.k8s.io/yaml has them.
#include <catch2/catch.hpp>

#include "api/codec.h"

namespace skiff::api {
namespace {

std::string Json(const std::string& yaml) {
  const auto texts = YamlToJson(yaml);
  if (!texts.ok()) return std::string(texts.status().message());
  std::string all;
  for (const std::string& text : *texts) all += (all.empty() ? "" : " | ") + text;
  return all;
}

TEST_CASE("PlainScalarsMeanWhatTheyLookLike") {
  const std::pair<const char*, const char*> table[] = {
      {"0.1", "0.1"},
      {"0.5", "0.5"},
      {"-2.25", "-2.25"},
      {".5", "0.5"},
      {"1.", "1"},
      {"1e3", "1000"},
      {"1.5E-3", "0.0015"},
      {"+7", "7"},
      {"0x1F", "31"},
      {"0o17", "15"},
      {"017", "15"},
      {"0b101", "5"},
      {"1_000", "1000"},
      {"-0", "0"},
      {"true", "true"},
      {"yes", "true"},
      {"off", "false"},
      {"[~]", "[null]"},
      {"[null]", "[null]"},
      {"1.2.3", "\"1.2.3\""},
      {".", "\".\""},
      {"1e", "\"1e\""},
      {"e3", "\"e3\""},
      {"1e999", "\"1e999\""},
      {"-", "[null]"},
      {"'1'", "\"1\""},
      {"\"true\"", "\"true\""},
      {"08", "8"},
      {"18446744073709551615", "18446744073709551615"},
      {"2001-01-01", "\"2001-01-01\""},
  };
  for (const auto& [yaml, json] : table) {
    INFO(yaml);
    CHECK(Json(yaml) == json);
  }
}

TEST_CASE("FlowStyleWithQuotesIsYaml") {
  CHECK(Json("{a: \"b\"}") == R"({"a":"b"})");
  CHECK(Json("{\"a\" 1}").find("column") != std::string::npos);
}

// In time by its square, this would take minutes.
TEST_CASE("DepthIsRefusedAsSoonAsItIsSeen") {
  for (const char* open : {"[", "{a: ", "- ", "[{a: "}) {
    std::string deep;
    while (deep.size() < 1'000'000) deep += open;
    CHECK(Json(deep).find("nested deeper than 200 levels") != std::string::npos);
  }
  std::string wide = "[";
  for (int i = 0; i < 300; ++i) wide += "[1],";
  CHECK(Json(wide + "[{a: b}]]").find("malformed") == std::string::npos);
}

TEST_CASE("ManyAnchorsAreRefused") {
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += "- &a" + std::to_string(i) + " x\n";
  CHECK(Json(many).find("line 1001, column 3: more than 1000 anchors") != std::string::npos);
  std::string script = "a: |\n";
  for (int i = 0; i < 2'000; ++i) script += "  b && c\n";
  CHECK(Json(script).find("malformed") == std::string::npos);
}

TEST_CASE("EveryDocumentOfAStreamIsRead") {
  CHECK(Json("a: 1\n---\n---\nb: [x, 2]\n") == R"({"a":1} | {"b":["x",2]})");
  CHECK(Json("# nothing\n") == "");
}

TEST_CASE("MistakesNameTheirLine") {
  CHECK(Json("a: 1\nb: [1,\n").find("line 3") != std::string::npos);
  CHECK(Json("a: 1\n\tb: 2\n").find("line 2") != std::string::npos);
  CHECK(Json("a: 1\na: 2\n").find("\"a\"") != std::string::npos);
  CHECK(Json("a: &x [*x]\n").size() > 10);
}

}  // namespace
}  // namespace skiff::api
