// Something that happens once, and that threads wait for.
#pragma once

#include "base/mutex.h"

namespace skiff {

// Threads: any. Whoever has waited may destroy it at once.
class Notification {
 public:
  // At most once.
  void Notify() {
    MutexLock lock(&mutex_);
    notified_ = true;
    changed_.NotifyAll();
  }

  // Blocks until Notify.
  void WaitForNotification() const {
    MutexLock lock(&mutex_);
    changed_.Await(&mutex_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return notified_; });
  }

 private:
  mutable Mutex mutex_;
  mutable CondVar changed_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff
