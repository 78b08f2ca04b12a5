// What the server does to jobs besides storing them.
#include "apiserver/rest/strategy.h"

namespace skiff::apiserver {

// Unless the client selects pods itself, a job's pods carry its uid and name, and its selector asks for
// the uid (batch/v1 JobSpec.manualSelector).
void PrepareJobCreate(batchv1::Job* job) {
  if (job->spec().manual_selector()) return;
  const std::string& uid = job->metadata().uid();
  const std::string& name = job->metadata().name();
  auto& labels = *job->mutable_spec()->mutable_template_()->mutable_metadata()->mutable_labels();
  labels["batch.kubernetes.io/controller-uid"] = uid;
  labels["controller-uid"] = uid;
  labels["batch.kubernetes.io/job-name"] = name;
  labels["job-name"] = name;
  auto* selector = job->mutable_spec()->mutable_selector();
  (*selector->mutable_match_labels())["batch.kubernetes.io/controller-uid"] = uid;
}

}  // namespace skiff::apiserver
