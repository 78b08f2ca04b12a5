// Counts the calls that are inside a cluster, so that closing it can turn new ones away and wait
// until the others have left.
//
//   const Gate::Pass pass(&gate);
//   if (!pass.entered()) return absl::UnavailableError("the cluster is closed");
//
// Threads: any.
#pragma once

#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace skiff::cluster {

class Gate {
 public:
  class Pass {
   public:
    explicit Pass(Gate* gate) : gate_(gate->Enter() ? gate : nullptr) {}
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    bool entered() const { return gate_ != nullptr; }

   private:
    Gate* const gate_;
  };

  // Lets nobody in from now on. False if it was shut before.
  bool Shut() {
    MutexLock lock(&mutex_);
    return !std::exchange(shut_, true);
  }

  // Blocks until nobody is inside. After Shut.
  void AwaitEmpty() {
    MutexLock lock(&mutex_);
    left_.Await(&mutex_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return inside_ == 0; });
  }

 private:
  bool Enter() {
    MutexLock lock(&mutex_);
    if (shut_) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    MutexLock lock(&mutex_);
    if (--inside_ == 0) left_.NotifyAll();
  }

  Mutex mutex_;
  CondVar left_;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
  bool shut_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff::cluster
