// What the server does to classes, claims and slices of devices besides storing them.
#include <set>

#include "absl/strings/str_cat.h"
#include "api/errors.h"
#include "api/field_lookup.h"
#include "apiserver/rest/strategy.h"
#include "k8s.io/api/resource/v1/generated.pb.h"

namespace skiff::apiserver {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr char kAdminLabel[] = "resource.kubernetes.io/admin-access";

// Whether fields behind that gate of Kubernetes are served: the ones that v1.35 has switched on.
bool IsOn(const std::string& gate) {
  return gate.empty() || gate == "DRAAdminAccess" || gate == "DRAPrioritizedList" ||
         gate == "DRAResourceClaimDeviceStatus";
}

// Takes out what stands behind a gate that is off, at any depth but in maps.
void DropGated(Message* message) {
  const auto* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> given;
  reflection->ListFields(*message, &given);
  for (const FieldDescriptor* field : given) {
    if (!IsOn(api::FactsOf(field).feature_gate())) {
      reflection->ClearField(message, field);
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) {
      continue;
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
        DropGated(reflection->MutableRepeatedMessage(message, field, i));
      }
    } else {
      DropGated(reflection->MutableMessage(message, field));
    }
  }
}

// A device as the results of an allocation and the reports of drivers name it.
template <typename D>
std::string DeviceOf(const D& device) {
  return absl::StrCat(device.driver(), "/", device.pool(), "/", device.device());
}

std::set<std::string> Allocated(const resourcev1::ResourceClaim& claim) {
  std::set<std::string> devices;
  for (const auto& result : claim.status().allocation().devices().results()) {
    devices.insert(DeviceOf(result));
  }
  return devices;
}

// The first request for administrative access; -1 if there is none.
int AdminRequest(const resourcev1::DeviceClaim& claim) {
  for (int i = 0; i < claim.requests_size(); ++i) {
    if (claim.requests(i).exactly().admin_access()) return i;
  }
  return -1;
}

}  // namespace

void PrepareDeviceClass(const Env&, const resourcev1::DeviceClass*, resourcev1::DeviceClass* now) {
  DropGated(now->mutable_spec());
}

void PrepareResourceClaim(const Env&, const resourcev1::ResourceClaim*,
                          resourcev1::ResourceClaim* now) {
  DropGated(now->mutable_spec());
}

// What a driver reported of a device goes when the device does.
void PrepareResourceClaimStatus(const Env&, const resourcev1::ResourceClaim& old,
                                resourcev1::ResourceClaim* now) {
  DropGated(now->mutable_status());
  const std::set<std::string> before = Allocated(old);
  const std::set<std::string> after = Allocated(*now);
  auto* devices = now->mutable_status()->mutable_devices();
  for (int i = devices->size() - 1; i >= 0; --i) {
    const std::string device = DeviceOf((*devices)[i]);
    if (before.count(device) > 0 && after.count(device) == 0) {
      devices->DeleteSubrange(i, 1);
    }
  }
}

void PrepareResourceClaimTemplate(const Env&, const resourcev1::ResourceClaimTemplate*,
                                  resourcev1::ResourceClaimTemplate* now) {
  DropGated(now->mutable_spec()->mutable_spec());
}

void PrepareResourceSlice(const Env&, const resourcev1::ResourceSlice*,
                          resourcev1::ResourceSlice* now) {
  DropGated(now->mutable_spec());
  for (resourcev1::Device& device : *now->mutable_spec()->mutable_devices()) {
    for (auto& [name, capacity] : *device.mutable_capacity()) DropGated(&capacity);
  }
}

absl::Status CheckAdminAccess(const Env& env, const Message& object) {
  const resourcev1::DeviceClaim* claim = nullptr;
  if (object.GetDescriptor() == resourcev1::ResourceClaim::descriptor()) {
    claim = &static_cast<const resourcev1::ResourceClaim&>(object).spec().devices();
  } else if (object.GetDescriptor() == resourcev1::ResourceClaimTemplate::descriptor()) {
    claim = &static_cast<const resourcev1::ResourceClaimTemplate&>(object).spec().spec().devices();
  }
  const int request = claim == nullptr ? -1 : AdminRequest(*claim);
  if (request < 0) return absl::OkStatus();
  const metav1::ObjectMeta& meta = *api::MetaOf(object);
  const api::ObjectPtr space =
      env.snapshot->Get(store::Key(api::ResourceOf<corev1::Namespace>(), "", meta.namespace_()));
  if (space != nullptr) {
    const auto label = space->meta().labels().find(kAdminLabel);
    if (label != space->meta().labels().end() && label->second == "true") return absl::OkStatus();
  }
  const api::FieldError error = {api::FieldError::Kind::kForbidden,
                                 absl::StrCat("spec.devices.requests[", request, "].adminAccess"),
                                 "",
                                 absl::StrCat("admin access to devices requires the `", kAdminLabel,
                                              ": true` label on the containing namespace")};
  return api::Invalid(api::ResourceOfDescriptor(object.GetDescriptor()), meta.name(), {error});
}

}  // namespace skiff::apiserver
