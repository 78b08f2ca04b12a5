#include "api/scale.h"

#include <type_traits>

#include "api/selector.h"
#include "base/status.h"

namespace skiff::api {
namespace {

template <typename T, typename Message>
auto& As(Message& object) {
  return static_cast<std::conditional_t<std::is_const_v<Message>, const T, T>&>(object);
}

// Calls `visit` with the object as what it is: one of the kinds with a scale path.
template <typename Message, typename Visit>
void VisitScalable(Message& object, Visit visit) {
  const auto* type = object.GetDescriptor();
  if (type == appsv1::Deployment::descriptor()) {
    visit(As<appsv1::Deployment>(object));
  } else if (type == appsv1::ReplicaSet::descriptor()) {
    visit(As<appsv1::ReplicaSet>(object));
  } else if (type == appsv1::StatefulSet::descriptor()) {
    visit(As<appsv1::StatefulSet>(object));
  } else {
    SKIFF_CHECK(type == corev1::ReplicationController::descriptor());
    visit(As<corev1::ReplicationController>(object));
  }
}

std::string SelectorOf(const metav1::LabelSelector& selector) {
  const auto parsed = LabelSelector::FromProto(selector);
  return parsed.ok() ? parsed->ToString() : "";
}

std::string SelectorOf(const google::protobuf::Map<std::string, std::string>& labels) {
  return LabelSelector::FromMap(labels).ToString();
}

}  // namespace

bool HasScale(const ResourceInfo& resource) {
  for (const auto& sub : resource.subresources) {
    if (sub.name == "scale") return true;
  }
  return false;
}

autoscalingv1::Scale ScaleOf(const Object& object) {
  autoscalingv1::Scale scale;
  metav1::ObjectMeta* meta = scale.mutable_metadata();
  meta->set_name(object.meta().name());
  meta->set_namespace_(object.meta().namespace_());
  meta->set_uid(object.meta().uid());
  meta->set_resource_version(object.meta().resource_version());
  *meta->mutable_creation_timestamp() = object.meta().creation_timestamp();
  VisitScalable(object.message(), [&scale](const auto& scaled) {
    scale.mutable_spec()->set_replicas(scaled.spec().replicas());
    scale.mutable_status()->set_replicas(scaled.status().replicas());
    const std::string selector = SelectorOf(scaled.spec().selector());
    if (!selector.empty()) scale.mutable_status()->set_selector(selector);
  });
  return scale;
}

void SetReplicas(google::protobuf::Message* object, int32_t replicas) {
  VisitScalable(*object,
                [replicas](auto& scaled) { scaled.mutable_spec()->set_replicas(replicas); });
}

}  // namespace skiff::api
