// Which write-ahead logs a database has, in a file WALS beside them: RocksDB does not miss one that
// is lost with all that it held.
//
// One sector: CRC-32C of the rest (4 bytes), the number of the last MANIFEST made (8 bytes), the
// numbers of the logs, 0 after the last; all big endian. It is written in place, so that a full
// disk keeps no log from being deleted. A log is there before it is named and named until it is
// about to go. Programs that do not know the file leave it as it is: by the MANIFEST that they made
// it shows that it is not to be believed.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace skiff::raft {

// Names the logs that are in `dir`, but for `without` (a file's name), durably. `manifest`: the
// number of the last one made. kResourceExhausted, kUnavailable.
absl::Status WriteWalList(const std::string& dir, uint64_t manifest, absl::string_view without);

// That every log which should be there is among `logs` (files' names); `manifest` is the one in
// use. kDataLoss, naming what is missing.
absl::Status CheckWalList(const std::string& dir, uint64_t manifest,
                          const std::vector<std::string>& logs);

// Of a file called "000123.log" or "MANIFEST-000123"; 0: it is called otherwise.
uint64_t FileNumber(absl::string_view name);

}  // namespace skiff::raft
