#include "cluster/three_way.h"

#include <catch2/catch.hpp>

#include "api/types.h"
#include "cluster/wait_condition.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;

std::string Patch(const char* last, const char* applied) {
  return ThreeWayPatch(*JsonValue::Parse(last), *JsonValue::Parse(applied),
                       corev1::Pod::descriptor())
      .ToString();
}

TEST_CASE("WhatOnlyTheLastApplyHadIsRemoved") {
  CHECK(Patch(R"({"metadata":{"labels":{"a":"1","b":"2"}}})",
              R"({"metadata":{"labels":{"a":"1"}}})") ==
        R"({"metadata":{"labels":{"a":"1","b":null}}})");
}

TEST_CASE("ListsWithAMergeKeyLoseItemsByKey") {
  CHECK(Patch(R"({"spec":{"containers":[{"name":"a"},{"name":"b","image":"x"}]}})",
              R"({"spec":{"containers":[{"name":"a","image":"y"}]}})") ==
        R"({"spec":{"containers":[{"name":"a","image":"y"},{"name":"b","$patch":"delete"}]}})");
}

TEST_CASE("OtherListsAreReplaced") {
  CHECK(Patch(R"({"spec":{"containers":[{"name":"a","args":["1"]}]}})",
              R"({"spec":{"containers":[{"name":"a","args":["2","3"]}]}})") ==
        R"({"spec":{"containers":[{"name":"a","args":["2","3"]}]}})");
}

TEST_CASE("TheAnnotationRemembersTheManifestWithoutItself") {
  const JsonValue applied = *JsonValue::Parse(R"({"kind":"Pod","metadata":{"name":"x"}})");
  const JsonValue once = WithLastApplied(applied);
  CHECK(WithLastApplied(once) == once);
  CHECK(LastAppliedOf(once).Find("kind")->text() == "Pod");
}

TEST_CASE("ConditionsAreReadAsKubectlReadsThem") {
  const JsonValue object = *JsonValue::Parse(
      R"({"metadata":{"generation":2,"labels":{"a.b/c":"d"}},"status":{"observedGeneration":2,
          "phase":"Running","conditions":[{"type":"Ready","status":"True"}],"list":[{"x":1}]}})");
  const std::vector<std::pair<const char*, bool>> cases = {
      {"condition=Ready", true},
      {"condition=ready=true", true},
      {"condition=Ready=False", false},
      {"condition=Other", false},
      {"jsonpath={.status.phase}=Running", true},
      {"jsonpath={.status.phase}=Pending", false},
      {"jsonpath={.status.list[0].x}=1", true},
      {"jsonpath={.status.none}", false},
      {"jsonpath={.status.phase}", true},
      {"jsonpath={.metadata.labels.a\\.b/c}=d", true},
      {"delete", false}};
  for (const auto& [text, holds] : cases) {
    INFO(text);
    const auto condition = WaitCondition::Parse(text);
    REQUIRE(condition.ok());
    CHECK(condition->Holds(object) == holds);
  }
  for (const char* bad : {"", "condition=", "ready", "jsonpath={", "jsonpath={}=x"}) {
    CHECK_FALSE(WaitCondition::Parse(bad).ok());
  }
}

}  // namespace
}  // namespace skiff::cluster
