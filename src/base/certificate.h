// X.509 certificates of a small authority of one's own, on P-256 keys, in PEM.
//
//   SKIFF_ASSIGN_OR_RETURN(TlsIdentity ca, MakeAuthority("my cluster"));
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
  absl::Duration validity = absl::InfiniteDuration();  // From `now` on.
};

// A self-signed authority that may sign certificates but no further authorities. Valid from 1970 to
// the end of time: a machine whose clock is wrong, or that made it when its clock was wrong, is a
// machine of the cluster all the same. kInvalidArgument.
absl::StatusOr<TlsIdentity> MakeAuthority(absl::string_view common_name);

// Another authority, whose key follows from that of `parent` and from the name: whoever has the
// parent has it as well, and nobody learns the parent's from it (RFC 5869). Certificates that one
// made of it has issued are good for every other. kInvalidArgument: `parent` has no key of P-256.
absl::StatusOr<TlsIdentity> DeriveAuthority(const TlsIdentity& parent,
                                            absl::string_view common_name);

// A certificate for both ends of TLS, signed by `authority`; valid from 1970 on, for the same
// reason. kInvalidArgument: a name that no certificate can hold, or `authority` is none.
absl::StatusOr<TlsIdentity> IssueCertificate(const TlsIdentity& authority,
                                             const CertificateRequest& request, absl::Time now);

}  // namespace skiff
