// CRC-32C (Castagnoli), as RocksDB's records carry it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace skiff::raft {

// Of what `crc` is of (0: nothing), followed by `data`.
uint32_t Crc32c(absl::string_view data, uint32_t crc = 0);

// As members' messages and log entries carry it: the most significant byte first.
inline constexpr size_t kCrcBytes = 4;
std::string Crc32cBytes(absl::string_view data, uint32_t crc = 0);

}  // namespace skiff::raft
