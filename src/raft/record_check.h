// Whether a chunked file of RocksDB's records (chunked_file.h) is whole: RocksDB by itself takes
// what follows a broken record, or a truncation at a record's end, for the end of the log, and goes
// on without what was acknowledged.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace skiff::raft {

// Reads all of `path`, verifies the framing and checksum of every record, and answers up to where
// there are any. If `may_be_torn`, a
// last write that power failed on, which was not acknowledged, is replaced by zeros: RocksDB then
// finds a whole file. kDataLoss: it is damaged; the message names the file, the offset and the
// remedy. Others: it cannot be read.
absl::StatusOr<uint64_t> CheckRecords(const std::string& path, uint64_t chunk, bool may_be_torn);

// "FILE at byte OFFSET: WHY; " and what to do then.
absl::Status DamagedFile(absl::string_view file, uint64_t offset, absl::string_view why);
// What to do about a damaged data directory.
extern const char kRemedy[];

}  // namespace skiff::raft
