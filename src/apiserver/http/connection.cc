#include "apiserver/http/connection.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "api/errors.h"
#include "base/status.h"

namespace skiff::apiserver::http {
namespace {

const char* Phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Status";
  }
}

std::shared_ptr<const std::string> Shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

}  // namespace

// What is on its way to the socket, kept alive until libuv has taken it.
struct Connection::Output {
  uv_write_t request;
  std::shared_ptr<Connection> connection;
  std::vector<std::shared_ptr<const std::string>> pieces;
  size_t bytes = 0;
};

class Connection::Reply final : public Exchange, public std::enable_shared_from_this<Reply> {
 public:
  Reply(std::shared_ptr<Connection> connection, Request request)
      : connection_(std::move(connection)), request_(std::move(request)) {}
  ~Reply() override {
    // An answer that nobody will give any more must not leave the client waiting.
    if (!done_ && !gone_) {
      if (started_) {
        connection_->Close();
      } else {
        Send(Response::Text(500, "the request was dropped\n"));
      }
    }
  }

  const Request& request() const override { return request_; }

  void Send(Response response) override {
    if (done_ || gone_) return;
    done_ = true;
    size_t length = 0;
    for (const auto& piece : response.body) length += piece->size();
    connection_->SendHead(response, /*chunked=*/false, length);
    if (request_.method != "HEAD" && length != 0) connection_->Push(std::move(response.body));
    connection_->AnswerDone();
  }

  void Start(Response head) override {
    if (done_ || gone_) return;
    started_ = true;
    connection_->SendHead(head, /*chunked=*/true, 0);
    for (const auto& piece : head.body) Write(piece);
  }

  bool Write(std::shared_ptr<const std::string> data) override {
    if (done_ || gone_) return false;
    if (data->empty()) return true;
    if (connection_->queued_bytes_ > connection_->limits_.queued_bytes) {
      connection_->Close();
      return false;
    }
    connection_->Push({Shared(absl::StrFormat("%x\r\n", data->size())), std::move(data),
                       Shared("\r\n")});
    return true;
  }

  void Finish() override {
    if (done_ || gone_) return;
    done_ = true;
    connection_->Push({Shared("0\r\n\r\n")});
    connection_->AnswerDone();
  }

  void OnClose(std::function<void()> callback) override {
    if (gone_) {
      callback();
    } else {
      on_close_ = std::move(callback);
    }
  }

  void Gone() {
    if (gone_) return;
    gone_ = true;
    if (!done_ && on_close_) std::exchange(on_close_, nullptr)();
  }

 private:
  const std::shared_ptr<Connection> connection_;
  const Request request_;
  std::function<void()> on_close_;
  bool started_ = false;
  bool done_ = false;
  bool gone_ = false;
};

Connection::Connection(uv_loop_t* loop, Executor* executor, const ConnectionLimits& limits,
                       Handler handler, std::function<void(Connection*)> closed)
    : executor_(executor),
      limits_(limits),
      handler_(std::move(handler)),
      closed_(std::move(closed)),
      parser_(limits.parser) {
  SKIFF_CHECK(uv_tcp_init(loop, &tcp_) == 0);
  tcp_.data = this;
}

Connection::~Connection() = default;

void Connection::Begin() {
  self_ = shared_from_this();
  uv_tcp_nodelay(&tcp_, 1);
  uv_read_start(
      stream(),
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        auto* self = static_cast<Connection*>(handle->data);
        *buffer = uv_buf_init(self->read_buffer_, sizeof self->read_buffer_);
      },
      [](uv_stream_t* stream, ssize_t n, const uv_buf_t* buffer) {
        static_cast<Connection*>(stream->data)->OnRead(n, buffer->base);
      });
  ArmTimer(limits_.idle_time);
}

void Connection::ArmTimer(absl::Duration duration) {
  if (timer_ != 0) executor_->Cancel(timer_);
  timer_ = 0;
  if (duration == absl::InfiniteDuration()) return;
  timer_ = executor_->PostAfter(duration, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->timer_ = 0;
      self->Close();
    }
  });
}

void Connection::OnRead(ssize_t n, const char* bytes) {
  const auto keep = self_;
  if (n < 0) {
    // Half-closed: what was asked is still answered. An error: nobody is there to read it.
    input_ended_ = true;
    if (n != UV_EOF || !answering_) {
      Close();
      return;
    }
    const auto reply = reply_.lock();
    uv_read_stop(stream());
    if (reply != nullptr) {
      keep_alive_ = false;
      // A stream would never end: its reader has gone.
      reply->Gone();
      Close();
    }
    return;
  }
  if (closing_ || close_after_writes_) return;
  input_.append(bytes, static_cast<size_t>(n));
  if (answering_) {
    // Requests sent ahead wait; a client that sends without end is made to wait as well.
    if (input_.size() > limits_.parser.body_bytes + limits_.parser.header_bytes) {
      uv_read_stop(stream());
    }
    return;
  }
  Parse();
}

void Connection::Parse() {
  while (!answering_ && !closing_ && !close_after_writes_ && !input_.empty()) {
    const bool fresh = !parser_.started();
    size_t used = 0;
    const RequestParser::State state = parser_.Feed(input_, &used);
    input_.erase(0, used);
    if (fresh) ArmTimer(limits_.header_time);
    switch (state) {
      case RequestParser::State::kFailed:
        Fail(parser_.error_status(), parser_.error_text());
        return;
      case RequestParser::State::kExpectContinue:
        Push({Shared("HTTP/1.1 100 Continue\r\n\r\n")});
        if (input_.empty()) return;
        break;
      case RequestParser::State::kMore:
        return;
      case RequestParser::State::kDone:
        Dispatch(parser_.TakeRequest());
        break;
    }
  }
}

void Connection::Dispatch(Request request) {
  ArmTimer(absl::InfiniteDuration());
  answering_ = true;
  keep_alive_ = request.keep_alive;
  auto reply = std::make_shared<Reply>(shared_from_this(), std::move(request));
  reply_ = reply;
  handler_(std::move(reply));
}

void Connection::Fail(int status, const std::string& text) {
  keep_alive_ = false;
  Response response = Response::Text(status, text + "\n");
  if (status == 413) {
    // Clients of the API expect its own form.
    const metav1::Status meta = api::ToMetaStatus(api::RequestEntityTooLarge(text));
    response = Response::Text(
        status,
        absl::StrCat(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":")",
                     meta.message(), R"(","reason":"RequestEntityTooLarge","code":413})"),
        "application/json");
  }
  SendHead(response, /*chunked=*/false, response.body[0]->size());
  Push(std::move(response.body));
  CloseAfterWrites();
}

void Connection::SendHead(const Response& response, bool chunked, size_t length) {
  std::string head =
      absl::StrCat("HTTP/1.1 ", response.status, " ", Phrase(response.status), "\r\n");
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  if (chunked) {
    absl::StrAppend(&head, "Transfer-Encoding: chunked\r\n");
  } else {
    absl::StrAppend(&head, "Content-Length: ", length, "\r\n");
  }
  if (!keep_alive_) absl::StrAppend(&head, "Connection: close\r\n");
  absl::StrAppend(&head, "\r\n");
  Push({Shared(std::move(head))});
}

void Connection::Push(std::vector<std::shared_ptr<const std::string>> pieces) {
  if (closing_) return;
  auto output = std::make_unique<Output>();
  output->connection = shared_from_this();
  std::vector<uv_buf_t> buffers;
  for (const auto& piece : pieces) {
    output->bytes += piece->size();
    buffers.push_back(uv_buf_init(const_cast<char*>(piece->data()),
                                  static_cast<unsigned int>(piece->size())));
  }
  output->pieces = std::move(pieces);
  output->request.data = output.get();
  queued_bytes_ += output->bytes;
  const int result = uv_write(
      &output->request, stream(), buffers.data(), static_cast<unsigned int>(buffers.size()),
      [](uv_write_t* request, int status) {
        const std::unique_ptr<Output> done(static_cast<Output*>(request->data));
        Connection& connection = *done->connection;
        connection.queued_bytes_ -= done->bytes;
        if (status < 0 || (connection.close_after_writes_ && connection.queued_bytes_ == 0)) {
          connection.Close();
        }
      });
  if (result == 0) {
    output.release();
  } else {
    queued_bytes_ -= output->bytes;
    Close();
  }
}

void Connection::AnswerDone() {
  answering_ = false;
  if (!keep_alive_ || input_ended_) return CloseAfterWrites();
  if (closing_) return;
  ArmTimer(limits_.idle_time);
  // Not inline: the answer may have come from within the handler of this very request.
  executor_->Post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr || self->closing_) return;
    uv_read_start(
        self->stream(),
        [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
          auto* own = static_cast<Connection*>(handle->data);
          *buffer = uv_buf_init(own->read_buffer_, sizeof own->read_buffer_);
        },
        [](uv_stream_t* stream, ssize_t n, const uv_buf_t* buffer) {
          static_cast<Connection*>(stream->data)->OnRead(n, buffer->base);
        });
    self->Parse();
  });
}

void Connection::CloseAfterWrites() {
  close_after_writes_ = true;
  if (queued_bytes_ == 0) return Close();
  ArmTimer(limits_.header_time);
}

void Connection::Close() {
  if (closing_) return;
  closing_ = true;
  ArmTimer(absl::InfiniteDuration());
  if (const auto reply = reply_.lock()) reply->Gone();
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), [](uv_handle_t* handle) {
    auto* self = static_cast<Connection*>(handle->data);
    const auto keep = std::move(self->self_);
    self->closed_(self);
  });
}

}  // namespace skiff::apiserver::http
