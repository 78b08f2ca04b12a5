// What the core remembers of the log without holding its data: terms, sizes and configurations.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "raft/types.h"

namespace skiff::raft {

class LogOutline {
 public:
  // Empty, after `checkpoint`.
  explicit LogOutline(const Checkpoint& checkpoint);

  Index first() const { return first_; }
  Index last() const { return first_ + bytes_.size() - 1; }
  // Of an entry that the log holds, or the one before its first.
  Term TermAt(Index index) const;
  Term last_term() const { return TermAt(last()); }
  // Whether an entry of that index and term is in the log, or the one before its first.
  bool Holds(Index index, Term term) const;
  // The last entry at or before `index` whose term is no later than `term`, or first() - 1.
  Index LastUpTo(Index index, Term term) const;
  // The last index of a batch that starts at `from` and is of no more than `max_bytes`, or of one
  // entry.
  Index BatchEnd(Index from, uint64_t max_bytes) const;

  // The latest, and the index of its entry (first() - 1: the checkpoint's).
  const Config& config() const { return configs_.rbegin()->second; }
  Index config_index() const { return configs_.rbegin()->first; }
  // As of an index at or after first() - 1.
  const Config& ConfigAt(Index index) const;

  void Append(Term term, uint32_t bytes, const Config* config);  // config: null if it is none.
  void TruncateFrom(Index index);
  // Forgets everything up to the checkpoint, which is in the log.
  void CompactTo(const Checkpoint& checkpoint);

 private:
  Index first_;
  Term before_first_term_;
  // Where each term begins, in order.
  std::deque<std::pair<Index, Term>> term_starts_;
  std::deque<uint32_t> bytes_;       // Of each entry's data, from first_ on.
  std::map<Index, Config> configs_;  // Never empty.
};

}  // namespace skiff::raft
