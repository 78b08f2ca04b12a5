// Who may do what. Everything that a user asks for is put to one Authorizer first.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "apiserver/auth/user.h"

namespace skiff::apiserver {

// What is asked for. Valid during the call that it is given to.
struct Attributes {
  const User* user = nullptr;
  absl::string_view verb;  // "get", "list", …; outside of resources the method, in lower case.
  absl::string_view group;
  absl::string_view version;
  absl::string_view resource;  // Empty: a path outside of resources.
  absl::string_view subresource;
  absl::string_view name_space;
  absl::string_view name;
  absl::string_view path;
};

struct Decision {
  enum class Kind { kAllow, kDeny, kNoOpinion };  // Nobody's opinion: it is not allowed.
  Kind kind = Kind::kNoOpinion;
  std::string reason;

  bool allowed() const { return kind == Kind::kAllow; }
};

// Something that somebody may do: to resources, or, where `paths` are given, to those.
struct Rule {
  std::vector<std::string> verbs;
  std::vector<std::string> groups;  // "*": any.
  std::vector<std::string> resources;
  std::vector<std::string> paths;  // "/apis/*": what is below it, too.
};

// Threads: any.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual Decision Authorize(const Attributes& attributes) const = 0;
  // What the user may do there, for a person to read.
  virtual std::vector<Rule> RulesOf(const User& user, absl::string_view name_space) const = 0;
};

// Lets the group system:masters do everything, everybody ask for health, and everybody who is known
// ask what there is and who they are.
class AdminAuthorizer final : public Authorizer {
 public:
  Decision Authorize(const Attributes& attributes) const override;
  std::vector<Rule> RulesOf(const User& user, absl::string_view name_space) const override;
};

}  // namespace skiff::apiserver
