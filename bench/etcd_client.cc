#include "bench/etcd_client.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/big_endian.h"
#include "base/status.h"

namespace skiff::bench {
namespace {

// A gRPC message: not compressed, four bytes of length (gRPC over HTTP2,
// "Length-Prefixed-Message").
constexpr size_t kMessageHead = 5;
constexpr int32_t kWindow = 16 << 20;

// Protocol buffers, the few fields that are needed.
void PutNumber(uint64_t number, std::string* to) {
  for (; number >= 128; number >>= 7) to->push_back(static_cast<char>(number | 0x80));
  to->push_back(static_cast<char>(number));
}
void PutBytes(int field, absl::string_view bytes, std::string* to) {
  PutNumber(static_cast<uint64_t>(field) << 3 | 2, to);
  PutNumber(bytes.size(), to);
  to->append(bytes.data(), bytes.size());
}
void PutTrue(int field, std::string* to) {
  PutNumber(static_cast<uint64_t>(field) << 3, to);
  PutNumber(1, to);
}

bool TakeNumber(absl::string_view* from, uint64_t* number) {
  *number = 0;
  for (int shift = 0; shift < 64 && !from->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(from->front());
    from->remove_prefix(1);
    *number |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 128) return true;
  }
  return false;
}

// Calls `field` with each field's number and what it holds: the bytes, or the number.
void Fields(absl::string_view message,
            const std::function<void(uint64_t, absl::string_view, uint64_t)>& field) {
  uint64_t tag = 0;
  uint64_t number = 0;
  while (TakeNumber(&message, &tag) && TakeNumber(&message, &number)) {
    if ((tag & 7) == 0) {
      field(tag >> 3, {}, number);
    } else if ((tag & 7) == 2 && number <= message.size()) {
      field(tag >> 3, message.substr(0, number), 0);
      message.remove_prefix(number);
    } else {
      return;
    }
  }
}

std::string Framed(const std::string& message) {
  std::string out(1, '\0');
  PutBigEndian(static_cast<uint32_t>(message.size()), &out);
  return out + message;
}

nghttp2_nv Field(absl::string_view name, absl::string_view value) {
  const auto bytes = [](absl::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

}  // namespace

class EtcdClient::Connection {
 public:
  // Each message of the answer, as it comes; once more with `last` at the end.
  using OnMessage = std::function<void(absl::string_view message, bool last, bool ok)>;

  Connection(Sockets* sockets, int port) : sockets_(sockets) {
    nghttp2_session_callbacks* callbacks = nullptr;
    SKIFF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &OnData);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, &OnHeader);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &OnStreamClose);
    SKIFF_CHECK(nghttp2_session_client_new(&session_, callbacks, this) == 0);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<uint32_t>(kWindow)}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 1);
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
    socket_ = sockets->Connect(port, [this](absl::string_view bytes) { Receive(bytes); });
    Pump();
  }
  ~Connection() { nghttp2_session_del(session_); }

  void Call(absl::string_view path, const std::string& message, bool keep_open,
            OnMessage on_message) {
    auto call = std::make_unique<Stream>();
    call->request = Framed(message);
    call->keep_open = keep_open;
    call->on_message = std::move(on_message);
    const nghttp2_nv fields[] = {
        Field(":method", "POST"),
        Field(":scheme", "http"),
        Field(":path", path),
        Field(":authority", "127.0.0.1"),
        Field("content-type", "application/grpc"),
        Field("te", "trailers"),
    };
    nghttp2_data_provider body{};
    body.source.ptr = call.get();
    body.read_callback = &OnRead;
    const int32_t id =
        nghttp2_submit_request(session_, nullptr, fields, std::size(fields), &body, call.get());
    SKIFF_CHECK(id > 0);
    streams_[id] = std::move(call);
    if (!receiving_) Pump();
  }

 private:
  struct Stream {
    std::string request;
    size_t sent = 0;
    bool keep_open = false;  // More could be asked later.
    std::string received;
    bool ok = false;
    OnMessage on_message;
  };
  static Connection* Self(void* self) { return static_cast<Connection*>(self); }

  void Receive(absl::string_view bytes) {
    receiving_ = true;
    const ssize_t taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    SKIFF_CHECK(taken >= 0);
    receiving_ = false;
    Pump();
  }
  // Not from within the session's own callbacks.
  void Pump() {
    const uint8_t* bytes = nullptr;
    ssize_t size = 0;
    while ((size = nghttp2_session_mem_send(session_, &bytes)) > 0) {
      sockets_->Send(socket_, absl::string_view(reinterpret_cast<const char*>(bytes),
                                                static_cast<size_t>(size)));
    }
  }

  static ssize_t OnRead(nghttp2_session*, int32_t, uint8_t* buffer, size_t size, uint32_t* flags,
                        nghttp2_data_source* source, void*) {
    auto* stream = static_cast<Stream*>(source->ptr);
    const size_t taken = std::min(size, stream->request.size() - stream->sent);
    if (taken == 0) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(buffer, stream->request.data() + stream->sent, taken);
    stream->sent += taken;
    if (stream->sent == stream->request.size() && !stream->keep_open) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(taken);
  }
  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                    void*) {
    auto* stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
    if (stream == nullptr) return 0;
    std::string& received = stream->received;
    received.append(reinterpret_cast<const char*>(data), size);
    while (received.size() >= kMessageHead) {
      size_t length = 0;
      for (size_t i = 1; i < kMessageHead; ++i) {
        length = length << 8 | static_cast<unsigned char>(received[i]);
      }
      if (received.size() < kMessageHead + length) break;
      stream->on_message(absl::string_view(received).substr(kMessageHead, length), false, true);
      received.erase(0, kMessageHead + length);
    }
    return 0;
  }
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
    auto* stream =
        static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
    const absl::string_view key(reinterpret_cast<const char*>(name), name_size);
    const absl::string_view text(reinterpret_cast<const char*>(value), value_size);
    if (stream != nullptr && key == "grpc-status") stream->ok = text == "0";
    return 0;
  }
  static int OnStreamClose(nghttp2_session*, int32_t id, uint32_t, void* self) {
    const auto at = Self(self)->streams_.find(id);
    if (at == Self(self)->streams_.end()) return 0;
    const std::unique_ptr<Stream> stream = std::move(at->second);
    Self(self)->streams_.erase(at);
    stream->on_message({}, true, stream->ok);
    return 0;
  }

  Sockets* const sockets_;
  int socket_ = 0;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, std::unique_ptr<Stream>> streams_;
  bool receiving_ = false;
};

EtcdClient::EtcdClient(Sockets* sockets, const std::vector<int>& ports, int connections) {
  for (int i = 0; i < connections; ++i) {
    connections_.push_back(
        std::make_unique<Connection>(sockets, ports[static_cast<size_t>(i) % ports.size()]));
  }
}
EtcdClient::~EtcdClient() = default;

EtcdClient::Connection& EtcdClient::Of(int client) {
  return *connections_[static_cast<size_t>(client) % connections_.size()];
}

void EtcdClient::Put(int client, absl::string_view key, absl::string_view value, Done done) {
  std::string request;  // PutRequest
  PutBytes(1, key, &request);
  PutBytes(2, value, &request);
  Of(client).Call("/etcdserverpb.KV/Put", request, false,
                  [done = std::move(done)](absl::string_view, bool last, bool ok) {
                    if (last) done(ok);
                  });
}

void EtcdClient::Get(int client, absl::string_view key, bool serializable, Done done) {
  std::string request;  // RangeRequest
  PutBytes(1, key, &request);
  if (serializable) PutTrue(7, &request);
  Of(client).Call("/etcdserverpb.KV/Range", request, false,
                  [done = std::move(done), found = false](absl::string_view message, bool last,
                                                          bool ok) mutable {
                    Fields(message, [&found](uint64_t field, absl::string_view, uint64_t) {
                      found = found || field == 2;  // kvs
                    });
                    if (last) done(ok && found);
                  });
}

void EtcdClient::Watch(int client, absl::string_view prefix, Seen seen) {
  std::string end(prefix);
  ++end.back();
  std::string create;  // WatchCreateRequest
  PutBytes(1, prefix, &create);
  PutBytes(2, end, &create);
  std::string request;  // WatchRequest
  PutBytes(1, create, &request);
  const auto on_message = [seen = std::move(seen)](absl::string_view message, bool, bool) {
    Fields(message, [&seen](uint64_t field, absl::string_view event, uint64_t number) {
      if (field == 3 && number == 1) seen({});  // created
      if (field != 11) return;                  // events
      Fields(event, [&seen](uint64_t part, absl::string_view kv, uint64_t) {
        if (part != 2) return;  // kv
        Fields(kv, [&seen](uint64_t of_kv, absl::string_view value, uint64_t) {
          if (of_kv == 5) seen(value);
        });
      });
    });
  };
  Of(client).Call("/etcdserverpb.Watch/Watch", request, true, on_message);
}

}  // namespace skiff::bench
