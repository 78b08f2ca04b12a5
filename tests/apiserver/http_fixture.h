// An API server over an in-memory store, on a loopback port of its own, and a client that sends
// exactly the bytes that it is told to.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apiserver/http/api_handler.h"
#include "apiserver/http/http_server.h"
#include "apiserver/rest/server.h"
#include "base/notification.h"
#include "base/unique_fd.h"
#include "base/uv_executor.h"

namespace skiff::apiserver::http {

class ServedApi {
 public:
  explicit ServedApi(ConnectionLimits limits = {}, client::NodeDirectory* nodes = nullptr,
                     const std::string& address = "127.0.0.1:0",
                     std::optional<TlsContext> tls = std::nullopt,
                     std::shared_ptr<const Access> access = std::make_shared<Access>()) {
    auto store = store::Store::Open({}, &store_loop_, &pool_, Logger(), &metrics_);
    REQUIRE(store.ok());
    store_ = *std::move(store);
    server_ = std::make_unique<Server>(store_.get(), &store_loop_.clock(), Rng(7));
    Notification ready;
    server_->Bootstrap(&http_loop_, [&](absl::StatusOr<uint64_t>) { ready.Notify(); });
    ready.WaitForNotification();
    handler_ = std::make_unique<ApiHandler>(server_.get(), &http_loop_, nodes, &metrics_,
                                            std::move(access));
    http_ = std::make_unique<HttpServer>(
        &http_loop_, limits,
        [this](std::shared_ptr<Exchange> exchange) { handler_->Handle(std::move(exchange)); },
        std::move(tls));
    const auto bound = http_->Listen(address);
    REQUIRE(bound.ok());
    address_ = *bound;
  }
  ~ServedApi() { Close(); }

  void Close() {
    if (http_ == nullptr) return;
    http_->Close();
    store_->Close();
    store_loop_.Stop();
    http_loop_.Stop();
    http_ = nullptr;
  }

  const std::string& address() const { return address_; }
  int port() const {
    int out = 0;
    CHECK(absl::SimpleAtoi(address_.substr(address_.rfind(':') + 1), &out));
    return out;
  }
  Server& server() { return *server_; }
  HttpServer& http() { return *http_; }

 private:
  Metrics metrics_;
  ThreadPool pool_{1};
  UvExecutor store_loop_{"store"};
  UvExecutor http_loop_{"http"};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<ApiHandler> handler_;
  std::unique_ptr<HttpServer> http_;
  std::string address_;
};

// A blocking client on one TCP connection.
class RawClient {
 public:
  explicit RawClient(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }

  int fd() const { return fd_.get(); }

  // From here on everything goes through it; false if the server does not agree to it.
  bool StartTls(const TlsContext& context, const std::string& server_name) {
    tls_ = std::make_unique<TlsSession>(context, server_name);
    if (!SendRaw(tls_->TakeOutput())) return false;
    while (!tls_->established() && Fill()) {
    }
    return tls_->established();
  }

  // False if the server closed in the middle.
  bool Send(absl::string_view bytes) {
    if (tls_ == nullptr) return SendRaw(bytes);
    return tls_->Write(bytes).ok() && SendRaw(tls_->TakeOutput());
  }
  bool SendRaw(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void EndOfRequests() { ::shutdown(fd_.get(), SHUT_WR); }

  // More bytes into the buffer; false at the end, on an error, or if nothing comes for long.
  bool Fill() {
    pollfd wait{fd_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 10'000) != 1) return false;
    char bytes[16 << 10];
    const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    if (tls_ == nullptr) {
      buffer_.append(bytes, static_cast<size_t>(n));
      return true;
    }
    const bool fed = tls_->Feed({bytes, static_cast<size_t>(n)}, &buffer_).ok();
    return SendRaw(tls_->TakeOutput()) && fed;
  }
  bool AtEnd() { return buffer_.empty() && !Fill(); }
  // All that is there, or else what comes next; empty at the end.
  std::string TakeSome() {
    while (buffer_.empty() && Fill()) {
    }
    return std::exchange(buffer_, "");
  }

  // Up to and with `mark`; all that came if it never does.
  std::string ReadUntil(absl::string_view mark) {
    size_t at;
    while ((at = buffer_.find(std::string(mark))) == std::string::npos) {
      if (!Fill()) return std::exchange(buffer_, "");
    }
    std::string out = buffer_.substr(0, at + mark.size());
    buffer_.erase(0, out.size());
    return out;
  }
  std::string ReadBytes(size_t count) {
    while (buffer_.size() < count && Fill()) {
    }
    std::string out = buffer_.substr(0, count);
    buffer_.erase(0, out.size());
    return out;
  }

  struct Answer {
    int status = 0;
    std::string head;
    std::string body;
  };
  // One whole answer. `has_body`: false for the answer to HEAD.
  Answer ReadAnswer(bool has_body = true) {
    Answer out;
    out.head = ReadUntil("\r\n\r\n");
    if (out.head.size() > 12) (void)absl::SimpleAtoi(out.head.substr(9, 3), &out.status);
    if (!has_body) return out;
    if (absl::StrContains(out.head, "Transfer-Encoding: chunked")) {
      for (std::string chunk = ReadChunk(); !chunk.empty(); chunk = ReadChunk()) out.body += chunk;
      return out;
    }
    const std::string name = "Content-Length: ";
    size_t length = 0;
    if (const size_t at = out.head.find(name); at != std::string::npos) {
      length = std::stoul(out.head.substr(at + name.size()));
    }
    out.body = ReadBytes(length);
    return out;
  }
  std::string ReadChunk() {
    const std::string size = ReadUntil("\r\n");
    if (size.size() < 3) return "";
    std::string out = ReadBytes(std::stoul(size, nullptr, 16));
    ReadUntil("\r\n");
    return out;
  }

  Answer Ask(absl::string_view method, absl::string_view target, absl::string_view body = "",
             absl::string_view headers = "") {
    Send(absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: test\r\n", headers,
                      body.empty() ? "" : absl::StrCat("Content-Length: ", body.size(), "\r\n"),
                      "\r\n", body));
    return ReadAnswer(method != "HEAD");
  }

 private:
  UniqueFd fd_;
  std::unique_ptr<TlsSession> tls_;
  std::string buffer_;
};

}  // namespace skiff::apiserver::http
