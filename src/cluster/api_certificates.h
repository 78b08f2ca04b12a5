// The certificates of the API: an authority of its own, the server's, and the admin's, who is the
// user of the cluster's kubeconfig.
//
// Threads: any; making them blocks on disk.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/certificate.h"

namespace skiff::cluster {

struct ApiCertificates {
  std::string authority_pem;
  TlsIdentity server;
  TlsIdentity admin;
};

// The authority of the cluster at `home`, kept at HOME/pki and made there by the first start.
// kDataLoss: its files are damaged, naming them and what to do.
absl::StatusOr<TlsIdentity> ApiAuthority(const std::string& home);
// That of a cluster of several members, which follows from theirs: each has it, and no certificate
// for the API opens the door between members.
absl::StatusOr<TlsIdentity> ApiAuthorityOfMembers(const TlsIdentity& members);

// For a server that listens on `host`, an IP address; of 0.0.0.0 and [::] it is good for every
// address that this machine has now.
absl::StatusOr<ApiCertificates> MakeApiCertificates(const TlsIdentity& authority,
                                                    const std::string& host, absl::Time now);

// In YAML. `certificates`: null for a server without TLS.
std::string Kubeconfig(const std::string& url, const ApiCertificates* certificates);

}  // namespace skiff::cluster
