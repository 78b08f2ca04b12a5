#include "tests/sim/linearizability.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/rng.h"

namespace skiff::sim {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

Operation Read(int64_t call, int64_t reply, std::optional<std::string> value,
               uint64_t revision = 0) {
  Operation operation;
  operation.key = "k";
  operation.value = std::move(value);
  operation.revision = revision;
  operation.call = call;
  operation.reply = reply;
  return operation;
}
Operation Write(int64_t call, int64_t reply, std::string value, uint64_t revision = 0) {
  Operation operation = Read(call, reply, std::move(value), revision);
  operation.kind = Kind::kWrite;
  return operation;
}
Operation Delete(int64_t call, int64_t reply, uint64_t revision = 0) {
  Operation operation = Read(call, reply, std::nullopt, revision);
  operation.kind = Kind::kDelete;
  return operation;
}
Operation If(uint64_t revision, Operation operation) {
  operation.if_revision = revision;
  return operation;
}
Operation Refused(Operation operation) {
  operation.outcome = Outcome::kRefused;
  operation.revision = 0;
  return operation;
}
Operation Lost(Operation operation) {
  operation.outcome = Outcome::kUnknown;
  operation.revision = 0;
  return operation;
}

bool Linearizable(const std::vector<Operation>& history) {
  const Verdict verdict = CheckLinearizable(history);
  REQUIRE(verdict.kind != Verdict::Kind::kUndecided);
  CHECK(verdict.explanation.empty() == (verdict.kind == Verdict::Kind::kLinearizable));
  return verdict.kind == Verdict::Kind::kLinearizable;
}

// Tries every order: for small histories, what the search must agree with. Values and revisions as
// in the header; every write knows its revision or has none anywhere in the history.
bool AnyOrder(const std::vector<Operation>& history, std::vector<bool>* placed,
              const std::optional<std::string>& value) {
  bool all = true;
  int64_t deadline = INT64_MAX;
  for (size_t i = 0; i < history.size(); ++i) {
    if ((*placed)[i] || history[i].outcome == Outcome::kUnknown) continue;
    all = false;
    deadline = std::min(deadline, history[i].reply);
  }
  if (all) return true;
  for (size_t i = 0; i < history.size(); ++i) {
    if ((*placed)[i] || history[i].call > deadline) continue;
    const Operation& operation = history[i];
    std::optional<std::string> after = value;
    if (operation.kind == Kind::kRead) {
      if (operation.value != value) continue;
    } else if (operation.kind == Kind::kWrite) {
      const bool holds = !operation.if_revision.has_value() || !value.has_value();
      if (holds == (operation.outcome == Outcome::kRefused)) continue;
      if (holds) after = operation.value;
    } else {
      if (value.has_value() == (operation.outcome == Outcome::kRefused)) continue;
      after.reset();
    }
    (*placed)[i] = true;
    const bool found = AnyOrder(history, placed, after);
    (*placed)[i] = false;
    if (found) return true;
  }
  return false;
}

// One copy of each key, and clients whose calls reach it at some instant between call and reply.
class OneCopy {
 public:
  OneCopy(uint64_t seed, int clients, int keys, double lost)
      : rng_(seed), free_at_(clients), keys_(keys), lost_(lost) {}

  std::vector<Operation> Run(int operations, bool tell_revisions) {
    for (int i = 0; i < operations; ++i) Call(i);
    std::stable_sort(calls_.begin(), calls_.end(),
                     [](const Pending& a, const Pending& b) { return a.at < b.at; });
    std::vector<Operation> history;
    for (Pending& pending : calls_) {
      Touch(&pending);
      if (!tell_revisions) pending.operation.revision = 0;
      history.push_back(pending.operation);
    }
    return history;
  }

 private:
  struct Pending {
    Operation operation;
    int64_t at;  // When it happens.
    bool lost;
    bool never;
  };
  struct Copy {
    std::optional<std::string> value;
    uint64_t revision = 0;
  };

  void Call(int number) {
    Pending call;
    const auto client = std::min_element(free_at_.begin(), free_at_.end()) - free_at_.begin();
    Operation& operation = call.operation;
    operation.client = static_cast<int>(client);
    operation.key = absl::StrCat("k", rng_.Below(keys_));
    operation.call = free_at_[client] + static_cast<int64_t>(rng_.Below(20));
    operation.reply = operation.call + 1 + static_cast<int64_t>(rng_.Below(100));
    call.at =
        operation.call +
        static_cast<int64_t>(rng_.Below(static_cast<uint64_t>(operation.reply - operation.call)));
    call.lost = rng_.Unit() < lost_;
    call.never = call.lost && rng_.Unit() < 0.5;
    if (call.lost && rng_.Unit() < 0.5) call.at += static_cast<int64_t>(rng_.Below(2000));
    free_at_[client] = operation.reply + 1;
    const uint64_t dice = rng_.Below(10);
    operation.kind = dice < 4 ? Kind::kRead : dice < 9 ? Kind::kWrite : Kind::kDelete;
    if (operation.kind == Kind::kWrite) {
      operation.value = absl::StrCat("v", number);
      conditional_.push_back(dice >= 6);
    } else {
      conditional_.push_back(false);
    }
    if (conditional_.back()) operation.if_revision = 0;
    calls_.push_back(std::move(call));
  }

  void Touch(Pending* pending) {
    Operation& operation = pending->operation;
    Copy& copy = copies_[operation.key];
    if (operation.if_revision.has_value() && rng_.Unit() < 0.7) {
      operation.if_revision = copy.revision;  // Somebody just read it.
    }
    if (operation.kind == Kind::kRead) {
      operation.value = copy.value;
      operation.revision = copy.revision;
    } else {
      const bool holds = operation.if_revision.has_value()
                             ? *operation.if_revision == copy.revision
                             : operation.kind == Kind::kWrite || copy.value.has_value();
      if (!holds) operation.outcome = Outcome::kRefused;
      if (holds && !pending->never) {
        operation.revision = ++revision_;
        copy.value = operation.value;
        copy.revision = operation.kind == Kind::kDelete ? 0 : revision_;
      }
    }
    if (pending->lost) operation = Lost(operation);
  }

  Rng rng_;
  std::vector<int64_t> free_at_;
  const int keys_;
  const double lost_;
  std::vector<Pending> calls_;
  std::vector<bool> conditional_;
  std::map<std::string, Copy> copies_;
  uint64_t revision_ = 0;
};

}  // namespace

TEST_CASE("AnEmptyHistoryIsLinearizable") { CHECK(Linearizable({})); }

TEST_CASE("AReadSeesTheWriteBeforeIt") {
  CHECK(Linearizable({Write(1, 2, "a", 5), Read(3, 4, "a", 5)}));
  CHECK(Linearizable({Read(1, 2, std::nullopt), Write(3, 4, "a"), Read(5, 6, "a")}));
}

TEST_CASE("AStaleReadIsFound") {
  CHECK(!Linearizable({Write(1, 2, "a", 5), Write(3, 4, "b", 6), Read(5, 6, "a", 5)}));
  CHECK(!Linearizable({Write(1, 2, "a"), Write(3, 4, "b"), Read(5, 6, "a")}));
  CHECK(!Linearizable({Write(1, 2, "a"), Read(3, 4, std::nullopt)}));
}

TEST_CASE("AReadBesideAWriteSeesEitherButReadsDoNotGoBack") {
  CHECK(Linearizable({Write(1, 2, "a"), Write(3, 10, "b"), Read(4, 5, "a")}));
  CHECK(Linearizable({Write(1, 2, "a"), Write(3, 10, "b"), Read(4, 5, "b")}));
  CHECK(Linearizable({Write(1, 2, "a"), Write(3, 10, "b"), Read(4, 5, "a"), Read(6, 7, "b")}));
  CHECK(!Linearizable({Write(1, 2, "a"), Write(3, 10, "b"), Read(4, 5, "b"), Read(6, 7, "a")}));
}

TEST_CASE("EqualTimesOverlap") {
  CHECK(Linearizable({Write(1, 2, "a"), Read(2, 3, std::nullopt)}));
  CHECK(Linearizable({Read(1, 2, "a"), Write(2, 3, "a")}));
}

TEST_CASE("ALostWriteIsFound") {
  CHECK(!Linearizable({Write(1, 2, "a", 5), Write(3, 4, "b", 6), Read(5, 6, "a", 5)}));
  // Acknowledged, and gone after a crash.
  CHECK(!Linearizable({If(0, Write(1, 2, "a", 5)), If(0, Write(3, 4, "b", 6))}));
  CHECK(!Linearizable({Write(1, 2, "a", 5), If(5, Write(3, 4, "b", 6)), If(5, Delete(5, 6, 7))}));
}

TEST_CASE("TwoCompareAndSwapsOfOneRevisionDoNotBothSucceed") {
  CHECK(Linearizable(
      {Write(1, 2, "a", 5), If(5, Write(3, 9, "b", 6)), Refused(If(5, Write(4, 8, "c")))}));
  CHECK(
      !Linearizable({Write(1, 2, "a", 5), If(5, Write(3, 9, "b", 6)), If(5, Write(4, 8, "c", 7))}));
  CHECK(!Linearizable({If(0, Write(3, 9, "b")), If(0, Write(4, 8, "c"))}));
  CHECK(Linearizable({If(0, Write(3, 9, "b", 1)), Delete(3, 9, 2), If(0, Write(4, 8, "c", 3))}));
}

TEST_CASE("ARefusalNeedsAReason") {
  CHECK(!Linearizable({Write(1, 2, "a", 5), Refused(If(5, Write(3, 4, "b")))}));
  CHECK(!Linearizable({Refused(If(0, Write(1, 2, "a")))}));
  CHECK(!Linearizable({Write(1, 2, "a", 5), Refused(Delete(3, 4))}));
  CHECK(Linearizable({Refused(Delete(3, 4))}));
  CHECK(Linearizable({Refused(If(3, Delete(3, 4)))}));
  // A write that did happen, though nobody knows.
  CHECK(Linearizable(
      {Write(1, 2, "a", 5), Lost(Write(3, 4, "b")), Refused(If(5, Write(5, 6, "c")))}));
}

TEST_CASE("WhatHasAnUnknownOutcomeMayHappenLateOrNever") {
  const Operation lost = Lost(Write(3, 4, "b"));
  CHECK(Linearizable({Write(1, 2, "a"), lost, Read(50, 60, "a"), Read(70, 80, "b")}));
  CHECK(Linearizable({Write(1, 2, "a"), lost, Read(50, 60, "a"), Read(70, 80, "a")}));
  CHECK(!Linearizable(
      {Write(1, 2, "a"), lost, Read(50, 60, "b"), Read(70, 80, "a"), Read(81, 82, "b")}));
  // But not before it was called, and once.
  CHECK(!Linearizable({Write(0, 0, "a"), Read(1, 2, "b"), lost}));
  CHECK(!Linearizable({lost, Read(5, 6, "b"), Write(7, 8, "c"), Read(9, 10, "b")}));
  CHECK(Linearizable({Write(1, 2, "a"), Lost(Delete(3, 4)), Read(5, 6, std::nullopt)}));
  CHECK(Linearizable({Lost(Read(3, 4, "never written"))}));
}

TEST_CASE("AWriteOfUnknownOutcomeHasTheRevisionThatItsReadersSaw") {
  const Operation lost = Lost(Write(3, 4, "b"));
  CHECK(Linearizable({Write(1, 2, "a", 5), lost, Read(5, 6, "b", 7), If(7, Write(8, 9, "c", 8))}));
  CHECK(!Linearizable({Write(1, 2, "a", 5), lost, Read(5, 6, "b", 7), Read(8, 9, "b", 8)}));
  CHECK(!Linearizable({Write(1, 2, "a", 5), lost, Read(5, 6, "b", 4)}));
  CHECK(!Linearizable({Write(1, 2, "a", 5), lost, Write(4, 5, "c", 6), Read(6, 7, "b", 6)}));
  CHECK(!Linearizable({Write(1, 2, "a", 5), lost, Read(5, 6, "b", 9), Write(7, 8, "c", 8)}));
}

TEST_CASE("RevisionsOfAKeyGrowInTheOrderOfItsWrites") {
  CHECK(!Linearizable({Write(1, 2, "a", 5), Write(3, 4, "b", 4)}));
  CHECK(!Linearizable({Write(1, 9, "a", 5), Write(3, 8, "b", 5)}));
  CHECK(Linearizable({Write(1, 9, "a", 5), Write(3, 8, "b", 4), Read(10, 11, "a", 5)}));
  CHECK(!Linearizable({Write(1, 9, "a", 5), Write(3, 8, "b", 4), Read(10, 11, "b", 4)}));
}

TEST_CASE("KeysAreJudgedOneByOneAndTheExplanationNamesTheWrongOne") {
  std::vector<Operation> history = {Write(1, 2, "a", 5), Write(3, 4, "b", 6)};
  Operation other = Read(5, 6, std::nullopt);
  other.key = "other";
  history.push_back(other);
  CHECK(Linearizable(history));
  history.push_back(Read(7, 8, "a", 5));
  const Verdict verdict = CheckLinearizable(history);
  CHECK(verdict.kind == Verdict::Kind::kViolation);
  INFO(verdict.explanation);
  CHECK(absl::StrContains(verdict.explanation, "key k is not linearizable"));
  CHECK(absl::StrContains(verdict.explanation, "holds \"a\" at revision 5"));
  CHECK(absl::StrContains(verdict.explanation, "write k \"b\", done at revision 6"));
  CHECK(absl::StrContains(verdict.explanation, "still to be read by"));
  CHECK(absl::StrContains(verdict.explanation, "read k \"a\", done at revision 5"));
}

TEST_CASE("AHistoryThatContradictsItselfIsAViolation") {
  CHECK(!Linearizable({Write(2, 1, "a")}));
  CHECK(!Linearizable({Refused(Read(1, 2, "a"))}));
  CHECK(!Linearizable({Refused(Write(1, 2, "a"))}));
}

TEST_CASE("TheSearchAgreesWithTryingEveryOrder") {
  Rng rng(7);
  int linearizable = 0;
  for (int round = 0; round < 4000; ++round) {
    std::vector<Operation> history;
    const size_t size = 2 + rng.Below(5);
    for (size_t i = 0; i < size; ++i) {
      const auto call = static_cast<int64_t>(rng.Below(12));
      const int64_t reply = call + static_cast<int64_t>(rng.Below(6));
      const std::string value(1, static_cast<char>('a' + rng.Below(2)));
      switch (rng.Below(6)) {
        case 0:
          history.push_back(Read(call, reply, std::nullopt));
          break;
        case 1:
          history.push_back(Write(call, reply, value));
          break;
        case 2:
          history.push_back(If(0, Write(call, reply, value)));
          if (rng.Unit() < 0.3) history.back() = Refused(history.back());
          break;
        case 3:
          history.push_back(Delete(call, reply));
          if (rng.Unit() < 0.3) history.back() = Refused(history.back());
          break;
        default:
          history.push_back(Read(call, reply, value));
          break;
      }
      if (rng.Unit() < 0.2) history.back() = Lost(history.back());
    }
    std::vector<bool> placed(history.size());
    for (size_t i = 0; i < history.size(); ++i) {
      placed[i] = history[i].kind == Kind::kRead && history[i].outcome == Outcome::kUnknown;
    }
    const bool expected = AnyOrder(history, &placed, std::nullopt);
    linearizable += expected ? 1 : 0;
    std::string described;
    for (const Operation& operation : history)
      absl::StrAppend(&described, Describe(operation), "\n");
    INFO(described);
    REQUIRE(Linearizable(history) == expected);
  }
  // Both kinds were tried.
  CHECK(linearizable > 400);
  CHECK(linearizable < 3600);
}

TEST_CASE("LargeHistoriesOfOneCopyAreLinearizable") {
  for (const int keys : {1, 5}) {
    for (const bool tell_revisions : {true, false}) {
      for (const double lost : {0.0, 0.05}) {
        // Without revisions, a condition on one says nothing.
        auto history = OneCopy(11, 16, keys, lost).Run(2000, tell_revisions);
        if (!tell_revisions) {
          history.erase(std::remove_if(history.begin(), history.end(),
                                       [](const Operation& operation) {
                                         return operation.if_revision.has_value() &&
                                                operation.outcome == Outcome::kRefused;
                                       }),
                        history.end());
          for (Operation& operation : history) operation.if_revision.reset();
        }
        const Verdict verdict = CheckLinearizable(history);
        INFO("keys " << keys << " revisions " << tell_revisions << " lost " << lost);
        INFO(verdict.explanation);
        CHECK(verdict.kind == Verdict::Kind::kLinearizable);
      }
    }
  }
}

TEST_CASE("OneWrongReadInALargeHistoryIsFound") {
  int found = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    auto history = OneCopy(seed, 16, 3, 0.02).Run(2000, /*tell_revisions=*/true);
    // The state before last, long after it was replaced: a member that lost its tail.
    std::map<std::string, std::vector<const Operation*>> writes;
    for (const Operation& operation : history) {
      if (operation.kind == Kind::kWrite && operation.outcome == Outcome::kDone) {
        writes[operation.key].push_back(&operation);
      }
    }
    const std::vector<const Operation*>& of_key = writes["k1"];
    Operation stale = *of_key[of_key.size() / 2];
    stale.kind = Kind::kRead;
    stale.if_revision.reset();
    stale.call = of_key[of_key.size() / 2 + 40]->reply;
    stale.reply = stale.call + 5;
    history.push_back(stale);
    const Verdict verdict = CheckLinearizable(history);
    CHECK(verdict.kind != Verdict::Kind::kLinearizable);
    found += verdict.kind == Verdict::Kind::kViolation ? 1 : 0;
  }
  CHECK(found == 20);
}

TEST_CASE("ASearchThatIsTooLargeSaysThatItDoesNotKnow") {
  const auto history = OneCopy(3, 16, 1, 0).Run(500, /*tell_revisions=*/true);
  const Verdict verdict = CheckLinearizable(history, 10);
  CHECK(verdict.kind == Verdict::Kind::kUndecided);
  CHECK(absl::StrContains(verdict.explanation, "undecided"));
}

}  // namespace skiff::sim
