#include "api/defaulting_internal.h"
#include "k8s.io/api/resource/v1/generated.pb.h"

namespace skiff::api {
namespace {

// ExactDeviceRequest or DeviceSubRequest.
template <typename R>
void WantedDefaults(R* request) {
  if (request->allocation_mode().empty()) request->set_allocation_mode("ExactCount");
  if (request->allocation_mode() == "ExactCount" && request->count() == 0) request->set_count(1);
}

void ClaimSpecDefaults(resourcev1::ResourceClaimSpec* spec) {
  for (resourcev1::DeviceRequest& request : *spec->mutable_devices()->mutable_requests()) {
    if (request.has_exactly()) WantedDefaults(request.mutable_exactly());
    for (resourcev1::DeviceSubRequest& alternative : *request.mutable_first_available()) {
      WantedDefaults(&alternative);
    }
  }
}

}  // namespace

void ResourceClaimDefaults(resourcev1::ResourceClaim* claim) {
  ClaimSpecDefaults(claim->mutable_spec());
}

void ResourceClaimTemplateDefaults(resourcev1::ResourceClaimTemplate* claim_template) {
  ClaimSpecDefaults(claim_template->mutable_spec()->mutable_spec());
}

}  // namespace skiff::api
