// Transport over TCP with mutual TLS 1.3 (base/tls.h). Every member dials every other and sends on
// the connection that it dialed; on those it accepted it only listens.
//
//   SKIFF_ASSIGN_OR_RETURN(auto transport, PeerTransport::Listen(loop, pool, options, log,
//   metrics));
//   // On the loop:
//   transport->Start([](Message message) { ... });
//   transport->SetPeers({{2, "10.0.0.2:2380"}});
//
// Whoever has no certificate of the authorities, belongs to another cluster, speaks another
// version, or is no peer, is refused. A connection that ends is dialed again after a pause that
// grows with each failure; hearing from the peer ends the pause. What goes wrong is logged once,
// until it is right again.
//
// Threads: the loop's, except Listen and the destructor, which any thread may call and which, off
// the loop, wait for it. Destroy it before the loop is stopped. Work of the pool posts to the loop:
// the executor outlives it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "base/tls.h"
#include "base/uv_executor.h"
#include "raft/peer_frame.h"
#include "raft/transport.h"

namespace skiff::raft {

struct PeerOptions {
  MemberId id = 0;
  uint64_t cluster_id = 0;  // Members of other clusters are refused, even with good certificates.
  std::string listen;       // "0.0.0.0:2380", an IP address; port 0 takes a free one.
  TlsIdentity identity;     // Of this member.
  std::string authorities_pem;  // Who may sign members' certificates.
  // If set, the certificate of a member must have this common name. Otherwise any certificate of
  // the authorities may speak for any member.
  std::function<std::string(MemberId id)> common_name;
  uint32_t newest_version = kNewestVersion;  // Less: as if it were an older program.

  SendLimits queue;                                  // To each peer.
  absl::Duration handshake_time = absl::Seconds(5);  // From the dial, or the accept, to kWelcome.
  absl::Duration silence_time = absl::Seconds(10);  // Unanswered by the other's kernel: it is gone.
  absl::Duration redial_min = absl::Milliseconds(50);
  absl::Duration redial_max = absl::Seconds(5);
};

class PeerTransport final : public Transport {
 public:
  // Listens. Those who dial are refused until they are among the peers.
  // kInvalidArgument, kAlreadyExists (the address is in use), kPermissionDenied.
  static absl::StatusOr<std::unique_ptr<PeerTransport>> Listen(UvExecutor* executor, WorkPool* pool,
                                                               PeerOptions options, Logger logger,
                                                               Metrics* metrics);
  ~PeerTransport() override;

  // Where it listens, with the port.
  const std::string& address() const { return address_; }
  // Whether messages to that peer would leave now rather than be dropped.
  bool ConnectedTo(MemberId id) const;

  void Start(Receiver receiver) override;
  void SetPeers(const std::map<MemberId, std::string>& addresses) override;
  void Send(Message message) override;
  uint32_t VersionOf(MemberId id) const override;
  void RequireVersion(uint32_t version) override;
  size_t BulkRoom(MemberId to) const override;

 private:
  struct Parts;
  explicit PeerTransport(UvExecutor* executor);
  absl::Status ListenOnLoop(WorkPool* pool, PeerOptions options, Logger logger, Metrics* metrics);
  void CloseOnLoop();

  UvExecutor* const executor_;
  std::unique_ptr<Parts> parts_;
  std::string address_;
};

}  // namespace skiff::raft
