#include "controllers/job_pods.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "api/time.h"

namespace skiff::controllers {
namespace {

// A count in an annotation; what cannot be read is none.
int CountIn(const corev1::Pod& pod, const char* key) {
  const auto it = pod.metadata().annotations().find(key);
  int count = 0;
  return it != pod.metadata().annotations().end() && absl::SimpleAtoi(it->second, &count) ? count
                                                                                          : 0;
}

const corev1::ContainerStatus* MatchExitCode(
    const google::protobuf::RepeatedPtrField<corev1::ContainerStatus>& statuses,
    const batchv1::PodFailurePolicyOnExitCodesRequirement& rule) {
  for (const corev1::ContainerStatus& status : statuses) {
    if (!status.state().has_terminated()) continue;
    const int code = status.state().terminated().exit_code();
    if (code == 0) continue;  // It did not fail.
    if (rule.has_container_name() && rule.container_name() != status.name()) continue;
    const bool listed =
        std::find(rule.values().begin(), rule.values().end(), code) != rule.values().end();
    if (listed == (rule.operator_() == "In")) return &status;
  }
  return nullptr;
}

const corev1::PodCondition* MatchCondition(const corev1::Pod& pod,
                                           const batchv1::PodFailurePolicyRule& rule) {
  for (const corev1::PodCondition& condition : pod.status().conditions()) {
    for (const auto& pattern : rule.on_pod_conditions()) {
      const std::string& wanted = pattern.has_status() ? pattern.status() : "True";
      if (pattern.type() == condition.type() && wanted == condition.status()) return &condition;
    }
  }
  return nullptr;
}

// What the rule has found, in words; nothing if it does not match.
std::optional<std::string> Match(const corev1::Pod& pod,
                                 const batchv1::PodFailurePolicyRule& rule) {
  const std::string name = absl::StrCat(pod.metadata().namespace_(), "/", pod.metadata().name());
  if (rule.has_on_exit_codes()) {
    const auto* found = MatchExitCode(pod.status().container_statuses(), rule.on_exit_codes());
    if (found == nullptr) {
      found = MatchExitCode(pod.status().init_container_statuses(), rule.on_exit_codes());
    }
    if (found == nullptr) return std::nullopt;
    return absl::StrCat("Container ", found->name(), " for pod ", name, " failed with exit code ",
                        found->state().terminated().exit_code(), " matching ", rule.action());
  }
  const corev1::PodCondition* found = MatchCondition(pod, rule);
  if (found == nullptr) return std::nullopt;
  return absl::StrCat("Pod ", name, " has condition ", found->type(), " matching ", rule.action());
}

}  // namespace

int CompletionIndexOf(const corev1::Pod& pod, const batchv1::Job& job) {
  const auto it = pod.metadata().annotations().find(kCompletionIndex);
  int index = kNoIndex;
  if (it == pod.metadata().annotations().end() || !absl::SimpleAtoi(it->second, &index) ||
      index < 0 || index >= job.spec().completions()) {
    return kNoIndex;
  }
  return index;
}

bool ReplacesFailedOnly(const batchv1::Job& job) {
  return job.spec().has_pod_failure_policy() || job.spec().pod_replacement_policy() == "Failed";
}

bool HasSucceeded(const corev1::Pod& pod) { return pod.status().phase() == "Succeeded"; }

bool HasFailed(const corev1::Pod& pod, const batchv1::Job& job) {
  if (pod.status().phase() == "Failed") return true;
  if (!pod.metadata().has_deletion_timestamp() || HasSucceeded(pod)) return false;
  return !ReplacesFailedOnly(job) || pod.spec().node_name().empty();
}

absl::Time PodEndedAt(const corev1::Pod& pod) {
  absl::Time end = absl::InfinitePast();
  for (const corev1::ContainerStatus& container : pod.status().container_statuses()) {
    const auto& state = container.state();
    end = std::max(end, state.has_terminated() ? api::ToAbsl(state.terminated().finished_at())
                                               : absl::InfiniteFuture());
  }
  if (end > absl::InfinitePast() && end < absl::InfiniteFuture()) return end;
  for (const corev1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() == "Ready" && condition.status() == "False" &&
        condition.has_last_transition_time()) {
      return api::ToAbsl(condition.last_transition_time());
    }
  }
  const metav1::ObjectMeta& meta = pod.metadata();
  if (!meta.has_deletion_timestamp()) return api::ToAbsl(meta.creation_timestamp());
  return api::ToAbsl(meta.deletion_timestamp()) -
         absl::Seconds(meta.deletion_grace_period_seconds());
}

absl::Duration FailurePause(int failures) {
  if (failures <= 0) return absl::ZeroDuration();
  return std::min(absl::Seconds(10) * (1 << std::min(failures - 1, 10)), absl::Minutes(10));
}

FailureVerdict JudgeFailure(const corev1::Pod& pod, const batchv1::Job& job) {
  const auto& rules = job.spec().pod_failure_policy().rules();
  for (int i = 0; i < rules.size(); ++i) {
    const std::optional<std::string> match = Match(pod, rules[i]);
    if (!match.has_value()) continue;
    FailureVerdict out;
    out.counts = rules[i].action() != "Ignore";
    out.fails_index = rules[i].action() == "FailIndex";
    if (rules[i].action() == "FailJob") out.fails_job = absl::StrCat(*match, " rule at index ", i);
    return out;
  }
  return {};
}

IndexFailures IndexFailuresBefore(const corev1::Pod& pod) {
  return {CountIn(pod, kIndexFailures), CountIn(pod, kIndexIgnored)};
}

IndexFailures IndexFailuresAfter(const corev1::Pod& pod, const batchv1::Job& job) {
  IndexFailures out = IndexFailuresBefore(pod);
  ++(JudgeFailure(pod, job).counts ? out.counted : out.ignored);
  return out;
}

std::set<int> ParseIndexes(const std::string& text, int limit) {
  std::set<int> out;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first = 0;
    int last = 0;
    if (!absl::SimpleAtoi(ends.first, &first)) continue;
    if (ends.second.empty() || !absl::SimpleAtoi(ends.second, &last)) last = first;
    for (int i = std::max(first, 0); i <= last && i < limit; ++i) out.insert(i);
  }
  return out;
}

std::string FormatIndexes(const std::set<int>& indexes) {
  std::vector<std::string> parts;
  for (auto it = indexes.begin(); it != indexes.end();) {
    const int first = *it;
    int last = first;
    while (++it != indexes.end() && *it == last + 1) last = *it;
    const char* between = last == first + 1 ? "," : "-";
    parts.push_back(first == last ? absl::StrCat(first) : absl::StrCat(first, between, last));
  }
  return absl::StrJoin(parts, ",");
}

std::optional<std::string> MatchSuccessPolicy(const batchv1::Job& job,
                                              const std::set<int>& succeeded) {
  const auto& rules = job.spec().success_policy().rules();
  for (int i = 0; i < rules.size(); ++i) {
    int of_interest = static_cast<int>(succeeded.size());
    int wanted = rules[i].succeeded_count();
    if (rules[i].has_succeeded_indexes()) {
      const std::set<int> listed =
          ParseIndexes(rules[i].succeeded_indexes(), job.spec().completions());
      of_interest = static_cast<int>(std::count_if(
          listed.begin(), listed.end(), [&](int index) { return succeeded.contains(index); }));
      if (!rules[i].has_succeeded_count()) wanted = static_cast<int>(listed.size());
    }
    if (wanted > 0 && of_interest >= wanted) {
      return absl::StrCat("Matched rules at index ", i);
    }
  }
  return std::nullopt;
}

}  // namespace skiff::controllers
