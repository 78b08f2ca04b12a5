// The Raft log and hard state on disk, in a RocksDB database that the store's objects share: one
// write batch, one sync, for all of it.
//
// Column families: `log` (big-endian index -> term and data), `state` (hard state, the first index,
// the format), and what the owner names for itself.
//
// Threads: one writer at a time; Open and reads before the first write, or by the writer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/core.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/write_batch.h"

namespace skiff::raft {

class Log {
 public:
  // Opens or creates `dir`, with the further column families `extra`. kFailedPrecondition: in use
  // by another process, or of another format; kDataLoss: damaged; kPermissionDenied;
  // kResourceExhausted: the disk is full. Each names `dir`. Blocks on disk.
  static absl::StatusOr<std::unique_ptr<Log>> Open(const std::string& dir,
                                                   const std::vector<std::string>& extra);
  ~Log();

  // What a Core starts from. `commit` is what the owner knows to be applied.
  absl::StatusOr<Persistent> Load(Index commit);

  // Calls `visit` for entries [from, to] in order until it fails. kDataLoss if one is missing.
  absl::Status Read(Index from, Index to, absl::FunctionRef<absl::Status(Entry entry)> visit) const;

  // Adds to `batch`: the hard state; entries (and the removal of those they replace); the removal
  // of everything before `first`, whose predecessor has `before_first_term`.
  void AddHardState(const HardState& state, rocksdb::WriteBatch* batch) const;
  void AddEntries(const std::vector<Entry>& entries, Index last_before,
                  rocksdb::WriteBatch* batch) const;
  void AddCompaction(Index first, Term before_first_term, rocksdb::WriteBatch* batch) const;

  // Writes the batch and syncs it. kResourceExhausted: the disk is full. After a failure nothing of
  // it is to be seen here, and a later write tries anew; only a process that dies before one
  // succeeds may find it on disk, as with any write that was not acknowledged.
  absl::Status Write(rocksdb::WriteBatch* batch);

  rocksdb::DB* db() { return db_.get(); }
  // One of `extra`.
  rocksdb::ColumnFamilyHandle* family(const std::string& name) const;

 private:
  Log() = default;

  std::string dir_;
  bool failed_ = false;                // The last write.
  std::unique_ptr<rocksdb::Env> env_;  // Outlives the database.
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  std::vector<std::string> names_;
};

// A RocksDB error as a Status that names `what`.
absl::Status FromRocks(const rocksdb::Status& status, absl::string_view what);

}  // namespace skiff::raft
