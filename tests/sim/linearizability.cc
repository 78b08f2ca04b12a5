#include "tests/sim/linearizability.h"

#include <algorithm>
#include <limits>
#include <map>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace skiff::sim {
namespace {

constexpr int kNothing = -1;

// What a key holds.
struct Register {
  int value = kNothing;   // The number of the value.
  uint64_t revision = 0;  // Of the value; 0: not known.
  uint64_t floor = 0;     // The greatest that is known to have been given.
};

// An operation, with what the search needs to know of it.
struct Step {
  const Operation* operation;
  int value = kNothing;
  uint64_t revision = 0;  // Its own, also if only a reader said which.
  int64_t reply = 0;
};

// Where a search is: what has been given a place in the order, and what the key then holds. What
// has an outcome is kept as the first that has no place yet and the places given beyond it, for
// no more than a few are ever open at once.
struct Configuration {
  size_t first = 0;
  std::vector<uint32_t> beyond;   // Sorted.
  std::vector<uint32_t> unknown;  // Sorted: those of unknown outcome that happened.
  Register now;
  size_t placed = 0;

  std::string Key() const {
    std::string key;
    const auto put = [&key](uint64_t number) {
      key.append(reinterpret_cast<const char*>(&number), sizeof(number));
    };
    for (const uint64_t number : {static_cast<uint64_t>(first), static_cast<uint64_t>(now.value),
                                  now.revision, now.floor, uint64_t{beyond.size()}}) {
      put(number);
    }
    for (const uint32_t index : beyond) put(index);
    for (const uint32_t index : unknown) put(index);
    return key;
  }
};

bool Holds(const std::vector<uint32_t>& sorted, size_t index) {
  return std::binary_search(sorted.begin(), sorted.end(), static_cast<uint32_t>(index));
}

void Insert(std::vector<uint32_t>* sorted, size_t index) {
  const auto at = std::lower_bound(sorted->begin(), sorted->end(), static_cast<uint32_t>(index));
  sorted->insert(at, static_cast<uint32_t>(index));
}

bool ConditionMayHold(const Operation& operation, const Register& now) {
  if (!operation.if_revision.has_value()) {
    return operation.kind == Operation::Kind::kWrite || now.value != kNothing;
  }
  if (*operation.if_revision == 0) {
    return operation.kind == Operation::Kind::kWrite && now.value == kNothing;
  }
  if (now.value == kNothing) return false;
  return now.revision == 0 ? *operation.if_revision > now.floor
                           : *operation.if_revision == now.revision;
}

bool ConditionMayFail(const Operation& operation, const Register& now) {
  return !ConditionMayHold(operation, now) ||
         (operation.if_revision.value_or(0) > 0 && now.revision == 0);
}

class Search {
 public:
  Search(const std::vector<const Operation*>& operations, size_t max_configurations)
      : max_configurations_(max_configurations) {
    for (const Operation* operation : operations) {
      Step step{operation};
      if (operation->value.has_value()) {
        step.value = values_.emplace(*operation->value, values_.size()).first->second;
      }
      step.revision = operation->revision;
      step.reply = operation->reply;
      if (operation->outcome != Operation::Outcome::kUnknown) {
        steps_.push_back(step);
      } else if (operation->kind != Operation::Kind::kRead) {
        unknown_.push_back(step);
      }
    }
    const auto by_call = [](const Step& a, const Step& b) {
      return a.operation->call < b.operation->call;
    };
    std::stable_sort(steps_.begin(), steps_.end(), by_call);
    std::stable_sort(unknown_.begin(), unknown_.end(), by_call);
    LearnFromReaders();
  }

  Verdict Run() {
    std::vector<Configuration> stack;
    Enter({}, &stack);
    while (!stack.empty()) {
      const Configuration at = std::move(stack.back());
      stack.pop_back();
      if (at.first == steps_.size()) return {};
      if (seen_.size() >= max_configurations_) {
        return {Verdict::Kind::kUndecided, Explain("is undecided")};
      }
      Expand(at, &stack);
    }
    return {Verdict::Kind::kViolation, Explain("is not linearizable")};
  }

 private:
  // Readers say which revision a write was given that itself does not know, if no other write wrote
  // the same.
  void LearnFromReaders() {
    std::vector<int> writers(values_.size());
    std::map<int, uint64_t> read;
    readers_.resize(values_.size());
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      if (step.operation->kind == Operation::Kind::kWrite) ++writers[step.value];
      if (step.operation->kind != Operation::Kind::kRead || step.value == kNothing) continue;
      readers_[step.value].push_back(i);
      if (step.revision > 0) read[step.value] = step.revision;
    }
    for (const Step& step : unknown_) {
      if (step.operation->kind == Operation::Kind::kWrite) ++writers[step.value];
    }
    for (size_t value = 0; value < writers.size(); ++value) {
      if (writers[value] > 1) readers_[value].clear();
    }
    for (std::vector<Step>* steps : {&steps_, &unknown_}) {
      for (Step& step : *steps) {
        if (step.operation->kind == Operation::Kind::kWrite && step.revision == 0 &&
            step.operation->outcome != Operation::Outcome::kRefused && writers[step.value] == 1) {
          const auto known = read.find(step.value);
          if (known != read.end()) step.revision = known->second;
        }
      }
    }
  }

  // The steps with an outcome that may come next: nothing without a place replied before they were
  // called. `deadline`: what is called later than this may not come yet.
  std::vector<size_t> Open(const Configuration& at, int64_t* deadline) const {
    std::vector<size_t> open;
    *deadline = std::numeric_limits<int64_t>::max();
    for (size_t i = at.first; i < steps_.size(); ++i) {
      if (steps_[i].operation->call > *deadline) break;
      if (Holds(at.beyond, i)) continue;
      *deadline = std::min(*deadline, steps_[i].reply);
      open.push_back(i);
    }
    return open;
  }

  // Whether it may come now and leave the key as it is. Then it may as well come at once: whatever
  // order there is with it later, there is one with it here.
  static bool IsIdle(const Step& step, const Register& now) {
    const Operation& operation = *step.operation;
    if (operation.kind == Operation::Kind::kRead) {
      return step.value == now.value && (step.revision == 0 || step.revision == now.revision);
    }
    return operation.outcome == Operation::Outcome::kRefused && ConditionMayFail(operation, now);
  }

  // What the key holds after a step that changes it, or tells its revision; nothing if the step has
  // no place here.
  static std::optional<Register> After(const Step& step, const Register& now) {
    const Operation& operation = *step.operation;
    Register after = now;
    if (operation.kind == Operation::Kind::kRead) {
      if (now.value == kNothing || step.value != now.value || now.revision != 0 ||
          step.revision <= now.floor) {
        return std::nullopt;
      }
      after.revision = after.floor = step.revision;
      return after;
    }
    if (operation.outcome == Operation::Outcome::kRefused) return std::nullopt;
    if (!ConditionMayHold(operation, now)) return std::nullopt;
    after.floor = std::max(after.floor, operation.if_revision.value_or(0));
    if (step.revision != 0) {
      if (step.revision <= after.floor) return std::nullopt;
      after.floor = step.revision;
    }
    const bool deletes = operation.kind == Operation::Kind::kDelete;
    after.value = deletes ? kNothing : step.value;
    after.revision = deletes ? 0 : step.revision;
    return after;
  }

  // A value that is written once and has readers to come must stay until they came.
  bool IsAwaited(const Configuration& at) const {
    if (at.now.value == kNothing) return false;
    const std::vector<size_t>& readers = readers_[at.now.value];
    return std::any_of(readers.begin(), readers.end(), [&at](size_t reader) {
      return reader >= at.first && !Holds(at.beyond, reader);
    });
  }

  void Place(size_t index, Configuration* at) const {
    Insert(&at->beyond, index);
    ++at->placed;
    size_t passed = 0;
    while (passed < at->beyond.size() && at->beyond[passed] == at->first) {
      ++passed;
      ++at->first;
    }
    at->beyond.erase(at->beyond.begin(), at->beyond.begin() + static_cast<ptrdiff_t>(passed));
  }

  // Gives everything idle its place, then stacks the configuration if it is new.
  void Enter(Configuration at, std::vector<Configuration>* stack) {
    for (bool again = true; again;) {
      again = false;
      int64_t deadline = 0;
      for (const size_t index : Open(at, &deadline)) {
        if (!IsIdle(steps_[index], at.now)) continue;
        Place(index, &at);
        again = true;
      }
    }
    if (!seen_.insert(at.Key()).second) return;
    if (at.placed >= furthest_.placed) furthest_ = at;
    stack->push_back(std::move(at));
  }

  // Its successors, the most likely on top of the stack: what replied first; what nobody knows to
  // have happened only if nothing else helps.
  void Expand(const Configuration& at, std::vector<Configuration>* stack) {
    int64_t deadline = 0;
    std::vector<size_t> open = Open(at, &deadline);
    // Revisions of one key were given in the order of its writes.
    uint64_t next = std::numeric_limits<uint64_t>::max();
    for (const size_t index : open) {
      const Step& step = steps_[index];
      if (step.operation->kind != Operation::Kind::kRead && step.revision > 0) {
        next = std::min(next, step.revision);
      }
    }
    const bool awaited = IsAwaited(at);
    for (size_t i = awaited ? 0 : unknown_.size(); i-- > 0;) {
      const Step& step = unknown_[i];
      if (step.operation->call > deadline || Holds(at.unknown, i)) continue;
      const auto after = After(step, at.now);
      if (!after.has_value() || after->floor > next) continue;
      Configuration successor = at;
      Insert(&successor.unknown, i);
      successor.now = *after;
      Enter(std::move(successor), stack);
    }
    std::sort(open.begin(), open.end(),
              [this](size_t a, size_t b) { return steps_[a].reply > steps_[b].reply; });
    for (const size_t index : open) {
      if (awaited && steps_[index].operation->kind != Operation::Kind::kRead) continue;
      const auto after = After(steps_[index], at.now);
      if (!after.has_value() || after->floor > next) continue;
      Configuration successor = at;
      successor.now = *after;
      Place(index, &successor);
      Enter(std::move(successor), stack);
    }
  }

  std::string Explain(const char* verdict) const {
    std::string held = "nothing";
    for (const auto& [value, number] : values_) {
      if (number == furthest_.now.value) held = absl::StrCat("\"", value, "\"");
    }
    if (furthest_.now.revision > 0) {
      absl::StrAppend(&held, " at revision ", furthest_.now.revision);
    }
    std::string out =
        absl::StrCat("the history of key ", steps_.front().operation->key, " ", verdict, ": after ",
                     furthest_.placed, " of ", steps_.size(), " operations it holds ", held,
                     ", and none of these can follow:");
    int64_t deadline = 0;
    for (const size_t index : Open(furthest_, &deadline)) {
      absl::StrAppend(&out, "\n  ", Describe(*steps_[index].operation));
    }
    if (!IsAwaited(furthest_)) return out;
    absl::StrAppend(&out, "\nwhat it holds is still to be read by");
    for (const size_t reader : readers_[furthest_.now.value]) {
      if (reader >= furthest_.first && !Holds(furthest_.beyond, reader)) {
        absl::StrAppend(&out, "\n  ", Describe(*steps_[reader].operation));
      }
    }
    return out;
  }

  const size_t max_configurations_;
  std::map<std::string, int> values_;
  std::vector<Step> steps_;    // With an outcome, by call.
  std::vector<Step> unknown_;  // Changes of unknown outcome, by call.
  // Of each value that one write at most writes: who read it.
  std::vector<std::vector<size_t>> readers_;
  absl::flat_hash_set<std::string> seen_;
  Configuration furthest_;
};

const char* Contradiction(const Operation& operation) {
  if (operation.kind == Operation::Kind::kWrite && !operation.value.has_value()) {
    return "writes no value";
  }
  if (operation.outcome == Operation::Outcome::kUnknown) return nullptr;
  if (operation.reply < operation.call) return "was answered before it was called";
  if (operation.outcome == Operation::Outcome::kRefused) {
    if (operation.kind == Operation::Kind::kRead) return "is a read, which nothing refuses";
    if (operation.kind == Operation::Kind::kWrite && !operation.if_revision.has_value()) {
      return "was refused without a condition";
    }
  }
  return nullptr;
}

}  // namespace

std::string Describe(const Operation& operation) {
  static constexpr const char* kKinds[] = {"read", "write", "delete"};
  static constexpr const char* kOutcomes[] = {"done", "refused", "of unknown outcome"};
  std::string out = absl::StrCat("client ", operation.client, ": ",
                                 kKinds[static_cast<int>(operation.kind)], " ", operation.key);
  if (operation.value.has_value()) {
    absl::StrAppend(&out, " \"", *operation.value, "\"");
  } else if (operation.kind == Operation::Kind::kRead) {
    absl::StrAppend(&out, " nothing");
  }
  if (operation.if_revision.has_value()) {
    absl::StrAppend(&out, " if at revision ", *operation.if_revision);
  }
  absl::StrAppend(&out, ", ", kOutcomes[static_cast<int>(operation.outcome)]);
  if (operation.revision > 0) absl::StrAppend(&out, " at revision ", operation.revision);
  absl::StrAppend(&out, ", called at ", operation.call);
  if (operation.outcome != Operation::Outcome::kUnknown) {
    absl::StrAppend(&out, ", answered at ", operation.reply);
  }
  return out;
}

Verdict CheckLinearizable(const std::vector<Operation>& history, size_t max_configurations) {
  std::map<std::string, std::vector<const Operation*>> by_key;
  for (const Operation& operation : history) {
    if (const char* wrong = Contradiction(operation); wrong != nullptr) {
      return {Verdict::Kind::kViolation, absl::StrCat(Describe(operation), ": ", wrong)};
    }
    by_key[operation.key].push_back(&operation);
  }
  Verdict undecided;
  for (const auto& [key, operations] : by_key) {
    Verdict verdict = Search(operations, max_configurations).Run();
    if (verdict.kind == Verdict::Kind::kViolation) return verdict;
    if (verdict.kind == Verdict::Kind::kUndecided) undecided = std::move(verdict);
  }
  return undecided;
}

}  // namespace skiff::sim
