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
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace skiff::node {

// "2026-01-02T15:04:05.123456789Z stdout F text" (the CRI format) to what a client sees: the text,
// with a line end where the line is whole.
struct LogLine {
  absl::string_view time;
  absl::string_view text;
  bool whole = false;
};
// False if it is no line of a log.
bool ParseLogLine(absl::string_view line, LogLine* out);

// How many bytes a client would have seen of what was dropped by rotation.
int64_t DroppedBytes(const std::string& path);

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
