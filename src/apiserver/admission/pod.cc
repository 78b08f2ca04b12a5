// Admission of pods: ServiceAccount, RuntimeClass, Priority and DefaultTolerationSeconds, as Kubernetes'
// plugins of these names.
#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "apiserver/admission/admission.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

constexpr int64_t kDefaultTolerationSeconds = 300;

absl::Status AdmitServiceAccount(const AdmissionRequest& request, corev1::Pod* pod) {
  corev1::PodSpec* spec = pod->mutable_spec();
  if (spec->service_account_name().empty()) {
    spec->set_service_account_name(
        spec->service_account().empty() ? "default" : spec->service_account());
  }
  spec->set_service_account(spec->service_account_name());
  if (request.find(api::ResourceOf<corev1::ServiceAccount>(), request.name_space,
                   spec->service_account_name()) != nullptr) {
    return absl::OkStatus();
  }
  return api::Forbidden(*request.resource, pod->metadata().name(),
                        absl::StrCat("error looking up service account ", request.name_space, "/",
                                     spec->service_account_name(), ": serviceaccount \"",
                                     spec->service_account_name(), "\" not found"));
}

absl::Status AdmitRuntimeClass(const AdmissionRequest& request, corev1::Pod* pod) {
  corev1::PodSpec* spec = pod->mutable_spec();
  if (!spec->has_runtime_class_name()) return absl::OkStatus();
  const api::ObjectPtr found = request.find(api::ResourceOf<nodev1::RuntimeClass>(), "",
                                            spec->runtime_class_name());
  if (found == nullptr) {
    return api::Forbidden(*request.resource, pod->metadata().name(),
                          absl::StrCat("pod rejected: RuntimeClass \"", spec->runtime_class_name(),
                                       "\" not found"));
  }
  const auto& runtime_class = found->As<nodev1::RuntimeClass>();
  if (runtime_class.has_overhead() && spec->overhead().empty()) {
    *spec->mutable_overhead() = runtime_class.overhead().pod_fixed();
  }
  for (const auto& [key, value] : runtime_class.scheduling().node_selector()) {
    (*spec->mutable_node_selector())[key] = value;
  }
  for (const auto& toleration : runtime_class.scheduling().tolerations()) {
    *spec->add_tolerations() = toleration;
  }
  return absl::OkStatus();
}

void AdmitTolerations(corev1::PodSpec* spec) {
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    bool present = false;
    for (const corev1::Toleration& toleration : spec->tolerations()) {
      const bool key_fits = toleration.key() == key || toleration.key().empty();
      const bool effect_fits =
          toleration.effect() == "NoExecute" || toleration.effect().empty();
      present = present || (key_fits && effect_fits);
    }
    if (present) continue;
    corev1::Toleration* added = spec->add_tolerations();
    added->set_key(key);
    added->set_operator_("Exists");
    added->set_effect("NoExecute");
    added->set_toleration_seconds(kDefaultTolerationSeconds);
  }
}

}  // namespace

absl::Status Mutate(const AdmissionRequest& request, google::protobuf::Message* object) {
  if (object->GetDescriptor() != corev1::Pod::descriptor() ||
      request.operation != AdmissionRequest::Operation::kCreate) {
    return absl::OkStatus();
  }
  auto* pod = static_cast<corev1::Pod*>(object);
  SKIFF_RETURN_IF_ERROR(AdmitServiceAccount(request, pod));
  SKIFF_RETURN_IF_ERROR(AdmitRuntimeClass(request, pod));
  if (!pod->spec().has_priority()) pod->mutable_spec()->set_priority(0);
  if (pod->spec().preemption_policy().empty()) {
    pod->mutable_spec()->set_preemption_policy("PreemptLowerPriority");
  }
  AdmitTolerations(pod->mutable_spec());
  return absl::OkStatus();
}

}  // namespace skiff::apiserver
