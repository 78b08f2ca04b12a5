// Pods created over HTTP by 8 clients, durable, beside etcd putting values of the same size, both
// over kept-alive connections with the same client code, in turns; the ratio is the median of the
// rounds' ratios.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "bench/bench.h"
#include "bench/servers.h"

namespace skiff::bench {
namespace {

constexpr int kClients = 8;
constexpr int kEach =
    250;  // A round is half a second; what else the machine does meets both alike.
constexpr int kRounds = 11;

// POSTs `body` and waits for the whole answer; its status.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ok_ = connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  int Post(const std::string& path, const std::string& body) {
    if (!ok_) return 0;
    const std::string request =
        absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
                     "Content-Length: ", body.size(), "\r\n\r\n", body);
    if (send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return 0;
    size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Fill()) return 0;
    }
    const std::string head = buffer_.substr(0, end);
    int status = 0;
    if (!absl::SimpleAtoi(head.substr(9, 3), &status)) return 0;
    size_t length = 0;
    for (const char* name : {"Content-Length: ", "content-length: "}) {
      const size_t at = head.find(name);
      if (at != std::string::npos) length = std::strtoul(head.c_str() + at + 16, nullptr, 10);
    }
    while (buffer_.size() < end + 4 + length) {
      if (!Fill()) return 0;
    }
    buffer_.erase(0, end + 4 + length);
    return status;
  }

 private:
  bool Fill() {
    char chunk[16384];
    const ssize_t n = recv(fd_.get(), chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(n));
    return true;
  }
  UniqueFd fd_;
  bool ok_ = false;
  std::string buffer_;
};

// Pods that name a scheduler of their own are created, and that is all; others are looked at by the
// scheduler, which finds no node, says so in their status and records an event: two writes more.
std::string PodBody(const char* scheduler, int round, int client, int number) {
  return absl::StrCat(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p-)", scheduler, "-",
                      round, "-", client, "-", number,
                      R"(","labels":{"app":"bench"}},"spec":{"schedulerName":")", scheduler,
                      R"(","containers":[{"name":"c","image":"bench:v1",)",
                      R"("resources":{"requests":{"cpu":"10m","memory":"16Mi"}}}]}})");
}

// A second's rate of `post` (client, number) by all clients at once.
absl::StatusOr<double> Load(int port, const std::function<int(Connection&, int, int)>& post) {
  std::atomic<int> failed = 0;
  const double ms = Milliseconds([&] {
    std::vector<std::thread> threads;
    for (int c = 0; c < kClients; ++c) {
      threads.emplace_back([&, c] {
        Connection connection(port);
        for (int i = 0; i < kEach; ++i) {
          const int status = post(connection, c, i);
          if (status < 200 || status > 299) ++failed;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  if (failed > 0) return absl::InternalError(absl::StrCat(failed.load(), " requests failed"));
  return kClients * kEach * 1000.0 / ms;
}

}  // namespace

absl::StatusOr<Result> ApiCreate() {
  const Scratch scratch;
  SKIFF_ASSIGN_OR_RETURN(const auto skiff, Servers::StartSkiff(scratch.path() + "/skiff"));
  SKIFF_ASSIGN_OR_RETURN(const auto etcd, Servers::StartEtcd(scratch.path() + "/etcd", 1));
  // What the pod takes when it is stored: about 1 KiB.
  const std::string value = absl::Base64Escape(std::string(1024, 'v'));
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  const auto create = [&, port = skiff->ports().front()](const char* scheduler, int round) {
    return Load(port, [=](Connection& connection, int c, int i) {
      return connection.Post("/api/v1/namespaces/default/pods", PodBody(scheduler, round, c, i));
    });
  };
  for (int round = 0; round < kRounds; ++round) {
    SKIFF_ASSIGN_OR_RETURN(ours.emplace_back(), create("another", round));
    SKIFF_ASSIGN_OR_RETURN(
        theirs.emplace_back(),
        Load(etcd->ports().front(), [&](Connection& connection, int c, int i) {
          const std::string key = absl::Base64Escape(absl::StrCat(round, "/", c, "/", i));
          return connection.Post("/v3/kv/put",
                                 absl::StrCat("{\"key\":\"", key, "\",\"value\":\"", value, "\"}"));
        }));
    ratios.push_back(ours.back() / theirs.back());
  }
  // Last, for what it leaves to do would be done in the others' time.
  std::vector<double> scheduled;
  for (int round = 0; round < kRounds; ++round) {
    SKIFF_ASSIGN_OR_RETURN(scheduled.emplace_back(), create("default-scheduler", round));
  }
  Result result;
  result.figures["creates_per_second"] = Quantile(ours, 0.5);
  result.figures["creates_per_second_while_scheduling_fails"] = Quantile(scheduled, 0.5);
  result.peer_name = "etcd";
  result.peer["puts_per_second"] = Quantile(theirs, 0.5);
  result.ratio = Quantile(ratios, 0.5);
  return result;
}

}  // namespace skiff::bench
