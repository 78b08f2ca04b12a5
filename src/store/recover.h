// The state that a member's disk holds.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/storage.h"
#include "store/state_machine.h"

namespace skiff::store {

// Brings `machine` to the checkpoint of `storage`; what a Core starts from. Blocks. kDataLoss.
absl::StatusOr<raft::Persistent> LoadCheckpoint(raft::Storage* storage, StateMachine* machine);

// Applies what the log holds since, committed or not: what one member knows at most. Blocks.
absl::Status ReplayLog(const raft::Persistent& persistent, const raft::Storage& storage,
                       StateMachine* machine);

}  // namespace skiff::store
