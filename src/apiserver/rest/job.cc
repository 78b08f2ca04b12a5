// What the server does to jobs besides storing them.
#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "apiserver/rest/strategy.h"

namespace skiff::apiserver {
namespace {

using Map = google::protobuf::Map<std::string, std::string>;

// Sets what is silent. What says something else belongs to another job, most often because the
// manifest was taken from a live one.
void SetOrBlame(const std::string& field, const std::string& key, const std::string& value,
                Map* map, std::vector<api::FieldError>* errors) {
  const auto [at, added] = map->insert({key, value});
  if (added || at->second == value) return;
  errors->push_back({api::FieldError::Kind::kInvalid, absl::StrCat(field, "[", key, "]"),
                     absl::StrCat("\"", at->second, "\""),
                     absl::StrCat("must be '", value,
                                  "': it is generated; leave it out, or set spec.manualSelector")});
}

}  // namespace

// Unless the client selects pods itself, a job's pods carry its uid and name, and its selector asks
// for the uid (batch/v1 JobSpec.manualSelector).
absl::Status PrepareJobCreate(batchv1::Job* job) {
  if (job->spec().manual_selector()) return absl::OkStatus();
  const std::string& uid = job->metadata().uid();
  const std::string& name = job->metadata().name();
  std::vector<api::FieldError> errors;
  Map* labels = job->mutable_spec()->mutable_template_()->mutable_metadata()->mutable_labels();
  const std::string path = "spec.template.metadata.labels";
  SetOrBlame(path, "batch.kubernetes.io/controller-uid", uid, labels, &errors);
  SetOrBlame(path, "controller-uid", uid, labels, &errors);
  SetOrBlame(path, "batch.kubernetes.io/job-name", name, labels, &errors);
  SetOrBlame(path, "job-name", name, labels, &errors);
  SetOrBlame("spec.selector.matchLabels", "batch.kubernetes.io/controller-uid", uid,
             job->mutable_spec()->mutable_selector()->mutable_match_labels(), &errors);
  if (errors.empty()) return absl::OkStatus();
  return api::Invalid(api::ResourceOf<batchv1::Job>(), name, errors);
}

}  // namespace skiff::apiserver
