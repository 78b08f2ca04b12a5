// Connections to loopback ports, all on the calling thread: what arrives is handed on, what is sent
// leaves once everything that arrived was handed on, so that many small messages share a write.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/unique_fd.h"

namespace skiff::bench {

class Sockets {
 public:
  using Receiver = std::function<void(absl::string_view bytes)>;

  Sockets();
  ~Sockets();

  // Connects; its number. A failure shows in RunUntil.
  int Connect(int port, Receiver receiver);
  void Send(int socket, absl::string_view bytes);
  // Serves the connections until `holds`. kUnavailable if one ends; kDeadlineExceeded if nothing
  // arrives for half a minute.
  absl::Status RunUntil(const std::function<bool()>& holds);

 private:
  struct Socket {
    UniqueFd fd;
    Receiver receiver;
    std::string to_send;
    bool dirty = false;    // Something to send that was not tried yet.
    bool blocked = false;  // Waits until it can be written.
  };
  void Flush();
  bool Write(Socket* socket, int number);
  bool Read(Socket* socket);
  void Watch(int number, bool for_writing, int operation);

  UniqueFd epoll_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::vector<int> dirty_;
  absl::Status status_;
  std::string chunk_;
};

}  // namespace skiff::bench
