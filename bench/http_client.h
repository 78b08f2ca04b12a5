// HTTP/1.1 over connections that stay open, one request under way on each: as many connections as
// clients, which is how API clients without TLS talk to an API server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/load.h"
#include "bench/sockets.h"

namespace skiff::bench {

class HttpClient {
 public:
  using Answer = std::function<void(int status, absl::string_view body)>;
  using Line = std::function<void(absl::string_view line)>;

  // Connections go to the ports in turn.
  HttpClient(Sockets* sockets, const std::vector<int>& ports, int connections);

  // `answer` may ask again on the same connection.
  void Ask(int connection, absl::string_view method, const std::string& path,
           absl::string_view body, Answer answer);
  // An answer without end (a watch): its lines, as they come. `line` gets an empty one once the
  // server has begun.
  void Stream(int connection, const std::string& path, Line line);
  // Another receiver for its lines.
  void SetLine(int connection, Line line);

 private:
  struct Connection {
    int socket = 0;
    std::string received;
    Answer answer;
    Line line;
    bool begun = false;  // Of a stream: its head is here.
    std::string lines;   // Of a stream, without chunk sizes.
  };
  void Receive(Connection* connection, absl::string_view bytes);
  void ReceiveStream(Connection* connection);

  Sockets* const sockets_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// A ConfigMap of this name that holds `value`.
std::string ConfigMapJson(const std::string& name, absl::string_view value);

}  // namespace skiff::bench
