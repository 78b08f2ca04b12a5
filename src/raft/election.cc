// Who leads: elections in two steps (the dissertation, 9.6), terms, and whom a vote is given to.
#include "raft/core.h"
#include "raft/quorum.h"

namespace skiff::raft {

void Core::ResetElectionTimer() {
  elapsed_ = 0;
  timeout_ = options_.election_ticks + static_cast<int>(rng_.Below(options_.election_ticks));
}

// While it is true this member elects nobody else: a leader's lease stands on it (6.4.1), and so
// does its peace from members that only cannot hear it.
bool Core::HeardOfLeader() const {
  return role_ == Role::kLeader || quiet_ < options_.election_ticks;
}

void Core::BecomeFollower(Term term, MemberId leader) {
  if (role_ == Role::kLeader) {
    FailPendingReads();
    progress_.clear();
    round_ticks_.clear();
    transfer_.reset();
    round_wanted_ = false;
    quiet_ = options_.election_ticks;
  }
  if (term != hard_state_.term || leader != leader_) {
    FailForwarded();
    agreed_ = confirmed_ = 0;
  }
  if (term > hard_state_.term) hard_state_ = {term, 0};
  if (role_ != Role::kFollower || leader != 0) ResetElectionTimer();
  if (leader != 0) quiet_ = 0;
  role_ = Role::kFollower;
  leader_ = leader;
}

void Core::StepDown() { BecomeFollower(hard_state_.term, 0); }

void Core::Campaign(bool nobody_leads) {
  if (role_ == Role::kLeader || !IsVoter()) return;
  if (nobody_leads) return BecomeCandidate(/*transfer=*/true);
  // Where nobody else votes nobody else can hold a lease.
  const bool lone = config().voters.size() == 1 && !config().joint();
  if (!lone && HeardOfLeader()) return;
  BecomePreCandidate();
}

void Core::BecomePreCandidate() {
  BecomeFollower(hard_state_.term, 0);
  role_ = Role::kPreCandidate;
  votes_ = {{options_.id, true}};
  ResetElectionTimer();
  AskForVotes(MessageType::kPreVoteRequest, hard_state_.term + 1, /*transfer=*/false);
  CountVotes();
}

void Core::BecomeCandidate(bool transfer) {
  BecomeFollower(hard_state_.term + 1, 0);
  hard_state_.vote = options_.id;
  role_ = Role::kCandidate;
  votes_ = {{options_.id, true}};
  ResetElectionTimer();
  AskForVotes(MessageType::kVoteRequest, hard_state_.term, transfer);
  CountVotes();
}

void Core::AskForVotes(MessageType type, Term term, bool transfer) {
  for (const MemberId id : MembersOf(config())) {
    if (id == options_.id || !raft::IsVoter(config(), id)) continue;
    Message message = To(id, type);
    message.term = term;
    message.log_index = log_.last();
    message.log_term = log_.last_term();
    message.context = transfer ? 1 : 0;
    // Its own vote is on disk before it asks for others.
    auto& out = type == MessageType::kVoteRequest ? ready_.after_write : ready_.messages;
    out.push_back(std::move(message));
  }
}

void Core::CountVotes() {
  const auto said = [this](MemberId id, bool what) {
    const auto it = votes_.find(id);
    return it != votes_.end() && it->second == what;
  };
  if (HasQuorum(config(), [&](MemberId id) { return said(id, true); })) {
    if (role_ == Role::kPreCandidate) return BecomeCandidate(/*transfer=*/false);
    return BecomeLeader();
  }
  // Lost: the next attempt is when the timer runs out.
  if (!HasQuorum(config(), [&](MemberId id) { return !said(id, false); })) StepDown();
}

bool Core::AdmitTerm(const Message& message) {
  MemberId leader = 0;
  switch (message.type) {
    case MessageType::kPreVoteRequest:
      return true;  // Nobody stands for that term yet.
    case MessageType::kPreVote:
      if (!message.reject) return true;
      break;
    case MessageType::kVoteRequest:
      if (message.context == 0 && HeardOfLeader()) return false;
      break;
    case MessageType::kAppend:
    case MessageType::kHeartbeat:
    case MessageType::kTimeoutNow:
      leader = message.from;
      break;
    default:
      break;
  }
  BecomeFollower(message.term, leader);
  return true;
}

// Whoever is behind learns the term from the answer.
void Core::AnswerStale(const Message& message) {
  MessageType type;
  switch (message.type) {
    case MessageType::kPreVoteRequest:
      type = MessageType::kPreVote;
      break;
    case MessageType::kVoteRequest:
      type = MessageType::kVote;
      break;
    case MessageType::kAppend:
      type = MessageType::kAppended;
      break;
    case MessageType::kHeartbeat:
      type = MessageType::kHeartbeatAck;
      break;
    case MessageType::kReadIndex:
      type = MessageType::kReadIndexAnswer;
      break;
    default:
      return;
  }
  Message answer = To(message.from, type);
  answer.reject = type != MessageType::kHeartbeatAck;
  if (type == MessageType::kAppended) answer.match = log_.last();
  if (type == MessageType::kReadIndexAnswer) answer.context = message.context;
  ready_.messages.push_back(std::move(answer));
}

void Core::OnPreVoteRequest(const Message& message) {
  const bool up_to_date = std::pair(message.log_term, message.log_index) >=
                          std::pair(log_.last_term(), log_.last());  // Section 5.4.1.
  const bool free =
      message.term > hard_state_.term || hard_state_.vote == 0 || hard_state_.vote == message.from;
  Message answer = To(message.from, MessageType::kPreVote);
  answer.reject = standing_ != Standing::kMember || HeardOfLeader() || !free || !up_to_date;
  if (!answer.reject) answer.term = message.term;
  ready_.messages.push_back(std::move(answer));
}

void Core::OnVoteRequest(const Message& message) {
  // Another message may have brought the term while a leader of an earlier one holds a lease.
  if (message.context == 0 && HeardOfLeader()) return;
  const bool up_to_date =
      std::pair(message.log_term, message.log_index) >= std::pair(log_.last_term(), log_.last());
  const bool free = hard_state_.vote == 0 || hard_state_.vote == message.from;
  Message answer = To(message.from, MessageType::kVote);
  answer.reject = standing_ != Standing::kMember || !free || !up_to_date;
  if (!answer.reject) {
    hard_state_.vote = message.from;
    rewrite_ = true;  // Asked again before the first write is done, this answer waits for it, too.
    ResetElectionTimer();
  }
  ready_.after_write.push_back(std::move(answer));
}

void Core::OnVote(const Message& message) {
  if (message.type == MessageType::kVote) {
    if (role_ != Role::kCandidate) return;
  } else {
    if (role_ != Role::kPreCandidate) return;
    if (message.term != hard_state_.term + (message.reject ? 0 : 1)) return;
  }
  votes_[message.from] = !message.reject;
  CountVotes();
}

void Core::OnTimeoutNow(const Message& message) {
  if (role_ != Role::kFollower || leader_ != message.from || !IsVoter()) return;
  BecomeCandidate(/*transfer=*/true);
}

void Core::BecomeLeader() {
  role_ = Role::kLeader;
  leader_ = options_.id;
  elapsed_ = 0;
  round_ = 0;
  lease_lost_ = false;
  unproven_ = votes_.size() == 1;  // Others answered what left after the write.
  for (const MemberId id : MembersOf(config())) {
    if (id != options_.id) progress_.emplace(id, Progress(log_.last() + 1, now_));
  }
  AppendOwn(EntryType::kData, "", nullptr);  // Commits what earlier terms left (section 5.4.2).
  term_start_ = log_.last();
  StartRound();
  AfterConfigCommitted();
}

}  // namespace skiff::raft
