// DefaultStorageClass and DefaultIngressClass: the class of what names none.
#include "apiserver/admission/admission.h"
#include "k8s.io/api/networking/v1/generated.pb.h"
#include "k8s.io/api/storage/v1/generated.pb.h"

namespace skiff::apiserver {
namespace {

using google::protobuf::Message;

// The name of the newest class that is marked as the default; of those that are as new, the first
// by name. Empty if there is none.
std::string DefaultOf(const AdmissionRequest& request, const api::ResourceInfo& classes,
                      const char* mark) {
  api::ObjectPtr best;
  request.list(classes, "", [&](const api::ObjectPtr& one) {
    const auto it = one->meta().annotations().find(mark);
    if (it == one->meta().annotations().end() || it->second != "true") return;
    // They come by name.
    if (best == nullptr ||
        one->meta().creation_timestamp().seconds() > best->meta().creation_timestamp().seconds()) {
      best = one;
    }
  });
  return best == nullptr ? "" : best->meta().name();
}

}  // namespace

absl::Status AdmitStorageClass(const AdmissionRequest& request, Message* object) {
  if (request.operation != AdmissionRequest::Operation::kCreate ||
      object->GetDescriptor() != corev1::PersistentVolumeClaim::descriptor()) {
    return absl::OkStatus();
  }
  auto* claim = static_cast<corev1::PersistentVolumeClaim*>(object);
  if (claim->spec().has_storage_class_name() ||
      claim->metadata().annotations().contains("volume.beta.kubernetes.io/storage-class")) {
    return absl::OkStatus();
  }
  const std::string name = DefaultOf(request, api::ResourceOf<storagev1::StorageClass>(),
                                     "storageclass.kubernetes.io/is-default-class");
  if (!name.empty()) claim->mutable_spec()->set_storage_class_name(name);
  return absl::OkStatus();
}

absl::Status AdmitIngressClass(const AdmissionRequest& request, Message* object) {
  if (request.operation != AdmissionRequest::Operation::kCreate ||
      object->GetDescriptor() != networkingv1::Ingress::descriptor()) {
    return absl::OkStatus();
  }
  auto* ingress = static_cast<networkingv1::Ingress*>(object);
  if (ingress->spec().has_ingress_class_name() ||
      ingress->metadata().annotations().contains("kubernetes.io/ingress.class")) {
    return absl::OkStatus();
  }
  const std::string name = DefaultOf(request, api::ResourceOf<networkingv1::IngressClass>(),
                                     "ingressclass.kubernetes.io/is-default-class");
  if (!name.empty()) ingress->mutable_spec()->set_ingress_class_name(name);
  return absl::OkStatus();
}

}  // namespace skiff::apiserver
