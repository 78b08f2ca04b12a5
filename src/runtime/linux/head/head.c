/* The head of a pod: the one small process that holds a pod's namespaces, starts and reaps its
 * containers, writes their output to log files and their ends to disk. It has no parent but init,
 * so the manager that started it may crash, be upgraded or be killed; a new one finds everything in
 * the pod's directory:
 *
 *   head.pid             "PID STARTTIME": this process (its start time as in /proc/PID/stat)
 *   head.sock            where it takes orders: one SOCK_SEQPACKET message each, answered by one
 *   NAME.ATTEMPT.run     "PID START_NS": a container was started
 *   NAME.ATTEMPT.exit    "CODE SIGNAL FINISH_NS": it ended
 *
 * What a container's process does before it becomes the container's program is a script of steps
 * that the manager wrote (script.c); nothing here decides anything.
 *
 * Modes: `head pod DIR FLAGS HOSTNAME GROUP` becomes a head; `head run SCRIPT` runs a script in
 * place (for exec).
 */
#define _GNU_SOURCE
#include "head.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kMaxContainers = 64, kLineMax = 16 * 1024, kMessageMax = 8192 };

struct stream {
  int fd;           /* -1: closed */
  const char* name; /* stdout, stderr */
  size_t used;
  char line[kLineMax];
};

struct container {
  pid_t pid; /* 0: a free place */
  char name[256];
  int attempt;
  int log_fd;
  char log[512];
  char kill_file[512]; /* What is left of it when its first process ends; empty: nothing can be. */
  struct stream out[2];
};

static struct container* containers[kMaxContainers];
static int epoll_fd;
static const char* pod_dir;
static pid_t pause_pid; /* 0: the pod's containers do not share their pids. */

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Written beside and renamed over: a reader sees all of it or nothing. */
static int write_record(const char* path, const char* text) {
  char temporary[600];
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  size_t size = strlen(text);
  int ok = write(fd, text, size) == (ssize_t)size;
  close(fd);
  return ok ? rename(temporary, path) : -1;
}

/* One line of the CRI log format: "2026-01-02T15:04:05.123456789Z stdout F text". */
static void log_line(struct container* c, const char* stream, char tag, const char* text,
                     size_t size) {
  char head[80];
  struct timespec now;
  struct tm utc;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  size_t n = strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &utc);
  n += (size_t)snprintf(head + n, sizeof head - n, ".%09ldZ %s %c ", now.tv_nsec, stream, tag);
  static char line[kLineMax + 128];
  memcpy(line, head, n);
  memcpy(line + n, text, size);
  line[n + size] = '\n';
  ssize_t ignored = write(c->log_fd, line, n + size + 1);
  (void)ignored; /* A full disk loses log lines, not containers. */
}

/* Takes what the stream has. 0 when it has ended. */
static int pump(struct container* c, struct stream* s) {
  for (;;) {
    ssize_t n = read(s->fd, s->line + s->used, sizeof s->line - s->used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return 0;
    s->used += (size_t)n;
    char* start = s->line;
    char* newline;
    while ((newline = memchr(start, '\n', s->used - (size_t)(start - s->line))) != NULL) {
      log_line(c, s->name, 'F', start, (size_t)(newline - start));
      start = newline + 1;
    }
    s->used -= (size_t)(start - s->line);
    memmove(s->line, start, s->used);
    if (s->used == sizeof s->line) {
      log_line(c, s->name, 'P', s->line, s->used);
      s->used = 0;
    }
  }
}

static void close_stream(struct container* c, struct stream* s) {
  if (s->fd < 0) return;
  if (s->used > 0) log_line(c, s->name, 'P', s->line, s->used);
  s->used = 0;
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
  close(s->fd);
  s->fd = -1;
}

static void record_exit(struct container* c, int status) {
  char path[512];
  char text[96];
  int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  int code = signal != 0 ? 128 + signal : WEXITSTATUS(status);
  if (c->kill_file[0] != '\0') {
    int fd = open(c->kill_file, O_WRONLY | O_CLOEXEC);
    ssize_t ignored = write(fd, "1", 1);
    (void)ignored;
    close(fd);
  }
  for (int i = 0; i < 2; ++i) {
    if (c->out[i].fd >= 0) pump(c, &c->out[i]);
    close_stream(c, &c->out[i]);
  }
  close(c->log_fd);
  snprintf(path, sizeof path, "%s.%d.exit", c->name, c->attempt);
  snprintf(text, sizeof text, "%d %d %lld\n", code, signal, now_ns());
  write_record(path, text);
  c->pid = 0;
}

static void reap(void) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    /* Its containers went with it, and none can be started any more. */
    if (pid == pause_pid) _exit(1);
    for (int i = 0; i < kMaxContainers; ++i) {
      if (containers[i] != NULL && containers[i]->pid == pid) record_exit(containers[i], status);
    }
  }
}

static struct container* free_place(void) {
  for (int i = 0; i < kMaxContainers; ++i) {
    if (containers[i] == NULL) containers[i] = malloc(sizeof(struct container));
    if (containers[i] == NULL) return NULL;
    if (containers[i]->pid == 0 || containers[i]->pid == -1) return containers[i];
  }
  return NULL;
}

static int add_stream(struct container* c, int which, int fd) {
  struct stream* s = &c->out[which];
  s->fd = fd;
  s->name = which == 0 ? "stdout" : "stderr";
  s->used = 0;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  event.data.u64 = ((unsigned long long)(uintptr_t)c << 1) | (unsigned)which;
  return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* In the child: standard streams, then the script, which ends in execve. */
static void become(const char* script, int out, int err, int report) {
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(127);
  setsid();
  run_script(script, report);
  _exit(127);
}

static int prepare_streams(struct container* c, int* out, int* err, int* report) {
  c->log_fd = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (c->log_fd < 0) return -1;
  return pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(report, O_CLOEXEC) ? -1 : 0;
}

/* "start\0NAME\0ATTEMPT\0LOG\0FLAGS\0PIDS\0KILL\0GROUP\0": FLAGS has the CLONE_NEW… bits of the
 * container's own namespaces; PIDS is "pod" if it shares its pids with the pod's others; KILL, if
 * not empty, is the file that kills what its first process leaves behind; GROUP is the directory of
 * its v2 control group. */
static void start(char** args, char* answer, size_t size) {
  struct container* c = free_place();
  if (c == NULL) {
    snprintf(answer, size, "err too many containers in one pod");
    return;
  }
  memset(c, 0, sizeof *c);
  int out[2] = {-1, -1}, err[2] = {-1, -1}, report[2] = {-1, -1};
  char script[600];
  snprintf(c->name, sizeof c->name, "%s", args[1]);
  snprintf(c->log, sizeof c->log, "%s", args[3]);
  snprintf(c->kill_file, sizeof c->kill_file, "%s", args[6]);
  c->attempt = atoi(args[2]);
  snprintf(script, sizeof script, "%s.%d.script", c->name, c->attempt);
  if (prepare_streams(c, out, err, report) != 0) {
    snprintf(answer, size, "err %s: %s", args[3], strerror(errno));
    return;
  }
  if (strcmp(args[5], "pod") == 0 && pause_pid == 0) {
    pid_t held = start_pause(pod_dir);
    if (held > 0) pause_pid = held;
  }
  int group = open(args[7], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  long long started = now_ns();
  pid_t pid = -1;
  if (strcmp(args[5], "pod") != 0 || pause_pid > 0) {
    pid = clone_into(strtoul(args[4], NULL, 10), group, &in_group);
  }
  if (pid == 0) become(script, out[1], err[1], report[1]);
  if (group >= 0) close(group);
  close(out[1]);
  close(err[1]);
  close(report[1]);
  /* Silence means that execve took place. */
  ssize_t n = pid > 0 ? read(report[0], answer + 4, size - 5) : 0;
  if (pid < 0) {
    snprintf(answer, size, "err cannot make the container's namespaces: %s", strerror(errno));
  } else if (n > 0) {
    memcpy(answer, "err ", 4);
    answer[4 + n] = '\0';
    waitpid(pid, NULL, 0);
  }
  close(report[0]);
  if (pid < 0 || n > 0) {
    close(out[0]);
    close(err[0]);
    close(c->log_fd);
    return;
  }
  c->pid = pid;
  add_stream(c, 0, out[0]);
  add_stream(c, 1, err[0]);
  char path[512];
  char text[96];
  snprintf(path, sizeof path, "%s.%d.run", c->name, c->attempt);
  snprintf(text, sizeof text, "%d %lld\n", pid, started);
  write_record(path, text);
  snprintf(answer, size, "ok %d %lld", pid, started);
}

/* "reopen\0NAME\0": its log was renamed; what it writes from now on goes to a new one. */
static void reopen(const char* name, char* answer, size_t size) {
  for (int i = 0; i < kMaxContainers; ++i) {
    struct container* c = containers[i];
    if (c == NULL || c->pid <= 0 || strcmp(c->name, name) != 0) continue;
    int fd = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
      snprintf(answer, size, "err %s: %s", c->log, strerror(errno));
      return;
    }
    close(c->log_fd);
    c->log_fd = fd;
    snprintf(answer, size, "ok");
    return;
  }
  snprintf(answer, size, "gone");
}

static void serve(int client) {
  static char message[kMessageMax];
  static char answer[4096];
  for (;;) {
    ssize_t n = recv(client, message, sizeof message - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      epoll_ctl(epoll_fd, EPOLL_CTL_DEL, client, NULL);
      close(client);
      return;
    }
    message[n] = '\0';
    char* args[8] = {message};
    int count = 1;
    for (ssize_t i = 0; i + 1 < n && count < 8; ++i) {
      if (message[i] == '\0') args[count++] = message + i + 1;
    }
    if (count >= 8 && strcmp(args[0], "start") == 0) {
      start(args, answer, sizeof answer);
    } else if (count >= 2 && strcmp(args[0], "reopen") == 0) {
      reopen(args[1], answer, sizeof answer);
    } else {
      snprintf(answer, sizeof answer, "err an order that this head does not know");
    }
    send(client, answer, strlen(answer), MSG_NOSIGNAL);
  }
}

static void bring_up_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
}

static int listen_here(void) {
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, "head.sock");
  unlink(address.sun_path);
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, 8) != 0) {
    die("head.sock");
  }
  return fd;
}

static void loop(int listener) {
  sigset_t mask;
  sigfillset(&mask);
  sigprocmask(SIG_SETMASK, &mask, NULL);
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigaddset(&mask, SIGIO);
  int signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  /* A pod whose directory is gone has nobody who could find it: its head ends, and it with it.
   * dnotify, for the kernel counts it against no limit, as it does inotify's instances. */
  int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  fcntl(here, F_NOTIFY, DN_DELETE | DN_MULTISHOT);
  /* Descriptors are told from streams by their high bit, which no address has. */
  const unsigned long long plain = 1ULL << 63;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = plain | (unsigned)listener};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  event.data.u64 = plain | (unsigned)signals;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, signals, &event);
  for (;;) {
    struct epoll_event events[16];
    int count = epoll_wait(epoll_fd, events, 16, -1);
    for (int i = 0; i < count; ++i) {
      unsigned long long key = events[i].data.u64;
      if ((key & plain) == 0) {
        struct container* c = (struct container*)(uintptr_t)(key >> 1);
        struct stream* s = &c->out[key & 1];
        if (s->fd >= 0 && !pump(c, s)) close_stream(c, s);
        continue;
      }
      int fd = (int)(key & 0x7fffffff);
      if (fd == signals) {
        struct signalfd_siginfo info;
        while (read(signals, &info, sizeof info) > 0) {
        }
        if (access("head.pid", F_OK) != 0) _exit(0);
        reap();
      } else if (fd == listener) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) continue;
        event.data.u64 = plain | (unsigned)client;
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client, &event);
      } else {
        serve(fd);
      }
    }
  }
}

void die(const char* what) {
  dprintf(2, "%s: %s\n", what, strerror(errno));
  _exit(1);
}

/* The process that the manager waits for: makes the namespaces, leaves the head behind, reports it.
 */
static int boot(const char* dir, unsigned long flags, const char* hostname, const char* group_dir) {
  if (chdir(dir) != 0) die(dir);
  pod_dir = dir;
  setsid();
  prctl(PR_SET_NAME, "skiff-head");
  if (unshare((int)flags) != 0) die("cannot make the pod's namespaces");
  if (flags & CLONE_NEWNET) bring_up_loopback();
  if ((flags & CLONE_NEWUTS) && sethostname(hostname, strlen(hostname)) != 0) die("hostname");
  int listener = listen_here();
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) die("pipe");
  int group = open(group_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (group < 0) die(group_dir);
  pid_t pid = clone_into(0, group, &in_group);
  if (pid < 0) die("fork");
  if (pid > 0) {
    char done;
    close(ready[1]);
    if (read(ready[0], &done, 1) != 1) _exit(1);
    dprintf(1, "%d\n", pid);
    _exit(0);
  }
  /* Away from what a service manager kills together with the process that started it. */
  if (!in_group && join_group(group) != 0) die(group_dir);
  close(group);
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  /* A pod that is short of memory loses a container, not what holds it. Containers write their own
   * value, which is higher; without CAP_SYS_RESOURCE this one stays as it is. */
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  ssize_t unscored = write(score, "-998", 4);
  (void)unscored;
  close(score);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, 0);
  dup2(null, 1);
  dup2(null, 2);
  char stat[1024];
  int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  ssize_t n = read(fd, stat, sizeof stat - 1);
  close(fd);
  if (n <= 0) _exit(1);
  stat[n] = '\0';
  /* Field 22, counted from after the command's name, which may hold anything. */
  char* at = strrchr(stat, ')');
  for (int field = 2; at != NULL && field < 22; ++field) at = strchr(at + 1, ' ');
  char text[96];
  snprintf(text, sizeof text, "%d %llu\n", getpid(), at == NULL ? 0 : strtoull(at, NULL, 10));
  if (write_record("head.pid", text) != 0) _exit(1);
  ssize_t ignored = write(ready[1], "r", 1);
  (void)ignored;
  close(ready[1]);
  close(ready[0]);
  loop(listener);
  return 0;
}

/* The words that this program was started with, as /proc shows them. */
static char* words;
static size_t words_size;

void forget_words(void) {
  memset(words, 0, words_size);
  strncpy(words, "pause", words_size);
}

int main(int argc, char** argv) {
  words = argv[0];
  words_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
  close_range(3, ~0U, 0); /* What the host left open is not a pod's business. */
  if (argc == 6 && strcmp(argv[1], "pod") == 0) {
    return boot(argv[2], strtoul(argv[3], NULL, 10), argv[4], argv[5]);
  }
  if (argc == 3 && strcmp(argv[1], "run") == 0) {
    run_script(argv[2], 2);
    return 127;
  }
  return 2;
}
