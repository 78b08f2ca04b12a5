// What this member has proposed and is not answered yet.
//
// Each proposal has a number of this member's that its log entry carries, so that the member knows
// its own when it applies them. A proposal is given to a leader in a term. Once an entry of a later
// term is applied, whatever was given in an earlier one and has not been applied never will be
// (log matching, section 5.3: no entry of an earlier term follows): it is safe to give it again.
//
// Threads: the loop.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "raft/types.h"
#include "store/store.h"

namespace skiff::store {

using CommitDone = absl::AnyInvocable<void(absl::StatusOr<TxnResult>) &&>;

// A part of a sum of bytes: whoever lets go of it gives it back. The sum outlives it.
struct GiveBack {
  int64_t bytes = 0;
  void operator()(std::atomic<int64_t>* sum) const { *sum -= bytes; }
};
using Share = std::unique_ptr<std::atomic<int64_t>, GiveBack>;
inline Share TakeShare(int64_t bytes, std::atomic<int64_t>* sum) {
  *sum += bytes;
  return Share(sum, GiveBack{bytes});
}

struct Proposal {
  uint64_t number = 0;
  Txn txn;
  std::string data;  // The log entry's. Empty once it was given away for good.
  CommitDone done;
  absl::Duration since;  // On the monotonic clock.
  raft::Term term = 0;   // In which it was given to a leader; 0: to none.
  absl::Duration given;  // When.
  Share share;           // Of what waits.
};

class Proposals {
 public:
  void Add(Proposal proposal);
  bool empty() const { return pending_.empty(); }
  // The number of the oldest that is not answered; none: what comes next will be greater.
  uint64_t oldest() const { return pending_.empty() ? next_ : pending_.begin()->first; }

  // Takes it out, if it is there: its entry is applied, or known to be lost.
  std::optional<Proposal> Take(uint64_t number);

  // In order of age: those that no leader has; and those given to one before `before`.
  std::vector<Proposal*> ToGive(absl::Duration before);
  // An entry of `term` is applied: those given in an earlier one are with no leader again.
  void OnApplied(raft::Term term);

  // Takes out what was added before `since`.
  std::vector<Proposal> TakeOlder(absl::Duration since);
  // Takes out what a leader has, or all.
  std::vector<Proposal> TakeGiven();
  std::vector<Proposal> TakeAll();

 private:
  std::vector<Proposal> TakeIf(const std::function<bool(const Proposal&)>& which);

  std::map<uint64_t, Proposal> pending_;
  uint64_t next_ = 0;
};

// On a leader: what other members have given it in its term, so that what comes twice is proposed
// once.
class Given {
 public:
  // Whether `number` of the life `life` of member `from` is new. `oldest`: everything of its that
  // is older is answered.
  bool Note(raft::MemberId from, uint64_t life, uint64_t number, uint64_t oldest);
  // They could not be proposed after all.
  void Forget(raft::MemberId from, uint64_t life, const std::vector<uint64_t>& numbers);
  void Clear() { lives_.clear(); }

 private:
  struct Numbers {
    uint64_t oldest = 0;
    std::set<uint64_t> seen;
  };
  std::map<std::pair<raft::MemberId, uint64_t>, Numbers> lives_;
};

}  // namespace skiff::store
