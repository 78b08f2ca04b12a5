#include "absl/strings/match.h"
#include "api/same.h"
#include "api/validation/device_parts.h"
#include "api/validation/names.h"
#include "k8s.io/api/resource/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr int kMaxAlternatives = 8;

// ExactDeviceRequest or DeviceSubRequest.
template <typename R>
void CheckWanted(const R& request, const Path& path, ErrorList* errors) {
  if (request.device_class_name().empty()) {
    errors->Required(path / "deviceClassName");
  } else {
    errors->InvalidEach(path / "deviceClassName", request.device_class_name(),
                        CheckDns1123Subdomain(request.device_class_name()));
  }
  CheckSelectors(request.selectors(), path / "selectors", errors);
  if (request.allocation_mode() == "All") {
    if (request.count() != 0) {
      errors->Invalid(path / "count", request.count(),
                      "must not be specified when allocationMode is 'All'");
    }
  } else if (request.allocation_mode() == "ExactCount") {
    if (request.count() <= 0) {
      errors->Invalid(path / "count", request.count(), "must be greater than zero");
    }
  } else {
    errors->NotSupported(path / "allocationMode", request.allocation_mode(), {"All", "ExactCount"});
  }
}

void CheckRequest(const resourcev1::DeviceRequest& request, const Path& path, ErrorList* errors) {
  errors->InvalidEach(path / "name", request.name(), CheckDns1123Label(request.name()));
  const auto& alternatives = request.first_available();
  if (request.has_exactly() && !alternatives.empty()) {
    errors->Invalid(path, nullptr,
                    "exactly one of `exactly` or `firstAvailable` is required, but multiple fields "
                    "are set");
  } else if (request.has_exactly()) {
    CheckWanted(request.exactly(), path / "exactly", errors);
  } else if (alternatives.empty()) {
    errors->Required(path, "exactly one of `exactly` or `firstAvailable` is required");
  } else {
    CheckSet(
        alternatives, kMaxAlternatives, path / "firstAvailable", errors,
        [&](const resourcev1::DeviceSubRequest& alternative, const Path& at) {
          errors->InvalidEach(at / "name", alternative.name(),
                              CheckDns1123Label(alternative.name()));
          CheckWanted(alternative, at, errors);
        },
        [](const resourcev1::DeviceSubRequest& alternative) { return alternative.name(); });
  }
}

void CheckConstraint(const resourcev1::DeviceConstraint& constraint, const RequestNames& names,
                     const Path& path, ErrorList* errors) {
  CheckRequestNames(constraint.requests(), names, path / "requests", errors);
  const Path at = path / "matchAttribute";
  if (!constraint.has_match_attribute()) {
    errors->Required(at);
    return;
  }
  CheckAttributeName(constraint.match_attribute(), at, errors);
  if (!absl::StrContains(constraint.match_attribute(), "/")) {
    errors->Invalid(at, constraint.match_attribute(),
                    "a fully qualified name must be a domain and a name separated by a slash");
  }
}

void CheckClaimSpec(const resourcev1::ResourceClaimSpec& spec, const Path& path,
                    ErrorList* errors) {
  const resourcev1::DeviceClaim& devices = spec.devices();
  const RequestNames names = RequestNamesOf(devices);
  const Path at = path / "devices";
  CheckSet(
      devices.requests(), kMaxDeviceParts, at / "requests", errors,
      [&](const auto& request, const Path& one) { CheckRequest(request, one, errors); },
      [](const auto& request) { return request.name(); });
  CheckEach(devices.constraints(), kMaxDeviceParts, at / "constraints", errors,
            [&](const auto& constraint, const Path& one) {
              CheckConstraint(constraint, names, one, errors);
            });
  CheckEach(devices.config(), kMaxDeviceParts, at / "config", errors,
            [&](const auto& config, const Path& one) {
              CheckRequestNames(config.requests(), names, one / "requests", errors);
              CheckDeviceConfiguration(config.device_configuration(), one, errors);
            });
}

}  // namespace

void CheckDeviceClass(const resourcev1::DeviceClass& device_class, ErrorList* errors) {
  const resourcev1::DeviceClassSpec& spec = device_class.spec();
  const Path path("spec");
  CheckSelectors(spec.selectors(), path / "selectors", errors);
  CheckEach(spec.config(), kMaxDeviceParts, path / "config", errors,
            [&](const auto& config, const Path& one) {
              CheckDeviceConfiguration(config.device_configuration(), one, errors);
            });
}

void CheckResourceClaim(const resourcev1::ResourceClaim& claim, ErrorList* errors) {
  CheckClaimSpec(claim.spec(), Path("spec"), errors);
}

void CheckResourceClaimUpdate(const resourcev1::ResourceClaim& now,
                              const resourcev1::ResourceClaim& old, ErrorList* errors) {
  errors->Immutable(Path("spec"), now.spec(), LooksSame(now.spec(), old.spec()));
  CheckResourceClaim(now, errors);
}

void CheckResourceClaimTemplate(const resourcev1::ResourceClaimTemplate& claim_template,
                                ErrorList* errors) {
  CheckTemplateMeta(claim_template.spec().metadata(), Path("spec.metadata"), errors);
  CheckClaimSpec(claim_template.spec().spec(), Path("spec.spec"), errors);
}

void CheckResourceClaimTemplateUpdate(const resourcev1::ResourceClaimTemplate& now,
                                      const resourcev1::ResourceClaimTemplate& old,
                                      ErrorList* errors) {
  errors->Immutable(Path("spec"), now.spec(), LooksSame(now.spec(), old.spec()));
  CheckResourceClaimTemplate(now, errors);
}

}  // namespace skiff::api
