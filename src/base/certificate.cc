#include "base/certificate.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/openssl.h"
#include "base/status.h"

namespace skiff {
namespace {

using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_clear_free>>;
using GroupPtr = std::unique_ptr<EC_GROUP, OpensslFree<EC_GROUP_free>>;
using PointPtr = std::unique_ptr<EC_POINT, OpensslFree<EC_POINT_free>>;
using KdfPtr = std::unique_ptr<EVP_KDF, OpensslFree<EVP_KDF_free>>;
using KdfContextPtr = std::unique_ptr<EVP_KDF_CTX, OpensslFree<EVP_KDF_CTX_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, OpensslFree<OSSL_PARAM_free>>;

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

absl::StatusOr<TlsIdentity> AuthorityOf(EVP_PKEY* key, absl::string_view common_name) {
  CertificateRequest request;
  request.common_name = std::string(common_name);
  SKIFF_ASSIGN_OR_RETURN(const X509Ptr certificate, Begin(request, key, absl::UnixEpoch()));
  X509* const self = certificate.get();
  SKIFF_RETURN_IF_ERROR(
      AddExtension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  SKIFF_RETURN_IF_ERROR(
      AddExtension(self, self, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"));
  SKIFF_RETURN_IF_ERROR(AddExtension(self, self, NID_subject_key_identifier, "hash"));
  return Sign(self, key, self, key);
}

// HKDF with SHA-256 (RFC 5869), without salt.
bool Hkdf(absl::Span<unsigned char> secret, absl::string_view info, absl::Span<unsigned char> out) {
  const KdfPtr kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const KdfContextPtr context(EVP_KDF_CTX_new(kdf.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()),
                                        info.size()),
      OSSL_PARAM_construct_end()};
  return context && EVP_KDF_derive(context.get(), out.data(), out.size(), params) == 1;
}

// The key of P-256 that follows from `parent`, which is one as well, and `purpose`.
KeyPtr DeriveKey(EVP_PKEY* parent, absl::string_view purpose) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(parent, OSSL_PKEY_PARAM_PRIV_KEY, &raw) != 1) return nullptr;
  const BignumPtr secret(raw);
  unsigned char bytes[32];
  // So many more bits than the order has that the remainder prefers none (FIPS 186-5, A.2.1).
  unsigned char wide[48];
  if (BN_bn2binpad(secret.get(), bytes, sizeof bytes) != sizeof bytes ||
      !Hkdf(absl::MakeSpan(bytes), purpose, absl::MakeSpan(wide))) {
    return nullptr;
  }
  const GroupPtr group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const BignumPtr derived(BN_bin2bn(wide, sizeof wide, nullptr));
  const BignumPtr order(BN_dup(EC_GROUP_get0_order(group.get())));
  const std::unique_ptr<BN_CTX, OpensslFree<BN_CTX_free>> scratch(BN_CTX_secure_new());
  BN_sub_word(order.get(), 1);
  BN_mod(derived.get(), derived.get(), order.get(), scratch.get());
  BN_add_word(derived.get(), 1);
  const PointPtr point(EC_POINT_new(group.get()));
  unsigned char encoded[65];
  if (EC_POINT_mul(group.get(), point.get(), derived.get(), nullptr, nullptr, scratch.get()) != 1 ||
      EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded,
                         sizeof encoded, scratch.get()) != sizeof encoded) {
    return nullptr;
  }
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, derived.get());
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded);
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1) {
    return nullptr;
  }
  return KeyPtr(key);
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
  return AuthorityOf(key.get(), common_name);
}

absl::StatusOr<TlsIdentity> DeriveAuthority(const TlsIdentity& parent,
                                            absl::string_view common_name) {
  ERR_clear_error();
  SKIFF_ASSIGN_OR_RETURN(const KeyPtr parent_key, ParseKey(parent.key_pem, "the authority's key"));
  const KeyPtr key = DeriveKey(parent_key.get(), common_name);
  if (!key) return Failed("deriving a key");
  return AuthorityOf(key.get(), common_name);
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
