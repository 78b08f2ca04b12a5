// Small files that only their user may read, on disk whole or not at all.
//
// Threads: any; blocks on disk.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace skiff::cluster {

// In place of what was there, mode 0600, and its directory made if it is missing. When it is OK the
// file outlives a crash; if it is not, what was there is there still. The error names the path.
absl::Status WriteSecretFile(const std::string& path, absl::string_view bytes);

// All of it. kNotFound: there is none; any other error: it is there, and cannot be read. The error
// names the path.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

}  // namespace skiff::cluster
