#include "cluster/custom_runtime.h"

#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "api/json_value.h"
#include "base/status.h"
#include "cluster/callback.h"

namespace skiff::cluster {
namespace {

using api::JsonValue;
using runtime::ContainerPhase;
using runtime::ContainerState;
using runtime::PodState;

ContainerState* FindContainer(PodState& pod, const std::string& name) {
  for (ContainerState& container : pod.containers) {
    if (container.name == name) return &container;
  }
  return nullptr;
}

absl::Status NoPod(const std::string& uid) {
  return absl::NotFoundError(absl::StrCat("pod ", uid, " is not on this node"));
}

absl::Status NotRunning(const std::string& container) {
  return absl::NotFoundError(absl::StrCat("container ", container, " is not running"));
}

void End(ContainerState* state, absl::Time now, int exit_code, const std::string& message) {
  if (state->phase == ContainerPhase::kCreated) state->started_at = now;
  state->phase = ContainerPhase::kExited;
  state->exit_code = exit_code;
  state->reason = exit_code == 0 ? "Completed" : "Error";
  state->message = message;
  state->finished_at = now;
}

JsonValue Words(const std::vector<std::string>& words) {
  JsonValue out = JsonValue::Array();
  for (const std::string& word : words) out.items().push_back(JsonValue::String(word));
  return out;
}

std::string PodJson(const runtime::PodSpec& pod) {
  JsonValue out = JsonValue::Object();
  out.Member("uid") = JsonValue::String(pod.uid);
  out.Member("name") = JsonValue::String(pod.name);
  out.Member("namespace") = JsonValue::String(pod.name_space);
  out.Member("hostname") = JsonValue::String(pod.hostname);
  JsonValue& annotations = out.Member("annotations") = JsonValue::Object();
  for (const auto& [key, value] : pod.annotations) {
    annotations.Member(key) = JsonValue::String(value);
  }
  return out.ToString();
}

std::string ContainerJson(const runtime::ContainerSpec& container) {
  JsonValue out = JsonValue::Object();
  out.Member("name") = JsonValue::String(container.name);
  out.Member("attempt") = JsonValue::Number(container.attempt);
  out.Member("image") = JsonValue::String(container.image);
  out.Member("command") = Words(container.command);
  out.Member("args") = Words(container.args);
  JsonValue& env = out.Member("env") = JsonValue::Array();
  for (const auto& [name, value] : container.env) {
    JsonValue& variable = env.items().emplace_back(JsonValue::Object());
    variable.Member("name") = JsonValue::String(name);
    variable.Member("value") = JsonValue::String(value);
  }
  out.Member("workingDir") = JsonValue::String(container.working_dir);
  JsonValue& mounts = out.Member("mounts") = JsonValue::Array();
  for (const runtime::Mount& mount : container.mounts) {
    JsonValue& one = mounts.items().emplace_back(JsonValue::Object());
    one.Member("source") = JsonValue::String(mount.source);
    one.Member("target") = JsonValue::String(mount.target);
    one.Member("readOnly") = JsonValue::Bool(mount.read_only);
  }
  JsonValue& resources = out.Member("resources") = JsonValue::Object();
  resources.Member("cpuMillis") = JsonValue::Number(container.resources.cpu_quota_millis);
  resources.Member("memoryBytes") = JsonValue::Number(container.resources.memory_bytes);
  return out.ToString();
}

}  // namespace

// A container's log in the CRI format: a piece of a line without its end is tagged P, the rest F.
class HostedRuntime::Log {
 public:
  Log(const std::string& dir, const std::string& container, int attempt)
      : path_(dir.empty() ? "" : absl::StrCat(dir, "/", container, "/", attempt, ".log")) {
    if (dir.empty()) return;
    mkdir(dir.c_str(), 0755);
    mkdir(absl::StrCat(dir, "/", container).c_str(), 0755);
    Reopen();
  }

  void Reopen() {
    MutexLock lock(&mutex_);
    file_.close();
    file_.open(path_, std::ios::app);
  }

  void Write(absl::string_view data, absl::Time now) {
    MutexLock lock(&mutex_);
    const std::string stamp = absl::FormatTime("%Y-%m-%d%ET%H:%M:%E9SZ", now, absl::UTCTimeZone());
    while (!data.empty()) {
      const size_t end = data.find('\n');
      const bool whole = end != absl::string_view::npos;
      file_ << stamp << " stdout " << (whole ? 'F' : 'P') << ' ' << std::string(data.substr(0, end))
            << '\n';
      data.remove_prefix(whole ? end + 1 : data.size());
    }
    file_.flush();
  }

 private:
  const std::string path_;
  Mutex mutex_;
  std::ofstream file_ ABSL_GUARDED_BY(mutex_);
};

class HostedRuntime::Run final : public ContainerRun {
 public:
  Run(std::shared_ptr<Shared> shared, std::string pod_uid, std::string container, int attempt,
      std::shared_ptr<Log> log)
      : shared_(std::move(shared)),
        pod_uid_(std::move(pod_uid)),
        container_(std::move(container)),
        attempt_(attempt),
        log_(std::move(log)) {}

  void Running() override {
    Report(shared_, pod_uid_, container_, attempt_, [](ContainerState* state, absl::Time now) {
      state->phase = ContainerPhase::kRunning;
      state->started_at = now;
    });
  }

  void Exited(int exit_code, const std::string& message) override {
    Report(shared_, pod_uid_, container_, attempt_,
           [&](ContainerState* state, absl::Time now) { End(state, now, exit_code, message); });
  }

  void WriteLog(const std::string& data) override {
    absl::Time now;
    {
      MutexLock lock(&shared_->mutex);
      if (shared_->executor == nullptr) return;
      const auto pod = shared_->pods.find(pod_uid_);
      if (pod == shared_->pods.end()) return;
      const ContainerState* state = FindContainer(pod->second.state, container_);
      if (state == nullptr || state->attempt != attempt_ ||
          state->phase == ContainerPhase::kExited) {
        return;
      }
      now = shared_->executor->clock().Now();
    }
    log_->Write(data, now);
  }

 private:
  const std::shared_ptr<Shared> shared_;
  const std::string pod_uid_;
  const std::string container_;
  const int attempt_;
  const std::shared_ptr<Log> log_;
};

// Nothing if the container has ended, or another start has taken its place.
void HostedRuntime::Report(const std::shared_ptr<Shared>& shared, const std::string& pod_uid,
                           const std::string& container, int attempt,
                           absl::FunctionRef<void(ContainerState*, absl::Time)> change) {
  MutexLock lock(&shared->mutex);
  if (shared->executor == nullptr) return;
  const auto pod = shared->pods.find(pod_uid);
  if (pod == shared->pods.end()) return;
  ContainerState* state = FindContainer(pod->second.state, container);
  if (state == nullptr || state->attempt != attempt || state->phase == ContainerPhase::kExited) {
    return;
  }
  change(state, shared->executor->clock().Now());
  // Under the lock: the executor may go as soon as this is closed.
  shared->executor->Post([shared, pod_uid] {
    runtime::PodChanged listener;
    {
      MutexLock again(&shared->mutex);
      if (shared->executor != nullptr) listener = shared->listener;
    }
    if (listener) listener(pod_uid);
  });
}

HostedRuntime::HostedRuntime(CustomRuntime callbacks, std::string node, Executor* executor)
    : callbacks_(std::move(callbacks)),
      node_(std::move(node)),
      shared_(std::make_shared<Shared>()) {
  MutexLock lock(&shared_->mutex);
  shared_->executor = executor;
}

HostedRuntime::~HostedRuntime() {
  std::vector<std::string> running;
  {
    MutexLock lock(&shared_->mutex);
    for (auto& [uid, pod] : shared_->pods) {
      const std::vector<std::string> killed = MarkKilled(&pod, shared_->executor->clock().Now());
      running.insert(running.end(), killed.begin(), killed.end());
    }
    shared_->executor = nullptr;
  }
  for (const std::string& id : running) Stop(id, /*force=*/true);
}

void HostedRuntime::SetListener(runtime::PodChanged listener) {
  MutexLock lock(&shared_->mutex);
  shared_->listener = std::move(listener);
}

absl::StatusOr<std::vector<PodState>> HostedRuntime::List() {
  MutexLock lock(&shared_->mutex);
  std::vector<PodState> out;
  for (const auto& [uid, pod] : shared_->pods) out.push_back(pod.state);
  return out;
}

absl::StatusOr<PodState> HostedRuntime::StartPod(const runtime::PodSpec& spec) {
  MutexLock lock(&shared_->mutex);
  Pod& pod = shared_->pods[spec.uid];
  if (!pod.state.alive) {
    pod = Pod{};
    pod.spec = spec;
    pod.state.uid = spec.uid;
    pod.state.alive = true;
    pod.state.started_at = shared_->executor->clock().Now();
  }
  return pod.state;
}

absl::StatusOr<ContainerState> HostedRuntime::StartContainer(const std::string& pod_uid,
                                                             const runtime::ContainerSpec& spec) {
  ContainerStart start;
  std::shared_ptr<Log> log;
  std::optional<ContainerState> before;
  {
    MutexLock lock(&shared_->mutex);
    const auto it = shared_->pods.find(pod_uid);
    if (it == shared_->pods.end() || !it->second.state.alive) return NoPod(pod_uid);
    Pod& pod = it->second;
    ContainerState* state = FindContainer(pod.state, spec.name);
    if (state != nullptr && state->attempt >= spec.attempt) return *state;
    if (state != nullptr) before = *state;
    if (state == nullptr) state = &pod.state.containers.emplace_back();
    *state = ContainerState{};
    state->name = spec.name;
    state->attempt = spec.attempt;
    state->id = absl::StrCat(callbacks_.name, "://", pod_uid, "-", spec.name, "-", spec.attempt);
    log = std::make_shared<Log>(pod.spec.log_dir, spec.name, spec.attempt);
    pod.logs[spec.name] = log;
    start = {state->id, node_, PodJson(pod.spec), ContainerJson(spec)};
  }
  const absl::Status started = CallHost([&] {
    const CallbackScope scope;
    return callbacks_.start(start,
                            std::make_shared<Run>(shared_, pod_uid, spec.name, spec.attempt, log));
  });
  MutexLock lock(&shared_->mutex);
  PodState& pod = shared_->pods[pod_uid].state;
  ContainerState* state = FindContainer(pod, spec.name);
  if (started.ok()) return *state;
  if (absl::IsFailedPrecondition(started)) {
    End(state, shared_->executor->clock().Now(), 128, std::string(started.message()));
    state->reason = "StartError";
    return started;
  }
  // As if it had not been tried: the same attempt may come again.
  if (before.has_value()) {
    *state = *std::move(before);
  } else {
    pod.containers.erase(pod.containers.begin() + (state - pod.containers.data()));
  }
  return absl::UnavailableError(started.message());  // Whatever it is, it is tried again.
}

absl::Status HostedRuntime::SignalContainer(const std::string& pod_uid,
                                            const std::string& container, int signal) {
  if (signal == SIGKILL) return KillContainer(pod_uid, container);
  std::string id;
  {
    MutexLock lock(&shared_->mutex);
    const auto it = shared_->pods.find(pod_uid);
    if (it == shared_->pods.end()) return NoPod(pod_uid);
    const ContainerState* state = FindContainer(it->second.state, container);
    if (state == nullptr || state->phase == ContainerPhase::kExited) return NotRunning(container);
    id = state->id;
  }
  Stop(id, /*force=*/false);
  return absl::OkStatus();
}

absl::Status HostedRuntime::KillContainer(const std::string& pod_uid,
                                          const std::string& container) {
  std::vector<std::string> killed;
  {
    MutexLock lock(&shared_->mutex);
    const auto it = shared_->pods.find(pod_uid);
    if (it == shared_->pods.end()) return NoPod(pod_uid);
    killed = MarkKilled(&it->second, shared_->executor->clock().Now(), container);
    if (killed.empty()) return NotRunning(container);
    shared_->executor->Post([listener = shared_->listener, pod_uid] {
      if (listener) listener(pod_uid);
    });
  }
  for (const std::string& id : killed) Stop(id, /*force=*/true);
  return absl::OkStatus();
}

std::vector<std::string> HostedRuntime::MarkKilled(Pod* pod, absl::Time now,
                                                   const std::string& only) {
  std::vector<std::string> out;
  for (ContainerState& container : pod->state.containers) {
    if (container.phase == ContainerPhase::kExited) continue;
    if (!only.empty() && container.name != only) continue;
    End(&container, now, 128 + SIGKILL, "");
    container.signal = SIGKILL;
    out.push_back(container.id);
  }
  return out;
}

void HostedRuntime::Stop(const std::string& id, bool force) const {
  if (!callbacks_.stop) return;
  CallHost([&] {
    const CallbackScope scope;
    callbacks_.stop(id, force);
    return absl::OkStatus();
  }).IgnoreError();
}

absl::Status HostedRuntime::ReopenLog(const std::string& pod_uid, const std::string& container) {
  MutexLock lock(&shared_->mutex);
  const auto it = shared_->pods.find(pod_uid);
  if (it == shared_->pods.end()) return NoPod(pod_uid);
  const ContainerState* state = FindContainer(it->second.state, container);
  if (state == nullptr || state->phase == ContainerPhase::kExited) return NotRunning(container);
  it->second.logs.at(container)->Reopen();
  return absl::OkStatus();
}

absl::StatusOr<PodState> HostedRuntime::State(const std::string& pod_uid) {
  MutexLock lock(&shared_->mutex);
  const auto it = shared_->pods.find(pod_uid);
  if (it == shared_->pods.end()) return NoPod(pod_uid);
  return it->second.state;
}

absl::StatusOr<runtime::Usage> HostedRuntime::PodUsage(const std::string& pod_uid) {
  SKIFF_RETURN_IF_ERROR(State(pod_uid).status());
  return runtime::Usage{};
}

absl::StatusOr<runtime::Runtime::ExecResult> HostedRuntime::Exec(
    const std::string& pod_uid, const std::string& container, const std::vector<std::string>& argv,
    absl::Duration timeout) {
  (void)pod_uid;
  (void)container;
  (void)argv;
  (void)timeout;
  return absl::UnimplementedError(
      absl::StrCat("runtime ", callbacks_.name, " executes no commands in containers"));
}

absl::Status HostedRuntime::StopPod(const std::string& pod_uid) {
  std::vector<std::string> killed;
  {
    MutexLock lock(&shared_->mutex);
    const auto it = shared_->pods.find(pod_uid);
    if (it == shared_->pods.end()) return absl::OkStatus();
    it->second.state.alive = false;
    killed = MarkKilled(&it->second, shared_->executor->clock().Now());
  }
  for (const std::string& id : killed) Stop(id, /*force=*/true);
  return absl::OkStatus();
}

absl::Status HostedRuntime::RemovePod(const std::string& pod_uid) {
  SKIFF_RETURN_IF_ERROR(StopPod(pod_uid));
  MutexLock lock(&shared_->mutex);
  shared_->pods.erase(pod_uid);
  return absl::OkStatus();
}

}  // namespace skiff::cluster
