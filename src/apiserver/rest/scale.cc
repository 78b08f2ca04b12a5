#include "apiserver/rest/scale.h"

#include "api/selector.h"
#include "api/time.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

template <typename T>
void FillScale(const T& object, autoscalingv1::Scale* scale) {
  scale->mutable_spec()->set_replicas(object.spec().replicas());
  scale->mutable_status()->set_replicas(object.status().replicas());
  const auto selector = api::LabelSelector::FromProto(object.spec().selector());
  if (object.spec().has_selector() && selector.ok()) {
    scale->mutable_status()->set_selector(selector->ToString());
  }
}

}  // namespace

bool HasScale(const api::ResourceInfo& resource) {
  for (const auto& sub : resource.subresources) {
    if (sub.name == "scale") return true;
  }
  return false;
}

autoscalingv1::Scale ScaleOf(const api::Object& object) {
  autoscalingv1::Scale scale;
  metav1::ObjectMeta* meta = scale.mutable_metadata();
  meta->set_name(object.meta().name());
  meta->set_namespace_(object.meta().namespace_());
  meta->set_uid(object.meta().uid());
  meta->set_resource_version(object.meta().resource_version());
  *meta->mutable_creation_timestamp() = object.meta().creation_timestamp();
  if (object.message().GetDescriptor() == appsv1::Deployment::descriptor()) {
    FillScale(object.As<appsv1::Deployment>(), &scale);
  } else {
    FillScale(object.As<appsv1::ReplicaSet>(), &scale);
  }
  return scale;
}

void SetReplicas(google::protobuf::Message* object, int32_t replicas) {
  if (object->GetDescriptor() == appsv1::Deployment::descriptor()) {
    static_cast<appsv1::Deployment*>(object)->mutable_spec()->set_replicas(replicas);
  } else {
    SKIFF_CHECK(object->GetDescriptor() == appsv1::ReplicaSet::descriptor());
    static_cast<appsv1::ReplicaSet*>(object)->mutable_spec()->set_replicas(replicas);
  }
}

void SetPodScheduled(absl::Time now, corev1::Pod* pod) {
  corev1::PodCondition* condition = nullptr;
  for (corev1::PodCondition& existing : *pod->mutable_status()->mutable_conditions()) {
    if (existing.type() == "PodScheduled") condition = &existing;
  }
  if (condition == nullptr) condition = pod->mutable_status()->add_conditions();
  condition->Clear();
  condition->set_type("PodScheduled");
  condition->set_status("True");
  *condition->mutable_last_transition_time() = api::MakeTime(now);
}

}  // namespace skiff::apiserver
