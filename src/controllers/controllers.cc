#include "controllers/controllers.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controllers/deployment.h"
#include "controllers/garbage_collector.h"
#include "controllers/job.h"
#include "controllers/job_pods.h"
#include "controllers/namespace.h"
#include "controllers/replica_set.h"

namespace skiff::controllers {
namespace {

// Of an owner's dependents, those of one kind that it controls.
std::vector<api::ObjectPtr> Controlled(client::Informer& informer, const std::string& uid) {
  std::vector<api::ObjectPtr> out;
  for (const api::ObjectPtr& object : informer.OwnedBy(uid)) {
    const metav1::OwnerReference* owner = ControllerOf(*object);
    if (owner != nullptr && owner->uid() == uid) out.push_back(object);
  }
  return out;
}

bool SameLabels(const metav1::ObjectMeta& a, const metav1::ObjectMeta& b) {
  if (a.labels().size() != b.labels().size()) return false;
  return std::all_of(a.labels().begin(), a.labels().end(), [&](const auto& label) {
    const auto it = b.labels().find(label.first);
    return it != b.labels().end() && it->second == label.second;
  });
}

// Keys of the job controller that are not a job's but a tracked pod's without one.
constexpr char kPodKey[] = "pod|";
// The back-off does not grow any more long before that.
constexpr size_t kRememberedFailures = 16;
// Dependents of what went longer ago wait until they are old enough, that is all.
constexpr size_t kRememberedGone = 10'000;

bool JobExistsFor(const api::Object& pod, InformerSet& informers) {
  const metav1::OwnerReference* owner = ControllerOf(pod);
  if (owner == nullptr || owner->kind() != api::ResourceOf<batchv1::Job>().kind) return false;
  const api::ObjectPtr job =
      informers.Of<batchv1::Job>().Get(absl::StrCat(pod.meta().namespace_(), "/", owner->name()));
  return job != nullptr && job->meta().uid() == owner->uid();
}

std::string GarbageKey(const api::Object& object) {
  return absl::StrCat(object.resource().group, "/", object.resource().resource, "|",
                      client::Informer::KeyOf(object));
}

}  // namespace

ControllerManager::ControllerManager(client::Client* client, Executor* executor, Logger logger,
                                     Metrics* metrics, const std::set<std::string>& off)
    : client_(client),
      executor_(executor),
      logger_(std::move(logger)),
      metrics_(metrics),
      informers_(client, executor) {
  if (!off.contains("replicaset-controller")) AddReplicaSets();
  if (!off.contains("deployment-controller")) AddDeployments();
  if (!off.contains("job-controller")) AddJobs();
  if (!off.contains("garbage-collector")) AddGarbageCollector();
  if (!off.contains("namespace-controller")) AddNamespaces();
  if (!off.contains("node-controller")) AddNodes();
  if (!off.contains("pod-garbage-collector")) AddPodGc();
  if (!off.contains("event-ttl")) AddEvents();
  if (!off.contains("disruption-controller")) AddDisruptions();
  // After every controller has taken note: keys that waited for the view may go
  // on.
  informers_.ForEach([this](client::Informer& informer) {
    informer.AddHandler([this](const api::ObjectPtr&, const api::ObjectPtr& now) {
      for (const auto& runner : runners_) {
        runner->Pump();
        if (now == nullptr) runner->Kick();
      }
    });
  });
}

ControllerManager::~ControllerManager() = default;

const std::set<std::string>& ControllerManager::Names() {
  static const auto* const names = new std::set<std::string>(
      {"deployment-controller", "disruption-controller", "event-ttl", "garbage-collector",
       "job-controller", "namespace-controller", "node-controller", "pod-garbage-collector",
       "replicaset-controller"});
  return *names;
}

void ControllerManager::Start() { informers_.Start(); }

void ControllerManager::Stop() {
  informers_.Stop();
  for (const auto& runner : runners_) runner->Stop();
}

bool ControllerManager::Settled(absl::Duration within) const {
  return informers_.current() &&
         std::all_of(runners_.begin(), runners_.end(),
                     [&](const auto& runner) { return runner->Settled(within); });
}

absl::Time ControllerManager::NextWake() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& runner : runners_) next = std::min(next, runner->NextWake());
  return next;
}

std::vector<Runner::View> ControllerManager::Inspect() const {
  std::vector<Runner::View> out;
  for (const auto& runner : runners_) out.push_back(runner->Inspect());
  return out;
}

std::map<std::string, uint64_t> ControllerManager::ViewRevisions() {
  std::map<std::string, uint64_t> out;
  informers_.ForEach([&](client::Informer& informer) {
    out[std::string(informer.resource().qualified())] = informer.revision();
  });
  return out;
}

Runner* ControllerManager::Add(const std::string& name, Runner::Reconcile reconcile) {
  runners_.push_back(std::make_unique<Runner>(name, client_, executor_, &informers_, logger_,
                                              metrics_, std::move(reconcile)));
  return runners_.back().get();
}

void ControllerManager::OnOwn(const api::ResourceInfo& resource, Runner* runner) {
  informers_.Of(resource).AddHandler(
      [runner](const api::ObjectPtr& before, const api::ObjectPtr& now) {
        const api::ObjectPtr& any = now != nullptr ? now : before;
        if (any != nullptr) runner->Enqueue(client::Informer::KeyOf(*any));
      });
}

void ControllerManager::OnDependents(const api::ResourceInfo& of, const api::ResourceInfo& owner,
                                     Runner* runner) {
  informers_.Of(of).AddHandler(
      [runner, kind = owner.kind](const api::ObjectPtr& before, const api::ObjectPtr& now) {
        for (const api::ObjectPtr& object : {before, now}) {
          if (object == nullptr) continue;
          const metav1::OwnerReference* controller = ControllerOf(*object);
          if (controller == nullptr || controller->kind() != kind) continue;
          runner->Enqueue(absl::StrCat(object->meta().namespace_(), "/", controller->name()));
        }
      });
}

// What nobody controls may be taken on by an owner whose selector matches. Only
// a change of that question asks it again: a stray's own status does not.
template <typename Owner>
void ControllerManager::OnStrays(const api::ResourceInfo& of, Runner* runner) {
  informers_.Of(of).AddHandler(
      [this, runner](const api::ObjectPtr& before, const api::ObjectPtr& now) {
        if (now == nullptr || ControllerOf(*now) != nullptr) return;
        if (before != nullptr && ControllerOf(*before) == nullptr &&
            SameLabels(before->meta(), now->meta())) {
          return;
        }
        for (const api::ObjectPtr& owner : informers_.Of<Owner>().In(now->meta().namespace_())) {
          const auto selector = api::LabelSelector::FromProto(owner->As<Owner>().spec().selector());
          if (selector.ok() && selector->Matches(now->meta().labels())) {
            runner->Enqueue(client::Informer::KeyOf(*owner));
          }
        }
      });
}

void ControllerManager::AddReplicaSets() {
  Runner* runner = Add("replicaset-controller", [this](const std::string& key) -> Plan {
    const api::ObjectPtr set = informers_.Of<appsv1::ReplicaSet>().Get(key);
    if (set == nullptr) return {};
    return ReconcileReplicaSet(
        {set, Controlled(informers_.Of<corev1::Pod>(), set->meta().uid()), executor_->clock().Now(),
         informers_.Of<corev1::Pod>().Uncontrolled(set->meta().namespace_())});
  });
  OnStrays<appsv1::ReplicaSet>(api::ResourceOf<corev1::Pod>(), runner);
  OnOwn(api::ResourceOf<appsv1::ReplicaSet>(), runner);
  OnDependents(api::ResourceOf<corev1::Pod>(), api::ResourceOf<appsv1::ReplicaSet>(), runner);
}

void ControllerManager::AddDeployments() {
  Runner* runner = Add("deployment-controller", [this](const std::string& key) -> Plan {
    const api::ObjectPtr deployment = informers_.Of<appsv1::Deployment>().Get(key);
    if (deployment == nullptr) return {};
    return ReconcileDeployment(
        {deployment, Controlled(informers_.Of<appsv1::ReplicaSet>(), deployment->meta().uid()),
         executor_->clock().Now(),
         informers_.Of<appsv1::ReplicaSet>().Uncontrolled(deployment->meta().namespace_())});
  });
  OnStrays<appsv1::Deployment>(api::ResourceOf<appsv1::ReplicaSet>(), runner);
  OnOwn(api::ResourceOf<appsv1::Deployment>(), runner);
  OnDependents(api::ResourceOf<appsv1::ReplicaSet>(), api::ResourceOf<appsv1::Deployment>(),
               runner);
}

void ControllerManager::AddJobs() {
  Runner* runner = Add("job-controller", [this](const std::string& key) -> Plan {
    client::Informer& pods = informers_.Of<corev1::Pod>();
    if (absl::StartsWith(key, kPodKey)) {
      const api::ObjectPtr pod = pods.Get(key.substr(sizeof(kPodKey) - 1));
      return pod == nullptr || JobExistsFor(*pod, informers_) ? Plan() : ReconcileUntrackedPod(pod);
    }
    const api::ObjectPtr job = informers_.Of<batchv1::Job>().Get(key);
    if (job == nullptr) return {};
    JobObserved observed;
    observed.job = job;
    observed.pods = Controlled(pods, job->meta().uid());
    observed.now = executor_->clock().Now();
    // Any other selector asks for the job's own uid.
    if (job->As<batchv1::Job>().spec().manual_selector()) {
      observed.strays = pods.Uncontrolled(job->meta().namespace_());
    }
    const auto lost = lost_failures_.find(job->meta().uid());
    if (lost != lost_failures_.end()) observed.lost_failures = lost->second;
    return ReconcileJob(observed);
  });
  OnStrays<batchv1::Job>(api::ResourceOf<corev1::Pod>(), runner);
  OnOwn(api::ResourceOf<batchv1::Job>(), runner);
  OnDependents(api::ResourceOf<corev1::Pod>(), api::ResourceOf<batchv1::Job>(), runner);
  informers_.Of<batchv1::Job>().AddHandler([this, runner](const api::ObjectPtr& before,
                                                          const api::ObjectPtr& now) {
    if (before == nullptr) return;
    if (now != nullptr && now->meta().uid() == before->meta().uid()) return;
    lost_failures_.erase(before->meta().uid());
    for (const api::ObjectPtr& pod : informers_.Of<corev1::Pod>().OwnedBy(before->meta().uid())) {
      runner->Enqueue(absl::StrCat(kPodKey, client::Informer::KeyOf(*pod)));
    }
  });
  informers_.Of<corev1::Pod>().AddHandler(
      [this, runner](const api::ObjectPtr&, const api::ObjectPtr& now) {
        if (now != nullptr && HasFinalizer(now->meta(), kJobTracking)) OnJobPod(now, runner);
      });
}

void ControllerManager::OnJobPod(const api::ObjectPtr& pod, Runner* runner) {
  if (!JobExistsFor(*pod, informers_)) {
    runner->Enqueue(absl::StrCat(kPodKey, client::Informer::KeyOf(*pod)));
    return;
  }
  // Once it is gone, nothing else tells that it failed, and when.
  const auto& typed = pod->As<corev1::Pod>();
  if (!pod->meta().has_deletion_timestamp() || HasSucceeded(typed)) return;
  LostFailures& lost = lost_failures_[ControllerOf(*pod)->uid()];
  lost[pod->meta().uid()] = PodEndedAt(typed);
  if (lost.size() <= kRememberedFailures) return;
  lost.erase(std::min_element(lost.begin(), lost.end(),
                              [](const auto& a, const auto& b) { return a.second < b.second; }));
}

void ControllerManager::AddGarbageCollector() {
  Runner* runner = Add("garbage-collector", [this](const std::string& key) -> Plan {
    const std::pair<std::string, std::string> parts = absl::StrSplit(key, absl::MaxSplits('|', 1));
    const std::pair<std::string, std::string> kind =
        absl::StrSplit(parts.first, absl::MaxSplits('/', 1));
    const api::ResourceInfo* resource = api::FindResource(kind.first, "v1", kind.second);
    const api::ObjectPtr object = informers_.Of(*resource).Get(parts.second);
    if (object == nullptr) return {};
    GarbageObserved observed;
    observed.object = object;
    observed.exists = [this](const std::string& uid) { return by_uid_.contains(uid); };
    observed.seen_to_go = [this](const std::string& uid) { return gone_.contains(uid); };
    observed.now = executor_->clock().Now();
    if (object->meta().has_deletion_timestamp()) {
      informers_.ForEach([&](client::Informer& informer) {
        for (const api::ObjectPtr& dependent : informer.OwnedBy(object->meta().uid())) {
          observed.dependents.push_back(dependent);
        }
      });
    }
    return ReconcileGarbage(observed);
  });
  informers_.ForEach([this, runner](client::Informer& informer) {
    informer.AddHandler([this, runner](const api::ObjectPtr& before, const api::ObjectPtr& now) {
      if (now != nullptr) {
        if (before == nullptr || before->meta().uid() != now->meta().uid()) {
          by_uid_[now->meta().uid()] = GarbageKey(*now);
        }
        const bool leaving =
            now->meta().has_deletion_timestamp() && !now->meta().finalizers().empty();
        if (leaving || !now->meta().owner_references().empty()) runner->Enqueue(GarbageKey(*now));
      }
      if (before == nullptr) return;
      const bool gone = now == nullptr || now->meta().uid() != before->meta().uid();
      if (!gone) return;
      by_uid_.erase(before->meta().uid());
      NoteGone(before->meta().uid());
      informers_.ForEach([&](client::Informer& other) {
        for (const api::ObjectPtr& dependent : other.OwnedBy(before->meta().uid())) {
          runner->Enqueue(GarbageKey(*dependent));
        }
      });
      // An owner that waits for its dependents to go.
      for (const auto& owner : before->meta().owner_references()) {
        const auto it = by_uid_.find(owner.uid());
        if (it != by_uid_.end()) runner->Enqueue(it->second);
      }
    });
  });
}

void ControllerManager::NoteGone(const std::string& uid) {
  if (gone_.insert(uid).second) gone_order_.push_back(uid);
  if (gone_order_.size() <= kRememberedGone) return;
  gone_.erase(gone_order_.front());
  gone_order_.pop_front();
}

void ControllerManager::AddNamespaces() {
  Runner* runner = Add("namespace-controller", [this](const std::string& key) -> Plan {
    const api::ObjectPtr name_space = informers_.Of<corev1::Namespace>().Get(key);
    if (name_space == nullptr || !name_space->meta().has_deletion_timestamp()) return {};
    NamespaceObserved observed;
    observed.name_space = name_space;
    observed.now = executor_->clock().Now();
    const std::string prefix = absl::StrCat(name_space->meta().name(), "/");
    informers_.ForEach([&](client::Informer& informer) {
      if (!informer.resource().namespaced) return;
      const auto& all = informer.objects();
      for (auto it = all.lower_bound(prefix);
           it != all.end() && it->second->meta().namespace_() == name_space->meta().name(); ++it) {
        observed.contents.push_back(it->second);
      }
    });
    return ReconcileNamespace(observed);
  });
  OnOwn(api::ResourceOf<corev1::Namespace>(), runner);
  informers_.ForEach([this, runner](client::Informer& informer) {
    if (!informer.resource().namespaced) return;
    informer.AddHandler([this, runner](const api::ObjectPtr& before, const api::ObjectPtr& now) {
      const api::ObjectPtr& any = now != nullptr ? now : before;
      if (any == nullptr) return;
      const std::string key = absl::StrCat("/", any->meta().namespace_());
      const api::ObjectPtr home = informers_.Of<corev1::Namespace>().Get(key);
      if (home != nullptr && home->meta().has_deletion_timestamp()) runner->Enqueue(key);
    });
  });
}

}  // namespace skiff::controllers
