// Who takes part: changes by joint consensus (section 6), and handing over the lead (the
// dissertation, 3.10).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "raft/core.h"
#include "raft/quorum.h"

namespace skiff::raft {
namespace {

absl::Status CheckTarget(const Config& target) {
  if (target.voters.empty()) {
    return absl::InvalidArgumentError("a cluster needs a member that votes: this would leave none");
  }
  for (const MemberId id : target.learners) {
    if (target.voters.count(id) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("member ", id, " cannot be both a voter and a learner"));
    }
  }
  if (target.voters.count(0) != 0 || target.learners.count(0) != 0) {
    return absl::InvalidArgumentError("0 is no member: use an id from 1 on");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Index> Core::ProposeConfig(Config target) {
  if (absl::Status status = CheckTarget(target); !status.ok()) return status;
  if (role_ != Role::kLeader) {
    return absl::FailedPreconditionError("this member does not lead the cluster");
  }
  if (transfer_) {
    return absl::FailedPreconditionError("this member is handing over the lead of the cluster");
  }
  if (term_start_ > commit_) {
    return absl::FailedPreconditionError(
        "this member leads the cluster but has not been confirmed yet: try again");
  }
  if (config().joint() || log_.config_index() > commit_) {
    return absl::FailedPreconditionError(
        "another change of the members is under way: try again when it is done");
  }
  target.outgoing.clear();
  target.version = std::max(target.version, config().version);
  if (target.voters != config().voters) {
    target.outgoing = config().voters;
    // Those that leave are still to be reached.
    for (const auto& [id, note] : config().notes) {
      if (target.outgoing.count(id) != 0) target.notes.emplace(id, note);
    }
  }
  AppendConfig(target);
  return log_.last();
}

void Core::AppendConfig(const Config& config) {
  AppendOwn(EntryType::kConfig, EncodeConfig(config), &config);
  // It is in force. Who is no longer in it gets the log until it is committed, to know that it
  // left.
  for (const MemberId id : MembersOf(config)) {
    if (id != options_.id) progress_.emplace(id, Progress(log_.last(), now_));
  }
  if (transfer_ && config.voters.count(transfer_->to) == 0) transfer_.reset();
}

void Core::AfterConfigCommitted() {
  if (log_.config_index() > commit_) return;
  if (config().joint()) {
    Config next = config();
    for (const MemberId id : next.outgoing) {
      if (next.voters.count(id) == 0 && next.learners.count(id) == 0) next.notes.erase(id);
    }
    next.outgoing.clear();
    return AppendConfig(next);
  }
  DropDeparted();
  if (IsVoter()) return;
  // The best of the others need not wait for an election time.
  MemberId best = 0;
  for (auto& [id, progress] : progress_) {
    SendHeartbeat(id, &progress, /*round=*/0);
    if (config().voters.count(id) != 0 && progress.match() == log_.last()) best = id;
  }
  if (best != 0) ready_.messages.push_back(To(best, MessageType::kTimeoutNow));
  StepDown();
}

void Core::DropDeparted() {
  const std::set<MemberId> members = MembersOf(config());
  for (auto it = progress_.begin(); it != progress_.end();) {
    if (members.count(it->first) != 0) {
      ++it;
      continue;
    }
    SendHeartbeat(it->first, &it->second, /*round=*/0);
    it = progress_.erase(it);
  }
}

absl::Status Core::TransferTo(MemberId to) {
  if (role_ != Role::kLeader) {
    return absl::FailedPreconditionError("this member does not lead the cluster");
  }
  if (config().voters.count(to) == 0) {
    return absl::NotFoundError(absl::StrCat("no member ", to, " votes in this cluster"));
  }
  if (transfer_ && transfer_->to != to) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the lead of the cluster is already being handed over to member ", transfer_->to));
  }
  if (to != options_.id && !transfer_) transfer_ = Transfer{to, now_, false};
  return absl::OkStatus();
}

}  // namespace skiff::raft
