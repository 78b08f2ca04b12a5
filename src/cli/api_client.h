// A cluster's API over HTTP, as the command line speaks it.
//
// Threads: one at a time.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace skiff::cli {

class ApiClient {
 public:
  // Reads `kubeconfig` (empty: $KUBECONFIG, or ~/.kube/config) for the server and the user of its
  // current context. kNotFound, kInvalidArgument: naming the file.
  static absl::StatusOr<ApiClient> FromKubeconfig(const std::string& kubeconfig);

  // The socket of the member over that data directory.
  static ApiClient OfMember(const std::string& data_dir);

  struct Reply {
    int status = 0;
    std::string body;
  };
  // `path` begins with a slash. An answer of 400 and above is an error with the server's own words.
  absl::StatusOr<Reply> Call(const std::string& method, const std::string& path,
                             const std::string& body = "",
                             const std::string& content_type = "application/json",
                             const std::string& accept = "application/json");
  // Hands on the body as it comes, until it ends or `take` returns false.
  absl::Status Stream(const std::string& path, std::function<bool(absl::string_view)> take);

 private:
  // In PEM, or empty.
  struct Credentials {
    std::string authority;
    std::string certificate;
    std::string key;
    std::string token;
    bool trust_anybody = false;
  };
  explicit ApiClient(std::string server, std::string socket = "")
      : server_(std::move(server)), socket_(std::move(socket)) {}
  // Everything that a request needs but its method, its headers and where its answer goes.
  void Prepare(void* curl, const std::string& url) const;

  std::string server_;
  Credentials credentials_;
  std::string socket_;  // In the file system, instead of the server's address.
};

// For a URL's path or query (RFC 3986).
std::string Escape(const std::string& text);

}  // namespace skiff::cli
