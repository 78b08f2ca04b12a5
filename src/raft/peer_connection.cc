#include "raft/peer_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::raft {
namespace {

// Of whom and of what is remembered, so that strangers cannot make the log or the memory grow.
constexpr size_t kMaxAbout = 256;
constexpr size_t kMaxTexts = 8;
// So that little stands between a heartbeat and the wire: what the kernel takes without sending it.
constexpr int kUnsentBytes = 128 << 10;
constexpr absl::Duration kLeaveTime = absl::Seconds(1);
constexpr size_t kMaxUnreadBytes = 1 << 20;
constexpr size_t kMaxDiscardedBytes = 1 << 20;

// TLS tells what it saw, not what that means.
absl::Status Explained(const absl::Status& why) {
  if (!absl::StrContains(why.message(), "self-signed certificate") &&
      !absl::StrContains(why.message(), "local issuer certificate") &&
      !absl::StrContains(why.message(), "unknown ca")) {
    return why;
  }
  return absl::Status(
      why.code(), absl::StrCat("it is a member of another cluster, to which other certificates "
                               "belong: see that the addresses are right, and that either has its "
                               "own data directory or was given the token meant for it (",
                               why.message(), ")"));
}

}  // namespace

void ProblemLog::Wrong(const std::string& about, const std::string& text) {
  if (!said_.contains(about) && said_.size() >= kMaxAbout) return;
  std::set<std::string>& said = said_[about];
  if (said.size() >= kMaxTexts || !said.insert(text).second) return;
  logger_.Warning("%s: %s", about, text);
}

void ProblemLog::Right(const std::string& about, const std::string& text) {
  said_.erase(about);
  logger_.Info("%s: %s", about, text);
}

absl::Status PeerShared::CheckName(MemberId id, const std::string& common_name) const {
  if (!options.common_name) return absl::OkStatus();
  const std::string want = options.common_name(id);
  if (common_name == want) return absl::OkStatus();
  return absl::UnauthenticatedError(absl::StrCat("its certificate is for \"", common_name,
                                                 "\", that of member ", id, " must be for \"", want,
                                                 "\""));
}

absl::StatusOr<uint32_t> PeerShared::AgreeOnVersion(MemberId id, uint32_t min, uint32_t max) const {
  const uint32_t version = std::min(max, options.newest_version);
  if (version >= std::max(min, required_version)) return version;
  // What another program wrote may follow what is wrong; the member that is behind is named.
  const bool other_is_behind = max < options.newest_version;
  return absl::FailedPreconditionError(absl::StrCat(
      "member ", id, " understands versions ", min, " to ", max, ", member ", options.id,
      " versions ", required_version, " to ", options.newest_version,
      required_version > kOldestVersion
          ? absl::StrCat(" as the log of the cluster is of version ", required_version)
          : "",
      ": start member ", other_is_behind ? id : options.id, " with the newer program"));
}

// What is on its way to the socket, kept alive until libuv has taken it.
struct PeerConnection::Output {
  uv_write_t request;
  std::shared_ptr<PeerConnection> connection;
  std::string bytes;
};

PeerConnection::PeerConnection(const std::shared_ptr<PeerShared>& shared, bool accepted,
                               Events events)
    : shared_(shared),
      events_(std::move(events)),
      session_(accepted ? shared->server : shared->client) {
  SKIFF_CHECK(uv_tcp_init(shared_->executor->uv_loop(), &tcp_) == 0);
  tcp_.data = this;
  connect_.data = this;
  shutdown_.data = this;
}

std::shared_ptr<PeerConnection> PeerConnection::Dial(const std::shared_ptr<PeerShared>& shared,
                                                     const sockaddr_storage& address,
                                                     Events events) {
  auto self = std::make_shared<PeerConnection>(shared, /*accepted=*/false, std::move(events));
  shared->connections.insert(self);
  self->peer_ip_ = IpOf(address);
  self->LimitTime(shared->options.handshake_time, "no connection");
  const int error =
      uv_tcp_connect(&self->connect_, &self->tcp_, reinterpret_cast<const sockaddr*>(&address),
                     [](uv_connect_t* request, int status) {
                       if (status != UV_ECANCELED)
                         static_cast<PeerConnection*>(request->data)->OnConnect(status);
                     });
  if (error != 0) self->EndLater(ErrnoStatus(-error, "connecting"));
  return self;
}

std::shared_ptr<PeerConnection> PeerConnection::Accept(const std::shared_ptr<PeerShared>& shared,
                                                       uv_stream_t* listener, Events events) {
  auto self = std::make_shared<PeerConnection>(shared, /*accepted=*/true, std::move(events));
  shared->connections.insert(self);
  sockaddr_storage address{};
  int size = sizeof address;
  if (uv_accept(listener, reinterpret_cast<uv_stream_t*>(&self->tcp_)) != 0 ||
      uv_tcp_getpeername(&self->tcp_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    self->Close();
    return nullptr;
  }
  self->peer_ip_ = IpOf(address);
  self->LimitTime(shared->options.handshake_time, "no greeting");
  self->Begin();
  return self;
}

void PeerConnection::OnConnect(int status) {
  if (closed_ || leaving_) return;
  if (status != 0) return End(ErrnoStatus(-status, "connecting"));
  Begin();
}

void PeerConnection::SetSocketOptions() {
  uv_tcp_nodelay(&tcp_, 1);
  int fd = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&tcp_), &fd) != 0) return;
  const auto set = [fd](int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof value);
  };
  // tcp(7): a peer that vanished is noticed by what it does not acknowledge, or, while nothing is
  // sent, by probes.
  const int64_t silence_ms = absl::ToInt64Milliseconds(shared_->options.silence_time);
  const int silence_s = static_cast<int>(std::max<int64_t>(silence_ms / 1000, 3));
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(silence_ms));
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, silence_s / 3);
  set(IPPROTO_TCP, TCP_KEEPINTVL, silence_s / 3);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes);
}

void PeerConnection::Begin() {
  begun_ = true;
  SetSocketOptions();
  const int error = uv_read_start(
      reinterpret_cast<uv_stream_t*>(&tcp_),
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        auto* const self = static_cast<PeerConnection*>(handle->data);
        *buffer = uv_buf_init(self->read_buffer_, sizeof self->read_buffer_);
      },
      [](uv_stream_t* stream, ssize_t n, const uv_buf_t*) {
        static_cast<PeerConnection*>(stream->data)->OnRead(n);
      });
  if (error != 0) return EndLater(ErrnoStatus(-error, "reading"));
  Flush();
}

void PeerConnection::OnRead(ssize_t n) {
  if (n == 0) return;
  const auto self = shared_from_this();
  if (leaving_) {
    discarded_bytes_ += std::max<ssize_t>(n, 0);
    if (n < 0 || discarded_bytes_ > kMaxDiscardedBytes) Close();
    return;
  }
  if (n < 0) {
    End(n == UV_EOF ? absl::UnavailableError("the other side closed the connection")
                    : ErrnoStatus(static_cast<int>(-n), "reading"));
    return Close();
  }
  std::string plaintext;
  const absl::Status status =
      session_.Feed(absl::string_view(read_buffer_, static_cast<size_t>(n)), &plaintext);
  Flush();
  if (writing_ && session_.output_bytes() > kMaxUnreadBytes) {
    return End(absl::ResourceExhaustedError("it does not read what it asks TLS for"));
  }
  if (session_.established() && !std::exchange(told_established_, true) && !quiet_) {
    events_.established();
  }
  if (!plaintext.empty() && !quiet_) events_.received(plaintext);
  if (!status.ok()) return End(Explained(status));
  if (session_.peer_closed()) End(absl::UnavailableError("the other side closed the connection"));
}

void PeerConnection::Write(absl::string_view plaintext) {
  if (closed_ || leaving_) return;
  const absl::Status status = session_.Write(plaintext);
  if (!status.ok()) return EndLater(status);
  Flush();
}

void PeerConnection::Flush() {
  if (closed_ || writing_) return;
  auto output = std::make_unique<Output>();
  output->bytes = session_.TakeOutput();
  if (output->bytes.empty()) return;
  output->connection = shared_from_this();
  output->request.data = output.get();
  const uv_buf_t buffer =
      uv_buf_init(output->bytes.data(), static_cast<unsigned>(output->bytes.size()));
  const int error =
      uv_write(&output->request, reinterpret_cast<uv_stream_t*>(&tcp_), &buffer, 1,
               [](uv_write_t* request, int status) {
                 const std::unique_ptr<Output> output(static_cast<Output*>(request->data));
                 output->connection->OnWritten(status);
               });
  if (error != 0) return EndLater(ErrnoStatus(-error, "writing"));
  writing_ = true;
  output.release();
}

void PeerConnection::OnWritten(int status) {
  writing_ = false;
  if (closed_) return;
  if (status != 0) {
    End(ErrnoStatus(-status, "writing"));
    return Close();
  }
  Flush();  // What TLS has to say of its own.
  if (writing_) return;
  if (leaving_) return FinishLeaving();
  if (!quiet_ && told_established_) events_.written();
}

void PeerConnection::End(const absl::Status& why) {
  if (closed_ || leaving_) return;
  const auto self = shared_from_this();
  if (!std::exchange(quiet_, true)) events_.ended(why);
  Leave();
}

void PeerConnection::EndLater(const absl::Status& why) {
  shared_->executor->Post([self = shared_from_this(), why] {
    self->End(why);
    self->Close();
  });
}

void PeerConnection::Leave() {
  if (closed_ || leaving_) return;
  quiet_ = true;
  if (!begun_) return Close();
  session_.Close();
  leaving_ = true;
  Flush();
  if (closed_) return;
  LimitTime(kLeaveTime, "");
  if (!writing_) FinishLeaving();
}

// A socket closed with bytes unread resets the connection, and takes away from the other side what
// it has not read yet (RFC 1122, 4.2.2.13). So what comes is read until the other side closes.
void PeerConnection::FinishLeaving() {
  if (std::exchange(shut_, true)) return;
  const int error =
      uv_shutdown(&shutdown_, reinterpret_cast<uv_stream_t*>(&tcp_), [](uv_shutdown_t*, int) {});
  if (error != 0) Close();
}

void PeerConnection::LimitTime(absl::Duration time, absl::string_view what) {
  shared_->executor->Cancel(timer_);
  timer_ =
      shared_->executor->PostAfter(time, [weak = weak_from_this(), time, what = std::string(what)] {
        const auto self = weak.lock();
        if (!self) return;
        if (self->leaving_) return self->Close();
        self->End(absl::DeadlineExceededError(
            absl::StrCat(what, " within ", absl::FormatDuration(time))));
      });
}

void PeerConnection::Settle() {
  if (!leaving_) shared_->executor->Cancel(std::exchange(timer_, 0));
}

void PeerConnection::Close() {
  quiet_ = true;
  if (std::exchange(closed_, true)) return;
  shared_->executor->Cancel(timer_);
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), [](uv_handle_t* handle) {
    auto* const self = static_cast<PeerConnection*>(handle->data);
    const auto held = self->shared_from_this();  // It goes at the end of this.
    held->shared_->connections.erase(held);
  });
}

}  // namespace skiff::raft
