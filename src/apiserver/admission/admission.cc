#include "apiserver/admission/admission.h"

#include "api/errors.h"
#include "base/status.h"

namespace skiff::apiserver {

AdmissionPlugins DefaultAdmission() {
  return {
      {"NamespaceLifecycle", nullptr, KeepSystemNamespaces},
      {"LimitRanger", AdmitLimits, CheckLimits},
      {"ServiceAccount", AdmitServiceAccount, nullptr},
      {"RuntimeClass", AdmitRuntimeClass, nullptr},
      {"Priority", AdmitPriority, nullptr},
      {"DefaultTolerationSeconds", AdmitTolerations, nullptr},
      {"DefaultStorageClass", AdmitStorageClass, nullptr},
      {"DefaultIngressClass", AdmitIngressClass, nullptr},
  };
}

absl::Status Mutate(const AdmissionPlugins& plugins, const AdmissionRequest& request,
                    google::protobuf::Message* object) {
  for (const AdmissionPlugin& plugin : plugins) {
    if (plugin.mutate) SKIFF_RETURN_IF_ERROR(plugin.mutate(request, object));
  }
  return absl::OkStatus();
}

absl::Status Check(const AdmissionPlugins& plugins, const AdmissionRequest& request,
                   const google::protobuf::Message* object) {
  for (const AdmissionPlugin& plugin : plugins) {
    if (plugin.check) SKIFF_RETURN_IF_ERROR(plugin.check(request, object));
  }
  return absl::OkStatus();
}

// What the cluster itself stands on is not deleted. (That nothing new comes into a namespace which
// is being deleted, the other half of NamespaceLifecycle, is part of the write's transaction: see
// Planner.)
absl::Status KeepSystemNamespaces(const AdmissionRequest& request,
                                  const google::protobuf::Message* object) {
  (void)object;
  if (request.operation != AdmissionRequest::Operation::kDelete ||
      request.resource != &api::ResourceOf<corev1::Namespace>()) {
    return absl::OkStatus();
  }
  for (const char* name : {"default", "kube-system", "kube-public"}) {
    if (request.name == name) {
      return api::Forbidden(*request.resource, name, "this namespace may not be deleted");
    }
  }
  return absl::OkStatus();
}

}  // namespace skiff::apiserver
