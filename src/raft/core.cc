#include "raft/core.h"

#include <algorithm>

#include "base/status.h"
#include "raft/quorum.h"

namespace skiff::raft {

Core::Core(CoreOptions options, Persistent persistent, Rng rng)
    : options_(options),
      rng_(rng),
      hard_state_(persistent.hard_state),
      taken_state_(persistent.hard_state),
      log_(persistent.checkpoint),
      commit_(std::max(persistent.commit, persistent.checkpoint.index)) {
  SKIFF_CHECK(options_.id != 0 && options_.election_ticks > options_.heartbeat_ticks);
  SKIFF_CHECK(options_.max_drift > 0 && options_.max_drift < 1);
  for (const Persistent::Held& held : persistent.log) {
    log_.Append(held.term, held.bytes, held.config ? &*held.config : nullptr);
  }
  persisted_ = taken_ = log_.last();
  SKIFF_CHECK(commit_ <= log_.last());
  // A leader may count on this member not to vote yet, for what it answered before it restarted.
  // With nothing on disk it has not answered (OnHeartbeat).
  if (log_.last() == 0) quiet_ = options_.election_ticks;
  if (options_.joins && log_.last() == 0) standing_ = Standing::kUnknown;
  standing_number_ = rng_.Next();  // Answers to questions from before a restart are none of ours.
  next_number_ = standing_number_ + 1;
  ResetElectionTimer();
}

Message Core::To(MemberId to, MessageType type) const {
  return {type, options_.id, to, hard_state_.term};
}

// Of one in whose place none comes any more. The one before the latest configuration is committed,
// also where that was forgotten with a restart.
Index Core::CommittedConfigIndex() const {
  return std::max(commit_, log_.config_index() > 0 ? log_.config_index() - 1 : 0);
}

bool Core::WasMember(Index as_of) const {
  const Index index = std::min(as_of, CommittedConfigIndex());
  return index + 1 >= log_.first() && raft::IsMember(ConfigAt(index), options_.id);
}

// Whoever is about to leave may be the only one that has the entry by which it does; it has to lead
// until that is committed (the dissertation, 4.2.2).
bool Core::IsVoter() const {
  return raft::IsVoter(config(), options_.id) ||
         raft::IsVoter(ConfigAt(CommittedConfigIndex()), options_.id);
}

void Core::Tick() {
  ++now_;
  ++elapsed_;
  if (role_ == Role::kLeader) return TickLeader();
  ++quiet_;
  ExpireForwarded();
  if (elapsed_ < timeout_) return;
  if (IsVoter()) return Campaign();
  StepDown();  // The leader that it heard of last may be none any more.
}

void Core::Step(Message message) {
  if (message.to != options_.id || message.from == options_.id || message.from == 0) return;
  if (message.term > hard_state_.term && !AdmitTerm(message)) return;
  if (message.term < hard_state_.term) return AnswerStale(message);
  switch (message.type) {
    case MessageType::kPreVoteRequest:
      return OnPreVoteRequest(message);
    case MessageType::kVoteRequest:
      return OnVoteRequest(message);
    case MessageType::kPreVote:
    case MessageType::kVote:
      return OnVote(message);
    case MessageType::kAppend:
      return OnAppend(std::move(message));
    case MessageType::kAppended:
      return OnAppended(message);
    case MessageType::kHeartbeat:
      return OnHeartbeat(message);
    case MessageType::kHeartbeatAck:
      return OnHeartbeatAck(message);
    case MessageType::kTimeoutNow:
      return OnTimeoutNow(message);
    case MessageType::kReadIndex:
      return OnReadIndex(message);
    case MessageType::kReadIndexAnswer:
      return OnReadIndexAnswer(message);
    default:
      return;  // The shells'.
  }
}

Ready Core::TakeReady() {
  if (role_ == Role::kLeader) {
    if (round_wanted_) StartRound();
    SendAppends();
  } else {
    ForwardReads();
  }
  if (rewrite_ || hard_state_ != taken_state_) ready_.hard_state = hard_state_;
  taken_state_ = hard_state_;
  rewrite_ = false;
  if (!ready_.append.empty()) taken_ = ready_.append.back().index;
  return std::exchange(ready_, {});
}

absl::StatusOr<Index> Core::Propose(std::vector<std::string> data) {
  if (role_ != Role::kLeader) {
    return absl::FailedPreconditionError("this member does not lead the cluster");
  }
  if (transfer_) {
    return absl::FailedPreconditionError("this member is handing over the lead of the cluster");
  }
  for (std::string& one : data) AppendOwn(EntryType::kData, std::move(one), nullptr);
  return log_.last();
}

void Core::Persisted(Index index, Term term) {
  if (!log_.Holds(index, term)) return;
  persisted_ = std::max(persisted_, index);
  if (role_ == Role::kLeader) {
    if (persisted_ >= term_start_) unproven_ = false;
    AdvanceCommit();
  } else if (leader_ != 0 && std::min(agreed_, persisted_) > confirmed_) {
    AnswerAppend();
  }
}

void Core::Abandon(Index index) {
  SKIFF_CHECK(progress_.empty() && index > persisted_ && index > commit_);
  TruncateFrom(index);
  rewrite_ = true;  // It may have been in the same write.
  // Without an entry of its term a leader commits nothing of earlier ones, and serves no reads.
  if (role_ != Role::kLeader || index > term_start_) return;
  AppendOwn(EntryType::kData, "", nullptr);
  term_start_ = log_.last();
}

void Core::TruncateFrom(Index index) {
  SKIFF_CHECK(index > commit_);  // What is committed is for ever (section 5.4).
  log_.TruncateFrom(index);
  persisted_ = std::min(persisted_, index - 1);
  taken_ = std::min(taken_, index - 1);
  std::erase_if(ready_.append, [&](const Entry& entry) { return entry.index >= index; });
}

void Core::Compacted(Checkpoint to) {
  SKIFF_CHECK(to.index <= commit_);
  log_.CompactTo(to);
  persisted_ = std::max(persisted_, to.index);
}

bool Core::Restore(const Checkpoint& checkpoint) {
  SKIFF_CHECK(standing_ == Standing::kMember);
  if (role_ == Role::kLeader || checkpoint.index <= commit_) return false;
  if (checkpoint.term > hard_state_.term) BecomeFollower(checkpoint.term, 0);
  const bool held = log_.Holds(checkpoint.index, checkpoint.term);
  commit_ = checkpoint.index;
  agreed_ = std::max(agreed_, checkpoint.index);
  if (held) {
    // What follows may count on the leader's side already: it stays.
    if (leader_ != 0) AnswerAppend();
    return false;
  }
  // Nothing of ours that counts is lost: what is before it is in it, and what is behind an entry
  // that differs from a committed one was never confirmed to a leader that could commit it.
  log_ = LogOutline(checkpoint);
  ready_.append.clear();
  persisted_ = taken_ = agreed_ = checkpoint.index;
  if (leader_ != 0) AnswerAppend();
  return true;
}

}  // namespace skiff::raft
