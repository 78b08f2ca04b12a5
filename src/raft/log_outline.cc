#include "raft/log_outline.h"

#include <algorithm>

#include "base/status.h"

namespace skiff::raft {

LogOutline::LogOutline(const Checkpoint& checkpoint)
    : first_(checkpoint.index + 1), before_first_term_(checkpoint.term) {
  configs_[checkpoint.index] = checkpoint.config;
}

Term LogOutline::TermAt(Index index) const {
  if (index + 1 == first_) return before_first_term_;
  SKIFF_CHECK(index >= first_ && index <= last());
  const auto it = std::upper_bound(term_starts_.begin(), term_starts_.end(), index,
                                   [](Index i, const auto& start) { return i < start.first; });
  SKIFF_CHECK(it != term_starts_.begin());
  return std::prev(it)->second;
}

bool LogOutline::Holds(Index index, Term term) const {
  return index + 1 >= first_ && index <= last() && TermAt(index) == term;
}

Index LogOutline::LastUpTo(Index index, Term term) const {
  index = std::min(index, last());
  // Terms never fall: the first that is too late ends it.
  const auto late = std::upper_bound(term_starts_.begin(), term_starts_.end(), term,
                                     [](Term t, const auto& start) { return t < start.second; });
  if (late != term_starts_.end()) index = std::min(index, late->first - 1);
  return std::max(index, first_ - 1);
}

Index LogOutline::BatchEnd(Index from, uint64_t max_bytes) const {
  SKIFF_CHECK(from >= first_ && from <= last());
  uint64_t bytes = bytes_[from - first_];
  Index end = from;
  while (end < last() && bytes + bytes_[end + 1 - first_] <= max_bytes) {
    ++end;
    bytes += bytes_[end - first_];
  }
  return end;
}

const Config& LogOutline::ConfigAt(Index index) const {
  const auto it = configs_.upper_bound(index);
  SKIFF_CHECK(it != configs_.begin());
  return std::prev(it)->second;
}

void LogOutline::Append(Term term, uint32_t bytes, const Config* config) {
  bytes_.push_back(bytes);
  const Term previous = term_starts_.empty() ? 0 : term_starts_.back().second;
  if (previous != term) term_starts_.emplace_back(last(), term);
  if (config != nullptr) configs_[last()] = *config;
}

void LogOutline::TruncateFrom(Index index) {
  SKIFF_CHECK(index >= first_);
  if (index > last()) return;
  bytes_.resize(index - first_);
  while (!term_starts_.empty() && term_starts_.back().first >= index) term_starts_.pop_back();
  configs_.erase(configs_.lower_bound(index), configs_.end());
}

void LogOutline::CompactTo(const Checkpoint& checkpoint) {
  const Index to = checkpoint.index;
  if (to < first_) return;
  before_first_term_ = TermAt(to);
  while (term_starts_.size() > 1 && term_starts_[1].first <= to + 1) term_starts_.pop_front();
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(to + 1 - first_));
  first_ = to + 1;
  if (bytes_.empty()) {
    term_starts_.clear();
  } else {
    term_starts_.front().first = std::max(term_starts_.front().first, first_);
  }
  configs_[to] = checkpoint.config;
  configs_.erase(configs_.begin(), configs_.find(to));
}

}  // namespace skiff::raft
