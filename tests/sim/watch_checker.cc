#include "tests/sim/watch_checker.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace skiff::sim {

std::string Describe(const WatchFault& fault) {
  static constexpr const char* kKinds[] = {"was not told", "was told again",
                                           "was told after a later one",
                                           "never happened, or does not concern this watcher"};
  return absl::StrCat(fault.change.type == Change::Type::kPut ? "put " : "delete ",
                      fault.change.key, " at revision ", fault.change.revision, " ",
                      kKinds[static_cast<int>(fault.kind)]);
}

std::vector<WatchFault> CheckWatch(const std::vector<Change>& log, const WatchStream& stream) {
  uint64_t until = stream.complete_to;
  for (const Change& change : stream.seen) until = std::max(until, change.revision);
  using Identity = std::tuple<uint64_t, std::string, Change::Type>;
  const auto identity = [](const Change& change) {
    return Identity(change.revision, change.key, change.type);
  };
  std::map<Identity, int> told;  // How often, of what it is to be told.
  for (const Change& change : log) {
    if (change.revision > stream.after && change.revision <= until &&
        absl::StartsWith(change.key, stream.prefix)) {
      told[identity(change)] = 0;
    }
  }
  std::vector<WatchFault> faults;
  uint64_t latest = 0;
  for (const Change& change : stream.seen) {
    const auto due = told.find(identity(change));
    if (due == told.end()) {
      faults.push_back({WatchFault::Kind::kInvented, change});
      continue;
    }
    if (++due->second > 1) {
      faults.push_back({WatchFault::Kind::kRepeat, change});
    } else if (change.revision < latest) {
      faults.push_back({WatchFault::Kind::kInversion, change});
    }
    latest = std::max(latest, change.revision);
  }
  for (const auto& [change, times] : told) {
    if (times > 0) continue;
    const auto& [revision, key, type] = change;
    faults.push_back({WatchFault::Kind::kGap, {revision, key, type}});
  }
  return faults;
}

}  // namespace skiff::sim
