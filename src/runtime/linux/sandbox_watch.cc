#include "runtime/linux/sandbox_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/notification.h"
#include "base/status.h"

namespace skiff::runtime {

// On the loop.
struct SandboxRuntime::Watching::State : std::enable_shared_from_this<State> {
  struct Head {
    uv_poll_t poll;
    UniqueFd pidfd;
    std::string uid;
    State* owner;
  };

  std::function<void(const std::string&)> changed;
  UniqueFd inotify;
  uv_poll_t poll;
  bool open = false;
  std::map<int, std::string> pods;  // inotify watch -> pod uid
  std::map<std::string, std::unique_ptr<Head>> heads;

  void Begin(uv_loop_t* loop) {
    inotify.Reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify.valid()) return;
    uv_poll_init(loop, &poll, inotify.get());
    poll.data = this;
    open = true;
    uv_poll_start(&poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
      static_cast<State*>(handle->data)->ReadInotify();
    });
  }

  void ReadInotify() {
    alignas(inotify_event) char buffer[8192];
    ssize_t n;
    while ((n = read(inotify.get(), buffer, sizeof buffer)) > 0) {
      for (ssize_t at = 0; at < n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        at += static_cast<ssize_t>(sizeof *event + event->len);
        const auto it = pods.find(event->wd);
        if (it == pods.end()) continue;
        if (event->mask & IN_IGNORED) {
          pods.erase(it);
        } else if (event->len > 0 && absl::EndsWith(event->name, ".exit")) {
          const std::string uid = it->second;
          changed(uid);
        }
      }
    }
  }

  void AddHead(uv_loop_t* loop, const std::string& uid, int64_t pid) {
    UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
    if (!pidfd.valid()) {
      changed(uid);  // It is gone already.
      return;
    }
    auto head = std::make_unique<Head>();
    head->pidfd = std::move(pidfd);
    head->uid = uid;
    head->owner = this;
    uv_poll_init(loop, &head->poll, head->pidfd.get());
    head->poll.data = head.get();
    uv_poll_start(&head->poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
      auto* ended = static_cast<Head*>(handle->data);
      State* owner = ended->owner;
      const std::string pod = ended->uid;
      owner->DropHead(pod);
      owner->changed(pod);
    });
    DropHead(uid);
    heads[uid] = std::move(head);
  }

  void DropHead(const std::string& uid) {
    auto node = heads.extract(uid);
    if (node.empty()) return;
    Head* head = node.mapped().release();
    uv_poll_stop(&head->poll);
    uv_close(reinterpret_cast<uv_handle_t*>(&head->poll),
             [](uv_handle_t* handle) { delete static_cast<Head*>(handle->data); });
  }

  void End() {
    while (!heads.empty()) DropHead(heads.begin()->first);
    pods.clear();
    if (!open) return;
    open = false;
    uv_poll_stop(&poll);
    // The handle must outlive its close callback.
    auto* keep = new std::shared_ptr<State>(shared_from_this());
    poll.data = keep;
    uv_close(reinterpret_cast<uv_handle_t*>(&poll), [](uv_handle_t* handle) {
      delete static_cast<std::shared_ptr<State>*>(handle->data);
    });
  }
};

SandboxRuntime::Watching::Watching(UvExecutor* loop_given,
                                   std::function<void(const std::string&)> changed)
    : loop(loop_given), state(std::make_shared<State>()) {
  state->changed = std::move(changed);
  Notification done;
  loop->Post([&] {
    state->Begin(loop->uv_loop());
    done.Notify();
  });
  done.WaitForNotification();
}

SandboxRuntime::Watching::~Watching() {
  Notification done;
  loop->Post([&] {
    state->End();
    done.Notify();
  });
  done.WaitForNotification();
}

void SandboxRuntime::Watching::Add(const std::string& pod_uid, const std::string& dir,
                                   int64_t head_pid) {
  loop->Post([state = state, pod_uid, dir, head_pid, uv = loop] {
    if (!state->open) return;
    const int wd = inotify_add_watch(state->inotify.get(), dir.c_str(), IN_MOVED_TO);
    if (wd >= 0) state->pods[wd] = pod_uid;
    if (head_pid != 0) state->AddHead(uv->uv_loop(), pod_uid, head_pid);
    // What ended before the watch stood.
    state->changed(pod_uid);
  });
}

void SandboxRuntime::Watching::Remove(const std::string& pod_uid) {
  loop->Post([state = state, pod_uid] {
    state->DropHead(pod_uid);
    for (auto it = state->pods.begin(); it != state->pods.end(); ++it) {
      if (it->second != pod_uid) continue;
      inotify_rm_watch(state->inotify.get(), it->first);
      state->pods.erase(it);
      break;
    }
  });
}

absl::StatusOr<Runtime::ExecResult> CollectExec(pid_t pid, int reader, absl::Duration timeout,
                                                size_t limit) {
  Runtime::ExecResult result;
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const auto wait_all = [&] {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  };
  timespec begin;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  const absl::Duration end = absl::DurationFromTimespec(begin) + timeout;
  while (true) {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const absl::Duration left = end - absl::DurationFromTimespec(now);
    // What it started may hold the pipe after it has ended, and it may close the pipe and go on.
    pollfd wait[] = {{reader, POLLIN, 0}, {pidfd.get(), POLLIN, 0}};
    const int ready = left <= absl::ZeroDuration()
                          ? 0
                          : poll(wait, 2,
                                 static_cast<int>(std::min<int64_t>(
                                     absl::ToInt64Milliseconds(left) + 1, 3600 * 1000)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      kill(pid, SIGKILL);
      wait_all();
      return absl::DeadlineExceededError(
          absl::StrCat("command timed out after ", absl::FormatDuration(timeout)));
    }
    if (wait[0].revents == 0) break;
    char buffer[4096];
    const ssize_t n = read(reader, buffer, sizeof buffer);
    if (n <= 0) {
      reader = -1;  // poll(2) passes over it.
      if (!pidfd.valid()) break;
      continue;
    }
    if (result.output.size() < limit) {
      result.output.append(buffer,
                           std::min<size_t>(static_cast<size_t>(n), limit - result.output.size()));
    }
  }
  const int status = wait_all();
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

void AwaitExit(pid_t pid) {
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) return;
  pollfd wait{pidfd.get(), POLLIN, 0};
  poll(&wait, 1, 5000);
}

}  // namespace skiff::runtime
