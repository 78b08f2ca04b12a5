// Writes the script of steps that head/script.c executes.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace skiff::runtime {

class Script {
 public:
  Script& Step(std::initializer_list<absl::string_view> words) {
    return Add(words.begin(), words.size());
  }
  Script& Step(const std::vector<std::string>& words) {
    const std::vector<absl::string_view> views(words.begin(), words.end());
    return Add(views.data(), views.size());
  }
  // The steps of another script, as bytes() gave them.
  Script& Append(absl::string_view steps) {
    bytes_.append(steps.data(), steps.size());
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Script& Add(const absl::string_view* words, size_t count) {
    Number(static_cast<uint32_t>(count));
    for (size_t i = 0; i < count; ++i) {
      Number(static_cast<uint32_t>(words[i].size()));
      bytes_.append(words[i].data(), words[i].size());
      bytes_.push_back('\0');
    }
    return *this;
  }
  void Number(uint32_t value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof raw);
  }

  std::string bytes_;
};

}  // namespace skiff::runtime
