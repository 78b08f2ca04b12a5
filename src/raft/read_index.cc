// Linearizable reads (the dissertation, 6.4): a leader's by lease or by a round of heartbeats,
// others' by asking it.
#include <algorithm>

#include "raft/core.h"
#include "raft/quorum.h"

namespace skiff::raft {

void Core::ReadIndex(uint64_t context) {
  if (role_ == Role::kLeader) return LeaderRead(options_.id, context);
  if (leader_ == 0) {
    ready_.reads.push_back({context, std::nullopt});
  } else {
    asked_reads_.push_back(context);
  }
}

// Whoever answered a round does not vote for an election time of its own clock, which began after
// the round did. A tick on either side may have been about to come.
bool Core::HoldsLease() const {
  // A leader that is leaving stands on members that owe it nothing.
  if (!options_.lease_reads || lease_lost_ || config().voters.count(options_.id) == 0) return false;
  const uint64_t round = QuorumValue(config(), [this](MemberId id) {
    const auto it = progress_.find(id);
    if (id == options_.id) return round_;
    return it == progress_.end() ? 0 : it->second.round();
  });
  const auto later = std::find_if(round_ticks_.begin(), round_ticks_.end(),
                                  [&](const auto& start) { return start.first > round; });
  if (later == round_ticks_.begin()) return false;
  const uint64_t age = now_ - std::prev(later)->second + 1;
  return static_cast<double>(age) <= (options_.election_ticks - 1) * (1 - options_.max_drift);
}

void Core::LeaderRead(MemberId from, uint64_t context) {
  if (commit_ < term_start_) {  // What is committed is not known yet (section 8).
    early_reads_.push_back({from, context, 0, 0});
    return;
  }
  const bool alone = HasQuorum(config(), [this](MemberId id) { return id == options_.id; });
  if (alone || HoldsLease()) return AnswerRead(from, context, commit_);
  // The round begins with the next Ready: all reads until then share it.
  reads_.push_back({from, context, commit_, round_ + 1});
  round_wanted_ = true;
}

void Core::AnswerRead(MemberId from, uint64_t context, std::optional<Index> index) {
  if (from == options_.id) {
    ready_.reads.push_back({context, index});
    return;
  }
  Message answer = To(from, MessageType::kReadIndexAnswer);
  answer.context = context;
  answer.reject = !index;
  answer.read_index = index.value_or(0);
  if (index) answer.match = StandingOf(from);
  ready_.messages.push_back(std::move(answer));
}

void Core::ConfirmReads() {
  if (reads_.empty()) return;
  const uint64_t round = QuorumValue(config(), [this](MemberId id) {
    const auto it = progress_.find(id);
    if (id == options_.id) return round_;
    return it == progress_.end() ? 0 : it->second.round();
  });
  for (; !reads_.empty() && reads_.front().round <= round; reads_.pop_front()) {
    const PendingRead& read = reads_.front();
    AnswerRead(read.from, read.context, read.index);
  }
}

void Core::FailPendingReads() {
  for (const PendingRead& read : std::exchange(early_reads_, {})) {
    AnswerRead(read.from, read.context, std::nullopt);
  }
  for (const PendingRead& read : std::exchange(reads_, {})) {
    AnswerRead(read.from, read.context, std::nullopt);
  }
}

void Core::ForwardReads() {
  if (asked_reads_.empty()) return;
  Message message = To(leader_, MessageType::kReadIndex);
  message.context = next_number_++;
  forwarded_.push_back({message.context, now_, std::exchange(asked_reads_, {})});
  ready_.messages.push_back(std::move(message));
}

void Core::ExpireForwarded() {
  while (!forwarded_.empty() &&
         now_ - forwarded_.front().asked >= static_cast<uint64_t>(options_.election_ticks)) {
    for (const uint64_t context : forwarded_.front().contexts) {
      ready_.reads.push_back({context, std::nullopt});
    }
    forwarded_.pop_front();
  }
}

void Core::FailForwarded() {
  for (const Forwarded& forwarded : std::exchange(forwarded_, {})) {
    for (const uint64_t context : forwarded.contexts) {
      ready_.reads.push_back({context, std::nullopt});
    }
  }
  for (const uint64_t context : std::exchange(asked_reads_, {})) {
    ready_.reads.push_back({context, std::nullopt});
  }
}

void Core::OnReadIndex(const Message& message) {
  if (role_ == Role::kLeader) return LeaderRead(message.from, message.context);
  AnswerRead(message.from, message.context, std::nullopt);
}

// By each round of heartbeats: what is lost is asked again.
void Core::AskStanding() {
  if (standing_ != Standing::kUnknown) return;
  Message message = To(leader_, MessageType::kReadIndex);
  message.context = standing_number_;
  ready_.messages.push_back(std::move(message));
}

// In kReadIndexAnswer::match, as whoever asked for a read needs no such thing.
uint64_t Core::StandingOf(MemberId id) const {
  const auto it = progress_.find(id);
  if (raft::IsVoter(config(), id) || (it != progress_.end() && it->second.match() > 0)) return 2;
  return config().learners.count(id) != 0 ? 1 : 0;
}

void Core::OnReadIndexAnswer(const Message& message) {
  if (message.context == standing_number_) {
    if (standing_ != Standing::kUnknown || message.reject) return;
    if (message.match == 1) standing_ = Standing::kMember;
    if (message.match == 2) standing_ = Standing::kLost;
    return;
  }
  const auto it = std::find_if(forwarded_.begin(), forwarded_.end(), [&](const Forwarded& each) {
    return each.number == message.context;
  });
  if (it == forwarded_.end()) return;
  for (const uint64_t context : it->contexts) {
    ready_.reads.push_back(
        {context, message.reject ? std::nullopt : std::optional<Index>(message.read_index)});
  }
  forwarded_.erase(it);
}

}  // namespace skiff::raft
