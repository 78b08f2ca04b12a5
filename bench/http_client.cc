#include "bench/http_client.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace skiff::bench {
namespace {

constexpr absl::string_view kEndOfHead = "\r\n\r\n";

// The body's size, of a head that says it.
size_t BodySize(absl::string_view head) {
  for (const absl::string_view name : {"Content-Length: ", "content-length: "}) {
    const size_t at = head.find(name);
    if (at != absl::string_view::npos) {
      return std::strtoul(std::string(head.substr(at + name.size(), 20)).c_str(), nullptr, 10);
    }
  }
  return 0;
}

}  // namespace

HttpClient::HttpClient(Sockets* sockets, const std::vector<int>& ports, int connections)
    : sockets_(sockets) {
  for (int i = 0; i < connections; ++i) {
    connections_.push_back(std::make_unique<Connection>());
    Connection* self = connections_.back().get();
    self->socket =
        sockets->Connect(ports[static_cast<size_t>(i) % ports.size()],
                         [this, self](absl::string_view bytes) { Receive(self, bytes); });
  }
}

void HttpClient::Ask(int connection, absl::string_view method, const std::string& path,
                     absl::string_view body, Answer answer) {
  Connection& self = *connections_[static_cast<size_t>(connection)];
  self.answer = std::move(answer);
  sockets_->Send(self.socket, absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: localhost\r\n",
                                           "Content-Type: application/json\r\nContent-Length: ",
                                           body.size(), "\r\n\r\n", body));
}

void HttpClient::Stream(int connection, const std::string& path, Line line) {
  Connection& self = *connections_[static_cast<size_t>(connection)];
  self.line = std::move(line);
  sockets_->Send(self.socket, absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
}

void HttpClient::SetLine(int connection, Line line) {
  connections_[static_cast<size_t>(connection)]->line = std::move(line);
}

void HttpClient::Receive(Connection* connection, absl::string_view bytes) {
  std::string& received = connection->received;
  received.append(bytes.data(), bytes.size());
  if (connection->line) {
    ReceiveStream(connection);
    return;
  }
  const size_t head = received.find(kEndOfHead.data());
  if (head == std::string::npos) return;
  const size_t body = head + kEndOfHead.size();
  const size_t size = BodySize(absl::string_view(received.data(), head));
  if (received.size() < body + size) return;
  int status = 0;
  if (head < 12 || !absl::SimpleAtoi(absl::string_view(received.data() + 9, 3), &status)) {
    status = 0;
  }
  // The answer may be followed by the next request, whose answer must find this free.
  const std::string whole = std::exchange(received, {});
  const Answer answer = std::exchange(connection->answer, nullptr);
  if (answer) answer(status, absl::string_view(whole).substr(body, size));
}

void HttpClient::ReceiveStream(Connection* connection) {
  std::string& received = connection->received;
  if (!connection->begun) {
    const size_t head = received.find(kEndOfHead.data());
    if (head == std::string::npos) return;
    received.erase(0, head + kEndOfHead.size());
    connection->begun = true;
    connection->line({});
  }
  size_t end = 0;
  while ((end = received.find("\r\n")) != std::string::npos) {
    const size_t size = std::strtoul(received.c_str(), nullptr, 16);
    if (received.size() < end + 2 + size + 2) return;
    connection->lines.append(received, end + 2, size);
    received.erase(0, end + 2 + size + 2);
    size_t line = 0;
    while ((line = connection->lines.find('\n')) != std::string::npos) {
      connection->line(absl::string_view(connection->lines.data(), line));
      connection->lines.erase(0, line + 1);
    }
  }
}

std::string ConfigMapJson(const std::string& name, absl::string_view value) {
  return absl::StrCat(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")", name,
                      R"("},"data":{"value":")", value, R"("}})");
}

}  // namespace skiff::bench
