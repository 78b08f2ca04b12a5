#include "controllers/job.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api/time.h"

namespace skiff::controllers {
namespace {

constexpr char kTracking[] = "batch.kubernetes.io/job-tracking";
constexpr char kIndex[] = "batch.kubernetes.io/job-completion-index";
constexpr int kBurst = 500;

bool HasTracking(const metav1::ObjectMeta& meta) {
  const auto& all = meta.finalizers();
  return std::find(all.begin(), all.end(), kTracking) != all.end();
}

const batchv1::JobCondition* Find(const batchv1::Job& job, const std::string& type) {
  for (const batchv1::JobCondition& condition : job.status().conditions()) {
    if (condition.type() == type && condition.status() == "True") return &condition;
  }
  return nullptr;
}

int IndexOf(const api::Object& pod) {
  const auto it = pod.meta().annotations().find(kIndex);
  int index = -1;
  return it != pod.meta().annotations().end() && absl::SimpleAtoi(it->second, &index) ? index : -1;
}

// "0-2,5" <-> {0,1,2,5}: how a job's status writes indexes.
std::set<int> ParseIndexes(const std::string& text) {
  std::set<int> out;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first = 0, last = 0;
    if (!absl::SimpleAtoi(ends.first, &first)) continue;
    if (ends.second.empty() || !absl::SimpleAtoi(ends.second, &last)) last = first;
    for (int i = first; i <= last; ++i) out.insert(i);
  }
  return out;
}

std::string FormatIndexes(const std::set<int>& indexes) {
  std::vector<std::string> parts;
  for (auto it = indexes.begin(); it != indexes.end();) {
    const int first = *it;
    int last = first;
    while (++it != indexes.end() && *it == last + 1) last = *it;
    parts.push_back(first == last ? absl::StrCat(first) : absl::StrCat(first, "-", last));
  }
  return absl::StrJoin(parts, ",");
}

class Round {
 public:
  explicit Round(const JobObserved& observed)
      : observed_(observed),
        job_(observed.job->As<batchv1::Job>()),
        changed_(observed.job->CopyAs<batchv1::Job>()),
        status_(changed_->mutable_status()),
        indexed_(job_.spec().completion_mode() == "Indexed"),
        done_indexes_(ParseIndexes(job_.status().completed_indexes())) {}

  Plan Run() {
    if (Find(job_, "Complete") != nullptr || Find(job_, "Failed") != nullptr) return Finished();
    if (job_.metadata().has_deletion_timestamp()) {
      ReleaseAll();
      return std::move(plan_);
    }
    Suspend();
    if (!status_->has_start_time() && !job_.spec().suspend()) {
      *status_->mutable_start_time() = api::MakeTime(observed_.now);
    }
    Count();
    Decide();
    if (ending_.empty()) Adjust();
    WriteStatus();
    return std::move(plan_);
  }

 private:
  int wanted() const { return job_.spec().has_completions() ? job_.spec().completions() : -1; }
  int parallelism() const { return job_.spec().suspend() ? 0 : job_.spec().parallelism(); }

  // A suspended job has no pods; the clock of its deadline begins again when it goes on.
  void Suspend() {
    batchv1::JobCondition* condition = nullptr;
    for (auto& each : *status_->mutable_conditions()) {
      if (each.type() == "Suspended") condition = &each;
    }
    const bool was = condition != nullptr && condition->status() == "True";
    const bool is = job_.spec().suspend();
    if (was == is) return;
    if (condition == nullptr) condition = status_->add_conditions();
    condition->set_type("Suspended");
    condition->set_status(is ? "True" : "False");
    condition->set_reason(is ? "JobSuspended" : "JobResumed");
    condition->set_message(is ? "Job suspended" : "Job resumed");
    *condition->mutable_last_probe_time() = api::MakeTime(observed_.now);
    *condition->mutable_last_transition_time() = api::MakeTime(observed_.now);
    if (!is) *status_->mutable_start_time() = api::MakeTime(observed_.now);
    plan_.events.push_back({observed_.job, "Normal", is ? "Suspended" : "Resumed",
                            is ? "Job suspended" : "Job resumed"});
  }

  // A finished pod is counted, and let go of, in one transaction.
  void Count() {
    for (const api::ObjectPtr& object : observed_.pods) {
      const auto& pod = object->As<corev1::Pod>();
      const bool succeeded = pod.status().phase() == "Succeeded";
      const bool failed = pod.status().phase() == "Failed" ||
                          (pod.metadata().has_deletion_timestamp() && !succeeded);
      if (!succeeded && !failed) {
        active_.push_back(object);
        ready_ += IsPodReady(pod) ? 1 : 0;
        if (job_.spec().template_().spec().restart_policy() == "OnFailure") {
          for (const auto& container : pod.status().container_statuses()) {
            restarts_ += container.restart_count();
          }
        }
        continue;
      }
      if (failed && pod.status().phase() == "Failed") last_failure_ = Later(last_failure_, pod);
      if (pod.metadata().has_deletion_timestamp() && pod.status().phase() != "Failed" &&
          !succeeded) {
        ++terminating_;
      }
      if (!HasTracking(pod.metadata())) continue;
      // A pod that is being deleted while it runs is over only when its node says so.
      Release(object);
      if (succeeded) {
        if (!indexed_ || done_indexes_.insert(IndexOf(*object)).second) {
          status_->set_succeeded(status_->succeeded() + 1);
        }
      } else {
        status_->set_failed(status_->failed() + 1);
      }
    }
    if (indexed_) {
      status_->set_completed_indexes(FormatIndexes(done_indexes_));
      status_->set_succeeded(static_cast<int>(done_indexes_.size()));
    }
  }

  static absl::Time Later(absl::Time known, const corev1::Pod& pod) {
    absl::Time end = known;
    for (const auto& container : pod.status().container_statuses()) {
      if (container.state().has_terminated()) {
        end = std::max(end, api::ToAbsl(container.state().terminated().finished_at()));
      }
    }
    return end;
  }

  void Release(const api::ObjectPtr& object) {
    auto pod = object->CopyAs<corev1::Pod>();
    auto* finalizers = pod->mutable_metadata()->mutable_finalizers();
    const auto it = std::find(finalizers->begin(), finalizers->end(), kTracking);
    if (it == finalizers->end()) return;
    finalizers->erase(it);
    plan_.writes.push_back(client::Write::Update(std::move(pod)));
    released_.insert(object->meta().name());
  }

  void ReleaseAll() {
    for (const api::ObjectPtr& pod : observed_.pods) {
      if (HasTracking(pod->meta())) Release(pod);
    }
  }

  bool Completed() const {
    const int succeeded = status_->succeeded();
    if (wanted() >= 0) return succeeded >= wanted();
    // Without completions any success ends it, once nothing is active.
    return succeeded > 0 && active_.empty();
  }

  void Decide() {
    const int failures = status_->failed() + restarts_;
    if (Completed()) {
      return End("Complete", "SuccessCriteriaMet", "CompletionsReached",
                 "Reached expected number of succeeded pods");
    }
    if (failures > job_.spec().backoff_limit()) {
      return End("Failed", "FailureTarget", "BackoffLimitExceeded",
                 "Job has reached the specified backoff limit");
    }
    if (job_.spec().has_active_deadline_seconds() && status_->has_start_time() &&
        !job_.spec().suspend()) {
      const absl::Time deadline =
          api::ToAbsl(status_->start_time()) + absl::Seconds(job_.spec().active_deadline_seconds());
      if (observed_.now >= deadline) {
        return End("Failed", "FailureTarget", "DeadlineExceeded",
                   "Job was active longer than specified deadline");
      }
      plan_.WakeAt(deadline);
    }
  }

  // Over: what still runs is stopped; the terminal condition comes with the last of it.
  void End(const std::string& type, const std::string& early, const std::string& reason,
           const std::string& message) {
    ending_ = type;
    AddCondition(early, reason, message);
    for (const api::ObjectPtr& pod : active_) {
      if (HasTracking(pod->meta())) Release(pod);
      // Released and deleted in one transaction.
      plan_.writes.push_back(client::Write::Delete(*pod));
    }
    active_.clear();
    ready_ = 0;
    AddCondition(type, reason, message);
    if (type == "Complete") *status_->mutable_completion_time() = api::MakeTime(observed_.now);
    plan_.events.push_back({observed_.job, type == "Complete" ? "Normal" : "Warning",
                            type == "Complete" ? "Completed" : reason,
                            type == "Complete" ? "Job completed" : message});
  }

  void AddCondition(const std::string& type, const std::string& reason,
                    const std::string& message) {
    if (Find(job_, type) != nullptr) return;
    batchv1::JobCondition* condition = status_->add_conditions();
    condition->set_type(type);
    condition->set_status("True");
    condition->set_reason(reason);
    condition->set_message(message);
    *condition->mutable_last_probe_time() = api::MakeTime(observed_.now);
    *condition->mutable_last_transition_time() = api::MakeTime(observed_.now);
  }

  void Adjust() {
    const int have = static_cast<int>(active_.size());
    int target = parallelism();
    if (wanted() >= 0) target = std::min(target, wanted() - status_->succeeded());
    // With an open number of completions, a success means that no more pods are begun.
    if (wanted() < 0 && status_->succeeded() > 0) target = std::min(target, have);
    for (int i = have; i > std::max(target, 0); --i) {
      const api::ObjectPtr& pod = active_[i - 1];
      if (HasTracking(pod->meta())) Release(pod);
      plan_.writes.push_back(client::Write::Delete(*pod));
    }
    if (target <= have) return;
    if (const absl::Time start = BackoffEnd(); observed_.now < start) return plan_.WakeAt(start);
    std::set<int> taken = done_indexes_;
    for (const api::ObjectPtr& pod : active_) taken.insert(IndexOf(*pod));
    int next = 0;
    for (int i = have; i < std::min(target, have + kBurst); ++i) {
      int index = -1;
      if (indexed_) {
        while (taken.contains(next)) ++next;
        if (next >= wanted()) break;
        index = next;
        taken.insert(index);
      }
      Create(index);
    }
  }

  // Failures make the next pod wait: 10 s, doubling, at most 10 minutes (batch/v1 backoffLimit).
  absl::Time BackoffEnd() const {
    if (status_->failed() == 0) return absl::InfinitePast();
    const absl::Duration pause = std::min(
        absl::Seconds(10) * (int64_t{1} << std::min(status_->failed() - 1, 10)), absl::Minutes(10));
    return last_failure_ == absl::InfinitePast() ? absl::InfinitePast() : last_failure_ + pause;
  }

  void Create(int index) {
    auto pod = std::make_unique<corev1::Pod>();
    metav1::ObjectMeta* meta = pod->mutable_metadata();
    const auto& from = job_.spec().template_();
    meta->set_namespace_(job_.metadata().namespace_());
    *meta->mutable_labels() = from.metadata().labels();
    *meta->mutable_annotations() = from.metadata().annotations();
    *meta->add_owner_references() = MakeControllerRef(*observed_.job);
    meta->add_finalizers(kTracking);
    *pod->mutable_spec() = from.spec();
    if (index >= 0) {
      meta->set_generate_name(absl::StrCat(job_.metadata().name(), "-", index, "-"));
      (*meta->mutable_annotations())[kIndex] = absl::StrCat(index);
      (*meta->mutable_labels())[kIndex] = absl::StrCat(index);
      for (auto* list : {pod->mutable_spec()->mutable_init_containers(),
                         pod->mutable_spec()->mutable_containers()}) {
        for (corev1::Container& container : *list) {
          corev1::EnvVar* variable = container.add_env();
          variable->set_name("JOB_COMPLETION_INDEX");
          variable->set_value(absl::StrCat(index));
        }
      }
    } else {
      meta->set_generate_name(absl::StrCat(job_.metadata().name(), "-"));
    }
    plan_.events.push_back({observed_.job, "Normal", "SuccessfulCreate",
                            "Created pod: ", static_cast<int>(plan_.writes.size())});
    plan_.writes.push_back(client::Write::Create(std::move(pod)));
  }

  void WriteStatus() {
    status_->set_active(static_cast<int>(active_.size()));
    status_->set_ready(ready_);
    status_->set_terminating(terminating_);
    status_->mutable_uncounted_terminated_pods();
    // The status alone: it has no maps, whose order differs from copy to copy.
    if (changed_->status().SerializeAsString() != job_.status().SerializeAsString()) {
      plan_.writes.push_back(client::Write::Update(std::move(changed_), "status"));
    }
  }

  // Nothing is left to do but, perhaps, to go.
  Plan Finished() {
    ReleaseAll();
    if (job_.spec().has_ttl_seconds_after_finished() && !job_.metadata().has_deletion_timestamp()) {
      const batchv1::JobCondition* end = Find(job_, "Complete");
      if (end == nullptr) end = Find(job_, "Failed");
      const absl::Time when = api::ToAbsl(end->last_transition_time()) +
                              absl::Seconds(job_.spec().ttl_seconds_after_finished());
      if (observed_.now < when) {
        plan_.WakeAt(when);
      } else {
        plan_.writes.push_back(client::Write::Delete(*observed_.job));
      }
    }
    return std::move(plan_);
  }

  const JobObserved& observed_;
  const batchv1::Job& job_;
  std::unique_ptr<batchv1::Job> changed_;
  batchv1::JobStatus* const status_;
  const bool indexed_;
  std::set<int> done_indexes_;
  std::set<std::string> released_;
  std::vector<api::ObjectPtr> active_;
  absl::Time last_failure_ = absl::InfinitePast();
  int ready_ = 0;
  int terminating_ = 0;
  int restarts_ = 0;
  std::string ending_;
  Plan plan_;
};

}  // namespace

Plan ReconcileJob(const JobObserved& observed) { return Round(observed).Run(); }

}  // namespace skiff::controllers
