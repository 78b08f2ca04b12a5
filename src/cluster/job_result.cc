#include "cluster/job_result.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/time.h"
#include "base/status.h"

namespace skiff::cluster {
namespace {

const batchv1::JobCondition* Terminal(const batchv1::Job& job) {
  for (const batchv1::JobCondition& condition : job.status().conditions()) {
    const bool ends = condition.type() == "Complete" || condition.type() == "Failed";
    if (ends && condition.status() == "True") return &condition;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<JobResult> WaitForJob(Objects& objects, const ObjectRef& job,
                                     absl::Duration timeout) {
  JobResult result;
  std::string uid;
  // Taken from the state that ended the wait: the job may be removed as soon as it has ended.
  const auto has_ended = [&](const api::Object& object) {
    const batchv1::JobCondition* end = Terminal(object.As<batchv1::Job>());
    if (end == nullptr) return false;
    result.succeeded = end->type() == "Complete";
    result.reason = end->reason();
    result.message = end->message();
    uid = object.meta().uid();
    return true;
  };
  SKIFF_RETURN_IF_ERROR(objects.WaitUntil(job, has_ended, "the job to complete or fail", timeout));
  SKIFF_ASSIGN_OR_RETURN(
      client::ListResult pods,
      objects.List(
          {"pods", job.name_space, absl::StrCat("batch.kubernetes.io/controller-uid=", uid), ""}));
  std::sort(pods.items.begin(), pods.items.end(), [](const auto& a, const auto& b) {
    return api::ToAbsl(a->meta().creation_timestamp()) <
           api::ToAbsl(b->meta().creation_timestamp());
  });
  for (const api::ObjectPtr& pod : pods.items) {
    for (const auto& status : pod->As<corev1::Pod>().status().container_statuses()) {
      const auto& ended = status.state().has_terminated() ? status.state().terminated()
                                                          : status.last_state().terminated();
      if (!status.state().has_terminated() && !status.last_state().has_terminated()) continue;
      result.containers.push_back(
          {pod->meta().name(), status.name(), ended.exit_code(), ended.reason(), ended.message()});
    }
  }
  return result;
}

}  // namespace skiff::cluster
