// What is allocated to a claim of devices, and what drivers tell of it.
#include "absl/strings/str_cat.h"
#include "api/same.h"
#include "api/validation/addresses.h"
#include "api/validation/device_parts.h"
#include "api/validation/names.h"
#include "k8s.io/api/resource/v1/generated.pb.h"

namespace skiff::api {
namespace {

constexpr int kMaxConsumers = 256;
constexpr int kMaxConditions = 8;
constexpr int kMaxIps = 16;

// DeviceRequestAllocationResult or AllocatedDeviceStatus.
template <typename D>
std::string DeviceOf(const D& device) {
  return absl::StrCat(device.driver(), "/", device.pool(), "/", device.device());
}

template <typename D>
void CheckDeviceName(const D& device, const Path& path, ErrorList* errors) {
  CheckDriverName(device.driver(), path / "driver", errors);
  CheckPoolName(device.pool(), path / "pool", errors);
  errors->InvalidEach(path / "device", device.device(), CheckDns1123Label(device.device()));
}

void CheckConsumer(const resourcev1::ResourceClaimConsumerReference& consumer, const Path& path,
                   ErrorList* errors) {
  if (consumer.resource().empty()) errors->Required(path / "resource");
  if (consumer.name().empty()) errors->Required(path / "name");
  if (consumer.uid().empty()) errors->Required(path / "uid");
}

void CheckAllocation(const resourcev1::AllocationResult& allocation, const RequestNames& names,
                     const Path& path, ErrorList* errors) {
  const Path devices = path / "devices";
  CheckEach(allocation.devices().results(), kMaxDeviceParts, devices / "results", errors,
            [&](const auto& result, const Path& at) {
              CheckRequestName(result.request(), names, at / "request", errors);
              CheckDeviceName(result, at, errors);
            });
  CheckEach(allocation.devices().config(), 2 * kMaxDeviceParts, devices / "config", errors,
            [&](const auto& config, const Path& at) {
              errors->OneOfRequired(at / "source", config.source(), {"FromClaim", "FromClass"});
              CheckRequestNames(config.requests(), names, at / "requests", errors);
              CheckDeviceConfiguration(config.device_configuration(), at, errors);
            });
  if (allocation.has_node_selector()) {
    CheckNodeSelector(allocation.node_selector(), path / "nodeSelector", errors);
  }
}

void CheckNetworkData(const resourcev1::NetworkDeviceData& data, const Path& path,
                      ErrorList* errors) {
  if (data.interface_name().size() > 256) errors->TooLong(path / "interfaceName", 256);
  if (data.hardware_address().size() > 128) errors->TooLong(path / "hardwareAddress", 128);
  CheckSet(
      data.ips(), kMaxIps, path / "ips", errors,
      [&](const std::string& ip, const Path& at) {
        errors->InvalidEach(at, ip, CheckInterfaceAddress(ip));
      },
      [](const std::string& ip) { return ip; });
}

void CheckDeviceStatus(const resourcev1::AllocatedDeviceStatus& device,
                       const std::set<std::string>& allocated, const Path& path,
                       ErrorList* errors) {
  CheckDeviceName(device, path, errors);
  if (allocated.count(DeviceOf(device)) == 0) {
    errors->Invalid(path, DeviceOf(device), "must be an allocated device in the claim");
  }
  if (device.conditions_size() > kMaxConditions) {
    errors->TooMany(path / "conditions", device.conditions_size(), kMaxConditions);
  }
  CheckConditions(device.conditions(), path / "conditions", errors);
  if (!device.data().raw().empty()) CheckDriverData(device.data().raw(), path / "data", errors);
  if (device.has_network_data()) {
    CheckNetworkData(device.network_data(), path / "networkData", errors);
  }
}

// Consumers leave a claim that is being deleted; none comes.
bool HasNewConsumer(const resourcev1::ResourceClaimStatus& now,
                    const resourcev1::ResourceClaimStatus& old) {
  std::set<std::string> before;
  for (const auto& consumer : old.reserved_for()) before.insert(JsonOf(consumer));
  for (const auto& consumer : now.reserved_for()) {
    if (before.count(JsonOf(consumer)) == 0) return true;
  }
  return false;
}

}  // namespace

void CheckResourceClaimStatus(const resourcev1::ResourceClaim& now,
                              const resourcev1::ResourceClaim& old, ErrorList* errors) {
  const resourcev1::ResourceClaimStatus& status = now.status();
  const Path path("status");
  CheckSet(
      status.reserved_for(), kMaxConsumers, path / "reservedFor", errors,
      [&](const auto& consumer, const Path& at) { CheckConsumer(consumer, at, errors); },
      [](const auto& consumer) { return consumer.uid(); });
  std::set<std::string> allocated;
  for (const auto& result : status.allocation().devices().results()) {
    allocated.insert(DeviceOf(result));
  }
  CheckSet(
      status.devices(), status.devices_size(), path / "devices", errors,
      [&](const auto& device, const Path& at) { CheckDeviceStatus(device, allocated, at, errors); },
      [](const auto& device) { return DeviceOf(device); });
  if (!status.reserved_for().empty()) {
    if (!status.has_allocation()) {
      errors->Forbidden(path / "reservedFor", "may not be specified when `allocated` is not set");
    } else if (now.metadata().has_deletion_timestamp() && HasNewConsumer(status, old.status())) {
      errors->Forbidden(path / "reservedFor",
                        "new entries may not be added while `deallocationRequested` or "
                        "`deletionTimestamp` are set");
    }
  }
  if (!status.has_allocation()) return;
  if (old.status().has_allocation()) {
    errors->Immutable(path / "allocation", status.allocation(),
                      LooksSame(status.allocation(), old.status().allocation()));
  } else {
    CheckAllocation(status.allocation(), RequestNamesOf(now.spec().devices()), path / "allocation",
                    errors);
  }
}

}  // namespace skiff::api
