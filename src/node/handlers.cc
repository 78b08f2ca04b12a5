#include "node/handlers.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "node/grpc_health.h"

namespace skiff::node {
namespace {

using IntOrString = ::k8s::io::apimachinery::pkg::util::intstr::IntOrString;

constexpr size_t kMaxHead = 16 << 10;

int PortOf(const IntOrString& port, const corev1::Container& container) {
  if (port.type() == 0) return port.int_val();
  for (const corev1::ContainerPort& known : container.ports()) {
    if (known.name() == port.str_val()) return known.container_port();
  }
  int number = 0;
  return absl::SimpleAtoi(port.str_val(), &number) ? number : 0;
}

// One deadline for all that an exchange waits for.
class Deadline {
 public:
  Deadline(const Clock* clock, absl::Duration time)
      : clock_(clock), end_(clock->Monotonic() + time) {}
  // Whether it happened in time.
  bool Await(int fd, short events) const {
    pollfd wait{fd, events, 0};
    const int64_t left = absl::ToInt64Milliseconds(end_ - clock_->Monotonic());
    return left > 0 && poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, 1 << 30))) == 1;
  }

 private:
  const Clock* const clock_;
  const absl::Duration end_;
};

absl::StatusOr<UniqueFd> Connect(const std::string& host, int port, const Deadline& deadline) {
  sockaddr_storage address{};
  socklen_t size = sizeof(sockaddr_in);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    size = sizeof(sockaddr_in6);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("host \"", host, "\" is no address: give an IP address or leave it out"));
  }
  UniqueFd fd(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::string where = absl::StrCat("dial tcp ", host, ":", port);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0) return fd;
  int error = errno;
  if (error == EINPROGRESS) {
    if (!deadline.Await(fd.get(), POLLOUT)) {
      return absl::DeadlineExceededError(where + ": i/o timeout");
    }
    socklen_t error_size = sizeof error;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &error_size);
  }
  if (error != 0) return ErrnoStatus(error, where);
  return fd;
}

absl::Status Send(int fd, absl::string_view data, const Deadline& deadline) {
  while (!data.empty()) {
    const ssize_t n = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n > 0) {
      data.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EAGAIN) {
      return ErrnoStatus(errno, "send");
    } else if (!deadline.Await(fd, POLLOUT)) {
      return absl::DeadlineExceededError("send: i/o timeout");
    }
  }
  return absl::OkStatus();
}

std::string HttpRequest(const corev1::HTTPGetAction& action, const std::string& host, int port,
                        absl::string_view agent) {
  std::string path = action.path().empty() ? "/" : action.path();
  if (path[0] != '/') path = "/" + path;
  std::string headers;
  bool has_host = false;
  bool has_agent = false;
  for (const corev1::HTTPHeader& header : action.http_headers()) {
    has_host = has_host || absl::EqualsIgnoreCase(header.name(), "Host");
    has_agent = has_agent || absl::EqualsIgnoreCase(header.name(), "User-Agent");
    absl::StrAppend(&headers, header.name(), ": ", header.value(), "\r\n");
  }
  std::string request = absl::StrCat("GET ", path, " HTTP/1.1\r\n");
  if (!has_host) absl::StrAppend(&request, "Host: ", host, ":", port, "\r\n");
  if (!has_agent) absl::StrAppend(&request, "User-Agent: ", agent, "\r\nAccept: */*\r\n");
  return absl::StrCat(request, "Connection: close\r\n", headers, "\r\n");
}

// The status of the answer.
absl::StatusOr<int> HttpGet(const corev1::HTTPGetAction& action, const HandlerTarget& target,
                            absl::string_view agent, absl::Duration timeout) {
  if (action.scheme() == "HTTPS") {
    return absl::UnimplementedError(
        "httpGet with scheme HTTPS is not supported by this node: use HTTP, tcpSocket or exec");
  }
  const Deadline deadline(target.clock, timeout);
  const std::string host = action.host().empty() ? target.pod_ip : action.host();
  const int port = PortOf(action.port(), target.container);
  SKIFF_ASSIGN_OR_RETURN(const UniqueFd fd, Connect(host, port, deadline));
  SKIFF_RETURN_IF_ERROR(Send(fd.get(), HttpRequest(action, host, port, agent), deadline));
  std::string answer;
  char buffer[1024];
  while (answer.find("\r\n") == std::string::npos && answer.size() < kMaxHead) {
    if (!deadline.Await(fd.get(), POLLIN)) {
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
  if (words.size() < 2 || !absl::StartsWith(words[0], "HTTP/") ||
      !absl::SimpleAtoi(words[1], &status)) {
    return absl::UnavailableError(answer.empty() ? "EOF" : "malformed HTTP response");
  }
  return status;
}

absl::Status GrpcCheck(const corev1::GRPCAction& action, const HandlerTarget& target,
                       absl::Duration timeout) {
  const Deadline deadline(target.clock, timeout);
  SKIFF_ASSIGN_OR_RETURN(const UniqueFd fd, Connect(target.pod_ip, action.port(), deadline));
  HealthCall call(absl::StrCat(target.pod_ip, ":", action.port()), action.service());
  char buffer[1024];
  while (!call.done()) {
    SKIFF_RETURN_IF_ERROR(Send(fd.get(), call.TakeBytes(), deadline));
    if (!deadline.Await(fd.get(), POLLIN)) {
      return absl::DeadlineExceededError(absl::StrCat(
          "timeout: health rpc did not complete within ", absl::FormatDuration(timeout)));
    }
    const ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
    if (n <= 0) break;
    call.Feed(absl::string_view(buffer, static_cast<size_t>(n)));
  }
  return call.Verdict();
}

absl::Status ExecIn(const corev1::ExecAction& action, const HandlerTarget& target,
                    absl::Duration timeout) {
  const std::vector<std::string> argv(action.command().begin(), action.command().end());
  SKIFF_ASSIGN_OR_RETURN(
      const auto result,
      target.runtime->Exec(target.pod_uid, target.container.name(), argv, timeout));
  if (result.exit_code == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StripAsciiWhitespace(result.output).empty()
                                    ? absl::StrCat("command exited with ", result.exit_code)
                                    : result.output);
}

}  // namespace

absl::Status RunProbe(const corev1::Probe& probe, const HandlerTarget& target) {
  const absl::Duration timeout = absl::Seconds(std::max(probe.timeout_seconds(), 1));
  const corev1::ProbeHandler& handler = probe.handler();
  if (handler.has_http_get()) {
    const auto status = HttpGet(handler.http_get(), target, "kube-probe/1.35", timeout);
    if (!status.ok()) return status.status();
    if (*status >= 200 && *status < 400) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("HTTP probe failed with statuscode: ", *status));
  }
  if (handler.has_tcp_socket()) {
    const std::string& host = handler.tcp_socket().host();
    return Connect(host.empty() ? target.pod_ip : host,
                   PortOf(handler.tcp_socket().port(), target.container),
                   Deadline(target.clock, timeout))
        .status();
  }
  if (handler.has_grpc()) return GrpcCheck(handler.grpc(), target, timeout);
  return ExecIn(handler.exec(), target, timeout);
}

absl::Status RunHook(const corev1::LifecycleHandler& hook, const HandlerTarget& target,
                     absl::Duration timeout) {
  if (hook.has_exec()) return ExecIn(hook.exec(), target, timeout);
  if (hook.has_http_get()) {
    // Whatever it answers: the hook was told.
    return HttpGet(hook.http_get(), target, "kube-lifecycle/1.35", timeout).status();
  }
  if (hook.has_tcp_socket()) {
    return absl::UnimplementedError(
        "tcpSocket is no lifecycle handler any more: use exec, httpGet or sleep");
  }
  return absl::OkStatus();
}

absl::Duration SleepOf(const corev1::LifecycleHandler& hook) {
  return hook.has_sleep() ? absl::Seconds(hook.sleep().seconds()) : absl::ZeroDuration();
}

int StopSignalOf(const corev1::Container& container) {
  absl::string_view name = container.lifecycle().stop_signal();
  if (!absl::ConsumePrefix(&name, "SIG")) return SIGTERM;
  int offset = 0;
  if (absl::StartsWith(name, "RTM")) {
    const bool from_end = absl::ConsumePrefix(&name, "RTMAX");
    if (!from_end) absl::ConsumePrefix(&name, "RTMIN");
    absl::SimpleAtoi(name, &offset);  // "+3", "-4", or nothing.
    return (from_end ? SIGRTMAX : SIGRTMIN) + offset;
  }
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* known = sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return SIGTERM;
}

}  // namespace skiff::node
