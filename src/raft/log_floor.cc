#include "raft/log_floor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/string_view.h"
#include "raft/big_endian.h"

namespace skiff::raft {
namespace {

class Drop final : public rocksdb::CompactionFilter {
 public:
  explicit Drop(Index floor) : floor_(floor) {}
  const char* Name() const override { return "skiff.compacted-entries"; }
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice&, std::string*,
              bool*) const override {
    if (key.size() != sizeof(Index)) return false;
    absl::string_view bytes(key.data(), key.size());
    return TakeBigEndian<Index>(&bytes) <= floor_;
  }

 private:
  const Index floor_;
};

class DropFactory final : public rocksdb::CompactionFilterFactory {
 public:
  explicit DropFactory(std::shared_ptr<LogFloor> floor) : floor_(std::move(floor)) {}
  const char* Name() const override { return "skiff.compacted-entries"; }
  bool ShouldFilterTableFileCreation(rocksdb::TableFileCreationReason) const override {
    return true;  // Flushes too.
  }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<Drop>(floor_->index());
  }

 private:
  const std::shared_ptr<LogFloor> floor_;
};

class FlushListener final : public rocksdb::EventListener {
 public:
  explicit FlushListener(std::shared_ptr<LogFloor> floor) : floor_(std::move(floor)) {}
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo& info) override {
    floor_->Flushed(info.cf_name, info.largest_seqno);
  }

 private:
  const std::shared_ptr<LogFloor> floor_;
};

}  // namespace

void LogFloor::Set(Index index) {
  MutexLock lock(&mutex_);
  expected_.clear();
  index_.store(index);
}

void LogFloor::Expect(std::string family, rocksdb::SequenceNumber sequence, Index index) {
  MutexLock lock(&mutex_);
  expected_.push_back({std::move(family), sequence, index});
}

void LogFloor::Flushed(const std::string& family, rocksdb::SequenceNumber sequence) {
  MutexLock lock(&mutex_);
  while (!expected_.empty() && expected_.front().family == family &&
         expected_.front().sequence <= sequence) {
    index_.store(std::max(index_.load(), expected_.front().index));
    expected_.pop_front();
  }
}

std::shared_ptr<rocksdb::CompactionFilterFactory> DropsBelow(std::shared_ptr<LogFloor> floor) {
  return std::make_shared<DropFactory>(std::move(floor));
}

std::shared_ptr<rocksdb::EventListener> TellsFlushes(std::shared_ptr<LogFloor> floor) {
  return std::make_shared<FlushListener>(std::move(floor));
}

}  // namespace skiff::raft
