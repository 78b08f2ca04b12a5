// The words of Raft (Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm", and
// Ongaro's dissertation), as the core and its shells exchange them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skiff::raft {

using Term = uint64_t;
using Index = uint64_t;     // Of a log entry; the first is 1.
using MemberId = uint64_t;  // Never 0.

struct Entry {
  Term term = 0;
  Index index = 0;
  std::string data;  // Empty: the entry by which a new leader commits its term (section 5.4.2).
};

// What must be on disk before a message that depends on it leaves (section 5, figure 2).
struct HardState {
  Term term = 0;
  MemberId vote = 0;  // For whom, in that term; 0: nobody.
  bool operator==(const HardState&) const = default;
};

enum class MessageType { kRequestVote, kVote, kAppend, kAppended };

struct Message {
  MessageType type;
  MemberId from = 0;
  MemberId to = 0;
  Term term = 0;
  // kRequestVote: the candidate's last entry. kAppend: the entry before the first sent.
  Index log_index = 0;
  Term log_term = 0;
  // kAppend, as it leaves the core: entries [log_index + 1, send_to] are to be read from the log
  // and sent along; as it arrives: they are here.
  Index send_to = 0;
  std::vector<Entry> entries;
  Index commit = 0;     // kAppend: the leader's.
  bool reject = false;  // kVote, kAppended.
  Index match = 0;      // kAppended: up to where the logs agree; rejected: where to try next.
};

enum class Role { kFollower, kCandidate, kLeader };

}  // namespace skiff::raft
