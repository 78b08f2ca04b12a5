// Listens, accepts, and hands every request to one handler.
//
// Threads: Listen and Close from any but the loop's; they block until the loop has done it. The
// handler runs on the loop. Close before the loop is stopped.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "apiserver/http/connection.h"
#include "apiserver/http/socket.h"
#include "base/tls.h"
#include "base/uv_executor.h"

namespace skiff::apiserver::http {

// What a server may offer by ALPN, best first.
inline constexpr char kHttp2[] = "h2";
inline constexpr char kHttp1[] = "http/1.1";

class HttpServer {
 public:
  // `executor` outlives it. Without `tls` it speaks in the clear, and HTTP/1.1 only; with it, what
  // ALPN agrees on.
  HttpServer(UvExecutor* executor, ConnectionLimits limits, Handler handler,
             std::optional<TlsContext> tls = std::nullopt);
  ~HttpServer();

  // "127.0.0.1:6443", "[::1]:0", ":8080" (all addresses); port 0 takes a free one; or "unix:PATH",
  // a socket that only this user may open (what is left there of a dead one goes). The address that
  // clients can reach, with the port. kInvalidArgument, kAlreadyExists (the address is in use),
  // kPermissionDenied: naming the address.
  absl::StatusOr<std::string> Listen(const std::string& address);

  // Stops listening, ends streamed answers and closes every connection. Idempotent.
  void Close();

 private:
  absl::StatusOr<std::string> ListenOnLoop(const std::string& address);
  absl::StatusOr<std::string> BindTcp(const std::string& address);
  absl::StatusOr<std::string> BindLocal(const std::string& path);
  void Accept();
  void Opened(const std::shared_ptr<Socket>& socket);
  void CloseOnLoop();

  static constexpr size_t kMaxConnections = 1000;

  UvExecutor* const executor_;
  const ConnectionLimits limits_;
  const Handler handler_;
  const std::optional<TlsContext> tls_;
  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } listener_;
  bool listening_ = false;
  std::set<std::shared_ptr<Socket>> opening_;  // Their TLS is not established yet.
  std::map<SocketUser*, std::shared_ptr<SocketUser>> connections_;
};

}  // namespace skiff::apiserver::http
