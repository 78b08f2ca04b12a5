// Who a request comes from, by what it shows: a client certificate (its common name is the user,
// its organizations are the groups) or a bearer token.
//
// Threads: any; nothing here changes.
#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "apiserver/auth/user.h"
#include "base/tls.h"

namespace skiff::apiserver {

class Authenticator {
 public:
  // Knows no tokens.
  Authenticator() = default;

  // Of a file of Kubernetes' form, CSV with a line for each token: token, user, uid, and, in quotes
  // if there are several, groups: `31ada4fd,jane,42,"dev,ops"`. Empty lines and those that begin
  // with # are skipped. kInvalidArgument: which line is wrong, and what belongs there; never the
  // token itself.
  static absl::StatusOr<Authenticator> FromTokenFile(absl::string_view text);

  // `tls`: null for what came in the clear, which only this machine can do: it is the admin's.
  // `authorization`: that header. A certificate counts where there is no token. Anonymous without
  // either. kUnauthenticated: a token that nobody has.
  absl::StatusOr<UserPtr> Authenticate(const TlsSession* tls,
                                       absl::string_view authorization) const;
  // Null: nobody has it.
  UserPtr FindToken(absl::string_view token) const;

 private:
  absl::flat_hash_map<std::string, UserPtr> tokens_;  // By the SHA-256 of the token.
};

// The one whose certificate is in the kubeconfig of a new cluster.
inline constexpr char kAdminName[] = "kubernetes-admin";

}  // namespace skiff::apiserver
