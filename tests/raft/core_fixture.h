// Cores to be fed by hand.
#pragma once

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "raft/core.h"

namespace skiff::raft {

// A log whose entry i has the i-th of `terms`, of three voters.
inline Persistent LogOf(const std::vector<Term>& terms, Term term, Index commit = 0,
                        std::set<MemberId> voters = {1, 2, 3}) {
  Persistent out;
  out.hard_state.term = term;
  out.commit = commit;
  out.checkpoint.config.voters = std::move(voters);
  for (const Term entry_term : terms) out.log.push_back({entry_term, 1, std::nullopt});
  return out;
}

inline Core LoneVoter(std::vector<Term> terms = {}, Term term = 0, Index commit = 0) {
  return Core(CoreOptions(), LogOf(terms, term, commit, {1}), Rng(1));
}

inline Core OneOfThree(const Persistent& persistent = LogOf({}, 0),
                       const CoreOptions& options = {}) {
  return Core(options, persistent, Rng(1));
}

inline Message From(MemberId from, MessageType type, Term term) { return {type, from, 1, term}; }

inline Message Append(Term term, Index previous, Term previous_term, std::vector<Entry> entries,
                      Index commit = 0) {
  Message message = From(2, MessageType::kAppend, term);
  message.log_index = previous;
  message.log_term = previous_term;
  message.entries = std::move(entries);
  message.commit = commit;
  return message;
}

inline Message Appended(MemberId from, Term term, Index match) {
  Message message = From(from, MessageType::kAppended, term);
  message.match = match;
  return message;
}

inline Message Refused(MemberId from, Term term, Index refused, Index hint, Term hint_term) {
  Message message = Appended(from, term, hint);
  message.reject = true;
  message.log_index = refused;
  message.log_term = hint_term;
  return message;
}

inline Message Ack(MemberId from, Term term, uint64_t round) {
  Message message = From(from, MessageType::kHeartbeatAck, term);
  message.context = round;
  return message;
}

// Takes all there is, and reports what was to be written.
inline Ready Settle(Core* core) {
  Ready out;
  while (true) {
    Ready ready = core->TakeReady();
    if (ready.empty()) return out;
    if (ready.hard_state) out.hard_state = ready.hard_state;
    const auto move = [](auto* from, auto* to) {
      to->insert(to->end(), std::make_move_iterator(from->begin()),
                 std::make_move_iterator(from->end()));
    };
    if (!ready.append.empty()) {
      core->Persisted(ready.append.back().index, ready.append.back().term);
    }
    move(&ready.append, &out.append);
    move(&ready.messages, &out.messages);
    move(&ready.after_write, &out.after_write);
    move(&ready.reads, &out.reads);
  }
}

// Of one type (and to one member), from both lists.
inline std::vector<Message> Of(const Ready& ready, MessageType type, MemberId to = 0) {
  std::vector<Message> out;
  for (const auto* list : {&ready.messages, &ready.after_write}) {
    for (const Message& message : *list) {
      if (message.type == type && (to == 0 || message.to == to)) out.push_back(message);
    }
  }
  return out;
}

// Ticks until it would campaign; it is then in the first step of an election.
inline void WaitForCampaign(Core* core) {
  for (int tick = 0; tick < 20 && core->role() == Role::kFollower; ++tick) core->Tick();
  REQUIRE(core->role() == Role::kPreCandidate);
}

// By the vote of member 2. Its first entry is on disk, and not yet committed.
inline void MakeLeader(Core* core) {
  if (core->role() != Role::kPreCandidate) WaitForCampaign(core);
  core->Step(From(2, MessageType::kPreVote, core->term() + 1));
  REQUIRE(core->role() == Role::kCandidate);
  core->Step(From(2, MessageType::kVote, core->term()));
  REQUIRE(core->role() == Role::kLeader);
}

// Members 2 and 3 have all of the log.
inline void Follow(Core* core, std::vector<MemberId> members = {2, 3}) {
  Settle(core);
  for (const MemberId id : members) core->Step(Appended(id, core->term(), core->last_index()));
  Settle(core);
}

}  // namespace skiff::raft
