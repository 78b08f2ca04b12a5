#include "store/asks.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/varint.h"
#include "raft/quorum.h"
#include "store/member_note.h"

namespace skiff::store {
namespace {

// A learner that lacks no more log entries than this is as good as there.
constexpr raft::Index kCaughtUp = 1000;
// What a leader cannot do for so long it refuses: before whoever asked gives up by itself.
constexpr absl::Duration kWait = absl::Seconds(7);
// A leader that has not done what it was told in so many ticks may not have heard it. No less than
// it takes to hand over the lead, or to give that up.
constexpr int kTellTicks = 12;

std::string Called(const raft::Config& config, raft::MemberId id) {
  const auto note = config.notes.find(id);
  return note == config.notes.end() ? absl::StrCat(id)
                                    : absl::StrCat("\"", MemberName(note->second), "\"");
}

absl::Status CheckNew(const raft::Config& config, raft::MemberId fresh, const std::string& wanted) {
  for (const auto& [id, note] : config.notes) {
    if (id == fresh) continue;
    if (MemberName(note) != MemberName(wanted) && MemberAddress(note) != MemberAddress(wanted)) {
      continue;
    }
    return absl::AlreadyExistsError(absl::StrCat("member \"", MemberName(note), "\" is at ",
                                                 MemberAddress(note),
                                                 ": remove it first, or choose others"));
  }
  return absl::OkStatus();
}

absl::Status CheckLearner(const raft::Core& core, raft::MemberId id) {
  const auto followers = core.followers();
  const auto it = followers.find(id);
  const raft::Index match = it == followers.end() ? 0 : it->second.match;
  const bool active = match != 0 && it->second.active;
  if (active && match + kCaughtUp >= core.commit()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "member ", Called(core.config(), id), " ",
      active ? absl::StrCat("lacks ", core.commit() - match, " log entries yet")
             : std::string("has not been heard of"),
      ": as a voter it would stand in the way of every write; try again when it is there"));
}

absl::StatusOr<raft::Config> Target(const MemberChange& change, const raft::Core& core) {
  const raft::Config& now = core.config();
  raft::Config out = now;
  for (const auto& [id, note] : change.add) {
    SKIFF_RETURN_IF_ERROR(CheckNew(now, id, note));
    out.learners.insert(id);
    out.notes[id] = note;
  }
  for (const raft::MemberId id : change.promote) {
    if (!raft::IsMember(now, id)) {
      return absl::NotFoundError(absl::StrCat("there is no member ", id, " to be made a voter"));
    }
    if (now.learners.count(id) != 0) SKIFF_RETURN_IF_ERROR(CheckLearner(core, id));
    out.learners.erase(id);
    out.voters.insert(id);
  }
  for (const raft::MemberId id : change.remove) {
    out.learners.erase(id);
    out.voters.erase(id);
    out.notes.erase(id);
  }
  return out;
}

void PutIds(const std::set<raft::MemberId>& ids, std::string* out) {
  PutVarint(ids.size(), out);
  for (const raft::MemberId id : ids) PutVarint(id, out);
}

bool ReadIds(ByteReader* reader, std::set<raft::MemberId>* out) {
  uint64_t count = 0;
  if (!reader->Varint(&count)) return false;
  for (uint64_t id = 0; count > 0; --count) {
    if (!reader->Varint(&id)) return false;
    out->insert(id);
  }
  return true;
}

}  // namespace

std::string EncodeAsk(const Ask& ask) {
  std::string out;
  PutVarint(ask.lead, &out);
  PutVarint(ask.change.add.size(), &out);
  for (const auto& [id, note] : ask.change.add) {
    PutVarint(id, &out);
    PutString(note, &out);
  }
  PutIds(ask.change.promote, &out);
  PutIds(ask.change.remove, &out);
  return out;
}

bool DecodeAsk(absl::string_view bytes, Ask* out) {
  ByteReader reader(bytes);
  uint64_t added = 0;
  if (!reader.Varint(&out->lead) || !reader.Varint(&added)) return false;
  for (; added > 0; --added) {
    uint64_t id = 0;
    absl::string_view note;
    if (!reader.Varint(&id) || !reader.String(&note)) return false;
    out->change.add[id] = std::string(note);
  }
  return ReadIds(&reader, &out->change.promote) && ReadIds(&reader, &out->change.remove) &&
         reader.rest().empty();
}

void Asks::Add(Ask ask, absl::Duration now, Done done) {
  own_[next_++] = Own{std::move(ask), now, std::move(done)};
}

void Asks::Step(raft::Core* core, absl::Duration now, Send send) {
  if (empty()) return;
  Tell(core, now, send);
  if (core->role() == raft::Role::kLeader) return Do(core, now, send);
  // Who asked for more asks the next leader.
  std::erase_if(heard_, [&](const auto& each) {
    return !each.second.begun || now - each.second.since >= kWait;
  });
}

bool Asks::IsDone(const Heard& heard, const raft::Core& core, raft::Index applied) {
  if (!heard.begun) return false;
  if (heard.ask.lead != 0) return core.leader() == heard.ask.lead;
  return applied >= heard.index && heard.index >= core.first_index() &&
         core.TermAt(heard.index) == heard.term && !core.ConfigAt(applied).joint();
}

void Asks::AnswerDone(const raft::Core& core, raft::Index applied, Send send) {
  std::vector<Key> done;
  for (const auto& [key, heard] : heard_) {
    if (IsDone(heard, core, applied)) done.push_back(key);
  }
  for (const Key& key : done) Answer(core, key, absl::OkStatus(), send);
  std::vector<Done> led;
  for (auto it = own_.begin(); it != own_.end();) {
    const Own& own = it->second;
    const bool seen = own.ask.lead == core.leader() ||
                      (own.handed_over && core.leader() != 0 && core.term() > own.term);
    if (own.term == 0 || own.ask.lead == 0 || !seen) {
      ++it;
      continue;
    }
    led.push_back(std::move(it->second.done));
    it = own_.erase(it);
  }
  for (Done& each : led) std::move(each)(absl::OkStatus());
}

absl::Status Asks::Begin(Heard* heard, raft::Core* core) {
  const raft::Config& config = core->config();
  const raft::MemberId lead = heard->ask.lead;
  if (lead != 0) {
    if (config.voters.count(lead) != 0) return core->TransferTo(lead);
    return absl::NotFoundError(absl::StrCat("member ", Called(config, lead),
                                            " does not vote, so it cannot lead: promote it"));
  }
  if (config.joint()) {
    return absl::FailedPreconditionError("another change of the members is under way");
  }
  SKIFF_ASSIGN_OR_RETURN(raft::Config target, Target(heard->ask.change, *core));
  SKIFF_ASSIGN_OR_RETURN(heard->index, core->ProposeConfig(std::move(target)));
  heard->term = core->term();
  return absl::OkStatus();
}

void Asks::Tell(raft::Core* core, absl::Duration now, Send send) {
  if (core->leader() == 0) return;
  for (auto& [number, own] : own_) {
    if (own.handed_over) continue;
    if (own.term == core->term() && own.told > now - kTellTicks * tick_) continue;
    own.term = core->term();
    own.told = now;
    if (core->role() == raft::Role::kLeader) {
      heard_.try_emplace({core->id(), number}, Heard{own.ask, now});
      continue;
    }
    raft::Message message{raft::MessageType::kAsk, core->id(), core->leader(), core->term()};
    message.context = number;
    message.data = EncodeAsk(own.ask);
    send(std::move(message));
  }
}

void Asks::Do(raft::Core* core, absl::Duration now, Send send) {
  std::vector<std::pair<Key, absl::Status>> refused;
  std::vector<Key> given_up;
  for (auto& [key, heard] : heard_) {
    if (heard.begun) {
      if (heard.ask.lead != 0 && now - *heard.begun >= kTellTicks * tick_) {
        refused.emplace_back(key, absl::UnavailableError(absl::StrCat(
                                      "member ", Called(core->config(), heard.ask.lead),
                                      " has not taken over the lead: try again when it is up and "
                                      "has caught up")));
      }
      if (now - heard.since >= kWait) given_up.push_back(key);  // What comes of it nobody knows.
      continue;
    }
    const absl::Status status = Begin(&heard, core);
    if (status.ok()) {
      heard.begun = now;
    } else if (!absl::IsFailedPrecondition(status) || now - heard.since >= kWait) {
      refused.emplace_back(key, status);
    }
  }
  for (const auto& [key, why] : refused) Answer(*core, key, why, send);
  for (const Key& key : given_up) heard_.erase(key);
}

void Asks::Answer(const raft::Core& core, Key to, const absl::Status& status, Send send) {
  heard_.erase(to);
  raft::Message message{raft::MessageType::kAnswered, core.id(), to.first, core.term()};
  message.context = to.second;
  PutVarint(static_cast<uint64_t>(status.code()), &message.data);
  PutString(status.message(), &message.data);
  if (message.to == core.id()) {
    OnAnswered(message);
  } else {
    send(std::move(message));
  }
}

void Asks::OnAsk(const raft::Message& message, const raft::Core& core, absl::Duration now) {
  if (core.role() != raft::Role::kLeader || core.term() != message.term) return;
  Heard heard;
  heard.since = now;
  if (!DecodeAsk(message.data, &heard.ask)) return;
  heard_.try_emplace({message.from, message.context}, std::move(heard));
}

void Asks::OnAnswered(const raft::Message& message) {
  ByteReader reader(message.data);
  uint64_t code = 0;
  absl::string_view text;
  if (!reader.Varint(&code) || !reader.String(&text)) return;
  const auto own = own_.find(message.context);
  if (own == own_.end()) return;
  const absl::Status answer(static_cast<absl::StatusCode>(code), text);
  if (answer.ok() && own->second.ask.lead != 0) {
    own->second.handed_over = true;  // This member has yet to hear from the new leader.
    return;
  }
  Done done = std::move(own->second.done);
  own_.erase(own);
  std::move(done)(answer);
}

void Asks::Expire(absl::Duration since, const absl::Status& refused, const absl::Status& unknown) {
  std::vector<std::pair<Done, absl::Status>> expired;
  for (auto it = own_.begin(); it != own_.end();) {
    if (it->second.since >= since) {
      ++it;
      continue;
    }
    expired.emplace_back(std::move(it->second.done), it->second.term == 0 ? refused : unknown);
    it = own_.erase(it);
  }
  for (auto& [done, why] : expired) std::move(done)(why);
}

}  // namespace skiff::store
