// What changed, as fields: for messages and for documents, which must say the same.
#include "api/field_compare.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/rng.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

using google::protobuf::Message;

JsonValue DocumentOf(const Message& message) {
  std::string text;
  EncodeJson(message, {}, &text);
  return Json(text);
}

std::string Text(const absl::Status& compared, const FieldChanges& changes) {
  if (!compared.ok()) return std::string(compared.message());
  std::string out;
  for (const auto& [sign, kind] :
       {std::pair("+", FieldChanges::kAdded), std::pair("~", FieldChanges::kModified),
        std::pair("-", FieldChanges::kRemoved)}) {
    CHECK(changes.ToJson(kind) == changes.Set(kind).ToJson());
    if (changes.Any(kind)) out += sign + changes.ToJson(kind);
  }
  CHECK(changes.written() == changes.Set(FieldChanges::kWritten).size());
  return out;
}

// Both ways, which must agree.
std::string Compared(const Message& old, const Message& now, absl::string_view ignored = "{}") {
  const auto skip = FieldSet::Parse(ignored);
  REQUIRE(skip.ok());
  FieldChanges messages;
  const std::string text = Text(CompareFields(old, now, *skip, &messages), messages);
  FieldChanges documents;
  const absl::Status compared = CompareFields(MergeTypeOf(old.GetDescriptor()), DocumentOf(old),
                                              DocumentOf(now), *skip, &documents);
  // Lists that are alike are not looked into, so messages may have items without keys in them.
  if (compared.ok()) CHECK(text == Text(compared, documents));
  return text;
}

TEST_CASE("ChangesOfAPodAreItsFields") {
  struct Row {
    const char* old;
    const char* now;
    const char* changes;
  };
  const Row rows[] = {
      {R"({})", R"({})", ""},
      {R"({"metadata":{"labels":{"a":"1"}}})", R"({"metadata":{"labels":{"a":"1"}}})", ""},
      {R"({"metadata":{"labels":{"a":"1","b":"1"}}})",
       R"({"metadata":{"labels":{"b":"2","c":"3"}}})",
       R"(+{"f:metadata":{"f:labels":{"f:c":{}}}}~{"f:metadata":{"f:labels":{"f:b":{}}}})"
       R"(-{"f:metadata":{"f:labels":{"f:a":{}}}})"},
      // A map that was not there is added as such.
      {R"({})", R"({"metadata":{"labels":{"a":"1"}}})",
       R"(+{"f:metadata":{"f:labels":{".":{},"f:a":{}}}})"},
      {R"({"metadata":{"labels":{"a":"1"}}})", R"({})",
       R"(-{"f:metadata":{"f:labels":{".":{},"f:a":{}}}})"},
      // Containers are known by name, wherever they stand; the list is always there.
      {R"({"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]}})",
       R"({"spec":{"containers":[{"name":"b","image":"2"},{"name":"a","image":"1"}]}})",
       R"(~{"f:spec":{"f:containers":{"k:{\"name\":\"b\"}":{"f:image":{}}}}})"},
      {R"({"spec":{"containers":[{"name":"a"}]}})", R"({"spec":{"containers":[{"name":"b"}]}})",
       R"(+{"f:spec":{"f:containers":{"k:{\"name\":\"b\"}":{".":{},"f:name":{},)"
       R"("f:resources":{}}}}})"
       R"(-{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{},)"
       R"("f:resources":{}}}}})"},
      // Ports by their number and protocol, whose default is TCP.
      {R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80}]}]}})",
       R"({"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"x"},)"
       R"({"containerPort":80,"protocol":"UDP"}]}]}})",
       R"(+{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:ports":{)"
       R"("k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{"f:name":{}},)"
       R"("k:{\"containerPort\":80,\"protocol\":\"UDP\"}":{".":{},"f:containerPort":{},)"
       R"("f:protocol":{}})"
       R"(}}}}})"},
      // Atomic lists and maps are one field.
      {R"({"spec":{"tolerations":[{"key":"a"}]}})", R"({"spec":{"tolerations":[{"key":"b"}]}})",
       R"(~{"f:spec":{"f:tolerations":{}}})"},
      {R"({"spec":{"nodeSelector":{"a":"1"}}})", R"({"spec":{"nodeSelector":{"a":"2"}}})",
       R"(~{"f:spec":{"f:nodeSelector":{}}})"},
      {R"({"spec":{}})", R"({"spec":{"nodeSelector":{"a":"2"}}})",
       R"(+{"f:spec":{"f:nodeSelector":{}}})"},
      // Sets by value.
      {R"({"metadata":{"finalizers":["a/x","b/y"]}})",
       R"({"metadata":{"finalizers":["b/y","c/z"]}})",
       R"(+{"f:metadata":{"f:finalizers":{"v:\"c/z\"":{}}}})"
       R"(-{"f:metadata":{"f:finalizers":{"v:\"a/x\"":{}}}})"},
      // An empty struct is a field, and one with members is not.
      {R"({"spec":{}})", R"({"spec":{"securityContext":{}}})",
       R"(+{"f:spec":{"f:securityContext":{}}})"},
      {R"({"spec":{"securityContext":{}}})", R"({"spec":{"securityContext":{"runAsUser":0}}})",
       R"(+{"f:spec":{"f:securityContext":{"f:runAsUser":{}}}})"},
      // Quantities and times are scalars.
      {R"({"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"1"}}}]}})",
       R"({"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"2",)"
       R"("memory":"1Gi"}}}]}})",
       R"(+{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:resources":{"f:limits":{)"
       R"("f:memory":{}}}}}}})"
       R"(~{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:resources":{"f:limits":{)"
       R"("f:cpu":{}}}}}}})"},
      {R"({"status":{"conditions":[{"type":"Ready","status":"False"}]}})",
       R"({"status":{"conditions":[{"type":"Ready","status":"True",)"
       R"("lastTransitionTime":"2026-01-01T00:00:00Z"}]}})",
       R"(~{"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{)"
       R"("f:lastTransitionTime":{},"f:status":{}}}}})"},
      // Members of inlined messages are the volume's own.
      {R"({"spec":{"volumes":[{"name":"v","emptyDir":{}}]}})",
       R"({"spec":{"volumes":[{"name":"v","hostPath":{"path":"/x"}}]}})",
       R"(+{"f:spec":{"f:volumes":{"k:{\"name\":\"v\"}":{"f:hostPath":{".":{},"f:path":{}}}}}})"
       R"(-{"f:spec":{"f:volumes":{"k:{\"name\":\"v\"}":{"f:emptyDir":{}}}}})"},
      // Of several items of one name, that there are some.
      {R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"},{)"
       R"("name":"X","value":"2"}]}]}})",
       R"(+{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:env":{"k:{\"name\":\"X\"}":{}}}}}})"
       R"(-{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:env":{"k:{)"
       R"(\"name\":\"X\"}":{".":{},"f:name":{},"f:value":{}}}}}}})"},
      {R"({"spec":{"containers":[{"name":"a","env":[{"name":"X"},{"name":"X","value":"2"}]}]}})",
       R"({"spec":{"containers":[{"name":"a","env":[{"name":"X"},{"name":"X","value":"3"}]}]}})",
       R"(~{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{"f:env":{"k:{)"
       R"(\"name\":\"X\"}":{}}}}}})"},
  };
  for (const Row& row : rows) {
    INFO(row.old << " to " << row.now);
    CHECK(Compared(FromJson<corev1::Pod>(row.old), FromJson<corev1::Pod>(row.now)) == row.changes);
  }
}

TEST_CASE("WhatIsIgnoredIsNoChange") {
  const auto old = FromJson<appsv1::Deployment>(R"({"spec":{"replicas":1},"status":{}})");
  const auto now =
      FromJson<appsv1::Deployment>(R"({"spec":{"replicas":2},"status":{"replicas":2}})");
  CHECK(Compared(old, now, R"({"f:status":{}})") == R"(~{"f:spec":{"f:replicas":{}}})");
  CHECK(Compared(old, now, R"({"f:spec":{}})") == R"(+{"f:status":{"f:replicas":{}}})");
  CHECK(Compared(old, now, R"({"f:spec":{"f:replicas":{}},"f:status":{"f:replicas":{}}})").empty());
}

TEST_CASE("BytesAndRawJsonAreCompared") {
  CHECK(Compared(FromJson<corev1::Secret>(R"({"data":{"a":"eA=="}})"),
                 FromJson<corev1::Secret>(R"({"data":{"a":"eQ=="},"stringData":{"b":"c"}})")) ==
        R"(+{"f:stringData":{".":{},"f:b":{}}}~{"f:data":{"f:a":{}}})");
  // What has no schema: maps merge, lists are one field.
  CHECK(Compared(FromJson<appsv1::ControllerRevision>(R"({"data":{"a":{"x":1,"y":[1]},"t":1}})"),
                 FromJson<appsv1::ControllerRevision>(
                     R"({"data":{"a":{"x":1,"y":[2],"z":{"q":null}},"t":{"u":1}}})")) ==
        R"(+{"f:data":{"f:a":{"f:z":{".":{},"f:q":{}}},"f:t":{"f:u":{}}}})"
        R"(~{"f:data":{"f:a":{"f:y":{}},"f:t":{}}})");
}

// Takes something away, or puts something else in its place.
void Mutate(Rng* rng, JsonValue* value) {
  const uint64_t size = value->items().size() + value->entries().size();
  if (size == 0) return;
  const uint64_t at = rng->Below(size);
  JsonValue* below = value->is_array() ? &value->items()[at] : &value->entries()[at].second;
  if (rng->Below(3) > 0 && (below->is_object() || below->is_array())) return Mutate(rng, below);
  switch (rng->Below(3)) {
    case 0:
      if (value->is_array()) {
        value->items().erase(value->items().begin() + static_cast<ptrdiff_t>(at));
      } else {
        value->entries().erase(value->entries().begin() + static_cast<ptrdiff_t>(at));
      }
      return;
    case 1:
      if (below->is_string()) *below = JsonValue::String(rng->Below(2) == 0 ? "x" : "2Gi");
      if (below->type() == JsonValue::Type::kNumber) *below = JsonValue::Number(7);
      return;
    default:
      if (value->is_array()) {
        const JsonValue copy = *below;
        value->items().push_back(copy);
      }
      return;
  }
}

TEST_CASE("MessagesAndDocumentsAreComparedAlike") {
  Rng rng(7);
  int compared = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(SKIFF_SOURCE_DIR "/tests/api/fixtures")) {
    if (file.path().extension() != ".json") continue;
    std::ifstream in(file.path());
    std::stringstream text;
    text << in.rdbuf();
    const auto documents = YamlToJson(text.str());
    if (!documents.ok()) continue;
    for (const std::string& json : *documents) {
      const auto old = DecodeAnyJson(json);
      if (!old.ok()) continue;
      for (int round = 0; round < 3; ++round) {
        JsonValue changed = Json(json);
        for (uint64_t times = 1 + rng.Below(4); times > 0; --times) Mutate(&rng, &changed);
        const MessagePtr now((*old)->New());
        if (!DecodeJson(changed.ToString(), now.get()).ok()) continue;
        INFO(file.path().string() << " with " << changed.ToString());
        Compared(**old, *now);
        Compared(*now, **old);
        CHECK(Compared(*now, *now).empty());
        ++compared;
      }
      const MessagePtr blank((*old)->New());
      Compared(*blank, **old);
    }
  }
  CHECK(compared > 50);
}

}  // namespace
}  // namespace skiff::api
