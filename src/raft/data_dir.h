// A data directory around RocksDB's files: which format it is of, and whether it is whole, as far
// as RocksDB would not tell. For rocksdb_storage.cc.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/status.h"

namespace skiff::raft {

// To be called with the directory locked, before RocksDB opens the database. Whether the file
// FORMAT is there: then logs and MANIFEST have been verified, and a last write that power failed on
// is gone. kFailedPrecondition: of a newer format. kDataLoss.
absl::StatusOr<bool> CheckDataDir(const std::string& dir);
// Once the database is open: writes FORMAT if it is not there and every file is of this format.
absl::Status MarkDataDir(const std::string& dir);

// RocksDB blames the MANIFEST for any table that it cannot open: `opened` is what it said.
// kDataLoss, naming the first table that is damaged or gone; OK: none is.
absl::Status FindDamagedTable(const std::string& dir, const rocksdb::Status& opened);

// That `dir` is of a format that this version does not know.
absl::Status UnknownFormat(absl::string_view dir, absl::string_view format);

// A RocksDB error as a Status that names `dir`.
absl::Status FromRocks(const rocksdb::Status& status, absl::string_view dir);

}  // namespace skiff::raft
