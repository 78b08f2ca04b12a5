#include "node/grpc_health.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/big_endian.h"
#include "base/status.h"

namespace skiff::node {
namespace {

// A gRPC message: not compressed, four bytes of length (gRPC over HTTP2,
// "Length-Prefixed-Message").
constexpr size_t kMessageHead = 5;
// A response is two bytes; a server that sends much more is no health service.
constexpr size_t kMaxResponse = 4096;
constexpr char kUnimplemented[] = "12";

HealthCall* Self(void* call) { return static_cast<HealthCall*>(call); }

std::string Message(absl::string_view service) {
  // HealthCheckRequest: field 1 is the service's name.
  std::string body;
  if (!service.empty()) {
    body.push_back(0x0a);
    size_t size = service.size();
    for (; size >= 128; size >>= 7) body.push_back(static_cast<char>(size | 0x80));
    body.push_back(static_cast<char>(size));
    body.append(service.data(), service.size());
  }
  std::string message(1, '\0');
  PutBigEndian(static_cast<uint32_t>(body.size()), &message);
  return message + body;
}

nghttp2_nv Field(absl::string_view name, absl::string_view value) {
  const auto bytes = [](absl::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

HealthCall::HealthCall(const std::string& authority, absl::string_view service)
    : request_(Message(service)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  SKIFF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &HealthCall::OnData);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &HealthCall::OnHeader);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &HealthCall::OnStreamClose);
  nghttp2_session* session = nullptr;
  SKIFF_CHECK(nghttp2_session_client_new(&session, callbacks, this) == 0);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  Submit(authority);
  Pump();
}

void HealthCall::Submit(const std::string& authority) {
  const std::array<nghttp2_nv, 7> fields = {
      Field(":method", "POST"),
      Field(":scheme", "http"),
      Field(":path", "/grpc.health.v1.Health/Check"),
      Field(":authority", authority),
      Field("content-type", "application/grpc"),
      Field("te", "trailers"),
      Field("user-agent", "kube-probe/1.35"),
  };
  nghttp2_data_provider body{};
  body.read_callback = &HealthCall::OnRead;
  SKIFF_CHECK(nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, nullptr, 0) == 0);
  SKIFF_CHECK(nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(), &body,
                                     nullptr) > 0);
}

// What the library wants to say; a session that wants nothing any more, after a fault, is over.
void HealthCall::Pump() {
  const uint8_t* bytes = nullptr;
  ssize_t size = 0;
  while ((size = nghttp2_session_mem_send(session_.get(), &bytes)) > 0) {
    to_send_.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  const bool over = nghttp2_session_want_read(session_.get()) == 0 &&
                    nghttp2_session_want_write(session_.get()) == 0;
  done_ = done_ || size < 0 || over;
}

std::string HealthCall::TakeBytes() { return std::exchange(to_send_, {}); }

void HealthCall::Feed(absl::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  done_ = done_ || taken < 0;
  Pump();
}

ssize_t HealthCall::OnRead(nghttp2_session*, int32_t, uint8_t* buffer, size_t size, uint32_t* flags,
                           nghttp2_data_source*, void* call) {
  std::string& request = Self(call)->request_;
  const size_t taken = std::min(size, request.size());
  std::memcpy(buffer, request.data(), taken);
  request.erase(0, taken);
  if (request.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(taken);
}

int HealthCall::OnData(nghttp2_session*, uint8_t, int32_t, const uint8_t* data, size_t size,
                       void* call) {
  std::string& response = Self(call)->response_;
  if (response.size() + size > kMaxResponse) return NGHTTP2_ERR_CALLBACK_FAILURE;
  response.append(reinterpret_cast<const char*>(data), size);
  return 0;
}

int HealthCall::OnHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t* name,
                         size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                         void* call) {
  const absl::string_view key(reinterpret_cast<const char*>(name), name_size);
  const absl::string_view text(reinterpret_cast<const char*>(value), value_size);
  if (key == "grpc-status") Self(call)->grpc_status_ = std::string(text);
  if (key == "grpc-message") Self(call)->grpc_message_ = std::string(text);
  return 0;
}

int HealthCall::OnStreamClose(nghttp2_session*, int32_t, uint32_t, void* call) {
  Self(call)->done_ = true;
  return 0;
}

absl::Status HealthCall::Verdict() const {
  if (response_.size() < kMessageHead) {
    if (grpc_status_ == kUnimplemented) {
      return absl::UnavailableError(
          absl::StrCat("error: this server does not implement the grpc health protocol "
                       "(grpc.health.v1.Health): ",
                       grpc_message_));
    }
    if (!grpc_status_.empty()) {
      return absl::UnavailableError(absl::StrCat("error: the health check failed with grpc status ",
                                                 grpc_status_, ": ", grpc_message_));
    }
    return absl::UnavailableError("error: the server did not answer the health check");
  }
  // HealthCheckResponse: field 1, a varint; absent is UNKNOWN.
  const absl::string_view body = absl::string_view(response_).substr(kMessageHead);
  const auto status =
      body.size() >= 2 && body[0] == 0x08 ? static_cast<unsigned char>(body[1]) : 0U;
  if (status == 1) return absl::OkStatus();
  static constexpr const char* kNames[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
  return absl::UnavailableError(absl::StrCat("service unhealthy (responded with \"",
                                             status < 4 ? kNames[status] : "UNKNOWN", "\")"));
}

}  // namespace skiff::node
