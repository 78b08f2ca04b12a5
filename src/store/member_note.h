// What a configuration notes of each member: its name and where it listens for the others.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace skiff::store {

// `name` has no space.
inline std::string MemberNote(absl::string_view name, absl::string_view address) {
  return absl::StrCat(name, " ", address);
}
inline std::string MemberName(absl::string_view note) {
  return std::string(note.substr(0, note.find(' ')));
}
inline std::string MemberAddress(absl::string_view note) {
  const size_t space = note.find(' ');
  return space == absl::string_view::npos ? "" : std::string(note.substr(space + 1));
}

}  // namespace skiff::store
