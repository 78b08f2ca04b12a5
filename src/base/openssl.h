// OpenSSL's objects as RAII types, and its errors as Status. For base's own files on TLS.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace skiff {

template <auto kFree>
struct OpensslFree {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;

// What OpenSSL has to say about the call that just failed on this thread, which is then forgotten.
std::string OpensslError();
absl::Status OpensslStatus(absl::StatusCode code, absl::string_view what);

// All certificates of `pem`, at least one. kInvalidArgument, naming `what`.
absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(absl::string_view pem,
                                                       absl::string_view what);
// Never asks anybody for a passphrase: an encrypted key is kInvalidArgument.
absl::StatusOr<KeyPtr> ParseKey(absl::string_view pem, absl::string_view what);

}  // namespace skiff
