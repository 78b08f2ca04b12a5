#include "runtime/fake/fake_runtime.h"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace skiff::runtime {
namespace {

std::string Script(const PodSpec& pod, absl::string_view key, absl::string_view container) {
  const std::string name = absl::StrCat("fake.skiff.dev/", key);
  for (const std::string& full : {absl::StrCat(name, ".", container), name}) {
    if (const auto it = pod.annotations.find(full); it != pod.annotations.end()) return it->second;
  }
  return "";
}

ContainerState* FindContainer(PodState& pod, absl::string_view name) {
  for (ContainerState& container : pod.containers) {
    if (container.name == name) return &container;
  }
  return nullptr;
}

absl::Status NoPod(const std::string& uid) {
  return absl::NotFoundError(absl::StrCat("pod ", uid, " is not on this node"));
}

// The log in the CRI format, as a real container's.
void WriteLog(const PodSpec& pod, const ContainerSpec& container, absl::string_view output,
              absl::Time now) {
  if (pod.log_dir.empty()) return;
  const std::string dir = absl::StrCat(pod.log_dir, "/", container.name);
  mkdir(pod.log_dir.c_str(), 0755);
  mkdir(dir.c_str(), 0755);
  std::ofstream file(absl::StrCat(dir, "/", container.attempt, ".log"));
  const std::string stamp = absl::FormatTime("%Y-%m-%d%ET%H:%M:%E9SZ", now, absl::UTCTimeZone());
  if (output.empty()) return;
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    file << stamp << " stdout F " << std::string(line) << "\n";
  }
}

}  // namespace

FakeRuntime::FakeRuntime(Executor* executor)
    : executor_(executor), shared_(std::make_shared<Shared>()) {}

FakeRuntime::~FakeRuntime() {
  std::vector<Executor::TimerId> timers;
  {
    MutexLock lock(&shared_->mutex);
    shared_->closed = true;
    for (const auto& [uid, pod] : shared_->pods) {
      for (const auto& [container, timer] : pod.timers) timers.push_back(timer.id);
    }
  }
  for (const Executor::TimerId timer : timers) executor_->Cancel(timer);
}

void FakeRuntime::SetListener(PodChanged listener) {
  MutexLock lock(&shared_->mutex);
  shared_->listener = std::move(listener);
}

void FakeRuntime::Notify(const std::shared_ptr<Shared>& shared, const std::string& pod_uid) {
  PodChanged listener;
  {
    MutexLock lock(&shared->mutex);
    if (shared->closed) return;
    listener = shared->listener;
  }
  if (listener) listener(pod_uid);
}

absl::StatusOr<std::vector<PodState>> FakeRuntime::List() {
  MutexLock lock(&shared_->mutex);
  std::vector<PodState> out;
  for (const auto& [uid, pod] : shared_->pods) out.push_back(pod.state);
  return out;
}

absl::StatusOr<PodState> FakeRuntime::StartPod(const PodSpec& spec) {
  MutexLock lock(&shared_->mutex);
  Pod& pod = shared_->pods[spec.uid];
  if (!pod.state.alive) {
    pod.state = PodState{};
    pod.spec = spec;
    pod.state.uid = spec.uid;
    pod.state.alive = true;
    pod.state.started_at = executor_->clock().Now();
  }
  return pod.state;
}

absl::StatusOr<ContainerState> FakeRuntime::StartContainer(const std::string& pod_uid,
                                                           const ContainerSpec& spec) {
  MutexLock lock(&shared_->mutex);
  const auto it = shared_->pods.find(pod_uid);
  if (it == shared_->pods.end()) return NoPod(pod_uid);
  Pod& pod = it->second;
  ContainerState* state = FindContainer(pod.state, spec.name);
  if (state != nullptr && state->attempt >= spec.attempt) return *state;
  if (const std::string why = Script(pod.spec, "start-error", spec.name); !why.empty()) {
    return absl::FailedPreconditionError(why);
  }
  if (state == nullptr) state = &pod.state.containers.emplace_back();
  const absl::Time now = executor_->clock().Now();
  *state = ContainerState{};
  state->name = spec.name;
  state->attempt = spec.attempt;
  state->phase = ContainerPhase::kRunning;
  state->started_at = now;
  state->id = absl::StrFormat("fake://%s-%s-%d", pod_uid, spec.name, spec.attempt);
  WriteLog(pod.spec, spec, Script(pod.spec, "output", spec.name), now);
  double seconds = 0;
  if (absl::SimpleAtod(Script(pod.spec, "run-seconds", spec.name), &seconds)) {
    int exit_code = 0;
    if (!absl::SimpleAtoi(Script(pod.spec, "exit-code", spec.name), &exit_code)) exit_code = 0;
    const bool oom = Script(pod.spec, "oom", spec.name) == "true";
    pod.timers[spec.name] =
        StartTimer(pod_uid, spec.name, spec.attempt,
                   {absl::Seconds(std::max(seconds, 0.0)), oom ? 128 + SIGKILL : exit_code, oom});
  }
  return *state;
}

FakeRuntime::Timer FakeRuntime::StartTimer(const std::string& pod_uid, const std::string& container,
                                           int attempt, const Saved::End& end) {
  const Executor::TimerId id = executor_->PostAfter(
      end.in, [executor = executor_, shared = shared_, pod_uid, container, attempt, end] {
        End(shared, executor, pod_uid, container, end.exit_code, end.oom ? SIGKILL : 0, end.oom,
            attempt)
            .IgnoreError();
      });
  return {id, executor_->clock().Monotonic() + end.in, end};
}

FakeRuntime::Saved FakeRuntime::Save() const {
  MutexLock lock(&shared_->mutex);
  const absl::Duration now = executor_->clock().Monotonic();
  Saved out;
  for (const auto& [uid, pod] : shared_->pods) {
    Saved::Pod& saved = out.pods[uid];
    saved.spec = pod.spec;
    saved.state = pod.state;
    for (const auto& [container, timer] : pod.timers) {
      saved.ends[container] = timer.end;
      saved.ends[container].in = timer.due - now;
    }
  }
  return out;
}

void FakeRuntime::Restore(const Saved& saved) {
  MutexLock lock(&shared_->mutex);
  for (const auto& [uid, pod] : saved.pods) {
    Pod& restored = shared_->pods[uid];
    restored.spec = pod.spec;
    restored.state = pod.state;
    for (const auto& [container, end] : pod.ends) {
      const ContainerState* state = FindContainer(restored.state, container);
      restored.timers[container] = StartTimer(uid, container, state->attempt, end);
    }
  }
}

absl::Status FakeRuntime::End(const std::shared_ptr<Shared>& shared, Executor* executor,
                              const std::string& pod_uid, const std::string& container,
                              int exit_code, int signal, bool oom, std::optional<int> attempt) {
  {
    MutexLock lock(&shared->mutex);
    if (shared->closed) return absl::OkStatus();
    const auto it = shared->pods.find(pod_uid);
    if (it == shared->pods.end()) return NoPod(pod_uid);
    ContainerState* state = FindContainer(it->second.state, container);
    if (state == nullptr || state->phase != ContainerPhase::kRunning ||
        (attempt.has_value() && state->attempt != *attempt)) {
      return absl::NotFoundError(absl::StrCat("container ", container, " is not running"));
    }
    state->phase = ContainerPhase::kExited;
    state->exit_code = exit_code;
    state->signal = signal;
    state->oom_killed = oom;
    state->reason = oom ? "OOMKilled" : exit_code == 0 ? "Completed" : "Error";
    state->finished_at = executor->clock().Now();
    if (const auto timer = it->second.timers.extract(container))
      executor->Cancel(timer.mapped().id);
  }
  executor->Post([shared, pod_uid] { Notify(shared, pod_uid); });
  return absl::OkStatus();
}

absl::Status FakeRuntime::SignalContainer(const std::string& pod_uid, const std::string& container,
                                          int signal) {
  if (signal != SIGTERM && signal != SIGKILL) return absl::OkStatus();
  if (signal == SIGTERM) {
    MutexLock lock(&shared_->mutex);
    if (shared_->ignores_sigterm) return absl::OkStatus();
  }
  return End(shared_, executor_, pod_uid, container, 128 + signal, signal, false, std::nullopt);
}

absl::Status FakeRuntime::KillContainer(const std::string& pod_uid, const std::string& container) {
  return SignalContainer(pod_uid, container, SIGKILL);
}

void FakeRuntime::IgnoreSigterm(bool ignore) {
  MutexLock lock(&shared_->mutex);
  shared_->ignores_sigterm = ignore;
}

absl::Status FakeRuntime::Crash(const std::string& pod_uid, const std::string& container,
                                int exit_code) {
  return End(shared_, executor_, pod_uid, container, exit_code, 0, false, std::nullopt);
}

absl::StatusOr<PodState> FakeRuntime::State(const std::string& pod_uid) {
  MutexLock lock(&shared_->mutex);
  const auto it = shared_->pods.find(pod_uid);
  if (it == shared_->pods.end()) return NoPod(pod_uid);
  return it->second.state;
}

absl::StatusOr<Usage> FakeRuntime::PodUsage(const std::string& pod_uid) {
  SKIFF_RETURN_IF_ERROR(State(pod_uid).status());
  return Usage{};
}

absl::StatusOr<Runtime::ExecResult> FakeRuntime::Exec(const std::string& pod_uid,
                                                      const std::string& container,
                                                      const std::vector<std::string>& argv,
                                                      absl::Duration timeout) {
  (void)argv;
  (void)timeout;
  SKIFF_ASSIGN_OR_RETURN(PodState pod, State(pod_uid));
  const ContainerState* state = FindContainer(pod, container);
  if (state == nullptr || state->phase != ContainerPhase::kRunning) {
    return absl::NotFoundError(absl::StrCat("container ", container, " is not running"));
  }
  return ExecResult{};
}

absl::Status FakeRuntime::StopPod(const std::string& pod_uid) {
  MutexLock lock(&shared_->mutex);
  const auto it = shared_->pods.find(pod_uid);
  if (it == shared_->pods.end()) return absl::OkStatus();
  Pod& pod = it->second;
  for (const auto& [container, timer] : pod.timers) executor_->Cancel(timer.id);
  pod.timers.clear();
  pod.state.alive = false;
  for (ContainerState& container : pod.state.containers) {
    if (container.phase != ContainerPhase::kRunning) continue;
    container.phase = ContainerPhase::kExited;
    container.exit_code = 128 + SIGKILL;
    container.signal = SIGKILL;
    container.reason = "Error";
    container.finished_at = executor_->clock().Now();
  }
  return absl::OkStatus();
}

absl::Status FakeRuntime::RemovePod(const std::string& pod_uid) {
  MutexLock lock(&shared_->mutex);
  const auto pod = shared_->pods.extract(pod_uid);
  if (pod.empty()) return absl::OkStatus();
  for (const auto& [container, timer] : pod.mapped().timers) executor_->Cancel(timer.id);
  return absl::OkStatus();
}

}  // namespace skiff::runtime
