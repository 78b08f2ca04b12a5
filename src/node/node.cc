#include "node/node.h"

#include <google/protobuf/util/message_differencer.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/time.h"
#include "base/notification.h"
#include "base/status.h"
#include "node/pod_spec.h"
#include "node/pod_status.h"
#include "node/volumes.h"

namespace skiff::node {
namespace {

constexpr absl::Duration kStopGrace = absl::Seconds(5);
constexpr size_t kMaxMessage = 1024;
constexpr int kWaitingThreads = 8;

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

bool SameMap(const google::protobuf::Map<std::string, std::string>& a,
             const google::protobuf::Map<std::string, std::string>& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
           const auto it = b.find(entry.first);
           return it != b.end() && it->second == entry.second;
         });
}

// What a volume may show of a pod, of that which can change.
bool FieldsChanged(const api::Object& before, const api::Object& now) {
  return !SameMap(before.meta().labels(), now.meta().labels()) ||
         !SameMap(before.meta().annotations(), now.meta().annotations());
}

}  // namespace

Node::Node(NodeOptions options, client::Client* client, UvExecutor* loop, WorkPool* pool,
           Logger logger, Metrics*)
    : Node(std::move(options), client, loop, loop, pool, std::move(logger)) {}

Node::Node(NodeOptions options, client::Client* client, Executor* loop, WorkPool* pool,
           Logger logger, Metrics*)
    : Node(std::move(options), client, loop, nullptr, pool, std::move(logger)) {}

Node::Node(NodeOptions options, client::Client* client, Executor* loop, UvExecutor* uv_loop,
           WorkPool* pool, Logger logger)
    : options_(std::move(options)),
      client_(client),
      loop_(loop),
      uv_loop_(uv_loop),
      shared_pool_(pool),
      logger_(std::move(logger)),
      events_(client, loop, "kubelet", options_.name),
      pods_informer_(client, loop, api::ResourceOf<corev1::Pod>(), OfNode(options_.name)),
      node_informer_(client, loop, api::ResourceOf<corev1::Node>(), ByName(options_.name)) {}

Node::~Node() {
  *alive_ = false;
  if (lease_timer_ != 0) loop_->Cancel(lease_timer_);
  for (auto& [uid, pod] : pods_) {
    if (pod->wake != 0) loop_->Cancel(pod->wake);
  }
}

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
      // Who goes on from another has nothing new to say.
      if (!options_.memory.has_value()) ReportNode(now);
    }
  });
  node_informer_.Start();
  pods_informer_.Start();
  if (options_.memory.has_value()) {
    pressures_ = options_.memory->pressures;
    full_ = options_.memory->full;
    RenewLeaseAfter(options_.memory->until_lease);
  } else {
    RenewLease();
  }
}

bool Node::Settled() const {
  return running_ && node_informer_.current() && pods_informer_.current() && actions_ == 0 &&
         reports_ == 0 && std::none_of(pods_.begin(), pods_.end(), [](const auto& entry) {
           const Pod& pod = *entry.second;
           return pod.dirty || pod.writing || (pod.busy && !pod.paused);
         });
}

std::vector<std::string> Node::Running() const {
  std::vector<std::string> out;
  for (const auto& [uid, pod] : pods_) {
    if (pod->object == nullptr || !pod->state.has_value()) continue;
    for (const runtime::ContainerState& container : pod->state->containers) {
      if (container.phase != runtime::ContainerPhase::kRunning) continue;
      out.push_back(absl::StrCat(pod->object->meta().namespace_(), "/", pod->object->meta().name(),
                                 "/", container.name));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

NodeMemory Node::Memory() const {
  NodeMemory out;
  out.until_lease = std::max(absl::ZeroDuration(), lease_due_ - loop_->clock().Monotonic());
  for (const auto& [uid, pod] : pods_) out.pods[uid] = {pod->memory, pod->seen_ends};
  out.pressures = pressures_;
  out.full = full_;
  return out;
}

// What an earlier manager left running. Pods that the API does not bind to this node (any more) go
// once the view is complete; so do the addresses of pods that are neither here nor there.
void Node::AdoptFound() {
  retain_ = true;
  for (const auto& [name, runtime] : options_.runtimes) {
    const auto found = runtime->List();
    if (!found.ok()) {
      logger_.Error("cannot list the pods of %s: %s", name, found.status().message());
      retain_ = false;
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
      if (options_.memory.has_value()) {
        const auto known = options_.memory->pods.find(state.uid);
        if (known != options_.memory->pods.end()) {
          pod->memory = known->second.memory;
          pod->seen_ends = known->second.seen_ends;
        }
      }
      pods_[state.uid] = pod;
    }
  }
}

// A pod that is to run here has its address in the API, too, while it does not run yet.
void Node::RetainAddresses() {
  if (!std::exchange(retain_, false)) return;
  std::set<std::string> uids;
  for (const auto& [uid, pod] : pods_) {
    if (pod->state || (pod->object != nullptr && !IsTerminal(pod->object->As<corev1::Pod>()))) {
      uids.insert(uid);
    }
  }
  for (const auto& [runtime, network] : options_.networks) {
    if (const absl::Status kept = network->Retain(uids); !kept.ok()) {
      logger_.Error("cannot take back the addresses of pods that are gone: %s", kept.message());
    }
  }
}

network::PodNetwork* Node::NetworkOf(const runtime::Runtime& runtime) const {
  const auto it = options_.networks.find(std::string(runtime.name()));
  return it == options_.networks.end() ? nullptr : it->second;
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
    RetainAddresses();
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
    UnfollowVolumes(before->meta().uid());
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
    if (pod->runtime == nullptr && before == nullptr) {
      Say(*pod, "Warning", "FailedCreatePodSandBox",
          absl::StrCat("no runtime on this node for RuntimeClass \"",
                       typed.spec().runtime_class_name(), "\""));
    }
    if (before == nullptr && !IsTerminal(typed)) {
      for (const std::string& field : UnsupportedFields(typed)) {
        Say(*pod, "Warning", "UnsupportedField", field);
      }
      FollowVolumes(uid, *pod);
      pod->stale_volumes = pod->state.has_value();  // While no manager looked.
    }
    if (before != nullptr && ShowsPodFields(typed.spec()) && FieldsChanged(*before, *now)) {
      pod->stale_volumes = true;
    }
  } else {
    UnfollowVolumes(uid);
  }
  Sync(uid);
}

void Node::OnRuntimeChange(const std::string& uid) {
  const PodPtr pod = Find(uid);
  if (pod == nullptr || pod->removed) return;
  pod->dirty = true;
  if (!pod->busy) Look(uid);
}

// Plans anew, on the newest state: what was heard while an action ran may be younger than what was
// read at its end. Read on the pool, for it touches files.
void Node::Look(const std::string& uid) {
  const PodPtr pod = Find(uid);
  if (!running_) return;
  if (!pod->dirty || pod->removed) return Sync(uid);
  pod->dirty = false;
  RunAction(
      uid, [] { return absl::OkStatus(); }, [](const absl::Status&) {});
}

void Node::CountedPool::Run(Executor::Task work) {
  ++node_->actions_;
  WorkPool* pool = node_->shared_pool_;
  if (waits_ && node_->uv_loop_ != nullptr) {
    if (own_ == nullptr) own_ = std::make_unique<ThreadPool>(kWaitingThreads);
    pool = own_.get();
  }
  pool->Run(
      [node = node_, alive = node_->alive_, loop = node_->loop_, work = std::move(work)]() mutable {
        std::move(work)();
        loop->Post([node, alive] {
          if (!*alive) return;
          if (--node->actions_ == 0 && node->idle_) std::exchange(node->idle_, nullptr)();
        });
      });
}

// Carries out one step for the pod on the pool, reads its state after it, and looks what is next.
void Node::RunAction(const std::string& uid, std::function<absl::Status()> work,
                     std::function<void(absl::Status)> then) {
  const PodPtr pod = Find(uid);
  pod->busy = true;
  pool_.Run([this, alive = alive_, loop = loop_, uid, runtime = pod->runtime,
             work = std::move(work), then = std::move(then)] {
    absl::Status status = work();
    auto state = runtime->State(uid);
    loop->Post([this, alive, uid, then, status = std::move(status), state = std::move(state)] {
      if (!*alive) return;
      const PodPtr done = Find(uid);
      if (done == nullptr) return;
      done->busy = false;
      const std::optional<runtime::PodState> before = std::move(done->state);
      done->state.reset();
      if (state.ok()) done->state = *state;
      CountEnds(*done);
      EndFollowers(uid, *done);
      then(status);
      NoteStarts(uid, before);
      if (!done->busy) Look(uid);
    });
  });
}

// Leaves the pod alone for a while, after something failed that is to be tried again.
void Node::Pause(const std::string& uid, absl::Duration time) {
  const PodPtr pod = Find(uid);
  pod->busy = pod->paused = true;
  loop_->PostAfter(time, [this, alive = alive_, uid] {
    if (!*alive) return;
    const PodPtr again = Find(uid);
    if (again == nullptr) return;
    again->busy = again->paused = false;
    Look(uid);
  });
}

void Node::Say(const Pod& pod, absl::string_view type, absl::string_view reason,
               const std::string& message, const std::string& container) {
  if (pod.object == nullptr) return;
  std::string path;
  if (!container.empty()) {
    const auto& inits = pod.object->As<corev1::Pod>().spec().init_containers();
    const bool init = std::any_of(inits.begin(), inits.end(),
                                  [&](const auto& each) { return each.name() == container; });
    path = absl::StrCat(init ? "spec.initContainers{" : "spec.containers{", container, "}");
  }
  // As long as an event's message may be.
  events_.Record(*pod.object, type, reason, message.substr(0, kMaxMessage), path);
}

// Ends in a row make the pauses between restarts longer; ten minutes of running make up for them.
void Node::CountEnds(Pod& pod) {
  if (!pod.state) return;
  for (const runtime::ContainerState& container : pod.state->containers) {
    if (container.phase != runtime::ContainerPhase::kExited) continue;
    const auto seen = pod.seen_ends.find(container.name);
    if (seen != pod.seen_ends.end() && seen->second >= container.attempt) continue;
    pod.seen_ends[container.name] = container.attempt;
    pod.memory.stops.erase(container.name);
    pod.memory.post_start.erase(container.name);
    const bool long_run = container.finished_at - container.started_at > absl::Minutes(10);
    int& crashes = pod.memory.crashes[container.name];
    crashes = long_run ? 1 : crashes + 1;
    if (crashes > 1 && pod.object != nullptr && !pod.object->meta().has_deletion_timestamp()) {
      Say(pod, "Warning", "BackOff",
          absl::StrCat("Back-off restarting failed container ", container.name), container.name);
    }
  }
}

void Node::Sync(const std::string& uid) {
  const PodPtr pod = Find(uid);
  if (pod == nullptr || !running_ || pod->busy) return;  // At its end the action comes back here.
  if (pod->wake != 0) loop_->Cancel(pod->wake);
  pod->wake = 0;
  if (pod->object == nullptr) {
    if (pod->runtime == nullptr ||
        (pod->removed && (pod->detached || NetworkOf(*pod->runtime) == nullptr))) {
      pods_.erase(uid);
      return;
    }
    if (pod->removed) return GiveBackAddress(uid);
    if (!pods_informer_.synced()) return;
    PodPlan remove;
    remove.action = PodPlan::Action::kRemove;
    return Act(uid, remove);
  }
  if (pod->runtime == nullptr) {
    if (pod->object->meta().has_deletion_timestamp()) FinishRemoval(uid);
    return;
  }
  // Its object stays until the API has answered, which may take a while.
  if (pod->removed) return FinishRemoval(uid);
  const absl::Time now = loop_->clock().Now();
  const PodPlan plan = PlanPod(pod->object->As<corev1::Pod>(), pod->state, pod->memory, now);
  if (plan.whole_pod && !pod->memory.ending_since) pod->memory.ending_since = now;
  UpdateProbers(uid, *pod);
  WriteStatus(uid);
  if (plan.wake_at < absl::InfiniteFuture()) {
    pod->wake =
        loop_->PostAfter(plan.wake_at - now + absl::Milliseconds(1), [this, uid] { Sync(uid); });
  }
  // Nothing of it is here any more: only the API must still hear so.
  if (plan.action == PodPlan::Action::kRemove && pod->removed) return FinishRemoval(uid);
  if (plan.action != PodPlan::Action::kNone) return Act(uid, plan);
  if (pod->stale_volumes && pod->state && pod->state->alive) RefreshVolumes(uid);
}

std::string Node::VolumesDir(const std::string& uid) const {
  return absl::StrCat(options_.state_dir, "/volumes/", uid);
}

PodPlaces Node::PlacesOf(const std::string& uid, const Pod& pod) const {
  PodPlaces places;
  const absl::string_view runtime = pod.runtime == nullptr ? "" : pod.runtime->name();
  if (runtime != "fake") places.volumes_dir = VolumesDir(uid);
  if (runtime == "linux") places.files_dir = VolumesDir(uid) + "/..files";
  places.log_dir = absl::StrCat(options_.state_dir, "/logs/", uid);
  places.node_name = options_.name;
  places.pod_ip = pod.ip;
  places.host_ip = options_.host_ip;
  places.node_cpu_millis = options_.cpu_millis;
  places.node_memory_bytes = options_.memory_bytes;
  places.cluster_dns = options_.cluster_dns;
  places.cluster_domain = options_.cluster_domain;
  return places;
}

// The last word on a deleted pod is the node's: its object goes.
void Node::FinishRemoval(const std::string& uid) {
  const PodPtr pod = Find(uid);
  if (pod == nullptr || pod->object == nullptr) return;
  if (pod->writing) return;  // Said again when the write is done.
  client::Write write = client::Write::Delete(*pod->object);
  write.grace_period_seconds = 0;
  std::vector<client::Write> writes;
  writes.push_back(std::move(write));
  pod->writing = true;
  client_->Commit(client::By("kubelet", std::move(writes)), loop_,
                  [this, alive = alive_, uid](absl::StatusOr<client::WriteResult> result) {
                    if (!*alive) return;
                    if (const PodPtr done = Find(uid)) done->writing = false;
                    if (!running_) return LastWord();
                    if (result.ok() || absl::IsNotFound(result.status())) return;
                    logger_.Warning("cannot delete pod %s: %s", uid, result.status().message());
                    loop_->PostAfter(absl::Seconds(1), [this, alive, uid] {
                      if (*alive && running_) FinishRemoval(uid);
                    });
                  });
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
  inputs.pod_ip = pod->ip;
  inputs.host_ip = options_.host_ip;
  inputs.now = loop_->clock().Now();
  corev1::PodStatus status = MakeStatus(typed, inputs);
  // Fields that are set to nothing are no news: the API does not keep them.
  if (status.SerializeAsString() == typed.status().SerializeAsString() ||
      google::protobuf::util::MessageDifferencer::Equivalent(status, typed.status())) {
    return;
  }
  const uint64_t base = pod->object->revision();
  auto changed = pod->object->CopyAs<corev1::Pod>();
  *changed->mutable_status() = std::move(status);
  std::vector<client::Write> writes;
  writes.push_back(client::Write::Update(std::move(changed), "status"));
  pod->writing = true;
  client_->Commit(
      client::By("kubelet", std::move(writes)), loop_,
      [this, alive = alive_, uid, base](absl::StatusOr<client::WriteResult> result) {
        if (!*alive) return;
        const PodPtr done = Find(uid);
        if (done == nullptr) return;
        done->writing = false;
        if (!running_) return LastWord();
        if (result.ok()) {
          // Until the watch brings it, this is the newest that is known.
          if (done->object != nullptr &&
              done->object->revision() < result->objects[0]->revision()) {
            done->object = result->objects[0];
          }
          Sync(uid);
        } else if (done->removed) {
          FinishRemoval(uid);
        } else if (absl::IsAborted(result.status()) && done->object != nullptr &&
                   done->object->revision() > base) {
          Sync(uid);  // The newer object came while the write was under way.
        } else if (!absl::IsAborted(result.status()) && !absl::IsNotFound(result.status())) {
          logger_.Warning("cannot report pod %s: %s", uid, result.status().message());
          loop_->PostAfter(absl::Seconds(1), [this, alive, uid] {
            if (*alive) Sync(uid);
          });
        }
      });
}

absl::Status Node::Stop(bool remove_pods) {
  Notification halted;
  Notification done;
  struct InHook {
    runtime::Runtime* runtime;
    std::string uid;
    std::string container;
  };
  std::vector<InHook> in_hooks;
  loop_->Post([&] {
    running_ = false;
    if (lease_timer_ != 0) loop_->Cancel(lease_timer_);
    lease_timer_ = 0;
    pods_informer_.Stop();
    node_informer_.Stop();
    followed_.clear();
    for (auto& [uid, pod] : pods_) {
      if (pod->wake != 0) loop_->Cancel(pod->wake);
      pod->wake = 0;
      pod->probers.clear();
      for (const std::string& name : pod->memory.post_start) {
        in_hooks.push_back({pod->runtime, uid, name});
      }
      for (const auto& [name, stop] : pod->memory.stops) {
        if (stop.hook == ContainerStop::Hook::kRunning) {
          in_hooks.push_back({pod->runtime, uid, name});
        }
      }
    }
    idle_ = [&] { done.Notify(); };
    halted.Notify();
    if (actions_ == 0) std::exchange(idle_, nullptr)();
  });
  halted.WaitForNotification();
  // A hook may run for long; it ends with its container.
  for (const InHook& hook : in_hooks) {
    if (remove_pods) hook.runtime->KillContainer(hook.uid, hook.container).IgnoreError();
  }
  done.WaitForNotification();
  return remove_pods ? RemoveAllPods() : absl::OkStatus();
}

// Says how the containers ended that will run again with the next manager. Pods with other policies
// are left to it: that a container was told to end and did so is no success of its work.
void Node::ReportEnds() {
  std::map<std::string, runtime::PodState> ends;
  for (const auto& [name, runtime] : options_.runtimes) {
    const auto found = runtime->List();
    if (!found.ok()) continue;
    for (const runtime::PodState& state : *found) ends[state.uid] = state;
  }
  Notification done;
  loop_->Post([&] {
    written_ = [&] { done.Notify(); };
    for (const auto& [uid, state] : ends) {
      const PodPtr pod = Find(uid);
      if (pod == nullptr || pod->object == nullptr) continue;
      if (pod->object->As<corev1::Pod>().spec().restart_policy() != "Always") continue;
      pod->state = state;
      WriteStatus(uid);
    }
    LastWord();
  });
  done.WaitForNotification();
}

// When stopping: tells who waits that nothing is being written any more.
void Node::LastWord() {
  for (const auto& [uid, pod] : pods_) {
    if (pod->writing) return;
  }
  if (written_) std::exchange(written_, nullptr)();
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
    Notification tick;
    loop_->PostAfter(absl::Milliseconds(20), [&] { tick.Notify(); });
    tick.WaitForNotification();
  }
  ReportEnds();
  for (const auto& [runtime, state] : all) {
    if (network::PodNetwork* network = NetworkOf(*runtime)) {
      network->Detach(state.uid).IgnoreError();
    }
    // What is over holds nothing of the machine: its records and logs are its object's to keep.
    result.Update(state.alive ? runtime->RemovePod(state.uid) : runtime->StopPod(state.uid));
    result.Update(RemoveVolumes(VolumesDir(state.uid)));
  }
  return result;
}

}  // namespace skiff::node
