// Rows that reach a column family as one table file: sorted, written and synced beside the
// database, then taken in by it, so that neither its write-ahead log nor its memory see them and
// its other writes hardly wait.
//
// Threads: beside the database's writers, one at a time for each path.
#pragma once

#include <string>
#include <vector>

#include "raft/storage.h"
#include "rocksdb/db.h"

namespace skiff::raft {

// All in `family` or none, durably: `first`, and after it in key order `rows`, each key once.
// `path`: of a file that is not the database's and is gone afterwards; one that a crash left is
// replaced. Blocks.
rocksdb::Status IngestRows(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
                           const std::string& path, const Row& first, const std::vector<Row>& rows);

}  // namespace skiff::raft
