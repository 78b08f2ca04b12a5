#include "runtime/linux/sandbox_runtime.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "runtime/image/digest.h"
#include "runtime/linux/records.h"
#include "runtime/linux/sandbox_watch.h"

extern "C" const char skiff_head_begin[];
extern "C" const char skiff_head_end[];

namespace skiff::runtime {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxOutput = 10 << 10;
constexpr size_t kMaxTermination = 4096;
constexpr int kStartErrorCode = 128;  // As container runtimes report it to Kubernetes.

absl::Status MakeDirs(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? ErrnoStatus(error.value(), path) : absl::OkStatus();
}

// Starts the head binary with our standard error and output going to `out`. Descriptors of the host
// that are not close-on-exec go along, and the head closes them first thing: here they cannot be,
// for the binary's own is among them.
absl::StatusOr<pid_t> SpawnHead(int binary, const std::vector<std::string>& words, int out) {
  // Where the child has it, once its descriptors are in place.
  const std::string path = "/proc/self/fd/3";
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  char* env[] = {nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  const absl::Cleanup clean = [&] {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  };
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, out, 2);
  posix_spawn_file_actions_adddup2(&actions, binary, 3);
  posix_spawn_file_actions_addclosefrom_np(&actions, 4);
  // The host's signal mask and dispositions are its own: the head begins afresh.
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes, argv.data(), env);
  if (error != 0) return ErrnoStatus(error, "start the pod's head");
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno == ECHILD) return 0;  // The host reaps children itself.
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// What names a directory and a cgroup must not be a path.
absl::Status CheckName(absl::string_view what, absl::string_view name) {
  bool good = !name.empty() && name.size() <= 200;
  for (const char c : name) good = good && (absl::ascii_isalnum(c) || c == '-' || c == '_');
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is no ", what, ": use letters, digits and dashes"));
}

std::string FormatPod(const PodSpec& pod) {
  std::map<std::string, std::string> fields = {
      {"log_dir", pod.log_dir},
      {"hostname", pod.hostname},
      {"host_pid", pod.host_pid ? "1" : "0"},
      {"share_pids", pod.share_process_namespace ? "1" : "0"},
      {"host_network", pod.host_network ? "1" : "0"}};
  for (const auto& [name, value] : pod.sysctls) fields["sysctl." + name] = value;
  return FormatFields(fields);
}

// What StartPod wrote down; empty fields if it is damaged.
PodSpec ReadPod(const std::string& dir, const std::string& uid) {
  PodSpec pod;
  pod.uid = uid;
  for (const auto& [key, value] : ParseFields(ReadRecord(dir + "/pod"))) {
    if (key == "log_dir") pod.log_dir = value;
    if (key == "hostname") pod.hostname = value;
    if (key == "host_pid") pod.host_pid = value == "1";
    if (key == "share_pids") pod.share_process_namespace = value == "1";
    if (key == "host_network") pod.host_network = value == "1";
    if (absl::StartsWith(key, "sysctl.")) pod.sysctls[key.substr(7)] = value;
  }
  return pod;
}

absl::Time FromNanos(int64_t nanos) { return absl::FromUnixNanos(nanos); }

}  // namespace

SandboxRuntime::SandboxRuntime(SandboxOptions options, Cgroups cgroups)
    : options_(std::move(options)), cgroups_(std::move(cgroups)) {}

absl::StatusOr<std::unique_ptr<SandboxRuntime>> SandboxRuntime::Open(SandboxOptions options) {
  if (geteuid() != 0) {
    return absl::PermissionDeniedError("running pods needs root: namespaces, mounts and cgroups");
  }
  SKIFF_ASSIGN_OR_RETURN(Cgroups cgroups, Cgroups::Detect());
  std::unique_ptr<SandboxRuntime> runtime(
      new SandboxRuntime(std::move(options), std::move(cgroups)));
  SKIFF_RETURN_IF_ERROR(runtime->Init());
  return runtime;
}

absl::Status SandboxRuntime::Init() {
  SKIFF_RETURN_IF_ERROR(MakeDirs(options_.state_dir));
  for (const std::string& loss : cgroups_.Prepare()) options_.logger.Warning("%s", loss);
  head_binary_.Reset(memfd_create("skiff-head", MFD_CLOEXEC));
  if (!head_binary_.valid()) return ErrnoStatus(errno, "memfd_create");
  const size_t size = static_cast<size_t>(skiff_head_end - skiff_head_begin);
  if (write(head_binary_.get(), skiff_head_begin, size) != static_cast<ssize_t>(size)) {
    return ErrnoStatus(errno, "write the head");
  }
  fchmod(head_binary_.get(), 0755);
  // A descriptor open for writing cannot be executed (ETXTBSY): from here on it is read-only.
  const int readable =
      open(absl::StrCat("/proc/self/fd/", head_binary_.get()).c_str(), O_RDONLY | O_CLOEXEC);
  if (readable < 0) return ErrnoStatus(errno, "reopen the head");
  head_binary_.Reset(readable);
  watching_ =
      std::make_unique<Watching>(options_.loop, [this](const std::string& uid) { Tell(uid); });
  DeleteLeftovers();
  SKIFF_ASSIGN_OR_RETURN(const std::vector<PodState> pods, List());
  for (const PodState& pod : pods) {
    Watch(pod.uid, pod.head_pid);
    // A head that was killed takes its containers along, except what shares the host's pids.
    if (!pod.alive) SKIFF_RETURN_IF_ERROR(cgroups_.Kill(Group(pod.uid)));
  }
  if (options_.images == nullptr) return absl::OkStatus();
  auto devices = DeviceFilter::Load();
  if (devices.ok()) {
    devices_ = *std::move(devices);
  } else {
    options_.logger.Warning("root in a container may open any device of this machine: %s",
                            std::string(devices.status().message()));
  }
  return absl::OkStatus();
}

SandboxRuntime::~SandboxRuntime() {
  watching_.reset();
  {
    MutexLock lock(&mutex_);
    deleted_.Await(&mutex_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return deleting_ == 0; });
  }
  rmdir(DiscardDir().c_str());
  cgroups_.RemoveIfEmpty(absl::StrCat("skiff/", options_.instance));
  cgroups_.RemoveIfEmpty("skiff");
}

void SandboxRuntime::SetListener(PodChanged listener) {
  MutexLock lock(&mutex_);
  listener_ = std::move(listener);
}

void SandboxRuntime::Tell(const std::string& pod_uid) {
  PodChanged listener;
  {
    MutexLock lock(&mutex_);
    listener = listener_;
  }
  if (listener) listener(pod_uid);
}

std::string SandboxRuntime::Dir(const std::string& pod_uid) const {
  return absl::StrCat(options_.state_dir, "/", pod_uid);
}

std::string SandboxRuntime::DiscardDir() const { return options_.state_dir + "/.discarded"; }

std::string SandboxRuntime::Group(const std::string& pod_uid, const std::string& leaf) const {
  return absl::StrCat("skiff/", options_.instance, "/", pod_uid, leaf.empty() ? "" : "/", leaf);
}

void SandboxRuntime::Watch(const std::string& pod_uid, int64_t head_pid) {
  watching_->Add(pod_uid, Dir(pod_uid), head_pid);
}

void SandboxRuntime::Unwatch(const std::string& pod_uid) { watching_->Remove(pod_uid); }

absl::StatusOr<std::vector<PodState>> SandboxRuntime::List() {
  std::vector<PodState> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options_.state_dir, error)) {
    if (entry.path() == DiscardDir()) continue;
    auto pod = State(entry.path().filename());
    if (absl::IsNotFound(pod.status())) continue;  // Removed since.
    SKIFF_RETURN_IF_ERROR(pod.status());
    out.push_back(*std::move(pod));
  }
  if (error) return ErrnoStatus(error.value(), options_.state_dir);
  return out;
}

absl::StatusOr<PodState> SandboxRuntime::StartPod(const PodSpec& pod) {
  SKIFF_RETURN_IF_ERROR(CheckName("pod uid", pod.uid));
  const std::string dir = Dir(pod.uid);
  if (LivingHead(dir) != 0) return State(pod.uid);
  SKIFF_RETURN_IF_ERROR(RemoveSandbox(pod.uid, /*with_logs=*/false));  // What a dead one left.
  SKIFF_RETURN_IF_ERROR(MakeDirs(dir));
  SKIFF_RETURN_IF_ERROR(MakeDirs(pod.log_dir));
  SKIFF_RETURN_IF_ERROR(WriteRecord(dir + "/pod", FormatPod(pod)));
  SKIFF_RETURN_IF_ERROR(cgroups_.Make(Group(pod.uid), pod.resources, /*whole=*/false));
  SKIFF_RETURN_IF_ERROR(cgroups_.MakeBare(Group(pod.uid, "head")));
  const absl::Status spawned = Spawn(pod, dir);
  if (!spawned.ok()) {
    RemovePod(pod.uid).IgnoreError();
    return spawned;
  }
  SKIFF_ASSIGN_OR_RETURN(PodState state, State(pod.uid));
  Watch(pod.uid, state.head_pid);
  return state;
}

absl::Status SandboxRuntime::Spawn(const PodSpec& pod, const std::string& dir) {
  unsigned long flags = 0;
  if (name() == "linux") {
    if (!pod.host_network) flags |= CLONE_NEWNET;
    if (!pod.host_network) flags |= CLONE_NEWUTS;
    if (!pod.host_ipc) flags |= CLONE_NEWIPC;
  }
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  const UniqueFd reader(pipe_fds[0]);
  UniqueFd writer(pipe_fds[1]);
  SKIFF_ASSIGN_OR_RETURN(const pid_t pid,
                         SpawnHead(head_binary_.get(),
                                   {"skiff-head", "pod", dir, absl::StrCat(flags),
                                    pod.hostname.empty() ? "localhost" : pod.hostname,
                                    cgroups_.V2(Group(pod.uid, "head"))},
                                   writer.get()));
  writer.Reset();
  const int code = WaitFor(pid);
  char text[512];
  const ssize_t n = read(reader.get(), text, sizeof text);
  const absl::string_view said(text, n > 0 ? static_cast<size_t>(n) : 0);
  if (code != 0 || LivingHead(dir) == 0) {
    return absl::FailedPreconditionError(absl::StrCat("cannot start the pod's sandbox: ", said));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SandboxRuntime::Order(const std::string& dir,
                                                  const std::vector<std::string>& words) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const UniqueFd at(open(dir.c_str(), O_DIRECTORY | O_PATH | O_CLOEXEC));
  if (!fd.valid() || !at.valid()) return ErrnoStatus(errno, dir);
  // By way of a descriptor: a socket's path holds 108 bytes at most.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = absl::StrCat("/proc/self/fd/", at.get(), "/head.sock");
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return ErrnoStatus(errno, "reach the pod's head");
  }
  std::string message;
  for (const std::string& word : words) message.append(word).push_back('\0');
  char answer[4096];
  if (send(fd.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    return ErrnoStatus(errno, "order the pod's head");
  }
  const ssize_t n = recv(fd.get(), answer, sizeof answer, 0);
  if (n <= 0) return absl::UnavailableError("the pod's head went away");
  return std::string(answer, static_cast<size_t>(n));
}

absl::StatusOr<ContainerState> SandboxRuntime::StartContainer(const std::string& pod_uid,
                                                              const ContainerSpec& container) {
  SKIFF_RETURN_IF_ERROR(CheckName("pod uid", pod_uid));
  SKIFF_RETURN_IF_ERROR(CheckName("container name", container.name));
  const std::string dir = Dir(pod_uid);
  if (LivingHead(dir) == 0) {
    return absl::NotFoundError(absl::StrCat("pod ", pod_uid, " has no living sandbox"));
  }
  const auto attempts = LatestAttempts(dir);
  if (const auto it = attempts.find(container.name);
      it != attempts.end() && it->second >= container.attempt) {
    return ReadContainer(pod_uid, container.name, it->second, /*pod_alive=*/true);
  }
  const PodSpec pod = ReadPod(dir, pod_uid);
  auto started = StartAttempt(pod, container);
  if (!started.ok()) {
    // Nothing of the try stays, so that it may be made again; or only that it was the last.
    const std::string leaf = absl::StrCat(container.name, ".", container.attempt);
    cgroups_.Remove(Group(pod_uid, leaf)).IgnoreError();
    std::error_code ignored;
    fs::remove_all(absl::StrCat(dir, "/", leaf), ignored);
    unlink(absl::StrCat(dir, "/", leaf, ".script").c_str());
    if (!absl::IsFailedPrecondition(started.status())) return started;
    RecordFailure(pod_uid, container, started.status());
  }
  if (container.attempt > 0) ForgetAttempts(pod, container.name, container.attempt);
  return started;
}

void SandboxRuntime::RecordFailure(const std::string& pod_uid, const ContainerSpec& container,
                                   const absl::Status& why) {
  const std::string base = absl::StrCat(Dir(pod_uid), "/", container.name, ".", container.attempt);
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  absl::Status written = MakeDirs(base);
  if (written.ok()) written = WriteRecord(base + "/failure", why.message());
  if (written.ok()) {
    written = WriteRecord(
        base + ".exit",
        absl::StrCat(kStartErrorCode, " 0 ", absl::ToUnixNanos(absl::TimeFromTimespec(now)), "\n"));
  }
  if (written.ok()) return;
  options_.logger.Warning("container %s of pod %s did not start, and that is not on disk: %s",
                          container.name, pod_uid, std::string(written.message()));
}

// Of attempts before the latest only the last one's log is kept, as `kubectl logs --previous` reads
// it.
void SandboxRuntime::ForgetAttempts(const PodSpec& pod, const std::string& name, int before) {
  const std::string dir = Dir(pod.uid);
  std::vector<fs::path> old;
  std::set<int> attempts;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    const std::string file = entry.path().filename();
    const std::vector<std::string> parts = absl::StrSplit(file, '.');
    int attempt = 0;
    if (parts.size() < 2 || parts[0] != name || !absl::SimpleAtoi(parts[1], &attempt)) continue;
    if (attempt >= before) continue;
    old.push_back(entry.path());
    attempts.insert(attempt);
  }
  for (const int attempt : attempts) {
    cgroups_.Remove(Group(pod.uid, absl::StrCat(name, ".", attempt))).IgnoreError();
  }
  for (const fs::path& path : old) fs::remove_all(path, error);
  for (const auto& entry : fs::directory_iterator(absl::StrCat(pod.log_dir, "/", name), error)) {
    int attempt = 0;
    const std::vector<std::string> parts = absl::StrSplit(entry.path().filename().string(), '.');
    if (absl::SimpleAtoi(parts[0], &attempt) && attempt < before - 1) {
      fs::remove(entry.path(), error);
    }
  }
}

absl::StatusOr<ContainerState> SandboxRuntime::StartAttempt(const PodSpec& pod,
                                                            const ContainerSpec& container) {
  const std::string& pod_uid = pod.uid;
  const std::string dir = Dir(pod_uid);
  const std::string leaf = absl::StrCat(container.name, ".", container.attempt);
  ContainerPlace place;
  place.dir = absl::StrCat(dir, "/", leaf);
  place.group = cgroups_.V2(Group(pod_uid, leaf));
  place.v1_tasks = cgroups_.V1Tasks(Group(pod_uid, leaf));
  place.cgroup_views = cgroups_.Views();
  place.filters = &filters_;
  SKIFF_RETURN_IF_ERROR(MakeDirs(place.dir));
  SKIFF_RETURN_IF_ERROR(MakeDirs(absl::StrCat(pod.log_dir, "/", container.name)));
  SKIFF_RETURN_IF_ERROR(cgroups_.Make(Group(pod_uid, leaf), container.resources, /*whole=*/true));
  if (devices_ && !container.privileged) {
    SKIFF_RETURN_IF_ERROR(devices_->Attach(place.group));
  }
  ContainerSpec spec = container;
  const std::string termination = absl::StrCat(place.dir, "/termination");
  SKIFF_RETURN_IF_ERROR(WriteRecord(termination, ""));
  chmod(termination.c_str(), 0666);
  if (!container.termination_message_path.empty()) {
    spec.mounts.push_back({termination, container.termination_message_path});
  }
  SKIFF_ASSIGN_OR_RETURN(const Launch launch, options_.images != nullptr
                                                  ? LinuxLaunch(pod, spec, place, *options_.images)
                                                  : ProcessLaunch(pod, spec, place));
  SKIFF_RETURN_IF_ERROR(WriteRecord(place.dir + "/image", launch.image_id));
  SKIFF_RETURN_IF_ERROR(WriteRecord(place.dir + "/program", launch.program.bytes()));
  SKIFF_RETURN_IF_ERROR(
      WriteRecord(absl::StrCat(dir, "/", leaf, ".script"), launch.script.bytes()));
  SKIFF_ASSIGN_OR_RETURN(
      const std::string answer,
      Order(dir, {"start", container.name, absl::StrCat(container.attempt),
                  absl::StrCat(pod.log_dir, "/", container.name, "/", container.attempt, ".log"),
                  absl::StrCat(launch.namespaces), launch.pids == Pids::kPods ? "pod" : "",
                  launch.pids == Pids::kOwn ? "" : place.group + "/cgroup.kill", place.group}));
  if (!absl::StartsWith(answer, "ok ")) {
    return absl::FailedPreconditionError(answer.substr(std::min<size_t>(4, answer.size())));
  }
  return ReadContainer(pod_uid, container.name, container.attempt, /*pod_alive=*/true);
}

ContainerState SandboxRuntime::ReadContainer(const std::string& pod_uid, const std::string& name,
                                             int attempt, bool pod_alive) const {
  const std::string dir = Dir(pod_uid);
  const std::string leaf = absl::StrCat(name, ".", attempt);
  const std::string base = absl::StrCat(dir, "/", leaf);
  ContainerState state;
  state.name = name;
  state.attempt = attempt;
  state.image_id = ReadRecord(base + "/image");
  // Digits, as of other runtimes, but the same ones whoever asks: 64 without "sha256:".
  state.id = absl::StrCat(this->name(), "://",
                          DigestOf(absl::StrCat(pod_uid, "/", name, "/", attempt)).substr(7));
  int64_t nanos = 0;
  if (sscanf(ReadRecord(base + ".run").c_str(), "%ld %ld", &state.pid, &nanos) == 2) {
    state.started_at = FromNanos(nanos);
    state.phase = ContainerPhase::kRunning;
  }
  const std::string exit = ReadRecord(base + ".exit");
  if (sscanf(exit.c_str(), "%d %d %ld", &state.exit_code, &state.signal, &nanos) == 3) {
    state.phase = ContainerPhase::kExited;
    state.finished_at = FromNanos(nanos);
  } else if (!pod_alive && state.phase == ContainerPhase::kRunning) {
    // Its head was killed, and took it along without being able to say so.
    state.phase = ContainerPhase::kExited;
    state.exit_code = 137;
    state.signal = SIGKILL;
    state.finished_at = state.started_at;
  }
  if (state.phase != ContainerPhase::kExited) return state;
  state.pid = 0;
  if (const std::string failure = ReadRecord(base + "/failure"); !failure.empty()) {
    state.reason = "StartError";
    state.message = failure;
    state.started_at = state.finished_at;
    return state;
  }
  state.oom_killed = state.exit_code == 137 && cgroups_.OomKills(Group(pod_uid, leaf)) > 0;
  state.reason = state.oom_killed ? "OOMKilled" : state.exit_code == 0 ? "Completed" : "Error";
  state.message = ReadRecord(base + "/termination").substr(0, kMaxTermination);
  return state;
}

absl::StatusOr<PodState> SandboxRuntime::State(const std::string& pod_uid) {
  const std::string dir = Dir(pod_uid);
  struct stat info;
  if (stat(dir.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat("pod ", pod_uid, " is not on this node"));
  }
  PodState state;
  state.uid = pod_uid;
  state.head_pid = LivingHead(dir);
  state.alive = state.head_pid != 0;
  struct stat pid_file;
  if (stat((dir + "/head.pid").c_str(), &pid_file) == 0) {
    state.started_at = absl::TimeFromTimespec(pid_file.st_mtim);
  }
  for (const auto& [name, attempt] : LatestAttempts(dir)) {
    state.containers.push_back(ReadContainer(pod_uid, name, attempt, state.alive));
  }
  return state;
}

absl::Status SandboxRuntime::SignalContainer(const std::string& pod_uid,
                                             const std::string& container, int signal) {
  SKIFF_ASSIGN_OR_RETURN(const PodState pod, State(pod_uid));
  for (const ContainerState& state : pod.containers) {
    if (state.name != container || state.phase != ContainerPhase::kRunning) continue;
    if (kill(static_cast<pid_t>(state.pid), signal) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, absl::StrCat("signal container ", container));
  }
  return absl::NotFoundError(absl::StrCat("container ", container, " is not running"));
}

absl::Status SandboxRuntime::KillContainer(const std::string& pod_uid,
                                           const std::string& container) {
  const auto attempts = LatestAttempts(Dir(pod_uid));
  const auto it = attempts.find(container);
  if (it == attempts.end()) return absl::OkStatus();
  return cgroups_.Kill(Group(pod_uid, absl::StrCat(container, ".", it->second)));
}

absl::Status SandboxRuntime::ReopenLog(const std::string& pod_uid, const std::string& container) {
  SKIFF_RETURN_IF_ERROR(CheckName("pod uid", pod_uid));
  SKIFF_ASSIGN_OR_RETURN(const std::string answer, Order(Dir(pod_uid), {"reopen", container}));
  if (answer == "ok") return absl::OkStatus();
  if (answer == "gone") {
    return absl::NotFoundError(absl::StrCat("container ", container, " is not running"));
  }
  return absl::InternalError(
      absl::StrCat("the log of container ", container, ": ", absl::StripPrefix(answer, "err ")));
}

absl::StatusOr<Usage> SandboxRuntime::PodUsage(const std::string& pod_uid) {
  return cgroups_.ReadUsage(Group(pod_uid));
}

absl::StatusOr<Runtime::ExecResult> SandboxRuntime::Exec(const std::string& pod_uid,
                                                         const std::string& container,
                                                         const std::vector<std::string>& argv,
                                                         absl::Duration timeout) {
  SKIFF_ASSIGN_OR_RETURN(const PodState pod, State(pod_uid));
  const ContainerState* target = nullptr;
  for (const ContainerState& state : pod.containers) {
    if (state.name == container && state.phase == ContainerPhase::kRunning) target = &state;
  }
  if (target == nullptr) {
    return absl::NotFoundError(absl::StrCat("container ", container, " is not running"));
  }
  Script script;
  const std::string group = Group(pod_uid, absl::StrCat(container, ".", target->attempt));
  script.Step({"group", cgroups_.V2(group)});
  for (const std::string& file : cgroups_.V1Tasks(group)) script.Step({"write", file, "0"});
  // The mount namespace last: after it the machine's /proc is out of sight.
  for (const char* space : {"ipc", "uts", "net", "cgroup", "pid", "mnt"}) {
    script.Step({"setns", absl::StrCat("/proc/", target->pid, "/ns/", space)});
  }
  script.Step({"fork"});
  const std::string program =
      ReadRecord(absl::StrCat(Dir(pod_uid), "/", container, ".", target->attempt, "/program"));
  if (program.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the record of how container ", container, " was started is gone"));
  }
  script.Append(program);
  AddArguments(argv, &script);
  const UniqueFd script_fd(memfd_create("exec", 0));
  if (write(script_fd.get(), script.bytes().data(), script.bytes().size()) < 0) {
    return ErrnoStatus(errno, "memfd");
  }
  const std::string script_path = absl::StrCat("/proc/", getpid(), "/fd/", script_fd.get());
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  const UniqueFd reader(pipe_fds[0]);
  UniqueFd writer(pipe_fds[1]);
  SKIFF_ASSIGN_OR_RETURN(
      const pid_t pid,
      SpawnHead(head_binary_.get(), {"skiff-head", "run", script_path}, writer.get()));
  writer.Reset();
  return CollectExec(pid, reader.get(), timeout, kMaxOutput);
}

absl::Status SandboxRuntime::RemovePod(const std::string& pod_uid) {
  SKIFF_RETURN_IF_ERROR(CheckName("pod uid", pod_uid));
  return RemoveSandbox(pod_uid, /*with_logs=*/true);
}

absl::Status SandboxRuntime::StopPod(const std::string& pod_uid) {
  SKIFF_RETURN_IF_ERROR(CheckName("pod uid", pod_uid));
  SKIFF_RETURN_IF_ERROR(EndSandbox(pod_uid));
  // What containers wrote beside their volumes goes; the records of how they ended stay.
  const std::string dir = Dir(pod_uid);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    if (!entry.is_directory(error)) continue;
    SKIFF_RETURN_IF_ERROR(Discard(entry.path() / "upper"));
    SKIFF_RETURN_IF_ERROR(Discard(entry.path() / "work"));
  }
  return absl::OkStatus();
}

// Out of the way at once, deleted by and by: by the next runtime if this one does not come to it.
absl::Status SandboxRuntime::Discard(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (options_.pool != nullptr && MakeDirs(DiscardDir()).ok()) {
    std::string to;
    {
      MutexLock lock(&mutex_);
      to = absl::StrCat(DiscardDir(), "/", ++discarded_);
    }
    if (rename(path.c_str(), to.c_str()) == 0) {
      DeleteLater(to);
      return absl::OkStatus();
    }
  }
  std::error_code error;  // On another file system, or the disk is full.
  fs::remove_all(path, error);
  return error ? ErrnoStatus(error.value(), path) : absl::OkStatus();
}

// What an earlier runtime did not come to.
void SandboxRuntime::DeleteLeftovers() {
  std::error_code error;
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(DiscardDir(), error)) {
    left.push_back(entry.path());
    int64_t number = 0;
    MutexLock lock(&mutex_);
    if (absl::SimpleAtoi(entry.path().filename().string(), &number)) {
      discarded_ = std::max(discarded_, number);
    }
  }
  for (const std::string& path : left) {
    if (options_.pool != nullptr) {
      DeleteLater(path);
    } else {
      fs::remove_all(path, error);
    }
  }
}

void SandboxRuntime::DeleteLater(const std::string& path) {
  {
    MutexLock lock(&mutex_);
    ++deleting_;
  }
  options_.pool->Run([this, path] {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) options_.logger.Warning("cannot delete %s: %s", path, error.message());
    MutexLock lock(&mutex_);
    if (--deleting_ == 0) deleted_.NotifyAll();
  });
}

// A cgroup may be left where the directory is gone already, so each is looked for by itself.
absl::Status SandboxRuntime::EndSandbox(const std::string& pod_uid) {
  const std::string dir = Dir(pod_uid);
  Unwatch(pod_uid);
  SKIFF_RETURN_IF_ERROR(cgroups_.Kill(Group(pod_uid)));
  if (const int64_t head = LivingHead(dir); head != 0) {
    kill(static_cast<pid_t>(head), SIGKILL);
    AwaitExit(static_cast<pid_t>(head));
  }
  return cgroups_.Remove(Group(pod_uid));
}

absl::Status SandboxRuntime::RemoveSandbox(const std::string& pod_uid, bool with_logs) {
  const std::string dir = Dir(pod_uid);
  SKIFF_RETURN_IF_ERROR(EndSandbox(pod_uid));
  const std::string logs = ReadPod(dir, pod_uid).log_dir;
  if (with_logs && !logs.empty()) SKIFF_RETURN_IF_ERROR(Discard(logs));
  return Discard(dir);
}

}  // namespace skiff::runtime
