// What a member keeps on disk: its log and hard state, and the rows of the state that the log
// begins after. Two keep it: RocksDB (rocksdb_storage.h) and a simulated disk (sim_disk.h).
//
// Rows and log never overlap: rows are the state as of the checkpoint, the log is everything since.
// So a start reads the rows and replays the log over them.
//
// Threads: one writer at a time, which may be another thread than the reader's; reads of committed
// entries may go on meanwhile, and one WriteCheckpoint beside Write and Stage. Everything blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "raft/core.h"
#include "raft/types.h"

namespace skiff::raft {

struct Row {
  std::string key;
  std::optional<std::string> value;  // None: it is deleted.
};

// One atomic, synced write.
struct DiskWrite {
  std::optional<HardState> hard_state;
  std::vector<Entry> append;  // Replaces everything from the first one's index on...
  Index tail = 0;             // ...up to this, the last that the disk may hold.
};

class Storage {
 public:
  virtual ~Storage() = default;

  // What a Core starts from; commit is the checkpoint's. kDataLoss names the file and the remedy.
  virtual absl::StatusOr<Persistent> Load() = 0;
  // Every row of the checkpoint's state, in key order.
  virtual absl::Status ReadRows(
      absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit) = 0;
  // Entries [from, to] in order until `visit` fails. kOutOfRange: the checkpoint stands for one of
  // them; kDataLoss if one is missing otherwise.
  virtual absl::Status Read(Index from, Index to,
                            absl::FunctionRef<absl::Status(Entry entry)> visit) const = 0;

  // After a failure no entry of it is to be seen here, and a later write tries anew.
  // kResourceExhausted: the disk is full. kDataLoss.
  virtual absl::Status Write(const DiskWrite& write) = 0;

  // `checkpoint` stands for entries that earlier writes made durable: the log begins after it now.
  // Its rows are those before, changed by `rows`, which are in key order, each key once. One
  // atomic write, durable when it is done; after a failure a start finds the checkpoint before it
  // or, unless the disk was full, this one. A member writes its first before anything else.
  virtual absl::Status WriteCheckpoint(const Checkpoint& checkpoint,
                                       const std::vector<Row>& rows) = 0;

  // A state that comes from another member, piece by piece, beside the present one, which it
  // touches only in Install, beside which nothing runs: then, in one atomic write, the staged rows
  // are the rows and the log is empty after `checkpoint`. Stage with `first` drops what was staged
  // before. A start drops it too.
  virtual absl::Status Stage(const std::vector<Row>& rows, bool first) = 0;
  virtual absl::Status Install(const Checkpoint& checkpoint, const HardState& hard_state) = 0;

  // How much longer than it takes the next write shall seem to take: a simulated disk's.
  virtual absl::Duration WriteDelay() { return absl::ZeroDuration(); }

  // Bytes on disk, all files. For metrics.
  // Any thread.
  virtual int64_t DiskBytes() const = 0;
};

}  // namespace skiff::raft
