// Admission of pods: ServiceAccount, RuntimeClass, Priority and DefaultTolerationSeconds.
#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "apiserver/admission/admission.h"
#include "base/status.h"

namespace skiff::apiserver {
namespace {

using google::protobuf::Message;

constexpr int64_t kDefaultTolerationSeconds = 300;

// The pod that is being created; null for every other write: most plugins complete new pods only.
corev1::Pod* NewPod(const AdmissionRequest& request, Message* object) {
  if (request.operation != AdmissionRequest::Operation::kCreate ||
      object->GetDescriptor() != corev1::Pod::descriptor()) {
    return nullptr;
  }
  return static_cast<corev1::Pod*>(object);
}

absl::Status Refuse(const AdmissionRequest& request, absl::string_view why) {
  return api::Forbidden(*request.resource, request.name, why);
}

template <typename Map>
bool SameAmounts(const Map& a, const Map& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, amount] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second.SerializeAsString() != amount.SerializeAsString()) {
      return false;
    }
  }
  return true;
}

absl::Status ApplyOverhead(const AdmissionRequest& request,
                           const nodev1::RuntimeClass& runtime_class, corev1::PodSpec* spec) {
  if (!runtime_class.has_overhead()) {
    if (spec->overhead().empty()) return absl::OkStatus();
    return Refuse(request,
                  "pod rejected: Pod Overhead set without corresponding RuntimeClass defined "
                  "Overhead");
  }
  const auto& fixed = runtime_class.overhead().pod_fixed();
  if (!spec->overhead().empty() && !SameAmounts(spec->overhead(), fixed)) {
    return Refuse(request,
                  "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }
  *spec->mutable_overhead() = fixed;
  return absl::OkStatus();
}

absl::Status ApplyScheduling(const AdmissionRequest& request,
                             const nodev1::RuntimeClass& runtime_class, corev1::PodSpec* spec) {
  for (const auto& [key, value] : runtime_class.scheduling().node_selector()) {
    const auto [at, added] = spec->mutable_node_selector()->insert({key, value});
    if (!added && at->second != value) {
      return Refuse(request, absl::StrCat("pod rejected: conflict: runtimeClass.scheduling."
                                          "nodeSelector[",
                                          key, "] = ", value, "; pod.spec.nodeSelector[", key,
                                          "] = ", at->second));
    }
  }
  for (const auto& toleration : runtime_class.scheduling().tolerations()) {
    *spec->add_tolerations() = toleration;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AdmitServiceAccount(const AdmissionRequest& request, Message* object) {
  corev1::Pod* pod = NewPod(request, object);
  if (pod == nullptr) return absl::OkStatus();
  corev1::PodSpec* spec = pod->mutable_spec();
  if (spec->service_account_name().empty()) {
    spec->set_service_account_name(spec->service_account().empty() ? "default"
                                                                   : spec->service_account());
  }
  spec->set_service_account(spec->service_account_name());
  if (request.find(api::ResourceOf<corev1::ServiceAccount>(), request.name_space,
                   spec->service_account_name()) != nullptr) {
    return absl::OkStatus();
  }
  return Refuse(request, absl::StrCat("error looking up service account ", request.name_space, "/",
                                      spec->service_account_name(), ": serviceaccount \"",
                                      spec->service_account_name(), "\" not found"));
}

absl::Status AdmitRuntimeClass(const AdmissionRequest& request, Message* object) {
  corev1::Pod* pod = NewPod(request, object);
  if (pod == nullptr || !pod->spec().has_runtime_class_name()) return absl::OkStatus();
  corev1::PodSpec* spec = pod->mutable_spec();
  const api::ObjectPtr found =
      request.find(api::ResourceOf<nodev1::RuntimeClass>(), "", spec->runtime_class_name());
  if (found == nullptr) {
    return Refuse(request, absl::StrCat("pod rejected: RuntimeClass \"", spec->runtime_class_name(),
                                        "\" not found"));
  }
  const auto& runtime_class = found->As<nodev1::RuntimeClass>();
  SKIFF_RETURN_IF_ERROR(ApplyOverhead(request, runtime_class, spec));
  return ApplyScheduling(request, runtime_class, spec);
}

// The classes that every cluster has; others are not served, so nobody can have made them.
absl::Status AdmitPriority(const AdmissionRequest& request, Message* object) {
  corev1::Pod* pod = NewPod(request, object);
  if (pod == nullptr) return absl::OkStatus();
  corev1::PodSpec* spec = pod->mutable_spec();
  int32_t priority = 0;
  const std::string& name = spec->priority_class_name();
  if (name == "system-cluster-critical") {
    priority = 2'000'000'000;
  } else if (name == "system-node-critical") {
    priority = 2'000'001'000;
  } else if (!name.empty()) {
    return Refuse(request, absl::StrCat("no PriorityClass with name ", name, " was found"));
  }
  if (spec->has_priority() && spec->priority() != priority) {
    return Refuse(request,
                  absl::StrCat("the integer value of priority (", spec->priority(),
                               ") must not be provided in pod spec; priority admission controller "
                               "computed ",
                               priority, " from the given PriorityClass name"));
  }
  spec->set_priority(priority);
  if (spec->preemption_policy().empty()) spec->set_preemption_policy("PreemptLowerPriority");
  return absl::OkStatus();
}

// Of updates as well: a configuration that is applied again says nothing of those that were added.
absl::Status AdmitTolerations(const AdmissionRequest& /*request*/, Message* object) {
  if (object->GetDescriptor() != corev1::Pod::descriptor()) return absl::OkStatus();
  auto* pod = static_cast<corev1::Pod*>(object);
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    bool present = false;
    for (const corev1::Toleration& toleration : pod->spec().tolerations()) {
      const bool key_fits = toleration.key() == key || toleration.key().empty();
      const bool effect_fits = toleration.effect() == "NoExecute" || toleration.effect().empty();
      present = present || (key_fits && effect_fits);
    }
    if (present) continue;
    corev1::Toleration* added = pod->mutable_spec()->add_tolerations();
    added->set_key(key);
    added->set_operator_("Exists");
    added->set_effect("NoExecute");
    added->set_toleration_seconds(kDefaultTolerationSeconds);
  }
  return absl::OkStatus();
}

}  // namespace skiff::apiserver
