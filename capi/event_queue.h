// What came from a cluster's thread and waits for the host to take it, with an eventfd(2) that is
// readable while there is something to take or the source has ended.
//
// Threads: any.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "capi/internal.h"

namespace skiff::capi {

template <typename Item>
class EventQueue {
 public:
  // kResourceExhausted: no descriptor is free.
  static absl::StatusOr<std::shared_ptr<EventQueue>> Make() {
    auto queue = std::make_shared<EventQueue>();
    const absl::Status opened = OpenEventFd(&queue->fd_);
    if (!opened.ok()) return opened;
    return queue;
  }

  int fd() const { return fd_.get(); }

  void Push(Item item) {
    MutexLock lock(&mutex_);
    items_.push_back(std::move(item));
    if (items_.size() == 1) RaiseEventFd(fd_.get());
    changed_.NotifyAll();
  }

  // Nothing is pushed afterwards. What is queued can still be taken.
  void End(absl::Status why) {
    MutexLock lock(&mutex_);
    end_ = std::move(why);
    RaiseEventFd(fd_.get());
    changed_.NotifyAll();
  }

  // Waits for an item at most `limit` and gives it to `take` (a function of const Item&, which may
  // throw: the item then stays). If all is taken and the source has ended: true and `*end`. False:
  // nothing came.
  template <typename Take>
  bool Next(absl::Duration limit, Take take, std::optional<absl::Status>* end) {
    MutexLock lock(&mutex_);
    const auto ready = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return end_.has_value() || !items_.empty();
    };
    if (!changed_.AwaitFor(&mutex_, limit, ready)) return false;
    if (items_.empty()) {
      *end = *end_;
      return true;
    }
    take(static_cast<const Item&>(items_.front()));
    items_.pop_front();
    if (items_.empty() && !end_.has_value()) LowerEventFd(fd_.get());
    return true;
  }

 private:
  UniqueFd fd_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Item> items_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skiff::capi
