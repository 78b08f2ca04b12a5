#include "raft/rocksdb_storage.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/big_endian.h"
#include "base/status.h"
#include "raft/crc32c.h"
#include "raft/data_dir.h"
#include "raft/log_floor.h"
#include "raft/record_check.h"
#include "raft/rocksdb_env.h"
#include "raft/rows_file.h"
#include "rocksdb/options.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"

namespace skiff::raft {
namespace {

class NoDiary final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

using rocksdb::Slice;

constexpr char kFormat[] = "3";
constexpr char kFormatKey[] = "format";
constexpr char kHardStateKey[] = "hard-state";
constexpr char kCheckpointKey[] = "checkpoint";  // Of format 2, in the state.
constexpr char kRowsKey[] = "rows";
constexpr char kFirstKey[] = "first";  // Of format 1.
constexpr absl::string_view kRowsPrefix = "rows-";
constexpr absl::string_view kCheckpointRow("\0", 1);  // Before every row.
constexpr size_t kEntryHeader = 9;                    // Term and type.
constexpr size_t kReadahead = 4 << 20;

std::string BigEndian(uint64_t value) {
  std::string out;
  PutBigEndian(value, &out);
  return out;
}

uint64_t FromBigEndian(absl::string_view bytes) { return TakeBigEndian<uint64_t>(&bytes); }

std::string Pair(uint64_t a, uint64_t b) { return BigEndian(a) + BigEndian(b); }

absl::string_view View(const Slice& slice) { return {slice.data(), slice.size()}; }

// RocksDB's own sums of whole files, by the processor where it can: Debian's RocksDB cannot.
class FileSum final : public rocksdb::FileChecksumGenerator {
 public:
  void Update(const char* data, size_t size) override { sum_ = Crc32c({data, size}, sum_); }
  void Finalize() override { PutBigEndian(sum_, &text_); }
  std::string GetChecksum() const override { return text_; }
  const char* Name() const override { return kName; }

  static constexpr char kName[] = "FileChecksumCrc32c";

 private:
  uint32_t sum_ = 0;
  std::string text_;
};

class FileSumFactory final : public rocksdb::FileChecksumGenFactory {
 public:
  const char* Name() const override { return "FileChecksumGenCrc32cFactory"; }
  std::unique_ptr<rocksdb::FileChecksumGenerator> CreateFileChecksumGenerator(
      const rocksdb::FileChecksumGenContext& context) override {
    const std::string& wanted = context.requested_checksum_func_name;
    if (!wanted.empty() && wanted != FileSum::kName) return nullptr;
    return std::make_unique<FileSum>();
  }
};

// RocksDB's diary is a file on the same disk, and when that is full, its second failure aborts the
// process (Debian's library checks its assertions). What matters comes back as a status.
// A control plane's data is small and its host may have better uses for memory: buffers that grow
// to some megabytes while there is much to write, two background threads, and nothing that wakes up
// by itself.
rocksdb::Options DatabaseOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_background_jobs = 2;
  options.max_open_files = 64;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  // A diary of its own: on a full disk writing it ends the process. Errors come as statuses.
  options.info_log = std::make_shared<NoDiary>();
  options.max_manifest_file_size = 2 << 20;
  options.max_total_wal_size = 120 << 20;
  options.db_write_buffer_size = 64 << 20;
  options.bytes_per_sync = 512 << 10;
  options.max_bgerror_resume_count = 0;  // The next write is the retry.
  options.file_checksum_gen_factory = std::make_shared<FileSumFactory>();
  return options;
}

rocksdb::ColumnFamilyOptions FamilyOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 4 << 20;
  options.level_compaction_dynamic_level_bytes = true;
  options.periodic_compaction_seconds = 0;
  options.ttl = 0;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;  // Objects are served from memory; the disk is read at start.
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::string EncodeCheckpoint(const Checkpoint& checkpoint) {
  const std::string config = EncodeConfig(checkpoint.config);
  return absl::StrCat(BigEndian(checkpoint.index), BigEndian(checkpoint.term),
                      BigEndian(config.size()), config, checkpoint.note);
}

absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view bytes) {
  constexpr size_t kFixed = 24;
  if (bytes.size() < kFixed || FromBigEndian(bytes.substr(16)) > bytes.size() - kFixed) {
    return absl::DataLossError("the checkpoint is damaged");
  }
  const size_t config_size = FromBigEndian(bytes.substr(16));
  Checkpoint out;
  out.index = FromBigEndian(bytes);
  out.term = FromBigEndian(bytes.substr(8));
  SKIFF_ASSIGN_OR_RETURN(out.config, DecodeConfig(bytes.substr(kFixed, config_size)));
  out.note = std::string(bytes.substr(kFixed + config_size));
  return out;
}

void PutEntry(rocksdb::ColumnFamilyHandle* log, const Entry& entry, rocksdb::WriteBatch* batch) {
  const std::string key = BigEndian(entry.index);
  const std::string header = BigEndian(entry.term) + static_cast<char>(entry.type);
  const Slice key_slice = key;
  const Slice parts[2] = {header, entry.data};
  batch->Put(log, rocksdb::SliceParts(&key_slice, 1), rocksdb::SliceParts(parts, 2));
}

Row CheckpointRow(const Checkpoint& checkpoint) {
  return {std::string(kCheckpointRow), EncodeCheckpoint(checkpoint)};
}

void PutRow(rocksdb::ColumnFamilyHandle* family, const Row& row, rocksdb::WriteBatch* batch) {
  if (row.value) {
    batch->Put(family, row.key, *row.value);
  } else {
    batch->Delete(family, row.key);
  }
}

void PutRows(rocksdb::ColumnFamilyHandle* family, const std::vector<Row>& rows,
             rocksdb::WriteBatch* batch) {
  for (const Row& row : rows) PutRow(family, row, batch);
}

// About as many as its batch takes, so that it need not grow step by step.
constexpr size_t kEach = 40;
size_t BatchBytes(const DiskWrite& write) {
  size_t bytes = 1024;
  for (const Entry& entry : write.append) bytes += kEach + entry.data.size();
  return bytes;
}
size_t BytesOf(const std::vector<Row>& rows) {
  size_t bytes = 1024;
  for (const Row& row : rows) {
    bytes += kEach + row.key.size() + (row.value ? row.value->size() : 0);
  }
  return bytes;
}

// None: the bytes are no entry.
std::optional<Entry> DecodeEntry(const Slice& key, const Slice& value) {
  if (key.size() != 8 || value.size() < kEntryHeader) return std::nullopt;
  const auto type = static_cast<EntryType>(value[8]);
  if (type != EntryType::kData && type != EntryType::kConfig) return std::nullopt;
  return Entry{FromBigEndian(View(value)), FromBigEndian(View(key)), type,
               std::string(View(value).substr(kEntryHeader))};
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksdbStorage>> RocksdbStorage::Open(const std::string& dir,
                                                                     const Format1& format1) {
  std::unique_ptr<RocksdbStorage> storage(new RocksdbStorage());
  storage->dir_ = dir;
  storage->env_ = NewOwnedEnv();
  SKIFF_RETURN_IF_ERROR(storage->Error(storage->env_->CreateDirIfMissing(dir)));
  SKIFF_RETURN_IF_ERROR(storage->Error(storage->env_->LockAhead(dir)));
  SKIFF_RETURN_IF_ERROR(storage->OpenDatabase());
  SKIFF_RETURN_IF_ERROR(storage->VerifyTables());
  SKIFF_RETURN_IF_ERROR(storage->FindFormat(format1));
  SKIFF_RETURN_IF_ERROR(MarkDataDir(dir));
  return storage;
}

absl::Status RocksdbStorage::OpenDatabase() {
  SKIFF_ASSIGN_OR_RETURN(const bool verified, CheckDataDir(dir_));
  rocksdb::Options options = DatabaseOptions();
  options.env = env_.get();
  // What was verified has nothing broken in it that could be tolerated.
  options.wal_recovery_mode = verified ? rocksdb::WALRecoveryMode::kAbsoluteConsistency
                                       : rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  std::vector<std::string> names;
  std::error_code error;
  if (std::filesystem::exists(absl::StrCat(dir_, "/CURRENT"), error)) {
    SKIFF_RETURN_IF_ERROR(Error(rocksdb::DB::ListColumnFamilies(options, dir_, &names)));
  }
  for (const char* name : {rocksdb::kDefaultColumnFamilyName.c_str(), "state", "log", "format-2"}) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) {
    rocksdb::ColumnFamilyOptions family = FamilyOptions();
    if (name == "log") {
      family.compaction_filter_factory = DropsBelow(floor_);
      family.compression = rocksdb::kNoCompression;  // Nothing stays in it for long.
      // More than the log is long: most entries are compacted away before they leave memory.
      family.write_buffer_size = 48 << 20;
      // They come in order: each goes in behind the last, without a search. (With this, ranges
      // cannot be deleted: RocksDB looks for their place behind a key.)
      family.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
    }
    descriptors.emplace_back(name, family);
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(options, dir_, descriptors, &handles, &db);
  if (opened.IsCorruption()) SKIFF_RETURN_IF_ERROR(FindDamagedTable(dir_, opened));
  SKIFF_RETURN_IF_ERROR(Error(opened));
  db_.reset(db);
  for (size_t i = 0; i < names.size(); ++i) families_.push_back({names[i], handles[i]});
  log_ = family("log");
  return absl::OkStatus();
}

// Whole files, not only the blocks that will be read: a table whose own description is damaged may
// seem to have fewer rows.
absl::Status RocksdbStorage::VerifyTables() {
  rocksdb::ReadOptions options;
  options.readahead_size = kReadahead;
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  const bool all = std::all_of(files.begin(), files.end(), [](const auto& file) {
    return file.file_checksum_func_name != rocksdb::kUnknownFileChecksumFuncName;
  });
  const rocksdb::Status whole = db_->VerifyFileChecksums(options);
  if (whole.ok() && all) return absl::OkStatus();
  const rocksdb::Status blocks = db_->VerifyChecksum(options);  // It knows the offset.
  if (!blocks.ok() || !whole.IsCorruption()) return Error(blocks.ok() ? whole : blocks);
  return absl::DataLossError(
      absl::StrCat(dir_, ": ", whole.ToString(),
                   "; offset unknown: every block is well, so it is in the file's footer, or in "
                   "what describes the blocks; ",
                   kRemedy));
}

absl::Status RocksdbStorage::FindFormat(const Format1& format1) {
  SKIFF_ASSIGN_OR_RETURN(const std::string format, Get("state", kFormatKey));
  if (format.empty()) {
    rows_ = absl::StrCat(kRowsPrefix, 1);
    if (family(rows_) == nullptr) SKIFF_RETURN_IF_ERROR(CreateFamily(rows_));
    rocksdb::WriteBatch batch;
    batch.Put(family("state"), kFormatKey, kFormat);
    batch.Put(family("state"), kRowsKey, rows_);
    SKIFF_RETURN_IF_ERROR(Commit(&batch));
  } else if (format == "1") {
    SKIFF_RETURN_IF_ERROR(Migrate(format1));
  } else if (format == "2") {
    SKIFF_RETURN_IF_ERROR(MigrateCheckpoint());
  } else if (format != kFormat) {
    return UnknownFormat(dir_, format);
  }
  SKIFF_ASSIGN_OR_RETURN(rows_, Get("state", kRowsKey));
  if (family(rows_) == nullptr) {
    return absl::DataLossError(
        absl::StrCat(dir_, ": the column family ", rows_, " is missing; ", kRemedy));
  }
  SKIFF_ASSIGN_OR_RETURN(const Checkpoint checkpoint, ReadCheckpoint());
  floor_->store(checkpoint.index);
  rows_family_ = family(rows_);
  const std::vector<Family> families = families_;
  for (const Family& other : families) {  // Staged before a crash, or of format 1.
    const bool rows = absl::StartsWith(other.name, kRowsPrefix) || other.name == "objects";
    if ((rows && other.name != rows_) || other.name == "meta") {
      SKIFF_RETURN_IF_ERROR(DropFamily(other.name));
    }
  }
  return absl::OkStatus();
}

// From format 2, which had the checkpoint beside the hard state.
absl::Status RocksdbStorage::MigrateCheckpoint() {
  SKIFF_ASSIGN_OR_RETURN(const std::string rows, Get("state", kRowsKey));
  SKIFF_ASSIGN_OR_RETURN(const std::string checkpoint, Get("state", kCheckpointKey));
  rocksdb::WriteBatch batch;
  if (!checkpoint.empty() && family(rows) != nullptr) {
    batch.Put(family(rows), Slice(kCheckpointRow.data(), kCheckpointRow.size()), checkpoint);
    batch.Delete(family("state"), kCheckpointKey);
  }
  batch.Put(family("state"), kFormatKey, kFormat);
  return Commit(&batch);
}

absl::Status RocksdbStorage::Migrate(const Format1& format1) {
  const auto damaged = [&](absl::string_view what) {
    return absl::DataLossError(absl::StrCat(dir_, ": the row ", what, " is damaged; ", kRemedy));
  };
  SKIFF_ASSIGN_OR_RETURN(const std::string applied_text, Get("meta", "applied"));
  SKIFF_ASSIGN_OR_RETURN(const std::string hard_state, Get("state", kHardStateKey));
  SKIFF_ASSIGN_OR_RETURN(const std::string first, Get("state", kFirstKey));
  Checkpoint checkpoint;
  SKIFF_ASSIGN_OR_RETURN(checkpoint.note, Get("meta", "revision"));
  if (!applied_text.empty() && !absl::SimpleAtoi(applied_text, &checkpoint.index)) {
    return damaged("applied");
  }
  if (!hard_state.empty() && hard_state.size() != 16) return damaged(kHardStateKey);
  if (!first.empty() && first.size() != 16) return damaged(kFirstKey);
  checkpoint.config.voters = {format1.member};
  checkpoint.config.notes[format1.member] = format1.note;
  if (!first.empty()) checkpoint.term = FromBigEndian(absl::string_view(first).substr(8));
  const Index before = first.empty() ? 0 : FromBigEndian(first) - 1;

  rocksdb::WriteBatch batch;
  if (checkpoint.index > before) {
    std::string entry;
    const rocksdb::Status got =
        db_->Get(rocksdb::ReadOptions(), log_, BigEndian(checkpoint.index), &entry);
    if (got.IsNotFound() || (got.ok() && entry.size() < 8)) {
      return absl::DataLossError(absl::StrCat(dir_, ": the log ends before the applied entry ",
                                              checkpoint.index, "; ", kRemedy));
    }
    SKIFF_RETURN_IF_ERROR(Error(got));
    checkpoint.term = FromBigEndian(entry);
  }
  SKIFF_RETURN_IF_ERROR(AddOldEntries(format1, checkpoint.index, &batch));
  if (!hard_state.empty()) {
    const bool voted = FromBigEndian(absl::string_view(hard_state).substr(8)) != 0;
    batch.Put(family("state"), kHardStateKey,
              Pair(FromBigEndian(hard_state), voted ? format1.member : 0));
  }
  batch.Delete(family("state"), kFirstKey);
  PutRow(family("objects"), CheckpointRow(checkpoint), &batch);
  batch.Put(family("state"), kRowsKey, "objects");
  batch.Put(family("state"), kFormatKey, kFormat);
  return Commit(&batch);
}

absl::Status RocksdbStorage::AddOldEntries(const Format1& format1, Index applied,
                                           rocksdb::WriteBatch* batch) {
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions(), log_));
  for (it->Seek(BigEndian(applied + 1)); it->Valid(); it->Next()) {
    if (it->key().size() != 8 || it->value().size() < 8) {
      return absl::DataLossError(absl::StrCat(dir_, ": a log entry is damaged; ", kRemedy));
    }
    Entry entry{FromBigEndian(View(it->value())), FromBigEndian(View(it->key())), EntryType::kData,
                std::string(View(it->value()).substr(8))};
    if (!entry.data.empty() && format1.convert) entry.data = format1.convert(std::move(entry.data));
    PutEntry(log_, entry, batch);
  }
  return Error(it->status());
}

RocksdbStorage::~RocksdbStorage() {
  if (db_ == nullptr) return;
  for (const Family& family : families_) {
    db_->DestroyColumnFamilyHandle(family.handle).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

absl::StatusOr<Checkpoint> RocksdbStorage::ReadCheckpoint() {
  SKIFF_ASSIGN_OR_RETURN(const std::string bytes, Get(rows_, std::string(kCheckpointRow)));
  if (bytes.empty()) return Checkpoint();
  auto checkpoint = DecodeCheckpoint(bytes);
  if (checkpoint.ok() || absl::IsFailedPrecondition(checkpoint.status())) return checkpoint;
  return absl::DataLossError(
      absl::StrCat(dir_, ": ", checkpoint.status().message(), "; ", kRemedy));
}

absl::StatusOr<Persistent> RocksdbStorage::Load() {
  Persistent out;
  SKIFF_ASSIGN_OR_RETURN(const std::string hard_state, Get("state", kHardStateKey));
  if (!hard_state.empty() && hard_state.size() != 16) {
    return absl::DataLossError(absl::StrCat(dir_, ": the hard state is damaged; ", kRemedy));
  }
  if (!hard_state.empty()) {
    out.hard_state = {FromBigEndian(hard_state),
                      FromBigEndian(absl::string_view(hard_state).substr(8))};
  }
  SKIFF_ASSIGN_OR_RETURN(out.checkpoint, ReadCheckpoint());
  out.commit = out.checkpoint.index;
  last_ = out.checkpoint.index;
  rocksdb::ReadOptions options;
  options.readahead_size = kReadahead;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, log_));
  for (it->Seek(BigEndian(last_ + 1)); it->Valid(); it->Next()) {
    const std::optional<Entry> entry = DecodeEntry(it->key(), it->value());
    if (!entry || entry->index != last_ + 1) {
      return absl::DataLossError(
          absl::StrCat(dir_, ": log entry ", last_ + 1, " is missing or damaged; ", kRemedy));
    }
    out.log.push_back({entry->term, static_cast<uint32_t>(entry->data.size()), std::nullopt});
    if (entry->type == EntryType::kConfig) {
      SKIFF_ASSIGN_OR_RETURN(out.log.back().config, DecodeConfig(entry->data));
    }
    last_ = entry->index;
  }
  SKIFF_RETURN_IF_ERROR(Error(it->status()));
  return out;
}

absl::Status RocksdbStorage::ReadRows(
    absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit) {
  rocksdb::ReadOptions options;
  options.readahead_size = kReadahead;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, family(rows_)));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (View(it->key()) == kCheckpointRow) continue;
    SKIFF_RETURN_IF_ERROR(visit(View(it->key()), View(it->value())));
  }
  return Error(it->status());
}

absl::Status RocksdbStorage::Read(Index from, Index to,
                                  absl::FunctionRef<absl::Status(Entry entry)> visit) const {
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions(), log_));
  Index index = from;
  for (it->Seek(BigEndian(from)); index <= to && it->Valid(); it->Next(), ++index) {
    std::optional<Entry> entry = DecodeEntry(it->key(), it->value());
    if (!entry || entry->index != index) break;
    SKIFF_RETURN_IF_ERROR(visit(*std::move(entry)));
  }
  SKIFF_RETURN_IF_ERROR(Error(it->status()));
  if (index > to) return absl::OkStatus();
  if (from <= floor_->load()) {
    return absl::OutOfRangeError(absl::StrCat(dir_, ": log entry ", index, " is compacted away"));
  }
  return absl::DataLossError(
      absl::StrCat(dir_, ": log entry ", index, " is missing or damaged; ", kRemedy));
}

absl::Status RocksdbStorage::Write(const DiskWrite& write) {
  if (!write.hard_state && write.append.empty()) return absl::OkStatus();
  rocksdb::WriteBatch batch(BatchBytes(write));
  if (write.hard_state) {
    batch.Put(family("state"), kHardStateKey, Pair(write.hard_state->term, write.hard_state->vote));
  }
  const Index before = std::max(last_, write.tail);
  for (const Entry& entry : write.append) PutEntry(log_, entry, &batch);
  if (!write.append.empty()) {
    AddRemoval(write.append.back().index + 1, before, &batch);
    last_ = std::max(before, write.append.back().index);
  }
  SKIFF_RETURN_IF_ERROR(Commit(&batch));
  if (!write.append.empty()) last_ = write.append.back().index;
  return absl::OkStatus();
}

absl::Status RocksdbStorage::WriteCheckpoint(const Checkpoint& checkpoint,
                                             const std::vector<Row>& rows) {
  const Row first = CheckpointRow(checkpoint);
  // A start removes what ends like this.
  const std::string path = absl::StrCat(dir_, "/rows.sst.new");
  SKIFF_RETURN_IF_ERROR(Retry([&] {
    MutexLock lock(&resume_mutex_);
    if (!resumed_) return IngestRows(db_.get(), rows_family_, path, first, rows);
    rocksdb::WriteBatch batch(BytesOf(rows));
    PutRow(rows_family_, first, &batch);
    PutRows(rows_family_, rows, &batch);
    return SyncedWrite(&batch);
  }));
  floor_->store(checkpoint.index);
  return absl::OkStatus();
}

absl::Status RocksdbStorage::Stage(const std::vector<Row>& rows, bool first) {
  if (first) {
    if (!staged_.empty()) SKIFF_RETURN_IF_ERROR(DropFamily(std::exchange(staged_, "")));
    const std::string name = UnusedRowsFamily();
    SKIFF_RETURN_IF_ERROR(CreateFamily(name));
    staged_ = name;
  }
  if (staged_.empty()) return absl::FailedPreconditionError("no state is being staged");
  rocksdb::WriteBatch batch(BytesOf(rows));
  PutRows(family(staged_), rows, &batch);
  return Commit(&batch);
}

absl::Status RocksdbStorage::Install(const Checkpoint& checkpoint, const HardState& hard_state) {
  if (staged_.empty()) SKIFF_RETURN_IF_ERROR(Stage({}, /*first=*/true));
  rocksdb::WriteBatch batch;
  PutRow(family(staged_), CheckpointRow(checkpoint), &batch);
  batch.Put(family("state"), kHardStateKey, Pair(hard_state.term, hard_state.vote));
  batch.Put(family("state"), kRowsKey, staged_);
  AddRemoval(checkpoint.index + 1, last_, &batch);
  SKIFF_RETURN_IF_ERROR(Commit(&batch));
  floor_->store(checkpoint.index);
  last_ = checkpoint.index;
  const std::string old = std::exchange(rows_, std::exchange(staged_, ""));
  rows_family_ = family(rows_);
  DropFamily(old).IgnoreError();  // Else the next start does.
  return absl::OkStatus();
}

int64_t RocksdbStorage::DiskBytes() const {
  int64_t bytes = 0;
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator it(dir_, error); !error && it != end;
       it.increment(error)) {
    struct stat info;
    if (stat(it->path().c_str(), &info) == 0) bytes += int64_t{info.st_blocks} * 512;
  }
  return bytes;
}

absl::Status RocksdbStorage::Flush() {
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  for (const Family& family : families_) handles.push_back(family.handle);
  return Retry([&] { return db_->Flush(rocksdb::FlushOptions(), handles); });
}

absl::StatusOr<std::string> RocksdbStorage::Get(const std::string& name,
                                                const std::string& key) const {
  std::string value;
  if (family(name) == nullptr) return value;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), family(name), key, &value);
  if (status.IsNotFound()) return std::string();
  SKIFF_RETURN_IF_ERROR(Error(status));
  return value;
}

rocksdb::ColumnFamilyHandle* RocksdbStorage::family(absl::string_view name) const {
  const auto it = std::find_if(families_.begin(), families_.end(),
                               [&](const Family& family) { return family.name == name; });
  return it == families_.end() ? nullptr : it->handle;
}

absl::Status RocksdbStorage::CreateFamily(const std::string& name) {
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  SKIFF_RETURN_IF_ERROR(
      Retry([&] { return db_->CreateColumnFamily(FamilyOptions(), name, &handle); }));
  families_.push_back({name, handle});
  return absl::OkStatus();
}

absl::Status RocksdbStorage::DropFamily(const std::string& name) {
  const auto it = std::find_if(families_.begin(), families_.end(),
                               [&](const Family& family) { return family.name == name; });
  SKIFF_RETURN_IF_ERROR(Retry([&] { return db_->DropColumnFamily(it->handle); }));
  const rocksdb::Status gone = db_->DestroyColumnFamilyHandle(it->handle);
  families_.erase(it);
  return Error(gone);
}

std::string RocksdbStorage::UnusedRowsFamily() const {
  for (int number = 1;; ++number) {
    std::string name = absl::StrCat(kRowsPrefix, number);
    if (family(name) == nullptr) return name;
  }
}

void RocksdbStorage::AddRemoval(Index from, Index to, rocksdb::WriteBatch* batch) const {
  for (Index index = from; index <= to; ++index) batch->Delete(log_, BigEndian(index));
}

absl::Status RocksdbStorage::Retry(absl::FunctionRef<rocksdb::Status()> write) {
  absl::Status result;
  // A failed write leaves RocksDB read-only until it is told that the cause is gone; an error of
  // its own background work, from before there was space again, may yet come in the way of the
  // first attempt.
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (failed_) {
      MutexLock lock(&resume_mutex_);
      resumed_ = true;
      result = Error(db_->Resume());
      if (!result.ok()) continue;
    }
    const rocksdb::Status ready = env_->PrepareLog();
    const rocksdb::Status status = ready.ok() ? write() : ready;
    failed_ = !status.ok();
    result = Error(status);
    if (!absl::IsResourceExhausted(result)) break;
  }
  return result;
}

absl::Status RocksdbStorage::Commit(rocksdb::WriteBatch* batch) {
  return Retry([&] { return SyncedWrite(batch); });
}

rocksdb::Status RocksdbStorage::SyncedWrite(rocksdb::WriteBatch* batch) {
  // A record that does not end with a zero needs no seal (chunked_file.h).
  batch->PutLogData("\x01");
  rocksdb::WriteOptions options;
  options.sync = true;
  return db_->Write(options, batch);
}

absl::Status RocksdbStorage::Error(const rocksdb::Status& status) const {
  return FromRocks(status, dir_);
}

}  // namespace skiff::raft
