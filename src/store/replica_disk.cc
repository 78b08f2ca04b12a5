// What a replica writes to its disk, and what it does when it cannot.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "store/replica.h"
#include "store/txn_codec.h"

namespace skiff::store {
namespace {

// The checkpoint moves when the log before it has this many entries, or their objects this many
// bytes: seldom, as each is a file, and an object that changed often is in it once. Where history
// is short, so is the log.
constexpr raft::Index kCheckpointEntries = 16384;
constexpr int64_t kCheckpointBytes = 16 << 20;
// In memory.
constexpr raft::Index kForgottenEntries = 500;
// Of the log's end, in memory, for members that are behind.
constexpr size_t kWindowBytes = 16 << 20;
constexpr absl::Duration kRetry = absl::Milliseconds(100);

}  // namespace

void Replica::StartWrite() {
  if (!writer_.idle() || retrying_) return;
  if (next_.empty()) return SendAll(std::exchange(next_.after_write, {}));
  const auto batch = std::make_shared<Batch>(std::exchange(next_, {}));
  if (storage_ == nullptr) return OnWritten(batch, absl::OkStatus());
  RunWrite(batch);
}

void Replica::RunWrite(const std::shared_ptr<Batch>& batch) {
  batch->write.tail = disk_tail_;
  writer_.Run([this, batch] { return storage_->Write(batch->write); },
              [this, batch](absl::Status result) {
                OnWritten(batch, result);
                if (closed_) {
                  ApplyCommitted().IgnoreError();
                } else {
                  Pump();
                }
              },
              storage_->WriteDelay());
}

// The entries of the log that history has forgotten become rows.
void Replica::StartCheckpoint() {
  if (storage_ == nullptr || later_ || installing_ || !checkpointer_.idle()) return;
  const raft::Index index = marks_.empty() ? applied_ : marks_.front().second - 1;
  const raft::Index entries = index + 1 - core_->first_index();
  const auto enough = std::min(
      kCheckpointEntries, static_cast<raft::Index>(std::max<int64_t>(options_.history_events, 1)));
  if (entries < enough && rows_bytes_ < kCheckpointBytes) return;
  if (index > written_) return;  // Its own disk is behind the others'.
  for (const auto& [member, sender] : senders_) {
    if (sender.index() < index) return;  // Which needs what comes after the state it is sent.
  }
  const uint64_t revision = marks_.empty() ? machine_.revision() : history_floor_;
  const auto pending = std::make_shared<PendingCheckpoint>(PendingCheckpoint{
      {index, core_->TermAt(index), core_->ConfigAt(index), absl::StrCat(revision)},
      std::exchange(rows_, {}),
      std::exchange(rows_bytes_, 0)});
  checkpointer_.Run(
      [this, pending] {
        std::vector<raft::Row> rows;
        rows.reserve(pending->rows.size());
        for (const auto& [key, object] : pending->rows) {
          rows.push_back(
              {key, object == nullptr ? std::nullopt : std::optional(EncodeRow(*object))});
        }
        return storage_->WriteCheckpoint(pending->checkpoint, rows);
      },
      [this, pending](absl::Status result) {
        OnCheckpoint(pending, result);
        if (!closed_) Pump();
      },
      storage_->WriteDelay());
}

void Replica::OnCheckpoint(const std::shared_ptr<PendingCheckpoint>& pending,
                           const absl::Status& result) {
  if (!result.ok() && result != checkpointed_) {
    logger_.Error("cannot write a checkpoint: %s", result.message());
  }
  checkpointed_ = result;
  if (result.ok()) return core_->Compacted(pending->checkpoint);
  rows_.merge(pending->rows);  // What was forgotten since is newer, and stays.
  rows_bytes_ += pending->bytes;
  Pause(&later_, [this] { Pump(); });
}

void Replica::OnWritten(const std::shared_ptr<Batch>& batch, absl::Status result) {
  const std::vector<raft::Entry>& append = batch->write.append;
  if (result.ok() != disk_.ok()) {
    if (result.ok()) {
      logger_.Info("the disk takes writes again");
    } else {
      logger_.Error("cannot write: %s", result.message());
    }
  }
  disk_ = result;
  if (!result.ok()) return OnWriteFailed(batch);
  if (storage_ != nullptr && !append.empty()) {
    disk_tail_ = written_ = append.back().index;
    syncs_.Increment();
    synced_entries_.Increment(static_cast<double>(append.size()));
  }
  if (!append.empty()) core_->Persisted(append.back().index, append.back().term);
  SendAll(std::move(batch->after_write));
}

void Replica::OnWriteFailed(const std::shared_ptr<Batch>& batch) {
  if (!batch->write.append.empty()) {
    disk_tail_ = std::max(disk_tail_, batch->write.append.back().index);
  }
  // What another gave it when that one led stays.
  const bool own = batch->write.append.empty() || batch->write.append.front().term == core_->term();
  if (solo() && own) return Abandon(batch.get());
  // Others may have these entries: they must be written. Who leads lets somebody else.
  if (core_->role() == raft::Role::kLeader) {
    for (const auto& [member, follower] : core_->followers()) {
      if (follower.active && core_->TransferTo(member).ok()) break;
    }
  }
  Pause(&retrying_, [this, batch] { RunWrite(batch); });
}

// A disk that fails is tried now and then, not without a pause: `paused` says that one goes on.
void Replica::Pause(bool* paused, Executor::Task then) {
  *paused = true;
  executor_->PostAfter(kRetry, [this, paused, then = std::move(then), alive = alive_]() mutable {
    if (!*alive || closed_) return;
    *paused = false;
    std::move(then)();
  });
}

// The only member gives up what it could not write: nobody else has seen it.
void Replica::Abandon(Batch* batch) {
  if (!batch->write.append.empty()) {
    const raft::Index first = batch->write.append.front().index;
    core_->Abandon(first);
    DropWindowFrom(first);
    RefuseEntries(batch->write.append);
    RefuseEntries(std::exchange(next_.write.append, {}));  // They follow those.
  }
  if (batch->write.hard_state && !next_.write.hard_state) {
    next_.write.hard_state = batch->write.hard_state;
  }
  // What is not a client's to give up is left to be written.
  Pause(&retrying_, [this] { Pump(); });
}

// Whose entries are given up is told so. What this member gave a leader before it was the only one
// may be in the log already, and be done yet.
void Replica::RefuseEntries(const std::vector<raft::Entry>& entries) {
  for (const raft::Entry& entry : entries) {
    EntryOrigin origin;
    absl::string_view bytes;
    if (entry.data.empty() || entry.type != raft::EntryType::kData ||
        !DecodeOrigin(entry.data, &origin, &bytes).ok() ||
        origin.member != options_.membership->id || origin.life != life_) {
      continue;
    }
    if (auto own = proposals_.Take(origin.number)) std::move(own->done)(disk_);
  }
}

void Replica::DropWindowFrom(raft::Index first) {
  while (!window_.empty() && window_.back().index >= first) {
    const raft::Entry& last = window_.back();
    window_bytes_ -= last.data.size();
    if (last.index > applied_) unapplied_bytes_ -= static_cast<int64_t>(last.data.size());
    window_.pop_back();
  }
}

// What is applied, on disk and with every other member is not needed at hand.
void Replica::TrimWindow() {
  raft::Index needed = storage_ == nullptr ? applied_ : std::min(applied_, written_);
  if (window_bytes_ <= kWindowBytes) {
    for (const auto& [member, follower] : core_->followers()) {
      if (follower.active) needed = std::min(needed, follower.match);
    }
  }
  while (!window_.empty() && window_.front().index <= needed) {
    window_bytes_ -= window_.front().data.size();
    window_.pop_front();
  }
  // In memory nothing is kept of the log.
  if (storage_ == nullptr && applied_ >= core_->first_index() + kForgottenEntries) {
    core_->Compacted({applied_, applied_term_, core_->ConfigAt(applied_), ""});
  }
}

}  // namespace skiff::store
