#include "base/certificate.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>

#include "absl/strings/str_cat.h"
#include "base/openssl.h"
#include "base/status.h"

namespace skiff {
namespace {

using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;

// RFC 5280, 4.1.2.5: of a certificate that has no end.
constexpr char kNoEnd[] = "99991231235959Z";
constexpr size_t kMaxNameBytes = 64;  // RFC 5280, appendix A.1: ub-common-name.

absl::Status Failed(absl::string_view what) {
  return OpensslStatus(absl::StatusCode::kInternal, absl::StrCat("certificate: ", what));
}

// No passphrase: without this OpenSSL would ask at the terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

BioPtr MemoryOf(absl::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string TextOf(BIO* bio) {
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio, &bytes);
  return std::string(bytes, length);
}

absl::StatusOr<TlsIdentity> ToPem(X509* certificate, EVP_PKEY* key) {
  TlsIdentity identity;
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) return Failed("encoding it");
  identity.certificate_pem = TextOf(bio.get());
  bio.reset(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Failed("encoding its key");
  }
  identity.key_pem = TextOf(bio.get());
  return identity;
}

absl::Status AddName(X509_NAME* name, const char* field, absl::string_view value) {
  if (value.empty() || value.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(absl::StrCat("certificate: the name \"", value, "\" has ",
                                                   value.size(), " bytes, must have 1 to ",
                                                   kMaxNameBytes));
  }
  if (X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(value.data()),
                                 static_cast<int>(value.size()), -1, 0) != 1) {
    return OpensslStatus(absl::StatusCode::kInvalidArgument,
                         absl::StrCat("certificate: the name \"", value, "\""));
  }
  return absl::OkStatus();
}

absl::Status SetTime(ASN1_TIME* field, absl::Time time) {
  const bool set = time == absl::InfiniteFuture()
                       ? ASN1_TIME_set_string_X509(field, kNoEnd) == 1
                       : ASN1_TIME_set(field, absl::ToTimeT(time)) != nullptr;
  return set ? absl::OkStatus() : Failed("setting its validity");
}

// `value` is in OpenSSL's notation and never holds input.
absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) return Failed(value);
  return absl::OkStatus();
}

absl::Status AddAltNames(X509* certificate, const std::vector<std::string>& names) {
  if (names.empty()) return absl::OkStatus();
  const NamesPtr list(GENERAL_NAMES_new());
  for (const std::string& name : names) {
    if (name.empty() ||
        name.find_first_of(absl::string_view(" ,\0", 3).data(), 0, 3) != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("certificate: subject alternative name \"",
                                                     name,
                                                     "\": want a host name or an IP address"));
    }
    unsigned char ip[16];
    const int ip_bytes = inet_pton(AF_INET, name.c_str(), ip) == 1    ? 4
                         : inet_pton(AF_INET6, name.c_str(), ip) == 1 ? 16
                                                                      : 0;
    ASN1_STRING* const value =
        ip_bytes != 0 ? ASN1_OCTET_STRING_new() : static_cast<ASN1_STRING*>(ASN1_IA5STRING_new());
    GENERAL_NAME* const entry = GENERAL_NAME_new();
    ASN1_STRING_set(value, ip_bytes != 0 ? reinterpret_cast<char*>(ip) : name.data(),
                    ip_bytes != 0 ? ip_bytes : static_cast<int>(name.size()));
    GENERAL_NAME_set0_value(entry, ip_bytes != 0 ? GEN_IPADD : GEN_DNS, value);
    sk_GENERAL_NAME_push(list.get(), entry);
  }
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, 0) != 1) {
    return Failed("adding its subject alternative names");
  }
  return absl::OkStatus();
}

// Everything but issuer, extensions and signature.
absl::StatusOr<X509Ptr> Begin(const CertificateRequest& request, EVP_PKEY* key, absl::Time now) {
  X509Ptr certificate(X509_new());
  // RFC 5280, 4.1.2.2: positive, at most 20 octets, and hard to guess.
  const BignumPtr serial(BN_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      BN_rand(serial.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) != 1 ||
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) == nullptr ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return Failed("making it");
  }
  SKIFF_RETURN_IF_ERROR(SetTime(X509_getm_notBefore(certificate.get()), absl::UnixEpoch()));
  SKIFF_RETURN_IF_ERROR(SetTime(X509_getm_notAfter(certificate.get()), now + request.validity));
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  for (const std::string& organization : request.organizations) {
    SKIFF_RETURN_IF_ERROR(AddName(name, "O", organization));
  }
  SKIFF_RETURN_IF_ERROR(AddName(name, "CN", request.common_name));
  return certificate;
}

absl::StatusOr<TlsIdentity> Sign(X509* certificate, EVP_PKEY* key, X509* issuer,
                                 EVP_PKEY* issuer_key) {
  if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1) {
    return Failed("naming its issuer");
  }
  SKIFF_RETURN_IF_ERROR(
      AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid:always"));
  if (X509_sign(certificate, issuer_key, EVP_sha256()) == 0) return Failed("signing it");
  return ToPem(certificate, key);
}

}  // namespace

std::string OpensslError() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string text = reason != nullptr ? reason : "unknown error";
  ERR_clear_error();
  return text;
}

absl::Status OpensslStatus(absl::StatusCode code, absl::string_view what) {
  return absl::Status(code, absl::StrCat(what, ": ", OpensslError()));
}

absl::StatusOr<std::vector<X509Ptr>> ParseCertificates(absl::string_view pem,
                                                       absl::string_view what) {
  ERR_clear_error();
  std::vector<X509Ptr> out;
  const BioPtr bio = MemoryOf(pem);
  while (X509* const next = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)) {
    out.emplace_back(next);
  }
  // The end of the text shows as one more certificate whose beginning is missing.
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (out.empty() || !ended) {
    const std::string error = OpensslError();
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": not a certificate in PEM (", ended ? "no BEGIN line" : error, ")"));
  }
  ERR_clear_error();
  return out;
}

absl::StatusOr<KeyPtr> ParseKey(absl::string_view pem, absl::string_view what) {
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(MemoryOf(pem).get(), nullptr, NoPassphrase, nullptr));
  if (!key) {
    return OpensslStatus(absl::StatusCode::kInvalidArgument,
                         absl::StrCat(what, ": not a private key in PEM without a passphrase"));
  }
  return key;
}

absl::StatusOr<TlsIdentity> MakeAuthority(absl::string_view common_name) {
  ERR_clear_error();
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return Failed("making a key");
  CertificateRequest request;
  request.common_name = std::string(common_name);
  SKIFF_ASSIGN_OR_RETURN(const X509Ptr certificate, Begin(request, key.get(), absl::UnixEpoch()));
  X509* const self = certificate.get();
  SKIFF_RETURN_IF_ERROR(
      AddExtension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  SKIFF_RETURN_IF_ERROR(
      AddExtension(self, self, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"));
  SKIFF_RETURN_IF_ERROR(AddExtension(self, self, NID_subject_key_identifier, "hash"));
  return Sign(self, key.get(), self, key.get());
}

absl::StatusOr<TlsIdentity> IssueCertificate(const TlsIdentity& authority,
                                             const CertificateRequest& request, absl::Time now) {
  SKIFF_ASSIGN_OR_RETURN(const std::vector<X509Ptr> issuers,
                         ParseCertificates(authority.certificate_pem, "the authority"));
  SKIFF_ASSIGN_OR_RETURN(const KeyPtr issuer_key, ParseKey(authority.key_pem, "its key"));
  X509* const issuer = issuers.front().get();
  if (X509_check_ca(issuer) == 0 || X509_check_private_key(issuer, issuer_key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(
        "the authority: want the certificate of a certificate authority and the key of it");
  }
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return Failed("making a key");
  SKIFF_ASSIGN_OR_RETURN(const X509Ptr certificate, Begin(request, key.get(), now));
  X509* const self = certificate.get();
  SKIFF_RETURN_IF_ERROR(AddExtension(self, issuer, NID_basic_constraints, "critical,CA:FALSE"));
  SKIFF_RETURN_IF_ERROR(AddExtension(self, issuer, NID_key_usage, "critical,digitalSignature"));
  SKIFF_RETURN_IF_ERROR(AddExtension(self, issuer, NID_ext_key_usage, "serverAuth,clientAuth"));
  SKIFF_RETURN_IF_ERROR(AddExtension(self, issuer, NID_subject_key_identifier, "hash"));
  SKIFF_RETURN_IF_ERROR(AddAltNames(self, request.subject_alt_names));
  return Sign(self, key.get(), issuer, issuer_key.get());
}

}  // namespace skiff
