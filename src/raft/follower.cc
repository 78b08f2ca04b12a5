// What a member does with what its leader sends.
#include <algorithm>

#include "raft/core.h"

namespace skiff::raft {

void Core::OnHeartbeat(const Message& message) {
  if (role_ == Role::kLeader) return;
  BecomeFollower(message.term, message.from);
  // Never beyond what this member confirmed, unless it lost its disk.
  if (message.commit <= log_.last()) commit_ = std::max(commit_, message.commit);
  if (message.context == 0) return;
  AskStanding();
  Message answer = To(message.from, MessageType::kHeartbeatAck);
  // With nothing on disk a restart would not know of the lease that this answer helps to.
  answer.context = persisted_ > 0 ? message.context : 0;
  ready_.messages.push_back(std::move(answer));
}

bool Core::WellFormed(const Message& message) const {
  Index index = message.log_index;
  Term term = message.log_term;
  for (const Entry& entry : message.entries) {
    if (entry.index != ++index || entry.term < term || entry.term == 0) return false;
    term = entry.term;
    if (entry.type == EntryType::kConfig && !DecodeConfig(entry.data).ok()) return false;
  }
  return term <= message.term;
}

void Core::OnAppend(Message message) {
  if (role_ == Role::kLeader || !WellFormed(message)) return;
  BecomeFollower(message.term, message.from);
  if (standing_ != Standing::kMember) return;  // It is sent again.
  const Index previous = message.log_index;
  // What is compacted away here is committed, so it is the same there.
  if (previous + 1 >= log_.first() && !log_.Holds(previous, message.log_term)) {
    return Refuse(message);
  }
  const Index match = previous + message.entries.size();
  if (!AppendReceived(std::move(message.entries))) return;
  commit_ = std::max(commit_, std::min(message.commit, match));
  agreed_ = std::max({agreed_, match, commit_});
  AnswerAppend();
}

// False: nothing was done, the leader has to send it again.
bool Core::AppendReceived(std::vector<Entry> entries) {
  auto news = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.index >= log_.first() && !log_.Holds(entry.index, entry.term);
  });
  if (news == entries.end()) return true;
  if (news->index <= log_.last()) {
    if (news->index <= commit_) return false;  // No leader's log differs there.
    // What is being written is replaced only when it is known to be written: a report would not
    // tell which of two entries of one index and term it is about.
    if (news->index <= taken_ && persisted_ < taken_) return false;
    TruncateFrom(news->index);
  }
  for (; news != entries.end(); ++news) {
    std::optional<Config> config;
    if (news->type == EntryType::kConfig) config = *DecodeConfig(news->data);
    log_.Append(news->term, static_cast<uint32_t>(news->data.size()), config ? &*config : nullptr);
    ready_.append.push_back(std::move(*news));
  }
  return true;
}

// Names the last entry that could agree: whole terms are skipped at once (section 5.3, end).
void Core::Refuse(const Message& message) {
  if (message.log_index <= commit_) return;  // No leader's log differs there.
  Message answer = To(message.from, MessageType::kAppended);
  answer.reject = true;
  answer.log_index = message.log_index;
  answer.match = std::max(log_.LastUpTo(message.log_index - 1, message.log_term), commit_);
  answer.log_term = log_.TermAt(answer.match);
  ready_.messages.push_back(std::move(answer));
}

// Claims what is on disk, no more; the rest follows when it is (Persisted).
void Core::AnswerAppend() {
  Message answer = To(leader_, MessageType::kAppended);
  answer.match = confirmed_ = std::min(agreed_, persisted_);
  ready_.after_write.push_back(std::move(answer));
}

}  // namespace skiff::raft
