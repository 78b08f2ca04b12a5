#include "raft/log_floor.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "base/big_endian.h"

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
    return true;
  }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<Drop>(floor_->load());
  }

 private:
  const std::shared_ptr<LogFloor> floor_;
};

}  // namespace

std::shared_ptr<rocksdb::CompactionFilterFactory> DropsBelow(std::shared_ptr<LogFloor> floor) {
  return std::make_shared<DropFactory>(std::move(floor));
}

}  // namespace skiff::raft
