#include "store/replica.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/errors.h"
#include "base/status.h"
#include "raft/crc32c.h"
#include "raft/quorum.h"
#include "raft/rocksdb_storage.h"
#include "store/member_note.h"
#include "store/recover.h"
#include "store/txn_codec.h"

namespace skiff::store {
namespace {

// A log entry must be readable by whoever replays it: the message is parsed as the kind its key
// names.
absl::Status CheckOps(const Txn& txn) {
  for (const Op& op : txn.ops) {
    const api::ResourceInfo* resource = ResourceOfKey(op.key);
    if (resource == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("the key ", op.key, " names no resource that is served"));
    }
    if (op.object != nullptr &&
        op.object->GetDescriptor() != resource->prototype->GetDescriptor()) {
      return absl::InvalidArgumentError(absl::StrCat("the key ", op.key, " is of a ",
                                                     resource->kind, ", not of a ",
                                                     op.object->GetDescriptor()->name()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVersion(uint32_t log, uint32_t newest) {
  if (log <= newest) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the log of the cluster is of version ", log, ", this program understands versions up to ",
      newest, ": start the newer program that the other members run"));
}

// Whose store it is, for messages.
std::string Owners(const raft::Config& config) {
  std::vector<std::string> names;
  for (const raft::MemberId id : raft::MembersOf(config)) {
    const auto note = config.notes.find(id);
    const std::string name = note == config.notes.end() ? "" : MemberName(note->second);
    names.push_back(name.empty() ? absl::StrCat(id) : absl::StrCat("\"", name, "\" (", id, ")"));
  }
  return absl::StrJoin(names, ", ");
}

// A store is only for a member that it knows. What joins has one that knows nobody yet.
absl::Status CheckOwner(const raft::Persistent& persistent, const Membership& membership,
                        const std::string& dir) {
  const raft::Config* latest = &persistent.checkpoint.config;
  bool known = latest->voters.empty() || raft::IsMember(*latest, membership.id);
  for (const auto& held : persistent.log) {
    if (!held.config) continue;
    latest = &*held.config;
    known = known || raft::IsMember(*latest, membership.id);
  }
  const bool several = membership.transport != nullptr;
  if (known && (several || raft::MembersOf(*latest).size() == 1)) return absl::OkStatus();
  if (!several) {
    return absl::FailedPreconditionError(
        absl::StrCat("store ", dir, " is of a member of a control plane of several (",
                     Owners(*latest), "): start it with `skiff server`"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "store ", dir, " is of a cluster whose members are ", Owners(*latest),
      ", but this is member ", membership.id,
      ": put back the file member/member.json that belongs to it, or, if this member "
      "was removed or is to be another's, empty the data directory and start it with a new token"));
}

// So many are applied and answered in one turn of the loop: what their answers lead to is on its
// way to the disk while the next are, and nothing else waits long.
constexpr raft::Index kTurnEntries = 128;

// While there are writes; to look at every file is no matter of a moment.
constexpr absl::Duration kMeasurePeriod = absl::Seconds(10);

}  // namespace

Replica::Replica(StoreOptions options, Executor* executor, WorkPool* pool, Logger logger,
                 Metrics* metrics)
    : options_(std::move(options)),
      executor_(executor),
      logger_(std::move(logger)),
      commits_(metrics->Counter("skiff_store_transactions_total", "Transactions applied.")),
      syncs_(metrics->Counter("skiff_store_syncs_total", "Batches of entries synced to disk.")),
      synced_entries_(
          metrics->Counter("skiff_store_synced_entries_total", "Log entries in those batches.")),
      revision_gauge_(metrics->Gauge("skiff_store_revision", "The latest revision.")),
      objects_gauge_(metrics->Gauge("skiff_store_objects", "Objects stored.")),
      version_gauge_(metrics->Gauge("skiff_store_log_version",
                                    "The version of what the log of the cluster may hold.")),
      log_gauge_(metrics->Gauge("skiff_store_log_entries", "Entries that the log holds.")),
      disk_gauge_(metrics->Gauge("skiff_store_disk_bytes", "What the store's files take on disk.")),
      writer_(executor, pool),
      checkpointer_(executor, pool),
      history_(executor, {options_.history_events, options_.history_time, options_.history_bytes}),
      // A clock that begins anew with its machine must not make two lives one.
      life_(static_cast<uint64_t>(absl::ToUnixNanos(executor->clock().Now())) ^
            executor->rng().Next()),
      asks_(life_, options_.membership == nullptr ? Membership().tick : options_.membership->tick) {
  if (options_.membership == nullptr) {
    options_.membership = std::make_unique<Membership>();
    options_.membership->initial.voters = {options_.membership->id};
  }
  transport_ = options_.membership->transport.get();
}

Replica::~Replica() {
  if (core_ != nullptr) Close();
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(StoreOptions options, Executor* executor,
                                                   WorkPool* pool, Logger logger,
                                                   Metrics* metrics) {
  auto replica =
      std::make_unique<Replica>(std::move(options), executor, pool, std::move(logger), metrics);
  SKIFF_RETURN_IF_ERROR(replica->Recover());
  return replica;
}

absl::Status Replica::Closing() { return absl::UnavailableError("the store is closing"); }

absl::Status Replica::Recover() {
  raft::Persistent persistent;
  storage_ = std::move(options_.storage);
  if (!options_.data_dir.empty()) {
    raft::RocksdbStorage::Format1 format1;
    format1.member = options_.membership->id;
    format1.convert = [](std::string data) { return EncodeOrigin({}, 1, 0) + data; };
    SKIFF_ASSIGN_OR_RETURN(storage_, raft::RocksdbStorage::Open(options_.data_dir, format1));
  }
  if (storage_ != nullptr) {
    SKIFF_ASSIGN_OR_RETURN(persistent, LoadCheckpoint(storage_.get(), &machine_));
  }
  return Begin(std::move(persistent));
}

absl::Status Replica::Begin(raft::Persistent persistent) {
  const Membership& membership = *options_.membership;
  raft::Checkpoint& checkpoint = persistent.checkpoint;
  if (checkpoint.config == raft::Config()) {
    // A new member, or an older format, which knew of none.
    checkpoint.config = membership.initial;
    // Nobody else is to be heard of first.
    if (checkpoint.config.voters.size() == 1 && checkpoint.config.learners.empty()) {
      checkpoint.config.version = newest_version();
    }
    if (storage_ != nullptr) SKIFF_RETURN_IF_ERROR(storage_->WriteCheckpoint(checkpoint, {}));
  }
  SKIFF_RETURN_IF_ERROR(CheckOwner(persistent, membership, options_.data_dir));
  SKIFF_RETURN_IF_ERROR(CheckVersion(checkpoint.config.version, newest_version()));
  for (const auto& held : persistent.log) {
    if (!held.config) continue;
    SKIFF_RETURN_IF_ERROR(CheckVersion(held.config->version, newest_version()));
  }
  applied_ = checkpoint.index;
  applied_term_ = checkpoint.term;
  written_ = disk_tail_ = checkpoint.index + persistent.log.size();
  raft::CoreOptions core_options;
  core_options.id = membership.id;
  core_options.joins = checkpoint.config.voters.empty();
  core_options.election_ticks = 6;
  core_ = std::make_unique<raft::Core>(core_options, std::move(persistent),
                                       Rng(life_ ^ membership.id * 0x9e3779b97f4a7c15));
  history_floor_ = machine_.revision();
  history_.Begin(machine_.snapshot());
  if (OnlyVoter()) {
    core_->Campaign();  // Its own vote makes it leader at once.
    Gather(core_->TakeReady());
  }
  // What the only member begins its term with; others write theirs as they go.
  Batch first = std::exchange(next_, {});
  if (storage_ != nullptr && !first.empty()) {
    first.write.tail = disk_tail_;
    SKIFF_RETURN_IF_ERROR(storage_->Write(first.write));
  }
  if (!first.write.append.empty()) {
    const raft::Entry& last = first.write.append.back();
    written_ = disk_tail_ = last.index;
    core_->Persisted(last.index, last.term);
  }
  SKIFF_RETURN_IF_ERROR(ApplyCommitted());
  snapshot_.store(machine_.snapshot());
  MeasureDisk();
  alone_ = solo();
  NoteMembership();
  if (solo()) {
    Post([this] {
      RaiseVersion();
      Pump();
    });
  }
  if (transport_ != nullptr) {
    Post([this] {
      transport_->Start([this](raft::Message message) { OnMessage(std::move(message)); });
      NoteConfig();
      if (options_.membership->stands) core_->Campaign(/*nobody_leads=*/true);
      Pump();
    });
  }
  return absl::OkStatus();
}

void Replica::Post(Executor::Task task) {
  executor_->Post([task = std::move(task), alive = alive_]() mutable {
    if (*alive) std::move(task)();
  });
}

void Replica::PumpSoon() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(pump_posted_, true)) return;
  }
  Post([this] { Pump(); });
}

void Replica::Commit(Txn txn, CommitDone done) {
  if (absl::Status status = CheckOps(txn); !status.ok()) {
    executor_->Post([done = std::move(done), status = std::move(status)]() mutable {
      std::move(done)(std::move(status));
    });
    return;
  }
  // On the caller's thread. Where nobody will read it the entry only takes its place in the log.
  std::string bytes = storage_ == nullptr && transport_ == nullptr ? "" : EncodeTxn(txn);
  const uint32_t version = version_;
  const uint32_t crc = version == 1 ? 0 : raft::Crc32c(bytes);
  Proposal proposal;
  proposal.txn = std::move(txn);
  proposal.done = std::move(done);
  bool wake = false;
  bool closing = false;
  bool full = false;
  {
    MutexLock lock(&mutex_);
    closing = closing_;
    full = !closing && Full();
    if (!closing && !full) {
      proposal.share =
          TakeShare(static_cast<int64_t>(bytes.size() + sizeof(Proposal)), &unanswered_);
      proposal.number = next_number_++;
      proposal.data = std::move(bytes);
      proposal.data.insert(
          0, EncodeOrigin({options_.membership->id, life_, proposal.number}, version, crc));
      inbox_.push_back(std::move(proposal));
      wake = !gathering_ && !std::exchange(pump_posted_, true);
    }
  }
  if (closing) {
    std::move(proposal.done)(Closing());
  } else if (full) {
    executor_->Post([this, done = std::move(proposal.done), alive = alive_]() mutable {
      std::move(done)(*alive && !closed_ ? WhyFull() : Closing());
    });
  } else if (wake) {
    Post([this] { Pump(); });
  }
}

// Of this member's writes or of the log. Any thread.
bool Replica::Full() const { return unanswered_ >= kMaxWaiting || unapplied_bytes_ >= kMaxWaiting; }

absl::Status Replica::WhyFull() const {
  if (absl::IsResourceExhausted(disk_)) return disk_;  // To try again is of no use.
  std::string why;
  if (!disk_.ok()) {
    why = absl::StrCat("this member cannot write: ", disk_.message());
  } else if (core_->leader() == 0) {
    why = "no majority of the members can be reached";
  } else if (core_->role() != raft::Role::kLeader) {
    why = "the leading member does not confirm them as fast as they come";
  } else if (written_ < core_->last_index()) {
    why = "the disk does not take them as fast as they come";
  } else {
    why = "a majority of the members does not take them as fast as they come";
  }
  return api::TooManyRequests(
      absl::StrCat(kMaxWaiting >> 20, " MiB of writes wait to be confirmed, because ", why,
                   "; this one was not done: try again in a moment"),
      /*retry_after_seconds=*/1);
}

void Replica::Barrier(absl::AnyInvocable<void(absl::Status) &&> done) {
  executor_->Post([this, done = std::move(done), alive = alive_]() mutable {
    if (!*alive || closed_) return std::move(done)(Closing());
    barriers_.Add(std::move(done), Now());
    PumpSoon();
  });
}

void Replica::OnLeadership(std::function<void(bool leads)> listener) {
  Post([this, listener = std::move(listener)]() mutable {
    leadership_ = std::move(listener);
    leadership_(leads_);
  });
}

// From what came in to what goes out. Answers that it gives may lead to more; those take their own
// turn.
void Replica::Pump() {
  {
    MutexLock lock(&mutex_);
    pump_posted_ = false;
    gathering_ = false;
  }
  if (closed_) return;
  CatchUpTicks();
  TakeInbox();
  RefuseIfExpelled();
  Give();
  if (!installing_) {
    if (const auto round = barriers_.Begin()) core_->ReadIndex(*round);
    StepAsks();
    TakeReady();
    StartWrite();
    StartCheckpoint();
    InstallWhenQuiet();
  }
  const absl::Status applied = ApplyUpTo(std::min(core_->commit(), applied_ + kTurnEntries));
  if (!applied.ok() && applied != unapplied_) {
    logger_.Error("cannot apply log entry %d: %s", applied_ + 1, applied.message());
  }
  unapplied_ = applied;
  barriers_.OnApplied(applied_);
  AnswerAsks();
  NoteLeadership();
  if (applied.ok() && !installing_ && applied_ < core_->commit()) PumpSoon();
  MutexLock lock(&mutex_);
  gathering_ = Gathers() && !staging_ && !installing_;
}

// The only member gathers what comes while it writes: what it proposes it must be able to give up.
bool Replica::Gathers() const { return solo() && !writer_.idle(); }

void Replica::TakeInbox() {
  if (Gathers()) return;
  std::vector<Proposal> taken;
  {
    MutexLock lock(&mutex_);
    taken.swap(inbox_);
  }
  for (Proposal& proposal : taken) {
    proposal.since = Now();
    proposals_.Add(std::move(proposal));
  }
}

// Gives proposals that no leader has to whoever leads.
void Replica::Give() {
  const bool leader = core_->role() == raft::Role::kLeader;
  if (proposals_.empty() || (!leader && core_->leader() == 0)) return;
  // What a leader elsewhere was given and has not answered in a while may not have reached it.
  const absl::Duration lost =
      leader ? -absl::InfiniteDuration() : Now() - 12 * options_.membership->tick;
  std::vector<Proposal*> proposals = proposals_.ToGive(lost);
  std::erase_if(proposals, [&](const Proposal* proposal) {
    return proposal->term != 0 && proposal->term != core_->term();
  });
  if (proposals.empty()) return;
  if (leader) {
    Propose(proposals);
  } else {
    Forward(proposals);
  }
}

void Replica::Propose(const std::vector<Proposal*>& proposals) {
  std::vector<std::string> data;
  for (Proposal* proposal : proposals) {
    // The only member never gives one twice.
    data.push_back(solo() ? std::move(proposal->data) : proposal->data);
    proposal->term = core_->term();
    proposal->given = Now();
  }
  const auto last = core_->Propose(std::move(data));
  if (last.ok()) return;
  for (Proposal* proposal : proposals) proposal->term = 0;  // It is handing over leadership.
}

void Replica::TakeReady() {
  raft::Ready ready = core_->TakeReady();
  for (const raft::Readable& read : ready.reads) barriers_.OnReadable(read.context, read.index);
  std::vector<raft::Message> messages = std::move(ready.messages);
  Gather(std::move(ready));
  NoteConfig();
  SendAll(std::move(messages));
}

// Adds to the next write what the core wants on disk.
void Replica::Gather(raft::Ready ready) {
  if (ready.hard_state) next_.write.hard_state = ready.hard_state;
  if (!ready.append.empty()) {
    const raft::Index first = ready.append.front().index;
    DropWindowFrom(first);
    written_ = std::min(written_, first - 1);  // What is behind it there is another's.
    std::vector<raft::Entry>& append = next_.write.append;
    std::erase_if(append, [&](const raft::Entry& entry) { return entry.index >= first; });
    for (raft::Entry& entry : ready.append) {
      window_.push_back(entry);
      window_bytes_ += entry.data.size();
      unapplied_bytes_ += static_cast<int64_t>(entry.data.size());
      append.push_back(std::move(entry));
    }
  }
  for (raft::Message& message : ready.after_write) next_.after_write.push_back(std::move(message));
}

void Replica::NoteLeadership() {
  // Its first entry shows that everything of earlier terms is applied.
  const bool leads = core_->role() == raft::Role::kLeader && applied_term_ == core_->term();
  if (leads == leads_) return;
  leads_ = leads;
  if (leadership_) leadership_(leads);
}

absl::Status Replica::ForEachEntry(
    raft::Index from, raft::Index to,
    absl::FunctionRef<absl::Status(const raft::Entry&)> visit) const {
  const raft::Index held = window_.empty() ? to + 1 : window_.front().index;
  if (from < held) {
    if (storage_ == nullptr) return absl::InternalError("an entry of the log is gone");
    SKIFF_RETURN_IF_ERROR(storage_->Read(from, std::min(to, held - 1),
                                         [&](raft::Entry entry) { return visit(entry); }));
  }
  SKIFF_CHECK(window_.empty() || to <= window_.back().index);
  for (raft::Index index = std::max(from, held); index <= to; ++index) {
    SKIFF_RETURN_IF_ERROR(visit(window_[index - held]));
  }
  return absl::OkStatus();
}

absl::Status Replica::ApplyCommitted() { return ApplyUpTo(core_->commit()); }

absl::Status Replica::ApplyUpTo(raft::Index last) {
  if (installing_ || applied_ >= last) return absl::OkStatus();
  Answers answers;
  const absl::Status read = ForEachEntry(
      applied_ + 1, last, [&](const raft::Entry& entry) { return Apply(entry, &answers); });
  if (!events_.empty()) Publish();
  TrimWindow();
  commits_.Increment(static_cast<double>(answers.size()));
  for (auto& [done, result] : answers) std::move(done)(std::move(result));
  return read;
}

absl::Status Replica::Apply(const raft::Entry& entry, Answers* answers) {
  if (entry.term != applied_term_) proposals_.OnApplied(entry.term);
  if (entry.type == raft::EntryType::kData && !entry.data.empty()) {
    EntryOrigin origin;
    absl::string_view bytes;
    SKIFF_RETURN_IF_ERROR(DecodeOrigin(entry.data, &origin, &bytes));
    std::optional<Proposal> own;
    if (origin.member == options_.membership->id && origin.life == life_) {
      own = proposals_.Take(origin.number);
    }
    Txn txn;
    if (own) {
      txn = std::move(own->txn);
    } else {
      SKIFF_ASSIGN_OR_RETURN(txn, DecodeTxn(bytes));
    }
    const uint64_t before = machine_.revision();
    TxnResult result = machine_.Apply(std::move(txn), &events_);
    if (machine_.revision() != before) marks_.emplace_back(machine_.revision(), entry.index);
    applied_bytes_ += static_cast<int64_t>(entry.data.size());
    if (own) answers->emplace_back(std::move(own->done), std::move(result));
  }
  if (!window_.empty() && entry.index >= window_.front().index) {
    unapplied_bytes_ -= static_cast<int64_t>(entry.data.size());
  }
  applied_ = entry.index;
  applied_term_ = entry.term;
  if (entry.type == raft::EntryType::kConfig) NoteMembership();
  return absl::OkStatus();
}

void Replica::Publish() {
  const auto snapshot = machine_.snapshot();
  const History::Forgotten forgotten =
      history_.Append(std::exchange(events_, {}), std::exchange(applied_bytes_, 0), snapshot);
  for (const Event& event : forgotten.events) {
    history_floor_ = event.revision;
    event.object->ForgetEncodings();  // Its watchers have had them.
    if (storage_ == nullptr) continue;
    rows_[event.key] = event.type == Event::Type::kDelete ? nullptr : event.object;
  }
  rows_bytes_ += forgotten.bytes;
  while (!marks_.empty() && marks_.front().first <= history_floor_) marks_.pop_front();
  snapshot_.store(snapshot);
  revision_gauge_.Set(static_cast<double>(snapshot->revision()));
  objects_gauge_.Set(static_cast<double>(snapshot->tree().size()));
  log_gauge_.Set(static_cast<double>(core_->last_index() + 1 - core_->first_index()));
  if (Now() - measured_ >= kMeasurePeriod) MeasureDisk();
  history_.Deliver();
}

void Replica::MeasureDisk() {
  measured_ = Now();
  if (storage_ != nullptr) disk_gauge_.Set(static_cast<double>(storage_->DiskBytes()));
}

// The log goes on: in memory nobody replays it.
void Replica::Restore(const std::shared_ptr<const Snapshot>& saved) {
  SKIFF_CHECK(storage_ == nullptr && transport_ == nullptr);
  Pump();  // What was asked for before belongs to what is left behind.
  ApplyCommitted().IgnoreError();
  const auto tree = std::static_pointer_cast<const TreeSnapshot>(saved);
  machine_.Restore(tree->tree(), tree->revision());
  history_floor_ = tree->revision();
  marks_.clear();
  snapshot_.store(saved);
  history_.Begin(tree);
}

void Replica::Close() {
  {
    MutexLock lock(&mutex_);
    if (closing_) return;
    closing_ = true;
  }
  if (executor_->InLoop()) return CloseOnLoop();
  // A loop that has stopped destroys the task without running it: then nothing else runs there, and
  // this thread may do it.
  bool done = false;
  Notification over;
  executor_->Post([this, &done, notify = absl::MakeCleanup([&over] { over.Notify(); })] {
    CloseOnLoop();
    done = true;
  });
  over.WaitForNotification();
  if (!done) CloseOnLoop();
}

void Replica::CloseOnLoop() {
  closed_ = true;  // Nothing new goes to the writer.
  // What the core has heard since the last turn may be committed, and may have replaced what is at
  // hand.
  if (!installing_) Gather(core_->TakeReady());
  writer_.Finish();  // What it has is answered as it goes.
  checkpointer_.Finish();
  ApplyCommitted().IgnoreError();  // What waited for its turn is done: its clients are told so.
  *alive_ = false;
  std::vector<Proposal> refused = proposals_.TakeAll();
  {
    MutexLock lock(&mutex_);
    for (Proposal& proposal : inbox_) refused.push_back(std::move(proposal));
    inbox_.clear();
  }
  for (Proposal& proposal : refused) {
    std::move(proposal.done)(proposal.term == 0 ? Closing() : Unknown());
  }
  barriers_.FailAll(Closing());
  asks_.Expire(absl::InfiniteDuration(), Closing(),
               absl::DeadlineExceededError("the store is closing before the change of the members "
                                           "is confirmed; it may yet be done"));
  history_.Close(Closing());
  options_.membership->transport.reset();
  storage_.reset();
}

}  // namespace skiff::store
