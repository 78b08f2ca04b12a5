// The health call against a server that nghttp2 plays, byte for byte through memory.
#include "node/grpc_health.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"

namespace skiff::node {
namespace {

// Answers every request with a message and trailers, or with a status alone.
class Server {
 public:
  explicit Server(std::string body, const char* status = "0")
      : body_(std::move(body)), status_(status) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &Server::OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &Server::OnData);
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Server() { nghttp2_session_del(session_); }

  std::string Answer(const std::string& bytes) {
    REQUIRE(nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                     bytes.size()) == static_cast<ssize_t>(bytes.size()));
    std::string out;
    const uint8_t* piece = nullptr;
    ssize_t size = 0;
    while ((size = nghttp2_session_mem_send(session_, &piece)) > 0) {
      out.append(reinterpret_cast<const char*>(piece), static_cast<size_t>(size));
    }
    return out;
  }
  const std::string& request() const { return request_; }

 private:
  static nghttp2_nv Field(const char* name, const std::string& value) {
    return {reinterpret_cast<uint8_t*>(const_cast<char*>(name)),
            reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), strlen(name), value.size(),
            NGHTTP2_NV_FLAG_NONE};
  }
  static int OnData(nghttp2_session*, uint8_t, int32_t, const uint8_t* data, size_t size,
                    void* self) {
    static_cast<Server*>(self)->request_.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
    auto* server = static_cast<Server*>(self);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 || frame->hd.stream_id != 1) return 0;
    const std::string ok = "200";
    const nghttp2_nv head[] = {Field(":status", ok), Field("grpc-status", server->status_)};
    if (server->body_.empty()) {
      return nghttp2_submit_response(session, 1, head, 2, nullptr);
    }
    nghttp2_data_provider data{};
    data.read_callback = &Server::OnRead;
    return nghttp2_submit_response(session, 1, head, 1, &data);
  }
  static ssize_t OnRead(nghttp2_session* session, int32_t stream, uint8_t* buffer, size_t,
                        uint32_t* flags, nghttp2_data_source*, void* self) {
    auto* server = static_cast<Server*>(self);
    memcpy(buffer, server->body_.data(), server->body_.size());
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv trailer[] = {Field("grpc-status", server->status_)};
    nghttp2_submit_trailer(session, stream, trailer, 1);
    return static_cast<ssize_t>(server->body_.size());
  }

  std::string body_;
  std::string status_;
  std::string request_;
  nghttp2_session* session_ = nullptr;
};

std::string Response(char status) { return std::string("\0\0\0\0\x02\x08", 6) + status; }

absl::Status VerdictOf(Server& server, size_t piece = 1000) {
  HealthCall call("10.1.0.7:50051", "db");
  for (int round = 0; round < 10 && !call.done(); ++round) {
    const std::string answer = server.Answer(call.TakeBytes());
    for (size_t at = 0; at < answer.size(); at += piece) {
      call.Feed(absl::string_view(answer).substr(at, piece));
    }
  }
  return call.Verdict();
}

TEST_CASE("TheRequestNamesTheService") {
  Server server(Response(1));
  CHECK(VerdictOf(server).ok());
  CHECK(server.request() == std::string("\0\0\0\0\x04\x0a\x02"
                                        "db",
                                        9));
}

TEST_CASE("ServingIsHealthyInPiecesOfAnySize") {
  for (const size_t piece : {1, 2, 7, 1000}) {
    Server server(Response(1));
    CHECK(VerdictOf(server, piece).ok());
  }
}

TEST_CASE("AnythingElseIsNot") {
  Server not_serving(Response(2));
  CHECK(VerdictOf(not_serving).message() == "service unhealthy (responded with \"NOT_SERVING\")");
  Server unknown(std::string(5, '\0'));
  CHECK(VerdictOf(unknown).message() == "service unhealthy (responded with \"UNKNOWN\")");
  Server unimplemented("", "12");
  CHECK(absl::StrContains(VerdictOf(unimplemented).message(), "does not implement"));
  Server not_found("", "5");
  CHECK(absl::StrContains(VerdictOf(not_found).message(), "grpc status 5"));
}

TEST_CASE("WhatIsNoHttp2EndsTheCall") {
  HealthCall call("10.1.0.7:80", "");
  call.TakeBytes();
  call.Feed("HTTP/1.1 400 Bad Request\r\n\r\n");
  CHECK(call.done());
  CHECK(absl::StrContains(call.Verdict().message(), "did not answer"));
}

}  // namespace
}  // namespace skiff::node
