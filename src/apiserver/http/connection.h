// One TCP connection: requests are answered one after the other, in order, however many the client sends
// ahead. Lives until its socket is closed; ends itself when the client is silent, slow or wrong.
//
// Threads: the loop's.
#pragma once

#include <uv.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "apiserver/http/message.h"
#include "apiserver/http/parser.h"
#include "base/executor.h"

namespace skiff::apiserver::http {

struct ConnectionLimits {
  ParserLimits parser;
  absl::Duration header_time = absl::Seconds(10);  // From the first byte of a request to its last.
  absl::Duration idle_time = absl::Seconds(90);    // Between requests.
  size_t queued_bytes = 16 << 20;                  // A streamed answer that its reader does not take.
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `closed` is called when the socket is closed.
  Connection(uv_loop_t* loop, Executor* executor, const ConnectionLimits& limits, Handler handler,
             std::function<void(Connection*)> closed);
  ~Connection();

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }
  // After the socket was accepted into stream().
  void Begin();
  void Close();

 private:
  class Reply;
  struct Output;

  void OnRead(ssize_t n, const char* bytes);
  void Parse();
  void Dispatch(Request request);
  void Fail(int status, const std::string& text);
  void SendHead(const Response& response, bool chunked, size_t length);
  void Push(std::vector<std::shared_ptr<const std::string>> pieces);
  void AnswerDone();
  void ArmTimer(absl::Duration duration);
  void CloseAfterWrites();

  uv_tcp_t tcp_;
  Executor* const executor_;
  const ConnectionLimits limits_;
  const Handler handler_;
  std::function<void(Connection*)> closed_;
  std::shared_ptr<Connection> self_;   // Until the socket is closed.
  RequestParser parser_;
  std::string input_;                  // Not yet parsed.
  char read_buffer_[16 << 10];
  std::weak_ptr<Reply> reply_;         // The answer under way.
  bool answering_ = false;
  bool keep_alive_ = true;
  bool closing_ = false;
  bool close_after_writes_ = false;
  bool input_ended_ = false;
  size_t queued_bytes_ = 0;
  Executor::TimerId timer_ = 0;
};

}  // namespace skiff::apiserver::http
