// The state of one member, streamed to another that is too far behind for the log: rows in key
// order, a chunk a message, a few chunks ahead of the acknowledgements; what is lost is sent again
// from where the receiver is. A receiver that was cut off goes on there if it is back within a
// minute, and the sender has kept the log that comes after the state: of a receiver that stands
// still, 64 MiB of it. Otherwise it begins anew with a newer state; so it does under another
// leader, unless nothing was written meanwhile.
//
// Threads: the loop.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "raft/storage.h"
#include "raft/types.h"
#include "store/state_machine.h"

namespace skiff::store {

// One chunk as kSnapshotChunk carries it.
struct SnapshotChunk {
  raft::Checkpoint checkpoint;  // What the whole stands for; its note is the revision.
  uint64_t number = 0;          // From 0.
  bool last = false;
  std::vector<raft::Row> rows;
};
std::string EncodeChunk(const SnapshotChunk& chunk);
absl::StatusOr<SnapshotChunk> DecodeChunk(absl::string_view bytes);  // kDataLoss.

// kSnapshotAck: the receiver has everything before `next` of the state at `index`.
struct SnapshotAck {
  raft::Index index = 0;
  uint64_t next = 0;
  bool done = false;  // It is installed, or was no news.
};
std::string EncodeAck(const SnapshotAck& ack);
absl::StatusOr<SnapshotAck> DecodeAck(absl::string_view bytes);  // kDataLoss.

class SnapshotSender {
 public:
  SnapshotSender(std::shared_ptr<const TreeSnapshot> state, raft::Checkpoint checkpoint,
                 absl::Duration now);

  raft::Index index() const { return checkpoint_.index; }
  // When the receiver last got further.
  absl::Duration progress() const { return progress_; }
  // And since when it has been waited for.
  absl::Duration waiting() const { return std::max(progress_, rewound_); }

  // The next chunk within the window; none if there is nothing to send now.
  std::optional<std::string> Next();
  // True: the receiver has it all.
  bool OnAck(const SnapshotAck& ack, absl::Duration now);
  // No acknowledgement came for a while: sends again what is not acknowledged.
  void Rewind(absl::Duration now);

 private:
  const std::shared_ptr<const TreeSnapshot> state_;
  const raft::Checkpoint checkpoint_;
  std::vector<std::string> after_ = {""};  // Chunk i begins after the key after_[i].
  std::optional<uint64_t> count_;          // Of chunks, once the last was made.
  uint64_t next_ = 0;
  uint64_t acked_ = 0;
  absl::Duration progress_;
  absl::Duration rewound_;
};

// The chunks that have come, as objects; their rows are for the disk.
class SnapshotReceiver {
 public:
  // False: it is not the one that comes next. `chunk` then may be the first of another state, which
  // starts anew.
  absl::StatusOr<bool> Take(const SnapshotChunk& chunk);
  uint64_t next() const { return next_; }
  const raft::Checkpoint& checkpoint() const { return checkpoint_; }
  bool whole() const { return whole_; }
  // Of a whole state. kDataLoss.
  absl::StatusOr<uint64_t> revision() const;
  ObjectTree TakeTree() { return ObjectTree::FromSorted(std::move(objects_)); }

 private:
  raft::Checkpoint checkpoint_;
  uint64_t next_ = 0;
  bool whole_ = false;
  std::vector<std::pair<std::string, api::ObjectPtr>> objects_;
};

}  // namespace skiff::store
