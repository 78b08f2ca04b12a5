#include "tests/sim/storm_record.h"

#include <set>

#include "absl/strings/str_cat.h"

namespace skiff::sim {

uint64_t Mix(uint64_t hash, absl::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211u;
  return hash;
}

Change ChangeOf(const store::Event& event) {
  const bool put = event.type == store::Event::Type::kPut;
  return {event.revision, event.key, put ? Change::Type::kPut : Change::Type::kDelete};
}

std::string StormRecord::Value(const api::ObjectPtr& object) {
  if (object == nullptr) return "(none)";
  if (&object->resource() == &api::ResourceOf<corev1::ConfigMap>()) {
    const auto& data = object->As<corev1::ConfigMap>().data();
    const auto it = data.find("value");
    // The rest is ballast.
    if (it != data.end()) return it->second.substr(0, it->second.find(' '));
  }
  return absl::StrCat("#", Mix(0, *object->Json()));
}

void StormRecord::Fault(const std::string& what) {
  say_("FAULT " + what);
  if (faults_.size() < 20) faults_.push_back(what);
}

void StormRecord::Trace(const std::string& what) {
  trace_ = Mix(trace_, what);
  say_(what);
}

void StormRecord::OnApplied(uint64_t member, const store::Event& event) {
  const bool put = event.type == store::Event::Type::kPut;
  const std::string value = put ? Value(event.object) : "(none)";
  Trace(absl::StrCat("member ", member, " applies ", event.revision, " ", event.key, "=", value));
  if (event.object->revision() != event.revision) {
    Fault(absl::StrCat("the object of revision ", event.revision, " says it has ",
                       event.object->revision()));
  }
  const auto [it, news] = changes_[event.revision].values.emplace(event.key, value);
  if (!news && it->second != value) {
    Fault(absl::StrCat("member ", member, " has ", event.key, "=", value, " at revision ",
                       event.revision, ", where another has ", it->second));
  }
  by_key_[event.key][event.revision] = value;
  if (!put) return;
  const auto [first, once] = written_.emplace(value + event.key, event.revision);
  if (!once && first->second != event.revision) {
    Fault(absl::StrCat(event.key, "=", value, " was written twice, at revisions ", first->second,
                       " and ", event.revision));
  }
}

std::string StormRecord::ValueAt(const std::string& key, uint64_t revision) const {
  const auto values = by_key_.find(key);
  if (values == by_key_.end()) return "(none)";
  auto it = values->second.upper_bound(revision);
  return it == values->second.begin() ? "(none)" : std::prev(it)->second;
}

void StormRecord::CheckState(uint64_t id, const store::Snapshot& snapshot) {
  const uint64_t revision = snapshot.revision();
  if (revision > this->revision()) {
    return Fault(absl::StrCat("member ", id, " is at revision ", revision, ", which nobody made"));
  }
  std::set<std::string> keys;
  snapshot.Scan("", "", [&](absl::string_view key, const api::ObjectPtr& object) {
    keys.insert(std::string(key));
    const std::string expected = ValueAt(std::string(key), revision);
    if (Value(object) != expected) {
      Fault(absl::StrCat("member ", id, " has ", key, "=", Value(object), " at revision ", revision,
                         ", which is ", expected));
    }
    return true;
  });
  for (const auto& [key, values] : by_key_) {
    if (keys.count(key) == 0 && ValueAt(key, revision) != "(none)") {
      Fault(absl::StrCat("member ", id, " has no ", key, " at revision ", revision));
    }
  }
}

void StormRecord::OnAcknowledged(const std::string& key, const std::string& value,
                                 uint64_t revision) {
  acknowledged_.push_back({key, value, revision});
}

void StormRecord::OnLeader(uint64_t term, uint64_t leader) {
  if (leader == 0) return;
  const auto [it, news] = leaders_.emplace(term, leader);
  if (news) Trace(absl::StrCat("member ", leader, " leads in term ", term));
  if (it->second != leader) {
    Fault(absl::StrCat("members ", it->second, " and ", leader, " lead in term ", term));
  }
}

size_t StormRecord::Begin(Operation operation) {
  operation.call = ++now_;
  operation.outcome = Operation::Outcome::kUnknown;
  operations_.push_back(std::move(operation));
  nothing_.push_back(operations_.back().kind == Operation::Kind::kRead);
  return operations_.size() - 1;
}

void StormRecord::Done(size_t index, Operation::Outcome outcome, uint64_t revision) {
  Operation& operation = operations_[index];
  operation.reply = ++now_;
  operation.outcome = outcome;
  operation.revision = revision;
  nothing_[index] = false;
  Trace("answered: " + Describe(operation));
}

void StormRecord::ReadDone(size_t index, const api::ObjectPtr& seen) {
  if (seen != nullptr) operations_[index].value = Value(seen);
  Done(index, Operation::Outcome::kDone, seen == nullptr ? 0 : seen->revision());
}

void StormRecord::Nothing(size_t index) {
  nothing_[index] = true;
  Trace("nothing came of: " + Describe(operations_[index]));
}

void StormRecord::Finish(const std::vector<WatchStream>& streams) {
  for (const Acknowledged& write : acknowledged_) {
    const auto it = changes_.find(write.revision);
    if (it == changes_.end() || it->second.values.count(write.key) == 0 ||
        it->second.values.at(write.key) != write.value) {
      Fault(absl::StrCat("acknowledged and lost: ", write.key, "=", write.value, " at revision ",
                         write.revision));
    }
  }
  std::vector<Change> log;
  uint64_t expected = 2;
  for (const auto& [revision, applied] : changes_) {
    if (revision != expected) Fault(absl::StrCat("revision ", expected, " was never made"));
    expected = revision + 1;
    for (const auto& [key, value] : applied.values) {
      log.push_back(
          {revision, key, value == "(none)" ? Change::Type::kDelete : Change::Type::kPut});
    }
  }
  for (const WatchStream& stream : streams) {
    for (const WatchFault& fault : CheckWatch(log, stream)) Fault("watch: " + Describe(fault));
  }
  std::vector<Operation> history;
  for (size_t i = 0; i < operations_.size(); ++i) {
    if (!nothing_[i]) history.push_back(operations_[i]);
  }
  const Verdict verdict = CheckLinearizable(history);
  if (verdict.kind == Verdict::Kind::kViolation) Fault("not linearizable: " + verdict.explanation);
}

}  // namespace skiff::sim
