#include "apiserver/http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "apiserver/http/http2_connection.h"
#include "base/notification.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::apiserver::http {
namespace {

struct HostPort {
  std::string host;
  int port = 0;
  bool v6 = false;
};

absl::StatusOr<HostPort> Split(const std::string& address) {
  HostPort out;
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen address \"", address, "\": want HOST:PORT, such as 127.0.0.1:6443"));
  }
  out.host = address.substr(0, colon);
  out.port = static_cast<int>(port);
  if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']') {
    out.host = out.host.substr(1, out.host.size() - 2);
    out.v6 = true;
  }
  if (out.host.empty()) out.host = "0.0.0.0";
  if (out.host == "localhost") out.host = "127.0.0.1";
  return out;
}

absl::Status UvError(int error, const std::string& address) {
  if (error == UV_EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat("listen address ", address, " is in use by another process"));
  }
  return ErrnoStatus(-error, absl::StrCat("listen address ", address));
}

// Runs `work` on the loop and waits for it; returns without it if the loop has stopped.
void RunOnLoop(Executor* executor, std::function<void()> work) {
  Notification done;
  // Whether the task runs or is dropped, its end is told.
  std::shared_ptr<void> signal(nullptr, [&done](void*) { done.Notify(); });
  executor->Post([work = std::move(work), signal = std::move(signal)] { work(); });
  done.WaitForNotification();
}

}  // namespace

HttpServer::HttpServer(UvExecutor* executor, ConnectionLimits limits, Handler handler,
                       std::optional<TlsContext> tls)
    : executor_(executor), limits_(limits), handler_(std::move(handler)), tls_(std::move(tls)) {}

HttpServer::~HttpServer() { Close(); }

absl::StatusOr<std::string> HttpServer::Listen(const std::string& address) {
  absl::StatusOr<std::string> result = absl::UnavailableError("the server is closing");
  RunOnLoop(executor_, [&] { result = ListenOnLoop(address); });
  return result;
}

absl::StatusOr<std::string> HttpServer::ListenOnLoop(const std::string& address) {
  if (listening_) return absl::FailedPreconditionError("the server listens already");
  absl::string_view path = address;
  absl::StatusOr<std::string> bound =
      absl::ConsumePrefix(&path, "unix:") ? BindLocal(std::string(path)) : BindTcp(address);
  SKIFF_RETURN_IF_ERROR(bound.status());
  listener_.stream.data = this;
  const int error = uv_listen(&listener_.stream, 512, [](uv_stream_t* stream, int status) {
    if (status == 0) static_cast<HttpServer*>(stream->data)->Accept();
  });
  if (error != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&listener_), nullptr);
    return UvError(error, address);
  }
  listening_ = true;
  return bound;
}

absl::StatusOr<std::string> HttpServer::BindTcp(const std::string& address) {
  SKIFF_ASSIGN_OR_RETURN(const HostPort where, Split(address));
  sockaddr_storage storage{};
  const int parsed =
      where.v6
          ? uv_ip6_addr(where.host.c_str(), where.port, reinterpret_cast<sockaddr_in6*>(&storage))
          : uv_ip4_addr(where.host.c_str(), where.port, reinterpret_cast<sockaddr_in*>(&storage));
  if (parsed != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("listen address \"", address, "\": the host must be an IP address"));
  }
  uv_tcp_init(executor_->uv_loop(), &listener_.tcp);
  int error = uv_tcp_bind(&listener_.tcp, reinterpret_cast<sockaddr*>(&storage), 0);
  int size = sizeof storage;
  // It tells of an address in use only when it is asked for its name.
  if (error == 0) {
    error = uv_tcp_getsockname(&listener_.tcp, reinterpret_cast<sockaddr*>(&storage), &size);
  }
  if (error != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&listener_), nullptr);
    return UvError(error, address);
  }
  const int port = ntohs(where.v6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                                  : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  const std::string host = where.host == "0.0.0.0" ? "127.0.0.1"
                           : where.v6              ? absl::StrCat("[", where.host, "]")
                                                   : where.host;
  return absl::StrCat(host, ":", port);
}

absl::StatusOr<std::string> HttpServer::BindLocal(const std::string& path) {
  if (path.size() >= sizeof sockaddr_un{}.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat("the socket ", path, " has too long a path: choose a shorter directory"));
  }
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, path.size());
  unlink(path.c_str());
  // Before it has a name: so nobody else can ever open it (unix(7): the file takes the mode).
  if (!fd.valid() || fchmod(fd.get(), 0600) != 0 ||
      bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) {
    return ErrnoStatus(errno, path);
  }
  uv_pipe_init(executor_->uv_loop(), &listener_.pipe, /*ipc=*/0);
  SKIFF_CHECK(uv_pipe_open(&listener_.pipe, fd.Release()) == 0);
  return absl::StrCat("unix:", path);
}

void HttpServer::Accept() {
  const auto socket =
      std::make_shared<Socket>(executor_->uv_loop(), listener_.stream.type == UV_NAMED_PIPE,
                               executor_, tls_ ? &*tls_ : nullptr);
  const bool accepted = uv_accept(&listener_.stream, socket->stream()) == 0;
  opening_.insert(socket);
  socket->Begin(
      limits_.header_time, [this, socket = socket.get()] { Opened(socket->shared_from_this()); },
      [this, socket = socket.get()] { opening_.erase(socket->shared_from_this()); });
  if (!accepted || opening_.size() + connections_.size() > kMaxConnections) socket->Close();
}

void HttpServer::Opened(const std::shared_ptr<Socket>& socket) {
  opening_.erase(socket);
  const auto closed = [this](SocketUser* gone) { connections_.erase(gone); };
  std::shared_ptr<SocketUser> made;
  if (socket->tls() != nullptr && socket->tls()->protocol() == kHttp2) {
    made = Http2Connection::Begin(socket, executor_, limits_, handler_, closed);
  } else {
    made = Connection::Begin(socket, executor_, limits_, handler_, closed);
  }
  connections_.emplace(made.get(), made);
}

void HttpServer::Close() {
  RunOnLoop(executor_, [this] { CloseOnLoop(); });
  // One turn of the loop later every close callback has run.
  RunOnLoop(executor_, [] {});
}

void HttpServer::CloseOnLoop() {
  if (listening_) uv_close(reinterpret_cast<uv_handle_t*>(&listener_), nullptr);
  listening_ = false;
  for (const auto& socket : std::set(opening_)) socket->Close();
  for (const auto& [key, connection] : std::map(connections_)) connection->Stop();
}

}  // namespace skiff::apiserver::http
