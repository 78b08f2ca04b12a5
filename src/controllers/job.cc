#include "controllers/job.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "api/conditions.h"
#include "api/time.h"
#include "controllers/job_pods.h"

namespace skiff::controllers {
namespace {

// One transaction makes at most so many pods.
constexpr int kBurst = 500;
// What the API server keeps of a generateName.
constexpr size_t kMaxGenerateName = 58;

const batchv1::JobCondition* Find(const batchv1::Job& job, const std::string& type) {
  for (const batchv1::JobCondition& condition : job.status().conditions()) {
    if (condition.type() == type && condition.status() == "True") return &condition;
  }
  return nullptr;
}

// The reconcile of one job, in steps over shared facts.
class Round {
 public:
  explicit Round(const JobObserved& observed)
      : observed_(observed),
        job_(observed.job->As<batchv1::Job>()),
        changed_(observed.job->CopyAs<batchv1::Job>()),
        status_(changed_->mutable_status()),
        indexed_(job_.spec().completion_mode() == "Indexed"),
        per_index_(indexed_ && job_.spec().has_backoff_limit_per_index()),
        pods_(observed.pods) {
    const auto by_name = [](const api::ObjectPtr& a, const api::ObjectPtr& b) {
      return a->meta().name() < b->meta().name();
    };
    // A view gives them in order.
    if (!std::is_sorted(pods_.begin(), pods_.end(), by_name)) {
      std::sort(pods_.begin(), pods_.end(), by_name);
    }
  }

  Plan Run() {
    const std::string& manager = job_.spec().managed_by();
    if (!manager.empty() && manager != "kubernetes.io/job-controller") return {};
    if (Find(job_, "Complete") != nullptr || Find(job_, "Failed") != nullptr) return Finished();
    Claim(*observed_.job, job_.spec().selector(), pods_, observed_.strays, &plan_, kJobTracking);
    if (!plan_.writes.empty()) return std::move(plan_);
    if (!status_->has_start_time() && !job_.spec().suspend()) {
      *status_->mutable_start_time() = api::MakeTime(observed_.now);
    }
    Sort();
    Decide();
    if (ending_.has_value()) {
      StopActive();
    } else if (!job_.metadata().has_deletion_timestamp()) {
      Adjust();
      if (IsComplete()) {
        End(/*success=*/true, "CompletionsReached", "Reached expected number of succeeded pods");
      } else {
        Suspend();
      }
    }
    Count();
    Close();
    WriteStatus();
    return std::move(plan_);
  }

 private:
  struct Ending {
    bool success;
    std::string reason;
    std::string message;
  };

  static const corev1::Pod& Typed(const api::ObjectPtr& pod) { return pod->As<corev1::Pod>(); }
  int IndexOf(const api::ObjectPtr& pod) const { return CompletionIndexOf(Typed(pod), job_); }
  static bool IsTracked(const api::ObjectPtr& pod) {
    return HasFinalizer(pod->meta(), kJobTracking);
  }
  // Pods of an Indexed job that work on no index of it do not count for anything.
  bool Counts(const api::ObjectPtr& pod) const { return !indexed_ || IndexOf(pod) != kNoIndex; }

  // Who is active, who has ended and was not counted yet; which indexes are done or have failed.
  void Sort() {
    if (indexed_) {
      done_ = ParseIndexes(job_.status().completed_indexes(), job_.spec().completions());
      failed_indexes_ = ParseIndexes(job_.status().failed_indexes(), job_.spec().completions());
    }
    failures_ = job_.status().failed();
    successes_ = job_.status().succeeded();
    for (const api::ObjectPtr& object : pods_) {
      const corev1::Pod& pod = Typed(object);
      terminating_ += IsPodTerminating(pod) ? 1 : 0;
      if (IsPodActive(pod)) active_.push_back(object);
      if (!IsTracked(object) || !Counts(object)) continue;
      if (HasSucceeded(pod)) {
        ++successes_;
        if (indexed_) done_.insert(IndexOf(object));
      } else if (HasFailed(pod, job_)) {
        const FailureVerdict verdict = JudgeFailure(pod, job_);
        failures_ += verdict.counts ? 1 : 0;
        if (per_index_ && (verdict.fails_index ||
                           (verdict.counts && IndexFailuresBefore(pod).counted >=
                                                  job_.spec().backoff_limit_per_index()))) {
          failed_indexes_.insert(IndexOf(object));
        }
      }
    }
    if (indexed_) successes_ = static_cast<int>(done_.size());
    for (const int index : done_) failed_indexes_.erase(index);
  }

  // Whether it is to end, whatever else could still be begun.
  void Decide() {
    if (const auto* met = Find(job_, "SuccessCriteriaMet"); met != nullptr) {
      return End(/*success=*/true, met->reason(), met->message());
    }
    if (const auto* target = Find(job_, "FailureTarget"); target != nullptr) {
      return End(/*success=*/false, target->reason(), target->message());
    }
    for (const api::ObjectPtr& pod : pods_) {
      if (!HasFailed(Typed(pod), job_)) continue;
      const FailureVerdict verdict = JudgeFailure(Typed(pod), job_);
      if (verdict.fails_job.has_value()) {
        return End(/*success=*/false, "PodFailurePolicy", *verdict.fails_job);
      }
    }
    if (failures_ > job_.spec().backoff_limit() || RestartedTooOften()) {
      return End(/*success=*/false, "BackoffLimitExceeded",
                 "Job has reached the specified backoff limit");
    }
    if (IsPastDeadline()) {
      return End(/*success=*/false, "DeadlineExceeded",
                 "Job was active longer than specified deadline");
    }
    const int failed = static_cast<int>(failed_indexes_.size());
    if (per_index_ && job_.spec().has_max_failed_indexes() &&
        failed > job_.spec().max_failed_indexes()) {
      return End(/*success=*/false, "MaxFailedIndexesExceeded",
                 "Job has exceeded the specified maximal number of failed indexes");
    }
    if (per_index_ && failed > 0 && failed + successes_ >= job_.spec().completions()) {
      return End(/*success=*/false, "FailedIndexes", "Job has failed indexes");
    }
    if (!indexed_) return;
    if (const auto message = MatchSuccessPolicy(job_, done_); message.has_value()) {
      End(/*success=*/true, "SuccessPolicy", *message);
    }
  }

  // With restartPolicy OnFailure the containers' restarts count against the limit as well.
  bool RestartedTooOften() const {
    if (job_.spec().template_().spec().restart_policy() != "OnFailure") return false;
    int restarts = 0;
    for (const api::ObjectPtr& pod : active_) {
      for (const auto* list : {&Typed(pod).status().init_container_statuses(),
                               &Typed(pod).status().container_statuses()}) {
        for (const corev1::ContainerStatus& status : *list) restarts += status.restart_count();
      }
    }
    return restarts > 0 && restarts >= job_.spec().backoff_limit();
  }

  bool IsPastDeadline() {
    if (!job_.spec().has_active_deadline_seconds() || !status_->has_start_time() ||
        job_.spec().suspend()) {
      return false;
    }
    // Going on, it starts its clock anew (see Suspend).
    if (Find(job_, "Suspended") != nullptr) return false;
    const absl::Time deadline =
        api::ToAbsl(status_->start_time()) + absl::Seconds(job_.spec().active_deadline_seconds());
    if (observed_.now >= deadline) return true;
    plan_.WakeAt(deadline);
    return false;
  }

  void End(bool success, const std::string& reason, const std::string& message) {
    ending_ = Ending{success, reason, message};
  }

  void Remove(const api::ObjectPtr& pod) {
    to_delete_.push_back(pod);
    ++terminating_;
    plan_.events.push_back({observed_.job, "Normal", "SuccessfulDelete",
                            absl::StrCat("Deleted pod: ", pod->meta().name())});
  }

  void StopActive() {
    for (const api::ObjectPtr& pod : active_) Remove(pod);
    active_.clear();
  }

  // Removed because there are too many: they did not fail, so they go uncounted.
  void RemoveUncounted(const std::set<std::string>& names) {
    std::vector<api::ObjectPtr> left;
    for (const api::ObjectPtr& pod : active_) {
      if (!names.contains(pod->meta().name())) {
        left.push_back(pod);
        continue;
      }
      Release(pod);
      Remove(pod);
    }
    active_ = std::move(left);
  }

  int Target() const {
    if (job_.spec().suspend()) return 0;
    const int have = static_cast<int>(active_.size());
    // With an open number of completions, a success means that no more pods are begun.
    if (!job_.spec().has_completions()) {
      return successes_ > 0 ? have : job_.spec().parallelism();
    }
    return std::max(0, std::min(job_.spec().parallelism(), job_.spec().completions() - successes_));
  }

  void Adjust() {
    const int target = Target();
    std::set<std::string> surplus;
    std::vector<api::ObjectPtr> rest;
    std::set<int> taken;
    std::vector<api::ObjectPtr> ranked = InOrderOfRemoval(active_);
    // The most useful pod of each index stays.
    std::reverse(ranked.begin(), ranked.end());
    for (const api::ObjectPtr& pod : ranked) {
      if (!indexed_ || (IndexOf(pod) != kNoIndex && taken.insert(IndexOf(pod)).second)) {
        rest.push_back(pod);
      } else {
        surplus.insert(pod->meta().name());
      }
    }
    for (int i = static_cast<int>(rest.size()); i > target; --i) {
      surplus.insert(rest[i - 1]->meta().name());
    }
    if (!surplus.empty()) return RemoveUncounted(surplus);
    int missing = target - static_cast<int>(active_.size());
    if (ReplacesFailedOnly(job_)) missing -= terminating_;
    if (missing <= 0 || job_.spec().suspend()) return;
    if (indexed_) {
      CreateIndexed(std::min(missing, kBurst), std::move(taken));
    } else if (const absl::Time start = BackoffEnd(); observed_.now < start) {
      plan_.WakeAt(start);
    } else {
      for (int i = 0; i < std::min(missing, kBurst); ++i) Create(kNoIndex, nullptr);
    }
  }

  // The lowest indexes that nobody works on.
  void CreateIndexed(int missing, std::set<int> taken) {
    const absl::Time start = per_index_ ? absl::InfinitePast() : BackoffEnd();
    if (observed_.now < start) return plan_.WakeAt(start);
    taken.insert(done_.begin(), done_.end());
    taken.insert(failed_indexes_.begin(), failed_indexes_.end());
    if (ReplacesFailedOnly(job_)) {
      for (const api::ObjectPtr& pod : pods_) {
        if (IsPodTerminating(Typed(pod))) taken.insert(IndexOf(pod));
      }
    }
    std::map<int, api::ObjectPtr> last;
    if (per_index_) last = LastFailures();
    for (int index = 0; index < job_.spec().completions() && missing > 0; ++index) {
      if (taken.contains(index)) continue;
      --missing;
      const auto before = last.find(index);
      if (before == last.end()) {
        Create(index, nullptr);
        continue;
      }
      const corev1::Pod& failed = Typed(before->second);
      const absl::Time when = PauseEnd(PodEndedAt(failed), IndexFailuresAfter(failed, job_).all());
      if (observed_.now < when) {
        plan_.WakeAt(when);
      } else {
        Create(index, &failed);
      }
    }
  }

  // By index, the failed pod that knows most of its index's failures.
  std::map<int, api::ObjectPtr> LastFailures() const {
    std::map<int, api::ObjectPtr> out;
    for (const api::ObjectPtr& pod : pods_) {
      if (!HasFailed(Typed(pod), job_) || IndexOf(pod) == kNoIndex) continue;
      api::ObjectPtr& known = out[IndexOf(pod)];
      if (known == nullptr ||
          IndexFailuresBefore(Typed(pod)).all() > IndexFailuresBefore(Typed(known)).all()) {
        known = pod;
      }
    }
    return out;
  }

  // Every failure since the last success makes the next pod wait longer.
  absl::Time BackoffEnd() const {
    absl::Time last_success = absl::InfinitePast();
    LostFailures failed = observed_.lost_failures;
    for (const api::ObjectPtr& pod : pods_) {
      if (HasSucceeded(Typed(pod))) last_success = std::max(last_success, PodEndedAt(Typed(pod)));
      if (HasFailed(Typed(pod), job_)) failed[pod->meta().uid()] = PodEndedAt(Typed(pod));
    }
    std::erase_if(failed, [&](const auto& entry) { return entry.second <= last_success; });
    absl::Time last = absl::InfinitePast();
    for (const auto& [uid, when] : failed) {
      last = std::max(last, PauseEnd(when, static_cast<int>(failed.size())));
    }
    return last;
  }

  // Nodes say when pods end, by their clocks: an end that lies further ahead than the pause is long
  // comes of a clock that was set, and is not waited for.
  absl::Time PauseEnd(absl::Time end, int failures) const {
    const absl::Duration pause = FailurePause(failures);
    return end > observed_.now + pause ? absl::InfinitePast() : end + pause;
  }

  bool IsComplete() const {
    if (!active_.empty() || created_ > 0) return false;
    if (job_.spec().has_completions()) return successes_ >= job_.spec().completions();
    return successes_ > 0;
  }

  // A suspended job has no pods; the clock of its deadline begins again when it goes on.
  void Suspend() {
    const auto* condition = api::FindCondition(status_->conditions(), "Suspended");
    const bool was = condition != nullptr && condition->status() == "True";
    const bool is = job_.spec().suspend();
    if (was == is) return;
    SetCondition("Suspended", is ? "True" : "False", is ? "JobSuspended" : "JobResumed",
                 is ? "Job suspended" : "Job resumed");
    if (!is) {
      *status_->mutable_start_time() = api::MakeTime(observed_.now);
      // The deadline counts from now: the next round, which this write brings, sees to it.
    }
    plan_.events.push_back({observed_.job, "Normal", is ? "Suspended" : "Resumed",
                            is ? "Job suspended" : "Job resumed"});
  }

  // Adds to the counts what has ended, and lets go of it.
  void Count() {
    const bool failing = ending_.has_value() && !ending_->success;
    const std::set<std::string> held = Held();
    int failed = job_.status().failed();
    int succeeded = job_.status().succeeded();
    for (const api::ObjectPtr& object : pods_) {
      const std::string& name = object->meta().name();
      if (!IsTracked(object) || released_.contains(name) || held.contains(name)) continue;
      const corev1::Pod& pod = Typed(object);
      // What a failing job has not seen end by then counts as failed.
      const bool over = HasSucceeded(pod) || HasFailed(pod, job_) || failing;
      if (!over) continue;
      Release(object);
      if (!Counts(object)) continue;
      if (HasSucceeded(pod)) {
        ++succeeded;
      } else if (JudgeFailure(pod, job_).counts) {
        ++failed;
      }
    }
    status_->set_failed(failed);
    status_->set_succeeded(indexed_ ? static_cast<int>(done_.size()) : succeeded);
    if (indexed_) status_->set_completed_indexes(FormatIndexes(done_));
    if (per_index_) status_->set_failed_indexes(FormatIndexes(failed_indexes_));
  }

  // How often an index has failed stands on its last failed pod alone: that one is let go of, and
  // counted, when its successor, which knows, is made.
  std::set<std::string> Held() const {
    if (!per_index_ || ending_.has_value() || job_.metadata().has_deletion_timestamp()) return {};
    std::set<int> settled = done_;
    settled.insert(failed_indexes_.begin(), failed_indexes_.end());
    settled.insert(created_indexes_.begin(), created_indexes_.end());
    for (const api::ObjectPtr& pod : active_) settled.insert(IndexOf(pod));
    std::set<std::string> out;
    for (const auto& [index, pod] : LastFailures()) {
      if (!settled.contains(index)) out.insert(pod->meta().name());
    }
    return out;
  }

  void Release(const api::ObjectPtr& pod) {
    if (!IsTracked(pod) || !released_.insert(pod->meta().name()).second) return;
    plan_.writes.push_back(WithoutFinalizer(*pod, kJobTracking));
  }

  // First the condition that says how it will end, the terminal one when nothing runs any more:
  // who has seen that may reuse what the pods held.
  void Close() {
    if (!ending_.has_value()) return;
    AddCondition(ending_->success ? "SuccessCriteriaMet" : "FailureTarget");
    if (!active_.empty() || terminating_ > 0) return;
    AddCondition(ending_->success ? "Complete" : "Failed");
    if (ending_->success) *status_->mutable_completion_time() = api::MakeTime(observed_.now);
    plan_.events.push_back({observed_.job, ending_->success ? "Normal" : "Warning",
                            ending_->success ? "Completed" : ending_->reason,
                            ending_->success ? "Job completed" : ending_->message});
    plan_.wake_at = absl::InfiniteFuture();
  }

  void AddCondition(const std::string& type) {
    if (Find(job_, type) != nullptr) return;
    SetCondition(type, "True", ending_->reason, ending_->message);
  }

  void SetCondition(const std::string& type, const std::string& value, const std::string& reason,
                    const std::string& message) const {
    auto* condition = api::SetCondition(type, value, reason, message, observed_.now,
                                        status_->mutable_conditions());
    *condition->mutable_last_probe_time() = api::MakeTime(observed_.now);
  }

  void Create(int index, const corev1::Pod* replaces) {
    auto pod = std::make_unique<corev1::Pod>();
    metav1::ObjectMeta* meta = pod->mutable_metadata();
    const auto& from = job_.spec().template_();
    meta->set_namespace_(job_.metadata().namespace_());
    meta->set_generate_name(absl::StrCat(job_.metadata().name(), "-"));
    *meta->mutable_labels() = from.metadata().labels();
    *meta->mutable_annotations() = from.metadata().annotations();
    *meta->mutable_finalizers() = from.metadata().finalizers();
    if (!HasFinalizer(*meta, kJobTracking)) meta->add_finalizers(kJobTracking);
    *meta->add_owner_references() = MakeControllerRef(*observed_.job);
    *pod->mutable_spec() = from.spec();
    if (index != kNoIndex) SetIndex(index, replaces, pod.get());
    plan_.events.push_back({observed_.job, "Normal", "SuccessfulCreate",
                            "Created pod: ", static_cast<int>(plan_.writes.size())});
    plan_.writes.push_back(client::Write::Create(std::move(pod)));
    ++created_;
    if (index != kNoIndex) created_indexes_.insert(index);
  }

  void SetIndex(int index, const corev1::Pod* replaces, corev1::Pod* pod) const {
    metav1::ObjectMeta* meta = pod->mutable_metadata();
    const std::string suffix = absl::StrCat("-", index, "-");
    meta->set_generate_name(
        absl::StrCat(job_.metadata().name().substr(0, kMaxGenerateName - suffix.size()), suffix));
    (*meta->mutable_annotations())[kCompletionIndex] = absl::StrCat(index);
    (*meta->mutable_labels())[kCompletionIndex] = absl::StrCat(index);
    if (per_index_) {
      const IndexFailures failures =
          replaces == nullptr ? IndexFailures{} : IndexFailuresAfter(*replaces, job_);
      (*meta->mutable_annotations())[kIndexFailures] = absl::StrCat(failures.counted);
      if (failures.ignored > 0) {
        (*meta->mutable_annotations())[kIndexIgnored] = absl::StrCat(failures.ignored);
      }
    }
    pod->mutable_spec()->set_hostname(absl::StrCat(job_.metadata().name(), "-", index));
    constexpr char kVariable[] = "JOB_COMPLETION_INDEX";
    for (auto* list : {pod->mutable_spec()->mutable_init_containers(),
                       pod->mutable_spec()->mutable_containers()}) {
      for (corev1::Container& container : *list) {
        const auto& env = container.env();
        if (std::any_of(env.begin(), env.end(),
                        [&](const auto& each) { return each.name() == kVariable; })) {
          continue;
        }
        corev1::EnvVar* variable = container.add_env();
        variable->set_name(kVariable);
        variable->mutable_value_from()->mutable_field_ref()->set_field_path(
            absl::StrCat("metadata.labels['", kCompletionIndex, "']"));
      }
    }
  }

  void WriteStatus() {
    const int ready =
        static_cast<int>(std::count_if(active_.begin(), active_.end(), [](const auto& pod) {
          return api::IsPodReady(Typed(pod));
        }));
    status_->set_active(static_cast<int>(active_.size()) + created_);
    status_->set_ready(ready);
    status_->set_terminating(terminating_);
    status_->mutable_uncounted_terminated_pods();
    // After their finalizer is off: in one transaction the order is the writes'.
    for (const api::ObjectPtr& pod : to_delete_) {
      plan_.writes.push_back(client::Write::Delete(*pod));
    }
    if (!Same(changed_->status(), job_.status())) {
      plan_.writes.push_back(client::Write::Update(std::move(changed_), "status"));
    }
  }

  // Nothing is left to do but, perhaps, to go.
  Plan Finished() {
    for (const api::ObjectPtr& pod : pods_) Release(pod);
    if (job_.spec().has_ttl_seconds_after_finished() && !job_.metadata().has_deletion_timestamp()) {
      const batchv1::JobCondition* end = Find(job_, "Complete");
      if (end == nullptr) end = Find(job_, "Failed");
      const absl::Time when = api::ToAbsl(end->last_transition_time()) +
                              absl::Seconds(job_.spec().ttl_seconds_after_finished());
      if (observed_.now < when) {
        plan_.WakeAt(when);
      } else {
        client::Write write = client::Write::Delete(*observed_.job);
        write.propagation_policy = "Foreground";
        plan_.writes.push_back(std::move(write));
      }
    }
    return std::move(plan_);
  }

  const JobObserved& observed_;
  const batchv1::Job& job_;
  std::unique_ptr<batchv1::Job> changed_;
  batchv1::JobStatus* const status_;
  const bool indexed_;
  const bool per_index_;
  std::vector<api::ObjectPtr> pods_;
  std::vector<api::ObjectPtr> active_;
  std::vector<api::ObjectPtr> to_delete_;
  std::set<std::string> released_;
  std::set<int> done_;
  std::set<int> failed_indexes_;
  std::set<int> created_indexes_;
  int successes_ = 0;  // Those counted and those seen now.
  int failures_ = 0;
  int terminating_ = 0;
  int created_ = 0;
  std::optional<Ending> ending_;
  Plan plan_;
};

}  // namespace

Plan ReconcileJob(const JobObserved& observed) { return Round(observed).Run(); }

Plan ReconcileUntrackedPod(const api::ObjectPtr& pod) {
  Plan plan;
  if (HasFinalizer(pod->meta(), kJobTracking)) {
    plan.writes.push_back(WithoutFinalizer(*pod, kJobTracking));
  }
  return plan;
}

}  // namespace skiff::controllers
