#include "raft/core.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/status.h"

namespace skiff::raft {

Core::Core(CoreOptions options, const Persistent& persistent, Rng rng)
    : options_(std::move(options)),
      rng_(rng),
      hard_state_(persistent.hard_state),
      taken_(persistent.hard_state),
      first_(persistent.first),
      before_first_term_(persistent.before_first_term),
      term_starts_(persistent.term_starts),
      last_(persistent.last),
      persisted_(persistent.last),
      commit_(persistent.commit) {
  SKIFF_CHECK(options_.id != 0);
  SKIFF_CHECK(last_ + 1 >= first_);
  ResetElectionTimer();
}

bool Core::IsVoter() const {
  return std::find(options_.voters.begin(), options_.voters.end(), options_.id) !=
         options_.voters.end();
}

Term Core::TermAt(Index index) const {
  if (index + 1 == first_) return before_first_term_;
  SKIFF_CHECK(index >= first_ && index <= last_);
  auto it = std::upper_bound(term_starts_.begin(), term_starts_.end(), index,
                             [](Index i, const auto& start) { return i < start.first; });
  SKIFF_CHECK(it != term_starts_.begin());
  return std::prev(it)->second;
}

void Core::NoteTerm(Index index, Term term) {
  if (term_starts_.empty() || term_starts_.back().second != term) {
    term_starts_.emplace_back(index, term);
  }
}

void Core::TruncateFrom(Index index) {
  SKIFF_CHECK(index > commit_);  // What is committed is for ever (section 5.4).
  last_ = index - 1;
  persisted_ = std::min(persisted_, last_);
  while (!term_starts_.empty() && term_starts_.back().first > last_) term_starts_.pop_back();
  // Entries that were waiting to be written and are replaced now.
  std::erase_if(ready_.append, [&](const Entry& entry) { return entry.index >= index; });
}

void Core::ResetElectionTimer() {
  elapsed_ = 0;
  timeout_ = options_.election_ticks + static_cast<int>(rng_.Below(options_.election_ticks));
}

void Core::Tick() {
  ++elapsed_;
  if (role_ == Role::kLeader) {
    if (elapsed_ >= options_.heartbeat_ticks) {
      elapsed_ = 0;
      Broadcast();
    }
  } else if (elapsed_ >= timeout_ && IsVoter()) {
    Campaign();
  }
}

void Core::Campaign() { BecomeCandidate(); }

void Core::BecomeFollower(Term term, MemberId leader) {
  if (term > hard_state_.term) hard_state_ = {term, 0};
  if (role_ == Role::kLeader) {
    // They name entries by index, and those may be replaced before the shell reads them.
    std::erase_if(ready_.messages,
                  [](const Message& message) { return message.type == MessageType::kAppend; });
  }
  role_ = Role::kFollower;
  leader_ = leader;
  ResetElectionTimer();
}

void Core::BecomeCandidate() {
  hard_state_ = {hard_state_.term + 1, options_.id};
  role_ = Role::kCandidate;
  leader_ = 0;
  votes_ = {options_.id};
  ResetElectionTimer();
  if (votes_.size() >= Quorum()) return BecomeLeader();
  for (const MemberId voter : options_.voters) {
    if (voter == options_.id) continue;
    Message message{MessageType::kRequestVote, options_.id, voter, hard_state_.term};
    message.log_index = last_;
    message.log_term = LastTerm();
    ready_.messages.push_back(std::move(message));
  }
}

void Core::BecomeLeader() {
  role_ = Role::kLeader;
  leader_ = options_.id;
  elapsed_ = 0;
  progress_.clear();
  for (const MemberId voter : options_.voters) {
    if (voter != options_.id) progress_[voter] = {0, last_ + 1};
  }
  AppendOwn("");  // Commits what earlier terms left (section 5.4.2).
  Broadcast();
}

void Core::AppendOwn(std::string data) {
  ++last_;
  NoteTerm(last_, hard_state_.term);
  ready_.append.push_back({hard_state_.term, last_, std::move(data)});
}

absl::StatusOr<Index> Core::Propose(std::vector<std::string> data) {
  if (role_ != Role::kLeader) {
    return absl::FailedPreconditionError("this member does not lead the cluster");
  }
  for (std::string& one : data) AppendOwn(std::move(one));
  Broadcast();
  return last_;
}

void Core::SendAppend(MemberId to) {
  Progress& progress = progress_.at(to);
  // What is compacted away cannot be sent from the log: the member needs the state itself.
  const Index previous = std::max(progress.next, first_) - 1;
  Message message{MessageType::kAppend, options_.id, to, hard_state_.term};
  message.log_index = previous;
  message.log_term = TermAt(previous);
  message.send_to = last_;
  message.commit = commit_;
  progress.next = last_ + 1;  // Sent on before it is confirmed; a rejection sets it back.
  ready_.messages.push_back(std::move(message));
}

void Core::Broadcast() {
  for (const auto& [member, progress] : progress_) SendAppend(member);
}

void Core::Step(Message message) {
  if (message.term > hard_state_.term) {
    BecomeFollower(message.term, message.type == MessageType::kAppend ? message.from : 0);
  }
  switch (message.type) {
    case MessageType::kRequestVote:
      return OnRequestVote(message);
    case MessageType::kVote:
      return OnVote(message);
    case MessageType::kAppend:
      return OnAppend(std::move(message));
    case MessageType::kAppended:
      return OnAppended(message);
  }
}

void Core::OnRequestVote(const Message& message) {
  Message answer{MessageType::kVote, options_.id, message.from, hard_state_.term};
  const bool up_to_date = std::pair(message.log_term, message.log_index) >=
                          std::pair(LastTerm(), last_);  // Section 5.4.1.
  const bool free = hard_state_.vote == 0 || hard_state_.vote == message.from;
  answer.reject = message.term < hard_state_.term || !free || !up_to_date;
  if (!answer.reject) {
    hard_state_.vote = message.from;
    ResetElectionTimer();
  }
  ready_.messages.push_back(std::move(answer));
}

void Core::OnVote(const Message& message) {
  if (role_ != Role::kCandidate || message.term != hard_state_.term || message.reject) return;
  votes_.insert(message.from);
  if (votes_.size() >= Quorum()) BecomeLeader();
}

void Core::OnAppend(Message message) {
  Message answer{MessageType::kAppended, options_.id, message.from, hard_state_.term};
  if (message.term < hard_state_.term) {
    answer.reject = true;
    answer.match = last_;
    ready_.messages.push_back(std::move(answer));
    return;
  }
  BecomeFollower(message.term, message.from);
  const bool known = message.log_index <= last_ && message.log_index + 1 >= first_;
  if (!known || TermAt(message.log_index) != message.log_term) {
    answer.reject = true;
    answer.match = std::min(last_, message.log_index == 0 ? 0 : message.log_index - 1);
    answer.match = std::max(answer.match, commit_);
    ready_.messages.push_back(std::move(answer));
    return;
  }
  Index match = message.log_index;
  for (Entry& entry : message.entries) {
    match = entry.index;
    if (entry.index <= last_) {
      if (entry.index < first_ || TermAt(entry.index) == entry.term) continue;
      TruncateFrom(entry.index);
    }
    last_ = entry.index;
    NoteTerm(entry.index, entry.term);
    ready_.append.push_back(std::move(entry));
  }
  commit_ = std::max(commit_, std::min(message.commit, match));
  answer.match = match;
  ready_.messages.push_back(std::move(answer));
}

void Core::OnAppended(const Message& message) {
  if (role_ != Role::kLeader || message.term != hard_state_.term) return;
  const auto it = progress_.find(message.from);
  if (it == progress_.end()) return;
  Progress& progress = it->second;
  if (message.reject) {
    progress.next = std::max(progress.match, std::min(message.match, last_)) + 1;
    SendAppend(message.from);
    return;
  }
  progress.match = std::max(progress.match, message.match);
  progress.next = std::max(progress.next, progress.match + 1);
  AdvanceCommit();
}

void Core::Persisted(Index index, Term term) {
  if (index > last_ || index < first_ || TermAt(index) != term) return;
  persisted_ = std::max(persisted_, index);
  AdvanceCommit();
}

void Core::Abandon(Index index) {
  SKIFF_CHECK(progress_.empty() && index > persisted_);
  if (index <= last_) TruncateFrom(index);
}

void Core::Compacted(Index first) {
  SKIFF_CHECK(first <= commit_ + 1);
  if (first <= first_) return;
  before_first_term_ = TermAt(first - 1);
  // The term that the first kept entry belongs to begins there now.
  auto it = std::upper_bound(term_starts_.begin(), term_starts_.end(), first,
                             [](Index i, const auto& start) { return i < start.first; });
  if (it != term_starts_.begin()) {
    --it;
    it->first = first;
    term_starts_.erase(term_starts_.begin(), it);
  }
  if (first > last_) term_starts_.clear();
  first_ = first;
}

// The highest entry of this term that a quorum has on disk is committed, and with it all before
// (section 5.3; earlier terms are never counted, section 5.4.2).
void Core::AdvanceCommit() {
  if (role_ != Role::kLeader) return;
  std::vector<Index> matches;
  if (IsVoter()) matches.push_back(persisted_);
  for (const auto& [member, progress] : progress_) matches.push_back(progress.match);
  if (matches.size() < Quorum()) return;
  std::sort(matches.begin(), matches.end(), std::greater<>());
  const Index agreed = matches[Quorum() - 1];
  if (agreed > commit_ && TermAt(agreed) == hard_state_.term) commit_ = agreed;
}

Ready Core::TakeReady() {
  Ready out = std::move(ready_);
  ready_ = Ready();
  if (hard_state_ != taken_) {
    out.hard_state = hard_state_;
    taken_ = hard_state_;
  }
  return out;
}

}  // namespace skiff::raft
