#include "scheduler/scheduler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/conditions.h"
#include "base/status.h"
#include "scheduler/topology.h"

namespace skiff::scheduler {
namespace {

// One transaction holds at most this many bindings, so that a burst neither waits for a giant
// commit nor pays an fsync for each.
constexpr size_t kBatch = 256;
constexpr absl::string_view kSchedulerName = "default-scheduler";
// Between attempts to bind one pod: doubled each time.
constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Seconds(10);
constexpr int kDoublings = 4;  // From the first to the longest.

bool IsFinished(const corev1::Pod& pod) {
  return pod.status().phase() == "Succeeded" || pod.status().phase() == "Failed";
}

bool IsOurs(const corev1::Pod& pod) {
  const std::string& name = pod.spec().scheduler_name();
  return (name.empty() || name == kSchedulerName) && pod.spec().scheduling_gates().empty() &&
         !pod.metadata().has_deletion_timestamp();
}

// Why nobody here looks for a node for it; empty: somebody does, or it is on its way out.
std::string WhyNotOurs(const corev1::Pod& pod) {
  if (IsOurs(pod) || pod.metadata().has_deletion_timestamp()) return "";
  std::vector<std::string> gates;
  for (const auto& gate : pod.spec().scheduling_gates()) gates.push_back(gate.name());
  if (gates.empty()) {
    return absl::StrCat("it waits for the scheduler \"", pod.spec().scheduler_name(),
                        "\", its schedulerName");
  }
  return absl::StrCat("it waits until its scheduling gates are removed: ",
                      absl::StrJoin(gates, ", "));
}

std::string KeyOf(const api::Object& pod) {
  return absl::StrCat(pod.meta().namespace_(), "/", pod.meta().name());
}

bool SameLabels(const api::Object& a, const api::Object& b) {
  const auto& left = a.meta().labels();
  const auto& right = b.meta().labels();
  return left.size() == right.size() &&
         std::all_of(left.begin(), left.end(), [&](const auto& label) {
           const auto at = right.find(label.first);
           return at != right.end() && at->second == label.second;
         });
}

client::Write BindingOf(const api::Object& pod, const std::string& node) {
  auto binding = std::make_unique<corev1::Binding>();
  binding->mutable_metadata()->set_name(pod.meta().name());
  binding->mutable_metadata()->set_namespace_(pod.meta().namespace_());
  binding->mutable_metadata()->set_uid(pod.meta().uid());
  binding->mutable_target()->set_kind("Node");
  binding->mutable_target()->set_name(node);
  client::Write write;
  write.verb = client::Write::Verb::kCreate;
  write.resource = &api::ResourceOf<corev1::Pod>();
  write.name_space = pod.meta().namespace_();
  write.name = pod.meta().name();
  write.subresource = "binding";
  write.uid = pod.meta().uid();
  write.object = std::move(binding);
  return write;
}

// What was last said of a pod that could not be placed: said by an earlier scheduler, it is not
// said again.
std::string WhyNot(const corev1::Pod& pod) {
  for (const corev1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() == "PodScheduled" && condition.reason() == "Unschedulable") {
      return condition.message();
    }
  }
  return "";
}

void SetUnschedulable(const std::string& message, absl::Time now, corev1::Pod* pod) {
  api::SetCondition("PodScheduled", "False", "Unschedulable", message, now,
                    pod->mutable_status()->mutable_conditions());
}

}  // namespace

Scheduler::Scheduler(client::Client* client, Executor* loop, RecordEvent record, Logger logger,
                     Metrics* metrics)
    : client_(client),
      loop_(loop),
      record_(std::move(record)),
      logger_(std::move(logger)),
      bound_(metrics->Counter("scheduler_schedule_attempts_total",
                              "Attempts to schedule pods, by result.", {{"result", "scheduled"}})),
      unschedulable_attempts_(metrics->Counter("scheduler_schedule_attempts_total",
                                               "Attempts to schedule pods, by result.",
                                               {{"result", "unschedulable"}})) {}

Scheduler::~Scheduler() { SKIFF_CHECK(!running_); }

void Scheduler::Start() {
  running_ = true;
  alive_ = std::make_shared<bool>(true);
  WatchNodes();
  WatchPods();
}

void Scheduler::Stop() {
  running_ = false;
  if (alive_ != nullptr) *alive_ = false;
  node_watch_.reset();
  pod_watch_.reset();
  if (restart_ != 0) loop_->Cancel(restart_);
  restart_ = 0;
}

bool Scheduler::Settled() const {
  return running_ && restart_ == 0 && nodes_seen_ && pods_seen_ && queue_.empty() &&
         in_flight_ == 0 && !pass_posted_ && retries_.empty();
}

Scheduler::View Scheduler::Inspect() const {
  View out;
  for (const QueueKey& entry : queue_) out.queued.push_back(std::get<2>(entry));
  out.queued.insert(out.queued.end(), retries_.begin(), retries_.end());
  out.in_flight = in_flight_;
  for (const auto& [key, pod] : pods_) {
    if (!pod.object->As<corev1::Pod>().spec().node_name().empty()) continue;
    const std::string why = unschedulable_.contains(key) ? pod.why_not
                            : pod.failed_bindings > 0
                                ? absl::StrCat("binding it failed: ", pod.failed_because)
                                : WhyNotOurs(pod.object->As<corev1::Pod>());
    if (!why.empty()) out.pending[key] = why;
  }
  out.nodes = table_.size();
  return out;
}

void Scheduler::WatchNodes() {
  node_watch_ = client_->StartWatch(
      api::ResourceOf<corev1::Node>(), {}, loop_,
      {[this](std::vector<client::WatchEvent> events) { OnNodes(std::move(events)); },
       [this](absl::Status why) { Restart(std::move(why)); }});
}

void Scheduler::WatchPods() {
  pod_watch_ = client_->StartWatch(
      api::ResourceOf<corev1::Pod>(), {}, loop_,
      {[this](std::vector<client::WatchEvent> events) { OnPods(std::move(events)); },
       [this](absl::Status why) { Restart(std::move(why)); }});
}

// A broken watch may have missed deletions: the picture is drawn anew.
void Scheduler::Restart(absl::Status why) {
  if (!running_ || restart_ != 0) return;
  logger_.Warning("watch ended, starting over: %s", why.message());
  Stop();
  running_ = true;
  restart_ = loop_->PostAfter(absl::Seconds(1), [this] {
    restart_ = 0;
    table_ = NodeTable();
    pods_.clear();
    waiting_for_node_.clear();
    queue_.clear();
    unschedulable_.clear();
    concerned_.clear();
    repellers_.clear();
    retries_.clear();
    nodes_seen_ = pods_seen_ = false;
    in_flight_ = 0;
    Start();
  });
}

void Scheduler::OnNodes(std::vector<client::WatchEvent> events) {
  for (const client::WatchEvent& event : events) {
    nodes_seen_ = nodes_seen_ || event.type == client::EventType::kBookmark;
    if (event.object == nullptr) continue;
    const std::string& name = event.object->meta().name();
    if (event.type == client::EventType::kDeleted) {
      table_.RemoveNode(name);
      for (auto& [key, pod] : pods_) {
        if (pod.node != name) continue;
        pod.node.clear();
        waiting_for_node_[name].insert(key);
      }
      continue;
    }
    table_.SetNode(event.object->As<corev1::Node>());
    // Pods that were bound to it before it was seen.
    if (auto waiting = waiting_for_node_.extract(name)) {
      for (const std::string& key : waiting.mapped()) {
        const auto it = pods_.find(key);
        if (it != pods_.end() && it->second.node.empty()) Account(it->second, name);
      }
    }
  }
  RetryUnschedulable();
}

void Scheduler::OnPods(std::vector<client::WatchEvent> events) {
  for (const client::WatchEvent& event : events) {
    view_revision_ = std::max(view_revision_, event.revision);
    pods_seen_ = pods_seen_ || event.type == client::EventType::kBookmark;
    if (event.object != nullptr) OnPod(event);
  }
}

void Scheduler::OnPod(const client::WatchEvent& event) {
  const std::string key = KeyOf(*event.object);
  const corev1::Pod& now = event.object->As<corev1::Pod>();
  auto it = pods_.find(key);
  if (it != pods_.end() && (event.type == client::EventType::kDeleted || IsFinished(now) ||
                            it->second.object->meta().uid() != now.metadata().uid())) {
    Pod& pod = it->second;
    queue_.erase({-pod.info.priority, pod.order, key});
    retries_.erase(key);
    unschedulable_.erase(key);
    concerned_.erase(key);
    repellers_.erase(key);
    Release(pod);
    pods_.erase(it);
    it = pods_.end();
    RetryUnschedulable();
  }
  if (event.type == client::EventType::kDeleted || IsFinished(now)) return;
  if (it == pods_.end()) {
    it = pods_.emplace(key, Pod()).first;
    it->second.info = MakePodInfo(now);
    it->second.order = next_order_++;
    it->second.why_not = WhyNot(now);
    it->second.concerned = Topology::Concerns(now);
    if (Topology::RepelsOthers(now)) repellers_.insert(key);
  }
  Pod& pod = it->second;
  const bool moved =
      !now.spec().node_name().empty() && (pod.assumed || pod.node != now.spec().node_name());
  const bool relabelled = pod.object != nullptr && !SameLabels(*pod.object, *event.object);
  pod.object = event.object;
  // Who waits for neighbours may have got one, or lost one that was in the way.
  if (moved || relabelled || now.metadata().has_deletion_timestamp()) RetryConcerned();
  if (!now.spec().node_name().empty()) {
    retries_.erase(key);
    queue_.erase({-pod.info.priority, pod.order, key});
    unschedulable_.erase(key);
    concerned_.erase(key);
    if (pod.node != now.spec().node_name()) {
      Release(pod);
      Account(pod, now.spec().node_name());
    }
    pod.assumed = false;
    return;
  }
  if (!IsOurs(now)) {
    queue_.erase({-pod.info.priority, pod.order, key});
    unschedulable_.erase(key);
    concerned_.erase(key);
  } else if (!pod.assumed && (relabelled || !unschedulable_.contains(key))) {
    unschedulable_.erase(key);
    concerned_.erase(key);
    Enqueue(key);
  }
}

void Scheduler::Account(Pod& pod, const std::string& node) {
  if (const auto row = table_.Find(node)) {
    table_.AddPod(*row, pod.info);
    pod.node = node;
  } else {
    waiting_for_node_[node].insert(pod.info.key);
  }
}

void Scheduler::Release(Pod& pod) {
  if (pod.node.empty()) return;
  if (const auto row = table_.Find(pod.node)) table_.RemovePod(*row, pod.info);
  pod.node.clear();
}

void Scheduler::Enqueue(const std::string& key) {
  const Pod& pod = pods_.at(key);
  queue_.insert({-pod.info.priority, pod.order, key});
  PostPass();
}

void Scheduler::RetryConcerned() {
  for (const std::string& key : std::exchange(concerned_, {})) {
    unschedulable_.erase(key);
    Enqueue(key);
  }
}

void Scheduler::RetryUnschedulable() {
  concerned_.clear();
  const std::set<std::string> keys = std::exchange(unschedulable_, {});
  for (const std::string& key : keys) Enqueue(key);
}

void Scheduler::PostPass() {
  if (pass_posted_) return;
  pass_posted_ = true;
  loop_->Post([this, alive = alive_] {
    pass_posted_ = false;
    if (*alive) Pass();
  });
}

Placement Scheduler::Place(const Pod& pod) {
  const auto& typed = pod.object->As<corev1::Pod>();
  if (!pod.concerned && repellers_.empty()) return table_.Place(typed, pod.info, loop_->rng());
  std::vector<PlacedPod> placed;
  const auto add = [&](const Pod& other) {
    if (other.node.empty()) return;
    if (const auto row = table_.Find(other.node)) {
      placed.push_back({&other.object->As<corev1::Pod>(), *row});
    }
  };
  if (pod.concerned) {
    for (const auto& [key, other] : pods_) add(other);
  } else {
    for (const std::string& key : repellers_) add(pods_.at(key));
  }
  const Topology topology(typed, table_, placed);
  return table_.Place(typed, pod.info, loop_->rng(), &topology);
}

void Scheduler::Pass() {
  std::vector<std::string> placed;
  while (!queue_.empty() && placed.size() < kBatch) {
    const std::string key = std::get<2>(*queue_.begin());
    queue_.erase(queue_.begin());
    Pod& pod = pods_.at(key);
    const std::string unsupported = Topology::Unsupported(pod.object->As<corev1::Pod>());
    const Placement placement = unsupported.empty() ? Place(pod) : Placement();
    if (!placement.row) {
      unschedulable_.insert(key);
      if (pod.concerned && unsupported.empty()) concerned_.insert(key);
      ReportUnschedulable(
          pod, unsupported.empty()
                   ? placement.Message(table_.size())
                   : absl::StrCat("0/", table_.size(), " nodes are available: ", unsupported, "."));
      continue;
    }
    pod.assumed = true;
    Account(pod, table_.Name(*placement.row));
    placed.push_back(key);
  }
  if (!placed.empty()) Bind(std::move(placed));
  if (!queue_.empty()) PostPass();
}

void Scheduler::Bind(std::vector<std::string> keys) {
  std::vector<client::Write> writes;
  for (const std::string& key : keys) {
    const Pod& pod = pods_.at(key);
    writes.push_back(BindingOf(*pod.object, pod.node));
  }
  ++in_flight_;
  client_->Commit(
      client::By("kube-scheduler", std::move(writes)), loop_,
      [this, alive = alive_, keys = std::move(keys)](absl::StatusOr<client::WriteResult> result) {
        if (!*alive) return;
        --in_flight_;
        OnBound(keys, result.status());
      });
}

void Scheduler::OnBound(const std::vector<std::string>& keys, absl::Status status) {
  if (!status.ok() && keys.size() > 1) {
    // One of them changed under the batch: each on its own tells which.
    for (const std::string& key : keys) {
      if (pods_.contains(key) && pods_.at(key).assumed) Bind({key});
    }
    return;
  }
  for (const std::string& key : keys) {
    const auto it = pods_.find(key);
    if (it == pods_.end()) continue;
    Pod& pod = it->second;
    if (status.ok()) {
      pod.failed_bindings = 0;
      bound_.Increment();
      const std::string node =
          pod.node.empty() ? pod.object->As<corev1::Pod>().spec().node_name() : pod.node;
      record_(*pod.object, "Normal", "Scheduled",
              absl::StrCat("Successfully assigned ", key, " to ", node));
      continue;
    }
    if (!pod.assumed) continue;  // The watch has told of another outcome meanwhile.
    logger_.Warning("binding %s failed: %s", key, status.message());
    pod.assumed = false;
    Release(pod);
    pod.failed_because = std::string(status.message());
    // Gone: the watch will say so. Of a pod that is bound elsewhere as well, before it is tried
    // again; but a conflict may be over, and leave nothing to be told of.
    if (!absl::IsNotFound(status)) Retry(key, pod.failed_bindings++);
  }
}

void Scheduler::Retry(const std::string& key, int failures) {
  if (!retries_.insert(key).second) return;
  const absl::Duration pause =
      std::min(kFirstRetry * (1 << std::min(failures, kDoublings)), kLongestRetry);
  loop_->PostAfter(pause, [this, alive = alive_, key] {
    if (!*alive || retries_.erase(key) == 0) return;
    const auto it = pods_.find(key);
    if (it == pods_.end() || it->second.assumed || unschedulable_.contains(key)) return;
    const auto& pod = it->second.object->As<corev1::Pod>();
    if (pod.spec().node_name().empty() && IsOurs(pod)) Enqueue(key);
  });
}

void Scheduler::ReportUnschedulable(Pod& pod, const std::string& message) {
  unschedulable_attempts_.Increment();
  if (pod.why_not == message) return;
  pod.why_not = message;
  record_(*pod.object, "Warning", "FailedScheduling", message);
  auto changed = pod.object->CopyAs<corev1::Pod>();
  SetUnschedulable(message, loop_->clock().Now(), changed.get());
  std::vector<client::Write> writes;
  writes.push_back(client::Write::Update(std::move(changed), "status"));
  ++in_flight_;
  client_->Commit(
      client::By("kube-scheduler", std::move(writes)), loop_,
      [this, alive = alive_, key = pod.info.key](absl::StatusOr<client::WriteResult> result) {
        if (!*alive) return;
        --in_flight_;
        // Lost to a newer state of the pod: said again with the next attempt.
        if (!result.ok() && pods_.contains(key)) pods_.at(key).why_not.clear();
      });
}

}  // namespace skiff::scheduler
