// Whether a watcher saw what happened: every change, once, in order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skiff::sim {

struct Change {
  enum class Type { kPut, kDelete };
  uint64_t revision = 0;
  std::string key;
  Type type = Type::kPut;
  bool operator==(const Change&) const = default;
};

// What one watcher was told, in the order in which it was told, its resumes included: a watcher
// that goes on elsewhere from the last revision that it saw is still the same watcher.
struct WatchStream {
  std::string prefix;  // Of the keys that it watches.
  uint64_t after = 0;  // It asked for what is later than this.
  // It should have been told everything up to here; 0: up to the last that it was told.
  uint64_t complete_to = 0;
  std::vector<Change> seen;
};

struct WatchFault {
  enum class Kind {
    kGap,        // A change that it was not told.
    kRepeat,     // Told again.
    kInversion,  // Told after a later one.
    kInvented,   // Never happened, or not of its business.
  };
  Kind kind;
  Change change;
};
std::string Describe(const WatchFault& fault);

// `log`: everything that happened, by revision; changes of one transaction share theirs, and may
// be told in any order among themselves. A transaction told in part is a gap.
std::vector<WatchFault> CheckWatch(const std::vector<Change>& log, const WatchStream& stream);

}  // namespace skiff::sim
