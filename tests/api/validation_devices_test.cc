#include "k8s.io/api/resource/v1/generated.pb.h"
#include "tests/api/rules.h"

namespace skiff::api {
namespace {

const char kClaim[] = R"({"metadata": {"name": "c", "namespace": "default"}, "spec": {"devices": {
    "requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com", "selectors": [
        {"cel": {"expression": "device.driver == 'gpu.example.com'"}}]}},
      {"name": "nic", "firstAvailable": [{"name": "fast", "deviceClassName": "a"},
                                         {"name": "slow", "deviceClassName": "b"}]}],
    "constraints": [{"requests": ["gpu", "nic/fast"], "matchAttribute": "example.com/numa"}],
    "config": [{"requests": ["nic"], "opaque": {"driver": "d.example.com",
                "parameters": {"kind": "X"}}}]}}})";

std::string OfRequests(const std::string& requests) {
  return R"({"spec": {"devices": {"constraints": null, "config": null, "requests": [)" + requests +
         "]}}}";
}

std::string OfConfig(const std::string& config) {
  return R"({"spec": {"devices": {"config": [)" + config + "]}}}";
}

TEST_CASE("AClaimRequestsDevicesOfAClass") {
  const auto made = Patched<resourcev1::ResourceClaim>(kClaim, "{}");
  CHECK(made.spec().devices().requests(0).exactly().allocation_mode() == "ExactCount");
  CHECK(made.spec().devices().requests(0).exactly().count() == 1);
  CHECK(made.spec().devices().requests(1).first_available(1).count() == 1);
  CheckCreates<resourcev1::ResourceClaim>(
      kClaim,
      {{"{}", ""},
       {OfRequests(R"({"name": "a"})"),
        "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is "
        "required"},
       {OfRequests(R"({"name": "a", "exactly": {"deviceClassName": "c"}, "firstAvailable":
             [{"name": "b", "deviceClassName": "c"}]})"),
        "spec.devices.requests[0]: Invalid value: null: exactly one of `exactly` or "
        "`firstAvailable` is required, but multiple fields are set"},
       {OfRequests(R"({"name": "a", "exactly": {}})"),
        "spec.devices.requests[0].exactly.deviceClassName: Required value"},
       {OfRequests(
            R"({"name": "a", "exactly": {"deviceClassName": "c", "allocationMode": "Some"}})"),
        "spec.devices.requests[0].exactly.allocationMode: Unsupported value: \"Some\": supported "
        "values: \"All\", \"ExactCount\""},
       {OfRequests(R"({"name": "a", "exactly": {"deviceClassName": "c", "allocationMode": "All",
             "count": 2}})"),
        "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when "
        "allocationMode is 'All'"},
       {OfRequests(R"({"name": "a", "exactly": {"deviceClassName": "c", "count": -1}})"),
        "spec.devices.requests[0].exactly.count: Invalid value: -1: must be greater than zero"},
       {OfRequests(R"({"name": "a", "exactly": {"deviceClassName": "c", "selectors": [{},
             {"cel": {"expression": ""}}]}})"),
        "spec.devices.requests[0].exactly.selectors[0].cel: Required value; "
        "spec.devices.requests[0].exactly.selectors[1].cel.expression: Required value"},
       {OfRequests(R"({"name": "a", "exactly": {"deviceClassName": "c", "selectors": [
             {"cel": {"expression": ")" +
                   std::string(10241, 'x') + R"("}}]}})"),
        "spec.devices.requests[0].exactly.selectors[0].cel.expression: Too long: may not be more "
        "than 10240 bytes"},
       {OfRequests(R"({"name": "a", "exactly": {"deviceClassName": "c"}},
                      {"name": "a", "exactly": {"deviceClassName": "c"}})"),
        "spec.devices.requests[1]: Duplicate value: \"a\""},
       {R"({"spec": {"devices": {"constraints": [{"requests": ["tpu"]}]}}})",
        "spec.devices.constraints[0].requests[0]: Invalid value: \"tpu\": must be the name of a "
        "request in the claim or the name of a request and a subrequest separated by '/'; "
        "spec.devices.constraints[0].matchAttribute: Required value"},
       {R"({"spec": {"devices": {"constraints": [{"matchAttribute": "numa"}]}}})",
        "spec.devices.constraints[0].matchAttribute: Invalid value: \"numa\": a fully qualified "
        "name must be a domain and a name separated by a slash"},
       {OfConfig("{}"), "spec.devices.config[0].opaque: Required value"},
       {OfConfig(R"({"opaque": {"driver": "d"}})"),
        "spec.devices.config[0].opaque.parameters: Required value"},
       {OfConfig(R"({"opaque": {"driver": "d", "parameters": [1]}})"),
        "spec.devices.config[0].opaque.parameters: Invalid value: \"<value omitted>\": must be a "
        "valid JSON object"}});
  CheckUpdates<resourcev1::ResourceClaim>(
      R"({"metadata": {"name": "c", "namespace": "n"}, "spec": {"devices": {"requests": [
          {"name": "a", "exactly": {"deviceClassName": "c"}}]}}})",
      {{R"({"metadata": {"labels": {"a": "b"}}})", ""},
       {R"({"spec": {"devices": {"requests": [{"name": "b", "exactly": {"deviceClassName":
            "c"}}]}}})",
        "spec: Invalid value: {\"devices\":{\"requests\":[{\"name\":\"b\",\"exactly\":{"
        "\"deviceClassName\":\"c\",\"allocationMode\":\"ExactCount\",\"count\":1}}]}}: field is "
        "immutable"}});
}

TEST_CASE("ATemplateOfClaimsHasLabelsAndASpec") {
  const char base[] = R"({"metadata": {"name": "t", "namespace": "n"}, "spec": {
      "metadata": {"labels": {"a": "b"}}, "spec": {"devices": {"requests": [
        {"name": "a", "exactly": {"deviceClassName": "c"}}]}}}})";
  CheckCreates<resourcev1::ResourceClaimTemplate>(
      base, {{"{}", ""},
             {R"({"spec": {"metadata": {"name": "x", "uid": "1"}}})",
              "spec.metadata.name: Forbidden: cannot be set; spec.metadata.uID: Forbidden: cannot "
              "be set"},
             {R"({"spec": {"spec": {"devices": {"requests": [{"name": "a"}]}}}})",
              "spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or "
              "`firstAvailable` is required"}});
}

const char kResult[] =
    R"({"request": "gpu", "driver": "d.example.com", "pool": "p", "device": "x"})";

std::string WithStatus(const std::string& status) { return R"({"status": {)" + status + "}}"; }

std::string Allocated(const std::string& more = "") {
  return WithStatus(R"("allocation": {"devices": {"results": [)" + std::string(kResult) + "]}}" +
                    more);
}

TEST_CASE("WhatIsAllocatedToAClaimFitsItsRequests") {
  CheckStatusUpdates<resourcev1::ResourceClaim>(
      kClaim,
      {{Allocated(), ""},
       {Allocated(R"(, "reservedFor": [{"resource": "pods", "name": "p", "uid": "1"}])"), ""},
       {WithStatus(R"("reservedFor": [{"resource": "pods", "name": "p", "uid": "1"}])"),
        "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"},
       {Allocated(R"(, "reservedFor": [{}, {"resource": "pods", "name": "p"}])"),
        "status.reservedFor[0].resource: Required value; status.reservedFor[0].name: Required "
        "value; status.reservedFor[0].uid: Required value; status.reservedFor[1].uid: Required "
        "value; status.reservedFor[1]: Duplicate value: \"\""},
       {WithStatus(R"("allocation": {"devices": {"results": [{"request": "tpu", "driver": "d",
             "pool": "", "device": "X"}], "config": [{"source": "Thin air"}]}})"),
        "status.allocation.devices.results[0].request: Invalid value: \"tpu\": must be the name of "
        "a request in the claim or the name of a request and a subrequest separated by '/'; "
        "status.allocation.devices.results[0].pool: Required value; "
        "status.allocation.devices.results[0].device: Invalid value: \"X\": a lowercase RFC 1123 "
        "label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation "
        "is '[a-z0-9]([-a-z0-9]*[a-z0-9])?'); status.allocation.devices.config[0].source: "
        "Unsupported value: \"Thin air\": supported values: \"FromClaim\", \"FromClass\"; "
        "status.allocation.devices.config[0].opaque: Required value"},
       {Allocated(R"(, "devices": [{"driver": "d.example.com", "pool": "p", "device": "x",
             "networkData": {"ips": ["10.9.8.0/24"]}}])"),
        ""},
       {Allocated(R"(, "devices": [{"driver": "d.example.com", "pool": "p", "device": "y",
             "conditions": [{"type": "Ready", "status": "Yes"}]}])"),
        "status.devices[0]: Invalid value: \"d.example.com/p/y\": must be an allocated device in "
        "the claim; status.devices[0].conditions[0].status: Unsupported value: \"Yes\": supported "
        "values: \"False\", \"True\", \"Unknown\"; "
        "status.devices[0].conditions[0].lastTransitionTime: Required value; "
        "status.devices[0].conditions[0].reason: Required value"}});
  const auto allocated = MergePatch(kClaim, Allocated());
  CheckStatusUpdates<resourcev1::ResourceClaim>(
      *allocated, {{WithStatus(R"("allocation": null)"), ""},
                   {WithStatus(R"("allocation": {"devices": null})"),
                    "status.allocation: Invalid value: {\"devices\":{}}: field is immutable"}});
}

TEST_CASE("AClassOfDevicesSelectsAndConfigures") {
  const char base[] = R"({"metadata": {"name": "gpu.example.com"}, "spec": {"selectors": [
      {"cel": {"expression": "device.driver == 'gpu.example.com'"}}], "config": [
      {"opaque": {"driver": "gpu.example.com", "parameters": {"kind": "GpuConfig"}}}]}})";
  CheckCreates<resourcev1::DeviceClass>(
      base, {{"{}", ""},
             {R"({"spec": {"selectors": [{}]}})", "spec.selectors[0].cel: Required value"},
             {R"({"spec": {"config": [{}]}})", "spec.config[0].opaque: Required value"}});
}

const char kSlice[] = R"({"metadata": {"name": "s"}, "spec": {"driver": "gpu.example.com",
    "nodeName": "n", "pool": {"name": "n", "generation": 1, "resourceSliceCount": 1},
    "devices": [{"name": "gpu-0", "attributes": {"model": {"string": "a100"},
        "example.com/driverVersion": {"version": "1.0.0-rc.1+b"}, "cores": {"int": 8}},
      "capacity": {"memory": {"value": "40Gi"}}}]}})";

std::string OfDevice(const std::string& device) {
  return R"({"spec": {"devices": [{"name": "d", )" + device + "}]}}";
}

TEST_CASE("ASliceHoldsTheDevicesOfAPool") {
  constexpr char kNodes[] =
      "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
  CheckCreates<resourcev1::ResourceSlice>(
      kSlice,
      {{"{}", ""},
       {R"({"spec": {"nodeName": null, "allNodes": true}})", ""},
       {R"({"spec": {"nodeName": null}})", std::string("spec: Required value: ") + kNodes},
       {R"({"spec": {"allNodes": true}})",
        std::string("spec: Invalid value: \"{`nodeName`, `allNodes`}\": ") + kNodes +
            ", but multiple fields are set"},
       {R"({"spec": {"pool": {"name": "", "generation": -1, "resourceSliceCount": 0}}})",
        "spec.pool.name: Required value; spec.pool.resourceSliceCount: Invalid value: 0: must be "
        "greater than zero; spec.pool.generation: Invalid value: -1: must be greater than or equal "
        "to zero"},
       {R"({"spec": {"devices": [{"name": "a"}, {"name": "a"}]}})",
        "spec.devices[1]: Duplicate value: \"a\""},
       {OfDevice(R"("attributes": {"a": {}})"),
        "spec.devices[0].attributes[a]: Invalid value: \"\": exactly one value must be specified"},
       {OfDevice(R"("attributes": {"a": {"int": 1, "bool": true}})"),
        "spec.devices[0].attributes[a]: Invalid value: {\"int\":1,\"bool\":true}: exactly one "
        "value must be specified"},
       {OfDevice(R"("attributes": {"a": {"version": "1.0"}})"),
        "spec.devices[0].attributes[a].version: Invalid value: \"1.0\": must be a string "
        "compatible with semver.org spec 2.0.0"},
       {OfDevice(R"("attributes": {"/a": {"int": 1}})"),
        "spec.devices[0].attributes[/a]: Invalid value: \"\": the domain must not be empty"},
       {OfDevice(R"("capacity": {"a-b": {"value": "1"}})"),
        "spec.devices[0].capacity[a-b]: Invalid value: \"a-b\": a valid C identifier must start "
        "with alphabetic character or '_', followed by a string of alphanumeric characters or '_' "
        "(e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is "
        "'[A-Za-z_][A-Za-z0-9_]*')"}});
  CheckUpdates<resourcev1::ResourceSlice>(
      kSlice, {{R"({"spec": {"devices": null, "pool": {"generation": 2}}})", ""},
               {R"({"spec": {"driver": "x", "nodeName": "m", "pool": {"name": "p"}}})",
                "spec.pool.name: Invalid value: \"p\": field is immutable; spec.driver: Invalid "
                "value: \"x\": field is immutable; spec.nodeName: Invalid value: \"m\": field is "
                "immutable"}});
}

}  // namespace
}  // namespace skiff::api
