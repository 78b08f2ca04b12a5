// The system call filter of containers that ask for RuntimeDefault or nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace skiff::runtime {

// A program of struct sock_filter that lets through what seccomp_table.h names for a container with
// `capabilities`. All else answers EPERM, except that calls newer than the table answer ENOSYS, and
// so does clone3, whose flags a filter cannot see: libcs fall back to clone.
absl::StatusOr<std::string> DefaultSeccompFilter(uint64_t capabilities);

// Filters that were built before: building one takes a millisecond, and most containers have the
// same capabilities. Threads: any.
class SeccompFilters {
 public:
  absl::StatusOr<std::shared_ptr<const std::string>> For(uint64_t capabilities);

 private:
  Mutex mutex_;
  std::map<uint64_t, std::shared_ptr<const std::string>> built_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skiff::runtime
