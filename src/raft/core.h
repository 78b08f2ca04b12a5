// Raft as a pure function of its inputs: no thread, no clock, no disk, no network. A shell feeds it
// ticks, messages and proposals, takes what it wants done, does it, and tells it when entries are
// on disk. It never holds entry data of the past: what it wants sent it names by index.
//
//   core.Propose({"x"});
//   Ready ready = core.TakeReady();  // After every call that may have changed anything.
//   Send(ready.messages);            // May leave before the disk has anything.
//   storage->Write(ready.hard_state, ready.append);  // One sync.
//   Send(ready.after_write);
//   core.Persisted(ready.append.back().index, ready.append.back().term);
//   Apply(core.commit());
//   ready = core.TakeReady();  // Persisted may give messages, too.
//
// What a shell owes it:
// - A kAppend names entries; they are read (from the disk, or from what waits to be written) and
//   put into it when it is taken, before any other call.
// - More may be taken while a write is under way. Writes are done in the order taken, several may
//   be one, and each is reported, or the last of several. What was taken is not replaced before it
//   is reported. after_write leaves when the writes of its Ready and of all before it are on disk.
// - commit() may run ahead of this member's own disk: what is committed is on the disks of others.
// - Time: ticks that are due are given before anything else that came later, also after a pause of
//   the process; leases count on it.
//
// Threads: one at a time.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/rng.h"
#include "raft/log_outline.h"
#include "raft/progress.h"
#include "raft/types.h"

namespace skiff::raft {

struct CoreOptions {
  MemberId id = 1;
  int election_ticks = 10;  // A follower waits this many ticks, and up to as many again, at random.
  int heartbeat_ticks = 1;
  uint64_t max_append_bytes = 1 << 20;  // Of entry data in one kAppend (one entry may exceed it).
  int max_in_flight = 64;               // kAppends to one member that are not answered yet.
  // Leases (the dissertation, 6.4.1): a leader that a quorum answered within
  // election_ticks * (1 - max_drift) serves reads without asking again. Sound as long as the clock
  // of no member runs slower than another's by more than this share; 0 < max_drift < 1. Off: every
  // read asks.
  bool lease_reads = true;
  double max_drift = 0.2;
  // It came to a cluster that was there, as a learner. While its log is empty it takes no part, as
  // it may be a voter that lost its disk: see Standing.
  bool joins = false;
};

// Of a member that joins. A voter that lost its log must never vote or confirm again: it may have
// promised what it no longer knows of. With an empty log a member can tell that from its first
// start only by asking: a leader confirmed by a majority since then, in whose configuration it is
// a learner of which nothing was ever heard, proves that no earlier life of it counted for
// anything.
enum class Standing {
  kMember,   // It takes part.
  kUnknown,  // Its log is empty, and no leader has answered yet: it gives no vote and confirms
             // nothing.
  kLost,     // It had a log once. For ever as kUnknown.
};

// What a core starts from: the state on disk.
struct Persistent {
  HardState hard_state;
  Checkpoint checkpoint;  // The log begins after it. A new member: index 0 and the first Config.
  struct Held {           // Of each entry after it, in order.
    Term term = 0;
    uint32_t bytes = 0;            // Of its data.
    std::optional<Config> config;  // If it is one.
  };
  std::vector<Held> log;
  Index commit = 0;  // At least this is known to be committed, as is the checkpoint.
};

// A read may be served by whoever asked once `index` is applied there.
struct Readable {
  uint64_t context = 0;
  std::optional<Index> index;  // None: it could not be confirmed; ask again.
};

struct Ready {
  std::optional<HardState>
      hard_state;                    // To be on disk, with `append`, before `after_write` leaves.
  std::vector<Entry> append;         // Replaces whatever the log has from the first one's index on.
  std::vector<Message> messages;     // May leave at once.
  std::vector<Message> after_write;  // Only when the above is on disk.
  std::vector<Readable> reads;
  bool empty() const {
    return !hard_state && append.empty() && messages.empty() && after_write.empty() &&
           reads.empty();
  }
};

class Core {
 public:
  Core(CoreOptions options, Persistent persistent, Rng rng);

  // One unit of time passed.
  void Tick();
  // A message came in. What cannot be true (of a member that is broken) is ignored.
  void Step(Message message);
  // Appends to the log of a leader; the index of the last.
  // kFailedPrecondition: not the leader, or it is handing over leadership.
  absl::StatusOr<Index> Propose(std::vector<std::string> data);
  // The cluster becomes `target` (voters, learners, notes; `outgoing` is ignored, a lower `version`
  // than there is, too): by way of a joint configuration where voters change, and the second step
  // is taken by the leader by itself when the first is committed. The index of the (first) entry;
  // it is done when a committed Config is no longer joint. Members that leave must stay up until
  // then. kFailedPrecondition: not the leader, it is handing over, or a change is under way;
  // kInvalidArgument: no voter, or one member both voter and learner. A leader that is no longer a
  // voter steps down once that is committed.
  absl::StatusOr<Index> ProposeConfig(Config target);
  // Hand leadership to a voter: stops taking proposals, brings it up to date, tells it to campaign;
  // given up after an election time. To itself: done already.
  // kFailedPrecondition: not the leader, or it is handing over to another; kNotFound: no voter.
  absl::Status TransferTo(MemberId to);
  // Stand for election now, unless it is no voter, leads already, or heard of a leader within an
  // election time. What a lone voter does at start, and the first member of a new cluster.
  // `nobody_leads`: none does and none holds a lease, for certain; it may hear of one no more.
  void Campaign(bool nobody_leads = false);
  // A linearizable read: some later Ready says under the same `context` from which applied index on
  // it may be served here. Any member; followers ask their leader. Leader: by lease if one holds,
  // else by one heartbeat round that many share.
  void ReadIndex(uint64_t context);

  // What there is to do since the last call.
  Ready TakeReady();
  // Entries up to `index`, of `term`, are on disk.
  void Persisted(Index index, Term term);
  // Entries from `index` on could not be written; a lone voter without learners forgets them, and
  // their numbers are given anew. Nobody else may have seen them. The first of its term as leader
  // it appends anew.
  void Abandon(Index index);
  // The log begins after it now. Must be committed, and what was taken up to it reported.
  void Compacted(Checkpoint to);

  // The leader's shell, about a kSnapshot message it was given: the state sent stood for `index`
  // and has (or has not) arrived. Until then that member gets heartbeats only. Owed for each
  // kSnapshot, sooner or later; too late (it leads no more) does no harm.
  void SnapshotSent(MemberId to, Index index, bool arrived);
  // The follower's shell: a state for `checkpoint` has come whole. True: it is to replace state and
  // log (a later Ready says to whom to answer, kAppended, after it is on disk: the shell calls
  // TakeReady only after it was installed, and this only when all that was taken was reported).
  // False: it is no news (already committed here, or the log holds that very entry and only the
  // commit index moved). Only of a member (standing()).
  bool Restore(const Checkpoint& checkpoint);

  Role role() const { return role_; }
  Standing standing() const { return standing_; }
  // Whether it is certain that it was a member at `as_of`, which is committed.
  bool WasMember(Index as_of) const;
  MemberId id() const { return options_.id; }
  MemberId leader() const { return leader_; }  // 0: unknown.
  Term term() const { return hard_state_.term; }
  const HardState& hard_state() const { return hard_state_; }  // To be installed with a state.
  Index commit() const { return commit_; }
  Index last_index() const { return log_.last(); }
  Index first_index() const { return log_.first(); }  // Checkpoint's + 1.
  // Of an entry that the log holds, or the one before its first.
  Term TermAt(Index index) const { return log_.TermAt(index); }
  const Config& config() const { return log_.config(); }  // In force: the latest in the log.
  // As of an index that is not compacted away.
  const Config& ConfigAt(Index index) const { return log_.ConfigAt(index); }
  std::map<MemberId, Follower> followers() const;  // Of a leader; empty otherwise.

 private:
  // A read that a leader has to confirm.
  struct PendingRead {
    MemberId from;
    uint64_t context;
    Index index;
    uint64_t round;  // Of heartbeats; a quorum's answer to it, or to a later one, confirms.
  };
  // Reads that a follower asked its leader for, under one number.
  struct Forwarded {
    uint64_t number;
    uint64_t asked;  // When.
    std::vector<uint64_t> contexts;
  };
  // Leadership that is handed over.
  struct Transfer {
    MemberId to;
    uint64_t begun;
    bool told;
  };

  Message To(MemberId to, MessageType type) const;
  Index CommittedConfigIndex() const;
  bool IsVoter() const;
  void TruncateFrom(Index index);

  // election.cc
  void ResetElectionTimer();
  void BecomeFollower(Term term, MemberId leader);
  void StepDown();
  void BecomePreCandidate();
  void BecomeCandidate(bool transfer);
  void BecomeLeader();
  void AskForVotes(MessageType type, Term term, bool transfer);
  void CountVotes();
  bool HeardOfLeader() const;
  // Of a message of a later term: false if it is ignored.
  bool AdmitTerm(const Message& message);
  void AnswerStale(const Message& message);
  void OnVoteRequest(const Message& message);
  void OnPreVoteRequest(const Message& message);
  void OnVote(const Message& message);
  void OnTimeoutNow(const Message& message);

  // follower.cc
  void OnAppend(Message message);
  void OnHeartbeat(const Message& message);
  bool WellFormed(const Message& message) const;
  bool AppendReceived(std::vector<Entry> entries);
  void Refuse(const Message& message);
  void AnswerAppend();

  // leader.cc
  void TickLeader();
  void AppendOwn(EntryType type, std::string data, const Config* config);
  void SendAppends();
  void SendTo(MemberId to, Progress* progress);
  void SendAppend(MemberId to, Progress* progress, Index last);
  void StartRound();
  void SendHeartbeat(MemberId to, Progress* progress, uint64_t round);
  void OnAppended(const Message& message);
  void OnHeartbeatAck(const Message& message);
  void AdvanceCommit();

  // membership.cc
  void AppendConfig(const Config& config);
  void AfterConfigCommitted();
  void DropDeparted();

  // read_index.cc
  bool HoldsLease() const;
  void LeaderRead(MemberId from, uint64_t context);
  void AnswerRead(MemberId from, uint64_t context, std::optional<Index> index);
  void ConfirmReads();
  void ForwardReads();
  void ExpireForwarded();
  void FailForwarded();
  void FailPendingReads();
  void OnReadIndex(const Message& message);
  void OnReadIndexAnswer(const Message& message);
  void AskStanding();
  uint64_t StandingOf(MemberId id) const;

  const CoreOptions options_;
  Rng rng_;
  HardState hard_state_;
  HardState taken_state_;  // As the shell has it.
  bool rewrite_ = false;   // The hard state is to be in the next Ready, though it has it.
  LogOutline log_;
  Index persisted_;
  Index taken_;  // The last entry given to the shell to write.
  Index commit_;
  Role role_ = Role::kFollower;
  Standing standing_ = Standing::kMember;
  MemberId leader_ = 0;
  uint64_t now_ = 0;  // Ticks since the start.
  int elapsed_ = 0;   // Ticks since the election timer was set.
  int timeout_ = 0;
  int quiet_ = 0;  // Ticks since a leader was heard of.
  std::map<MemberId, bool> votes_;

  // A follower's: how far its log is known to be the leader's, and how far it has said so.
  Index agreed_ = 0;
  Index confirmed_ = 0;

  // A leader's.
  std::map<MemberId, Progress> progress_;
  Index term_start_ = 0;  // Its first entry.
  // Elected by nobody but itself, and that may not be on disk: after a crash it could lead in the
  // same term again, with other entries. Until it is, nobody is to hear of it.
  bool unproven_ = false;
  uint64_t round_ = 0;
  std::deque<std::pair<uint64_t, uint64_t>> round_ticks_;  // (The first round of a tick, the tick.)
  bool round_wanted_ = false;
  std::optional<Transfer> transfer_;
  bool lease_lost_ = false;  // For the rest of the term: a member was told to campaign.
  std::vector<PendingRead> early_reads_;  // Before an entry of the term is committed.
  std::deque<PendingRead> reads_;

  // Anybody else's.
  uint64_t next_number_;
  uint64_t standing_number_;           // Of its question about its standing, in this life.
  std::vector<uint64_t> asked_reads_;  // Since the last Ready.
  std::deque<Forwarded> forwarded_;

  Ready ready_;
};

}  // namespace skiff::raft
