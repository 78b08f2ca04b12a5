// etcd's API in gRPC, as its own clients speak it: many requests share a few HTTP/2 connections.
// Through its JSON gateway, each request would pay for a second conversion and a second hop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/load.h"
#include "bench/sockets.h"

namespace skiff::bench {

class EtcdClient {
 public:
  // Of a put that was watched: the value.
  using Seen = std::function<void(absl::string_view value)>;

  // Connections go to the ports in turn; clients share them in turn.
  EtcdClient(Sockets* sockets, const std::vector<int>& ports, int connections);
  ~EtcdClient();

  void Put(int client, absl::string_view key, absl::string_view value, Done done);
  // Fails also if there is no such key.
  void Get(int client, absl::string_view key, bool serializable, Done done);
  // Puts of keys with this prefix. `seen` gets nothing once the watch has begun.
  void Watch(int client, absl::string_view prefix, Seen seen);

 private:
  class Connection;
  Connection& Of(int client);
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace skiff::bench
