// Planner's deletions: grace periods, finalizers, propagation.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "api/system_objects.h"
#include "api/time.h"
#include "apiserver/rest/planner.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

constexpr int64_t kDefaultGraceSeconds = 30;

// The propagation policies put a finalizer each on the owner, for whoever sees to its dependents;
// background none. A policy that is named replaces what an earlier deletion asked for; silence
// keeps it.
absl::Status ApplyPolicy(const std::string& policy, metav1::ObjectMeta* meta) {
  if (policy.empty()) return absl::OkStatus();
  const bool orphan = policy == "Orphan";
  const bool foreground = policy == "Foreground";
  if (!orphan && !foreground && policy != "Background") {
    return api::BadRequest(
        absl::StrCat("propagationPolicy: Unsupported value: \"", policy,
                     "\": supported values: \"Foreground\", \"Background\", \"Orphan\""));
  }
  auto* finalizers = meta->mutable_finalizers();
  const auto set = [&](const char* finalizer, bool wanted) {
    const auto at = std::find(finalizers->begin(), finalizers->end(), finalizer);
    if (wanted && at == finalizers->end()) *finalizers->Add() = finalizer;
    if (!wanted && at != finalizers->end()) finalizers->erase(at);
  };
  set("orphan", orphan);
  set("foregroundDeletion", foreground);
  return absl::OkStatus();
}

// What a deletion that names no policy means: what an earlier one asked for; else, for jobs and
// replication controllers, that their pods are kept, as batch/v1 and v1 did before there was a
// collector; background for all others.
std::string PolicyOf(const client::Write& write, const api::Object& object) {
  if (!write.propagation_policy.empty() || object.meta().has_deletion_timestamp()) {
    return write.propagation_policy;
  }
  for (const std::string& finalizer : object.meta().finalizers()) {
    if (finalizer == "orphan" || finalizer == "foregroundDeletion") return "";
  }
  const bool keeps = &object.resource() == &api::ResourceOf<batchv1::Job>() ||
                     &object.resource() == &api::ResourceOf<corev1::ReplicationController>();
  return keeps ? "Orphan" : "";
}

// Pods that no node runs and finished ones have nothing left to do in a grace period.
int64_t GraceFor(const corev1::Pod& pod, const client::Write& write) {
  int64_t grace =
      write.grace_period_seconds.value_or(pod.spec().has_termination_grace_period_seconds()
                                              ? pod.spec().termination_grace_period_seconds()
                                              : kDefaultGraceSeconds);
  if (pod.spec().node_name().empty() || pod.status().phase() == "Succeeded" ||
      pod.status().phase() == "Failed") {
    grace = 0;
  }
  return grace < 0 ? 1 : grace;
}

bool IsSystemPriorityClass(const api::Object& object) {
  if (&object.resource() != &api::ResourceOf<schedulingv1::PriorityClass>()) return false;
  for (const schedulingv1::PriorityClass& one : api::SystemPriorityClasses()) {
    if (one.metadata().name() == object.meta().name()) return true;
  }
  return false;
}

bool SameFinalizers(const metav1::ObjectMeta& a, const metav1::ObjectMeta& b) {
  return std::equal(a.finalizers().begin(), a.finalizers().end(), b.finalizers().begin(),
                    b.finalizers().end());
}

}  // namespace

// Marked again, for a shorter grace: counted from the first time.
void Planner::MarkDeleted(const api::ObjectPtr& old, const std::string& key, api::MessagePtr object,
                          int64_t grace_seconds) {
  metav1::ObjectMeta* meta = api::MutableMetaOf(object.get());
  absl::Time asked = env_.now;
  if (old->meta().has_deletion_timestamp()) {
    asked = absl::FromUnixSeconds(old->meta().deletion_timestamp().seconds()) -
            absl::Seconds(old->meta().deletion_grace_period_seconds());
  }
  *meta->mutable_deletion_timestamp() = api::MakeTime(asked + absl::Seconds(grace_seconds));
  meta->set_deletion_grace_period_seconds(grace_seconds);
  if (meta->generation() != 0) meta->set_generation(meta->generation() + 1);
  Put(key, old, std::move(object));
}

absl::Status Planner::DeletePod(const api::ObjectPtr& pod, const std::string& key,
                                const client::Write& write, std::unique_ptr<corev1::Pod> changed) {
  const metav1::ObjectMeta& meta = pod->meta();
  const int64_t grace = GraceFor(pod->As<corev1::Pod>(), write);
  SKIFF_RETURN_IF_ERROR(ApplyPolicy(write.propagation_policy, changed->mutable_metadata()));
  if (grace == 0 && changed->metadata().finalizers().empty()) {
    Remove(key, pod);
  } else if (!meta.has_deletion_timestamp() || grace < meta.deletion_grace_period_seconds()) {
    MarkDeleted(pod, key, std::move(changed), grace);
  } else if (SameFinalizers(meta, changed->metadata())) {
    KeepAsIs(pod);  // A grace period only ever gets shorter.
  } else {
    Put(key, pod, std::move(changed));
  }
  return absl::OkStatus();
}

absl::Status Planner::DeleteOther(const api::ObjectPtr& old, const std::string& key,
                                  const client::Write& write) {
  api::MessagePtr object = old->Copy();
  metav1::ObjectMeta* meta = api::MutableMetaOf(object.get());
  SKIFF_RETURN_IF_ERROR(ApplyPolicy(PolicyOf(write, *old), meta));
  bool held = !meta->finalizers().empty();
  if (object->GetDescriptor() == corev1::Namespace::descriptor()) {
    auto* name_space = static_cast<corev1::Namespace*>(object.get());
    name_space->mutable_status()->set_phase("Terminating");
    held = held || !name_space->spec().finalizers().empty();
  }
  if (!held) {
    Remove(key, old);
  } else if (!old->meta().has_deletion_timestamp()) {
    MarkDeleted(old, key, std::move(object), 0);
  } else if (SameFinalizers(old->meta(), *meta)) {
    KeepAsIs(old);
  } else {
    Put(key, old, std::move(object));
  }
  return absl::OkStatus();
}

absl::Status Planner::Delete(client::Write write) {
  const std::string key = store::Key(*write.resource, write.name_space, write.name);
  SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr old, Current(write, key));
  if (IsSystemPriorityClass(*old)) {
    return api::Forbidden(*write.resource, write.name,
                          "this is a system priority class and cannot be deleted");
  }
  SKIFF_RETURN_IF_ERROR(Check(*env_.plugins,
                              RequestOf(AdmissionRequest::Operation::kDelete, *write.resource,
                                        old->meta(), &old->message()),
                              nullptr));
  if (write.resource == &api::ResourceOf<corev1::Pod>()) {
    return DeletePod(old, key, write, old->CopyAs<corev1::Pod>());
  }
  return DeleteOther(old, key, write);
}

}  // namespace skiff::apiserver
