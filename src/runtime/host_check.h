// What this host's kernel and rights allow.
#pragma once

#include <string>
#include <vector>

namespace skiff::runtime {

struct CheckResult {
  std::string name;
  bool ok = false;
  std::string detail;
  std::string remedy;  // Empty if ok.
};

// Blocks on the kernel; changes nothing. Threads: any.
std::vector<CheckResult> CheckHost();

}  // namespace skiff::runtime
