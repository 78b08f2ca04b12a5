// A member's disk in a RocksDB database of its own: one write batch and one sync for all entries of
// a write; the rows of a checkpoint are one table file (rows_file.h).
//
// Column families, in format 3:
//   state     hard state; format; which family the rows are in
//   log       big-endian index -> term, type, data
//   rows-N    key -> value, and the checkpoint that they are the state of. State that comes from
//             another member is staged in the next N; installing it is the one small write that
//             says so, and the old family goes with all its files.
//   format-2  nothing; it keeps versions that know format 1 only from opening the database
// Format 2 had the checkpoint in `state`, and rows in the write-ahead log; it becomes format 3 as
// it is opened, in one small write.
//
// Entries up to the checkpoint are not deleted: flushes and compactions leave them out
// (log_floor.h). A file FORMAT beside RocksDB's says that every file is of format 2 or later: then
// logs and MANIFEST are chunked files (chunked_file.h), and are verified as such before RocksDB
// sees them, as are the checksums of all others.
//
// Threads: as Storage.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "raft/log_floor.h"
#include "raft/storage.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"

namespace skiff::raft {

class OwnedEnv;

class RocksdbStorage final : public Storage {
 public:
  // Format 1 was of a cluster of one member and left the meaning of entries to the owner. A
  // database in it becomes one of format 3 as it is opened, in one atomic write: its objects are
  // the rows, its revision (decimal) is the checkpoint's note, what was not applied yet is the log.
  struct Format1 {
    MemberId member = 1;  // What its one member is called now: the only voter.
    std::string note;     // Of that member, in Config::notes.
    // An entry's data in the owner's present format (not called for empty ones). Null: the same.
    std::function<std::string(std::string data)> convert;
  };

  // Opens or creates `dir`. kFailedPrecondition: in use by another process, or of another format;
  // kDataLoss: damaged, naming file, offset where known, and remedy; kPermissionDenied;
  // kResourceExhausted: the disk is full. Blocks.
  //
  // In a new one Load finds the checkpoint 0 without a voter: its owner writes the first Config, as
  // a checkpoint, before anything else.
  static absl::StatusOr<std::unique_ptr<RocksdbStorage>> Open(const std::string& dir,
                                                              const Format1& format1);
  static absl::StatusOr<std::unique_ptr<RocksdbStorage>> Open(const std::string& dir) {
    return Open(dir, Format1());
  }
  ~RocksdbStorage() override;

  absl::StatusOr<Persistent> Load() override;
  absl::Status ReadRows(
      absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit)
      override;
  absl::Status Read(Index from, Index to,
                    absl::FunctionRef<absl::Status(Entry entry)> visit) const override;
  absl::Status Write(const DiskWrite& write) override;
  absl::Status WriteCheckpoint(const Checkpoint& checkpoint, const std::vector<Row>& rows) override;
  absl::Status Stage(const std::vector<Row>& rows, bool first) override;
  absl::Status Install(const Checkpoint& checkpoint, const HardState& hard_state) override;
  int64_t DiskBytes() const override;

  // Moves what is in memory to table files, as happens by itself when there is enough of it. Waits
  // for that only if no write has failed before.
  absl::Status Flush();

 private:
  struct Family {
    std::string name;
    rocksdb::ColumnFamilyHandle* handle;
  };

  RocksdbStorage() = default;

  absl::Status OpenDatabase();
  absl::Status FindFormat(const Format1& format1);
  absl::Status Migrate(const Format1& format1);
  absl::Status MigrateCheckpoint();
  absl::Status AddOldEntries(const Format1& format1, Index applied, rocksdb::WriteBatch* batch);
  absl::Status VerifyTables();
  absl::StatusOr<Checkpoint> ReadCheckpoint();
  // The value of a row in `family`; empty if there is none.
  absl::StatusOr<std::string> Get(const std::string& family, const std::string& key) const;

  rocksdb::ColumnFamilyHandle* family(absl::string_view name) const;
  absl::Status CreateFamily(const std::string& name);
  absl::Status DropFamily(const std::string& name);
  std::string UnusedRowsFamily() const;

  // That entries [from, to] are gone.
  void AddRemoval(Index from, Index to, rocksdb::WriteBatch* batch) const;
  // Runs `write` until it succeeds or will not: what is to be done about a full disk is here.
  absl::Status Retry(absl::FunctionRef<rocksdb::Status()> write);
  absl::Status Commit(rocksdb::WriteBatch* batch);
  rocksdb::Status SyncedWrite(rocksdb::WriteBatch* batch);
  absl::Status Error(const rocksdb::Status& status) const;

  std::string dir_;
  std::atomic<bool> failed_ = false;  // The last write.
  // RocksDB 7.8 stays stopped, in part, when it has resumed after an error: it aborts when it is to
  // take in a file, and its Flush waits for nothing. Writes to its log do what they say.
  Mutex resume_mutex_;
  bool resumed_ ABSL_GUARDED_BY(resume_mutex_) = false;
  const std::shared_ptr<LogFloor> floor_ = std::make_shared<LogFloor>(0);
  Index last_ = 0;                 // The disk may hold entries up to this one.
  std::string rows_;               // The families' names.
  std::string staged_;             // Empty: nothing is staged.
  std::unique_ptr<OwnedEnv> env_;  // Outlives the database.
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<Family> families_;
  // Two of them; for who works beside the writer.
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  rocksdb::ColumnFamilyHandle* rows_family_ = nullptr;
};

}  // namespace skiff::raft
