// What a leader sends, and when it commits.
#include <algorithm>

#include "raft/core.h"
#include "raft/quorum.h"

namespace skiff::raft {

void Core::TickLeader() {
  if (transfer_ && now_ - transfer_->begun >= static_cast<uint64_t>(options_.election_ticks)) {
    transfer_.reset();
  }
  // Check-quorum (the dissertation, 6.2): others may have chosen another by now.
  const auto heard = [this](MemberId id) {
    const auto it = progress_.find(id);
    return id == options_.id ||
           (it != progress_.end() &&
            now_ - it->second.heard() < static_cast<uint64_t>(options_.election_ticks));
  };
  if (!HasQuorum(config(), heard)) return StepDown();
  if (elapsed_ >= options_.heartbeat_ticks) {
    elapsed_ = 0;
    StartRound();
  }
}

void Core::AppendOwn(EntryType type, std::string data, const Config* config) {
  log_.Append(hard_state_.term, static_cast<uint32_t>(data.size()), config);
  ready_.append.push_back({hard_state_.term, log_.last(), type, std::move(data)});
}

void Core::StartRound() {
  round_wanted_ = false;
  ++round_;
  if (round_ticks_.empty() || round_ticks_.back().second != now_) {
    round_ticks_.emplace_back(round_, now_);
  }
  while (now_ - round_ticks_.front().second > static_cast<uint64_t>(options_.election_ticks)) {
    round_ticks_.pop_front();
  }
  for (auto& [id, progress] : progress_) SendHeartbeat(id, &progress, round_);
  ConfirmReads();
}

void Core::SendHeartbeat(MemberId to, Progress* progress, uint64_t round) {
  if (unproven_) return;
  Message message = To(to, MessageType::kHeartbeat);
  message.context = round;
  message.commit = std::min(commit_, progress->match());
  progress->told_commit = std::max(progress->told_commit, message.commit);
  ready_.messages.push_back(std::move(message));
}

// All that was proposed and learned since the last Ready goes out at once: the busier, the fewer
// messages an entry.
void Core::SendAppends() {
  if (unproven_) return;
  for (auto& [id, progress] : progress_) SendTo(id, &progress);
  if (!transfer_ || transfer_->told) return;
  const auto it = progress_.find(transfer_->to);
  if (it == progress_.end() || it->second.match() != log_.last()) return;
  ready_.messages.push_back(To(transfer_->to, MessageType::kTimeoutNow));
  transfer_->told = true;
  lease_lost_ = true;  // It may campaign, and be voted for, at any time from now on.
}

void Core::SendTo(MemberId to, Progress* progress) {
  bool sent = false;
  while (progress->CanSend(options_.max_in_flight)) {
    if (progress->next() < log_.first()) {
      progress->BecomeSnapshot();
      Message message = To(to, MessageType::kSnapshot);
      message.log_index = log_.first() - 1;
      message.log_term = log_.TermAt(message.log_index);
      ready_.messages.push_back(std::move(message));
      return;
    }
    const bool more = progress->next() <= log_.last();
    if (!more && progress->state() == Follower::State::kReplicate) break;
    SendAppend(to, progress,
               more ? log_.BatchEnd(progress->next(), options_.max_append_bytes) : log_.last());
    sent = true;
  }
  if (progress->TakeQuestion() && !sent) {
    SendAppend(to, progress, std::max(progress->next(), log_.first()) - 1);
  }
  if (progress->told_commit < std::min(commit_, progress->match())) {
    SendHeartbeat(to, progress, /*round=*/0);
  }
}

// Entries from the next one up to `last`; none if that is before it.
void Core::SendAppend(MemberId to, Progress* progress, Index last) {
  Message message = To(to, MessageType::kAppend);
  message.log_index = std::max(progress->next(), log_.first()) - 1;
  message.log_term = log_.TermAt(message.log_index);
  message.send_to = last;
  message.commit = commit_;
  if (progress->state() == Follower::State::kReplicate) {
    progress->told_commit = std::max(progress->told_commit, std::min(commit_, last));
  }
  progress->Sent(last);
  ready_.messages.push_back(std::move(message));
}

void Core::OnAppended(const Message& message) {
  const auto it = progress_.find(message.from);
  if (role_ != Role::kLeader || it == progress_.end()) return;
  Progress& progress = it->second;
  progress.Heard(now_);
  if (message.match > log_.last()) return;  // Nobody has that.
  if (message.reject) {
    Index hint = message.match;
    if (hint >= log_.first()) hint = log_.LastUpTo(hint, message.log_term);
    progress.Rejected(message.log_index, hint);
    return;
  }
  // A state came there by another way than this leader's shell.
  if (message.match + 1 >= log_.first()) progress.SnapshotDone(message.match);
  if (progress.Accepted(message.match)) AdvanceCommit();
}

void Core::OnHeartbeatAck(const Message& message) {
  const auto it = progress_.find(message.from);
  if (role_ != Role::kLeader || it == progress_.end()) return;
  it->second.Heard(now_);
  it->second.Answered(std::min(message.context, round_));
  it->second.MayHaveLost();
  if (transfer_ && transfer_->to == message.from) transfer_->told = false;
  ConfirmReads();
}

void Core::SnapshotSent(MemberId to, Index index, bool arrived) {
  const auto it = progress_.find(to);
  if (it == progress_.end()) return;
  it->second.SnapshotDone(arrived ? std::min(index, log_.last()) : 0);
}

void Core::AdvanceCommit() {
  const Index index = QuorumValue(config(), [this](MemberId id) -> Index {
    if (id == options_.id) return persisted_;
    const auto it = progress_.find(id);
    return it == progress_.end() ? 0 : it->second.match();
  });
  // Entries of earlier terms are committed by one of this term only (section 5.4.2, figure 8).
  if (index <= commit_ || index < term_start_) return;
  const bool config_committed = commit_ < log_.config_index() && log_.config_index() <= index;
  commit_ = index;
  for (const PendingRead& read : std::exchange(early_reads_, {})) {
    LeaderRead(read.from, read.context);
  }
  if (config_committed) AfterConfigCommitted();
}

std::map<MemberId, Follower> Core::followers() const {
  std::map<MemberId, Follower> out;
  for (const auto& [id, progress] : progress_) {
    out[id] = {progress.state(), progress.match(), progress.next(),
               progress.ever_heard() &&
                   now_ - progress.heard() < static_cast<uint64_t>(options_.election_ticks)};
  }
  return out;
}

}  // namespace skiff::raft
