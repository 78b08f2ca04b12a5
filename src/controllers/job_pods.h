// What the job controller asks about a pod: which index it works on, whether and when it ended, and
// what the job's failure policy says of that. Pure functions; any thread.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "api/object.h"

namespace skiff::controllers {

inline constexpr char kJobTracking[] = "batch.kubernetes.io/job-tracking";
inline constexpr char kCompletionIndex[] = "batch.kubernetes.io/job-completion-index";
inline constexpr char kIndexFailures[] = "batch.kubernetes.io/job-index-failure-count";
inline constexpr char kIndexIgnored[] = "batch.kubernetes.io/job-index-ignored-failure-count";
inline constexpr int kNoIndex = -1;

// The index that the pod works on; kNoIndex if it has none below spec.completions.
int CompletionIndexOf(const corev1::Pod& pod, const batchv1::Job& job);

// Only pods that have reached phase Failed are replaced: one that is being deleted may still end
// well, and its exit code still matters (podReplacementPolicy: Failed, or a podFailurePolicy).
bool ReplacesFailedOnly(const batchv1::Job& job);

bool HasSucceeded(const corev1::Pod& pod);
// Over without success. A pod that is being deleted counts, unless the job only replaces failed
// ones; and always if it never had a node, as nobody will ever say how it ended.
bool HasFailed(const corev1::Pod& pod, const batchv1::Job& job);

// When a pod that is over, or going, ended: its last container, else its readiness, else the
// request to delete it.
absl::Time PodEndedAt(const corev1::Pod& pod);

// How long to wait after that many failures in a row: 10 s, doubling, at most 10 minutes.
absl::Duration FailurePause(int failures);

// What the podFailurePolicy says of a failed pod.
struct FailureVerdict {
  bool counts = true;
  bool fails_index = false;
  std::optional<std::string> fails_job;  // With what the condition is to say.
};
FailureVerdict JudgeFailure(const corev1::Pod& pod, const batchv1::Job& job);

// How often the pod's index had failed before this pod, as its annotations say.
struct IndexFailures {
  int counted = 0;
  int ignored = 0;
  int all() const { return counted + ignored; }
};
IndexFailures IndexFailuresBefore(const corev1::Pod& pod);
// The same for the pod that comes after this one, which failed.
IndexFailures IndexFailuresAfter(const corev1::Pod& pod, const batchv1::Job& job);

// "0,1,3-5" <-> {0, 1, 3, 4, 5}: how a job's status writes indexes. What is not below `limit` is
// left out.
std::set<int> ParseIndexes(const std::string& text, int limit);
std::string FormatIndexes(const std::set<int>& indexes);

// Which rule of the successPolicy is met by these indexes, as the condition is to say it.
std::optional<std::string> MatchSuccessPolicy(const batchv1::Job& job,
                                              const std::set<int>& succeeded);

}  // namespace skiff::controllers
