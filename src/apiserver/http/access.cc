#include "apiserver/http/access.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "api/errors.h"
#include "base/status.h"

namespace skiff::apiserver::http {
namespace {

constexpr absl::string_view kImpersonateUser = "impersonate-user";
constexpr absl::string_view kImpersonateGroup = "impersonate-group";
constexpr absl::string_view kImpersonateUid = "impersonate-uid";

absl::Status Unauthorized() { return api::Unauthorized("Unauthorized"); }

// In the words of Kubernetes' own authorizers' callers.
std::string WhatIsForbidden(const Attributes& asked) {
  if (asked.resource.empty()) {
    return absl::StrCat("User \"", asked.user->name, "\" cannot ", asked.verb, " path \"",
                        asked.path, "\"");
  }
  std::string resource(asked.resource);
  if (!asked.subresource.empty()) absl::StrAppend(&resource, "/", asked.subresource);
  std::string out = absl::StrCat("User \"", asked.user->name, "\" cannot ", asked.verb,
                                 " resource \"", resource, "\" in API group \"", asked.group, "\"");
  if (asked.name_space.empty()) {
    out += " at the cluster scope";
  } else {
    absl::StrAppend(&out, " in the namespace \"", asked.name_space, "\"");
  }
  return out;
}

absl::Status Forbidden(const Attributes& asked, const std::string& reason) {
  metav1::Status status;
  status.set_status("Failure");
  status.set_reason("Forbidden");
  status.set_code(403);
  metav1::StatusDetails* details = status.mutable_details();
  std::string message;
  if (!asked.resource.empty()) {
    details->set_name(std::string(asked.name));
    details->set_group(std::string(asked.group));
    details->set_kind(std::string(asked.resource));
    message = std::string(asked.resource);
    if (!asked.group.empty()) absl::StrAppend(&message, ".", asked.group);
    if (!asked.name.empty()) absl::StrAppend(&message, " \"", asked.name, "\"");
    message += " is ";
  }
  absl::StrAppend(&message, "forbidden: ", WhatIsForbidden(asked));
  if (!reason.empty()) absl::StrAppend(&message, ": ", reason);
  status.set_message(message);
  return api::FromMetaStatus(status);
}

absl::Status Check(const Authorizer& authorizer, const Attributes& asked) {
  const Decision decision = authorizer.Authorize(asked);
  if (decision.allowed()) return absl::OkStatus();
  if (asked.user->name == "system:anonymous") return Unauthorized();
  return Forbidden(asked, decision.reason);
}

absl::Status MayImpersonate(const Authorizer& authorizer, const User& user,
                            absl::string_view resource, absl::string_view group,
                            absl::string_view name) {
  Attributes asked;
  asked.user = &user;
  asked.verb = "impersonate";
  asked.group = group;
  asked.version = "v1";
  asked.resource = resource;
  asked.name = name;
  return Check(authorizer, asked);
}

// Whom the headers of an admin name instead of themselves, as `kubectl --as` sends them.
absl::StatusOr<UserPtr> Impersonated(const Authorizer& authorizer, const UserPtr& user,
                                     const Request& request) {
  const absl::string_view name = request.Header(kImpersonateUser);
  const absl::string_view groups = request.Header(kImpersonateGroup);
  if (name.empty()) {
    if (groups.empty() && request.Header(kImpersonateUid).empty()) return user;
    return api::BadRequest("requested groups or uid to impersonate without impersonating a user");
  }
  auto out = std::make_shared<User>();
  out->name = std::string(name);
  out->uid = std::string(request.Header(kImpersonateUid));
  SKIFF_RETURN_IF_ERROR(MayImpersonate(authorizer, *user, "users", "", name));
  for (const absl::string_view group : absl::StrSplit(groups, ", ", absl::SkipEmpty())) {
    SKIFF_RETURN_IF_ERROR(MayImpersonate(authorizer, *user, "groups", "", group));
    out->groups.emplace_back(group);
  }
  if (!out->uid.empty()) {
    SKIFF_RETURN_IF_ERROR(
        MayImpersonate(authorizer, *user, "uids", "authentication.k8s.io", out->uid));
  }
  const bool anonymous = name == "system:anonymous";
  out->groups.emplace_back(anonymous ? kUnauthenticated : kAuthenticated);
  return UserPtr(std::move(out));
}

}  // namespace

Attributes AttributesOf(const User& user, const RequestInfo& info, absl::string_view path) {
  Attributes out;
  out.user = &user;
  out.verb = info.verb;
  out.group = info.group;
  out.version = info.version;
  out.resource = info.resource;
  out.subresource = info.subresource;
  out.name_space = info.name_space;
  out.name = info.name;
  out.path = path;
  return out;
}

absl::StatusOr<UserPtr> Access::Admit(const Exchange& exchange, const RequestInfo& info) const {
  const Request& request = exchange.request();
  auto user = authenticator.Authenticate(exchange.tls(), request.Header("authorization"));
  if (!user.ok()) return Unauthorized();
  SKIFF_ASSIGN_OR_RETURN(const UserPtr acting, Impersonated(*authorizer, *user, request));
  SKIFF_RETURN_IF_ERROR(Check(*authorizer, AttributesOf(*acting, info, request.path)));
  return acting;
}

absl::Status Access::Permit(const Attributes& asked) const { return Check(*authorizer, asked); }

}  // namespace skiff::apiserver::http
