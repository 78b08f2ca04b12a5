// How members' messages travel: unreliable, unordered across reconnects, never duplicated
// knowingly; Raft copes. Two carry them: mutual TLS over TCP (peer_transport.h) and a simulated
// network (sim_network.h).
//
// Threads: the loop of the member it was made for.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "raft/types.h"

namespace skiff::raft {

class Transport {
 public:
  using Receiver = std::function<void(Message message)>;
  virtual ~Transport() = default;

  // Messages that arrive go to `receiver`, on the loop, until the transport is destroyed, which
  // `receiver` itself may do. What arrived before is lost.
  virtual void Start(Receiver receiver) = 0;
  // Who else there is, and where ("host:port"; ignored by the simulated network). Connections to
  // those no longer named end, queues of theirs are dropped, and what they send is refused, but for
  // kMembers of those of this cluster. May be called again at any time.
  virtual void SetPeers(const std::map<MemberId, std::string>& addresses) = 0;
  // Never blocks, never fails, never calls the receiver: a message that finds no connection, or a
  // queue that is full, is dropped. Bulk (kSnapshotChunk) has a queue of its own and yields to
  // everything else. `message.from` is the sender's own id; kSnapshot is not for the wire.
  virtual void Send(Message message) = 0;
  // The newest version that a peer has said to understand, when it last greeted this member; 0: it
  // has not. Of this member itself: its own.
  virtual uint32_t VersionOf(MemberId id) const = 0;
  // Those who do not understand `version` are refused from now on.
  virtual void RequireVersion(uint32_t version) = 0;
  // Bytes of `data` that bulk messages to `to` may hold now without being dropped.
  virtual size_t BulkRoom(MemberId to) const = 0;
};

// Whether messages of that type are bulk.
inline bool IsBulk(MessageType type) { return type == MessageType::kSnapshotChunk; }

}  // namespace skiff::raft
