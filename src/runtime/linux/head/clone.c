/* Processes that begin in their control group. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "head.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

int in_group;

pid_t clone_into(unsigned long flags, int group, int* born_inside) {
  struct {
    unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
        set_tid, set_tid_size, cgroup;
  } how;
  memset(&how, 0, sizeof how);
  how.exit_signal = SIGCHLD;
  if (group >= 0) {
    how.flags = flags | CLONE_INTO_CGROUP;
    how.cgroup = (unsigned long long)group;
    *born_inside = 1;
    pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof how);
    if (pid >= 0) return pid;
  }
  *born_inside = 0;
  how.flags = flags;
  how.cgroup = 0;
  return (pid_t)syscall(SYS_clone3, &how, 64); /* The size that every kernel with clone3 takes. */
}

int join_group(int group) {
  int fd = openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = write(fd, "0", 1);
  int saved = errno;
  close(fd);
  errno = saved;
  return n == 1 ? 0 : -1;
}
