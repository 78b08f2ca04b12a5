// The small files by which a head and its managers, past and present, know a pod.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "runtime/runtime.h"

namespace skiff::runtime {

// Written beside and renamed over.
absl::Status WriteRecord(const std::string& path, absl::string_view text);
// Empty if there is none.
std::string ReadRecord(const std::string& path);

// "key value" lines.
std::string FormatFields(const std::map<std::string, std::string>& fields);
std::map<std::string, std::string> ParseFields(const std::string& text);

// The head's pid if the process of that pid started when the record says; else 0: the number may
// have been given to another.
int64_t LivingHead(const std::string& dir);

// NAME -> the latest attempt that was ever started or tried in this pod directory.
std::map<std::string, int> LatestAttempts(const std::string& dir);

}  // namespace skiff::runtime
