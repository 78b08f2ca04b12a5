#include "raft/peer_listener.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::raft {
namespace {

// Who has not greeted yet, or is no peer. One more, and the one that came first goes: those who
// mean it need only a moment.
constexpr size_t kMaxStrangers = 64;
constexpr size_t kMaxMembersBytes = 64 << 10;

std::string About(MemberId id) { return absl::StrCat("from member ", id); }

absl::Status ListenError(int error, const std::string& address) {
  if (error == UV_EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat("member address ", address, " is in use by another process"));
  }
  return ErrnoStatus(-error, absl::StrCat("member address ", address));
}

}  // namespace

class PeerListener::Visitor : public std::enable_shared_from_this<Visitor> {
 public:
  Visitor(PeerListener* listener, uint64_t arrival) : listener_(listener), arrival_(arrival) {}

  bool Accept(uv_stream_t* stream) {
    connection_ = PeerConnection::Accept(
        listener_->shared_, stream,
        {.established = [] {},
         .received = [this](absl::string_view plaintext) { OnReceived(plaintext); },
         .written = [] {},
         .ended = [this](const absl::Status& why) { OnEnded(why); }});
    return connection_ != nullptr;
  }

  // Nothing of the listener is touched any more.
  void Close() {
    listener_ = nullptr;
    connection_->Close();
  }

  uint64_t arrival() const { return arrival_; }
  MemberId id() const { return id_; }
  uint32_t newest_version() const { return newest_version_; }
  void NotePeers(const std::set<MemberId>& peers) {
    // It is to greet again, as a peer.
    if (id_ != 0 && !peer_ && peers.contains(id_)) connection_->Leave();
  }
  void Welcomed() {
    connection_->Settle();
    connection_->Write(EncodeFrame(FrameKind::kWelcome, EncodeWelcome({version_})));
  }

 private:
  void OnReceived(absl::string_view plaintext) {
    const auto self = shared_from_this();
    reader_.Feed(plaintext);
    while (listener_ != nullptr) {
      absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
      if (frame.ok() && !frame->has_value()) return;
      const absl::Status status = !frame.ok() ? frame.status()
                                  : id_ == 0  ? Greet(**frame)
                                              : Hear(**std::move(frame));
      if (status.ok() || listener_ == nullptr) continue;
      Refuse(status);
    }
  }

  absl::Status Greet(const Frame& frame) {
    if (frame.kind != FrameKind::kHello) return absl::DataLossError("it does not greet");
    SKIFF_ASSIGN_OR_RETURN(const Hello hello, DecodeHello(frame.payload));
    absl::Status status = Check(hello);
    if (auto version =
            listener_->shared_->AgreeOnVersion(hello.from, hello.min_version, hello.max_version);
        status.ok() && version.ok()) {
      version_ = *version;
    } else if (status.ok()) {
      status = version.status();
    }
    if (!status.ok()) {
      connection_->Write(EncodeFrame(
          FrameKind::kRefusal, absl::string_view(status.message()).substr(0, kMaxGreetingBytes)));
      return status;
    }
    id_ = hello.from;
    newest_version_ = hello.max_version;
    assembler_.Expect(version_);
    peer_ = listener_->peers_.contains(id_);
    received_messages_ = &listener_->shared_->metrics->Counter(
        "skiff_raft_peer_received_messages_total", "Raft messages received from a member",
        {{"peer", absl::StrCat(id_)}});
    received_bytes_ = &listener_->shared_->metrics->Counter(
        "skiff_raft_peer_received_bytes_total", "Bytes received from a member, after decryption",
        {{"peer", absl::StrCat(id_)}});
    reader_.Allow(peer_ ? kMaxFrameBytes : kMaxMembersBytes);
    if (peer_) {
      listener_->Welcome(shared_from_this());
    } else {
      Welcomed();
    }
    return absl::OkStatus();
  }

  absl::Status Check(const Hello& hello) const {
    const PeerOptions& options = listener_->shared_->options;
    if (hello.cluster_id != options.cluster_id) {
      return absl::PermissionDeniedError(
          absl::StrCat("member ", hello.from, " belongs to cluster ", absl::Hex(hello.cluster_id),
                       ", member ", options.id, " to cluster ", absl::Hex(options.cluster_id)));
    }
    if (hello.to != options.id) {
      return absl::NotFoundError(absl::StrCat("member ", hello.from, " looks for member ", hello.to,
                                              ", this is member ", options.id));
    }
    // One whose certificate says who it is may say who the members are.
    const bool welcome = listener_->peers_.contains(hello.from) || options.common_name;
    if (hello.from == options.id || !welcome) {
      return absl::PermissionDeniedError(absl::StrCat(
          "member ", hello.from, " is not among those that member ", options.id, " knows"));
    }
    return listener_->shared_->CheckName(hello.from, connection_->peer_common_name());
  }

  absl::Status Hear(Frame frame) {
    received_bytes_->Increment(static_cast<double>(frame.payload.size()));
    SKIFF_ASSIGN_OR_RETURN(std::optional<Message> message, assembler_.Add(std::move(frame)));
    if (!message.has_value()) return absl::OkStatus();
    if (message->from != id_ || message->to != listener_->shared_->options.id) {
      return absl::DataLossError(
          absl::StrCat("a message from member ", message->from, " to member ", message->to));
    }
    if (!peer_ && message->type != MessageType::kMembers) return absl::OkStatus();
    received_messages_->Increment();
    // A copy: the listener may go within, and its callback with it.
    const OnMessage on_message = listener_->on_message_;
    on_message(*std::move(message));
    return absl::OkStatus();
  }

  void Refuse(const absl::Status& why) {
    connection_->Leave();
    OnEnded(why);
  }

  void OnEnded(const absl::Status& why) {
    const auto self = shared_from_this();
    PeerListener* const listener = std::exchange(listener_, nullptr);
    if (listener == nullptr) return;
    if (peer_) {
      listener->visitors_.erase(id_);
    } else {
      listener->strangers_.erase(arrival_);
    }
    // That a connection ends is nothing of note: the way back is what tells.
    if (why.code() == absl::StatusCode::kUnavailable) return;
    if (id_ != 0) {
      listener->shared_->problems.Wrong(About(id_), std::string(why.message()));
    } else {
      listener->shared_->strangers.Wrong(absl::StrCat("a connection from ", connection_->peer_ip()),
                                         std::string(why.message()));
    }
  }

  PeerListener* listener_;  // Null: gone, or done with this.
  const uint64_t arrival_;
  MemberId id_ = 0;              // Once welcomed.
  uint32_t version_ = 0;         // Spoken from then on.
  uint32_t newest_version_ = 0;  // That it understands.
  bool peer_ = false;            // Else only kMembers of it are heard.
  std::shared_ptr<PeerConnection> connection_;
  FrameReader reader_{kMaxGreetingBytes};
  MessageAssembler assembler_;
  prometheus::Counter* received_messages_ = nullptr;
  prometheus::Counter* received_bytes_ = nullptr;
};

PeerListener::PeerListener(std::shared_ptr<PeerShared> shared, OnMessage on_message,
                           OnWelcomed on_welcomed)
    : shared_(std::move(shared)),
      on_message_(std::move(on_message)),
      on_welcomed_(std::move(on_welcomed)) {}

PeerListener::~PeerListener() {
  if (listener_ != nullptr) {
    uv_close(reinterpret_cast<uv_handle_t*>(listener_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
  }
  for (const auto& [arrival, visitor] : strangers_) visitor->Close();
  for (const auto& [id, visitor] : visitors_) visitor->Close();
}

absl::StatusOr<std::string> PeerListener::Listen(const std::string& address) {
  SKIFF_ASSIGN_OR_RETURN(const HostPort where, SplitHostPort(address));
  const std::vector<sockaddr_storage> numeric = NumericAddress(where);
  if (numeric.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "member address \"", address, "\": to listen, the host must be an IP address"));
  }
  listener_ = new uv_tcp_t;
  SKIFF_CHECK(uv_tcp_init(shared_->executor->uv_loop(), listener_) == 0);
  listener_->data = this;
  int error = uv_tcp_bind(listener_, reinterpret_cast<const sockaddr*>(&numeric.front()), 0);
  if (error == 0) {
    error = uv_listen(reinterpret_cast<uv_stream_t*>(listener_), 128,
                      [](uv_stream_t* stream, int status) {
                        if (status == 0) static_cast<PeerListener*>(stream->data)->Accept();
                      });
  }
  if (error != 0) return ListenError(error, address);
  sockaddr_storage bound{};
  int size = sizeof bound;
  uv_tcp_getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
  return IpAndPortOf(bound);
}

void PeerListener::Accept() {
  const uint64_t arrival = ++arrivals_;
  const auto visitor = std::make_shared<Visitor>(this, arrival);
  if (!visitor->Accept(reinterpret_cast<uv_stream_t*>(listener_))) return;
  strangers_[arrival] = visitor;
  if (strangers_.size() <= kMaxStrangers) return;
  strangers_.begin()->second->Close();
  strangers_.erase(strangers_.begin());
}

void PeerListener::Welcome(const std::shared_ptr<Visitor>& visitor) {
  strangers_.erase(visitor->arrival());
  std::shared_ptr<Visitor>& place = visitors_[visitor->id()];
  // The peer knows best which of its connections it uses.
  if (place) place->Close();
  place = visitor;
  versions_[visitor->id()] = visitor->newest_version();
  visitor->Welcomed();
  shared_->problems.Forget(About(visitor->id()));
  on_welcomed_(visitor->id());
}

uint32_t PeerListener::VersionOf(MemberId id) const {
  const auto it = versions_.find(id);
  return it == versions_.end() ? 0 : it->second;
}

void PeerListener::RequireVersion(uint32_t version) {
  std::erase_if(visitors_, [&](const auto& each) {
    const bool behind = each.second->newest_version() < version;
    if (behind) each.second->Close();
    return behind;
  });
}

void PeerListener::SetPeers(std::set<MemberId> ids) {
  peers_ = std::move(ids);
  std::erase_if(versions_, [&](const auto& each) { return !peers_.contains(each.first); });
  const auto strangers = strangers_;
  for (const auto& [arrival, visitor] : strangers) visitor->NotePeers(peers_);
  for (auto it = visitors_.begin(); it != visitors_.end();) {
    if (peers_.contains(it->first)) {
      ++it;
      continue;
    }
    it->second->Close();
    it = visitors_.erase(it);
  }
}

}  // namespace skiff::raft
