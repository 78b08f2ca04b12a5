// What somebody who wants a certificate sends, and what comes back, both in PEM: whether they are
// what they seem to be.
//
// Threads: any.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace skiff {

// `pem` begins with a certificate signing request (PKCS #10, RFC 2986) that the key which it names
// has signed. kInvalidArgument says what is wrong, for the sender.
absl::Status CheckSigningRequest(absl::string_view pem);

// `pem` holds certificates, one or more, and no other PEM blocks. kInvalidArgument.
absl::Status CheckCertificates(absl::string_view pem);

}  // namespace skiff
