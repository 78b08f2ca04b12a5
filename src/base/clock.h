// Time, injected. Nothing above this room reads a clock of its own, so that a whole cluster can run
// on a virtual clock (see sim_executor.h).
//
// Threads: every method may be called from any thread.
#pragma once

#include "absl/time/time.h"

namespace skiff {

class Clock {
 public:
  virtual ~Clock() = default;
  // The wall clock, for timestamps that people and clients read. May jump.
  virtual absl::Time Now() const = 0;
  // Time since an arbitrary origin that never goes back: for intervals and deadlines.
  virtual absl::Duration Monotonic() const = 0;
};

// The machine's clocks (CLOCK_REALTIME, CLOCK_MONOTONIC).
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Monotonic() const override;
};

}  // namespace skiff
