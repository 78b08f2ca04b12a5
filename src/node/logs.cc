// Node's logs: the CRI files of a container, read and followed.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "api/time.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "node/log_files.h"
#include "node/node.h"

namespace skiff::node {
namespace {

constexpr size_t kChunk = 64 << 10;

// Reads a container's log as it grows. Lives on the node's loop.
class Follower : public std::enable_shared_from_this<Follower> {
 public:
  Follower(UvExecutor* loop, std::string path, client::LogOptions options, Executor* reply_on,
           client::LogSink sink)
      : loop_(loop),
        path_(std::move(path)),
        options_(std::move(options)),
        reply_on_(reply_on),
        sink_(std::move(sink)) {}

  void Begin(bool ended) {
    // What was dropped of the log is behind every offset of it.
    skipped_ = DroppedBytes(path_);
    for (UniqueFd& file : OpenFiles()) files_.push_back(std::move(file));
    Read();
    if (!options_.follow || ended || loop_ == nullptr) return Finish(absl::OkStatus());
    inotify_.Reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    // The directory tells of the file that follows this one when the log is rotated.
    const std::string dir = path_.substr(0, path_.rfind('/'));
    if (inotify_add_watch(inotify_.get(), dir.c_str(), IN_CREATE) < 0 || !Watch()) {
      return Finish(ErrnoStatus(errno, path_));
    }
    uv_poll_init(loop_->uv_loop(), &poll_, inotify_.get());
    polling_ = true;
    self_ = shared_from_this();
    poll_.data = this;
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
      auto* self = static_cast<Follower*>(handle->data);
      char events[4096];
      while (read(self->inotify_.get(), events, sizeof events) > 0) {
      }
      self->Read();
    });
    Read();  // What was written before the watch stood.
  }

  // The container has ended: what is there is all.
  void Ended() {
    if (finished_) return;
    Read();
    Finish(absl::OkStatus());
  }

  void Finish(absl::Status status) {
    if (finished_) return;
    finished_ = true;
    if (sink_.on_end) {
      reply_on_->Post([sink = sink_, gone = gone_, status = std::move(status)] {
        if (!*gone) sink.on_end(status);
      });
    }
    if (!polling_) return;
    polling_ = false;
    uv_poll_stop(&poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), [](uv_handle_t* handle) {
      const auto keep = std::move(static_cast<Follower*>(handle->data)->self_);
    });
  }

  // On the reader's executor: nothing more is called there.
  const std::shared_ptr<bool>& gone() const { return gone_; }

 private:
  std::vector<UniqueFd> OpenFiles() const {
    std::vector<UniqueFd> out = OpenLog(path_);
    if (options_.tail_lines) SkipToTail(*options_.tail_lines, &out);
    return out;
  }

  bool Watch() {
    if (watch_ >= 0) inotify_rm_watch(inotify_.get(), watch_);
    watch_ = inotify_add_watch(inotify_.get(), path_.c_str(), IN_MODIFY);
    return watch_ >= 0;
  }

  // Reads all that there is, from one file to the next.
  void Read() {
    while (!files_.empty() && !finished_) {
      ReadFile(files_.front().get());
      if (finished_ || (files_.size() == 1 && !OpenNext())) return;
      // The old file is complete when the next one is there: its writer writes to one at a time.
      ReadFile(files_.front().get());
      files_.pop_front();
    }
  }

  // Whether the log was rotated: then its new file is next.
  bool OpenNext() {
    struct stat shown;
    struct stat read;
    if (stat(path_.c_str(), &shown) != 0 || fstat(files_.back().get(), &read) != 0 ||
        shown.st_ino == read.st_ino) {
      return false;
    }
    UniqueFd next(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!next.valid()) return false;
    files_.push_back(std::move(next));
    if (inotify_.valid()) Watch();
    return true;
  }

  void ReadFile(int file) {
    std::string buffer(kChunk, '\0');
    ssize_t n;
    while (!finished_ && (n = read(file, buffer.data(), buffer.size())) > 0) {
      pending_.append(buffer.data(), static_cast<size_t>(n));
      std::string out;
      size_t begin = 0;
      size_t end;
      while ((end = pending_.find('\n', begin)) != std::string::npos) {
        Render(absl::string_view(pending_).substr(begin, end - begin), &out);
        begin = end + 1;
      }
      pending_.erase(0, begin);
      Emit(std::move(out));
    }
  }

  void Render(absl::string_view raw, std::string* out) {
    LogLine line;
    if (!ParseLogLine(raw, &line)) return;
    if (options_.since) {
      const auto time = api::ParseTime(line.time);
      if (time.ok() && *time < *options_.since) return;
    }
    if (options_.timestamps && !partial_) absl::StrAppend(out, line.time, " ");
    absl::StrAppend(out, line.text, line.whole ? "\n" : "");
    partial_ = !line.whole;
  }

  void Emit(std::string data) {
    const int64_t skip =
        std::min<int64_t>(options_.offset_bytes - skipped_, static_cast<int64_t>(data.size()));
    if (skip > 0) {
      data.erase(0, static_cast<size_t>(skip));
      skipped_ += skip;
    }
    bool full = false;
    if (options_.limit_bytes &&
        sent_ + static_cast<int64_t>(data.size()) >= *options_.limit_bytes) {
      data.resize(static_cast<size_t>(*options_.limit_bytes - sent_));
      full = true;
    }
    if (!data.empty()) {
      sent_ += static_cast<int64_t>(data.size());
      reply_on_->Post([sink = sink_, gone = gone_, data = std::move(data)]() mutable {
        if (!*gone) sink.on_data(std::move(data));
      });
    }
    if (full) Finish(absl::OkStatus());
  }

  UvExecutor* const loop_;
  const std::string path_;
  const client::LogOptions options_;
  Executor* const reply_on_;
  const client::LogSink sink_;
  std::deque<UniqueFd> files_;  // What is to be read, the oldest first.
  UniqueFd inotify_;
  int watch_ = -1;
  uv_poll_t poll_;
  std::shared_ptr<Follower> self_;  // While libuv knows it.
  bool polling_ = false;
  bool finished_ = false;
  bool partial_ = false;
  int64_t skipped_ = 0;
  int64_t sent_ = 0;
  std::string pending_;
  const std::shared_ptr<bool> gone_ = std::make_shared<bool>(false);
};

class FollowerHandle final : public client::LogStream {
 public:
  FollowerHandle(Executor* loop, std::shared_ptr<Follower> follower)
      : loop_(loop), follower_(std::move(follower)) {}
  ~FollowerHandle() override {
    *follower_->gone() = true;
    loop_->Post([follower = std::move(follower_)] { follower->Finish(absl::OkStatus()); });
  }

 private:
  Executor* const loop_;
  std::shared_ptr<Follower> follower_;
};

}  // namespace

void Node::StreamLogs(
    const std::string& pod_namespace, const std::string& pod_name, client::LogOptions options,
    Executor* reply_on, client::LogSink sink,
    absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<client::LogStream>>) &&> started) {
  loop_->Post([this, alive = alive_, key = absl::StrCat(pod_namespace, "/", pod_name), options,
               reply_on, sink = std::move(sink), started = std::move(started)]() mutable {
    const auto answer = [&](absl::StatusOr<std::unique_ptr<client::LogStream>> result) {
      reply_on->Post([started = std::move(started), result = std::move(result)]() mutable {
        std::move(started)(std::move(result));
      });
    };
    if (!*alive) return answer(absl::UnavailableError("the node is stopping"));
    const api::ObjectPtr object = pods_informer_.Get(key);
    const PodPtr pod = object == nullptr ? nullptr : Find(object->meta().uid());
    if (pod == nullptr) {
      return answer(absl::NotFoundError(absl::StrCat("pod ", key, " is not on this node")));
    }
    const runtime::ContainerState* state = FindContainer(pod->state, options.container);
    const int attempt = state == nullptr ? -1 : state->attempt - (options.previous ? 1 : 0);
    if (attempt < 0) {
      if (options.previous) {
        return answer(
            api::BadRequest(absl::StrCat("previous terminated container \"", options.container,
                                         "\" in pod \"", object->meta().name(), "\" not found")));
      }
      const corev1::ContainerStatus* reported =
          ReportedStatus(object->As<corev1::Pod>(), options.container);
      const bool ran = reported != nullptr && !reported->container_id().empty();
      return answer(api::BadRequest(absl::StrCat(
          "container \"", options.container, "\" in pod \"", object->meta().name(), "\" ",
          ran ? "ran before this node was started anew: its log went with its sandbox"
              : "is waiting to start: ContainerCreating")));
    }
    const std::string path = absl::StrCat(PlacesOf(object->meta().uid(), *pod).log_dir, "/",
                                          options.container, "/", attempt, ".log");
    const bool ended = options.previous || state->phase != runtime::ContainerPhase::kRunning;
    auto follower = std::make_shared<Follower>(uv_loop_, path, options, reply_on, std::move(sink));
    answer(std::make_unique<FollowerHandle>(loop_, follower));
    follower->Begin(ended);
    if (!ended && options.follow) {
      followers_[object->meta().uid()].push_back(
          {options.container, attempt, [weak = std::weak_ptr<Follower>(follower)] {
             if (const auto live = weak.lock()) live->Ended();
           }});
    }
  });
}

// Logs that have grown too large make place for new ones.
void Node::RotateLogs() {
  struct Candidate {
    std::string uid;
    std::string container;
    std::string path;
  };
  std::vector<Candidate> running;
  for (const auto& [uid, pod] : pods_) {
    if (pod->runtime == nullptr || pod->runtime->name() == "fake" || !pod->state) continue;
    for (const runtime::ContainerState& state : pod->state->containers) {
      if (state.phase != runtime::ContainerPhase::kRunning) continue;
      running.push_back(
          {uid, state.name,
           absl::StrCat(PlacesOf(uid, *pod).log_dir, "/", state.name, "/", state.attempt, ".log")});
    }
  }
  if (running.empty()) return;
  pool_.Run([this, alive = alive_, loop = loop_, limit = options_.log_max_bytes,
             running = std::move(running)]() mutable {
    std::erase_if(running, [&](const Candidate& candidate) {
      struct stat info;
      return stat(candidate.path.c_str(), &info) != 0 || info.st_size <= limit;
    });
    if (running.empty()) return;
    loop->Post([this, alive, running = std::move(running)] {
      if (!*alive || !running_) return;
      for (const Candidate& large : running) {
        const PodPtr pod = Find(large.uid);
        if (pod == nullptr || pod->busy) continue;  // At the next look.
        RunAction(
            large.uid,
            [runtime = pod->runtime, large, files = options_.log_max_files] {
              return RotateLog(large.path, files,
                               [&] { return runtime->ReopenLog(large.uid, large.container); });
            },
            [this, large](const absl::Status& status) {
              if (status.ok() || absl::IsNotFound(status)) return;
              logger_.Warning("cannot rotate %s: %s", large.path, status.message());
            });
      }
    });
  });
}

// Tells those who follow a container that it has ended.
void Node::EndFollowers(const std::string& uid, const Pod& pod) {
  const auto it = followers_.find(uid);
  if (it == followers_.end()) return;
  std::erase_if(it->second, [&](const LogFollower& follower) {
    const runtime::ContainerState* state = FindContainer(pod.state, follower.container);
    const bool over = state == nullptr || state->attempt > follower.attempt ||
                      state->phase == runtime::ContainerPhase::kExited;
    if (over) follower.ended();
    return over;
  });
  if (it->second.empty()) followers_.erase(it);
}

}  // namespace skiff::node
