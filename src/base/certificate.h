// X.509 certificates of a small authority of one's own, on P-256 keys, in PEM.
//
//   SKIFF_ASSIGN_OR_RETURN(TlsIdentity ca, MakeAuthority("my cluster", clock.Now()));
//   SKIFF_ASSIGN_OR_RETURN(TlsIdentity member, IssueCertificate(ca, {.common_name = "m1"}, now));
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace skiff {

// Keys are secrets: whoever keeps one on disk keeps it from other users (mode 0600).
struct TlsIdentity {
  std::string certificate_pem;
  std::string key_pem;  // PKCS #8, not encrypted.
};

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;  // To Kubernetes: the groups of a user.
  // Host names ("*.example.com" too) and IP addresses under which a server is reached.
  std::vector<std::string> subject_alt_names;
  absl::Duration validity = absl::Hours(24 * 365 * 50);
};

// A self-signed authority that may sign certificates but no further authorities. Valid from a day
// before `now`, so that machines with slow clocks take it at once, for 50 years. kInvalidArgument.
absl::StatusOr<TlsIdentity> MakeAuthority(absl::string_view common_name, absl::Time now);

// A certificate for both ends of TLS, signed by `authority`; valid from a day before `now`.
// kInvalidArgument: a name that no certificate can hold, or `authority` is none.
absl::StatusOr<TlsIdentity> IssueCertificate(const TlsIdentity& authority,
                                             const CertificateRequest& request, absl::Time now);

}  // namespace skiff
