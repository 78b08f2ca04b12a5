#include "raft/sim_disk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::raft {
namespace {

using Rows = std::map<std::string, std::shared_ptr<const std::string>>;
using Log = std::map<Index, std::shared_ptr<const Entry>>;

constexpr int64_t kRowBytes = 16;  // Besides key and value, or an entry's data.

int64_t BytesOf(const std::vector<Row>& rows) {
  int64_t bytes = 0;
  for (const Row& row : rows) {
    bytes += kRowBytes + static_cast<int64_t>(row.key.size() + (row.value ? row.value->size() : 0));
  }
  return bytes;
}
int64_t BytesOf(const Entry& entry) { return kRowBytes + static_cast<int64_t>(entry.data.size()); }
int64_t BytesOf(const Rows::value_type& row) {
  return kRowBytes + static_cast<int64_t>(row.first.size() + row.second->size());
}

// The part that is about to change, its holder's own.
template <typename Part>
Part* Own(std::shared_ptr<Part>* part) {
  if (part->use_count() > 1) *part = std::make_shared<Part>(**part);
  return part->get();
}

// Changes `rows`; by how much they grew.
int64_t Change(const std::vector<Row>& changes, Rows* rows) {
  int64_t grown = 0;
  for (const Row& row : changes) {
    const auto it = rows->find(row.key);
    if (it != rows->end()) {
      grown -= BytesOf(*it);
      if (!row.value) rows->erase(it);
    }
    if (!row.value) continue;
    auto& value = (*rows)[row.key];
    value = std::make_shared<const std::string>(*row.value);
    grown += BytesOf({row.key, value});
  }
  return grown;
}

}  // namespace

// Parts are shared among images until one changes them: rows change seldom.
struct SimDisk::Image {
  HardState hard_state;
  Checkpoint checkpoint;
  std::shared_ptr<Rows> rows = std::make_shared<Rows>();
  std::shared_ptr<Log> log = std::make_shared<Log>();
  int64_t bytes = 0;

  void EraseEntries(Log::iterator from, Log::iterator to) {
    for (auto it = from; it != to; ++it) bytes -= BytesOf(*it->second);
    log->erase(from, to);
  }

  void Apply(const DiskWrite& write) {
    if (write.hard_state) hard_state = *write.hard_state;
    if (!write.append.empty()) {
      Log* own = Own(&log);
      EraseEntries(own->lower_bound(write.append.front().index), own->end());
      for (const Entry& entry : write.append) {
        own->emplace_hint(own->end(), entry.index, std::make_shared<const Entry>(entry));
        bytes += BytesOf(entry);
      }
    }
  }

  void Apply(const CheckpointWrite& write) {
    checkpoint = write.checkpoint;
    if (!write.rows.empty()) bytes += Change(write.rows, Own(&rows));
    Log* own = Own(&log);
    EraseEntries(own->begin(), own->upper_bound(checkpoint.index));
  }
};

SimDisk::SimDisk(Rng rng) : rng_(rng), image_(std::make_unique<Image>()) {}

SimDisk::~SimDisk() {
  if (storage_ != nullptr) storage_->disk_ = nullptr;
}

std::unique_ptr<SimStorage> SimDisk::Open() {
  if (storage_ != nullptr) storage_->disk_ = nullptr;
  std::unique_ptr<SimStorage> storage(new SimStorage(this));
  storage_ = storage.get();
  return storage;
}

void SimDisk::Crash() {
  if (doubtful_ != nullptr) Tear(*std::exchange(doubtful_, nullptr));
  if (doubtful_checkpoint_ != nullptr && rng_.Below(2) == 0) image_->Apply(*doubtful_checkpoint_);
  doubtful_checkpoint_.reset();
  if (storage_ != nullptr) storage_->dead_ = true;
}

// As much of it is durable as chance has it.
void SimDisk::Tear(DiskWrite write) {
  const uint64_t landed = rng_.Below(write.append.size() + 2);
  if (landed == 0) return;
  write.append.resize(landed - 1);
  image_->Apply(write);
}

SimDisk::Saved SimDisk::Save() const { return std::make_shared<const Image>(*image_); }

void SimDisk::Restore(Saved image) {
  if (storage_ != nullptr) std::exchange(storage_, nullptr)->disk_ = nullptr;
  doubtful_.reset();
  doubtful_checkpoint_.reset();
  damaged_.clear();
  *image_ = image == nullptr ? Image() : *image;
}

void SimDisk::FailWrites(int count, absl::Status error) {
  SKIFF_CHECK(count == 0 || !error.ok());
  fail_count_ = count;
  fail_error_ = std::move(error);
}

void SimDisk::FailWritesAtRandom(double chance, absl::Status error) {
  SKIFF_CHECK(chance <= 0 || !error.ok());
  write_chance_ = chance;
  write_error_ = std::move(error);
}

void SimDisk::FailReads(double chance) { read_chance_ = chance; }

void SimDisk::SlowWrites(absl::Duration least, absl::Duration most) {
  least_ = least;
  most_ = std::max(least, most);
}

void SimDisk::LimitBytes(int64_t bytes) { limit_ = bytes; }

void SimDisk::ClearFaults() {
  fail_count_ = 0;
  write_chance_ = 0;
  read_chance_ = 0;
  least_ = most_ = absl::ZeroDuration();
  limit_ = -1;
}

void SimDisk::DamageEntry(Index index) { damaged_.insert(index); }

absl::Status SimDisk::WriteFault(int64_t bytes) {
  if (fail_count_ != 0) {
    if (fail_count_ > 0) --fail_count_;
    return fail_error_;
  }
  if (write_chance_ > 0 && rng_.Unit() < write_chance_) return write_error_;
  if (limit_ >= 0 && image_->bytes + bytes > limit_) {
    return absl::ResourceExhaustedError("simulated disk: the disk is full: free some space");
  }
  return absl::OkStatus();
}

absl::Status SimDisk::ReadFault() {
  if (read_chance_ > 0 && rng_.Unit() < read_chance_) {
    return absl::UnavailableError("simulated disk: cannot read: input/output error");
  }
  return absl::OkStatus();
}

absl::Status SimDisk::EntryFault(Index index) const {
  if (damaged_.count(index) == 0) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("simulated disk: log entry ", index, " is missing or damaged"));
}

SimStorage::~SimStorage() {
  if (disk_ != nullptr) disk_->storage_ = nullptr;
}

absl::Status SimStorage::InUse() const {
  if (disk_ != nullptr && !dead_) return absl::OkStatus();
  return absl::FailedPreconditionError("simulated disk: it was taken away from this member");
}

absl::StatusOr<Persistent> SimStorage::Load() {
  SKIFF_RETURN_IF_ERROR(InUse());
  SKIFF_RETURN_IF_ERROR(disk_->ReadFault());
  const SimDisk::Image& image = *disk_->image_;
  Persistent out;
  out.hard_state = image.hard_state;
  out.checkpoint = image.checkpoint;
  out.commit = image.checkpoint.index;
  Index expected = image.checkpoint.index + 1;
  for (auto it = image.log->lower_bound(expected); it != image.log->end(); ++it) {
    const auto& [index, entry] = *it;
    if (index != expected) {
      return absl::DataLossError(
          absl::StrCat("simulated disk: log entry ", expected, " is missing or damaged"));
    }
    SKIFF_RETURN_IF_ERROR(disk_->EntryFault(index));
    out.log.push_back({entry->term, static_cast<uint32_t>(entry->data.size()), std::nullopt});
    if (entry->type == EntryType::kConfig) {
      SKIFF_ASSIGN_OR_RETURN(out.log.back().config, DecodeConfig(entry->data));
    }
    ++expected;
  }
  return out;
}

absl::Status SimStorage::ReadRows(
    absl::FunctionRef<absl::Status(absl::string_view key, absl::string_view value)> visit) {
  SKIFF_RETURN_IF_ERROR(InUse());
  SKIFF_RETURN_IF_ERROR(disk_->ReadFault());
  const std::shared_ptr<const Rows> rows = disk_->image_->rows;
  for (const auto& [key, value] : *rows) SKIFF_RETURN_IF_ERROR(visit(key, *value));
  return absl::OkStatus();
}

absl::Status SimStorage::Read(Index from, Index to,
                              absl::FunctionRef<absl::Status(Entry entry)> visit) const {
  SKIFF_RETURN_IF_ERROR(InUse());
  SKIFF_RETURN_IF_ERROR(disk_->ReadFault());
  const SimDisk::Image& image = *disk_->image_;
  if (from <= to && from <= image.checkpoint.index) {
    return absl::OutOfRangeError(
        absl::StrCat("simulated disk: log entry ", from, " is compacted away"));
  }
  for (Index index = from; index <= to; ++index) {
    const auto it = image.log->find(index);
    if (it == image.log->end()) {
      return absl::DataLossError(
          absl::StrCat("simulated disk: log entry ", index, " is missing or damaged"));
    }
    SKIFF_RETURN_IF_ERROR(disk_->EntryFault(index));
    SKIFF_RETURN_IF_ERROR(visit(*it->second));
  }
  return absl::OkStatus();
}

absl::Status SimStorage::Write(const DiskWrite& write) {
  int64_t bytes = 0;
  for (const Entry& entry : write.append) bytes += BytesOf(entry);
  if (disk_ != nullptr && dead_ && !std::exchange(torn_, true) && disk_->WriteFault(bytes).ok()) {
    disk_->Tear(write);
  }
  SKIFF_RETURN_IF_ERROR(InUse());
  if (absl::Status fault = disk_->WriteFault(bytes); !fault.ok()) {
    // A full disk takes nothing; of another failure nobody knows how far it got.
    if (!absl::IsResourceExhausted(fault)) disk_->doubtful_ = std::make_unique<DiskWrite>(write);
    return fault;
  }
  disk_->image_->Apply(write);
  for (const Entry& entry : write.append) disk_->damaged_.erase(entry.index);
  disk_->doubtful_.reset();
  ++disk_->writes_;
  return absl::OkStatus();
}

absl::Status SimStorage::WriteCheckpoint(const Checkpoint& checkpoint,
                                         const std::vector<Row>& rows) {
  SKIFF_RETURN_IF_ERROR(InUse());
  auto write =
      std::make_unique<SimDisk::CheckpointWrite>(SimDisk::CheckpointWrite{checkpoint, rows});
  if (absl::Status fault = disk_->WriteFault(BytesOf(rows)); !fault.ok()) {
    if (!absl::IsResourceExhausted(fault)) disk_->doubtful_checkpoint_ = std::move(write);
    return fault;
  }
  disk_->image_->Apply(*write);
  disk_->doubtful_checkpoint_.reset();
  ++disk_->writes_;
  return absl::OkStatus();
}

absl::Duration SimStorage::WriteDelay() {
  if (disk_ == nullptr) return absl::ZeroDuration();
  if (disk_->most_ <= disk_->least_) return disk_->least_;
  return disk_->least_ + (disk_->most_ - disk_->least_) * disk_->rng_.Unit();
}

absl::Status SimStorage::Stage(const std::vector<Row>& rows, bool first) {
  SKIFF_RETURN_IF_ERROR(InUse());
  if (!first && !staging_) return absl::FailedPreconditionError("no state is being staged");
  if (first) {
    staging_ = true;
    staged_bytes_ = 0;
    staged_ = std::make_shared<Rows>();
  }
  SKIFF_RETURN_IF_ERROR(disk_->WriteFault(staged_bytes_ + BytesOf(rows)));
  staged_bytes_ += Change(rows, staged_.get());
  return absl::OkStatus();
}

absl::Status SimStorage::Install(const Checkpoint& checkpoint, const HardState& hard_state) {
  SKIFF_RETURN_IF_ERROR(InUse());
  SKIFF_RETURN_IF_ERROR(disk_->WriteFault(0));
  SimDisk::Image fresh;
  fresh.hard_state = hard_state;
  fresh.checkpoint = checkpoint;
  if (staging_) fresh.rows = std::move(staged_);
  fresh.bytes = std::exchange(staged_bytes_, 0);
  staging_ = false;
  *disk_->image_ = std::move(fresh);
  disk_->damaged_.clear();
  disk_->doubtful_.reset();
  disk_->doubtful_checkpoint_.reset();
  ++disk_->writes_;
  return absl::OkStatus();
}

int64_t SimStorage::DiskBytes() const {
  return disk_ == nullptr ? 0 : disk_->image_->bytes + staged_bytes_;
}

}  // namespace skiff::raft
