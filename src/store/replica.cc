#include "store/replica.h"

#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/status.h"
#include "store/txn_codec.h"

namespace skiff::store {
namespace {

constexpr char kAppliedKey[] = "applied";
constexpr char kRevisionKey[] = "revision";
// The log keeps this many applied entries, and is cut when there are as many again.
constexpr raft::Index kKeepEntries = 5000;

}  // namespace

Replica::Replica(const StoreOptions& options, Executor* executor, WorkPool* pool, Logger logger,
                 Metrics* metrics)
    : options_(options),
      executor_(executor),
      pool_(pool),
      logger_(std::move(logger)),
      commits_(metrics->Counter("skiff_store_transactions_total", "Transactions applied.")),
      syncs_(metrics->Counter("skiff_store_syncs_total", "Batches of entries synced to disk.")),
      revision_gauge_(metrics->Gauge("skiff_store_revision", "The latest revision.")),
      history_(executor, options.history_events, options.history_time) {}

Replica::~Replica() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options, Executor* executor,
                                                   WorkPool* pool, Logger logger,
                                                   Metrics* metrics) {
  auto replica =
      std::make_unique<Replica>(options, executor, pool, std::move(logger), metrics);
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
  core_ = std::make_unique<raft::Core>(raft::CoreOptions(), persistent, executor_->rng());
  core_->Campaign();  // The only voter: its own vote makes it leader at once.
  SKIFF_RETURN_IF_ERROR(WriteReady());
  snapshot_.store(machine_.snapshot());
  history_.Begin(snapshot_.load());
  SKIFF_RETURN_IF_ERROR(ApplyCommitted());
  // What the log still held was history before: nobody can have watched from within it.
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
  ObjectTree tree;
  const std::unique_ptr<rocksdb::Iterator> it(
      db->NewIterator(rocksdb::ReadOptions(), log_->family("objects")));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string key = it->key().ToString();
    SKIFF_ASSIGN_OR_RETURN(api::ObjectPtr object,
                           DecodeRow(key, {it->value().data(), it->value().size()}));
    tree = tree.With(key, std::move(object));
  }
  SKIFF_RETURN_IF_ERROR(raft::FromRocks(it->status(), options_.data_dir));
  machine_.Restore(std::move(tree), revision);
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
  Proposal proposal;
  proposal.bytes = log_ == nullptr ? " " : EncodeTxn(txn);  // On the caller's thread.
  proposal.txn = std::move(txn);
  proposal.done = std::move(done);
  bool wake = false;
  bool refused = false;
  {
    absl::MutexLock lock(&mutex_);
    refused = closing_;
    if (!refused) {
      wake = inbox_.empty();
      inbox_.push_back(std::move(proposal));
    }
  }
  if (refused) {
    std::move(proposal.done)(absl::UnavailableError("the store is closing"));
  } else if (wake) {
    executor_->Post([this] { Flush(); });
  }
}

void Replica::Flush() {
  if (writing_ || closed_ != nullptr) return;
  std::vector<Proposal> taken;
  {
    absl::MutexLock lock(&mutex_);
    taken.swap(inbox_);
  }
  if (taken.empty()) return;
  const raft::Index last_before = core_->last_index();
  std::vector<std::string> data;
  for (Proposal& proposal : taken) data.push_back(std::move(proposal.bytes));
  const auto last = core_->Propose(std::move(data));
  SKIFF_CHECK(last.ok());  // A lone voter never loses leadership.
  for (size_t i = 0; i < taken.size(); ++i) {
    proposals_.emplace(last_before + 1 + i, std::move(taken[i]));
  }
  const raft::Ready ready = core_->TakeReady();
  auto batch = MakeBatch(ready, last_before);
  if (log_ == nullptr) return OnWritten(std::move(batch));
  writing_ = true;
  pool_->Run([this, batch = std::move(batch)]() mutable {
    batch->result = log_->Write(&batch->rows);
    executor_->Post([this, batch = std::move(batch)]() mutable { OnWritten(std::move(batch)); });
  });
}

std::unique_ptr<Replica::Batch> Replica::MakeBatch(const raft::Ready& ready,
                                                   raft::Index last_before) {
  auto batch = std::make_unique<Batch>();
  batch->first = ready.append.front().index;
  batch->last = ready.append.back().index;
  batch->term = ready.append.back().term;
  if (log_ == nullptr) return batch;
  if (ready.hard_state) log_->AddHardState(*ready.hard_state, &batch->rows);
  log_->AddEntries(ready.append, last_before, &batch->rows);
  for (const auto& [key, row] : rows_) {
    if (row.empty()) {
      batch->rows.Delete(log_->family("objects"), key);
    } else {
      batch->rows.Put(log_->family("objects"), key, row);
    }
  }
  batch->rows.Put(log_->family("meta"), kAppliedKey, absl::StrCat(applied_));
  batch->rows.Put(log_->family("meta"), kRevisionKey, absl::StrCat(machine_.revision()));
  if (applied_ > core_->first_index() + 2 * kKeepEntries) {
    batch->compact_to = applied_ - kKeepEntries;
    log_->AddCompaction(batch->compact_to, core_->TermAt(batch->compact_to - 1), &batch->rows);
  }
  return batch;
}

void Replica::OnWritten(std::unique_ptr<Batch> batch) {
  writing_ = false;
  if (batch->result.ok()) {
    if (log_ != nullptr) syncs_.Increment();
    rows_.clear();  // They went with this batch: nothing was applied since it was made.
    if (batch->compact_to != 0) core_->Compacted(batch->compact_to);
    core_->Persisted(batch->last, batch->term);
    const absl::Status applied = ApplyCommitted();
    SKIFF_CHECK(applied.ok());  // Every entry is at hand: nothing is read from disk here.
  } else {
    Abandon(*batch);
  }
  if (closed_ != nullptr) return FinishClose();
  Flush();
}

void Replica::Abandon(const Batch& batch) {
  logger_.Error("cannot write: %s", batch.result.ToString());
  core_->Abandon(batch.first);
  for (raft::Index index = batch.first; index <= batch.last; ++index) {
    auto node = proposals_.extract(index);
    if (!node.empty()) std::move(node.mapped().done)(batch.result);
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
    if (log_ != nullptr) AddRows(events);
    const auto snapshot = machine_.snapshot();
    snapshot_.store(snapshot);
    revision_gauge_.Set(static_cast<double>(snapshot->revision()));
    history_.Append(std::move(events), snapshot);
  }
  commits_.Increment(static_cast<double>(answers.size()));
  for (auto& [done, result] : answers) std::move(done)(std::move(result));
  return absl::OkStatus();
}

void Replica::AddRows(const std::vector<Event>& events) {
  for (const Event& event : events) {
    rows_[event.key] = event.type == Event::Type::kDelete ? "" : EncodeRow(*event.object);
  }
}

void Replica::Close() {
  absl::Notification closed;
  const auto close = [&] { CloseOnLoop([&closed] { closed.Notify(); }); };
  if (executor_->InLoop()) {
    // A simulated loop: its pool works inline, so no write is under way.
    close();
    return;
  }
  executor_->Post(close);
  closed.WaitForNotification();
}

void Replica::CloseOnLoop(absl::AnyInvocable<void() &&> closed) {
  {
    absl::MutexLock lock(&mutex_);
    if (closing_) return std::move(closed)();
    closing_ = true;
  }
  closed_ = std::move(closed);
  if (!writing_) FinishClose();
}

void Replica::FinishClose() {
  std::vector<Proposal> refused;
  {
    absl::MutexLock lock(&mutex_);
    refused.swap(inbox_);
  }
  const absl::Status why = absl::UnavailableError("the store is closing");
  for (Proposal& proposal : refused) std::move(proposal.done)(why);
  history_.Close(why);
  log_.reset();
  std::move(closed_)();
  closed_ = [] {};
}

}  // namespace skiff::store
