// Bytes to requests. Boost.Beast reads the syntax (RFC 9112); limits and meaning are here.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "apiserver/http/message.h"

namespace skiff::apiserver::http {

struct ParserLimits {
  size_t header_bytes = 64 << 10;
  size_t body_bytes = 3 << 20;
};

class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();

  enum class State { kMore, kExpectContinue, kDone, kFailed };
  // Takes bytes; `*used` says how many. kDone: a request is whole and the rest belongs to the next.
  // kExpectContinue: the client waits for leave to send the body; go on with what comes.
  State Feed(absl::string_view bytes, size_t* used);

  // After kDone.
  Request TakeRequest();
  // After kFailed: what to answer before closing.
  int error_status() const;
  std::string error_text() const;
  // Whether anything of a request has come, and whether its headers have.
  bool started() const;
  bool in_body() const;

 private:
  class Beast;
  void Begin();
  const ParserLimits limits_;
  std::unique_ptr<Beast> beast_;
};

// The path and query of a request from its target, "/api?limit=1". False: it is none.
bool ReadTarget(absl::string_view target, Request* request);
// "a=1&b=%20" decoded.
std::vector<std::pair<std::string, std::string>> ParseQuery(absl::string_view text);
// Percent-decoding (RFC 3986 section 2.1); false for a broken escape or a zero byte.
bool PercentDecode(absl::string_view text, bool plus_is_space, std::string* out);

}  // namespace skiff::apiserver::http
