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
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace skiff::raft {

// What there is to be kept of the list of one directory. What it needs it has open: neither a
// descriptor nor space must be found when a log comes or goes.
class WalList {
 public:
  // The logs that are in `dir`. `manifest`: the number of the last one made. Writes nothing yet.
  // kResourceExhausted, kUnavailable.
  static absl::StatusOr<std::unique_ptr<WalList>> Open(const std::string& dir, uint64_t manifest);

  // Each durably, before it returns. A log that was made, or is about to be deleted, by number.
  absl::Status Add(uint64_t log);
  absl::Status Remove(uint64_t log);
  absl::Status NoteManifest(uint64_t number);

 private:
  WalList(std::string path, UniqueFd folder, UniqueFd file, uint64_t manifest)
      : path_(std::move(path)),
        folder_(std::move(folder)),
        file_(std::move(file)),
        manifest_(manifest) {}
  absl::Status Write();

  const std::string path_;
  const UniqueFd folder_;
  const UniqueFd file_;
  uint64_t manifest_;
  std::set<uint64_t> logs_;
};

// That every log which should be there is among `logs` (files' names); `manifest` is the one in
// use. kDataLoss, naming what is missing.
absl::Status CheckWalList(const std::string& dir, uint64_t manifest,
                          const std::vector<std::string>& logs);

// Of a file called "000123.log" or "MANIFEST-000123"; 0: it is called otherwise.
uint64_t FileNumber(absl::string_view name);

}  // namespace skiff::raft
