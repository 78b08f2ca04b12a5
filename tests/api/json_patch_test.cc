#include <catch2/catch.hpp>

#include "api/errors.h"
#include "api/patch.h"

namespace skiff::api {
namespace {

std::string Patched(absl::string_view document, absl::string_view patch) {
  const absl::StatusOr<std::string> result = JsonPatch(document, patch);
  return result.ok() ? *result : std::string(result.status().message());
}

int CodeOf(absl::string_view document, absl::string_view patch) {
  return ToMetaStatus(JsonPatch(document, patch).status()).code();
}

// RFC 6902, appendix A, and corners of RFC 6901.
TEST_CASE("JsonPatchOperationsDoAsTheRfcSays") {
  struct Row {
    const char* document;
    const char* patch;
    const char* result;
  };
  const Row rows[] = {
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])",
       R"({"foo":"bar","baz":"qux"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])",
       R"({"foo":["bar","qux","baz"]})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["x"]}])",
       R"({"foo":["bar",["x"]]})"},
      {R"({"a":1,"b":2})", R"([{"op":"remove","path":"/a"}])", R"({"b":2})"},
      {R"({"foo":["a","b","c"]})", R"([{"op":"remove","path":"/foo/1"}])", R"({"foo":["a","c"]})"},
      {R"({"a":1})", R"([{"op":"replace","path":"/a","value":{"x":null}}])", R"({"a":{"x":null}})"},
      {R"({"a":{"x":1},"b":{}})", R"([{"op":"move","from":"/a/x","path":"/b/y"}])",
       R"({"a":{},"b":{"y":1}})"},
      {R"({"foo":["all","grass","cows","eat"]})",
       R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
       R"({"foo":["all","cows","eat","grass"]})"},
      {R"({"a":[1]})", R"([{"op":"copy","from":"/a","path":"/b"}])", R"({"a":[1],"b":[1]})"},
      {R"({"a":1})", R"([{"op":"test","path":"/a","value":1.0}])", R"({"a":1})"},
      {R"({"~":1,"/":2})",
       R"([{"op":"replace","path":"/~0","value":3},{"op":"remove","path":"/~1"}])", R"({"~":3})"},
      {R"({"~1":1})", R"([{"op":"remove","path":"/~01"}])", R"({})"},
      {R"({"a":1})", R"([{"op":"replace","path":"","value":[1]}])", R"([1])"},
      {R"({"":1})", R"([{"op":"remove","path":"/"}])", R"({})"},
      {R"({"metadata":{}})",
       R"([{"op":"add","path":"/metadata/labels","value":{}},)"
       R"({"op":"add","path":"/metadata/labels/a~1b","value":"c"}])",
       R"({"metadata":{"labels":{"a/b":"c"}}})"},
  };
  for (const Row& row : rows) {
    INFO(row.patch);
    CHECK(Patched(row.document, row.patch) == row.result);
  }
}

TEST_CASE("AJsonPatchThatDoesNotApplyIs422AndNamesOperationAndPath") {
  const char* document = R"({"a":{"b":1},"l":[1]})";
  CHECK(Patched(document, R"([{"op":"test","path":"/a/b","value":2}])") ==
        "operation 0 of the patch: testing value /a/b failed: test failed");
  CHECK(
      Patched(document,
              R"([{"op":"remove","path":"/a/b"},{"op":"replace","path":"/a/b","value":1}])") ==
      "operation 1 of the patch: replace operation does not apply: doc is missing path: \"/a/b\": "
      "missing value");
  for (const char* patch :
       {R"([{"op":"test","path":"/a/b","value":2}])", R"([{"op":"remove","path":"/x"}])",
        R"([{"op":"add","path":"/x/y","value":1}])", R"([{"op":"add","path":"/l/2","value":1}])",
        R"([{"op":"add","path":"/l/01","value":1}])", R"([{"op":"remove","path":"/l/-"}])",
        R"([{"op":"copy","from":"/x","path":"/y"}])",
        R"([{"op":"add","path":"/a/b/c","value":1}])"}) {
    INFO(patch);
    CHECK(CodeOf(document, patch) == 422);
  }
}

TEST_CASE("AMalformedJsonPatchIs400") {
  for (const char* patch :
       {"", "{", "{}", "[1]", R"([{"path":"/a"}])", R"([{"op":"add","path":"/a"}])",
        R"([{"op":"fly","path":"/a"}])", R"([{"op":"remove","path":"a"}])",
        R"([{"op":"move","path":"/a"}])", R"([{"op":"move","from":"/a","path":"/a/b"}])"}) {
    INFO(patch);
    CHECK(CodeOf(R"({"a":{}})", patch) == 400);
  }
  CHECK(
      Patched("{}", R"([{"op":"fly","path":"/a"}])") ==
      "operation 0 of the JSON patch: unknown op \"fly\": must be add, remove, replace, move, copy "
      "or test");
}

// RFC 7386, appendix A.
TEST_CASE("MergePatchDoesAsTheRfcSays") {
  const std::tuple<const char*, const char*, const char*> rows[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& [document, patch, result] : rows) {
    INFO(patch);
    const absl::StatusOr<std::string> merged = MergePatch(document, patch);
    REQUIRE(merged.ok());
    CHECK(*merged == result);
  }
  CHECK(ToMetaStatus(MergePatch("{}", "[]").status()).code() == 400);
}

}  // namespace
}  // namespace skiff::api
