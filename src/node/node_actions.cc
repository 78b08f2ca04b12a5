// Node's actions: what a plan asks for, carried out on the runtime.
#include <signal.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "node/handlers.h"
#include "node/node.h"
#include "node/pod_env.h"
#include "node/volumes.h"

namespace skiff::node {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(2);
constexpr absl::Duration kRemoveRetry = absl::Seconds(5);
// kubelet lets a postStart hook take as long as it likes; here it holds a thread of the pool.
constexpr absl::Duration kLongestPostStart = absl::Minutes(10);

const corev1::Container* FindSpec(const corev1::Pod& pod, const std::string& name) {
  for (const auto* list : {&pod.spec().init_containers(), &pod.spec().containers()}) {
    for (const corev1::Container& container : *list) {
      if (container.name() == name) return &container;
    }
  }
  return nullptr;
}

}  // namespace

void Node::Act(const std::string& uid, const PodPlan& plan) {
  switch (plan.action) {
    case PodPlan::Action::kNone:
      return;
    case PodPlan::Action::kStartSandbox:
      return StartSandbox(uid);
    case PodPlan::Action::kStartContainer:
      return StartContainer(uid, plan);
    case PodPlan::Action::kPreStop:
      return PreStop(uid, plan);
    case PodPlan::Action::kStopContainer:
    case PodPlan::Action::kKillContainer:
      return StopContainer(uid, plan);
    case PodPlan::Action::kRelease:
      return Release(uid);
    case PodPlan::Action::kRemove:
      return Remove(uid);
  }
}

// A container is to be stopped from now on.
void Node::Stopping(const std::string& uid, const std::string& name, int64_t grace_seconds,
                    const std::string& why) {
  const PodPtr pod = Find(uid);
  ContainerStop stop;
  stop.since = loop_->clock().Now();
  stop.grace_seconds = grace_seconds;
  if (pod->memory.stops.emplace(name, stop).second) Say(*pod, "Normal", "Killing", why, name);
}

void Node::PreStop(const std::string& uid, const PodPlan& plan) {
  const PodPtr pod = Find(uid);
  const corev1::Container* container = FindSpec(pod->object->As<corev1::Pod>(), plan.container);
  Stopping(uid, plan.container, plan.grace_seconds,
           absl::StrCat("Stopping container ", plan.container));
  pod->memory.stops[plan.container].hook = ContainerStop::Hook::kRunning;
  RunHookOf(uid, *container, container->lifecycle().pre_stop(),
            absl::Seconds(std::max<int64_t>(plan.grace_seconds, 1)),
            [this, uid, name = plan.container](const absl::Status& status) {
              const PodPtr now = Find(uid);
              const auto stop = now->memory.stops.find(name);
              if (stop != now->memory.stops.end()) stop->second.hook = ContainerStop::Hook::kDone;
              if (!status.ok()) {
                Say(*now, "Warning", "FailedPreStopHook",
                    absl::StrCat("PreStopHook failed: ", status.message()), name);
              }
            });
  Sync(uid);
}

// SIGTERM, or SIGKILL.
void Node::StopContainer(const std::string& uid, const PodPlan& plan) {
  const PodPtr pod = Find(uid);
  const corev1::Container* container = FindSpec(pod->object->As<corev1::Pod>(), plan.container);
  Stopping(uid, plan.container, plan.grace_seconds,
           absl::StrCat("Stopping container ", plan.container));
  ContainerStop& stop = pod->memory.stops[plan.container];
  runtime::Runtime* runtime = pod->runtime;
  const auto ignore = [](const absl::Status&) {};
  if (plan.action == PodPlan::Action::kKillContainer) {
    stop.killed = true;
    return RunAction(
        uid, [runtime, uid, name = plan.container] { return runtime->KillContainer(uid, name); },
        ignore);
  }
  stop.term_sent = loop_->clock().Now();
  const int signal = container == nullptr ? SIGTERM : StopSignalOf(*container);
  RunAction(
      uid,
      [runtime, uid, signal, name = plan.container] {
        return runtime->SignalContainer(uid, name, signal);
      },
      ignore);
}

// At the address of a simulated pod there is nobody, or somebody else.
HandlerTarget Node::TargetOf(const std::string& uid, const Pod& pod,
                             const corev1::Container& container) const {
  const bool simulated = pod.runtime->name() == "fake";
  return {container, simulated ? "" : pod.ip, uid, pod.runtime, &loop_->clock()};
}

// Runs beside the pod's other actions.
void Node::RunHookOf(const std::string& uid, const corev1::Container& container,
                     const corev1::LifecycleHandler& hook, absl::Duration timeout,
                     std::function<void(absl::Status)> then) {
  const PodPtr pod = Find(uid);
  const auto done = [this, alive = alive_, uid, then = std::move(then)](absl::Status status) {
    if (!*alive || Find(uid) == nullptr) return;
    then(std::move(status));
    Sync(uid);
  };
  if (hook.has_sleep()) {
    loop_->PostAfter(std::min(SleepOf(hook), timeout), [done] { done(absl::OkStatus()); });
    return;
  }
  const HandlerTarget target = TargetOf(uid, *pod, container);
  waiting_pool_.Run([hook, target, timeout, done, loop = loop_] {
    absl::Status status = RunHook(hook, target, timeout);
    loop->Post([done, status = std::move(status)] { done(status); });
  });
}

void Node::PostStart(const std::string& uid, const corev1::Container& container) {
  Find(uid)->memory.post_start.insert(container.name());
  RunHookOf(uid, container, container.lifecycle().post_start(), kLongestPostStart,
            [this, uid, name = container.name()](const absl::Status& status) {
              OnPostStart(uid, name, status);
            });
}

void Node::OnPostStart(const std::string& uid, const std::string& name,
                       const absl::Status& status) {
  const PodPtr pod = Find(uid);
  if (pod->memory.post_start.erase(name) == 0 || pod->object == nullptr || status.ok()) return;
  Say(*pod, "Warning", "FailedPostStartHook",
      absl::StrCat("PostStartHook failed: ", status.message()), name);
  Stopping(uid, name, pod->object->As<corev1::Pod>().spec().termination_grace_period_seconds(),
           "FailedPostStartHook");
}

// What stays of a finished pod are its records and logs.
void Node::Release(const std::string& uid) {
  const PodPtr pod = Find(uid);
  pod->memory.released = true;
  runtime::Runtime* runtime = pod->runtime;
  RunAction(
      uid,
      [this, runtime, uid] {
        absl::Status result = runtime->StopPod(uid);
        if (network::PodNetwork* network = NetworkOf(*runtime)) result.Update(network->Detach(uid));
        result.Update(RemoveVolumes(VolumesDir(uid)));
        return result;
      },
      [this, uid](const absl::Status& status) {
        UnfollowVolumes(uid);
        if (status.ok()) return;
        logger_.Error("cannot give up the sandbox of pod %s: %s", uid, status.message());
        Find(uid)->memory.released = false;
        Pause(uid, kRemoveRetry);
      });
}

void Node::Remove(const std::string& uid) {
  runtime::Runtime* runtime = Find(uid)->runtime;
  RunAction(
      uid,
      [this, runtime, uid] {
        // The sandbox first: what it has mounted cannot be removed.
        absl::Status result = runtime->RemovePod(uid);
        result.Update(RemoveVolumes(VolumesDir(uid)));
        return result;
      },
      [this, uid](const absl::Status& status) {
        if (status.ok()) {
          Find(uid)->removed = true;
          return FinishRemoval(uid);
        }
        logger_.Error("cannot remove pod %s: %s", uid, status.message());
        Pause(uid, kRemoveRetry);
      });
}

// Only once its object is gone: until then the API says that the address is this pod's.
void Node::GiveBackAddress(const std::string& uid) {
  network::PodNetwork* network = NetworkOf(*Find(uid)->runtime);
  RunAction(
      uid, [network, uid] { return network->Detach(uid); },
      [this, uid](const absl::Status& status) {
        Find(uid)->detached = status.ok();
        if (status.ok()) return;
        logger_.Error("cannot take back the address of pod %s: %s", uid, status.message());
        Pause(uid, kRemoveRetry);
      });
}

void Node::StartSandbox(const std::string& uid) {
  const PodPtr pod = Find(uid);
  const auto& typed = pod->object->As<corev1::Pod>();
  const runtime::PodSpec spec = MakePodSpec(typed, PlacesOf(uid, *pod));
  runtime::Runtime* runtime = pod->runtime;
  network::PodNetwork* network = spec.host_network ? nullptr : NetworkOf(*runtime);
  auto address = std::make_shared<std::string>(runtime->name() == "fake" ? "" : options_.host_ip);
  RunAction(
      uid,
      [this, runtime, spec, network, address]() -> absl::Status {
        std::error_code error;
        std::filesystem::create_directories(options_.state_dir + "/volumes", error);
        std::filesystem::create_directories(options_.state_dir + "/logs", error);
        SKIFF_ASSIGN_OR_RETURN(const runtime::PodState state, runtime->StartPod(spec));
        if (network == nullptr) return absl::OkStatus();
        SKIFF_ASSIGN_OR_RETURN(const network::PodAddress given,
                               network->Attach(spec.uid, state.head_pid));
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
        Say(*started, "Warning", "FailedCreatePodSandBox",
            absl::StrCat("Failed to create pod sandbox: ", status.message()));
        Pause(uid, kRetry);
      });
}

void Node::FetchReferences(const api::ObjectPtr& pod, std::vector<std::string> names,
                           std::function<void(References)> done) {
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
  FetchReferences(pod->object, ReferencesOf(pod->object->As<corev1::Pod>().spec()),
                  [this, alive = alive_, uid, plan](References references) {
                    if (!*alive) return;
                    FetchServices(uid, [this, uid, plan, references](Variables services) {
                      LaunchContainer(uid, plan, references, std::move(services));
                    });
                  });
}

// The addresses of services, as environment. Those of the pod's namespace only if it wants them.
void Node::FetchServices(const std::string& uid, std::function<void(Variables)> done) {
  const PodPtr pod = Find(uid);
  if (pod == nullptr || pod->object == nullptr || pod->runtime->name() == "fake") return done({});
  const auto& spec = pod->object->As<corev1::Pod>().spec();
  const bool links = !spec.has_enable_service_links() || spec.enable_service_links();
  const std::string name_space = pod->object->meta().namespace_();
  auto found = std::make_shared<std::vector<api::ObjectPtr>>();
  client_->Get(api::ResourceOf<corev1::Service>(), "default", "kubernetes", loop_,
               [this, alive = alive_, links, name_space, found,
                done = std::move(done)](absl::StatusOr<api::ObjectPtr> master) mutable {
                 if (!*alive) return;
                 if (master.ok()) found->push_back(*master);
                 if (!links) return done(ServiceVariables(*found, name_space, links));
                 client::ListOptions options;
                 options.name_space = name_space;
                 client_->List(api::ResourceOf<corev1::Service>(), options, loop_,
                               [alive, links, name_space, found,
                                done = std::move(done)](absl::StatusOr<client::ListResult> list) {
                                 if (!*alive) return;
                                 if (list.ok()) {
                                   found->insert(found->end(), list->items.begin(),
                                                 list->items.end());
                                 }
                                 done(ServiceVariables(*found, name_space, links));
                               });
               });
}

void Node::LaunchContainer(const std::string& uid, const PodPlan& plan,
                           const References& references, Variables services) {
  const PodPtr now = Find(uid);
  if (now == nullptr || !running_) return;
  if (now->object == nullptr) {
    now->busy = false;
    return Sync(uid);
  }
  const api::ObjectPtr object = now->object;
  runtime::Runtime* runtime = now->runtime;
  PodPlaces places = PlacesOf(uid, *now);
  places.service_env = std::move(services);
  RunAction(
      uid,
      [runtime, object, plan, places, references, uid]() -> absl::Status {
        const auto& typed = object->As<corev1::Pod>();
        const corev1::Container* container = FindSpec(typed, plan.container);
        if (container == nullptr) return absl::OkStatus();
        auto spec = MakeContainerSpec(typed, *container, plan.attempt, places, references);
        if (!spec.ok()) {
          return absl::Status(absl::StatusCode::kInvalidArgument, spec.status().message());
        }
        absl::Status started = runtime->StartContainer(uid, *spec).status();
        if (!places.volumes_dir.empty()) RemoveStaging(places.volumes_dir).IgnoreError();
        return started;
      },
      [this, uid, plan](const absl::Status& status) { OnStartResult(uid, plan, status); });
}

void Node::OnStartResult(const std::string& uid, const PodPlan& plan, const absl::Status& status) {
  const PodPtr pod = Find(uid);
  if (pod->object == nullptr) return;
  if (!status.ok()) return OnStartFailure(uid, plan, status);
  const corev1::Container* container = FindSpec(pod->object->As<corev1::Pod>(), plan.container);
  pod->memory.failures.erase(plan.container);
  if (pod->runtime->name() == "linux") {
    Say(*pod, "Normal", "Pulled",
        absl::StrCat("Container image \"", container->image(), "\" already present on machine"),
        plan.container);
  }
  Say(*pod, "Normal", "Created", absl::StrCat("Created container: ", plan.container),
      plan.container);
  const runtime::ContainerState* state = FindContainer(pod->state, plan.container);
  if (state != nullptr && state->phase != runtime::ContainerPhase::kCreated) {
    OnStarted(uid, *container);
  }
}

void Node::NoteStarts(const std::string& uid, const std::optional<runtime::PodState>& before) {
  const PodPtr pod = Find(uid);
  if (!before || pod == nullptr || pod->object == nullptr) return;
  for (const runtime::ContainerState& then : before->containers) {
    if (then.phase != runtime::ContainerPhase::kCreated) continue;
    const runtime::ContainerState* now = FindContainer(pod->state, then.name);
    const corev1::Container* container = FindSpec(pod->object->As<corev1::Pod>(), then.name);
    if (container == nullptr || now == nullptr || now->attempt != then.attempt) continue;
    if (now->phase != runtime::ContainerPhase::kCreated) OnStarted(uid, *container);
  }
}

void Node::OnStarted(const std::string& uid, const corev1::Container& container) {
  const PodPtr pod = Find(uid);
  Say(*pod, "Normal", "Started", absl::StrCat("Started container ", container.name()),
      container.name());
  const runtime::ContainerState* state = FindContainer(pod->state, container.name());
  if (container.lifecycle().has_post_start() && state->phase == runtime::ContainerPhase::kRunning) {
    PostStart(uid, container);
  }
}

void Node::OnStartFailure(const std::string& uid, const PodPlan& plan, const absl::Status& status) {
  const PodPtr pod = Find(uid);
  // The sandbox went away underneath: it is made again first.
  if (absl::IsNotFound(status) && (!pod->state || !pod->state->alive)) return;
  StartFailure failure;
  failure.attempt = plan.attempt;
  failure.at = loop_->clock().Now();
  failure.message = std::string(status.message());
  const auto before = pod->memory.failures.find(plan.container);
  const bool again = before != pod->memory.failures.end() && !before->second.terminal;
  if (again) failure.count = before->second.count + 1;
  const corev1::Container* container = FindSpec(pod->object->As<corev1::Pod>(), plan.container);
  if (absl::IsNotFound(status) && container->image_pull_policy() == "Never") {
    failure.reason = "ErrImageNeverPull";
    failure.message = absl::StrCat("Container image \"", container->image(),
                                   "\" is not present with pull policy of Never; load it with: "
                                   "skiff image load FILE");
    Say(*pod, "Warning", failure.reason, failure.message, plan.container);
    Say(*pod, "Warning", "Failed", "Error: ErrImageNeverPull", plan.container);
  } else if (absl::IsNotFound(status)) {
    failure.reason = "ErrImagePull";
    absl::StrAppend(&failure.message, "; load it with: skiff image load FILE");
    if (again) {
      Say(*pod, "Normal", "BackOff",
          absl::StrCat("Back-off pulling image \"", container->image(), "\""), plan.container);
      Say(*pod, "Warning", "Failed", "Error: ImagePullBackOff", plan.container);
    } else {
      Say(*pod, "Warning", "Failed",
          absl::StrCat("Failed to pull image \"", container->image(), "\": ", failure.message),
          plan.container);
      Say(*pod, "Warning", "Failed", "Error: ErrImagePull", plan.container);
    }
  } else {
    // Unless it was tried and did not start, it is the runtime that failed, not the container.
    failure.terminal = absl::IsFailedPrecondition(status);
    failure.reason = failure.terminal                  ? "StartError"
                     : absl::IsInvalidArgument(status) ? "CreateContainerConfigError"
                                                       : "CreateContainerError";
    if (failure.terminal) ++pod->memory.crashes[plan.container];
    Say(*pod, "Warning", "Failed", absl::StrCat("Error: ", failure.message), plan.container);
  }
  pod->memory.failures[plan.container] = std::move(failure);
}

}  // namespace skiff::node
