// One TCP connection: requests are answered one after the other, in order, however many the client
// sends ahead. Lives until its socket is closed; ends itself when the client is silent, slow or
// wrong.
//
// Threads: the loop's.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "apiserver/http/message.h"
#include "apiserver/http/parser.h"
#include "base/executor.h"

namespace skiff::apiserver::http {

struct ConnectionLimits {
  ParserLimits parser;
  absl::Duration header_time = absl::Seconds(10);  // For the headers of a request.
  absl::Duration body_time = absl::Seconds(60);    // For its body, after them.
  absl::Duration idle_time = absl::Seconds(90);    // Between requests, and for a stalled reader.
  absl::Duration linger_time = absl::Seconds(5);   // For the client to close after the last answer.
  // What may wait for a reader. A streamed answer beyond it ends the connection; requests that were
  // sent ahead wait until there is less.
  size_t queued_bytes = 16 << 20;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Of a TCP socket, or of one in the file system (`local`). `closed` is called when it is closed.
  Connection(uv_loop_t* loop, bool local, Executor* executor, const ConnectionLimits& limits,
             Handler handler, std::function<void(Connection*)> closed);
  ~Connection();

  uv_stream_t* stream() { return &socket_.stream; }
  // After the socket was accepted into stream().
  void Begin();
  // At once; an answer under way is cut off.
  void Close();
  // As Close, but a streamed answer is brought to its proper end first.
  void Stop();

 private:
  class Reply;
  struct Output;
  using Pieces = std::vector<std::shared_ptr<const std::string>>;

  void ReadOn();
  void OnRead(ssize_t n, const char* bytes);
  void OnInputEnd();
  void Parse();
  bool MayParse() const;
  // Both take what they parse off the front of `input`.
  void ParseAll(absl::string_view* input);
  RequestParser::State ParseOne(absl::string_view* input);
  void Dispatch(Request request);
  void Fail(int status, const std::string& text);
  // With what follows it at once.
  void SendHead(const Response& response, bool streamed, size_t length, Pieces body = {});
  void Push(std::string head, Pieces pieces = {});
  void PushLater(std::string head, Pieces pieces, size_t taken);
  void OnWritten(size_t bytes, bool failed);
  void AnswerDone();
  void SetDeadline(absl::Duration from_now);
  void OnTimer();
  void CloseAfterWrites();

  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } socket_;
  uv_shutdown_t shutdown_;
  Executor* const executor_;
  const ConnectionLimits limits_;
  const Handler handler_;
  std::function<void(Connection*)> closed_;
  std::shared_ptr<Connection> self_;  // Until the socket is closed.
  RequestParser parser_;
  std::string input_;  // From parsed_ on it is not yet parsed.
  size_t parsed_ = 0;
  std::weak_ptr<Reply> reply_;  // The answer under way.
  bool answering_ = false;
  bool keep_alive_ = true;
  int version_ = 11;  // Of the request being answered.
  bool closing_ = false;
  bool close_after_writes_ = false;
  bool input_ended_ = false;
  size_t discarded_bytes_ = 0;
  size_t queued_bytes_ = 0;
  // One timer, which is seldom moved: when it fires too early it is armed for the rest.
  absl::Duration deadline_ = absl::InfiniteDuration();
  absl::Duration timer_due_ = absl::InfiniteDuration();
  size_t unwritten_at_deadline_set_ = 0;
  absl::Duration deadline_length_ = absl::InfiniteDuration();
  Executor::TimerId timer_ = 0;
};

}  // namespace skiff::apiserver::http
