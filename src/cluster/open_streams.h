// The watches and log streams that a cluster has given to its host. Closing the cluster ends those
// that are still open, and says so; a Subscription may be destroyed before that or after.
//
// Threads: any but the loop that the callbacks come on.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "skiff/cluster.h"

namespace skiff::cluster {

class OpenStreams {
 public:
  using OnEnd = std::function<void(absl::Status)>;

  // Calls `start` with an on_end that calls `on_end` at most once, and keeps what it returns until
  // the result is destroyed or EndAll is called. Blocks as `start` does.
  absl::StatusOr<std::unique_ptr<Subscription>> Open(
      OnEnd on_end, absl::FunctionRef<absl::StatusOr<std::unique_ptr<Subscription>>(OnEnd)> start);

  // Stops every one that is open and calls its on_end with `why`, unless it had ended before. No
  // callback of any runs after it returns. Blocks on the loop of the callbacks, which must turn.
  void EndAll(const absl::Status& why);

 private:
  class Stream;
  class Handle;

  Mutex mutex_;
  std::vector<std::weak_ptr<Stream>> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skiff::cluster
