// Whether what clients saw of single keys could have come from one copy of each, touched by one
// client at a time (Herlihy & Wing, "Linearizability"). Keys are judged one by one: a history is
// linearizable exactly if its part for each key is. The search is Wing and Gong's, and forgets no
// configuration it has been in (Lowe, "Testing for linearizability").
//
// A key holds nothing, or a value with the revision of its last write; revisions only grow.
//
//   std::vector<Operation> history = …;
//   const Verdict verdict = CheckLinearizable(history);
//   INFO(verdict.explanation);
//   CHECK(verdict.kind == Verdict::Kind::kLinearizable);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skiff::sim {

struct Operation {
  enum class Kind { kRead, kWrite, kDelete };
  enum class Outcome {
    kDone,
    // By the condition; a delete also because nothing was there. It changed nothing.
    kRefused,
    // No answer that says: it happens at some time after the call, perhaps after everything else,
    // or never.
    kUnknown,
  };
  int client = 0;  // For explanations only.
  Kind kind = Kind::kRead;
  std::string key;
  // kWrite, kDelete: only if the key's revision is this; 0: only if nothing is there.
  std::optional<uint64_t> if_revision;
  // kWrite: what is written. kRead: what was seen; none: nothing was there.
  std::optional<std::string> value;
  // kRead: of what was seen. kWrite, kDelete: its own. 0: nobody said.
  uint64_t revision = 0;
  // On one clock for all clients (a counter of calls and replies will do). Equal times overlap.
  int64_t call = 0;
  int64_t reply = 0;  // Of kUnknown: ignored.
  Outcome outcome = Outcome::kDone;
};

std::string Describe(const Operation& operation);

struct Verdict {
  enum class Kind {
    kLinearizable,
    kViolation,
    // `max_configurations` of one key were not enough to tell.
    kUndecided,
  };
  Kind kind = Kind::kLinearizable;
  // Of kViolation and kUndecided: the key, how far an order could be found, and which operations
  // then had no place.
  std::string explanation;
};

// Every key begins with nothing. The revision of a write of unknown outcome that nobody read is
// taken to be whatever suits. An operation that contradicts itself (a reply before its call, a
// refusal of what has no condition) is a violation.
Verdict CheckLinearizable(const std::vector<Operation>& history,
                          size_t max_configurations = 1'000'000);

}  // namespace skiff::sim
