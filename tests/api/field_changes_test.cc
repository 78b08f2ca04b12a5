#include "api/field_changes.h"

#include <catch2/catch.hpp>

#include "base/rng.h"

namespace skiff::api {
namespace {

FieldSet Set(absl::string_view json) {
  auto set = FieldSet::Parse(json);
  INFO(json);
  REQUIRE(set.ok());
  return *std::move(set);
}

// As a walk in any order would find them.
void Add(const FieldSet& set, FieldChanges::Kind kind, FieldChanges* out) {
  for (auto node = set.nodes().rbegin(); node != set.nodes().rend(); ++node) {
    out->Push(node->step());
    Add(node->below, kind, out);
    if (node->member) out->Insert(kind);
    out->Pop();
  }
}

FieldSet Random(Rng* rng) {
  FieldSet out;
  const auto step = [rng]() -> PathStep {
    switch (rng->Below(5)) {
      case 0:
        return PathStep::Key(rng->Below(2) == 0 ? R"({"name":"a"})" : R"({"name":"b\"c"})");
      case 1:
        return PathStep::Value(rng->Below(2) == 0 ? "\"v\"" : "3");
      case 2:
        return {PathStep::Kind::kIndex, rng->Below(2) == 0 ? "2" : "10"};
      default:
        return PathStep::Field(rng->Below(2) == 0 ? "spec" : "na\\me");
    }
  };
  for (uint64_t i = rng->Below(12); i > 0; --i) {
    FieldPath path;
    for (uint64_t depth = 1 + rng->Below(4); depth > 0; --depth) path.push_back(step());
    out.Insert(path);
  }
  return out;
}

TEST_CASE("WhatIsFoundIsASetOfEachKind") {
  FieldChanges changes;
  CHECK(changes.empty());
  changes.Push(PathStep::Field("spec"));
  changes.Push(PathStep::Field("replicas"));
  changes.Insert(FieldChanges::kModified);
  CHECK(changes.Path() == ".spec.replicas");
  changes.Pop();
  changes.Push(PathStep::Field("paused"));
  changes.Insert(FieldChanges::kRemoved);
  changes.Pop();
  changes.Insert(FieldChanges::kAdded);
  changes.Pop();
  changes.Finish();
  CHECK_FALSE(changes.empty());
  CHECK(changes.written() == 2);
  CHECK(changes.ToJson(FieldChanges::kWritten) == R"({"f:spec":{".":{},"f:replicas":{}}})");
  CHECK(changes.ToJson(FieldChanges::kAdded) == R"({"f:spec":{}})");
  CHECK(changes.ToJson(FieldChanges::kRemoved) == R"({"f:spec":{"f:paused":{}}})");
}

TEST_CASE("WhatIsKeptStays") {
  FieldChanges changes;
  for (int i = 0; i < 200; ++i) {
    const std::string name(static_cast<size_t>(i) * 7, 'a');
    changes.Push(PathStep::Field(changes.Keep(name)));
    changes.Insert(FieldChanges::kAdded);
    changes.Pop();
  }
  changes.Finish();
  CHECK(changes.Set(FieldChanges::kAdded).size() == 200);
}

TEST_CASE("ChangesAreCountedInTheJsonOfSets") {
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    const FieldSet written = Random(&rng), removed = Random(&rng), other = Random(&rng);
    FieldChanges changes;
    Add(written, FieldChanges::kModified, &changes);
    changes.Finish();
    INFO(written.ToJson() << " in " << other.ToJson());
    CHECK(changes.ToJson(FieldChanges::kWritten) == written.ToJson());
    CHECK(changes.Set(FieldChanges::kWritten) == written);
    CHECK(changes.written() == written.size());
    const auto counts = changes.CountIn(other.ToJson());
    REQUIRE(counts.ok());
    CHECK(counts->written == written.Intersection(other).size());
    CHECK(counts->removed == 0);
    FieldChanges gone;
    Add(removed, FieldChanges::kRemoved, &gone);
    gone.Finish();
    CHECK(gone.CountIn(other.ToJson()).value().removed == removed.Intersection(other).size());
    CHECK(gone.written() == 0);
  }
  FieldChanges changes;
  Add(Set(R"({"f:a":{},"f:b":{}})"), FieldChanges::kAdded, &changes);
  changes.Finish();
  CHECK_FALSE(changes.CountIn("{").ok());
  CHECK_FALSE(changes.CountIn(R"({"f:a":3})").ok());
}

}  // namespace
}  // namespace skiff::api
