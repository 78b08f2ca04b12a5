// Planner's deletions: grace periods, finalizers, propagation.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "api/time.h"
#include "apiserver/rest/planner.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

constexpr int64_t kDefaultGraceSeconds = 30;

// The finalizer that a propagation policy puts on the owner; nothing for background.
absl::StatusOr<std::string> FinalizerFor(const std::string& policy) {
  if (policy.empty() || policy == "Background") return std::string();
  if (policy == "Orphan") return std::string("orphan");
  if (policy == "Foreground") return std::string("foregroundDeletion");
  return api::BadRequest(absl::StrCat(
      "propagationPolicy: Unsupported value: \"", policy,
      "\": supported values: \"Foreground\", \"Background\", \"Orphan\""));
}

void AddFinalizer(const std::string& finalizer, metav1::ObjectMeta* meta) {
  if (finalizer.empty()) return;
  const auto& all = meta->finalizers();
  if (std::find(all.begin(), all.end(), finalizer) == all.end()) meta->add_finalizers(finalizer);
}

// Sidecars and finished pods have nothing left to do in a grace period.
int64_t GraceFor(const corev1::Pod& pod, const client::Write& write) {
  int64_t grace = write.grace_period_seconds.value_or(
      pod.spec().has_termination_grace_period_seconds()
          ? pod.spec().termination_grace_period_seconds()
          : kDefaultGraceSeconds);
  if (pod.spec().node_name().empty() || pod.status().phase() == "Succeeded" ||
      pod.status().phase() == "Failed") {
    grace = 0;
  }
  return grace;
}

}  // namespace

void Planner::MarkDeleted(const api::ObjectPtr& old, const std::string& key,
                          api::MessagePtr object, int64_t grace_seconds) {
  metav1::ObjectMeta* meta = api::MutableMetaOf(object.get());
  *meta->mutable_deletion_timestamp() = api::MakeTime(env_.now + absl::Seconds(grace_seconds));
  meta->set_deletion_grace_period_seconds(grace_seconds);
  if (meta->generation() != 0) meta->set_generation(meta->generation() + 1);
  Put(key, old, std::move(object));
}

absl::Status Planner::DeletePod(const api::ObjectPtr& pod, const std::string& key,
                                const client::Write& write) {
  const metav1::ObjectMeta& meta = pod->meta();
  const int64_t grace = GraceFor(pod->As<corev1::Pod>(), write);
  SKIFF_ASSIGN_OR_RETURN(const std::string finalizer, FinalizerFor(write.propagation_policy));
  const bool held = !meta.finalizers().empty() || !finalizer.empty();
  if (grace == 0 && !held) {
    Remove(key, pod);
    return absl::OkStatus();
  }
  if (meta.has_deletion_timestamp() && grace >= meta.deletion_grace_period_seconds()) {
    outcomes_.push_back({-1, pod, pod, false});  // A grace period only ever gets shorter.
    return absl::OkStatus();
  }
  auto object = pod->CopyAs<corev1::Pod>();
  AddFinalizer(finalizer, object->mutable_metadata());
  MarkDeleted(pod, key, std::move(object), grace);
  return absl::OkStatus();
}

absl::Status Planner::Delete(client::Write write) {
  const std::string key = store::Key(*write.resource, write.name_space, write.name);
  SKIFF_ASSIGN_OR_RETURN(const api::ObjectPtr old, Current(write, key));
  if (write.grace_period_seconds.value_or(0) < 0) {
    return api::BadRequest("gracePeriodSeconds must not be negative");
  }
  if (write.resource == &api::ResourceOf<corev1::Pod>()) return DeletePod(old, key, write);
  SKIFF_ASSIGN_OR_RETURN(const std::string finalizer, FinalizerFor(write.propagation_policy));
  api::MessagePtr object = old->Copy();
  metav1::ObjectMeta* meta = api::MutableMetaOf(object.get());
  AddFinalizer(finalizer, meta);
  bool held = !meta->finalizers().empty();
  if (auto* name_space = google::protobuf::DynamicCastToGenerated<corev1::Namespace>(object.get())) {
    name_space->mutable_status()->set_phase("Terminating");
    held = held || !name_space->spec().finalizers().empty();
  }
  if (!held) {
    Remove(key, old);
  } else if (old->meta().has_deletion_timestamp()) {
    outcomes_.push_back({-1, old, old, false});
  } else {
    MarkDeleted(old, key, std::move(object), 0);
  }
  return absl::OkStatus();
}

}  // namespace skiff::apiserver
