// What a program says about the door of the API: where it is, and who has which token.
//
// Threads: any.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "apiserver/auth/authenticator.h"

namespace skiff::cluster {

struct ListenAddress {
  bool in_the_clear = false;
  std::string address;  // As apiserver::http::HttpServer takes it.
  std::string host;     // Without brackets.
};

// "HOST:PORT" or "https://HOST:PORT"; "http://HOST:PORT" for no TLS, whose host must be one of this
// machine alone: whoever gets in there is the admin. "unix:PATH" needs none. kInvalidArgument.
absl::StatusOr<ListenAddress> ParseListen(const std::string& listen);

// Blocks on disk. kNotFound, kInvalidArgument: naming the file, and the line.
absl::StatusOr<apiserver::Authenticator> ReadTokens(const std::string& path);

}  // namespace skiff::cluster
