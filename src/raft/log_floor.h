// Which entries of the log may be left out of RocksDB's new files: those that a checkpoint stands
// for which is in table files itself. Rows and their checkpoint go past the write-ahead log, so
// until their memory was flushed a crash takes them, and the entries must be there instead.
//
// Threads: any; RocksDB's background threads among them.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "raft/types.h"
#include "rocksdb/compaction_filter.h"
#include "rocksdb/listener.h"

namespace skiff::raft {

class LogFloor {
 public:
  // Entries up to this one are dispensable.
  Index index() const { return index_.load(); }
  // The checkpoint at `index` is on disk, or what comes after it is all there is.
  void Set(Index index);
  // A checkpoint at `index` is in the memory of a column family, by the write that ended with this
  // sequence number.
  void Expect(std::string family, rocksdb::SequenceNumber sequence, Index index);
  // Memory of a family was flushed, up to this sequence number.
  void Flushed(const std::string& family, rocksdb::SequenceNumber sequence);

 private:
  struct Expected {
    std::string family;
    rocksdb::SequenceNumber sequence;
    Index index;
  };

  std::atomic<Index> index_ = 0;
  Mutex mutex_;
  std::deque<Expected> expected_ ABSL_GUARDED_BY(mutex_);
};

// For the log's family: leaves out what the floor says, at flushes too, so that there are no
// tombstones to read past. Keys are big-endian indices.
std::shared_ptr<rocksdb::CompactionFilterFactory> DropsBelow(std::shared_ptr<LogFloor> floor);
// For the database: tells the floor of flushes.
std::shared_ptr<rocksdb::EventListener> TellsFlushes(std::shared_ptr<LogFloor> floor);

}  // namespace skiff::raft
