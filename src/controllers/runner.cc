#include "controllers/runner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace skiff::controllers {
namespace {

// So often what fails is tried again within a second.
constexpr int kSoonAgain = 8;

}  // namespace

InformerSet::InformerSet(client::Client* client, Executor* executor) {
  for (const api::ResourceInfo& resource : api::Resources()) {
    if (!resource.has_verb("watch")) continue;  // Nothing of it is stored.
    ordered_.push_back(std::make_unique<client::Informer>(client, executor, resource));
    informers_[&resource] = ordered_.back().get();
  }
}

void InformerSet::Start() {
  for (const auto& informer : ordered_) informer->Start();
}

void InformerSet::Stop() {
  for (const auto& informer : ordered_) informer->Stop();
}

bool InformerSet::current() const {
  return std::all_of(ordered_.begin(), ordered_.end(),
                     [](const auto& informer) { return informer->current(); });
}

void InformerSet::ForEach(const std::function<void(client::Informer&)>& visit) {
  for (const auto& informer : ordered_) visit(*informer);
}

Runner::Runner(std::string name, client::Client* client, Executor* executor, InformerSet* informers,
               Logger logger, Metrics* metrics, Reconcile reconcile)
    : name_(std::move(name)),
      client_(client),
      executor_(executor),
      informers_(informers),
      logger_(std::move(logger)),
      reconcile_(std::move(reconcile)),
      events_(client, executor, name_) {
  if (metrics == nullptr) return;
  const std::map<std::string, std::string> labels = {{"controller", name_}};
  reconciles_ = &metrics->Counter("skiff_controller_reconciles_total",
                                  "Keys that a controller has looked at", labels);
  errors_ = &metrics->Counter("skiff_controller_errors_total",
                              "Plans of a controller that could not be committed", labels);
}

Runner::~Runner() { *alive_ = false; }

void Runner::Enqueue(const std::string& key) {
  if (stopped_) return;
  queue_.insert(key);
  Schedule();
}

void Runner::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  executor_->Post([this, alive = alive_] {
    if (!*alive) return;
    scheduled_ = false;
    if (!stopped_) Process();
  });
}

void Runner::Pump() {
  if (waiting_.empty()) return;
  for (const std::string& key : std::exchange(waiting_, {})) Enqueue(key);
}

bool Runner::ViewReached(const std::string& key) {
  const auto it = written_.find(key);
  if (it == written_.end()) return true;
  for (const auto& [resource, revision] : it->second) {
    if (informers_->Of(*resource).revision() < revision) return false;
  }
  written_.erase(it);
  return true;
}

// A namespace that is being deleted takes nothing new: its workloads are still counted and let go
// of, without what would only be refused.
void Runner::DropForbidden(Plan* plan) const {
  const auto forbidden = [this](const client::Write& write) {
    if (write.verb != client::Write::Verb::kCreate || write.object == nullptr) return false;
    const api::ObjectPtr home =
        informers_->Of<corev1::Namespace>().Get("/" + api::MetaOf(*write.object)->namespace_());
    return home != nullptr && home->meta().has_deletion_timestamp();
  };
  auto& writes = plan->writes;
  const auto end = std::remove_if(writes.begin(), writes.end(), forbidden);
  if (end == writes.end()) return;
  writes.erase(end, writes.end());
  auto& events = plan->events;
  events.erase(std::remove_if(events.begin(), events.end(),
                              [](const EventNote& note) { return note.names_write >= 0; }),
               events.end());
}

void Runner::Process() {
  if (!informers_->current()) return;  // Kicked when it is.
  for (const std::string& key : std::exchange(queue_, {})) {
    if (in_flight_.contains(key)) {
      queue_.insert(key);  // Taken up again when its commit is done.
      continue;
    }
    if (!ViewReached(key)) {
      waiting_.insert(key);
      continue;
    }
    if (reconciles_ != nullptr) reconciles_->Increment();
    ++count_;
    Plan plan = reconcile_(key);
    DropForbidden(&plan);
    if (!plan.writes.empty()) NotePlan(key, plan);
    WakeLater(key, plan.wake_at - executor_->clock().Now());
    if (plan.writes.empty()) {
      for (const EventNote& note : plan.events) {
        events_.Record(*note.about, note.type, note.reason, note.message);
      }
      failures_.erase(key);
      continue;
    }
    in_flight_.insert(key);
    client_->Commit(client::By("kube-controller-manager", std::move(plan.writes)), executor_,
                    [this, alive = alive_, key, events = std::move(plan.events)](
                        absl::StatusOr<client::WriteResult> result) mutable {
                      if (*alive) OnCommitted(key, std::move(events), std::move(result));
                    });
  }
}

void Runner::NotePlan(const std::string& key, const Plan& plan) {
  last_key_ = key;
  last_writes_.clear();
  for (const client::Write& write : plan.writes) {
    const char* verb = write.verb == client::Write::Verb::kCreate   ? "create "
                       : write.verb == client::Write::Verb::kUpdate ? "update "
                                                                    : "delete ";
    const metav1::ObjectMeta* meta = write.object == nullptr ? nullptr : api::MetaOf(*write.object);
    std::string name = meta == nullptr ? write.name : meta->name();
    if (meta != nullptr && name.empty()) name = meta->generate_name() + "*";
    const std::string& name_space = meta == nullptr ? write.name_space : meta->namespace_();
    last_writes_.push_back(absl::StrCat(
        verb, write.resource == nullptr ? "" : std::string(write.resource->qualified()),
        write.subresource.empty() ? "" : "/", write.subresource, " ", name_space,
        name_space.empty() ? "" : "/", name));
  }
}

Runner::View Runner::Inspect() const {
  View out;
  out.name = name_;
  out.queued.assign(queue_.begin(), queue_.end());
  out.in_flight.assign(in_flight_.begin(), in_flight_.end());
  out.waiting.assign(waiting_.begin(), waiting_.end());
  out.failures = failures_;
  out.next_wake = NextWake();
  out.reconciles = count_;
  out.last_key = last_key_;
  out.last_writes = last_writes_;
  return out;
}

Executor::TimerId Runner::WakeOf(const std::string& key) const {
  const auto it = wakes_.find(key);
  return it == wakes_.end() || failures_.contains(key) ? 0 : it->second.timer;
}

void Runner::Skipped(const std::string& key, absl::Duration time) {
  const auto it = wakes_.find(key);
  if (it != wakes_.end() && !failures_.contains(key)) it->second.at += time;
}

void Runner::OnCommitted(const std::string& key, std::vector<EventNote> events,
                         absl::StatusOr<client::WriteResult> result) {
  in_flight_.erase(key);
  if (stopped_) return;
  if (result.ok()) {
    failures_.erase(key);
    bool changed = false;
    auto& written = written_[key];
    for (const api::ObjectPtr& object : result->objects) {
      uint64_t& revision = written[&object->resource()];
      revision = std::max(revision, object->revision());
      changed = changed || object->revision() == result->revision;
    }
    for (const EventNote& note : events) {
      std::string message = note.message;
      if (note.names_write >= 0) message += result->objects.at(note.names_write)->meta().name();
      events_.Record(*note.about, note.type, note.reason, message);
    }
    // A plan that changed nothing would be planned again for ever.
    if (changed || queue_.contains(key)) Enqueue(key);
    return;
  }
  if (errors_ != nullptr) errors_->Increment();
  // Others got in between: the view will show it. Anything else is worth a
  // word.
  const absl::Status& status = result.status();
  const bool raced =
      absl::IsAborted(status) || absl::IsNotFound(status) || absl::IsAlreadyExists(status);
  if (!raced) {
    logger_.Warning("%s %s: %s", name_, key, status.message());
    TellFailed(events, status);
  }
  const int failures = std::min(failures_[key]++, 14);
  WakeLater(key, std::min(absl::Milliseconds(5) * (1 << failures), absl::Seconds(60)));
  if (queue_.contains(key)) Schedule();
}

// What goes on failing is not waited for for ever.
bool Runner::TriesAgainSoon() const {
  return std::any_of(failures_.begin(), failures_.end(),
                     [](const auto& entry) { return entry.second < kSoonAgain; });
}

// The whole plan failed with the first write that was refused; who asked for it learns why.
void Runner::TellFailed(const std::vector<EventNote>& events, const absl::Status& status) {
  for (const EventNote& note : events) {
    if (note.names_write < 0) continue;
    events_.Record(*note.about, "Warning", "FailedCreate",
                   absl::StrCat("Error creating: ", status.message()));
    return;
  }
}

absl::Time Runner::NextWake() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [key, wake] : wakes_) next = std::min(next, wake.at);
  return executor_->clock().Now() + (next - executor_->clock().Monotonic());
}

void Runner::WakeLater(const std::string& key, absl::Duration delay) {
  if (const auto known = wakes_.find(key); known != wakes_.end()) {
    executor_->Cancel(known->second.timer);
    wakes_.erase(known);
  }
  if (delay == absl::InfiniteDuration()) return;
  delay = std::max(delay, absl::Milliseconds(1));
  const Executor::TimerId timer = executor_->PostAfter(delay, [this, alive = alive_, key] {
    if (!*alive) return;
    wakes_.erase(key);
    Enqueue(key);
  });
  wakes_[key] = {timer, executor_->clock().Monotonic() + delay};
}

}  // namespace skiff::controllers
