// The lock on the door: who a request comes from, and whether they may do what it asks.
//
// Threads: any.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "apiserver/auth/authenticator.h"
#include "apiserver/auth/authorizer.h"
#include "apiserver/http/message.h"
#include "apiserver/http/request_info.h"

namespace skiff::apiserver::http {

struct Access {
  Authenticator authenticator;
  std::shared_ptr<const Authorizer> authorizer = std::make_shared<AdminAuthorizer>();

  // The user that the request counts as: of an admin who impersonates somebody, that one. 401
  // Unauthorized: nobody known; 403 Forbidden: who may not do what.
  absl::StatusOr<UserPtr> Admit(const Exchange& exchange, const RequestInfo& info) const;
  // The same of one thing that somebody would do.
  absl::Status Permit(const Attributes& asked) const;
};

// As Authorizer is asked for it.
Attributes AttributesOf(const User& user, const RequestInfo& info, absl::string_view path);

}  // namespace skiff::apiserver::http
