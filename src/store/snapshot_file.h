// A whole state in one file: what `skiff snapshot save` writes and a new cluster can begin with.
//
// The file: "skiff-snapshot 1\n", then records, each a varint length, its bytes and their CRC-32C
// (4 bytes, little-endian): first the state's revision and how many rows follow (varints), then
// each row's key and value. So damage is found where it is, and a file that was cut off is short of
// rows.
//
// Threads: any; both block on disk.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/types.h"
#include "store/store.h"

namespace skiff::store {

struct SnapshotSummary {
  uint64_t revision = 0;
  uint64_t objects = 0;
  uint64_t bytes = 0;  // Of the file.
};

// Hands on the file's bytes piece by piece, until `take` returns false.
SnapshotSummary WriteSnapshot(const Snapshot& snapshot,
                              absl::FunctionRef<bool(absl::string_view bytes)> take);
// To `path`, which is there whole and synced or not at all. kResourceExhausted, kPermissionDenied.
absl::StatusOr<SnapshotSummary> SaveSnapshot(const Snapshot& snapshot, const std::string& path);

// What the store in `dir` holds, which nobody has open: all that its member knows, acknowledged or
// not. For when a majority is lost. kFailedPrecondition: it is in use.
absl::StatusOr<SnapshotSummary> SaveOffline(const std::string& dir, const std::string& path);

// Reads all of it, and every object in it. kDataLoss names the file, the offset and what to do;
// kNotFound; kInvalidArgument: it is no snapshot; kFailedPrecondition: of another version.
absl::StatusOr<SnapshotSummary> VerifySnapshot(const std::string& path);
// Makes `dir` (which has no store yet: kFailedPrecondition) the store of a cluster whose only
// member is `member`, with what the file has. What it has is verified first. Until it is whole it
// is beside `dir` (RestoreInProgress), where another attempt begins anew.
absl::StatusOr<SnapshotSummary> RestoreSnapshot(const std::string& path, const std::string& dir,
                                                raft::MemberId member, const std::string& note);

std::string RestoreInProgress(const std::string& dir);

// Who takes part in the store in `dir`, which nobody has open, as it knows last.
absl::StatusOr<raft::Config> ConfigOfStore(const std::string& dir);

}  // namespace skiff::store
