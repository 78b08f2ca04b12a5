#include "node/node.h"

#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "api/time.h"
#include "base/status.h"
#include "node/pod_status.h"
#include "node/prober.h"

namespace skiff::node {
namespace {

constexpr absl::Duration kStopGrace = absl::Seconds(5);

client::WatchOptions OfNode(const std::string& name) {
  client::WatchOptions options;
  options.field_selector = absl::StrCat("spec.nodeName=", name);
  return options;
}

client::WatchOptions ByName(const std::string& name) {
  client::WatchOptions options;
  options.field_selector = absl::StrCat("metadata.name=", name);
  return options;
}

}  // namespace

Node::Node(NodeOptions options, client::Client* client, UvExecutor* loop, WorkPool* pool,
           Logger logger, Metrics*)
    : options_(std::move(options)),
      client_(client),
      loop_(loop),
      pool_(pool),
      logger_(std::move(logger)),
      events_(client, loop, "kubelet", options_.name),
      pods_informer_(client, loop, api::ResourceOf<corev1::Pod>(), OfNode(options_.name)),
      node_informer_(client, loop, api::ResourceOf<corev1::Node>(), ByName(options_.name)) {}

Node::~Node() { *alive_ = false; }

void Node::Start() {
  for (const auto& [name, runtime] : options_.runtimes) {
    runtime->SetListener([this, alive = alive_, loop = loop_](const std::string& uid) {
      loop->Post([this, alive, uid] {
        if (*alive) OnRuntimeChange(uid);
      });
    });
  }
  loop_->Post([this, alive = alive_] {
    if (*alive) StartOnLoop();
  });
}

void Node::StartOnLoop() {
  running_ = true;
  AdoptFound();
  pods_informer_.AddHandler(
      [this](const api::ObjectPtr& before, const api::ObjectPtr& now) { OnPod(before, now); });
  node_informer_.AddHandler([this](const api::ObjectPtr& before, const api::ObjectPtr& now) {
    // Deleted by somebody: this node still exists.
    if (running_ && node_informer_.synced() && now == nullptr && (before != nullptr || !found_)) {
      Register();
    } else if (now != nullptr && before == nullptr) {
      found_ = true;
      ReportNode(now);
    }
  });
  node_informer_.Start();
  pods_informer_.Start();
  RenewLease();
}

// What an earlier manager left running. Pods that the API does not bind to this node (any more) go
// once the view is complete.
void Node::AdoptFound() {
  for (const auto& [name, runtime] : options_.runtimes) {
    const auto found = runtime->List();
    if (!found.ok()) {
      logger_.Error("cannot list the pods of %s: %s", name, found.status().ToString());
      continue;
    }
    for (const runtime::PodState& state : *found) {
      auto pod = std::make_shared<Pod>();
      pod->runtime = runtime;
      pod->state = state;
      for (const auto& container : state.containers) {
        if (container.phase == runtime::ContainerPhase::kExited) {
          pod->seen_ends[container.name] = container.attempt;
        }
      }
      pods_[state.uid] = pod;
    }
  }
}

Node::PodPtr Node::Find(const std::string& uid) const {
  const auto it = pods_.find(uid);
  return it == pods_.end() ? nullptr : it->second;
}

runtime::Runtime* Node::RuntimeFor(const corev1::Pod& pod) const {
  const std::string name = pod.spec().has_runtime_class_name() ? pod.spec().runtime_class_name()
                                                               : options_.default_runtime;
  const auto it = options_.runtimes.find(name);
  return it == options_.runtimes.end() ? nullptr : it->second;
}

void Node::OnPod(const api::ObjectPtr& before, const api::ObjectPtr& now) {
  if (!running_) return;
  if (before == nullptr && now == nullptr) {
    // The view is complete: what it does not have is nobody's.
    std::vector<std::string> orphans;
    for (const auto& [uid, pod] : pods_) {
      if (pod->object == nullptr) orphans.push_back(uid);
    }
    for (const std::string& uid : orphans) Sync(uid);
    return;
  }
  const std::string& uid = now != nullptr ? now->meta().uid() : before->meta().uid();
  if (now != nullptr && before != nullptr && before->meta().uid() != uid) {
    // Replaced under the same name between two looks.
    if (const PodPtr old = Find(before->meta().uid())) old->object = nullptr;
    Sync(before->meta().uid());
  }
  PodPtr& pod = pods_[uid];
  if (pod == nullptr) {
    if (now == nullptr) {
      pods_.erase(uid);
      return;
    }
    pod = std::make_shared<Pod>();
  }
  pod->object = now;
  if (now != nullptr) {
    const auto& typed = now->As<corev1::Pod>();
    if (pod->runtime == nullptr) pod->runtime = RuntimeFor(typed);
    if (pod->ip.empty()) pod->ip = typed.status().pod_ip();
    if (pod->runtime == nullptr && pod->memory.failures.empty()) {
      events_.Record(*now, "Warning", "FailedCreatePodSandBox",
                     absl::StrCat("no runtime on this node for RuntimeClass \"",
                                  typed.spec().runtime_class_name(), "\""));
    }
  }
  Sync(uid);
}

void Node::OnRuntimeChange(const std::string& uid) {
  const PodPtr pod = Find(uid);
  if (pod == nullptr || pod->removed) return;
  if (pod->busy) {
    pod->dirty = true;
    return;
  }
  // Read on the pool, for it touches files.
  RunAction(
      uid, [] { return absl::OkStatus(); }, [](const absl::Status&) {});
}

// Carries out one step for the pod on the pool, reads its state after it, and looks what is next.
void Node::RunAction(const std::string& uid, std::function<absl::Status()> work,
                     std::function<void(absl::Status)> then) {
  const PodPtr pod = Find(uid);
  pod->busy = true;
  ++actions_;
  pool_->Run([this, alive = alive_, loop = loop_, uid, runtime = pod->runtime,
              work = std::move(work), then = std::move(then)] {
    absl::Status status = work();
    auto state = runtime->State(uid);
    loop->Post([this, alive, uid, then, status = std::move(status), state = std::move(state)] {
      if (!*alive) return;
      --actions_;
      const PodPtr done = Find(uid);
      if (done != nullptr) {
        done->busy = false;
        done->dirty = false;
        if (state.ok()) {
          done->state = *state;
        } else {
          done->state.reset();
        }
        CountEnds(*done);
        EndFollowers(uid, *done);
        then(status);
        Sync(uid);
      }
      if (actions_ == 0 && idle_) std::exchange(idle_, nullptr)();
    });
  });
}

// Ends in a row make the pauses between restarts longer; ten minutes of running make up for them.
void Node::CountEnds(Pod& pod) {
  if (!pod.state) return;
  for (const runtime::ContainerState& container : pod.state->containers) {
    if (container.phase != runtime::ContainerPhase::kExited) continue;
    const auto seen = pod.seen_ends.find(container.name);
    if (seen != pod.seen_ends.end() && seen->second >= container.attempt) continue;
    pod.seen_ends[container.name] = container.attempt;
    pod.memory.unhealthy.erase(container.name);
    const bool long_run = container.finished_at - container.started_at > absl::Minutes(10);
    int& crashes = pod.memory.crashes[container.name];
    crashes = long_run ? 1 : crashes + 1;
  }
}

void Node::Sync(const std::string& uid) {
  const PodPtr pod = Find(uid);
  if (pod == nullptr || !running_) return;
  if (pod->busy) {
    pod->dirty = true;
    return;
  }
  if (pod->wake != 0) loop_->Cancel(pod->wake);
  pod->wake = 0;
  if (pod->object == nullptr) {
    if (pod->removed || pod->runtime == nullptr) {
      pods_.erase(uid);
      return;
    }
    if (!pods_informer_.synced()) return;
    PodPlan remove;
    remove.action = PodPlan::Action::kRemove;
    return Act(uid, remove);
  }
  if (pod->runtime == nullptr) {
    if (pod->object->meta().has_deletion_timestamp()) FinishRemoval(uid);
    return;
  }
  const absl::Time now = loop_->clock().Now();
  const PodPlan plan = PlanPod(pod->object->As<corev1::Pod>(), pod->state, pod->memory, now);
  UpdateProbers(uid, *pod);
  WriteStatus(uid);
  if (plan.wake_at < absl::InfiniteFuture()) {
    pod->wake =
        loop_->PostAfter(plan.wake_at - now + absl::Milliseconds(1), [this, uid] { Sync(uid); });
  }
  if (plan.action != PodPlan::Action::kNone) Act(uid, plan);
}

void Node::Act(const std::string& uid, const PodPlan& plan) {
  const PodPtr pod = Find(uid);
  runtime::Runtime* runtime = pod->runtime;
  std::vector<std::string> running;
  if (pod->state) {
    for (const auto& container : pod->state->containers) {
      if (container.phase == runtime::ContainerPhase::kRunning) running.push_back(container.name);
    }
  }
  const auto signal_all = [runtime, uid, running](int signal) {
    for (const std::string& name : running) {
      (signal == SIGKILL ? runtime->KillContainer(uid, name)
                         : runtime->SignalContainer(uid, name, signal))
          .IgnoreError();
    }
    return absl::OkStatus();
  };
  switch (plan.action) {
    case PodPlan::Action::kNone:
      return;
    case PodPlan::Action::kStartSandbox:
      return StartSandbox(uid);
    case PodPlan::Action::kStartContainer:
      return StartContainer(uid, plan);
    case PodPlan::Action::kTerminate:
      for (const std::string& name : running) {
        events_.Record(*pod->object, "Normal", "Killing", absl::StrCat("Stopping container ", name),
                       absl::StrCat("spec.containers{", name, "}"));
      }
      pod->memory.term_sent = loop_->clock().Now();
      return RunAction(
          uid, [signal_all] { return signal_all(SIGTERM); }, [](const absl::Status&) {});
    case PodPlan::Action::kKill:
      pod->memory.kill_sent = true;
      return RunAction(
          uid, [signal_all] { return signal_all(SIGKILL); }, [](const absl::Status&) {});
    case PodPlan::Action::kStopContainer:
      pod->memory.unhealthy.erase(plan.container);
      return RunAction(
          uid, [runtime, uid, name = plan.container] { return runtime->KillContainer(uid, name); },
          [](const absl::Status&) {});
    case PodPlan::Action::kRemove:
      return RunAction(
          uid,
          [this, runtime, uid] {
            if (options_.bridge != nullptr) {
              SKIFF_RETURN_IF_ERROR(options_.bridge->Detach(uid));
            }
            std::error_code ignored;
            std::filesystem::remove_all(absl::StrCat(options_.state_dir, "/volumes/", uid),
                                        ignored);
            return runtime->RemovePod(uid);
          },
          [this, uid](const absl::Status& status) {
            const PodPtr gone = Find(uid);
            if (status.ok()) {
              gone->removed = true;
              return FinishRemoval(uid);
            }
            logger_.Error("cannot remove pod %s: %s", uid, status.ToString());
          });
  }
}

// The last word on a deleted pod is the node's: its object goes.
void Node::FinishRemoval(const std::string& uid) {
  const PodPtr pod = Find(uid);
  if (pod->object == nullptr) return;
  if (pod->writing) return;  // Said again when the write is done.
  client::Write write = client::Write::Delete(*pod->object);
  write.grace_period_seconds = 0;
  std::vector<client::Write> writes;
  writes.push_back(std::move(write));
  pod->writing = true;
  client_->Commit(std::move(writes), loop_,
                  [this, alive = alive_, uid](absl::StatusOr<client::WriteResult> result) {
                    if (!*alive) return;
                    if (const PodPtr done = Find(uid)) done->writing = false;
                    if (!result.ok() && !absl::IsNotFound(result.status()) &&
                        !absl::IsAborted(result.status())) {
                      logger_.Warning("cannot delete pod %s: %s", uid, result.status().ToString());
                    }
                  });
}

PodPlaces Node::PlacesOf(const std::string& uid, const Pod& pod) const {
  PodPlaces places;
  places.volumes_dir = absl::StrCat(options_.state_dir, "/volumes/", uid);
  places.log_dir = absl::StrCat(options_.state_dir, "/logs/", uid);
  places.node_name = options_.name;
  places.pod_ip = pod.ip;
  places.host_ip = options_.host_ip;
  return places;
}

void Node::StartSandbox(const std::string& uid) {
  const PodPtr pod = Find(uid);
  const auto& typed = pod->object->As<corev1::Pod>();
  const runtime::PodSpec spec = MakePodSpec(typed, PlacesOf(uid, *pod));
  runtime::Runtime* runtime = pod->runtime;
  const bool own_network = runtime->name() == "linux" && !spec.host_network;
  network::Bridge* bridge = own_network ? options_.bridge : nullptr;
  auto address = std::make_shared<std::string>(runtime->name() == "fake" ? "" : options_.host_ip);
  RunAction(
      uid,
      [this, runtime, spec, bridge, address]() -> absl::Status {
        std::error_code error;
        std::filesystem::create_directories(options_.state_dir + "/volumes", error);
        std::filesystem::create_directories(options_.state_dir + "/logs", error);
        SKIFF_ASSIGN_OR_RETURN(const runtime::PodState state, runtime->StartPod(spec));
        if (bridge == nullptr) return absl::OkStatus();
        SKIFF_ASSIGN_OR_RETURN(const network::PodAddress given,
                               bridge->Attach(spec.uid, state.head_pid));
        *address = given.ip;
        return absl::OkStatus();
      },
      [this, uid, address](const absl::Status& status) {
        const PodPtr started = Find(uid);
        if (status.ok()) {
          started->ip = *address;
          return;
        }
        // Tried again after a while: half a sandbox is none.
        started->state.reset();
        started->busy = true;
        if (started->object != nullptr) {
          events_.Record(*started->object, "Warning", "FailedCreatePodSandBox",
                         absl::StrCat("Failed to create pod sandbox: ", status.message()));
        }
        loop_->PostAfter(absl::Seconds(2), [this, alive = alive_, uid] {
          if (!*alive) return;
          if (const PodPtr again = Find(uid)) again->busy = false;
          Sync(uid);
        });
      });
}

void Node::FetchReferences(const api::ObjectPtr& pod, std::function<void(References)> done) {
  const std::vector<std::string> names = ReferencesOf(pod->As<corev1::Pod>().spec());
  if (names.empty()) return done({});
  struct Gather {
    References found;
    size_t left;
    std::function<void(References)> done;
  };
  auto gather = std::make_shared<Gather>();
  gather->left = names.size();
  gather->done = std::move(done);
  for (const std::string& name : names) {
    const bool config = absl::StartsWith(name, "configmaps/");
    client_->Get(config ? api::ResourceOf<corev1::ConfigMap>() : api::ResourceOf<corev1::Secret>(),
                 pod->meta().namespace_(), name.substr(name.find('/') + 1), loop_,
                 [gather, name](absl::StatusOr<api::ObjectPtr> object) {
                   gather->found[name] = object.ok() ? *object : nullptr;
                   if (--gather->left == 0) gather->done(std::move(gather->found));
                 });
  }
}

void Node::StartContainer(const std::string& uid, const PodPlan& plan) {
  const PodPtr pod = Find(uid);
  pod->busy = true;
  FetchReferences(pod->object, [this, alive = alive_, uid, plan](References references) {
    if (!*alive) return;
    const PodPtr now = Find(uid);
    if (now == nullptr) return;
    if (now->object == nullptr) {
      now->busy = false;
      return Sync(uid);
    }
    const api::ObjectPtr object = now->object;
    runtime::Runtime* runtime = now->runtime;
    const PodPlaces places = PlacesOf(uid, *now);
    RunAction(
        uid,
        [runtime, object, plan, places, references, uid]() -> absl::Status {
          const auto& typed = object->As<corev1::Pod>();
          const auto& list = plan.init ? typed.spec().init_containers() : typed.spec().containers();
          for (const corev1::Container& container : list) {
            if (container.name() != plan.container) continue;
            auto spec = MakeContainerSpec(typed, container, plan.attempt, places, references);
            if (!spec.ok()) {
              return absl::Status(absl::StatusCode::kInvalidArgument, spec.status().message());
            }
            return runtime->StartContainer(uid, *spec).status();
          }
          return absl::OkStatus();
        },
        [this, uid, plan](const absl::Status& status) { OnStartResult(uid, plan, status); });
  });
}

void Node::OnStartResult(const std::string& uid, const PodPlan& plan, const absl::Status& status) {
  const PodPtr pod = Find(uid);
  if (pod->object == nullptr) return;
  const std::string path =
      absl::StrCat(plan.init ? "spec.initContainers{" : "spec.containers{", plan.container, "}");
  const auto& typed = pod->object->As<corev1::Pod>();
  std::string image;
  for (const auto* list : {&typed.spec().init_containers(), &typed.spec().containers()}) {
    for (const corev1::Container& container : *list) {
      if (container.name() == plan.container) image = container.image();
    }
  }
  if (status.ok()) {
    pod->memory.failures.erase(plan.container);
    if (pod->runtime->name() == "linux") {
      events_.Record(*pod->object, "Normal", "Pulled",
                     absl::StrCat("Container image \"", image, "\" already present on machine"),
                     path);
    }
    events_.Record(*pod->object, "Normal", "Created",
                   absl::StrCat("Created container: ", plan.container), path);
    events_.Record(*pod->object, "Normal", "Started",
                   absl::StrCat("Started container ", plan.container), path);
    return;
  }
  StartFailure failure;
  failure.attempt = plan.attempt;
  failure.at = loop_->clock().Now();
  failure.message = std::string(status.message());
  const auto before = pod->memory.failures.find(plan.container);
  if (before != pod->memory.failures.end()) failure.count = before->second.count + 1;
  if (absl::IsNotFound(status)) {
    failure.reason = "ErrImagePull";
    absl::StrAppend(&failure.message, "; load it with: skiff image load FILE");
  } else if (absl::IsInvalidArgument(status)) {
    failure.reason = "CreateContainerConfigError";
  } else {
    failure.reason = "StartError";
    failure.terminal = true;
    int& crashes = pod->memory.crashes[plan.container];
    ++crashes;
  }
  events_.Record(*pod->object, "Warning", "Failed", absl::StrCat("Error: ", failure.message), path);
  pod->memory.failures[plan.container] = std::move(failure);
}

void Node::UpdateProbers(const std::string& uid, Pod& pod) {
  const auto& typed = pod.object->As<corev1::Pod>();
  for (const corev1::Container& container : typed.spec().containers()) {
    const std::string& name = container.name();
    const runtime::ContainerState* state = FindContainer(pod.state, name);
    const bool running = state != nullptr && state->phase == runtime::ContainerPhase::kRunning &&
                         !pod.object->meta().has_deletion_timestamp();
    const std::string prefix = absl::StrCat(name, "#", running ? state->attempt : -1, "#");
    // Probers of attempts that are over.
    for (auto it = pod.probers.begin(); it != pod.probers.end();) {
      const bool own = absl::StartsWith(it->first, absl::StrCat(name, "#"));
      it = own && !absl::StartsWith(it->first, prefix) ? pod.probers.erase(it) : std::next(it);
    }
    if (!running) {
      pod.ready.erase(name);
      pod.started.erase(name);
      continue;
    }
    const auto start = [&](const char* kind, const corev1::Probe& probe, bool initially,
                           std::function<void(bool, const std::string&)> opinion) {
      auto& slot = pod.probers[prefix + kind];
      if (slot != nullptr) return;
      slot = std::make_unique<Prober>(
          loop_, pool_, probe,
          [probe, container, ip = pod.ip, runtime = pod.runtime, uid] {
            return RunProbe(probe, container, ip, runtime, uid);
          },
          initially, std::move(opinion));
    };
    const auto unhealthy = [this, uid, name](const char* kind, const std::string& why) {
      if (const PodPtr now = Find(uid); now != nullptr && now->object != nullptr) {
        events_.Record(*now->object, "Warning", "Unhealthy",
                       absl::StrCat(kind, " probe failed: ", why),
                       absl::StrCat("spec.containers{", name, "}"));
      }
    };
    if (container.has_startup_probe()) {
      pod.started.emplace(name, false);
      start("startup", container.startup_probe(), false,
            [this, uid, name, unhealthy](bool ok, const std::string& why) {
              const PodPtr now = Find(uid);
              if (now == nullptr) return;
              now->started[name] = ok;
              if (!ok) {
                unhealthy("Startup", why);
                now->memory.unhealthy.insert(name);
              }
              Sync(uid);
            });
      if (!pod.started[name]) continue;
    }
    if (container.has_readiness_probe()) {
      pod.ready.emplace(name, false);
      start("readiness", container.readiness_probe(), false,
            [this, uid, name, unhealthy](bool ok, const std::string& why) {
              const PodPtr now = Find(uid);
              if (now == nullptr) return;
              now->ready[name] = ok;
              if (!ok) unhealthy("Readiness", why);
              Sync(uid);
            });
    }
    if (container.has_liveness_probe()) {
      start("liveness", container.liveness_probe(), true,
            [this, uid, name, unhealthy](bool ok, const std::string& why) {
              const PodPtr now = Find(uid);
              if (now == nullptr || ok) return;
              unhealthy("Liveness", why);
              now->memory.unhealthy.insert(name);
              Sync(uid);
            });
    }
  }
}

// Says what has changed, one write at a time; a conflict is answered by the newer object coming in.
void Node::WriteStatus(const std::string& uid) {
  const PodPtr pod = Find(uid);
  if (pod->writing || pod->object == nullptr) return;
  const auto& typed = pod->object->As<corev1::Pod>();
  StatusInputs inputs;
  inputs.state = pod->state;
  inputs.memory = &pod->memory;
  inputs.ready = pod->ready;
  inputs.started = pod->started;
  inputs.pod_ip = pod->ip;
  inputs.host_ip = options_.host_ip;
  inputs.now = loop_->clock().Now();
  corev1::PodStatus status = MakeStatus(typed, inputs);
  if (status.SerializeAsString() == typed.status().SerializeAsString()) return;
  auto changed = pod->object->CopyAs<corev1::Pod>();
  *changed->mutable_status() = std::move(status);
  std::vector<client::Write> writes;
  writes.push_back(client::Write::Update(std::move(changed), "status"));
  pod->writing = true;
  client_->Commit(
      std::move(writes), loop_,
      [this, alive = alive_, uid](absl::StatusOr<client::WriteResult> result) {
        if (!*alive) return;
        const PodPtr done = Find(uid);
        if (done == nullptr) return;
        done->writing = false;
        if (result.ok()) {
          // Until the watch brings it, this is the newest that is known.
          if (done->object != nullptr &&
              done->object->revision() < result->objects[0]->revision()) {
            done->object = result->objects[0];
          }
          Sync(uid);
        } else if (done->removed) {
          FinishRemoval(uid);
        } else if (!absl::IsAborted(result.status()) && !absl::IsNotFound(result.status())) {
          logger_.Warning("cannot report pod %s: %s", uid, result.status().ToString());
          loop_->PostAfter(absl::Seconds(1), [this, alive, uid] {
            if (*alive) Sync(uid);
          });
        }
      });
}

absl::Status Node::Stop(bool remove_pods) {
  absl::Notification done;
  loop_->Post([&] {
    running_ = false;
    if (lease_timer_ != 0) loop_->Cancel(lease_timer_);
    pods_informer_.Stop();
    node_informer_.Stop();
    for (auto& [uid, pod] : pods_) {
      if (pod->wake != 0) loop_->Cancel(pod->wake);
      pod->probers.clear();
    }
    const auto idle = [&] { done.Notify(); };
    if (actions_ == 0) {
      idle();
    } else {
      idle_ = idle;
    }
  });
  done.WaitForNotification();
  return remove_pods ? RemoveAllPods() : absl::OkStatus();
}

absl::Status Node::RemoveAllPods() {
  absl::Status result;
  std::vector<std::pair<runtime::Runtime*, runtime::PodState>> all;
  for (const auto& [name, runtime] : options_.runtimes) {
    const auto found = runtime->List();
    if (!found.ok()) continue;
    for (const runtime::PodState& state : *found) all.emplace_back(runtime, state);
  }
  bool any = false;
  for (const auto& [runtime, state] : all) {
    for (const auto& container : state.containers) {
      if (container.phase != runtime::ContainerPhase::kRunning) continue;
      any = runtime->SignalContainer(state.uid, container.name, SIGTERM).ok() || any;
    }
  }
  // Those that end by themselves need not be waited for longer than they take.
  const absl::Duration end = loop_->clock().Monotonic() + kStopGrace;
  while (any && loop_->clock().Monotonic() < end) {
    any = false;
    for (const auto& [runtime, state] : all) {
      const auto now = runtime->State(state.uid);
      if (!now.ok()) continue;
      for (const auto& container : now->containers) {
        any = any || container.phase == runtime::ContainerPhase::kRunning;
      }
    }
    if (!any) break;
    absl::Notification tick;
    loop_->PostAfter(absl::Milliseconds(20), [&] { tick.Notify(); });
    tick.WaitForNotification();
  }
  for (const auto& [runtime, state] : all) {
    if (options_.bridge != nullptr) options_.bridge->Detach(state.uid).IgnoreError();
    const absl::Status removed = runtime->RemovePod(state.uid);
    if (!removed.ok()) result = removed;
    std::error_code ignored;
    std::filesystem::remove_all(absl::StrCat(options_.state_dir, "/volumes/", state.uid), ignored);
  }
  return result;
}

}  // namespace skiff::node
