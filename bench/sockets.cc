#include "bench/sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skiff::bench {
namespace {

constexpr int kQuiet_ms = 30'000;

}  // namespace

Sockets::Sockets() : epoll_(epoll_create1(EPOLL_CLOEXEC)), chunk_(256 * 1024, '\0') {}
Sockets::~Sockets() = default;

int Sockets::Connect(int port, Receiver receiver) {
  const int number = static_cast<int>(sockets_.size());
  auto socket = std::make_unique<Socket>();
  socket->fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  socket->receiver = std::move(receiver);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket->fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    status_ = ErrnoStatus(errno, absl::StrCat("connecting to port ", port));
  }
  const int on = 1;
  setsockopt(socket->fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockets_.push_back(std::move(socket));
  Watch(number, false, EPOLL_CTL_ADD);
  return number;
}

void Sockets::Watch(int number, bool for_writing, int operation) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (for_writing) event.events |= EPOLLOUT;
  event.data.u32 = static_cast<uint32_t>(number);
  epoll_ctl(epoll_.get(), operation, sockets_[static_cast<size_t>(number)]->fd.get(), &event);
}

void Sockets::Send(int socket, absl::string_view bytes) {
  Socket& self = *sockets_[static_cast<size_t>(socket)];
  self.to_send.append(bytes.data(), bytes.size());
  if (self.dirty || self.blocked) return;
  self.dirty = true;
  dirty_.push_back(socket);
}

bool Sockets::Write(Socket* socket, int number) {
  size_t sent = 0;
  bool full = false;
  while (sent < socket->to_send.size() && !full) {
    const ssize_t n = send(socket->fd.get(), socket->to_send.data() + sent,
                           socket->to_send.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      full = true;
    } else if (errno != EINTR) {
      return false;
    }
  }
  socket->to_send.erase(0, sent);
  if (full != socket->blocked) Watch(number, full, EPOLL_CTL_MOD);
  socket->blocked = full;
  return true;
}

bool Sockets::Read(Socket* socket) {
  const ssize_t n = recv(socket->fd.get(), chunk_.data(), chunk_.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) return false;
  socket->receiver(absl::string_view(chunk_.data(), static_cast<size_t>(n)));
  return true;
}

void Sockets::Flush() {
  const std::vector<int> dirty = std::exchange(dirty_, {});
  for (const int number : dirty) {
    Socket& socket = *sockets_[static_cast<size_t>(number)];
    socket.dirty = false;
    if (!Write(&socket, number)) status_ = absl::UnavailableError("a connection ended");
  }
}

absl::Status Sockets::RunUntil(const std::function<bool()>& holds) {
  std::vector<epoll_event> events(256);
  while (status_.ok() && !holds()) {
    Flush();
    const int ready =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), kQuiet_ms);
    if (ready == 0) return absl::DeadlineExceededError("the server does not answer any more");
    for (int i = 0; i < ready; ++i) {
      const int number = static_cast<int>(events[static_cast<size_t>(i)].data.u32);
      Socket& socket = *sockets_[static_cast<size_t>(number)];
      const uint32_t what = events[static_cast<size_t>(i)].events;
      const bool alive = ((what & EPOLLOUT) == 0 || Write(&socket, number)) &&
                         ((what & ~uint32_t{EPOLLOUT}) == 0 || Read(&socket));
      if (!alive) status_ = absl::UnavailableError("a server ended a connection");
    }
  }
  return status_;
}

}  // namespace skiff::bench
