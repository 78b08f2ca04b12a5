#include "apiserver/rest/strategy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "api/managed_fields.h"
#include "api/same.h"
#include "api/time.h"
#include "base/status.h"
#include "k8s.io/api/certificates/v1/generated.pb.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/flowcontrol/v1/generated.pb.h"
#include "k8s.io/api/networking/v1/generated.pb.h"
#include "k8s.io/api/policy/v1/generated.pb.h"
#include "k8s.io/api/resource/v1/generated.pb.h"
#include "k8s.io/api/scheduling/v1/generated.pb.h"
#include "k8s.io/api/storage/v1/generated.pb.h"

namespace skiff::apiserver {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const FieldDescriptor* Part(const Message& message, const char* name) {
  return message.GetDescriptor()->FindFieldByName(name);
}

bool SamePart(const Message& a, const Message& b, const FieldDescriptor* part) {
  return api::LooksSame(a.GetReflection()->GetMessage(a, part),
                        b.GetReflection()->GetMessage(b, part));
}

void CopyPart(const Message& from, const FieldDescriptor* part, Message* to) {
  if (from.GetReflection()->HasField(from, part)) {
    to->GetReflection()->MutableMessage(to, part)->CopyFrom(
        from.GetReflection()->GetMessage(from, part));
  } else {
    to->GetReflection()->ClearField(to, part);
  }
}

}  // namespace

bool HasStatusPath(const Message& message) {
  for (const auto& sub : api::ResourceOfDescriptor(message.GetDescriptor()).subresources) {
    if (sub.name == "status") return Part(message, "status") != nullptr;
  }
  return false;
}

namespace {

// The kinds with a metadata.generation, and the part whose changes it counts: "" all but the
// metadata, null none.
struct Counted {
  const google::protobuf::Descriptor* kind;
  const char* part;
};

const Counted* FindCounted(const Message& message) {
  static const Counted kCounted[] = {
      {corev1::Pod::descriptor(), "spec"},
      {corev1::PodTemplate::descriptor(), "template"},
      {corev1::ReplicationController::descriptor(), "spec"},
      {appsv1::DaemonSet::descriptor(), "spec"},
      {appsv1::Deployment::descriptor(), "spec"},
      {appsv1::ReplicaSet::descriptor(), "spec"},
      {appsv1::StatefulSet::descriptor(), "spec"},
      {batchv1::CronJob::descriptor(), "spec"},
      {batchv1::Job::descriptor(), "spec"},
      {discoveryv1::EndpointSlice::descriptor(), ""},
      {flowcontrolv1::FlowSchema::descriptor(), "spec"},
      {flowcontrolv1::PriorityLevelConfiguration::descriptor(), "spec"},
      {networkingv1::Ingress::descriptor(), "spec"},
      {networkingv1::IngressClass::descriptor(), "spec"},
      {networkingv1::NetworkPolicy::descriptor(), "spec"},
      {policyv1::PodDisruptionBudget::descriptor(), "spec"},
      {resourcev1::DeviceClass::descriptor(), "spec"},
      {resourcev1::ResourceSlice::descriptor(), "spec"},
      {schedulingv1::PriorityClass::descriptor(), nullptr},
      {storagev1::CSIDriver::descriptor(), "spec"},
  };
  for (const Counted& counted : kCounted) {
    if (counted.kind == message.GetDescriptor()) return &counted;
  }
  return nullptr;
}

// What a kind does with its own fields before defaults are set on a create (`old` is null), or
// after them on an update; and on a write of the status.
struct Preparation {
  const google::protobuf::Descriptor* kind;
  void (*write)(const Env& env, const Message* old, Message* now);
  void (*status)(const Env& env, const Message& old, Message* now) = nullptr;
};

template <typename T, void (*kWrite)(const Env&, const T*, T*)>
Preparation MakePreparation() {
  return {T::descriptor(), [](const Env& env, const Message* old, Message* now) {
            kWrite(env, static_cast<const T*>(old), static_cast<T*>(now));
          }};
}

template <typename T, void (*kWrite)(const Env&, const T*, T*),
          void (*kStatus)(const Env&, const T&, T*)>
Preparation MakePreparation() {
  Preparation preparation = MakePreparation<T, kWrite>();
  preparation.status = [](const Env& env, const Message& old, Message* now) {
    kStatus(env, static_cast<const T&>(old), static_cast<T*>(now));
  };
  return preparation;
}

const Preparation* FindPreparation(const Message& message) {
  static const Preparation kPreparations[] = {
      MakePreparation<appsv1::DaemonSet, PrepareDaemonSet>(),
      MakePreparation<certificatesv1::CertificateSigningRequest, PrepareCertificateRequest,
                      PrepareCertificateRequestStatus>(),
      MakePreparation<corev1::PersistentVolume, PreparePersistentVolume,
                      PreparePersistentVolumeStatus>(),
      MakePreparation<corev1::PersistentVolumeClaim, PrepareVolumeClaim>(),
      MakePreparation<discoveryv1::EndpointSlice, PrepareEndpointSlice>(),
      MakePreparation<resourcev1::DeviceClass, PrepareDeviceClass>(),
      MakePreparation<resourcev1::ResourceClaim, PrepareResourceClaim,
                      PrepareResourceClaimStatus>(),
      MakePreparation<resourcev1::ResourceClaimTemplate, PrepareResourceClaimTemplate>(),
      MakePreparation<resourcev1::ResourceSlice, PrepareResourceSlice>(),
  };
  for (const Preparation& preparation : kPreparations) {
    if (preparation.kind == message.GetDescriptor()) return &preparation;
  }
  return nullptr;
}

bool SameMap(const google::protobuf::Map<std::string, std::string>& a,
             const google::protobuf::Map<std::string, std::string>& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&b](const auto& entry) {
           const auto found = b.find(entry.first);
           return found != b.end() && found->second == entry.second;
         });
}

bool CountsChange(const Message& old, const Message& now) {
  const Counted* counted = FindCounted(now);
  if (counted == nullptr || counted->part == nullptr) return false;
  const metav1::ObjectMeta& before = *api::MetaOf(old);
  const metav1::ObjectMeta& after = *api::MetaOf(now);
  if (counted->part[0] == '\0') {
    const FieldDescriptor* const unseen[] = {Part(now, "metadata")};
    return !SameMap(before.labels(), after.labels()) || !api::LooksSame(old, now, unseen);
  }
  return !SamePart(old, now, Part(now, counted->part));
}

}  // namespace

bool SameContent(const Message& a, const Message& b) {
  static const FieldDescriptor* const kUnseen[] = {
      metav1::ObjectMeta::descriptor()->FindFieldByName("resource_version"),
      metav1::ObjectMeta::descriptor()->FindFieldByName("managed_fields"),
  };
  // Who wrote last is nothing new where it wrote nothing.
  return api::SameButTimes(api::MetaOf(a)->managed_fields(), api::MetaOf(b)->managed_fields()) &&
         api::LooksSame(a, b, kUnseen);
}

absl::Status PrepareCreate(const Env& env, Message* object) {
  metav1::ObjectMeta* meta = api::MutableMetaOf(object);
  meta->set_uid(env.new_uid());
  *meta->mutable_creation_timestamp() = api::MakeTime(env.now);
  meta->clear_deletion_timestamp();
  meta->clear_deletion_grace_period_seconds();
  meta->clear_self_link();
  meta->clear_generation();
  const auto* type = object->GetDescriptor();
  // A node says what it is when it registers; what has a status path besides starts without status.
  if (HasStatusPath(*object) && type != corev1::Node::descriptor()) {
    object->GetReflection()->ClearField(object, Part(*object, "status"));
  }
  if (FindCounted(*object) != nullptr) meta->set_generation(1);
  if (const Preparation* own = FindPreparation(*object)) own->write(env, nullptr, object);
  if (type == corev1::Pod::descriptor()) {
    PreparePodCreate(env, static_cast<corev1::Pod*>(object));
  } else if (type == batchv1::Job::descriptor()) {
    return PrepareJobCreate(static_cast<batchv1::Job*>(object));
  } else if (type == corev1::Namespace::descriptor()) {
    auto* name_space = static_cast<corev1::Namespace*>(object);
    name_space->mutable_status()->set_phase("Active");
    auto* finalizers = name_space->mutable_spec()->mutable_finalizers();
    if (std::find(finalizers->begin(), finalizers->end(), "kubernetes") == finalizers->end()) {
      name_space->mutable_spec()->add_finalizers("kubernetes");
    }
  }
  return absl::OkStatus();
}

absl::Status FinishCreate(const Env& env, Message* object) {
  if (object->GetDescriptor() == corev1::Service::descriptor()) {
    return FinishServiceCreate(env, static_cast<corev1::Service*>(object));
  }
  SKIFF_RETURN_IF_ERROR(CheckAdminAccess(env, *object));
  if (object->GetDescriptor() == corev1::Pod::descriptor()) {
    auto* pod = static_cast<corev1::Pod*>(object);
    pod->mutable_status()->set_qos_class(QosClassOf(pod->spec()));
  }
  return absl::OkStatus();
}

absl::Status PrepareUpdate(const Env& env, const Message& old, Message* now) {
  const metav1::ObjectMeta& before = *api::MetaOf(old);
  metav1::ObjectMeta* meta = api::MutableMetaOf(now);
  meta->set_uid(before.uid());
  *meta->mutable_creation_timestamp() = before.creation_timestamp();
  meta->clear_deletion_timestamp();
  meta->clear_deletion_grace_period_seconds();
  if (before.has_deletion_timestamp()) {
    *meta->mutable_deletion_timestamp() = before.deletion_timestamp();
  }
  if (before.has_deletion_grace_period_seconds()) {
    meta->set_deletion_grace_period_seconds(before.deletion_grace_period_seconds());
  }
  if (!meta->has_generate_name() && before.has_generate_name()) {
    meta->set_generate_name(before.generate_name());
  }
  meta->clear_self_link();
  if (HasStatusPath(*now)) CopyPart(old, Part(*now, "status"), now);
  if (const Preparation* own = FindPreparation(*now)) own->write(env, &old, now);
  const auto* type = now->GetDescriptor();
  if (type == corev1::Pod::descriptor()) {
    PreparePodUpdate(static_cast<const corev1::Pod&>(old), static_cast<corev1::Pod*>(now));
  } else if (type == corev1::Service::descriptor()) {
    SKIFF_RETURN_IF_ERROR(PrepareServiceUpdate(env, static_cast<const corev1::Service&>(old),
                                               static_cast<corev1::Service*>(now)));
  } else if (type == corev1::Namespace::descriptor()) {
    CopyPart(old, Part(*now, "spec"), now);  // Finalizers change on the finalize path only.
  }
  meta->clear_generation();
  if (before.generation() != 0) {
    meta->set_generation(before.generation() + (CountsChange(old, *now) ? 1 : 0));
  }
  return absl::OkStatus();
}

void PrepareStatusUpdate(const Env& env, const Message& old, Message* now) {
  const api::MessagePtr whole(old.New());
  whole->CopyFrom(old);
  CopyPart(*now, Part(*now, "status"), whole.get());
  // Entries of owners may be written with it; whether they are is not decided here.
  api::MutableMetaOf(whole.get())
      ->mutable_managed_fields()
      ->Swap(api::MutableMetaOf(now)->mutable_managed_fields());
  now->GetReflection()->Swap(now, whole.get());
  const Preparation* own = FindPreparation(*now);
  if (own != nullptr && own->status != nullptr) own->status(env, old, now);
}

}  // namespace skiff::apiserver
