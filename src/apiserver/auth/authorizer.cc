#include "apiserver/auth/authorizer.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"

namespace skiff::apiserver {
namespace {

bool IsIn(const User& user, absl::string_view group) {
  return std::find(user.groups.begin(), user.groups.end(), group) != user.groups.end();
}

// `path` itself, or something below it.
bool IsBelow(absl::string_view path, absl::string_view root) {
  return absl::ConsumePrefix(&path, root) && (path.empty() || path[0] == '/');
}

bool IsBelowAny(absl::string_view path, absl::Span<const absl::string_view> roots) {
  return std::any_of(roots.begin(), roots.end(),
                     [path](absl::string_view root) { return IsBelow(path, root); });
}

constexpr absl::string_view kHealth[] = {"/healthz", "/livez", "/readyz"};
constexpr absl::string_view kDiscovery[] = {"/api", "/apis", "/openapi", "/version"};

// What says who somebody is, and what they may do.
constexpr std::pair<absl::string_view, absl::string_view> kAboutSelf[] = {
    {"authentication.k8s.io", "selfsubjectreviews"},
    {"authorization.k8s.io", "selfsubjectaccessreviews"},
    {"authorization.k8s.io", "selfsubjectrulesreviews"},
};

Rule PathRule(absl::Span<const absl::string_view> roots) {
  Rule out;
  out.verbs = {"get", "head"};
  for (const absl::string_view root : roots) {
    out.paths.emplace_back(root);
    out.paths.push_back(absl::StrCat(root, "/*"));
  }
  return out;
}

}  // namespace

Decision AdminAuthorizer::Authorize(const Attributes& asked) const {
  const Decision allow = {Decision::Kind::kAllow, ""};
  if (IsIn(*asked.user, kAdmins)) return allow;
  const bool known = IsIn(*asked.user, kAuthenticated);
  if (asked.resource.empty() && (asked.verb == "get" || asked.verb == "head")) {
    if (IsBelowAny(asked.path, kHealth)) return allow;
    if (known && IsBelowAny(asked.path, kDiscovery)) return allow;
  }
  for (const auto& [group, resource] : kAboutSelf) {
    const bool asks = asked.verb == "create" && asked.group == group && asked.resource == resource;
    if (known && asks) return allow;
  }
  return {};
}

std::vector<Rule> AdminAuthorizer::RulesOf(const User& user, absl::string_view) const {
  if (IsIn(user, kAdmins)) return {{{"*"}, {"*"}, {"*"}, {}}, {{"*"}, {}, {}, {"*"}}};
  std::vector<Rule> out = {PathRule(kHealth)};
  if (!IsIn(user, kAuthenticated)) return out;
  for (const auto& [group, resource] : kAboutSelf) {
    out.push_back({{"create"}, {std::string(group)}, {std::string(resource)}, {}});
  }
  out.push_back(PathRule(kDiscovery));
  return out;
}

}  // namespace skiff::apiserver
