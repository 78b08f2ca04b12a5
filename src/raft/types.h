// The words of Raft (Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm", and
// Ongaro's dissertation, "the dissertation" below), as the core and its shells exchange them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace skiff::raft {

using Term = uint64_t;
using Index = uint64_t;     // Of a log entry; the first is 1.
using MemberId = uint64_t;  // Never 0.

// What members say to one another and write into their log is of a version:
//   1  the first
//   2  messages, and the entries of the store, carry a CRC-32C made where they were; kAsk
// A member understands these. Config::version is the newest that the log may hold: the leader
// raises it when it has heard of every member that it understands more.
inline constexpr uint32_t kOldestVersion = 1;
inline constexpr uint32_t kNewestVersion = 2;

enum class EntryType : uint8_t {
  kData = 0,    // The owner's. Empty: the entry by which a new leader commits its term (5.4.2).
  kConfig = 1,  // An encoded Config: in force from the moment it is in the log (section 6).
};

struct Entry {
  Term term = 0;
  Index index = 0;
  EntryType type = EntryType::kData;
  std::string data;
};

// Who takes part. Joint consensus (section 6): while `outgoing` is not empty, whatever needs a
// majority needs one of `voters` and one of `outgoing`.
struct Config {
  std::set<MemberId> voters;
  std::set<MemberId> outgoing;
  std::set<MemberId> learners;  // Get the log, count for nothing.
  // What the owner needs to know of each (its name, where it listens). The core only carries it.
  std::map<MemberId, std::string> notes;
  // Of what the log may hold from here on: every member understands it. Never goes down.
  uint32_t version = kOldestVersion;

  bool joint() const { return !outgoing.empty(); }
  bool operator==(const Config&) const = default;
};
std::string EncodeConfig(const Config& config);
// kDataLoss; kFailedPrecondition: a later version of the program wrote it.
absl::StatusOr<Config> DecodeConfig(absl::string_view bytes);

// What must be on disk before a message that depends on it leaves (section 5, figure 2).
struct HardState {
  Term term = 0;
  MemberId vote = 0;  // For whom, in that term; 0: nobody.
  bool operator==(const HardState&) const = default;
};

// A state that stands for every entry up to `index`: what the log begins after.
struct Checkpoint {
  Index index = 0;
  Term term = 0;
  Config config;     // As of `index`.
  std::string note;  // The owner's; the core only carries it.
};

enum class MessageType : uint8_t {
  // The core's.
  kPreVoteRequest = 1,  // The dissertation, 9.6. `term` is the one it would stand for.
  kPreVote = 2,
  kVoteRequest = 3,
  kVote = 4,
  kAppend = 5,
  kAppended = 6,
  kHeartbeat = 7,
  kHeartbeatAck = 8,
  kSnapshot = 9,     // Core to shell, never on the wire: stream your state to `to` (see Core).
  kTimeoutNow = 10,  // Leader transfer: campaign at once, without a pre-vote.
  kReadIndex = 11,
  kReadIndexAnswer = 12,
  // The shells' among themselves; a core never sees them. What they hold is `data`.
  kPropose = 32,
  kMembers = 33,  // `data`: the sender's Config. Heard also from those that are no peers (yet).
                  // `reject`: the leader says that `to` is no member as of its
                  // commit index.
  kSnapshotChunk = 34,
  kSnapshotAck = 35,
  kAsk = 36,  // Of a leader, about the members; `context`: the asker's own number.
  kAnswered = 37,
};

struct Message {
  MessageType type;
  MemberId from = 0;
  MemberId to = 0;
  Term term = 0;
  // kVoteRequest, kPreVoteRequest: the candidate's last entry. kAppend: the entry before the first
  // sent. kAppended, rejected: the log_index refused, and the term at `match`. kSnapshot: the state
  // must stand for at least log_index.
  Index log_index = 0;
  Term log_term = 0;
  // kAppend, as it leaves the core: entries [log_index + 1, send_to] are to be read from the log
  // and sent along; as it arrives: they are here.
  Index send_to = 0;
  std::vector<Entry> entries;
  Index commit =
      0;  // kAppend, kHeartbeat: the leader's (a heartbeat's never beyond what `to` has).
  bool reject = false;  // kVote, kPreVote, kAppended, kReadIndexAnswer.
  // kAppended: up to where the logs agree; rejected: where to try next. kReadIndexAnswer: what the
  // asker is to the leader: 1, a learner that never confirmed anything; 2, one that did, or a
  // voter.
  Index match = 0;
  // kHeartbeat and its ack: the round of ReadIndex and of the lease it counts for; a heartbeat of
  // none (0) is not answered. kReadIndex and its answer: the asker's own number. kVoteRequest: not
  // 0 if the leader asked for it (leader transfer).
  uint64_t context = 0;
  Index read_index = 0;  // kReadIndexAnswer.
  std::string data;      // The shells'.
};

enum class Role { kFollower, kPreCandidate, kCandidate, kLeader };

}  // namespace skiff::raft
