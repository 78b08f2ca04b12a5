// The grpc.health.v1 check over plain HTTP/2 (RFC 9113), as grpc probes ask it: one request on one
// connection, of whose answer only the message is read. Pure: bytes out, bytes in.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace skiff::node {

// All that the client sends: preface, settings, and Check for that service on stream 1.
std::string HealthRequest(absl::string_view authority, absl::string_view service);

class HealthReader {
 public:
  // What the server sent next, in pieces of any size.
  void Feed(absl::string_view bytes);
  // Nothing more is needed.
  bool done() const { return done_; }
  // OK: SERVING. Otherwise why not.
  absl::Status Verdict() const;

 private:
  void OnFrame(int type, int flags, int stream, absl::string_view payload);

  std::string pending_;
  std::string message_;  // The stream's data: a length-prefixed HealthCheckResponse.
  bool done_ = false;
  bool reset_ = false;
  bool answered_ = false;
};

}  // namespace skiff::node
