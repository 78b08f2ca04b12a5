#include "raft/peer_transport.h"

#include <utility>

#include "base/notification.h"
#include "base/status.h"
#include "raft/peer_link.h"
#include "raft/peer_listener.h"

namespace skiff::raft {
namespace {

// Runs `work` on the loop and waits for it.
void RunOnLoop(Executor* executor, std::function<void()> work) {
  if (executor->InLoop()) return work();
  Notification done;
  // Whether the task runs or is dropped, its end is told.
  std::shared_ptr<void> signal(nullptr, [&done](void*) { done.Notify(); });
  executor->Post([work = std::move(work), signal = std::move(signal)] { work(); });
  done.WaitForNotification();
}

}  // namespace

struct PeerTransport::Parts {
  std::shared_ptr<PeerShared> shared;
  std::shared_ptr<const Receiver> receiver;
  std::unique_ptr<PeerListener> listener;
  std::map<MemberId, std::unique_ptr<PeerLink>> links;
  // Whether a flush of every link is posted; shared with it, as it may come after the end.
  std::shared_ptr<bool> flushing = std::make_shared<bool>(false);
};

absl::StatusOr<std::unique_ptr<PeerTransport>> PeerTransport::Listen(
    UvExecutor* executor, WorkPool* pool, PeerOptions options, Logger logger, Metrics* metrics) {
  std::unique_ptr<PeerTransport> transport(new PeerTransport(executor));
  absl::Status status = absl::UnavailableError("the loop of the member has stopped");
  RunOnLoop(executor, [&] {
    status = transport->ListenOnLoop(pool, std::move(options), std::move(logger), metrics);
  });
  SKIFF_RETURN_IF_ERROR(status);
  return transport;
}

absl::Status PeerTransport::ListenOnLoop(WorkPool* pool, PeerOptions options, Logger logger,
                                         Metrics* metrics) {
  if (options.id == 0) return absl::InvalidArgumentError("member id 0: ids begin with 1");
  TlsOptions tls;
  tls.identity = options.identity;
  tls.authorities_pem = options.authorities_pem;
  tls.role = TlsOptions::Role::kServer;
  SKIFF_ASSIGN_OR_RETURN(TlsContext server, TlsContext::Make(tls));
  tls.role = TlsOptions::Role::kClient;
  SKIFF_ASSIGN_OR_RETURN(TlsContext client, TlsContext::Make(tls));
  auto parts = std::make_unique<Parts>();
  parts->shared = std::make_shared<PeerShared>(executor_, pool, std::move(options), logger, metrics,
                                               std::move(server), std::move(client));
  Parts* const raw = parts.get();
  parts->listener = std::make_unique<PeerListener>(
      parts->shared,
      [raw](Message message) {
        // Held during the call: the transport may end within.
        const std::shared_ptr<const Receiver> receiver = raw->receiver;
        if (receiver) (*receiver)(std::move(message));
      },
      [raw](MemberId id) {
        const auto link = raw->links.find(id);
        if (link != raw->links.end()) link->second->Heard();
      });
  SKIFF_ASSIGN_OR_RETURN(address_, parts->listener->Listen(parts->shared->options.listen));
  parts_ = std::move(parts);
  return absl::OkStatus();
}

PeerTransport::PeerTransport(UvExecutor* executor) : executor_(executor) {}

PeerTransport::~PeerTransport() {
  if (parts_) RunOnLoop(executor_, [this] { CloseOnLoop(); });
}

void PeerTransport::CloseOnLoop() {
  const auto shared = parts_->shared;
  parts_.reset();
  // Those that were about to end by themselves.
  const auto left = shared->connections;
  for (const auto& connection : left) connection->Close();
}

bool PeerTransport::ConnectedTo(MemberId id) const {
  const auto link = parts_->links.find(id);
  return link != parts_->links.end() && link->second->ready();
}

void PeerTransport::Start(Receiver receiver) {
  parts_->receiver = std::make_shared<const Receiver>(std::move(receiver));
}

void PeerTransport::SetPeers(const std::map<MemberId, std::string>& addresses) {
  auto& links = parts_->links;
  std::set<MemberId> ids;
  for (const auto& [id, address] : addresses) {
    if (id != parts_->shared->options.id) ids.insert(id);
  }
  std::erase_if(links, [&](const auto& link) {
    return !ids.contains(link.first) || link.second->address() != addresses.at(link.first);
  });
  // First, so that those who answer a dial at once are known.
  parts_->listener->SetPeers(ids);
  for (const MemberId id : ids) {
    auto& link = links[id];
    if (!link) link = std::make_unique<PeerLink>(parts_->shared, id, addresses.at(id));
  }
}

void PeerTransport::Send(Message message) {
  SKIFF_CHECK(message.from == parts_->shared->options.id);
  const auto link = parts_->links.find(message.to);
  if (link == parts_->links.end()) return;
  link->second->Send(message);
  // What is sent in one turn of the loop leaves in one write.
  if (std::exchange(*parts_->flushing, true)) return;
  executor_->Post([this, flushing = std::weak_ptr<bool>(parts_->flushing)] {
    const auto held = flushing.lock();
    if (!held) return;
    *held = false;
    for (const auto& [id, link] : parts_->links) link->Flush();
  });
}

uint32_t PeerTransport::VersionOf(MemberId id) const {
  const PeerOptions& options = parts_->shared->options;
  return id == options.id ? options.newest_version : parts_->listener->VersionOf(id);
}

void PeerTransport::RequireVersion(uint32_t version) {
  if (std::exchange(parts_->shared->required_version, version) >= version) return;
  parts_->listener->RequireVersion(version);
  for (const auto& [id, link] : parts_->links) link->RequireVersion(version);
}

size_t PeerTransport::BulkRoom(MemberId to) const {
  const auto link = parts_->links.find(to);
  return link == parts_->links.end() ? 0 : link->second->BulkRoom();
}

}  // namespace skiff::raft
