// The call grpc.health.v1.Health/Check over plain HTTP/2, as grpc probes make it: one request on a
// connection of its own. Knows no socket: bytes out, bytes in.
//
//   HealthCall call("10.1.0.7:50051", "db");
//   while (!call.done()) { Send(call.TakeBytes()); call.Feed(Receive()); }
//   return call.Verdict();
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace skiff::node {

class HealthCall {
 public:
  // An empty `service` asks for the server as a whole.
  HealthCall(const std::string& authority, absl::string_view service);
  HealthCall(const HealthCall&) = delete;
  HealthCall& operator=(const HealthCall&) = delete;

  // What is to be sent now; often nothing.
  std::string TakeBytes();
  // What the server sent next, in pieces of any size.
  void Feed(absl::string_view bytes);
  // Nothing more is needed.
  bool done() const { return done_; }
  // OK: SERVING. Otherwise why not.
  absl::Status Verdict() const;

 private:
  void Submit(const std::string& authority);
  void Pump();

  // The library's callbacks; `call` is this object.
  static ssize_t OnRead(nghttp2_session*, int32_t, uint8_t* buffer, size_t size, uint32_t* flags,
                        nghttp2_data_source* source, void* call);
  static int OnData(nghttp2_session*, uint8_t, int32_t, const uint8_t* data, size_t size,
                    void* call);
  static int OnHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* call);
  static int OnStreamClose(nghttp2_session*, int32_t, uint32_t, void* call);

  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::string to_send_;
  std::string request_;   // What of the request's message is still to be sent.
  std::string response_;  // A length-prefixed HealthCheckResponse.
  std::string grpc_status_;
  std::string grpc_message_;
  bool done_ = false;
};

}  // namespace skiff::node
