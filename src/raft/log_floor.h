// Entries of the log that a checkpoint stands for are not deleted: whenever RocksDB writes a file
// of the log, at flushes too, it leaves them out, so that there are no tombstones to read past.
//
// Threads: any; RocksDB's background threads among them.
#pragma once

#include <atomic>
#include <memory>

#include "raft/types.h"
#include "rocksdb/compaction_filter.h"

namespace skiff::raft {

// Entries up to this one are dispensable: the checkpoint that stands for them is on disk.
using LogFloor = std::atomic<Index>;

// For the log's family, whose keys are big-endian indices.
std::shared_ptr<rocksdb::CompactionFilterFactory> DropsBelow(std::shared_ptr<LogFloor> floor);

}  // namespace skiff::raft
