// The way to one peer: dials it, greets it, sends to it, and dials again.
//
// Threads: the loop's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "raft/peer_connection.h"

namespace skiff::raft {

class PeerLink {
 public:
  // Dials at once.
  PeerLink(std::shared_ptr<PeerShared> shared, MemberId id, std::string address);
  ~PeerLink();
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  const std::string& address() const { return address_; }
  bool ready() const { return ready_; }
  size_t BulkRoom() const { return ready_ ? queue_.BulkRoom() : 0; }

  // Queues; Flush writes.
  void Send(const Message& message);
  void Flush();
  // The peer is alive: if the next dial is waited for, it need not be for long.
  void Heard();
  // Ends a connection to one that understands less.
  void RequireVersion(uint32_t version);

 private:
  void Dial();
  void DialOne(const std::vector<sockaddr_storage>& addresses);
  void OnEstablished();
  void OnReceived(absl::string_view plaintext);
  absl::Status OnAnswer(const Frame& frame);
  void Lost(const absl::Status& why);
  void DialAfter(absl::Duration pause);

  const std::shared_ptr<PeerShared> shared_;
  const MemberId id_;
  const std::string address_;
  const std::string about_;  // For the log.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<PeerConnection> connection_;
  FrameReader reader_{kMaxGreetingBytes};
  SendQueue queue_;
  bool ready_ = false;
  uint32_t version_ = 0;  // Spoken while it is ready.
  absl::Duration ready_since_;
  int failures_ = 0;  // Since a connection that lasted.
  uint64_t dials_ = 0;
  Executor::TimerId timer_ = 0;  // 0: not waiting to dial.

  prometheus::Counter& sent_messages_;
  prometheus::Counter& sent_bytes_;
  prometheus::Counter& dropped_messages_;
  prometheus::Gauge& connected_;
};

}  // namespace skiff::raft
