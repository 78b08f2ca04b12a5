// The system call filter of containers that ask for RuntimeDefault or nothing.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace skiff::runtime {

// A program of struct sock_filter. What administers the machine answers EPERM unless the capability
// that it belongs to is in `capabilities`; new namespaces likewise; clone3, whose flags a filter
// cannot see, answers ENOSYS so that libcs fall back to clone.
absl::StatusOr<std::string> DefaultSeccompFilter(uint64_t capabilities);

}  // namespace skiff::runtime
