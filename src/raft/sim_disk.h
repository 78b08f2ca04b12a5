// A member's disk in memory, for simulations and for clusters that keep nothing: what is durable
// outlives the member that uses it, and goes wrong when it is told to.
//
//   SimDisk disk(Rng(7));
//   auto storage = disk.Open();          // one member's life
//   disk.FailWrites(2, absl::ResourceExhaustedError("the disk is full"));
//   disk.Crash();                        // its power fails; the Storage is of no use any more
//   storage = disk.Open();               // what was acknowledged is there
//
// Calls of Storage block and simulations cannot: a write is to be taken as done WriteDelay() after
// it was begun. What was under way when power failed is what the handle is told to write next:
// chance has it how much of that is there afterwards, of its entries none, the first few or all.
//
// Threads: one at a time, Storage handles included.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/rng.h"
#include "raft/storage.h"

namespace skiff::raft {

class SimStorage;

class SimDisk {
 public:
  explicit SimDisk(Rng rng);
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // What is on it, immutable. Saving and restoring cost nothing: disks share what none has changed
  // since. The first change of rows after that costs a pointer for each row, and of the log for
  // each entry.
  struct Image;
  using Saved = std::shared_ptr<const Image>;

  // A handle for one life of a member. It must not outlive the disk; the handle before it is of no
  // use any more (kFailedPrecondition), as after Crash.
  std::unique_ptr<SimStorage> Open();
  // Power fails: the handle is cut off, and the write under way has happened, in part, or not. What
  // was staged is gone.
  void Crash();

  // What is durable now, without a write under way.
  Saved Save() const;
  // Becomes what was saved (of any disk); null: a new, empty disk. The handle is cut off; faults
  // stay.
  void Restore(Saved image);

  // Faults; each lasts until it is set anew or ClearFaults. A failed write changes nothing to be
  // seen; but if it failed otherwise than by a full disk (kResourceExhausted) and none has
  // succeeded since, a crash may reveal that it happened.
  //
  // The next `count` writes fail with `error` (kAll: all of them). Stage and Install are writes.
  static constexpr int kAll = -1;
  void FailWrites(int count, absl::Status error);
  // Each write fails with this chance, with `error`.
  void FailWritesAtRandom(double chance, absl::Status error);
  // Each call that reads fails with this chance, with kUnavailable ("... input/output error").
  void FailReads(double chance);
  // A write takes a time between these, evenly.
  void SlowWrites(absl::Duration least, absl::Duration most);
  // kResourceExhausted for each write that would bring the disk above it; -1: no limit.
  void LimitBytes(int64_t bytes);
  void ClearFaults();

  // Entry bytes damaged behind everybody's back: from now on reading this entry is kDataLoss.
  void DamageEntry(Index index);

  int64_t writes() const { return writes_; }  // That succeeded, ever.

 private:
  friend class SimStorage;
  struct CheckpointWrite {
    Checkpoint checkpoint;
    std::vector<Row> rows;
  };

  absl::Status WriteFault(int64_t bytes);
  absl::Status ReadFault();
  void Tear(DiskWrite write);
  absl::Status EntryFault(Index index) const;

  Rng rng_;
  const std::unique_ptr<Image> image_;
  SimStorage* storage_ = nullptr;  // The handle in use.
  // Failed last; a crash may reveal that they happened.
  std::unique_ptr<DiskWrite> doubtful_;
  std::unique_ptr<CheckpointWrite> doubtful_checkpoint_;
  std::set<Index> damaged_;
  int fail_count_ = 0;
  absl::Status fail_error_;
  double write_chance_ = 0;
  absl::Status write_error_;
  double read_chance_ = 0;
  absl::Duration least_;
  absl::Duration most_;
  int64_t limit_ = -1;
  int64_t writes_ = 0;
};

class SimStorage final : public Storage {
 public:
  ~SimStorage() override;

  absl::StatusOr<Persistent> Load() override;
  absl::Status ReadRows(
      absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit)
      override;
  absl::Status Read(Index from, Index to,
                    absl::FunctionRef<absl::Status(Entry entry)> visit) const override;
  absl::Status Write(const DiskWrite& write) override;
  absl::Status WriteCheckpoint(const Checkpoint& checkpoint, const std::vector<Row>& rows) override;
  absl::Status Stage(const std::vector<Row>& rows, bool first) override;
  absl::Status Install(const Checkpoint& checkpoint, const HardState& hard_state) override;
  int64_t DiskBytes() const override;

  // How long the next write takes, of simulated time; drawn anew at each call.
  absl::Duration WriteDelay() override;

 private:
  friend class SimDisk;

  explicit SimStorage(SimDisk* disk) : disk_(disk) {}
  absl::Status InUse() const;

  SimDisk* disk_;      // Null: another handle is in use, or it is gone.
  bool dead_ = false;  // Power failed,
  bool torn_ = false;  // and what was under way is known.
  std::shared_ptr<std::map<std::string, std::shared_ptr<const std::string>>> staged_;
  bool staging_ = false;
  int64_t staged_bytes_ = 0;
};

}  // namespace skiff::raft
