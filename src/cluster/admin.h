// What the operator of one member may ask it: HTTP with JSON on a socket in its data directory,
// which only the user of the process may open.
//
//   GET    /members                    [{"id":…,"name":…,"address":…,"voter":…,…}]
//   POST   /members {"name","address"} {"token":…}
//   DELETE /members/NAME               {}
//   POST   /members/NAME/promote       {}
//   POST   /members/NAME/lead          {}
//   POST   /snapshot {"path"}          {"revision":…,"objects":…,"bytes":…}
//
// Errors are metav1.Status.
//
// Threads: Listen and the destructor from any but its loop.
#pragma once

#include <memory>
#include <string>

#include "apiserver/http/http_server.h"
#include "cluster/members.h"

namespace skiff::cluster {

class Admin {
 public:
  // Both outlive it. Work that blocks has a thread of its own: an answer may take as long as a
  // majority does.
  Admin(Members* members, UvExecutor* loop);
  // Waits for the requests under way.
  ~Admin();

  // At DIR/admin.sock.
  absl::Status Listen(const std::string& dir);

 private:
  void Handle(std::shared_ptr<apiserver::http::Exchange> exchange);

  Members* const members_;
  UvExecutor* const loop_;
  apiserver::http::HttpServer server_;
  ThreadPool worker_{1};
};

std::string AdminSocket(const std::string& dir);

}  // namespace skiff::cluster
