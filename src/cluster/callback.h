// Calling what the host has given: an exception it throws is its error, and it cannot call the
// cluster from where that would wait for itself.
//
//   const absl::Status status = CallHost([&] { return runtime.start(start, run); });
//
// Threads: any.
#pragma once

#include <exception>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace skiff::cluster {

// While it lives, this thread is in the midst of the cluster's own work.
class CallbackScope {
 public:
  CallbackScope() { ++depth_; }
  ~CallbackScope() { --depth_; }
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;
  static bool InOne() { return depth_ > 0; }

 private:
  static inline thread_local int depth_ = 0;
};

// `call` returns a Status or a StatusOr.
template <typename Call>
auto CallHost(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("it threw an exception: ", e.what()));
  } catch (...) {
    return absl::InternalError("it threw an exception of unknown type");
  }
}

}  // namespace skiff::cluster
