// HTTP/2 on one socket (RFC 9113, by nghttp2): any number of requests at once, each answered when
// its answer is there. Ends itself when the client is silent, slow or wrong.
//
// Threads: the loop's.
#pragma once

#include <nghttp2/nghttp2.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "apiserver/http/connection.h"
#include "apiserver/http/message.h"
#include "apiserver/http/socket.h"
#include "base/executor.h"

namespace skiff::apiserver::http {

class Http2Connection final : public SocketUser,
                              public std::enable_shared_from_this<Http2Connection> {
 public:
  // As Connection's.
  static std::shared_ptr<Http2Connection> Begin(std::shared_ptr<Socket> socket, Executor* executor,
                                                const ConnectionLimits& limits, Handler handler,
                                                std::function<void(SocketUser*)> closed);
  ~Http2Connection() override;

  void Stop() override;

 private:
  class Reply;
  struct Stream;
  using Pieces = Socket::Pieces;

  Http2Connection(std::shared_ptr<Socket> socket, Executor* executor,
                  const ConnectionLimits& limits, Handler handler,
                  std::function<void(SocketUser*)> closed);
  void OnBytes(absl::string_view bytes) override;
  void OnInputEnd() override { Close(); }
  void OnWritten() override { Flush(); }
  void OnBroken() override { Close(); }
  void OnClosed() override { closed_(this); }

  void StartSession();
  Stream* Find(int32_t id);
  int BeginStream(int32_t id);
  int TakeHeader(int32_t id, absl::string_view name, absl::string_view value);
  void EndHeaders(int32_t id);
  void TakeBody(int32_t id, absl::string_view bytes);
  void EndRequest(int32_t id);
  void EndStream(int32_t id, uint32_t error);
  ssize_t ReadBody(int32_t id, uint8_t* buffer, size_t size, uint32_t* flags);
  void Refuse(int32_t id, int status, const std::string& text);

  // What a Reply asks for; nothing if its stream is gone.
  void SendHead(int32_t id, const Response& response, bool streamed, bool ends);
  bool Push(int32_t id, Pieces pieces, size_t limit);
  void EndAnswer(int32_t id);
  void Reset(int32_t id, uint32_t error);

  void FlushSoon();
  void Flush();
  void WatchTime();
  void Close();

  const std::shared_ptr<Socket> socket_;
  Executor* const executor_;
  const ConnectionLimits limits_;
  const Handler handler_;
  std::function<void(SocketUser*)> closed_;
  struct FreeSession {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  std::unique_ptr<nghttp2_session, FreeSession> session_;
  std::map<int32_t, std::unique_ptr<Stream>> streams_;
  int resets_ = 0;  // Requests that the client gave up, since then.
  absl::Duration resets_since_ = -absl::InfiniteDuration();
  bool receiving_ = false;
  bool flush_posted_ = false;
  bool closing_ = false;
  // Since when nothing has happened that the client had to do.
  absl::Duration quiet_since_;
  absl::Duration heard_;  // When anything last came.
  size_t unwritten_then_ = 0;
  Executor::TimerId timer_ = 0;
};

}  // namespace skiff::apiserver::http
