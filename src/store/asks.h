// What a member was asked about the members of the cluster, whom to add, remove or let lead, and
// has the leading one do. It tells the leader, and each later one, until it is answered. Being told
// twice does no harm: what is so already is proposed once more, for only an entry of its own that
// is committed shows a leader that it is not mistaken about who the members are.
//
// The leader keeps what it cannot do at once (another change is under way, the lead moves, a
// learner is still catching up) and refuses it only when that stays so.
//
// Threads: the loop.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "raft/core.h"
#include "store/store.h"

namespace skiff::store {

struct Ask {
  MemberChange change;
  raft::MemberId lead = 0;  // Not 0: it shall lead, and there is no change.
};
std::string EncodeAsk(const Ask& ask);
// False: these are not the bytes of one.
bool DecodeAsk(absl::string_view bytes, Ask* out);

class Asks {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;
  using Send = absl::FunctionRef<void(raft::Message)>;

  // `life`: other than that of this member's process before.
  Asks(uint64_t life, absl::Duration tick) : next_(life), tick_(tick) {}

  bool empty() const { return own_.empty() && heard_.empty(); }
  void Add(Ask ask, absl::Duration now, Done done);
  // Goes on with everything. The core may have messages and entries then.
  void Step(raft::Core* core, absl::Duration now, Send send);
  // Answers what is done, by what is applied here.
  void AnswerDone(const raft::Core& core, raft::Index applied, Send send);
  // kAsk and kAnswered.
  void OnAsk(const raft::Message& message, const raft::Core& core, absl::Duration now);
  void OnAnswered(const raft::Message& message);
  // Answers what was asked here before `since`: with `refused` what no leader was told.
  void Expire(absl::Duration since, const absl::Status& refused, const absl::Status& unknown);

 private:
  struct Own {
    Ask ask;
    absl::Duration since;
    Done done;
    raft::Term term = 0;       // In which a leader was told; 0: none was.
    absl::Duration told;       // When.
    bool handed_over = false;  // The leader says that it leads no more.
  };
  struct Heard {
    Ask ask;
    absl::Duration since;
    std::optional<absl::Duration> begun;  // When.
    raft::Index index = 0;                // Of its entry...
    raft::Term term = 0;                  // ...in this term.
  };
  using Key = std::pair<raft::MemberId, uint64_t>;  // Who asked, under which number.

  void Tell(raft::Core* core, absl::Duration now, Send send);
  void Do(raft::Core* core, absl::Duration now, Send send);
  static absl::Status Begin(Heard* heard, raft::Core* core);
  static bool IsDone(const Heard& heard, const raft::Core& core, raft::Index applied);
  void Answer(const raft::Core& core, Key to, const absl::Status& status, Send send);

  std::map<uint64_t, Own> own_;
  std::map<Key, Heard> heard_;  // On a leader.
  uint64_t next_;
  const absl::Duration tick_;
};

}  // namespace skiff::store
