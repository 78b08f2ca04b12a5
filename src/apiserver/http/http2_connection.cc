#include "apiserver/http/http2_connection.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/parser.h"
#include "apiserver/http/reply.h"
#include "base/status.h"

namespace skiff::apiserver::http {
namespace {

constexpr uint32_t kMaxStreams = 250;
constexpr int32_t kWindowBytes = 1 << 20;  // Of request bodies, for each stream and for all.
// A client that begins requests and gives them up, over and over, costs more than it pays
// (CVE-2023-44487): so many in so long.
constexpr int kMaxResets = 1000;
constexpr absl::Duration kResetsPer = absl::Seconds(30);
// No more is handed to the socket than it can be expected to take soon: what waits in streams can
// still be given up.
constexpr size_t kSocketBytes = 256 << 10;
// A client that waits for answers and says nothing for so long is asked whether it is there, and
// given up when it has not said so by then.
constexpr absl::Duration kAskAfter = absl::Seconds(30);
constexpr absl::Duration kGoneAfter = absl::Seconds(60);

nghttp2_nv Field(absl::string_view name, absl::string_view value) {
  const auto bytes = [](absl::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

absl::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

Http2Connection* Self(void* connection) { return static_cast<Http2Connection*>(connection); }

}  // namespace

// A request and its answer.
struct Http2Connection::Stream {
  Request request;
  size_t header_bytes = 0;
  int fault = 0;            // The status of what is wrong with the headers.
  bool dispatched = false;  // The request is whole, or was refused.
  bool ended = false;       // Nothing is added to its body any more.
  bool deferred = false;    // nghttp2 waits to be told that there is more.
  std::deque<std::shared_ptr<const std::string>> body;
  size_t front_taken = 0;  // Of the first piece.
  size_t body_bytes = 0;   // That wait.
  std::weak_ptr<Reply> reply;
};

class Http2Connection::Reply final : public ReplyBase {
 public:
  Reply(std::shared_ptr<Http2Connection> connection, int32_t id, Request request)
      : ReplyBase(std::move(request)), connection_(std::move(connection)), id_(id) {}
  ~Reply() override {
    // An answer that nobody will give any more must not leave the client waiting.
    if (over()) return;
    if (started_) {
      connection_->Reset(id_, NGHTTP2_INTERNAL_ERROR);
    } else {
      Send(Response::Text(500, "the request was dropped\n"));
    }
  }

  const TlsSession* tls() const override { return connection_->socket_->tls(); }

  void Send(Response response) override {
    if (over()) return;
    done_ = true;
    const bool empty = request_.method == "HEAD" || response.body_bytes() == 0;
    connection_->SendHead(id_, response, /*streamed=*/false, empty);
    if (empty) return;
    connection_->Push(id_, std::move(response.body), SIZE_MAX);
    connection_->EndAnswer(id_);
  }

  void Start(Response head) override {
    if (over()) return;
    started_ = true;
    queued_limit_ = head.queued_bytes != 0 ? head.queued_bytes : connection_->limits_.queued_bytes;
    const bool headless = request_.method == "HEAD";
    connection_->SendHead(id_, head, /*streamed=*/true, headless);
    if (headless) {
      done_ = true;
      TellGiver();
    } else if (!head.body.empty()) {
      Write(std::move(head.body));
    }
  }

  bool Write(std::vector<std::shared_ptr<const std::string>> pieces) override {
    if (over()) return false;
    return connection_->Push(id_, std::move(pieces), queued_limit_);
  }

  void Finish() override {
    if (over()) return;
    done_ = true;
    connection_->EndAnswer(id_);
  }

 private:
  const std::shared_ptr<Http2Connection> connection_;
  const int32_t id_;
};

Http2Connection::Http2Connection(std::shared_ptr<Socket> socket, Executor* executor,
                                 const ConnectionLimits& limits, Handler handler,
                                 std::function<void(SocketUser*)> closed)
    : socket_(std::move(socket)),
      executor_(executor),
      limits_(limits),
      handler_(std::move(handler)),
      closed_(std::move(closed)) {
  StartSession();
}

Http2Connection::~Http2Connection() = default;

std::shared_ptr<Http2Connection> Http2Connection::Begin(std::shared_ptr<Socket> socket,
                                                        Executor* executor,
                                                        const ConnectionLimits& limits,
                                                        Handler handler,
                                                        std::function<void(SocketUser*)> closed) {
  const std::shared_ptr<Http2Connection> out(new Http2Connection(
      std::move(socket), executor, limits, std::move(handler), std::move(closed)));
  out->socket_->Use(out);
  out->quiet_since_ = out->heard_ = executor->clock().Monotonic();
  out->WatchTime();
  out->Flush();
  out->socket_->ReadOn();
  return out;
}

void Http2Connection::StartSession() {
  nghttp2_session_callbacks* callbacks = nullptr;
  SKIFF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        const bool request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
        return request ? Self(self)->BeginStream(frame->hd.stream_id) : 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks,
      [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
         const uint8_t* value, size_t value_size, uint8_t, void* self) {
        return Self(self)->TakeHeader(frame->hd.stream_id, View(name, name_size),
                                      View(value, value_size));
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks,
      [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* self) {
        Self(self)->TakeBody(id, View(data, size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        if (frame->hd.type == NGHTTP2_HEADERS) Self(self)->EndHeaders(frame->hd.stream_id);
        const bool of_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (of_request && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
          Self(self)->EndRequest(frame->hd.stream_id);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, int32_t id, uint32_t error, void* self) {
        Self(self)->EndStream(id, error);
        return 0;
      });
  nghttp2_session* session = nullptr;
  SKIFF_CHECK(nghttp2_session_server_new(&session, callbacks, this) == 0);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(limits_.parser.header_bytes)}};
  SKIFF_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings)) ==
              0);
  SKIFF_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kWindowBytes) ==
              0);
}

Http2Connection::Stream* Http2Connection::Find(int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

int Http2Connection::BeginStream(int32_t id) {
  streams_[id] = std::make_unique<Stream>();
  return 0;
}

int Http2Connection::TakeHeader(int32_t id, absl::string_view name, absl::string_view value) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->fault != 0) return 0;
  stream->header_bytes += name.size() + value.size() + 32;  // As RFC 9113, 6.5.2 counts.
  if (stream->header_bytes > limits_.parser.header_bytes) {
    stream->fault = 431;
  } else if (name == ":method") {
    stream->request.method = std::string(value);
  } else if (name == ":path") {
    if (!ReadTarget(value, &stream->request)) stream->fault = 400;
  } else if (name == ":authority") {
    stream->request.headers["host"] = std::string(value);
  } else if (name[0] != ':') {
    std::string& slot = stream->request.headers[std::string(name)];
    // Cookies are joined otherwise, but nobody asks for them here.
    if (!slot.empty()) slot += ", ";
    slot.append(value.data(), value.size());
  }
  return 0;
}

void Http2Connection::EndHeaders(int32_t id) {
  const Stream* stream = Find(id);
  if (stream == nullptr || stream->dispatched || stream->fault == 0) return;
  Refuse(id, stream->fault,
         stream->fault == 431 ? absl::StrCat("the request's headers are too large: limit is ",
                                             limits_.parser.header_bytes, " bytes")
                              : "malformed HTTP request: bad request-target");
}

void Http2Connection::TakeBody(int32_t id, absl::string_view bytes) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->dispatched) return;
  if (stream->request.body.size() + bytes.size() > limits_.parser.body_bytes) {
    return Refuse(id, 413, absl::StrCat("limit is ", limits_.parser.body_bytes, " bytes"));
  }
  stream->request.body.append(bytes.data(), bytes.size());
}

void Http2Connection::EndRequest(int32_t id) {
  Stream* stream = Find(id);
  if (stream == nullptr || std::exchange(stream->dispatched, true)) return;
  auto reply = std::make_shared<Reply>(shared_from_this(), id, std::move(stream->request));
  stream->reply = reply;
  handler_(std::move(reply));
}

// Answered before it is whole; what still comes of it is dropped (RFC 9113, 8.1).
void Http2Connection::Refuse(int32_t id, int status, const std::string& text) {
  Find(id)->dispatched = true;
  Response response = Refusal(status, text);
  SendHead(id, response, /*streamed=*/false, /*ends=*/false);
  Push(id, std::move(response.body), SIZE_MAX);
  EndAnswer(id);
}

void Http2Connection::EndStream(int32_t id, uint32_t error) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const std::unique_ptr<Stream> stream = std::move(found->second);
  streams_.erase(found);
  if (const auto reply = stream->reply.lock()) reply->Gone();
  if (closing_ || error != NGHTTP2_CANCEL) return;
  const absl::Duration now = executor_->clock().Monotonic();
  if (now - resets_since_ > kResetsPer) {
    resets_since_ = now;
    resets_ = 0;
  }
  if (++resets_ > kMaxResets) {
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

ssize_t Http2Connection::ReadBody(int32_t id, uint8_t* buffer, size_t size, uint32_t* flags) {
  Stream* stream = Find(id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  size_t taken = 0;
  while (taken < size && !stream->body.empty()) {
    const std::string& front = *stream->body.front();
    const size_t part = std::min(size - taken, front.size() - stream->front_taken);
    std::memcpy(buffer + taken, front.data() + stream->front_taken, part);
    taken += part;
    stream->front_taken += part;
    if (stream->front_taken < front.size()) break;
    stream->body.pop_front();
    stream->front_taken = 0;
  }
  stream->body_bytes -= taken;
  if (stream->body.empty() && stream->ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  } else if (taken == 0) {
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  return static_cast<ssize_t>(taken);
}

void Http2Connection::SendHead(int32_t id, const Response& response, bool streamed, bool ends) {
  Stream* stream = Find(id);
  if (stream == nullptr || closing_) return;
  stream->ended = ends;
  const std::string status = absl::StrCat(response.status);
  std::string length;
  std::vector<nghttp2_nv> fields = {Field(":status", status)};
  for (const auto& [name, value] : response.headers) fields.push_back(Field(name, value));
  if (!streamed && response.status != 304) {
    length = absl::StrCat(response.body_bytes());
    fields.push_back(Field("content-length", length));
  }
  nghttp2_data_provider body{};
  body.read_callback = [](nghttp2_session*, int32_t of, uint8_t* buffer, size_t size,
                          uint32_t* flags, nghttp2_data_source*,
                          void* self) { return Self(self)->ReadBody(of, buffer, size, flags); };
  nghttp2_submit_response(session_.get(), id, fields.data(), fields.size(), ends ? nullptr : &body);
  FlushSoon();
}

bool Http2Connection::Push(int32_t id, Pieces pieces, size_t limit) {
  Stream* stream = Find(id);
  if (stream == nullptr || closing_) return false;
  if (stream->body_bytes > limit) {
    Reset(id, NGHTTP2_CANCEL);
    return false;
  }
  for (auto& piece : pieces) {
    if (piece->empty()) continue;
    stream->body_bytes += piece->size();
    stream->body.push_back(std::move(piece));
  }
  if (std::exchange(stream->deferred, false)) nghttp2_session_resume_data(session_.get(), id);
  FlushSoon();
  return true;
}

void Http2Connection::EndAnswer(int32_t id) {
  Stream* stream = Find(id);
  if (stream == nullptr || closing_) return;
  stream->ended = true;
  if (std::exchange(stream->deferred, false)) nghttp2_session_resume_data(session_.get(), id);
  FlushSoon();
}

void Http2Connection::Reset(int32_t id, uint32_t error) {
  Stream* stream = Find(id);
  if (stream == nullptr || closing_) return;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, error);
  if (const auto reply = stream->reply.lock()) reply->Gone();
  FlushSoon();
}

void Http2Connection::OnBytes(absl::string_view bytes) {
  if (closing_) return;
  quiet_since_ = heard_ = executor_->clock().Monotonic();
  receiving_ = true;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  receiving_ = false;
  if (taken < 0) return Close();
  Flush();
}

// Together with whatever else is answered in this turn of the loop.
void Http2Connection::FlushSoon() {
  if (receiving_ || std::exchange(flush_posted_, true)) return;
  executor_->Post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Flush();
  });
}

void Http2Connection::Flush() {
  flush_posted_ = false;
  if (closing_) return;
  std::string out;
  while (socket_->queued_bytes() + out.size() < kSocketBytes) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size < 0) return Close();
    if (size == 0) break;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  if (!out.empty()) socket_->Write(std::move(out));
  if (nghttp2_session_want_read(session_.get()) == 0 &&
      nghttp2_session_want_write(session_.get()) == 0) {
    Close();
  }
}

// One timer looks now and then: whether the client sends what it began, takes what it asked for, or
// is simply silent with nothing under way.
void Http2Connection::WatchTime() {
  timer_ = executor_->PostAfter(limits_.header_time, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr || self->closing_) return;
    const absl::Duration now = self->executor_->clock().Monotonic();
    const bool begun = std::any_of(self->streams_.begin(), self->streams_.end(),
                                   [](const auto& entry) { return !entry.second->dispatched; });
    const size_t unwritten = self->socket_->unwritten();
    if (unwritten != 0 && unwritten < self->unwritten_then_) self->quiet_since_ = now;
    self->unwritten_then_ = unwritten;
    const bool waits = begun || unwritten != 0 || self->streams_.empty();
    const absl::Duration patience = begun ? self->limits_.body_time : self->limits_.idle_time;
    if (!waits) self->quiet_since_ = now;
    if (now - self->quiet_since_ >= patience) return self->Close();
    if (now - self->heard_ >= kGoneAfter) return self->Close();
    if (now - self->heard_ >= kAskAfter) {
      nghttp2_submit_ping(self->session_.get(), NGHTTP2_FLAG_NONE, nullptr);
      self->Flush();
      if (self->closing_) return;
    }
    self->WatchTime();
  });
}

void Http2Connection::Stop() {
  if (closing_) return;
  for (const auto& [id, stream] : streams_) {
    const auto reply = stream->reply.lock();
    if (reply != nullptr && reply->streaming()) EndAnswer(id);
  }
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  Flush();
  Close();
}

void Http2Connection::Close() {
  if (std::exchange(closing_, true)) return;
  if (timer_ != 0) executor_->Cancel(timer_);
  socket_->Close();
  const auto streams = std::move(streams_);
  streams_.clear();
  for (const auto& [id, stream] : streams) {
    if (const auto reply = stream->reply.lock()) reply->Gone();
  }
}

}  // namespace skiff::apiserver::http
