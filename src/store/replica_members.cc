// What a replica says to the other members of its cluster, and does for them.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/varint.h"
#include "raft/quorum.h"
#include "store/member_note.h"
#include "store/replica.h"
#include "store/txn_codec.h"

namespace skiff::store {
namespace {

// Answers that take longer than this are given up.
constexpr absl::Duration kPatience = absl::Seconds(10);
// Of proposals in one message.
constexpr size_t kForwardBytes = 512 << 10;
constexpr size_t kMaxChunksAhead = 8;
constexpr size_t kChunkRoom = 256 << 10;
// A receiver of a state that has not got further for so many ticks is sent the chunk again.
constexpr int kRewindTicks = 12;
// It is given up when it stands still for so long; and sooner if the log that it needs grows.
constexpr absl::Duration kGiveUp = absl::Minutes(1);
constexpr absl::Duration kStandsStill = absl::Seconds(6);
constexpr int64_t kMaxKept = 64 << 20;
// How often a leader tells those that it does not hear of who the members are.
constexpr uint64_t kTellTicks = 6;
// How many times it tells one that was removed so, before that has to say again who it is.
constexpr uint64_t kForgetTells = 10;

// kPropose: the proposer's life, its oldest unanswered number, then number and entry of each.
struct Offer {
  uint64_t life = 0;
  uint64_t oldest = 0;
  std::vector<std::pair<uint64_t, std::string>> entries;
};

std::string EncodeOffer(const Offer& offer) {
  std::string out;
  PutVarint(offer.life, &out);
  PutVarint(offer.oldest, &out);
  for (const auto& [number, data] : offer.entries) {
    PutVarint(number, &out);
    PutString(data, &out);
  }
  return out;
}

bool DecodeOffer(absl::string_view bytes, Offer* out) {
  ByteReader reader(bytes);
  if (!reader.Varint(&out->life) || !reader.Varint(&out->oldest)) return false;
  while (!reader.rest().empty()) {
    uint64_t number = 0;
    absl::string_view data;
    if (!reader.Varint(&number) || !reader.String(&data)) return false;
    out->entries.emplace_back(number, std::string(data));
  }
  return true;
}

}  // namespace

bool Replica::OnlyVoter() const {
  const raft::Config& config = core_->config();
  return config.voters.size() == 1 && config.voters.count(options_.membership->id) == 1 &&
         config.learners.empty() && !config.joint();
}

// Somebody who leaves counts until it is certain that they left.
bool Replica::solo() const {
  return OnlyVoter() && core_->role() == raft::Role::kLeader && core_->followers().empty();
}

uint32_t Replica::newest_version() const {
  return transport_ == nullptr ? raft::kNewestVersion
                               : transport_->VersionOf(options_.membership->id);
}

absl::Status Replica::NoAnswer() const {
  std::string why = "the leading member does not answer";
  if (no_member_ && core_->leader() == 0) {
    why = absl::StrCat("the leader says that there is no member \"", OwnName(),
                       "\": if it was removed, stop it, empty its data directory and add it again, "
                       "with a new token");
  } else if (core_->leader() == 0) {
    why = "no majority of the members can be reached";
  } else if (core_->standing() == raft::Standing::kUnknown) {
    why =
        "the leading member has not said yet that this one may take part: either no majority "
        "confirms that it leads, or its program is older and has to be replaced first";
  }
  if (!disk_.ok()) absl::StrAppend(&why, "; this one's disk: ", disk_.message());
  return absl::UnavailableError(why);
}

absl::Status Replica::Unknown() {
  return absl::DeadlineExceededError(
      "no majority of the members has confirmed the write; it may yet be done");
}

// Who leaves is to be reached until it is certain that it left; and whoever has come since this
// member last heard.
void Replica::NoteConfig() {
  alone_ = solo();
  if (transport_ == nullptr) return;
  transport_->RequireVersion(core_->config().version);
  std::map<raft::MemberId, std::string> peers;
  for (const raft::Config* config : {&core_->config(), &core_->ConfigAt(applied_)}) {
    for (const auto& [member, note] : config->notes) {
      if (member != options_.membership->id) peers.emplace(member, MemberAddress(note));
    }
  }
  if (core_->leader() != 0 && core_->config().notes.count(core_->leader()) != 0) told_.clear();
  for (const auto* others : {&told_, &removed_}) {
    for (const auto& [member, note] : *others) {
      if (member != options_.membership->id) peers.emplace(member, MemberAddress(note));
    }
  }
  if (peers != peers_) {
    transport_->SetPeers(peers);
    peers_ = std::move(peers);
  }
  StartTicking();
}

void Replica::StartTicking() {
  if (ticking_ || (solo() && asks_.empty() && removed_.empty()) || closed_) return;
  ticking_ = true;
  last_tick_ = Now();
  ScheduleTick();
}

void Replica::ScheduleTick() {
  executor_->PostAfter(options_.membership->tick, [this, alive = alive_] {
    if (!*alive || closed_) return;
    // What was asked before it was the only one is answered, too.
    if (solo() && proposals_.empty() && barriers_.empty() && asks_.empty() && removed_.empty()) {
      ticking_ = false;
      RaiseVersion();  // Who left may have held it back.
      return Pump();
    }
    ScheduleTick();
    Pump();
    TickSnapshots();
    RaiseVersion();
    TellMembers();
    ExpireWaits();
  });
}

// By the clock rather than by the timer: a process that was stopped must not take its lease for
// valid when it goes on.
void Replica::CatchUpTicks() {
  if (!ticking_) return;
  const absl::Duration tick = options_.membership->tick;
  int64_t passed = (Now() - last_tick_) / tick;
  last_tick_ += tick * passed;
  for (passed = std::min<int64_t>(passed, 100); passed > 0; --passed) core_->Tick();
}

void Replica::ExpireWaits() {
  for (Proposal& proposal : proposals_.TakeOlder(Now() - kPatience)) {
    std::move(proposal.done)(proposal.term == 0 ? NoAnswer() : Unknown());
  }
  barriers_.Expire(Now() - kPatience, NoAnswer());
  asks_.Expire(Now() - kPatience, NoAnswer(), Unanswered());
}

void Replica::OnMessage(raft::Message message) {
  if (closed_) return;
  CatchUpTicks();  // What came while the process was stopped must not meet a lease that is over.
  switch (message.type) {
    case raft::MessageType::kPropose:
      OnPropose(message);
      break;
    case raft::MessageType::kMembers:
      OnMembers(message);
      break;
    case raft::MessageType::kSnapshotChunk:
      if (chunks_.size() < kMaxChunksAhead) chunks_.push_back(std::move(message));
      TakeChunk();
      break;
    case raft::MessageType::kSnapshotAck:
      OnSnapshotAck(message);
      break;
    case raft::MessageType::kAsk:
      asks_.OnAsk(message, *core_, Now());
      break;
    case raft::MessageType::kAnswered:
      asks_.OnAnswered(message);
      break;
    default:
      core_->Step(std::move(message));
      NoteStanding();
  }
  PumpSoon();
}

void Replica::NoteStanding() {
  if (core_->standing() == raft::Standing::kMember) {
    TakeChunk();  // What came before it was known.
  } else if (core_->standing() == raft::Standing::kLost && expelled_.ok()) {
    const std::string name = OwnName();
    Expel(absl::StrCat("member \"", name,
                       "\" has joined the cluster before and has lost its data since, and with it "
                       "what it promised the others: remove it (skiff member remove ",
                       name, ", by another member), and add it again, with a new token"));
  }
}

std::string Replica::OwnName() const {
  const auto& notes = options_.membership->initial.notes;
  const auto own = notes.find(options_.membership->id);
  return own == notes.end() ? absl::StrCat(options_.membership->id) : MemberName(own->second);
}

void Replica::Expel(const std::string& why) {
  expelled_ = absl::FailedPreconditionError(why);
  logger_.Error("%s", why);
}

void Replica::RefuseIfExpelled() {
  if (expelled_.ok()) return;
  const absl::Status refused = absl::UnavailableError(expelled_.message());
  for (Proposal& proposal : proposals_.TakeAll()) {
    std::move(proposal.done)(proposal.term == 0 ? refused : Unknown());
  }
  barriers_.FailAll(refused);
  asks_.Expire(absl::InfiniteDuration(), expelled_, Unanswered());
}

void Replica::SendAll(std::vector<raft::Message> messages) {
  if (transport_ == nullptr || closed_) return;
  for (raft::Message& message : messages) {
    if (message.type == raft::MessageType::kSnapshot) {
      if (raft::IsMember(core_->ConfigAt(applied_), message.to)) {
        StartSnapshot(message.to, message.log_index);
      } else {  // A store is not to be without who it is of. It is asked for again.
        core_->SnapshotSent(message.to, 0, false);
      }
      continue;
    }
    if (message.type == raft::MessageType::kAppend && message.send_to > message.log_index) {
      const absl::Status read =
          ForEachEntry(message.log_index + 1, message.send_to, [&](const raft::Entry& entry) {
            message.entries.push_back(entry);
            return absl::OkStatus();
          });
      // As if it were lost on the way.
      if (!read.ok()) {
        logger_.Warning("cannot read the log for member %d: %s", message.to, read.message());
        continue;
      }
    }
    transport_->Send(std::move(message));
  }
}

void Replica::NoteVersion() {
  version_ = core_->ConfigAt(applied_).version;
  version_gauge_.Set(version_);
}

// The log may hold what every member understands. Who is down and has not been heard of since this
// member started may be of any version. And where this member had no name, as the only one, it gets
// it.
void Replica::RaiseVersion() {
  if (core_->role() != raft::Role::kLeader) return;
  raft::Config config = core_->config();
  uint32_t version = newest_version();
  for (const auto* ids : {&config.voters, &config.outgoing, &config.learners}) {
    for (const raft::MemberId id : *ids) {
      if (id != options_.membership->id) version = std::min(version, transport_->VersionOf(id));
    }
  }
  const auto note = config.notes.find(options_.membership->id);
  const auto own = options_.membership->initial.notes.find(options_.membership->id);
  const bool named = own != options_.membership->initial.notes.end() &&
                     (note == config.notes.end() || note->second.empty());
  const bool raised = version > config.version;
  if (!raised && !named) return;
  if (named) config.notes[own->first] = own->second;
  config.version = std::max(version, config.version);
  // Refused while another change is under way: then at a later tick.
  if (!core_->ProposeConfig(std::move(config)).ok() || !raised) return;
  logger_.Info("every member understands version %d: the log is of that version from now on",
               version);
}

// A member that was away may know none of those that are members now, and refuse to hear them: a
// leader tells those that it does not hear of, and where there is none everybody tells all, since
// it may take the vote of just that member to have one.
void Replica::TellMembers() {
  if (transport_ == nullptr || ++ticks_ % kTellTicks != 0) return;
  const auto tell = [this](raft::MemberId to, bool removed = false) {
    raft::Message message{raft::MessageType::kMembers, options_.membership->id, to, core_->term()};
    raft::Config config = core_->config();
    // Also of one that is leaving: it is to be answered.
    const auto own = options_.membership->initial.notes.find(options_.membership->id);
    if (!removed && own != options_.membership->initial.notes.end()) config.notes.insert(*own);
    message.data = raft::EncodeConfig(config);
    message.reject = removed;
    if (removed) message.commit = core_->commit();
    transport_->Send(std::move(message));
  };
  // For as long as they seem not to know.
  if (core_->role() != raft::Role::kLeader) removed_.clear();
  std::erase_if(removed_, [this](const auto& each) { return IsMember(each.first); });
  for (const auto& [member, note] : removed_) tell(member, /*removed=*/true);
  if (ticks_ % (kTellTicks * kForgetTells) == 0 && !removed_.empty()) {
    removed_.clear();
    NoteConfig();
  }
  if (!expelled_.ok()) return;
  for (const auto& [member, follower] : core_->followers()) {
    if (!follower.active) tell(member);
  }
  if (core_->leader() != 0) return;
  for (const auto& [member, address] : peers_) tell(member);
}

// Whoever knows its leader by its own log needs no hearsay. Until then all that is said counts, in
// any order: it only says whom to hear.
void Replica::OnMembers(const raft::Message& message) {
  auto config = raft::DecodeConfig(message.data);
  if (!config.ok()) return;
  if (message.reject) return OnRemoved(message.commit);
  if (core_->role() == raft::Role::kLeader) return AnswerStranger(message.from, *config);
  for (auto& [member, note] : config->notes) told_[member] = std::move(note);
}

// Whoever is no member was one: it got its token when it had been added. Only a leader that is one
// still, as a majority confirms after it has heard the stranger, can know that.
void Replica::AnswerStranger(raft::MemberId stranger, const raft::Config& known) {
  const auto own = known.notes.find(stranger);
  if (own == known.notes.end() || IsMember(stranger) || removed_.count(stranger) != 0) return;
  barriers_.Add(
      [this, stranger, note = own->second](const absl::Status& fresh) {
        if (!fresh.ok() || core_->role() != raft::Role::kLeader || IsMember(stranger)) return;
        removed_[stranger] = note;
        NoteConfig();
      },
      Now());
}

bool Replica::IsMember(raft::MemberId id) const {
  return raft::IsMember(core_->config(), id) || raft::IsMember(core_->ConfigAt(applied_), id);
}

void Replica::NoteMembership() {
  NoteVersion();
  const bool was = member_;
  member_ = IsMember(options_.membership->id);
  if (member_) no_member_ = false;
  if (was && !member_) ExpelRemoved();
}

// What was said before it was added, and comes late, says nothing.
void Replica::OnRemoved(raft::Index as_of) {
  if (core_->WasMember(as_of)) return ExpelRemoved();
  no_member_ = !member_;
}

void Replica::ExpelRemoved() {
  if (!expelled_.ok()) return;
  Expel(absl::StrCat(
      "member \"", OwnName(),
      "\" was removed from the cluster: stop it and empty its data directory; to have it "
      "back, add it again, with a new token"));
}

void Replica::Forward(const std::vector<Proposal*>& proposals) {
  Offer offer;
  size_t bytes = 0;
  const auto send = [&] {
    if (offer.entries.empty()) return;
    offer.life = life_;
    offer.oldest = proposals_.oldest();
    raft::Message message{raft::MessageType::kPropose, options_.membership->id, core_->leader(),
                          core_->term()};
    message.data = EncodeOffer(offer);
    transport_->Send(std::move(message));
    offer.entries.clear();
    bytes = 0;
  };
  for (Proposal* proposal : proposals) {
    proposal->term = core_->term();
    proposal->given = Now();
    offer.entries.emplace_back(proposal->number, proposal->data);
    bytes += proposal->data.size();
    if (bytes >= kForwardBytes) send();
  }
  send();
}

// What cannot be taken is not answered: no answer could tell that another copy of it was not taken.
// The proposer gives it again when nothing comes of it, or when an entry of a later term shows that
// nothing will.
void Replica::OnPropose(const raft::Message& message) {
  Offer offer;
  if (!DecodeOffer(message.data, &offer)) return;
  if (core_->role() != raft::Role::kLeader || core_->term() != message.term) return;
  if (unapplied_bytes_ >= kMaxWaiting) return;
  if (std::exchange(given_term_, core_->term()) != core_->term()) given_.Clear();
  std::vector<std::string> data;
  std::vector<uint64_t> numbers;
  for (auto& [number, entry] : offer.entries) {
    EntryOrigin origin;
    absl::string_view txn;
    // What no member could apply must not get into the log; the proposer gives it again.
    if (!DecodeOrigin(entry, &origin, &txn).ok()) continue;
    if (!given_.Note(message.from, offer.life, number, offer.oldest)) continue;
    numbers.push_back(number);
    data.push_back(std::move(entry));
  }
  if (data.empty() || core_->Propose(std::move(data)).ok()) return;
  given_.Forget(message.from, offer.life, numbers);  // It is handing over leadership.
}

void Replica::Status(absl::AnyInvocable<void(StoreStatus) &&> done) {
  executor_->Post([this, done = std::move(done), alive = alive_]() mutable {
    StoreStatus out;
    if (!*alive || closed_) {
      out.disk = Closing();
      return std::move(done)(std::move(out));
    }
    out.id = options_.membership->id;
    out.leader = core_->leader();
    out.term = core_->term();
    out.commit = core_->commit();
    out.applied = applied_;
    out.first = core_->first_index();
    out.revision = machine_.revision();
    out.version = version_;
    out.disk_bytes = storage_ == nullptr ? 0 : storage_->DiskBytes();
    out.disk = disk_;
    out.expelled = expelled_;
    const raft::Config& config = core_->config();
    const auto followers = core_->followers();
    for (const auto* ids : {&config.voters, &config.outgoing, &config.learners}) {
      for (const raft::MemberId id : *ids) {
        if (ids == &config.outgoing && config.voters.count(id) != 0) continue;
        MemberStatus member;
        member.id = id;
        const auto note = config.notes.find(id);
        if (note != config.notes.end()) member.note = note->second;
        member.voter = ids != &config.learners;
        member.learner = ids == &config.learners;
        member.active = id == out.id;
        if (const auto it = followers.find(id); it != followers.end()) {
          member.match = it->second.match;
          member.active = it->second.active;
        }
        out.members.push_back(std::move(member));
      }
    }
    std::move(done)(std::move(out));
  });
}

// A member of an earlier version does not understand the question, and says nothing.
absl::Status Replica::Unanswered() const {
  const auto& notes = core_->config().notes;
  const auto leader = notes.find(core_->leader());
  if (leader == notes.end() || core_->role() == raft::Role::kLeader) return Unknown();
  return absl::DeadlineExceededError(absl::StrCat(
      "member \"", MemberName(leader->second), "\" (", MemberAddress(leader->second),
      "), which leads, has not answered; it may yet do it: list the members, and ask it itself if "
      "they are not as they should be"));
}

void Replica::Put(Ask ask, absl::AnyInvocable<void(absl::Status) &&> done) {
  executor_->Post([this, ask = std::move(ask), done = std::move(done), alive = alive_]() mutable {
    if (!*alive || closed_) return std::move(done)(Closing());
    asks_.Add(std::move(ask), Now(), std::move(done));
    StartTicking();
    Pump();
  });
}

void Replica::StepAsks() {
  asks_.Step(core_.get(), Now(), [this](raft::Message message) { SendOne(std::move(message)); });
}

// While a state is taken over the core is ahead of it.
void Replica::AnswerAsks() {
  if (asks_.empty() || installing_) return;
  asks_.AnswerDone(*core_, applied_,
                   [this](raft::Message message) { SendOne(std::move(message)); });
}

// An answer may have closed the store.
void Replica::SendOne(raft::Message message) {
  if (transport_ != nullptr && !closed_) transport_->Send(std::move(message));
}

void Replica::ChangeMembers(MemberChange change, absl::AnyInvocable<void(absl::Status) &&> done) {
  Put({std::move(change), 0}, std::move(done));
}

void Replica::TransferLeadership(raft::MemberId to,
                                 absl::AnyInvocable<void(absl::Status) &&> done) {
  Put({{}, to}, std::move(done));
}

// ---- a state streamed to another member ----

void Replica::StartSnapshot(raft::MemberId to, raft::Index at_least) {
  if (const auto it = senders_.find(to); it != senders_.end()) {
    if (it->second.index() >= at_least) return;
    senders_.erase(it);
  }
  senders_.emplace(to, SnapshotSender(machine_.snapshot(),
                                      {applied_, applied_term_, core_->ConfigAt(applied_),
                                       absl::StrCat(machine_.revision())},
                                      Now()));
  logger_.Info("member %d is too far behind for the log; it gets the state at entry %d", to,
               applied_);
  PumpSnapshot(to);
}

void Replica::PumpSnapshot(raft::MemberId to) {
  SnapshotSender& sender = senders_.at(to);
  while (transport_->BulkRoom(to) >= kChunkRoom) {
    std::optional<std::string> chunk = sender.Next();
    if (!chunk) return;
    raft::Message message{raft::MessageType::kSnapshotChunk, options_.membership->id, to,
                          core_->term()};
    message.data = *std::move(chunk);
    transport_->Send(std::move(message));
  }
}

void Replica::TickSnapshots() {
  if (core_->role() != raft::Role::kLeader) senders_.clear();
  if (senders_.empty()) return;
  const auto followers = core_->followers();
  std::vector<raft::MemberId> stuck;
  for (auto& [member, sender] : senders_) {
    const auto follower = followers.find(member);
    const absl::Duration still = Now() - sender.progress();
    if (follower == followers.end() || still > kGiveUp ||
        (still > kStandsStill && rows_bytes_ > kMaxKept)) {
      stuck.push_back(member);
      continue;
    }
    if (!follower->second.active) continue;  // It would be sent in vain.
    if (Now() - sender.waiting() > kRewindTicks * options_.membership->tick) sender.Rewind(Now());
    PumpSnapshot(member);
  }
  for (const raft::MemberId member : stuck) EndSnapshot(member, false);
}

void Replica::EndSnapshot(raft::MemberId to, bool arrived) {
  const auto it = senders_.find(to);
  core_->SnapshotSent(to, it->second.index(), arrived);
  senders_.erase(it);
}

void Replica::OnSnapshotAck(const raft::Message& message) {
  const auto it = senders_.find(message.from);
  const auto ack = DecodeAck(message.data);
  if (it == senders_.end() || !ack.ok() || message.term != core_->term()) return;
  if (it->second.OnAck(*ack, Now())) return EndSnapshot(message.from, true);
  PumpSnapshot(message.from);
}

// ---- a state that comes from another member ----

void Replica::TakeChunk() {
  if (core_->standing() != raft::Standing::kMember) return;
  while (!staging_ && !installing_ && !receiver_.whole() && !chunks_.empty()) {
    const raft::Message message = std::move(chunks_.front());
    chunks_.pop_front();
    if (message.term != core_->term() || message.from != core_->leader()) continue;
    const auto chunk = DecodeChunk(message.data);
    if (!chunk.ok()) {
      logger_.Warning("from member %d: %s", message.from, chunk.status().message());
      continue;
    }
    sender_ = message.from;
    if (chunk->checkpoint.index <= core_->commit()) {
      AckSnapshot(chunk->checkpoint.index, true);
      continue;
    }
    const auto taken = receiver_.Take(*chunk);
    if (!taken.ok()) {
      logger_.Warning("from member %d: %s", message.from, taken.status().message());
      receiver_ = {};
    }
    if (!taken.ok() || !*taken) {
      AckSnapshot(chunk->checkpoint.index, false);
      continue;
    }
    staging_ = true;
    writer_.Run([this, rows = chunk->rows,
                 first = chunk->number == 0] { return storage_->Stage(rows, first); },
                [this](const absl::Status& staged) { OnStaged(staged); });
  }
}

void Replica::OnStaged(const absl::Status& staged) {
  staging_ = false;
  if (closed_) return;
  const raft::Index index = receiver_.checkpoint().index;
  if (!staged.ok()) {
    logger_.Error("cannot keep the state of another member: %s", staged.message());
    receiver_ = {};
  }
  if (receiver_.whole()) return Pump();
  AckSnapshot(index, false);
  TakeChunk();
}

// Once all that the core has given is written: a write of the log that goes must not come after.
void Replica::InstallWhenQuiet() {
  if (staging_ || installing_ || !receiver_.whole() || retrying_) return;
  if (!writer_.idle() || !checkpointer_.idle()) return;
  const auto revision = receiver_.revision();
  if (!revision.ok() || !core_->Restore(receiver_.checkpoint())) {
    AckSnapshot(receiver_.checkpoint().index, revision.ok());
    receiver_ = {};
    return TakeChunk();
  }
  installing_ = true;
  // Entries and promises of the log that goes; votes stand.
  DropWindowFrom(0);
  next_.write.append.clear();
  std::erase_if(next_.after_write, [](const raft::Message& message) {
    return message.type == raft::MessageType::kAppended;
  });
  Install(*revision);
}

void Replica::Install(uint64_t revision) {
  writer_.Run([this, checkpoint = receiver_.checkpoint(),
               state = core_->hard_state()] { return storage_->Install(checkpoint, state); },
              [this, revision](const absl::Status& installed) {
                if (closed_) return;
                if (installed.ok()) return OnInstalled(revision);
                // The core has moved on already: there is no way but forward.
                logger_.Error("cannot take over the state of another member: %s",
                              installed.message());
                executor_->PostAfter(absl::Seconds(1), [this, revision, alive = alive_] {
                  if (*alive && !closed_) Install(revision);
                });
              },
              storage_->WriteDelay());
}

void Replica::OnInstalled(uint64_t revision) {
  const raft::Checkpoint checkpoint = receiver_.checkpoint();
  machine_.Restore(receiver_.TakeTree(), revision);
  receiver_ = {};
  applied_ = written_ = disk_tail_ = checkpoint.index;
  applied_term_ = checkpoint.term;
  NoteMembership();
  events_.clear();
  applied_bytes_ = 0;
  rows_.clear();
  rows_bytes_ = 0;
  marks_.clear();
  installing_ = false;
  const auto snapshot = machine_.snapshot();
  snapshot_.store(snapshot);
  history_floor_ = revision;
  history_.Begin(snapshot);
  // What leaders had of this member may be in the state it took over.
  for (Proposal& proposal : proposals_.TakeGiven()) std::move(proposal.done)(Unknown());
  logger_.Info("took over the state at entry %d, revision %d", checkpoint.index, revision);
  AckSnapshot(checkpoint.index, true);
  Pump();
}

// Of another state it has nothing, whatever it has of the one that came before.
void Replica::AckSnapshot(raft::Index index, bool done) {
  raft::Message message{raft::MessageType::kSnapshotAck, options_.membership->id, sender_,
                        core_->term()};
  const uint64_t next = receiver_.checkpoint().index == index ? receiver_.next() : 0;
  message.data = EncodeAck({index, next, done});
  transport_->Send(std::move(message));
}

}  // namespace skiff::store
