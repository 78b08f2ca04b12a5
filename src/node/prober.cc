#include "node/prober.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace skiff::node {
namespace {

using IntOrString = ::k8s::io::apimachinery::pkg::util::intstr::IntOrString;

int PortOf(const IntOrString& port, const corev1::Container& container) {
  if (port.type() == 0) return port.int_val();
  for (const corev1::ContainerPort& known : container.ports()) {
    if (known.name() == port.str_val()) return known.container_port();
  }
  int number = 0;
  return absl::SimpleAtoi(port.str_val(), &number) ? number : 0;
}

bool Await(int fd, short events, int timeout_ms) {
  pollfd wait{fd, events, 0};
  return poll(&wait, 1, timeout_ms) == 1;
}

absl::StatusOr<UniqueFd> Connect(const std::string& host, int port, int timeout_ms) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("probe host \"", host, "\" is no address"));
  }
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::string where = absl::StrCat("dial tcp ", host, ":", port);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  int error = errno;
  if (error == EINPROGRESS) {
    if (!Await(fd.get(), POLLOUT, timeout_ms))
      return absl::DeadlineExceededError(where + ": i/o timeout");
    socklen_t size = sizeof error;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) return ErrnoStatus(error, where);
  return fd;
}

absl::Status HttpGet(const corev1::HTTPGetAction& action, const corev1::Container& container,
                     const std::string& pod_ip, int timeout_ms) {
  const std::string host = action.host().empty() ? pod_ip : action.host();
  SKIFF_ASSIGN_OR_RETURN(const UniqueFd fd,
                         Connect(host, PortOf(action.port(), container), timeout_ms));
  std::string path = action.path().empty() ? "/" : action.path();
  if (path[0] != '/') path = "/" + path;
  std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", host,
                                     "\r\nUser-Agent: kube-probe/1.35\r\nConnection: close\r\n");
  for (const corev1::HTTPHeader& header : action.http_headers()) {
    absl::StrAppend(&request, header.name(), ": ", header.value(), "\r\n");
  }
  request += "\r\n";
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return ErrnoStatus(errno, "probe request");
  }
  std::string answer;
  char buffer[512];
  while (answer.find("\r\n") == std::string::npos && answer.size() < 4096) {
    if (!Await(fd.get(), POLLIN, timeout_ms)) {
      return absl::DeadlineExceededError(
          "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
    }
    const ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
    if (n <= 0) break;
    answer.append(buffer, static_cast<size_t>(n));
  }
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::string_view(answer).substr(0, answer.find("\r\n")), ' ');
  int status = 0;
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &status)) {
    return absl::UnavailableError("malformed HTTP response");
  }
  if (status >= 200 && status < 400) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("HTTP probe failed with statuscode: ", status));
}

}  // namespace

absl::Status RunProbe(const corev1::Probe& probe, const corev1::Container& container,
                      const std::string& pod_ip, runtime::Runtime* runtime,
                      const std::string& pod_uid) {
  const int seconds = std::max(probe.timeout_seconds(), 1);
  const corev1::ProbeHandler& handler = probe.handler();
  if (handler.has_http_get()) return HttpGet(handler.http_get(), container, pod_ip, seconds * 1000);
  if (handler.has_tcp_socket()) {
    const std::string host =
        handler.tcp_socket().host().empty() ? pod_ip : handler.tcp_socket().host();
    return Connect(host, PortOf(handler.tcp_socket().port(), container), seconds * 1000).status();
  }
  if (handler.has_exec()) {
    const std::vector<std::string> argv(handler.exec().command().begin(),
                                        handler.exec().command().end());
    SKIFF_ASSIGN_OR_RETURN(const auto result,
                           runtime->Exec(pod_uid, container.name(), argv, absl::Seconds(seconds)));
    if (result.exit_code == 0) return absl::OkStatus();
    return absl::UnavailableError(result.output.empty()
                                      ? absl::StrCat("command exited with ", result.exit_code)
                                      : result.output);
  }
  return absl::UnimplementedError("grpc probes are not supported: use exec, httpGet or tcpSocket");
}

Prober::Prober(Executor* loop, WorkPool* pool, corev1::Probe probe,
               std::function<absl::Status()> ask, bool initially,
               std::function<void(bool, const std::string&)> opinion)
    : loop_(loop),
      pool_(pool),
      probe_(std::move(probe)),
      ask_(std::move(ask)),
      opinion_(std::move(opinion)),
      healthy_(initially) {
  Schedule(absl::Seconds(probe_.initial_delay_seconds()));
}

Prober::~Prober() {
  *alive_ = false;
  if (timer_ != 0) loop_->Cancel(timer_);
}

void Prober::Schedule(absl::Duration delay) {
  timer_ = loop_->PostAfter(delay, [this] {
    timer_ = 0;
    Ask();
  });
}

void Prober::Ask() {
  pool_->Run([this, loop = loop_, ask = ask_, alive = alive_] {
    absl::Status answer = ask();
    loop->Post([this, alive, answer = std::move(answer)] {
      if (*alive) OnAnswer(answer);
    });
  });
}

void Prober::OnAnswer(const absl::Status& answer) {
  successes_ = answer.ok() ? successes_ + 1 : 0;
  failures_ = answer.ok() ? 0 : failures_ + 1;
  const bool up = !healthy_ && successes_ >= std::max(probe_.success_threshold(), 1);
  const bool down = failures_ >= std::max(probe_.failure_threshold(), 1);
  // Until it first succeeds a probe is asked often, so that a server is used as soon as it serves.
  const absl::Duration period = absl::Seconds(std::max(probe_.period_seconds(), 1));
  Schedule(!healthy_ && !up && failures_ > 0 && failures_ < 10
               ? std::min(period, absl::Milliseconds(100) * failures_)
               : period);
  if (up || (down && (healthy_ || failures_ == std::max(probe_.failure_threshold(), 1)))) {
    healthy_ = up;
    opinion_(up, std::string(answer.message()));
  }
}

}  // namespace skiff::node
