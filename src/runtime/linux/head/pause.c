/* The first process of a pod whose containers share their pids (shareProcessNamespace): it holds
 * the namespace and reaps what its containers' programs leave behind. Containers see it as process
 * 1, so it has nothing that they could reach through it: an empty read-only root, no descriptors,
 * no rights. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "head.h"

static const uid_t kNobody = 65534;

/* 0 when it holds nothing of the machine any more. */
static int let_go(const char* dir) {
  if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) != 0) return -1;
  if (mount("tmpfs", dir, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0k") != 0) {
    return -1;
  }
  if (chdir(dir) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) return -1;
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) return -1;
  for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap) {
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) return -1;
  }
  if (setgroups(0, NULL) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0) {
    return -1;
  }
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  if (syscall(SYS_capset, &header, none) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void hold(const char* dir, int ready) {
  /* After the change of user, for that takes it back. */
  if (let_go(dir) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) _exit(1);
  prctl(PR_SET_NAME, "pause");
  forget_words();
  if (write(ready, "r", 1) != 1) _exit(1);
  close_range(0, ~0U, 0);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  for (;;) {
    int signal;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    sigwait(&children, &signal);
  }
}

pid_t start_pause(const char* dir) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return -1;
  struct {
    unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } how = {.flags = CLONE_NEWPID | CLONE_NEWNS, .exit_signal = SIGCHLD};
  pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof how);
  if (pid == 0) hold(dir, ready[1]);
  close(ready[1]);
  char done;
  int held = pid > 0 && read(ready[0], &done, 1) == 1;
  close(ready[0]);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
  int space = held ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  /* This process stays where it is; its children from now on are in the namespace. */
  int joined = space >= 0 && setns(space, CLONE_NEWPID) == 0;
  if (space >= 0) close(space);
  if (joined) return pid;
  if (pid > 0) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
  }
  return -1;
}
