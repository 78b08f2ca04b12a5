// How far another member is, as its leader knows, and what may be sent to it.
#pragma once

#include <algorithm>
#include <deque>

#include "raft/types.h"

namespace skiff::raft {

// How far another member is, as its leader knows.
struct Follower {
  enum class State {
    kProbe,      // Where its log agrees is being found out: one kAppend at a time.
    kReplicate,  // Sent on before it is confirmed, as many kAppends as may be in flight.
    kSnapshot,   // It needs what is compacted away: heartbeats only, until the state has arrived.
  };
  State state;
  Index match;  // Its log is the leader's up to here, on its disk.
  Index next;   // To be sent next.
  bool active;  // Heard of within an election time.
};

// One a follower; the leader sends what it says may be sent, and tells it what was.
class Progress {
 public:
  Progress(Index next, uint64_t now) : next_(next), heard_(now) {}

  Follower::State state() const { return state_; }
  Index match() const { return match_; }
  Index next() const { return next_; }

  // Whether a kAppend with entries may leave now.
  bool CanSend(int max_in_flight) const;
  // Entries up to `last` were sent; last is next - 1 if there were none.
  void Sent(Index last);
  // It has everything up to `match`. False: no news.
  bool Accepted(Index match);
  // It refused what was to follow `refused`; its log may agree at `hint`. False: an answer to what
  // is no longer asked.
  bool Rejected(Index refused, Index hint);
  // It lives (an answered heartbeat): what was sent and is not confirmed may have been lost.
  void MayHaveLost();
  // Whether, for that reason, a kAppend without entries is to ask where it is. Asked once a time.
  bool TakeQuestion();

  void BecomeSnapshot();
  // The state for `index` has arrived, or (0) it has not.
  void SnapshotDone(Index index);

  // When it was last heard of, and the highest round of heartbeats it answered.
  void Heard(uint64_t now) {
    heard_ = now;
    ever_heard_ = true;
  }
  uint64_t heard() const { return heard_; }  // At first, when it began to be listened for.
  bool ever_heard() const { return ever_heard_; }
  void Answered(uint64_t round) { round_ = std::max(round_, round); }
  uint64_t round() const { return round_; }

  // The commit index it was told last.
  Index told_commit = 0;

 private:
  void BecomeProbe(Index next);

  Follower::State state_ = Follower::State::kProbe;
  Index match_ = 0;
  Index next_;
  bool waiting_ = false;         // kProbe: for an answer.
  Index probed_ = 0;             // kProbe: the last entry sent.
  bool question_ = false;        // kReplicate.
  std::deque<Index> in_flight_;  // kReplicate: the last entry of each kAppend not answered.
  uint64_t heard_;
  bool ever_heard_ = false;
  uint64_t round_ = 0;
};

}  // namespace skiff::raft
