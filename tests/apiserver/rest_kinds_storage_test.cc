// What volumes, endpoint slices and claims of devices do besides being stored.
#include "api/time.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/resource/v1/generated.pb.h"
#include "tests/apiserver/rest_fixture.h"

namespace skiff::apiserver {
namespace {

template <typename T>
std::unique_ptr<T> Parsed(const std::string& json) {
  auto object = std::make_unique<T>();
  const absl::Status status = api::DecodeJson(json, object.get());
  INFO(status.message());
  REQUIRE(status.ok());
  return object;
}

// As it is stored.
template <typename T>
T Made(SimServer& api, const std::string& json) {
  const auto made = api.Create(Parsed<T>(json));
  INFO(Text(made.status()));
  REQUIRE(made.ok());
  return (*made)->template As<T>();
}

const char kVolume[] = R"({"metadata": {"name": "v"}, "spec": {"capacity": {"storage": "1Gi"},
    "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/mnt"}},
    "status": {"phase": "Bound"}})";

TEST_CASE("AVolumeStartsPendingAndKnowsSinceWhen") {
  SimServer api;
  const auto made = Made<corev1::PersistentVolume>(api, kVolume);
  CHECK(made.status().phase() == "Pending");
  CHECK(api::IsSet(made.status().last_phase_transition_time()));
  CHECK(made.spec().persistent_volume_source().host_path().has_type());
  const auto old = made.status().last_phase_transition_time().seconds();
  api.sim.RunFor(absl::Seconds(5));
  const auto write = [&](const std::string& phase) {
    auto volume = api.Find<corev1::PersistentVolume>("v")->CopyAs<corev1::PersistentVolume>();
    volume->mutable_status()->set_phase(phase);
    const auto written = api.Update(std::move(volume), "status");
    REQUIRE(written.ok());
    return (*written)
        ->As<corev1::PersistentVolume>()
        .status()
        .last_phase_transition_time()
        .seconds();
  };
  CHECK(write("Pending") == old);
  CHECK(write("Available") == old + 5);
}

TEST_CASE("AClaimNamesItsDataInBothWays") {
  SimServer api;
  const auto claim = [](const std::string& name, const std::string& data) {
    return R"({"metadata": {"name": ")" + name + R"("}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}, )" +
           data + "}}";
  };
  const auto clone = Made<corev1::PersistentVolumeClaim>(
      api, claim("a", R"("dataSource": {"kind": "PersistentVolumeClaim", "name": "x"})"));
  CHECK(clone.spec().data_source_ref().name() == "x");
  CHECK(clone.status().phase() == "Pending");
  CHECK(clone.spec().volume_mode() == "Filesystem");
  const auto populated = Made<corev1::PersistentVolumeClaim>(
      api, claim("b", R"("dataSourceRef": {"apiGroup": "a.b", "kind": "Book", "name": "x"})"));
  CHECK(populated.spec().data_source().api_group() == "a.b");
  const auto dropped = Made<corev1::PersistentVolumeClaim>(
      api, claim("c", R"("dataSource": {"apiGroup": "a.b", "kind": "Book", "name": "x"})"));
  CHECK_FALSE(dropped.spec().has_data_source());
  CHECK_FALSE(dropped.spec().has_data_source_ref());
  const auto foreign = Made<corev1::PersistentVolumeClaim>(
      api, claim("d", R"("dataSourceRef": {"apiGroup": "a.b", "kind": "Book", "name": "x",
                         "namespace": "other"})"));
  CHECK_FALSE(foreign.spec().has_data_source_ref());
}

TEST_CASE("AnEndpointSliceCountsItsChangesAndForgetsOldTopology") {
  SimServer api;
  const auto made = Made<discoveryv1::EndpointSlice>(api, R"({"metadata": {"name": "s"},
      "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"],
      "deprecatedTopology": {"kubernetes.io/hostname": "n"}}]})");
  CHECK(made.metadata().generation() == 1);
  CHECK(made.endpoints(0).deprecated_topology().empty());
  const auto edited = api.Edit<discoveryv1::EndpointSlice>(
      "s", [](auto* slice) { slice->mutable_endpoints(0)->set_addresses(0, "10.0.0.2"); });
  REQUIRE(edited.ok());
  CHECK((*edited)->meta().generation() == 2);
}

const char kClaim[] = R"({"metadata": {"name": "c"}, "spec": {"devices": {"requests": [
    {"name": "a", "exactly": {"deviceClassName": "x", "tolerations": [{"operator": "Exists"}],
     "capacity": {"requests": {"m": "1"}}}}]}}})";

TEST_CASE("FieldsBehindGatesThatAreOffAreDropped") {
  SimServer api;
  const auto claim = Made<resourcev1::ResourceClaim>(api, kClaim);
  const auto& request = claim.spec().devices().requests(0).exactly();
  CHECK(request.tolerations().empty());
  CHECK_FALSE(request.has_capacity());
  CHECK(request.count() == 1);
  const auto slice = Made<resourcev1::ResourceSlice>(api, R"({"metadata": {"name": "s"}, "spec": {
      "driver": "d", "nodeName": "n", "pool": {"name": "p", "resourceSliceCount": 1},
      "sharedCounters": [{"name": "c"}], "devices": [{"name": "x", "allNodes": true,
      "taints": [{"key": "a", "effect": "NoSchedule"}], "allowMultipleAllocations": true,
      "capacity": {"m": {"value": "1", "requestPolicy": {"default": "1"}}}}]}})");
  CHECK(slice.metadata().generation() == 1);
  CHECK(slice.spec().shared_counters().empty());
  const resourcev1::Device& device = slice.spec().devices(0);
  CHECK_FALSE(device.has_all_nodes());
  CHECK(device.taints().empty());
  CHECK_FALSE(device.has_allow_multiple_allocations());
  CHECK_FALSE(device.capacity().at("m").has_request_policy());
  const auto refused = api.Create(Parsed<resourcev1::ResourceSlice>(R"({"metadata": {"name": "t"},
      "spec": {"driver": "d", "pool": {"name": "p", "resourceSliceCount": 1},
      "perDeviceNodeSelection": true}})"));
  CHECK(absl::StrContains(Text(refused.status()), "spec: Required value: exactly one of"));
}

TEST_CASE("ReportsOfADeviceGoWithItsAllocation") {
  SimServer api;
  Made<resourcev1::ResourceClaim>(api, kClaim);
  const auto write = [&](const std::string& status) {
    auto claim = api.Find<resourcev1::ResourceClaim>("c")->CopyAs<resourcev1::ResourceClaim>();
    *claim->mutable_status() = Parsed<resourcev1::ResourceClaim>(status)->status();
    const auto written = api.Update(std::move(claim), "status");
    INFO(Text(written.status()));
    REQUIRE(written.ok());
    return (*written)->As<resourcev1::ResourceClaim>().status();
  };
  const std::string devices = R"("devices": [{"driver": "d", "pool": "p", "device": "x"}])";
  const auto allocated = write(R"({"status": {"allocation": {"devices": {"results": [
      {"request": "a", "driver": "d", "pool": "p", "device": "x"}]}}, )" +
                               devices + "}}");
  CHECK(allocated.devices_size() == 1);
  CHECK(write(R"({"status": {)" + devices + "}}").devices_size() == 0);
}

TEST_CASE("AdministeringDevicesNeedsALabelledNamespace") {
  SimServer api;
  const std::string json = R"({"metadata": {"name": "c"}, "spec": {"devices": {"requests": [
      {"name": "a", "exactly": {"deviceClassName": "x", "adminAccess": true}}]}}})";
  CHECK(absl::StrContains(
      Text(api.Create(Parsed<resourcev1::ResourceClaim>(json)).status()),
      "spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the "
      "`resource.kubernetes.io/admin-access: true` label on the containing namespace"));
  auto space = api.Find<corev1::Namespace>("default")->CopyAs<corev1::Namespace>();
  (*space->mutable_metadata()->mutable_labels())["resource.kubernetes.io/admin-access"] = "true";
  REQUIRE(api.Update(std::move(space)).ok());
  CHECK(api.Create(Parsed<resourcev1::ResourceClaim>(json)).ok());
}

}  // namespace
}  // namespace skiff::apiserver
