// A client's byte stream: a TCP connection or a local socket, in the clear or through TLS. Lives
// until it is closed.
//
// Threads: the loop's.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/executor.h"
#include "base/tls.h"

namespace skiff::apiserver::http {

// Who speaks on a socket. Nothing is called from within a call of the socket's, but by Close.
class SocketUser {
 public:
  virtual ~SocketUser() = default;
  virtual void OnBytes(absl::string_view bytes) = 0;  // Valid during the call.
  virtual void OnInputEnd() = 0;                      // The client will send nothing more.
  virtual void OnWritten() = 0;                       // Fewer bytes wait now.
  virtual void OnBroken() = 0;                        // It can only be closed.
  virtual void OnClosed() = 0;                        // Nothing else is called from here on.
  // Closes the socket, but brings streamed answers to their proper end first. For the server.
  virtual void Stop() = 0;
};

class Socket : public std::enable_shared_from_this<Socket> {
 public:
  using Pieces = std::vector<std::shared_ptr<const std::string>>;

  // Of TCP, or in the file system (`local`). `tls`: null for none.
  Socket(uv_loop_t* loop, bool local, Executor* executor, const TlsContext* tls);
  ~Socket();

  uv_stream_t* stream() { return &socket_.stream; }
  // After the socket was accepted into stream(). `opened` is called once bytes may flow: at once,
  // or when TLS is established. If that fails or takes longer than `patience` the socket closes
  // itself, and calls `failed` then.
  void Begin(absl::Duration patience, std::function<void()> opened, std::function<void()> failed);
  // Once open, before anything is read. `user` is kept until the socket is closed.
  void Use(std::shared_ptr<SocketUser> user);

  void ReadOn();
  void ReadStop();
  // One after the other, without copying them where there is no TLS.
  void Write(std::string head, Pieces pieces = {});
  // Nothing more will be written.
  void End();
  // At once; what was not taken yet is lost.
  void Close();

  bool closing() const { return closing_; }
  // What the kernel has not taken yet: in all, and of the writes that are still whole.
  size_t unwritten() const { return uv_stream_get_write_queue_size(&socket_.stream); }
  size_t queued_bytes() const { return queued_bytes_; }
  // Null without TLS.
  const TlsSession* tls() const { return tls_.get(); }

 private:
  struct Output;
  void OnRead(ssize_t n, const char* bytes);
  void OnCiphertext(absl::string_view bytes);
  void OnPlaintext(absl::string_view bytes);
  void Break();
  void Opened();
  void WriteRaw(std::string head, Pieces pieces);
  void WriteLater(std::string head, Pieces pieces, size_t taken);
  void OnRawWritten(size_t bytes, bool failed);

  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } socket_;
  uv_shutdown_t shutdown_;
  Executor* const executor_;
  std::unique_ptr<TlsSession> tls_;
  std::shared_ptr<Socket> self_;  // Until it is closed.
  std::shared_ptr<SocketUser> user_;
  std::function<void()> opened_;  // Until it was called.
  std::function<void()> failed_;
  Executor::TimerId patience_ = 0;
  bool began_ = false;  // Anything has come.
  bool closing_ = false;
  size_t queued_bytes_ = 0;
};

}  // namespace skiff::apiserver::http
