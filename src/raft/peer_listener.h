// Those who dial this member: accepted, greeted, and heard.
//
// Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "raft/peer_connection.h"

namespace skiff::raft {

class PeerListener {
 public:
  // What a peer says; on return the listener may be gone.
  using OnMessage = std::function<void(Message message)>;
  using OnWelcomed = std::function<void(MemberId id)>;

  PeerListener(std::shared_ptr<PeerShared> shared, OnMessage on_message, OnWelcomed on_welcomed);
  // Closes every connection that it accepted.
  ~PeerListener();
  PeerListener(const PeerListener&) = delete;
  PeerListener& operator=(const PeerListener&) = delete;

  // The address that others reach, with the port. Errors: PeerTransport::Listen's.
  absl::StatusOr<std::string> Listen(const std::string& address);
  // Who may dial; connections of others end. Of others of the cluster, if their certificates say
  // who they are (PeerOptions::common_name), kMembers is heard all the same.
  void SetPeers(std::set<MemberId> ids);
  // Ends connections of peers that understand less.
  void RequireVersion(uint32_t version);
  uint32_t VersionOf(MemberId id) const;  // As it last greeted; 0: it has not.

 private:
  class Visitor;
  void Accept();
  void Welcome(const std::shared_ptr<Visitor>& visitor);

  const std::shared_ptr<PeerShared> shared_;
  const OnMessage on_message_;
  const OnWelcomed on_welcomed_;
  uv_tcp_t* listener_ = nullptr;  // Deleted when libuv has closed it.
  std::set<MemberId> peers_;
  std::map<uint64_t, std::shared_ptr<Visitor>> strangers_;  // And who has not greeted, by arrival.
  std::map<MemberId, std::shared_ptr<Visitor>> visitors_;
  std::map<MemberId, uint32_t> versions_;  // Of peers: the newest that each understands.
  uint64_t arrivals_ = 0;
};

}  // namespace skiff::raft
