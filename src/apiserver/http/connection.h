// HTTP/1.1 on one socket: requests are answered one after the other, in order, however many the
// client sends ahead. Lives until its socket is closed; ends itself when the client is silent, slow
// or wrong.
//
// Threads: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "apiserver/http/message.h"
#include "apiserver/http/parser.h"
#include "apiserver/http/socket.h"
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

class Connection final : public SocketUser, public std::enable_shared_from_this<Connection> {
 public:
  // On an open socket, which it takes over. `closed` is called when that is closed.
  static std::shared_ptr<Connection> Begin(std::shared_ptr<Socket> socket, Executor* executor,
                                           const ConnectionLimits& limits, Handler handler,
                                           std::function<void(SocketUser*)> closed);
  ~Connection() override;

  // At once; an answer under way is cut off.
  void Close();
  void Stop() override;

 private:
  class Reply;
  using Pieces = Socket::Pieces;

  Connection(std::shared_ptr<Socket> socket, Executor* executor, const ConnectionLimits& limits,
             Handler handler, std::function<void(SocketUser*)> closed);
  void OnBytes(absl::string_view bytes) override;
  void OnInputEnd() override;
  void OnWritten() override;
  void OnBroken() override { Close(); }
  void OnClosed() override { closed_(this); }

  void ReadOn();
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
  void AnswerDone();
  void SetDeadline(absl::Duration from_now);
  void OnTimer();
  void CloseAfterWrites();

  const std::shared_ptr<Socket> socket_;
  Executor* const executor_;
  const ConnectionLimits limits_;
  const Handler handler_;
  std::function<void(SocketUser*)> closed_;
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
  bool blocked_ = false;  // More waited for the reader than may.
  // One timer, which is seldom moved: when it fires too early it is armed for the rest.
  absl::Duration deadline_ = absl::InfiniteDuration();
  absl::Duration timer_due_ = absl::InfiniteDuration();
  size_t unwritten_at_deadline_set_ = 0;
  absl::Duration deadline_length_ = absl::InfiniteDuration();
  Executor::TimerId timer_ = 0;
};

}  // namespace skiff::apiserver::http
