#include "raft/log.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "raft/rocksdb_env.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"

namespace skiff::raft {
namespace {

constexpr char kFormat[] = "1";
constexpr char kFormatKey[] = "format";
constexpr char kHardStateKey[] = "hard-state";
constexpr char kFirstKey[] = "first";

std::string BigEndian(uint64_t value) {
  std::string out(8, '\0');
  for (int i = 7; i >= 0; --i, value >>= 8) out[i] = static_cast<char>(value & 0xff);
  return out;
}

uint64_t FromBigEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string Pair(uint64_t a, uint64_t b) { return BigEndian(a) + BigEndian(b); }

rocksdb::Slice Slice(absl::string_view text) { return {text.data(), text.size()}; }

// A control plane's data is small and its host may have better uses for memory: a few megabytes of
// buffers, two background threads, and nothing that wakes up by itself.
rocksdb::Options DatabaseOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_background_jobs = 2;
  options.max_open_files = 64;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1 << 20;
  options.max_total_wal_size = 32 << 20;
  options.db_write_buffer_size = 16 << 20;
  options.max_bgerror_resume_count = 0;  // The next write is the retry.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return options;
}

rocksdb::ColumnFamilyOptions FamilyOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 8 << 20;
  options.periodic_compaction_seconds = 0;
  options.ttl = 0;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;  // Objects are served from memory; the disk is read at start.
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  const std::string message = absl::StrCat(what, ": ", text);
  if (status.IsNoSpace() || absl::StrContains(text, "No space left")) {
    return absl::ResourceExhaustedError(absl::StrCat(what, ": the disk is full: free some space"));
  }
  if (absl::StrContains(text, "lock hold by current process")) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", what, " is in use by another cluster of this process"));
  }
  if (absl::StrContains(text, "lock ") && absl::StrContains(text, "LOCK")) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", what, " is in use by another process"));
  }
  if (absl::StrContains(text, "Permission denied") ||
      absl::StrContains(text, "Read-only file system")) {
    return absl::PermissionDeniedError(
        absl::StrCat("data directory ", what, " is not writable: ", text));
  }
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (status.IsInvalidArgument()) return absl::FailedPreconditionError(message);
  return absl::UnavailableError(message);
}

absl::StatusOr<std::unique_ptr<Log>> Log::Open(const std::string& dir,
                                               const std::vector<std::string>& extra) {
  std::unique_ptr<Log> log(new Log());
  log->dir_ = dir;
  log->names_ = {rocksdb::kDefaultColumnFamilyName, "log", "state"};
  log->names_.insert(log->names_.end(), extra.begin(), extra.end());
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : log->names_) descriptors.emplace_back(name, FamilyOptions());
  log->env_ = NewOwnedEnv();
  rocksdb::Options options = DatabaseOptions();
  options.env = log->env_.get();
  rocksdb::DB* db = nullptr;
  SKIFF_RETURN_IF_ERROR(
      FromRocks(rocksdb::DB::Open(options, dir, descriptors, &log->families_, &db), dir));
  log->db_.reset(db);
  std::string format;
  const rocksdb::Status got =
      db->Get(rocksdb::ReadOptions(), log->family("state"), kFormatKey, &format);
  if (got.IsNotFound()) {
    rocksdb::WriteBatch batch;
    batch.Put(log->family("state"), kFormatKey, kFormat);
    SKIFF_RETURN_IF_ERROR(log->Write(&batch));
  } else if (!got.ok()) {
    return FromRocks(got, dir);
  } else if (format != kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("data directory ", dir, " has the format ", format,
                     "; this version of Skiff reads format ", kFormat));
  }
  return log;
}

Log::~Log() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : families_) db_->DestroyColumnFamilyHandle(handle);
  db_->Close();
}

rocksdb::ColumnFamilyHandle* Log::family(const std::string& name) const {
  const auto it = std::find(names_.begin(), names_.end(), name);
  SKIFF_CHECK(it != names_.end());
  return families_[it - names_.begin()];
}

absl::StatusOr<Persistent> Log::Load(Index commit) {
  Persistent out;
  std::string value;
  rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), family("state"), kHardStateKey, &value);
  if (status.ok() && value.size() == 16) {
    out.hard_state = {FromBigEndian(value), FromBigEndian(absl::string_view(value).substr(8))};
  } else if (!status.IsNotFound()) {
    return absl::DataLossError(absl::StrCat(dir_, ": the hard state is damaged"));
  }
  status = db_->Get(rocksdb::ReadOptions(), family("state"), kFirstKey, &value);
  if (status.ok() && value.size() == 16) {
    out.first = FromBigEndian(value);
    out.before_first_term = FromBigEndian(absl::string_view(value).substr(8));
  } else if (!status.IsNotFound()) {
    return absl::DataLossError(absl::StrCat(dir_, ": the log's beginning is damaged"));
  }
  out.last = out.first - 1;
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(rocksdb::ReadOptions(), family("log")));
  const std::string from = BigEndian(out.first);
  for (it->Seek(from); it->Valid(); it->Next()) {
    const Index index = FromBigEndian(absl::string_view(it->key().data(), it->key().size()));
    if (index != out.last + 1 || it->value().size() < 8) {
      return absl::DataLossError(absl::StrCat(dir_, ": log entry ", out.last + 1,
                                              " is missing or damaged; restore a snapshot"));
    }
    const Term term = FromBigEndian(absl::string_view(it->value().data(), 8));
    if (out.term_starts.empty() || out.term_starts.back().second != term) {
      out.term_starts.emplace_back(index, term);
    }
    out.last = index;
  }
  SKIFF_RETURN_IF_ERROR(FromRocks(it->status(), dir_));
  if (commit > out.last) {
    return absl::DataLossError(absl::StrCat(dir_, ": the log ends at entry ", out.last,
                                            ", before the applied entry ", commit));
  }
  out.commit = commit;
  return out;
}

absl::Status Log::Read(Index from, Index to,
                       absl::FunctionRef<absl::Status(Entry entry)> visit) const {
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(rocksdb::ReadOptions(), family("log")));
  const std::string start = BigEndian(from);
  Index index = from;
  for (it->Seek(start); index <= to; it->Next(), ++index) {
    if (!it->Valid() ||
        FromBigEndian(absl::string_view(it->key().data(), it->key().size())) != index) {
      return absl::DataLossError(absl::StrCat(dir_, ": log entry ", index, " is missing"));
    }
    const absl::string_view value(it->value().data(), it->value().size());
    SKIFF_RETURN_IF_ERROR(visit({FromBigEndian(value), index, std::string(value.substr(8))}));
  }
  return FromRocks(it->status(), dir_);
}

void Log::AddHardState(const HardState& state, rocksdb::WriteBatch* batch) const {
  batch->Put(family("state"), kHardStateKey, Pair(state.term, state.vote));
}

void Log::AddEntries(const std::vector<Entry>& entries, Index last_before,
                     rocksdb::WriteBatch* batch) const {
  if (entries.empty()) return;
  if (entries.front().index <= last_before) {
    const std::string from = BigEndian(entries.front().index);
    const std::string to = BigEndian(last_before + 1);
    batch->DeleteRange(family("log"), from, to);
  }
  for (const Entry& entry : entries) {
    const std::string key = BigEndian(entry.index);
    const std::string term = BigEndian(entry.term);
    const rocksdb::Slice key_slice = Slice(key);
    const rocksdb::Slice parts[2] = {Slice(term), Slice(entry.data)};
    batch->Put(family("log"), rocksdb::SliceParts(&key_slice, 1), rocksdb::SliceParts(parts, 2));
  }
}

void Log::AddCompaction(Index first, Term before_first_term, rocksdb::WriteBatch* batch) const {
  batch->DeleteRange(family("log"), BigEndian(0), BigEndian(first));
  batch->Put(family("state"), kFirstKey, Pair(first, before_first_term));
}

absl::Status Log::Write(rocksdb::WriteBatch* batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  absl::Status result;
  // A failed write leaves RocksDB read-only until it is told that the cause is gone; an error of
  // its own background work, from before there was space again, may yet come in the way of the
  // first attempt.
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (failed_) {
      result = FromRocks(db_->Resume(), dir_);
      if (!result.ok()) continue;
    }
    const rocksdb::Status status = db_->Write(options, batch);
    failed_ = !status.ok();
    result = FromRocks(status, dir_);
    if (!absl::IsResourceExhausted(result)) break;
  }
  return result;
}

}  // namespace skiff::raft
