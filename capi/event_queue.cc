#include "capi/event_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace skiff::capi {

absl::Status OpenEventFd(UniqueFd* fd) {
  fd->Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return fd->valid() ? absl::OkStatus() : ErrnoStatus(errno, "eventfd");
}

void RaiseEventFd(int fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(fd, &one, sizeof one);
}

void LowerEventFd(int fd) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = read(fd, &count, sizeof count);
}

}  // namespace skiff::capi
