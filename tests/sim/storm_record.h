// What everybody saw in a storm, and whether it can be true.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "api/object.h"
#include "store/store.h"
#include "tests/sim/linearizability.h"
#include "tests/sim/watch_checker.h"

namespace skiff::sim {

// A hash that grows with `text` (FNV-1a).
uint64_t Mix(uint64_t hash, absl::string_view text);
Change ChangeOf(const store::Event& event);

class StormRecord {
 public:
  explicit StormRecord(std::function<void(const std::string&)> say) : say_(std::move(say)) {}

  void Fault(const std::string& what);
  const std::vector<std::string>& faults() const { return faults_; }
  // Of all that was recorded, in order.
  void Trace(const std::string& what);
  uint64_t trace() const { return trace_; }

  // An event that a member applied: the same at the same revision on each, and a value written once
  // is there once.
  void OnApplied(uint64_t member, const store::Event& event);
  // Member `id` has a state: it must be the one that the events up to its revision make.
  void CheckState(uint64_t id, const store::Snapshot& snapshot);
  // What a key held at a revision, as far as events tell.
  std::string ValueAt(const std::string& key, uint64_t revision) const;
  // A write was acknowledged at a revision.
  void OnAcknowledged(const std::string& key, const std::string& value, uint64_t revision);
  void OnLeader(uint64_t term, uint64_t leader);

  // An operation begins; its record is filled in when it is answered.
  size_t Begin(Operation operation);
  void Done(size_t index, Operation::Outcome outcome, uint64_t revision);
  void ReadDone(size_t index, const api::ObjectPtr& seen);
  // It is certain that nothing came of it.
  void Nothing(size_t index);

  // The rest of the judgement.
  void Finish(const std::vector<WatchStream>& streams);
  uint64_t revision() const { return changes_.empty() ? 1 : changes_.rbegin()->first; }
  size_t operations() const { return operations_.size(); }

  // The first word of a ConfigMap's "value", which is written once; of other objects, a digest.
  static std::string Value(const api::ObjectPtr& object);

 private:
  struct Applied {
    std::map<std::string, std::string> values;  // By key; deleted: "(none)".
  };
  struct Acknowledged {
    std::string key;
    std::string value;
    uint64_t revision;
  };

  const std::function<void(const std::string&)> say_;
  std::vector<std::string> faults_;
  uint64_t trace_ = 14695981039346656037u;
  int64_t now_ = 0;
  std::map<uint64_t, Applied> changes_;
  std::map<std::string, std::map<uint64_t, std::string>> by_key_;
  std::map<std::string, uint64_t> written_;  // Values, by the revision that they were written at.
  std::vector<Acknowledged> acknowledged_;
  std::map<uint64_t, uint64_t> leaders_;
  std::vector<Operation> operations_;
  std::vector<bool> nothing_;
};

}  // namespace skiff::sim
