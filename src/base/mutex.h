// A mutex, its scoped lock and condition variable, known to clang's thread-safety
// analysis. Over the standard library's and not Abseil's: thread sanitizers see through the former,
// while Debian's prebuilt Abseil hides its locks from them.
//
//   Mutex mutex;
//   CondVar filled;
//   std::deque<Task> tasks ABSL_GUARDED_BY(mutex);
//   …
//   MutexLock lock(&mutex);
//   filled.Await(&mutex, [&] { return !tasks.empty(); });
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace skiff {

// Not recursive.
class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Whoever changes what others wait for notifies them, under the lock if they may then destroy this.
class CondVar {
 public:
  // Lets go of the lock until `ready`, which is asked under it.
  template <typename Ready>
  void Await(Mutex* mutex, Ready ready) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    changed_.wait(lock, ready);
    lock.release();
  }

  // The same for at most `timeout`, which may be infinite; what `ready` said at the end.
  template <typename Ready>
  bool AwaitFor(Mutex* mutex, absl::Duration timeout, Ready ready)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    // The end of the wait must be a time that the clock can tell.
    const absl::Duration longest = absl::Hours(24 * 365 * 100);
    std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
    const bool result =
        changed_.wait_for(lock, absl::ToChronoNanoseconds(std::min(timeout, longest)), ready);
    lock.release();
    return result;
  }

  void NotifyOne() { changed_.notify_one(); }
  void NotifyAll() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace skiff
