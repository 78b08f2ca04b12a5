// Reads that wait until this member's state shows all that was acknowledged anywhere before they
// were asked (linearizable reads: the dissertation, 6.4). Those that come while one round is under
// way share the next.
//
// Threads: the loop.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "raft/types.h"

namespace skiff::store {

class Barriers {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;

  void Add(Done done, absl::Duration now) { waiting_.push_back({std::move(done), now}); }

  bool empty() const { return waiting_.empty() && asked_.empty() && readable_.empty(); }
  // A number for the round of those that wait; none if nobody does or a round is under way.
  std::optional<uint64_t> Begin();
  // The round may be served once `index` is applied; none: it failed, and is to be asked anew.
  void OnReadable(uint64_t round, std::optional<raft::Index> index);
  // Answers those whose index is applied.
  void OnApplied(raft::Index applied);
  // Answers those added before `since` with `why`; a round without an answer is given up.
  void Expire(absl::Duration since, const absl::Status& why);
  void FailAll(const absl::Status& why);

 private:
  struct Read {
    Done done;
    absl::Duration since;
  };
  using Reads = std::vector<Read>;

  Reads waiting_;  // For the next round.
  Reads asked_;    // In the round under way.
  std::multimap<raft::Index, Reads> readable_;
  bool under_way_ = false;
  uint64_t round_ = 0;
};

}  // namespace skiff::store
