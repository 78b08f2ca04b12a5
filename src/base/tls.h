// TLS without a socket: ciphertext goes in and comes out as bytes, so any transport carries it.
//
//   TlsSession session(context, /*server_name=*/"");
//   status = session.Feed(from_socket, &plaintext);  // Until established(), and ever after.
//   session.Write("hello");
//   to_socket += session.TakeOutput();
//
// Threads: a TlsContext any, a TlsSession one at a time. Nothing blocks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/certificate.h"

struct ssl_ctx_st;
struct ssl_st;

namespace skiff {

struct TlsOptions {
  enum class Role { kServer, kClient };
  enum class Peer {
    kRequired,  // Must show a certificate that one of `authorities_pem` signed.
    kOptional,  // A server's: may show none, but no other.
  };
  Role role = Role::kServer;
  TlsIdentity identity;         // A client without one shows none.
  std::string authorities_pem;  // One or more certificates.
  Peer peer = Peer::kRequired;
  bool allow_1_2 = false;  // Only 1.3 otherwise.
  // By ALPN (RFC 7301), the one that is liked best first; the server chooses. A client that knows
  // none of the server's is served all the same.
  std::vector<std::string> protocols;
};

// What many sessions have in common. Copies are cheap and share.
class TlsContext {
 public:
  // kInvalidArgument: what is wrong with which of the options.
  static absl::StatusOr<TlsContext> Make(const TlsOptions& options);

 private:
  friend class TlsSession;
  TlsContext(std::shared_ptr<ssl_ctx_st> context, TlsOptions::Role role)
      : context_(std::move(context)), role_(role) {}
  std::shared_ptr<std::string> protocols_;  // As ALPN has them on the wire.
  std::shared_ptr<ssl_ctx_st> context_;
  TlsOptions::Role role_;
};

class TlsSession {
 public:
  // A client's `server_name` (a host name or an IP address) must be among the names of the server's
  // certificate; empty: any certificate of the authorities will do. The first output of a client is
  // there at once.
  explicit TlsSession(const TlsContext& context, const std::string& server_name = "");
  ~TlsSession();

  // Takes what came from the other side, and appends to `plaintext` what it says. Not OK: the
  // session is at its end; TakeOutput may still have for the other side why.
  //   kUnauthenticated: its certificate is not good here; kPermissionDenied: it does not take ours;
  //   kDataLoss: this is not TLS of a version that is allowed, or was tampered with.
  absl::Status Feed(absl::string_view ciphertext, std::string* plaintext);
  // kFailedPrecondition: not established, or at its end.
  absl::Status Write(absl::string_view plaintext);
  // Tells the other side that nothing more will come.
  void Close();
  // What is to go to the other side.
  std::string TakeOutput();
  size_t output_bytes() const;

  // Both may be written and read. A client is established before the server has judged its
  // certificate: a refusal comes by a later Feed.
  bool established() const { return established_; }
  // The other side has said that nothing more will come: only then is what was read complete.
  bool peer_closed() const { return peer_closed_; }
  // Of the other side's certificate, once established; empty if it showed none.
  const std::string& peer_common_name() const { return peer_common_name_; }
  const std::vector<std::string>& peer_organizations() const { return peer_organizations_; }
  // Agreed on by ALPN; empty: none. Once established.
  absl::string_view protocol() const;

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  absl::Status Handshake();
  absl::Status Fail(int result, absl::string_view doing);
  void ReadPeer();

  std::unique_ptr<ssl_st, Free> ssl_;
  absl::Status failure_;
  bool established_ = false;
  bool peer_closed_ = false;
  std::string peer_common_name_;
  std::vector<std::string> peer_organizations_;
};

}  // namespace skiff
