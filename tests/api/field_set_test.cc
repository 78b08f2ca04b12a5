#include "api/field_set.h"

#include <catch2/catch.hpp>

#include "base/rng.h"

namespace skiff::api {
namespace {

FieldSet Set(absl::string_view json) {
  auto set = FieldSet::Parse(json);
  INFO(json << ": " << set.status().message());
  REQUIRE(set.ok());
  return *std::move(set);
}

TEST_CASE("WhatIsReadIsPrintedInOneOrder") {
  struct Row {
    const char* json;
    const char* printed;
  };
  const Row rows[] = {
      {R"({})", R"({})"},
      {R"({"f:spec":{"f:replicas":{}}})", R"({"f:spec":{"f:replicas":{}}})"},
      // A path and what is below it.
      {R"({"f:a":{"f:b":{},".":{}}})", R"({"f:a":{".":{},"f:b":{}}})"},
      {R"({"f:a":{".":{}}})", R"({"f:a":{}})"},
      // Names by their bytes, then keys, values and places.
      {R"({"i:2":{},"v:\"x\"":{},"k:{\"name\":\"a\"}":{},"f:b":{},"f:a":{},"f:B":{}})",
       R"({"f:B":{},"f:a":{},"f:b":{},"k:{\"name\":\"a\"}":{},"v:\"x\"":{},"i:2":{}})"},
      // Numbers by value, before strings, before booleans.
      {R"({"v:10":{},"v:9":{},"v:\"1\"":{},"v:true":{},"v:false":{},"v:-1":{}})",
       R"({"v:-1":{},"v:9":{},"v:10":{},"v:\"1\"":{},"v:false":{},"v:true":{}})"},
      {R"({"i:10":{},"i:9":{}})", R"({"i:9":{},"i:10":{}})"},
      {R"({"k:{\"port\":80,\"protocol\":\"UDP\"}":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{},)"
       R"("k:{\"port\":9,\"protocol\":\"TCP\"}":{}})",
       R"({"k:{\"port\":9,\"protocol\":\"TCP\"}":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{},)"
       R"("k:{\"port\":80,\"protocol\":\"UDP\"}":{}})"},
      {R"({"k:{\"name\":\"ab\"}":{},"k:{\"name\":\"a\"}":{},"k:{\"name\":\"a-\"}":{}})",
       R"({"k:{\"name\":\"a\"}":{},"k:{\"name\":\"a-\"}":{},"k:{\"name\":\"ab\"}":{}})"},
      // One text a key, however it was written.
      {R"({"k:{ \"protocol\": \"TCP\", \"port\" : 8e1 }":{}})",
       R"({"k:{\"port\":80,\"protocol\":\"TCP\"}":{}})"},
      {R"({"v:\"a\\\"b\"":{},"f:é\"":{}})", R"({"f:é\"":{},"v:\"a\\\"b\"":{}})"},
      // What a later version may know.
      {R"({"x:new":{"f:a":{}},"f:b":{}})", R"({"f:b":{}})"},
      {R"({"f:a":{"x:new":{}}})", R"({"f:a":{}})"},
      {R"( { "f:a" : { } , "f:b" : { } } )", R"({"f:a":{},"f:b":{}})"},
      {R"({"f:a":{"f:x":{}},"f:b":{},"f:a":{"f:y":{}}})",
       R"({"f:a":{"f:x":{},"f:y":{}},"f:b":{}})"},
  };
  for (const Row& row : rows) {
    const FieldSet set = Set(row.json);
    CHECK(set.ToJson() == row.printed);
    CHECK(Set(set.ToJson()) == set);
  }
}

TEST_CASE("WhatIsNoFieldsV1IsRefused") {
  for (const char* json :
       {"", "null", "[]", "3", "{", R"({"f:a"})", R"({"f:a":3})", R"({"f:a":{})", R"({"f:a":{}}x)",
        R"({"a":{}})", R"({"fa":{}})", R"({"i:x":{}})", R"({"k:x":{}})", R"({"k:[1]":{}})",
        R"({"v:":{}})", R"({"f:a":{},})", R"({f:a:{}})", R"({"f:a":{"f:b":null}})"}) {
    INFO(json);
    CHECK_FALSE(FieldSet::Parse(json).ok());
  }
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "{\"f:a\":";
  CHECK_FALSE(FieldSet::Parse(deep).ok());
}

TEST_CASE("SetsAreCombinedAsKubernetesCombinesThem") {
  struct Row {
    const char* a;
    const char* b;
    const char* together;
    const char* shared;
    const char* difference;
    const char* recursive;
  };
  const Row rows[] = {
      {R"({})", R"({"f:a":{}})", R"({"f:a":{}})", R"({})", R"({})", R"({})"},
      {R"({"f:a":{},"f:b":{}})", R"({"f:b":{},"f:c":{}})", R"({"f:a":{},"f:b":{},"f:c":{}})",
       R"({"f:b":{}})", R"({"f:a":{}})", R"({"f:a":{}})"},
      // A path is not what is below it.
      {R"({"f:a":{"f:b":{}}})", R"({"f:a":{}})", R"({"f:a":{".":{},"f:b":{}}})", R"({})",
       R"({"f:a":{"f:b":{}}})", R"({})"},
      {R"({"f:a":{}})", R"({"f:a":{"f:b":{}}})", R"({"f:a":{".":{},"f:b":{}}})", R"({})",
       R"({"f:a":{}})", R"({"f:a":{}})"},
      {R"({"f:a":{".":{},"f:b":{"f:c":{}},"f:d":{}}})", R"({"f:a":{"f:b":{}}})",
       R"({"f:a":{".":{},"f:b":{".":{},"f:c":{}},"f:d":{}}})", R"({})",
       R"({"f:a":{".":{},"f:b":{"f:c":{}},"f:d":{}}})", R"({"f:a":{".":{},"f:d":{}}})"},
      {R"({"k:{\"n\":1}":{".":{},"f:n":{}},"k:{\"n\":2}":{}})", R"({"k:{\"n\":1}":{"f:n":{}}})",
       R"({"k:{\"n\":1}":{".":{},"f:n":{}},"k:{\"n\":2}":{}})", R"({"k:{\"n\":1}":{"f:n":{}}})",
       R"({"k:{\"n\":1}":{},"k:{\"n\":2}":{}})", R"({"k:{\"n\":1}":{},"k:{\"n\":2}":{}})"},
  };
  for (const Row& row : rows) {
    const FieldSet a = Set(row.a);
    const FieldSet b = Set(row.b);
    INFO(row.a << " and " << row.b);
    CHECK(a.Union(b).ToJson() == row.together);
    CHECK(b.Union(a).ToJson() == row.together);
    CHECK(a.Intersection(b).ToJson() == row.shared);
    CHECK(a.Difference(b).ToJson() == row.difference);
    CHECK(a.RecursiveDifference(b).ToJson() == row.recursive);
  }
}

TEST_CASE("LeavesHaveNothingBelowThem") {
  CHECK(Set(R"({"f:a":{".":{},"f:b":{}},"f:c":{}})").Leaves().ToJson() ==
        R"({"f:a":{"f:b":{}},"f:c":{}})");
}

TEST_CASE("PathsAreReadAsPeopleWriteThem") {
  const FieldSet set =
      Set(R"({"f:spec":{".":{},"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},)"
          R"("f:port":{}}},)"
          R"("f:finalizers":{"v:\"x/y\"":{}},"f:list":{"i:3":{}}},"f:kind":{}})");
  std::vector<std::string> paths;
  set.ForEach([&](absl::Span<const PathStep> path) { paths.push_back(PathToString(path)); });
  const std::vector<std::string> want = {".kind",
                                         ".spec",
                                         ".spec.finalizers[=\"x/y\"]",
                                         ".spec.list[3]",
                                         ".spec.ports[port=80,protocol=\"TCP\"]",
                                         ".spec.ports[port=80,protocol=\"TCP\"].port"};
  CHECK(paths == want);
  CHECK(set.size() == want.size());
}

// Sets of few names, so that they meet.
FieldSet Random(Rng* rng, int depth) {
  FieldSet out;
  const std::string steps[] = {"a", "b", R"({"n":"x"})", R"({"n":"y","p":1})", R"("v")", "7"};
  for (uint64_t paths = rng->Below(9); paths > 0; --paths) {
    FieldPath path;
    for (uint64_t length = 1 + rng->Below(static_cast<uint64_t>(depth)); length > 0; --length) {
      const auto which = rng->Below(6);
      const PathStep::Kind kind = which < 2   ? PathStep::Kind::kField
                                  : which < 4 ? PathStep::Kind::kKey
                                              : PathStep::Kind::kValue;
      path.push_back({kind, steps[which]});
    }
    out.Insert(path);
  }
  return out;
}

TEST_CASE("TheLawsOfSetsHold") {
  Rng rng(20261121);
  for (int round = 0; round < 3000; ++round) {
    const FieldSet a = Random(&rng, 4);
    const FieldSet b = Random(&rng, 4);
    INFO(a.ToJson() << " and " << b.ToJson());
    CHECK(Set(a.ToJson()) == a);
    CHECK(a.Union(b) == b.Union(a));
    CHECK(a.Intersection(b) == b.Intersection(a));
    CHECK(a.Difference(b).Union(a.Intersection(b)) == a);
    CHECK(a.Difference(b).Intersection(b).empty());
    CHECK(a.Union(b).size() + a.Intersection(b).size() == a.size() + b.size());
    CHECK(a.RecursiveDifference(b).Difference(a).empty());
    CHECK(a.Difference(a).empty());
    a.ForEach([&](absl::Span<const PathStep> path) {
      CHECK(a.Has(path));
      CHECK(a.Intersection(b).Has(path) == b.Has(path));
    });
  }
}

}  // namespace
}  // namespace skiff::api
