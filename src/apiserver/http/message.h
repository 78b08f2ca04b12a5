// Requests and answers of HTTP/1.1 (RFC 9110, RFC 9112), apart from how they travel.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "base/tls.h"

namespace skiff::apiserver::http {

struct Request {
  std::string method;                                      // "GET"
  std::string path;                                        // Percent-decoded.
  std::vector<std::pair<std::string, std::string>> query;  // Decoded, in order.
  // By lower-case name; repeats joined by ", ".
  std::map<std::string, std::string, std::less<>> headers;
  std::string body;
  bool keep_alive = true;
  int version = 11;  // 10 for HTTP/1.0.

  // Of this request, as long as it lives and is not changed. Empty if absent; of repeats, the
  // first.
  absl::string_view Query(absl::string_view name) const;
  bool HasQuery(absl::string_view name) const;
  absl::string_view Header(absl::string_view lower_case_name) const;
};

struct Response {
  int status = 200;
  absl::InlinedVector<std::pair<absl::string_view, std::string>, 4> headers;  // Names: literals.
  // The body, in pieces that are sent one after the other without being copied together.
  std::vector<std::shared_ptr<const std::string>> body;
  // Of a streamed answer: how much may wait for a reader that does not take it; 0: the connection's
  // limit.
  size_t queued_bytes = 0;

  size_t body_bytes() const;

  static Response Text(int status, std::string text,
                       std::string content_type = "text/plain; charset=utf-8");
};

// One request and the way to answer it, exactly once: with Send, or with Start, Writes and Finish.
// Lives as long as somebody holds it; if its connection closes first, answering does nothing.
//
// Threads: the server's loop.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  // How the client came, as long as this lives; null in the clear.
  virtual const TlsSession* tls() const = 0;
  virtual void Send(Response response) = 0;

  // A streamed answer: chunked, or up to the end of the connection for HTTP/1.0.
  virtual void Start(Response head) = 0;
  // Sends the pieces one after the other without copying them. False if the connection is gone or
  // its reader too slow (it is closed then, and OnClose's callback has run).
  virtual bool Write(std::vector<std::shared_ptr<const std::string>> pieces) = 0;
  virtual void Finish() = 0;
  // Called once if the client goes away before the answer is complete.
  virtual void OnClose(std::function<void()> callback) = 0;
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

}  // namespace skiff::apiserver::http
