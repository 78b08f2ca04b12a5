#include "raft/progress.h"

namespace skiff::raft {

using State = Follower::State;

bool Progress::CanSend(int max_in_flight) const {
  switch (state_) {
    case State::kProbe:
      return !waiting_;
    case State::kReplicate:
      return static_cast<int>(in_flight_.size()) < max_in_flight;
    case State::kSnapshot:
      return false;
  }
  return false;
}

void Progress::Sent(Index last) {
  if (state_ == State::kProbe) {
    waiting_ = true;
    probed_ = std::max(last, next_ - 1);
  } else if (last >= next_) {
    in_flight_.push_back(last);
    next_ = last + 1;
  }
}

bool Progress::Accepted(Index match) {
  // A probe is answered also by what was known: that ends the search.
  const bool found = state_ == State::kProbe && match >= match_;
  if (match <= match_ && !found) return false;
  match_ = std::max(match_, match);
  if (state_ == State::kProbe) {
    // What came with the question has arrived, if it may not be on disk yet.
    const Index sent = waiting_ ? probed_ : 0;
    BecomeProbe(match_ + 1);
    state_ = State::kReplicate;
    Sent(sent);
  }
  next_ = std::max(next_, match_ + 1);
  while (!in_flight_.empty() && in_flight_.front() <= match_) in_flight_.pop_front();
  return true;
}

bool Progress::Rejected(Index refused, Index hint) {
  if (state_ == State::kSnapshot) return false;
  // What it has confirmed it does not lose: an old answer, overtaken by a later one.
  if (refused <= match_) return false;
  if (state_ == State::kProbe && refused != next_ - 1) return false;
  BecomeProbe(std::max(match_, std::min(hint, refused - 1)) + 1);
  return true;
}

void Progress::MayHaveLost() {
  waiting_ = false;
  if (state_ == State::kReplicate && match_ + 1 < next_) question_ = true;
}

bool Progress::TakeQuestion() {
  const bool asked = question_ && state_ == State::kReplicate;
  question_ = false;
  return asked;
}

void Progress::BecomeProbe(Index next) {
  state_ = State::kProbe;
  probed_ = 0;
  next_ = next;
  waiting_ = false;
  question_ = false;
  in_flight_.clear();
}

void Progress::BecomeSnapshot() {
  BecomeProbe(next_);
  state_ = State::kSnapshot;
}

void Progress::SnapshotDone(Index index) {
  if (state_ != State::kSnapshot) return;
  BecomeProbe(std::max(match_, index) + 1);
  waiting_ = index == 0;  // Until it is heard of again, which tells a slow disk from a dead member.
}

}  // namespace skiff::raft
