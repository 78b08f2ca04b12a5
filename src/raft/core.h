// Raft as a pure function of its inputs: no thread, no clock, no disk, no network. A shell feeds it
// ticks, messages and proposals, takes what it wants done, does it, and tells it when entries are
// on disk. It never holds entry data of the past: what it wants sent it names by index.
//
//   core.Propose({"x"});
//   Ready ready = core.TakeReady();
//   log->Write(ready.hard_state, ready.append);   // one sync
//   Send(ready.messages);
//   core.Persisted(ready.append.back().index, ready.append.back().term);
//   Apply(core.commit());
//
// Threads: one at a time.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "base/rng.h"
#include "raft/types.h"

namespace skiff::raft {

struct CoreOptions {
  MemberId id = 1;
  std::vector<MemberId> voters = {1};
  int election_ticks = 10;  // A follower waits this many ticks, and up to as many again, at random.
  int heartbeat_ticks = 1;
};

// What a core starts from: the state on disk.
struct Persistent {
  HardState hard_state;
  Index first = 1;             // Entries before it are compacted away.
  Term before_first_term = 0;  // The term of entry first - 1.
  // Where each term begins in the log, in order: (first index of the term, term).
  std::vector<std::pair<Index, Term>> term_starts;
  Index last = 0;    // first - 1: the log is empty.
  Index commit = 0;  // At least this is known to be committed.
};

// What the shell must do, in this order: write, then send.
struct Ready {
  std::optional<HardState> hard_state;  // To be on disk, with `append`, before `messages` leave.
  std::vector<Entry> append;  // Replaces whatever the log has from the first one's index on.
  std::vector<Message> messages;
  bool empty() const { return !hard_state && append.empty() && messages.empty(); }
};

class Core {
 public:
  Core(CoreOptions options, const Persistent& persistent, Rng rng);

  // One unit of time passed.
  void Tick();
  // A message came in.
  void Step(Message message);
  // Appends to the log of a leader; the index of the last. kFailedPrecondition: not the leader.
  absl::StatusOr<Index> Propose(std::vector<std::string> data);
  // Become a candidate now: what a lone voter does at start.
  void Campaign();

  // What there is to do since the last call.
  Ready TakeReady();
  // Entries up to `index`, of `term`, are on disk. Stale reports (replaced since) are ignored.
  void Persisted(Index index, Term term);
  // Entries from `index` on could not be written; a lone voter forgets them, and their numbers are
  // given anew. Nobody else may have seen them.
  void Abandon(Index index);
  // Entries before `first` are gone from the disk; everything before it must be committed.
  void Compacted(Index first);

  Role role() const { return role_; }
  MemberId leader() const { return leader_; }  // 0: unknown.
  Term term() const { return hard_state_.term; }
  Index commit() const { return commit_; }
  Index last_index() const { return last_; }
  Index first_index() const { return first_; }
  // Of an entry that the log holds, or the one before its first.
  Term TermAt(Index index) const;

 private:
  struct Progress {
    Index match = 0;
    Index next = 1;
  };

  Term LastTerm() const { return TermAt(last_); }
  void NoteTerm(Index index, Term term);
  void TruncateFrom(Index index);
  void BecomeFollower(Term term, MemberId leader);
  void BecomeCandidate();
  void BecomeLeader();
  void AppendOwn(std::string data);
  void SendAppend(MemberId to);
  void Broadcast();
  void AdvanceCommit();
  void ResetElectionTimer();
  size_t Quorum() const { return options_.voters.size() / 2 + 1; }
  bool IsVoter() const;
  void OnRequestVote(const Message& message);
  void OnVote(const Message& message);
  void OnAppend(Message message);
  void OnAppended(const Message& message);

  const CoreOptions options_;
  Rng rng_;
  HardState hard_state_;
  HardState taken_;  // As the shell has it.
  Role role_ = Role::kFollower;
  MemberId leader_ = 0;
  Index first_ = 1;
  Term before_first_term_ = 0;
  std::vector<std::pair<Index, Term>> term_starts_;
  Index last_ = 0;
  Index persisted_ = 0;
  Index commit_ = 0;
  int elapsed_ = 0;
  int timeout_ = 0;
  std::set<MemberId> votes_;
  std::map<MemberId, Progress> progress_;
  Ready ready_;
};

}  // namespace skiff::raft
