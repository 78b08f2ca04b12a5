#include "store/replica.h"

#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "store/txn_codec.h"

namespace skiff::store {
namespace {

constexpr char kAppliedKey[] = "applied";
constexpr char kRevisionKey[] = "revision";
// The log keeps this many applied entries, and is cut when there are twice as many; or when it has
// grown by this many bytes, and then to nothing.
constexpr raft::Index kKeepEntries = 5000;
constexpr uint64_t kMaxLogBytes = 64 << 20;

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

}  // namespace

Replica::Replica(const StoreOptions& options, Executor* executor, WorkPool* pool, Logger logger,
                 Metrics* metrics)
    : options_(options),
      executor_(executor),
      pool_(pool),
      logger_(std::move(logger)),
      commits_(metrics->Counter("skiff_store_transactions_total", "Transactions applied.")),
      syncs_(metrics->Counter("skiff_store_syncs_total", "Batches of entries synced to disk.")),
      synced_entries_(
          metrics->Counter("skiff_store_synced_entries_total", "Log entries in those batches.")),
      revision_gauge_(metrics->Gauge("skiff_store_revision", "The latest revision.")),
      objects_gauge_(metrics->Gauge("skiff_store_objects", "Objects stored.")),
      history_(executor, options.history_events, options.history_time) {}

Replica::~Replica() {
  if (core_ != nullptr) Close();
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options, Executor* executor,
                                                   WorkPool* pool, Logger logger,
                                                   Metrics* metrics) {
  auto replica = std::make_unique<Replica>(options, executor, pool, std::move(logger), metrics);
  SKIFF_RETURN_IF_ERROR(replica->Recover());
  return replica;
}

absl::Status Replica::Recover() {
  raft::Persistent persistent;
  if (!options_.data_dir.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options_.data_dir, error);
    if (error) {
      return Annotate(ErrnoStatus(error.value(), options_.data_dir), "cannot make data directory");
    }
    SKIFF_ASSIGN_OR_RETURN(log_, raft::Log::Open(options_.data_dir, {"objects", "meta"}));
    raft::Index applied = 0;
    SKIFF_RETURN_IF_ERROR(LoadObjects(&applied));
    SKIFF_ASSIGN_OR_RETURN(persistent, log_->Load(applied));
    applied_ = applied;
  }
  const raft::CoreOptions core_options;
  // Chance only keeps members from campaigning at once; this one has nobody to meet.
  core_ = std::make_unique<raft::Core>(core_options, persistent, Rng(core_options.id));
  core_->Campaign();  // The only voter: its own vote makes it leader at once.
  SKIFF_RETURN_IF_ERROR(WriteReady());
  const auto stored = machine_.snapshot();
  snapshot_.store(stored);
  history_.Begin(stored);
  SKIFF_RETURN_IF_ERROR(ApplyCommitted());
  revision_gauge_.Set(static_cast<double>(machine_.revision()));
  objects_gauge_.Set(static_cast<double>(machine_.snapshot()->tree().size()));
  return absl::OkStatus();
}

absl::Status Replica::LoadObjects(raft::Index* applied) {
  rocksdb::DB* db = log_->db();
  std::string value;
  uint64_t revision = machine_.revision();
  for (const auto& [key, target] : {std::pair<const char*, uint64_t*>(kAppliedKey, applied),
                                    std::pair<const char*, uint64_t*>(kRevisionKey, &revision)}) {
    const rocksdb::Status status =
        db->Get(rocksdb::ReadOptions(), log_->family("meta"), key, &value);
    if (status.IsNotFound()) continue;
    SKIFF_RETURN_IF_ERROR(raft::FromRocks(status, options_.data_dir));
    if (!absl::SimpleAtoi(value, target)) {
      return absl::DataLossError(absl::StrCat(options_.data_dir, ": the row ", key, " is damaged"));
    }
  }
  std::vector<std::pair<std::string, api::ObjectPtr>> objects;
  const std::unique_ptr<rocksdb::Iterator> it(
      db->NewIterator(rocksdb::ReadOptions(), log_->family("objects")));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    std::string key = it->key().ToString();
    SKIFF_ASSIGN_OR_RETURN(api::ObjectPtr object,
                           DecodeRow(key, {it->value().data(), it->value().size()}));
    objects.emplace_back(std::move(key), std::move(object));
  }
  SKIFF_RETURN_IF_ERROR(raft::FromRocks(it->status(), options_.data_dir));
  machine_.Restore(ObjectTree::FromSorted(std::move(objects)), revision);
  return absl::OkStatus();
}

absl::Status Replica::WriteReady() {
  const raft::Ready ready = core_->TakeReady();
  if (log_ != nullptr) {
    rocksdb::WriteBatch batch;
    if (ready.hard_state) log_->AddHardState(*ready.hard_state, &batch);
    log_->AddEntries(ready.append, ready.append.front().index - 1, &batch);
    SKIFF_RETURN_IF_ERROR(log_->Write(&batch));
  }
  core_->Persisted(ready.append.back().index, ready.append.back().term);
  return absl::OkStatus();
}

void Replica::Commit(Txn txn, Done done) {
  if (absl::Status status = CheckOps(txn); !status.ok()) {
    executor_->Post([done = std::move(done), status = std::move(status)]() mutable {
      std::move(done)(std::move(status));
    });
    return;
  }
  Proposal proposal;
  // On the caller's thread. In memory the entry only takes its place in the log.
  proposal.bytes = options_.data_dir.empty() ? " " : EncodeTxn(txn);
  proposal.txn = std::move(txn);
  proposal.done = std::move(done);
  bool wake = false;
  bool refused = false;
  {
    MutexLock lock(&mutex_);
    refused = closing_;
    if (!refused) {
      wake = inbox_.empty();
      inbox_.push_back(std::move(proposal));
    }
  }
  if (refused) {
    std::move(proposal.done)(absl::UnavailableError("the store is closing"));
  } else if (wake) {
    executor_->Post([this, alive = alive_] {
      if (*alive) Flush();
    });
  }
}

void Replica::Flush() {
  if (in_flight_ != nullptr || closed_) return;
  std::vector<Proposal> taken;
  {
    MutexLock lock(&mutex_);
    taken.swap(inbox_);
  }
  if (taken.empty()) return;
  const raft::Index last_before = core_->last_index();
  std::vector<std::string> data;
  for (Proposal& proposal : taken) {
    log_bytes_ += proposal.bytes.size();
    data.push_back(std::move(proposal.bytes));
  }
  const auto last = core_->Propose(std::move(data));
  SKIFF_CHECK(last.ok());  // A lone voter never loses leadership.
  for (size_t i = 0; i < taken.size(); ++i) {
    proposals_.emplace(last_before + 1 + i, std::move(taken[i]));
  }
  in_flight_ = MakeBatch(core_->TakeReady(), last_before);
  if (log_ == nullptr) return OnWritten();
  pool_->Run([this, batch = in_flight_, alive = alive_, executor = executor_] {
    batch->result = WriteBatch(*batch);
    executor->Post([this, alive] {
      if (*alive && in_flight_ != nullptr) OnWritten();
    });
    batch->written.Notify();  // Last: whoever waits for it may destroy everything but the batch.
  });
}

std::shared_ptr<Replica::Batch> Replica::MakeBatch(raft::Ready ready, raft::Index last_before) {
  auto batch = std::make_shared<Batch>();
  batch->ready = std::move(ready);
  if (log_ == nullptr) return batch;
  batch->tail = std::max(last_before, abandoned_to_);
  batch->rows = std::exchange(rows_, {});
  batch->applied = applied_;
  batch->revision = machine_.revision();
  if (log_bytes_ > kMaxLogBytes) {
    batch->compact_to = applied_ + 1;
  } else if (applied_ > core_->first_index() + 2 * kKeepEntries) {
    batch->compact_to = applied_ - kKeepEntries;
  }
  if (batch->compact_to != 0) batch->before_compact_term = core_->TermAt(batch->compact_to - 1);
  return batch;
}

absl::Status Replica::WriteBatch(const Batch& batch) const {
  rocksdb::WriteBatch rows;
  if (batch.ready.hard_state) log_->AddHardState(*batch.ready.hard_state, &rows);
  log_->AddEntries(batch.ready.append, batch.tail, &rows);
  rocksdb::ColumnFamilyHandle* objects = log_->family("objects");
  for (const auto& [key, object] : batch.rows) {
    if (object == nullptr) {
      rows.Delete(objects, key);
    } else {
      rows.Put(objects, key, EncodeRow(*object));
    }
  }
  rows.Put(log_->family("meta"), kAppliedKey, absl::StrCat(batch.applied));
  rows.Put(log_->family("meta"), kRevisionKey, absl::StrCat(batch.revision));
  if (batch.compact_to != 0) {
    log_->AddCompaction(batch.compact_to, batch.before_compact_term, &rows);
  }
  return log_->Write(&rows);
}

void Replica::OnWritten() {
  const std::shared_ptr<Batch> batch = std::exchange(in_flight_, nullptr);
  if (!batch->result.ok()) {
    Abandon(batch.get());
  } else {
    if (log_ != nullptr) {
      abandoned_to_ = 0;
      syncs_.Increment();
      synced_entries_.Increment(static_cast<double>(batch->ready.append.size()));
    }
    if (batch->compact_to != 0) {
      log_bytes_ = 0;
      core_->Compacted(batch->compact_to);
    }
    core_->Persisted(batch->last(), batch->ready.append.back().term);
    const absl::Status applied = ApplyCommitted();
    SKIFF_CHECK(applied.ok());  // Every entry is at hand: nothing is read from disk here.
  }
  // In memory nothing gathers meanwhile: what callbacks committed has posted its own turn.
  if (log_ != nullptr) Flush();
}

void Replica::Abandon(Batch* batch) {
  logger_.Error("cannot write: %s", batch->result.ToString());
  core_->Abandon(batch->first());
  abandoned_to_ = std::max(abandoned_to_, batch->last());
  rows_ = std::move(batch->rows);  // Nothing was applied since they were taken.
  for (const raft::Entry& entry : batch->ready.append) {
    auto node = proposals_.extract(entry.index);
    if (!node.empty()) std::move(node.mapped().done)(batch->result);
  }
}

absl::StatusOr<Txn> Replica::TakeTxn(raft::Index index, Done* done) {
  if (auto node = proposals_.extract(index)) {
    *done = std::move(node.mapped().done);
    return std::move(node.mapped().txn);
  }
  if (log_ == nullptr) return Txn();  // A leader's first entry.
  Txn txn;
  SKIFF_RETURN_IF_ERROR(log_->Read(index, index, [&](raft::Entry entry) -> absl::Status {
    if (entry.data.empty()) return absl::OkStatus();
    SKIFF_ASSIGN_OR_RETURN(txn, DecodeTxn(entry.data));
    return absl::OkStatus();
  }));
  return txn;
}

absl::Status Replica::ApplyCommitted() {
  std::vector<Event> events;
  std::vector<std::pair<Done, TxnResult>> answers;
  while (applied_ < core_->commit()) {
    Done done;
    SKIFF_ASSIGN_OR_RETURN(Txn txn, TakeTxn(applied_ + 1, &done));
    TxnResult result = machine_.Apply(std::move(txn), &events);
    ++applied_;
    if (done) answers.emplace_back(std::move(done), std::move(result));
  }
  if (!events.empty()) {
    if (log_ != nullptr) {
      for (const Event& event : events) {
        rows_[event.key] = event.type == Event::Type::kDelete ? nullptr : event.object;
      }
    }
    const auto snapshot = machine_.snapshot();
    history_.Append(std::move(events), snapshot);
    snapshot_.store(snapshot);
    revision_gauge_.Set(static_cast<double>(snapshot->revision()));
    objects_gauge_.Set(static_cast<double>(snapshot->tree().size()));
    history_.Deliver();
  }
  commits_.Increment(static_cast<double>(answers.size()));
  for (auto& [done, result] : answers) std::move(done)(std::move(result));
  return absl::OkStatus();
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
  if (in_flight_ != nullptr) {
    in_flight_->written.WaitForNotification();
    OnWritten();  // It is answered as it went.
  }
  *alive_ = false;
  std::vector<Proposal> refused;
  {
    MutexLock lock(&mutex_);
    refused.swap(inbox_);
  }
  const absl::Status why = absl::UnavailableError("the store is closing");
  for (Proposal& proposal : refused) std::move(proposal.done)(why);
  history_.Close(why);
  log_.reset();
}

}  // namespace skiff::store
