#include "apiserver/http/connection.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/reply.h"
#include "base/status.h"

namespace skiff::apiserver::http {
namespace {

// How much of a refused request is read before its sender is cut off.
constexpr size_t kMaxDiscarded = 64 << 20;
constexpr size_t kParsedBytes = 16 << 10;  // Parsed input is dropped so many at a time.

const char* Phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Request Entity Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

}  // namespace

class Connection::Reply final : public ReplyBase {
 public:
  Reply(std::shared_ptr<Connection> connection, Request request)
      : ReplyBase(std::move(request)), connection_(std::move(connection)) {}
  ~Reply() override {
    // An answer that nobody will give any more must not leave the client waiting.
    if (over()) return;
    if (started_) {
      connection_->Close();
    } else {
      Send(Response::Text(500, "the request was dropped\n"));
    }
  }

  const TlsSession* tls() const override { return connection_->socket_->tls(); }

  void Send(Response response) override {
    if (over()) return;
    done_ = true;
    const size_t length = response.body_bytes();
    Pieces body;
    if (request_.method != "HEAD" && length != 0) body = std::move(response.body);
    connection_->SendHead(response, /*streamed=*/false, length, std::move(body));
    connection_->AnswerDone();
  }

  void Start(Response head) override {
    if (over()) return;
    started_ = true;
    queued_limit_ = head.queued_bytes != 0 ? head.queued_bytes : connection_->limits_.queued_bytes;
    // HTTP/1.0 knows no chunks: the end of the connection is the end of the answer.
    chunked_ = request_.version >= 11;
    if (!chunked_) connection_->keep_alive_ = false;
    connection_->SendHead(head, /*streamed=*/true, 0);
    if (request_.method == "HEAD") {
      done_ = true;
      connection_->AnswerDone();
      TellGiver();
      return;
    }
    // A client that has closed its side may be gone altogether; no stream goes on for it for long.
    if (connection_->input_ended_) connection_->SetDeadline(connection_->limits_.header_time);
    if (!head.body.empty()) Write(std::move(head.body));
  }

  bool Write(Pieces pieces) override {
    if (over()) return false;
    size_t bytes = 0;
    for (const auto& piece : pieces) bytes += piece->size();
    if (bytes == 0) return true;
    if (connection_->socket_->queued_bytes() > queued_limit_) {
      connection_->Close();
      return false;
    }
    if (!chunked_) {
      connection_->Push("", std::move(pieces));
      return true;
    }
    static const auto* const kLineEnd =
        new std::shared_ptr<const std::string>(std::make_shared<const std::string>("\r\n"));
    pieces.push_back(*kLineEnd);
    connection_->Push(absl::StrCat(absl::Hex(bytes), "\r\n"), std::move(pieces));
    return true;
  }

  void Finish() override {
    if (over()) return;
    done_ = true;
    if (chunked_) connection_->Push("0\r\n\r\n");
    connection_->AnswerDone();
  }

 private:
  const std::shared_ptr<Connection> connection_;
  bool chunked_ = true;
};

Connection::Connection(std::shared_ptr<Socket> socket, Executor* executor,
                       const ConnectionLimits& limits, Handler handler,
                       std::function<void(SocketUser*)> closed)
    : socket_(std::move(socket)),
      executor_(executor),
      limits_(limits),
      handler_(std::move(handler)),
      closed_(std::move(closed)),
      parser_(limits.parser) {}

Connection::~Connection() = default;

std::shared_ptr<Connection> Connection::Begin(std::shared_ptr<Socket> socket, Executor* executor,
                                              const ConnectionLimits& limits, Handler handler,
                                              std::function<void(SocketUser*)> closed) {
  const std::shared_ptr<Connection> out(
      new Connection(std::move(socket), executor, limits, std::move(handler), std::move(closed)));
  out->socket_->Use(out);
  out->SetDeadline(limits.idle_time);
  out->ReadOn();
  return out;
}

void Connection::ReadOn() {
  if (!closing_ && !input_ended_) socket_->ReadOn();
}

void Connection::SetDeadline(absl::Duration from_now) {
  deadline_length_ = from_now;
  if (from_now == absl::InfiniteDuration()) {
    deadline_ = from_now;
    return;
  }
  deadline_ = executor_->clock().Monotonic() + from_now;
  unwritten_at_deadline_set_ = socket_->unwritten();
  if (timer_ != 0 && timer_due_ <= deadline_) return;
  if (timer_ != 0) executor_->Cancel(timer_);
  timer_due_ = deadline_;
  timer_ = executor_->PostAfter(from_now, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnTimer();
  });
}

void Connection::OnTimer() {
  timer_ = 0;
  if (closing_ || deadline_ == absl::InfiniteDuration()) return;
  const absl::Duration now = executor_->clock().Monotonic();
  if (now < deadline_) {
    timer_due_ = deadline_;
    timer_ = executor_->PostAfter(deadline_ - now, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->OnTimer();
    });
    return;
  }
  // A large answer on a slow line is no silence.
  const size_t unwritten = socket_->unwritten();
  if (unwritten != 0 && unwritten < unwritten_at_deadline_set_)
    return SetDeadline(deadline_length_);
  Close();
}

void Connection::OnBytes(absl::string_view bytes) {
  if (closing_) return;
  if (close_after_writes_) {
    // Taken and dropped, so that the client gets to read why before its connection is reset.
    discarded_bytes_ += bytes.size();
    if (discarded_bytes_ > kMaxDiscarded) Close();
    return;
  }
  // What is parsed where it came is copied no more than into its request.
  if (input_.empty()) ParseAll(&bytes);
  input_.append(bytes.data(), bytes.size());
  Parse();
}

// The client has nothing more to ask. What it asked is still answered, except what has no end.
void Connection::OnInputEnd() {
  input_ended_ = true;
  const auto reply = reply_.lock();
  if (reply != nullptr && reply->streaming()) return Close();
  if (close_after_writes_ && socket_->queued_bytes() == 0) return Close();
  Parse();
}

bool Connection::MayParse() const {
  return !answering_ && !closing_ && !close_after_writes_ &&
         socket_->queued_bytes() <= limits_.queued_bytes;
}

void Connection::ParseAll(absl::string_view* input) {
  while (MayParse() && !input->empty()) {
    if (ParseOne(input) == RequestParser::State::kMore) break;
  }
}

void Connection::Parse() {
  absl::string_view input = absl::string_view(input_).substr(parsed_);
  ParseAll(&input);
  parsed_ = input_.size() - input.size();
  if (parsed_ == input_.size()) {
    input_.clear();
    parsed_ = 0;
  } else if (parsed_ > kParsedBytes) {
    input_.erase(0, parsed_);
    parsed_ = 0;
  }
  if (closing_ || close_after_writes_) return;
  if (input_ended_) {
    if (MayParse()) CloseAfterWrites();
  } else if (input_.size() > limits_.parser.body_bytes + limits_.parser.header_bytes) {
    // Requests sent ahead wait; a client that sends without end is made to wait as well.
    socket_->ReadStop();
  } else {
    ReadOn();
  }
}

RequestParser::State Connection::ParseOne(absl::string_view* input) {
  const bool was_started = parser_.started();
  const bool was_in_body = parser_.in_body();
  size_t used = 0;
  const RequestParser::State state = parser_.Feed(*input, &used);
  input->remove_prefix(used);
  if (state == RequestParser::State::kFailed) {
    Fail(parser_.error_status(), parser_.error_text());
  } else if (state == RequestParser::State::kDone) {
    Dispatch(parser_.TakeRequest());
  } else {
    if (!was_in_body && parser_.in_body()) {
      SetDeadline(limits_.body_time);
    } else if (!was_started) {
      SetDeadline(limits_.header_time);
    }
    if (state == RequestParser::State::kExpectContinue) {
      Push("HTTP/1.1 100 Continue\r\n\r\n");
    }
  }
  return state;
}

void Connection::Dispatch(Request request) {
  SetDeadline(absl::InfiniteDuration());
  answering_ = true;
  keep_alive_ = request.keep_alive;
  version_ = request.version;
  auto reply = std::make_shared<Reply>(shared_from_this(), std::move(request));
  reply_ = reply;
  handler_(std::move(reply));
}

void Connection::Fail(int status, const std::string& text) {
  keep_alive_ = false;
  const Response response = Refusal(status, text);
  SendHead(response, /*streamed=*/false, response.body[0]->size(), response.body);
  CloseAfterWrites();
}

void Connection::SendHead(const Response& response, bool streamed, size_t length, Pieces body) {
  std::string head;
  head.reserve(256);
  absl::StrAppend(&head, "HTTP/1.1 ", response.status, " ", Phrase(response.status), "\r\n");
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  if (!streamed && response.status != 304) {
    absl::StrAppend(&head, "Content-Length: ", length, "\r\n");
  } else if (streamed && version_ >= 11) {
    absl::StrAppend(&head, "Transfer-Encoding: chunked\r\n");
  }
  if (!keep_alive_) {
    absl::StrAppend(&head, "Connection: close\r\n");
  } else if (version_ < 11) {
    absl::StrAppend(&head, "Connection: keep-alive\r\n");
  }
  absl::StrAppend(&head, "\r\n");
  Push(std::move(head), std::move(body));
}

void Connection::Push(std::string head, Pieces pieces) {
  if (closing_) return;
  socket_->Write(std::move(head), std::move(pieces));
  blocked_ = blocked_ || socket_->queued_bytes() > limits_.queued_bytes;
}

void Connection::OnWritten() {
  if (close_after_writes_ && input_ended_ && socket_->queued_bytes() == 0) return Close();
  if (!blocked_ || socket_->queued_bytes() > limits_.queued_bytes) return;
  blocked_ = false;
  if (MayParse()) Parse();
}

void Connection::AnswerDone() {
  answering_ = false;
  if (closing_) return;
  if (!keep_alive_) return CloseAfterWrites();
  SetDeadline(limits_.idle_time);
  if (parsed_ == input_.size() && !input_ended_) return;
  // Not inline: the answer may have come from within the handler of this very request.
  executor_->Post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Parse();
  });
}

void Connection::CloseAfterWrites() {
  if (closing_ || std::exchange(close_after_writes_, true)) return;
  if (input_ended_ && socket_->queued_bytes() == 0) return Close();
  SetDeadline(limits_.linger_time);
  if (input_ended_) return;
  // Closing a socket with unread input resets the connection, and the client would lose the answer
  // (RFC 9112 section 9.6): say that it is over, and wait for the client to close.
  socket_->End();
  ReadOn();
}

void Connection::Stop() {
  if (const auto reply = reply_.lock(); reply != nullptr && reply->streaming()) {
    if (version_ >= 11) Push("0\r\n\r\n");
  }
  Close();
}

void Connection::Close() {
  if (std::exchange(closing_, true)) return;
  if (timer_ != 0) executor_->Cancel(timer_);
  timer_ = 0;
  socket_->Close();
  if (const auto reply = reply_.lock()) reply->Gone();
}

}  // namespace skiff::apiserver::http
