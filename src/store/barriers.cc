#include "store/barriers.h"

#include <iterator>
#include <utility>

namespace skiff::store {

std::optional<uint64_t> Barriers::Begin() {
  if (under_way_ || waiting_.empty()) return std::nullopt;
  under_way_ = true;
  asked_ = std::exchange(waiting_, {});
  return ++round_;
}

void Barriers::OnReadable(uint64_t round, std::optional<raft::Index> index) {
  if (!under_way_ || round != round_) return;
  under_way_ = false;
  Reads asked = std::exchange(asked_, {});
  if (index.has_value()) {
    readable_.emplace(*index, std::move(asked));
  } else {
    waiting_.insert(waiting_.begin(), std::make_move_iterator(asked.begin()),
                    std::make_move_iterator(asked.end()));
  }
}

void Barriers::OnApplied(raft::Index applied) {
  while (!readable_.empty() && readable_.begin()->first <= applied) {
    Reads reads = std::move(readable_.begin()->second);
    readable_.erase(readable_.begin());
    for (Read& read : reads) std::move(read.done)(absl::OkStatus());
  }
}

void Barriers::Expire(absl::Duration since, const absl::Status& why) {
  Reads expired;
  const auto take = [&](Reads* reads) {
    for (auto it = reads->begin(); it != reads->end();) {
      if (it->since < since) {
        expired.push_back(std::move(*it));
        it = reads->erase(it);
      } else {
        ++it;
      }
    }
  };
  take(&waiting_);
  take(&asked_);
  if (asked_.empty()) under_way_ = false;
  for (auto& [index, reads] : readable_) take(&reads);
  for (Read& read : expired) std::move(read.done)(why);
}

void Barriers::FailAll(const absl::Status& why) { Expire(absl::InfiniteDuration(), why); }

}  // namespace skiff::store
