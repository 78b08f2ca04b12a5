#include "apiserver/http/socket.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "base/status.h"

namespace skiff::apiserver::http {
namespace {

constexpr size_t kReadBytes = 16 << 10;  // At a time.
constexpr char kHandshakeRecord = 22;    // What a client of TLS begins with (RFC 8446, 5.1).
// To who takes the port for one without TLS, in the words that such clients know from elsewhere.
constexpr char kPlainRefused[] =
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

uv_buf_t Buffer(absl::string_view bytes) {
  return uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned int>(bytes.size()));
}

}  // namespace

// What is on its way to the kernel, kept alive until it has been taken.
struct Socket::Output {
  uv_write_t request;
  std::shared_ptr<Socket> socket;
  std::string head;  // Before the pieces.
  Pieces pieces;
  size_t bytes = 0;
};

Socket::Socket(uv_loop_t* loop, bool local, Executor* executor, const TlsContext* tls)
    : executor_(executor), tls_(tls == nullptr ? nullptr : std::make_unique<TlsSession>(*tls)) {
  SKIFF_CHECK((local ? uv_pipe_init(loop, &socket_.pipe, /*ipc=*/0)
                     : uv_tcp_init(loop, &socket_.tcp)) == 0);
  socket_.stream.data = this;
}

Socket::~Socket() = default;

void Socket::Begin(absl::Duration patience, std::function<void()> opened,
                   std::function<void()> failed) {
  self_ = shared_from_this();
  opened_ = std::move(opened);
  failed_ = std::move(failed);
  if (socket_.stream.type == UV_TCP) {
    uv_tcp_nodelay(&socket_.tcp, 1);
    // A watcher whose machine vanished would never be noticed otherwise.
    uv_tcp_keepalive(&socket_.tcp, 1, 60);
  }
  if (tls_ == nullptr) return Opened();
  patience_ = executor_->PostAfter(patience, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Close();
  });
  ReadOn();
}

void Socket::Opened() {
  failed_ = nullptr;
  if (patience_ != 0) executor_->Cancel(std::exchange(patience_, 0));
  std::exchange(opened_, nullptr)();
}

void Socket::Use(std::shared_ptr<SocketUser> user) { user_ = std::move(user); }

void Socket::ReadOn() {
  if (closing_) return;
  uv_read_start(
      stream(),
      [](uv_handle_t*, size_t, uv_buf_t* buffer) {
        // Of all sockets of the thread: nothing stays in it.
        thread_local std::vector<char> bytes(kReadBytes);
        *buffer = uv_buf_init(bytes.data(), static_cast<unsigned int>(bytes.size()));
      },
      [](uv_stream_t* stream, ssize_t n, const uv_buf_t* buffer) {
        static_cast<Socket*>(stream->data)->OnRead(n, buffer->base);
      });
}

void Socket::ReadStop() { uv_read_stop(stream()); }

void Socket::OnRead(ssize_t n, const char* bytes) {
  if (n == 0 || closing_) return;
  const auto keep = self_;
  if (n == UV_EOF) {
    ReadStop();
    if (user_ == nullptr) return Close();
    user_->OnInputEnd();
  } else if (n < 0) {
    Break();
  } else if (tls_ == nullptr) {
    OnPlaintext({bytes, static_cast<size_t>(n)});
  } else {
    OnCiphertext({bytes, static_cast<size_t>(n)});
  }
}

void Socket::OnCiphertext(absl::string_view bytes) {
  if (!std::exchange(began_, true) && bytes[0] != kHandshakeRecord) {
    WriteRaw(kPlainRefused, {});
    return Close();
  }
  std::string plaintext;
  const absl::Status fed = tls_->Feed(bytes, &plaintext);
  if (std::string out = tls_->TakeOutput(); !out.empty()) WriteRaw(std::move(out), {});
  if (closing_) return;
  if (opened_ && tls_->established()) Opened();
  if (!plaintext.empty()) OnPlaintext(plaintext);
  if (closing_) return;
  if (!fed.ok()) return Break();
  if (tls_->peer_closed()) {
    ReadStop();
    if (user_ == nullptr) return Close();
    user_->OnInputEnd();
  }
}

void Socket::OnPlaintext(absl::string_view bytes) {
  if (user_ != nullptr) user_->OnBytes(bytes);
}

void Socket::Break() {
  if (closing_) return;
  if (user_ == nullptr) return Close();
  user_->OnBroken();
}

void Socket::Write(std::string head, Pieces pieces) {
  if (closing_) return;
  if (tls_ == nullptr) return WriteRaw(std::move(head), std::move(pieces));
  absl::Status written = tls_->Write(head);
  for (const auto& piece : pieces) written.Update(tls_->Write(*piece));
  if (std::string out = tls_->TakeOutput(); !out.empty()) WriteRaw(std::move(out), {});
  if (!written.ok()) Break();
}

void Socket::WriteRaw(std::string head, Pieces pieces) {
  absl::InlinedVector<uv_buf_t, 4> buffers = {Buffer(head)};
  size_t bytes = head.size();
  for (const auto& piece : pieces) {
    buffers.push_back(Buffer(*piece));
    bytes += piece->size();
  }
  // The socket takes most answers at once. A write that is told of when it is done costs libuv a
  // change of what it polls for, and has to be kept; an error is left to that one to tell.
  const int taken =
      uv_try_write(stream(), buffers.data(), static_cast<unsigned int>(buffers.size()));
  if (taken >= 0 && static_cast<size_t>(taken) == bytes) return;
  WriteLater(std::move(head), std::move(pieces), taken > 0 ? static_cast<size_t>(taken) : 0);
}

// All but the first `taken` bytes.
void Socket::WriteLater(std::string head, Pieces pieces, size_t taken) {
  auto output = std::make_unique<Output>();
  output->socket = shared_from_this();
  output->head = std::move(head);
  output->pieces = std::move(pieces);
  std::vector<uv_buf_t> buffers;
  buffers.reserve(1 + output->pieces.size());
  const auto add = [&](absl::string_view piece) {
    const size_t gone = std::min(taken, piece.size());
    taken -= gone;
    piece.remove_prefix(gone);
    if (piece.empty()) return;
    output->bytes += piece.size();
    buffers.push_back(Buffer(piece));
  };
  add(output->head);
  for (const auto& piece : output->pieces) add(*piece);
  output->request.data = output.get();
  queued_bytes_ += output->bytes;
  const int result =
      uv_write(&output->request, stream(), buffers.data(),
               static_cast<unsigned int>(buffers.size()), [](uv_write_t* request, int status) {
                 const std::unique_ptr<Output> done(static_cast<Output*>(request->data));
                 done->socket->OnRawWritten(done->bytes, status < 0);
               });
  if (result == 0) {
    output.release();
  } else {
    queued_bytes_ -= output->bytes;
    Break();
  }
}

void Socket::OnRawWritten(size_t bytes, bool failed) {
  queued_bytes_ -= bytes;
  if (closing_) return;
  if (failed) return Break();
  if (user_ != nullptr) user_->OnWritten();
}

void Socket::End() {
  if (closing_) return;
  if (tls_ != nullptr) {
    tls_->Close();
    if (std::string out = tls_->TakeOutput(); !out.empty()) WriteRaw(std::move(out), {});
  }
  uv_shutdown(&shutdown_, stream(), nullptr);
}

void Socket::Close() {
  if (std::exchange(closing_, true)) return;
  if (patience_ != 0) executor_->Cancel(std::exchange(patience_, 0));
  if (tls_ != nullptr && user_ != nullptr) {
    // That nothing is missing; if the kernel does not take it at once, nobody will know.
    tls_->Close();
    const std::string out = tls_->TakeOutput();
    uv_buf_t buffer = Buffer(out);
    if (!out.empty() && queued_bytes_ == 0) uv_try_write(stream(), &buffer, 1);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&socket_), [](uv_handle_t* handle) {
    auto* socket = static_cast<Socket*>(handle->data);
    const auto self = std::move(socket->self_);
    socket->opened_ = nullptr;
    if (const auto user = std::move(socket->user_)) user->OnClosed();
    if (socket->failed_) std::exchange(socket->failed_, nullptr)();
  });
}

}  // namespace skiff::apiserver::http
