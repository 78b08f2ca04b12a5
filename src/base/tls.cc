#include "base/tls.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/openssl.h"
#include "base/status.h"

namespace skiff {
namespace {

constexpr size_t kMaxRecordBytes = 16 << 10;

absl::Status Invalid(absl::string_view what) {
  return OpensslStatus(absl::StatusCode::kInvalidArgument, absl::StrCat("TLS: ", what));
}

absl::Status UseIdentity(SSL_CTX* context, const TlsIdentity& identity) {
  SKIFF_ASSIGN_OR_RETURN(const std::vector<X509Ptr> chain,
                         ParseCertificates(identity.certificate_pem, "TLS: the certificate"));
  SKIFF_ASSIGN_OR_RETURN(const KeyPtr key, ParseKey(identity.key_pem, "TLS: the key"));
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) {
    return Invalid("the certificate");
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) return Invalid("the certificate");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Invalid("the key does not belong to the certificate");
  }
  return absl::OkStatus();
}

absl::Status TrustAuthorities(SSL_CTX* context, const TlsOptions& options) {
  if (options.authorities_pem.empty() && options.peer == TlsOptions::Peer::kOptional &&
      options.role == TlsOptions::Role::kServer) {
    return absl::OkStatus();  // Nobody is asked for a certificate.
  }
  SKIFF_ASSIGN_OR_RETURN(const std::vector<X509Ptr> authorities,
                         ParseCertificates(options.authorities_pem, "TLS: the authorities"));
  for (const X509Ptr& authority : authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1 ||
        (options.role == TlsOptions::Role::kServer &&
         SSL_CTX_add_client_CA(context, authority.get()) != 1)) {
      return Invalid("the authorities");
    }
  }
  int mode = SSL_VERIFY_PEER;
  if (options.peer == TlsOptions::Peer::kRequired) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, mode, nullptr);
  return absl::OkStatus();
}

std::vector<std::string> NamesOf(X509* certificate, int nid) {
  std::vector<std::string> out;
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  for (int at = X509_NAME_get_index_by_NID(subject, nid, -1); at >= 0;
       at = X509_NAME_get_index_by_NID(subject, nid, at)) {
    unsigned char* text = nullptr;
    const int length =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (length < 0) continue;
    out.emplace_back(reinterpret_cast<char*>(text), length);
    OPENSSL_free(text);
  }
  return out;
}

// Whether the other side ended the handshake for what our certificate is (RFC 8446, 6.2).
bool IsRefusalOfOurs(int reason) {
  switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

bool IsAboutTime(long verified) {
  return verified == X509_V_ERR_CERT_NOT_YET_VALID || verified == X509_V_ERR_CERT_HAS_EXPIRED;
}

// Of what the client offers, what the server likes best.
int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_length,
                   const unsigned char* offered, unsigned int offered_length, void* known) {
  const auto& protocols = *static_cast<const std::string*>(known);
  unsigned char* selected = nullptr;
  const int found = SSL_select_next_proto(
      &selected, out_length, reinterpret_cast<const unsigned char*>(protocols.data()),
      static_cast<unsigned int>(protocols.size()), offered, offered_length);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

absl::StatusOr<TlsContext> TlsContext::Make(const TlsOptions& options) {
  ERR_clear_error();
  const bool server = options.role == TlsOptions::Role::kServer;
  const std::shared_ptr<SSL_CTX> context(
      SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()), SSL_CTX_free);
  if (!context) return Invalid("making a context");
  SSL_CTX_set_min_proto_version(context.get(), options.allow_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  if (server || !options.identity.certificate_pem.empty()) {
    SKIFF_RETURN_IF_ERROR(UseIdentity(context.get(), options.identity));
  }
  SKIFF_RETURN_IF_ERROR(TrustAuthorities(context.get(), options));
  TlsContext out(context, options.role);
  if (!options.protocols.empty()) {
    out.protocols_ = std::make_shared<std::string>();
    for (const std::string& protocol : options.protocols) {
      out.protocols_->push_back(static_cast<char>(protocol.size()));
      out.protocols_->append(protocol);
    }
    if (server) {
      SSL_CTX_set_alpn_select_cb(context.get(), SelectProtocol, out.protocols_.get());
    } else {
      SSL_CTX_set_alpn_protos(context.get(),
                              reinterpret_cast<const unsigned char*>(out.protocols_->data()),
                              static_cast<unsigned int>(out.protocols_->size()));
    }
  }
  return out;
}

void TlsSession::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsSession::TlsSession(const TlsContext& context, const std::string& server_name)
    : ssl_(SSL_new(context.context_.get())) {
  SKIFF_CHECK(ssl_ != nullptr);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (context.role_ == TlsOptions::Role::kServer) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  if (!server_name.empty()) {
    unsigned char ip[16];
    if (inet_pton(AF_INET, server_name.c_str(), ip) == 1 ||
        inet_pton(AF_INET6, server_name.c_str(), ip) == 1) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), server_name.c_str());
    } else {
      SSL_set_tlsext_host_name(ssl_.get(), server_name.c_str());  // RFC 6066: never an address.
      SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      SSL_set1_host(ssl_.get(), server_name.c_str());
    }
  }
  failure_ = Handshake();
}

TlsSession::~TlsSession() = default;

absl::Status TlsSession::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    established_ = true;
    ReadPeer();
    return absl::OkStatus();
  }
  return Fail(result, "TLS handshake");
}

absl::Status TlsSession::Fail(int result, absl::string_view doing) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return absl::OkStatus();
  if (error == SSL_ERROR_ZERO_RETURN) {
    peer_closed_ = true;
    return absl::OkStatus();
  }
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const long verified = SSL_get_verify_result(ssl_.get());
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    ERR_clear_error();
    return absl::UnauthenticatedError(absl::StrCat(
        doing,
        ": the other side's certificate is refused: ", X509_verify_cert_error_string(verified),
        IsAboutTime(verified) ? absl::StrCat("; the clock of this machine says ",
                                             absl::FormatTime("%Y-%m-%d %H:%M", SystemClock().Now(),
                                                              absl::UTCTimeZone()),
                                             " UTC: set it if that is wrong")
                              : ""));
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    ERR_clear_error();
    return absl::UnauthenticatedError(absl::StrCat(doing, ": the other side shows no certificate"));
  }
  if (IsRefusalOfOurs(reason)) {
    return OpensslStatus(absl::StatusCode::kPermissionDenied,
                         absl::StrCat(doing, ": the other side refuses our certificate"));
  }
  return OpensslStatus(absl::StatusCode::kDataLoss, doing);
}

void TlsSession::ReadPeer() {
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return;
  const std::vector<std::string> names = NamesOf(certificate, NID_commonName);
  if (!names.empty()) peer_common_name_ = names.back();
  peer_organizations_ = NamesOf(certificate, NID_organizationName);
}

absl::string_view TlsSession::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

absl::Status TlsSession::Feed(absl::string_view ciphertext, std::string* plaintext) {
  SKIFF_RETURN_IF_ERROR(failure_);
  while (!ciphertext.empty()) {
    // Parts: BIO_write counts in int.
    const absl::string_view part = ciphertext.substr(0, 1 << 20);
    ciphertext.remove_prefix(part.size());
    BIO_write(SSL_get_rbio(ssl_.get()), part.data(), static_cast<int>(part.size()));
  }
  if (!established_) {
    failure_ = Handshake();
    if (!failure_.ok() || !established_) return failure_;
  }
  while (!peer_closed_) {
    ERR_clear_error();
    const size_t before = plaintext->size();
    plaintext->resize(before + kMaxRecordBytes);
    const int n =
        SSL_read(ssl_.get(), plaintext->data() + before, static_cast<int>(kMaxRecordBytes));
    plaintext->resize(before + std::max(n, 0));
    if (n > 0) continue;
    failure_ = Fail(n, "TLS");
    break;
  }
  return failure_;
}

absl::Status TlsSession::Write(absl::string_view plaintext) {
  SKIFF_RETURN_IF_ERROR(failure_);
  if (!established_) return absl::FailedPreconditionError("TLS: the handshake is not done");
  while (!plaintext.empty()) {
    const absl::string_view part = plaintext.substr(0, 1 << 20);
    plaintext.remove_prefix(part.size());
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), part.data(), static_cast<int>(part.size()));
    if (n != static_cast<int>(part.size())) {
      failure_ = OpensslStatus(absl::StatusCode::kFailedPrecondition, "TLS: writing");
      return failure_;
    }
  }
  return absl::OkStatus();
}

void TlsSession::Close() {
  if (!established_ || !failure_.ok()) return;
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  failure_ = absl::FailedPreconditionError("TLS: the session is closed");
}

size_t TlsSession::output_bytes() const { return BIO_ctrl_pending(SSL_get_wbio(ssl_.get())); }

std::string TlsSession::TakeOutput() {
  BIO* const bio = SSL_get_wbio(ssl_.get());
  std::string out(BIO_ctrl_pending(bio), '\0');
  if (!out.empty())
    out.resize(std::max(0, BIO_read(bio, out.data(), static_cast<int>(out.size()))));
  return out;
}

}  // namespace skiff
