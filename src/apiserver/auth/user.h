// Who a request comes from.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace skiff::apiserver {

struct User {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
};
using UserPtr = std::shared_ptr<const User>;

inline constexpr char kAdmins[] = "system:masters";
inline constexpr char kAuthenticated[] = "system:authenticated";
inline constexpr char kUnauthenticated[] = "system:unauthenticated";

}  // namespace skiff::apiserver
