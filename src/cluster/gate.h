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
#include "absl/synchronization/mutex.h"

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
    absl::MutexLock lock(&mutex_);
    return !std::exchange(shut_, true);
  }

  // Blocks until nobody is inside. After Shut.
  void AwaitEmpty() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* inside) { return *inside == 0; }, &inside_));
  }

 private:
  bool Enter() {
    absl::MutexLock lock(&mutex_);
    if (shut_) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --inside_;
  }

  absl::Mutex mutex_;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
  bool shut_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skiff::cluster
