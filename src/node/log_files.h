// A container's log on disk: `N.log`, and what was rotated away from it, `N.log.1` (the newest) and
// up.
//
// Threads: any; calls block on the disk.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/unique_fd.h"

namespace skiff::node {

// The files of a log, opened, the oldest first. Empty if there is no log.
std::vector<UniqueFd> OpenLog(const std::string& path);

// Drops what comes before the last `lines` lines: whole files from the list, and of the first that
// stays its beginning (its offset is set).
void SkipToTail(int64_t lines, std::vector<UniqueFd>* files);

// Renames the log out of the way, keeping `max_files` in all; then `reopen` makes its writer begin
// a new one. If that fails, the log is as before.
absl::Status RotateLog(const std::string& path, int max_files,
                       const std::function<absl::Status()>& reopen);

}  // namespace skiff::node
