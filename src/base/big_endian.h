// Whole numbers as bytes, the most significant first: as files and frames hold them, and as keys
// order as their numbers do.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace skiff {

// T is unsigned.
template <typename T>
void PutBigEndian(T value, std::string* out) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

// Takes it from the front of `bytes`, which has as many.
template <typename T>
T TakeBigEndian(absl::string_view* bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8 | static_cast<unsigned char>((*bytes)[i]));
  }
  bytes->remove_prefix(sizeof(T));
  return value;
}

}  // namespace skiff
