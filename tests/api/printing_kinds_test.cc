#include "absl/strings/str_join.h"
#include "api/printing/printing.h"
#include "k8s.io/api/discovery/v1/generated.pb.h"
#include "k8s.io/api/networking/v1/generated.pb.h"
#include "k8s.io/api/rbac/v1/generated.pb.h"
#include "k8s.io/api/resource/v1/generated.pb.h"
#include "k8s.io/api/storage/v1/generated.pb.h"
#include "tests/api/from_json.h"

namespace skiff::api {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);  // 2023-11-14T22:13:20Z

template <typename T>
std::string RowOf(absl::string_view json) {
  const ObjectPtr object = ObjectFromJson<T>(json);
  const std::vector<Cell> row = Row(*object, kNow);
  REQUIRE(row.size() == Columns(object->resource()).size());
  return absl::StrJoin(row, "|",
                       [](std::string* out, const Cell& cell) { out->append(CellText(cell)); });
}

// Of the columns: those that are always shown, and after "/" those of -o wide.
template <typename T>
std::string ColumnsOf() {
  std::string shown, wide;
  for (const Column& column : Columns(ResourceOf<T>())) {
    std::string& list = column.priority == 0 ? shown : wide;
    absl::StrAppend(&list, list.empty() ? "" : "|", column.name);
  }
  return wide.empty() ? shown : absl::StrCat(shown, "/", wide);
}

TEST_CASE("RolesShowWhenTheyWereMade") {
  CHECK(ColumnsOf<rbacv1::Role>() == "Name|Created At");
  CHECK(Columns(ResourceOf<rbacv1::ClusterRole>())[1].type == "date");
  CHECK(RowOf<rbacv1::ClusterRole>(
            R"({"metadata": {"name": "r", "creationTimestamp": "2023-11-14T22:08:20Z"}})") ==
        "r|2023-11-14T22:08:20Z");
}

TEST_CASE("BindingsShowRoleAndSubjects") {
  CHECK(ColumnsOf<rbacv1::RoleBinding>() == "Name|Role|Age/Users|Groups|ServiceAccounts");
  CHECK(RowOf<rbacv1::RoleBinding>(R"({"metadata": {"name": "b"},
            "roleRef": {"kind": "Role", "name": "r"}, "subjects": [
              {"kind": "User", "name": "u"}, {"kind": "User", "name": "v"},
              {"kind": "Group", "name": "g"},
              {"kind": "ServiceAccount", "namespace": "n", "name": "a"}]})") ==
        "b|Role/r|<unknown>|u, v|g|n/a");
}

TEST_CASE("IngressesShowHostsAndAddresses") {
  CHECK(ColumnsOf<networkingv1::Ingress>() == "Name|Class|Hosts|Address|Ports|Age");
  CHECK(RowOf<networkingv1::Ingress>(R"({"metadata": {"name": "i"}, "spec": {}})") ==
        "i|<none>|*||80|<unknown>");
  CHECK(RowOf<networkingv1::Ingress>(R"({"metadata": {"name": "i"}, "spec": {
            "ingressClassName": "nginx", "tls": [{}], "rules": [{"host": "a"}, {"host": "b"}]},
            "status": {"loadBalancer": {"ingress": [
              {"ip": "2.2.2.2"}, {"hostname": "1.host"}]}}})") ==
        "i|nginx|a,b|1.host,2.2.2.2|80, 443|<unknown>");
  CHECK(RowOf<networkingv1::Ingress>(R"({"metadata": {"name": "i"}, "spec": {"rules": [
            {"host": "a"}, {"host": "b"}, {"host": "c"}, {"host": "d"}, {"host": "e"}]}})") ==
        "i|<none>|a,b,c + 2 more...||80|<unknown>");
  CHECK(RowOf<networkingv1::IngressClass>(R"({"metadata": {"name": "c"}, "spec": {
            "controller": "a.b/c", "parameters": {"apiGroup": "k8s.a.b", "kind": "P",
            "name": "x"}}})") == "c|a.b/c|P.k8s.a.b/x|<unknown>");
  CHECK(RowOf<networkingv1::IngressClass>(R"({"metadata": {"name": "c"}})") ==
        "c||<none>|<unknown>");
}

TEST_CASE("PoliciesAndAddressesShowWhatTheyAreFor") {
  CHECK(RowOf<networkingv1::NetworkPolicy>(R"({"metadata": {"name": "p"}, "spec": {
            "podSelector": {"matchLabels": {"a": "b"}}}})") == "p|a=b|<unknown>");
  CHECK(RowOf<networkingv1::NetworkPolicy>(R"({"metadata": {"name": "p"}})") ==
        "p|<none>|<unknown>");
  CHECK(ColumnsOf<networkingv1::IPAddress>() == "Name|ParentRef");
  CHECK(RowOf<networkingv1::IPAddress>(R"({"metadata": {"name": "10.96.0.1"}, "spec": {
            "parentRef": {"resource": "services", "namespace": "default",
                          "name": "kubernetes"}}})") == "10.96.0.1|services/default/kubernetes");
  CHECK(RowOf<networkingv1::IPAddress>(R"({"metadata": {"name": "1.1.1.1"}, "spec": {
            "parentRef": {"group": "a.b", "resource": "gateways", "name": "g"}}})") ==
        "1.1.1.1|gateways.a.b/g");
  CHECK(RowOf<networkingv1::ServiceCIDR>(R"({"metadata": {"name": "c"}, "spec": {
            "cidrs": ["10.96.0.0/12", "fd00::/112"]}})") == "c|10.96.0.0/12,fd00::/112|<unknown>");
  CHECK(RowOf<discoveryv1::EndpointSlice>(R"({"metadata": {"name": "s"}, "addressType": "IPv4",
            "ports": [{"port": 80}, {"name": "all"}, {}, {"port": 1}],
            "endpoints": [{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}]})") ==
        "s|IPv4|80,all,* + 1 more...|10.0.0.1,10.0.0.2|<unknown>");
  CHECK(RowOf<discoveryv1::EndpointSlice>(R"({"metadata": {"name": "s"}})") ==
        "s||<unset>|<unset>|<unknown>");
}

TEST_CASE("VolumesShowSizeAndClaim") {
  CHECK(ColumnsOf<corev1::PersistentVolume>() ==
        "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|"
        "VolumeAttributesClass|Reason|Age/VolumeMode");
  CHECK(RowOf<corev1::PersistentVolume>(R"({"metadata": {"name": "v"}, "spec": {
            "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "slow",
            "claimRef": {"namespace": "n", "name": "c"}, "volumeMode": "Block"},
            "status": {"phase": "Bound"}})") ==
        "v|5Gi|RWO,RWX|Retain|Bound|n/c|slow|<unset>||<unknown>|Block");
  CHECK(ColumnsOf<corev1::PersistentVolumeClaim>() ==
        "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age/"
        "VolumeMode");
  CHECK(RowOf<corev1::PersistentVolumeClaim>(R"({"metadata": {"name": "c"}, "spec": {
            "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Pending"}})") ==
        "c|Pending|||||<unset>|<unknown>|<unset>");
  CHECK(RowOf<corev1::PersistentVolumeClaim>(R"({"metadata": {"name": "c",
            "deletionTimestamp": "2023-11-14T22:08:20Z"}, "spec": {"volumeName": "v",
            "storageClassName": "s", "volumeMode": "Filesystem"}, "status": {"phase": "Bound",
            "accessModes": ["ReadWriteOncePod"], "capacity": {"storage": "5Gi"}}})") ==
        "c|Terminating|v|5Gi|RWOP|s|<unset>|<unknown>|Filesystem");
}

TEST_CASE("StorageShowsHowItIsMade") {
  CHECK(ColumnsOf<storagev1::StorageClass>() ==
        "Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age");
  CHECK(RowOf<storagev1::StorageClass>(R"({"metadata": {"name": "s", "annotations":
            {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p",
            "allowVolumeExpansion": true})") == "s (default)|p|Delete|Immediate|true|<unknown>");
  CHECK(RowOf<storagev1::VolumeAttributesClass>(
            R"({"metadata": {"name": "s"}, "driverName": "d"})") == "s|d|<unknown>");
  CHECK(ColumnsOf<storagev1::VolumeAttachment>() == "Name|Attacher|PV|Node|Attached|Age");
  CHECK(RowOf<storagev1::VolumeAttachment>(R"({"metadata": {"name": "a"}, "spec": {"attacher": "d",
            "nodeName": "n", "source": {"persistentVolumeName": "v"}},
            "status": {"attached": true}})") == "a|d|v|n|true|<unknown>");
  CHECK(RowOf<storagev1::CSINode>(
            R"({"metadata": {"name": "n"}, "spec": {"drivers": [{"name": "d"}]}})") ==
        "n|1|<unknown>");
  CHECK(ColumnsOf<storagev1::CSIDriver>() ==
        "Name|AttachRequired|PodInfoOnMount|StorageCapacity|TokenRequests|RequiresRepublish|Modes|"
        "Age");
  CHECK(RowOf<storagev1::CSIDriver>(R"({"metadata": {"name": "d"}, "spec": {}})") ==
        "d|true|false|false|<unset>|false|<none>|<unknown>");
  CHECK(RowOf<storagev1::CSIDriver>(R"({"metadata": {"name": "d"}, "spec": {
            "attachRequired": false, "tokenRequests": [{"audience": "a"}, {"audience": "b"}],
            "volumeLifecycleModes": ["Persistent", "Ephemeral"]}})") ==
        "d|false|false|false|a,b|false|Persistent,Ephemeral|<unknown>");
  CHECK(ColumnsOf<storagev1::CSIStorageCapacity>() == "Name|StorageClassName|Capacity");
  CHECK(RowOf<storagev1::CSIStorageCapacity>(
            R"({"metadata": {"name": "c"}, "storageClassName": "s", "capacity": "1Ti"})") ==
        "c|s|1Ti");
}

TEST_CASE("ClaimsOfDevicesShowHowFarTheyAre") {
  CHECK(ColumnsOf<resourcev1::DeviceClass>() == "Name|Age");
  CHECK(ColumnsOf<resourcev1::ResourceClaimTemplate>() == "Name|Age");
  const auto state = [](const std::string& meta, const std::string& status) {
    return RowOf<resourcev1::ResourceClaim>(R"({"metadata": {"name": "c")" + meta +
                                            R"(}, "status": {)" + status + "}}");
  };
  const std::string deleted = R"(, "deletionTimestamp": "2023-11-14T22:08:20Z")";
  CHECK(state("", "") == "c|pending|<unknown>");
  CHECK(state("", R"("allocation": {})") == "c|allocated|<unknown>");
  CHECK(state("", R"("allocation": {}, "reservedFor": [{"name": "p"}])") ==
        "c|allocated,reserved|<unknown>");
  CHECK(state(deleted, "") == "c|deleted|<unknown>");
  CHECK(state(deleted, R"("allocation": {})") == "c|deleted,allocated|<unknown>");
  CHECK(ColumnsOf<resourcev1::ResourceSlice>() == "Name|Node|Driver|Pool|Age");
  CHECK(RowOf<resourcev1::ResourceSlice>(R"({"metadata": {"name": "s"}, "spec": {"driver": "d",
            "nodeName": "n", "pool": {"name": "p"}}})") == "s|n|d|p|<unknown>");
}

}  // namespace
}  // namespace skiff::api
