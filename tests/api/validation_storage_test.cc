#include "k8s.io/api/storage/v1/generated.pb.h"
#include "tests/api/rules.h"

namespace skiff::api {
namespace {

const char kVolume[] = R"({"metadata": {"name": "pv0003"}, "spec": {
    "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"],
    "persistentVolumeReclaimPolicy": "Recycle", "storageClassName": "slow",
    "nfs": {"path": "/tmp", "server": "172.17.0.2"}}})";

// The volume with another source.
std::string Made(const std::string& source) { return R"({"spec": {"nfs": null, )" + source + "}}"; }

TEST_CASE("AVolumeHasASizeAndModes") {
  CheckCreates<corev1::PersistentVolume>(
      kVolume,
      {{"{}", ""},
       {R"({"spec": {"capacity": null}})",
        "spec.capacity: Required value; spec.capacity: Unsupported value: null: supported values: "
        "\"storage\""},
       {R"({"spec": {"capacity": {"storage": null, "cpu": "1"}}})",
        "spec.capacity: Unsupported value: {\"cpu\":\"1\"}: supported values: \"storage\""},
       {R"({"spec": {"capacity": {"storage": "0"}}})",
        "spec.capacity[storage]: Invalid value: \"0\": must be greater than zero"},
       {R"({"spec": {"capacity": {"storage": "-1"}}})",
        "spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity; "
        "spec.capacity[storage]: Invalid value: \"-1\": must be greater than zero"},
       {R"({"spec": {"accessModes": null}})", "spec.accessModes: Required value"},
       {R"({"spec": {"accessModes": ["ReadWriteOncePod", "ReadWriteMany"]}})",
        "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"},
       {R"({"spec": {"accessModes": ["Write"]}})",
        "spec.accessModes: Unsupported value: \"Write\": supported values: \"ReadOnlyMany\", "
        "\"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\""},
       {R"({"spec": {"persistentVolumeReclaimPolicy": "Burn", "volumeMode": "Tape"}})",
        "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Burn\": supported values: "
        "\"Delete\", \"Recycle\", \"Retain\"; spec.volumeMode: Unsupported value: \"Tape\": "
        "supported values: \"Block\", \"Filesystem\""},
       {R"({"spec": {"volumeAttributesClassName": "gold"}})",
        "spec.csi: Required value: has to be specified when using volumeAttributesClassName"}});
}

TEST_CASE("AVolumeHasOneSource") {
  CheckCreates<corev1::PersistentVolume>(
      kVolume,
      {{R"({"spec": {"nfs": null}})", "spec: Required value: must specify a volume type"},
       {R"({"spec": {"hostPath": {"path": "/mnt"}}})",
        "spec.nfs: Forbidden: may not specify more than 1 volume type"},
       {R"({"spec": {"nfs": {"path": "tmp", "server": null}}})",
        "spec.nfs.server: Required value; spec.nfs.path: Invalid value: \"tmp\": must be an "
        "absolute path"},
       {Made(R"("hostPath": {"path": "/mnt/../x", "type": "Pipe"})"),
        "spec.hostPath.path: Invalid value: \"/mnt/../x\": must not contain '..'; "
        "spec.hostPath.type: Unsupported value: \"Pipe\": supported values: \"\", \"BlockDevice\", "
        "\"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", "
        "\"Socket\""},
       {Made(R"("hostPath": {"path": "/"})"),
        "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount "
        "of '/'"},
       {Made(R"("local": {"path": "/mnt/disks/ssd1"})"),
        "spec.nodeAffinity: Required value: Local volume requires node affinity"},
       {Made(R"("local": {"path": "/mnt/disks/ssd1"}, "nodeAffinity": {"required":
             {"nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname",
              "operator": "In", "values": ["n"]}]}]}})"),
        ""},
       {Made(R"("local": {"path": "/x"}, "nodeAffinity": {})"),
        "spec.nodeAffinity.required: Required value: must specify required node constraints"},
       {Made(R"("csi": {"driver": "csi.example.com", "volumeHandle": "v1"})"), ""},
       {Made(R"("csi": {"driver": "CSI_1", "controllerExpandSecretRef": {"name": "s"}})"),
        "spec.csi.volumeHandle: Required value; spec.csi.driver: Invalid value: \"CSI_1\": a "
        "lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        "; spec.csi.controllerExpandSecretRef.namespace: Required value"},
       {Made(R"("gcePersistentDisk": {"partition": 300})"),
        "spec.persistentDisk.pdName: Required value; spec.persistentDisk.partition: Invalid value: "
        "300: must be between 1 and 255, inclusive"},
       {Made(R"("fc": {})"),
        "spec.fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not "
        "both"},
       {Made(R"("iscsi": {"targetPortal": "p", "iqn": "x", "lun": 300})"),
        "spec.iscsi.iqn: Invalid value: \"x\": must be valid format starting with iqn, eui, or "
        "naa; spec.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive"}});
}

TEST_CASE("AVolumeKeepsItsSource") {
  CheckUpdates<corev1::PersistentVolume>(
      kVolume,
      {{R"({"spec": {"persistentVolumeReclaimPolicy": "Retain", "capacity": {"storage": "9Gi"},
           "nodeAffinity": {"required": {"nodeSelectorTerms": [{}]}}}})",
        ""},
       {R"({"spec": {"nfs": {"server": "other"}, "volumeMode": "Block"}})",
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after "
        "creation; volumeMode: Invalid value: \"Block\": field is immutable"}});
  const auto with_zone = [](const char* key) {
    return std::string(R"({"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": ")") +
           key + R"(", "operator": "Exists"}]}]}}}})";
  };
  const auto base = MergePatch(kVolume, with_zone("failure-domain.beta.kubernetes.io/zone"));
  CheckUpdates<corev1::PersistentVolume>(
      *base, {{with_zone("topology.kubernetes.io/zone"), ""},
              {with_zone("zone"),
               "nodeAffinity: Invalid value: {\"required\":{\"nodeSelectorTerms\":[{"
               "\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"Exists\"}]}]}}: field is "
               "immutable, except for updating from beta label to GA"},
              {R"({"spec": {"nodeAffinity": null}})",
               "nodeAffinity: Invalid value: null: field is immutable"}});
  CheckUpdates<corev1::PersistentVolume>(
      R"({"metadata": {"name": "v"}, "spec": {"capacity": {"storage": "1"}, "accessModes":
          ["ReadWriteOnce"], "csi": {"driver": "d", "volumeHandle": "h"}}})",
      {{R"({"spec": {"csi": {"controllerExpandSecretRef": {"name": "s", "namespace": "n"}}}})",
        ""}});
}

const char kClaim[] = R"({"metadata": {"name": "myclaim", "namespace": "default"}, "spec": {
    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}},
    "storageClassName": "slow", "selector": {"matchLabels": {"release": "stable"}}}})";

TEST_CASE("AClaimAsksForASizeAndModes") {
  CheckCreates<corev1::PersistentVolumeClaim>(
      kClaim,
      {{"{}", ""},
       {R"({"spec": {"storageClassName": ""}})", ""},
       {R"({"spec": {"accessModes": null, "resources": null}})",
        "spec.accessModes: Required value: at least 1 access mode is required; "
        "spec.resources[storage]: Required value"},
       {R"({"spec": {"resources": {"requests": {"storage": "-1Gi"}}}})",
        "spec.resources[storage]: Invalid value: \"-1Gi\": must be greater than zero"},
       {R"({"spec": {"dataSource": {"kind": "Pod", "name": ""}}})",
        "spec.dataSource.name: Required value; spec.dataSource: Invalid value: \"Pod\": must be "
        "'PersistentVolumeClaim' when referencing the default apiGroup"},
       {R"({"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "a"},
                     "dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "b"}}})",
        "spec: Invalid value: \"spec.dataSource\": must match dataSourceRef"},
       {R"({"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "a"},
                     "dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "a"}}})",
        ""}});
}

TEST_CASE("AClaimChangesOnlyWhatItMay") {
  constexpr char kFrozen[] =
      "spec: Forbidden: spec is immutable after creation except resources.requests and "
      "volumeAttributesClassName for bound claims";
  CheckUpdates<corev1::PersistentVolumeClaim>(
      kClaim,
      {{R"({"spec": {"volumeName": "pv1"}})", ""},
       {R"({"spec": {"volumeAttributesClassName": "gold"}})", ""},
       {R"({"spec": {"accessModes": ["ReadWriteMany"]}})", kFrozen},
       {R"({"spec": {"storageClassName": "fast"}})", kFrozen},
       {R"({"spec": {"resources": {"requests": {"storage": "9Gi"}}}})", kFrozen},
       {R"({"spec": {"volumeMode": "Block"}})",
        std::string(kFrozen) + "; volumeMode: Invalid value: \"Block\": field is immutable"}});
  const auto bound = MergePatch(kClaim, R"({"spec": {"volumeName": "pv1",
      "volumeAttributesClassName": "gold"},
      "status": {"phase": "Bound", "capacity": {"storage": "8Gi"}}})");
  CheckUpdates<corev1::PersistentVolumeClaim>(
      *bound,
      {{R"({"spec": {"resources": {"requests": {"storage": "9Gi"}}}})", ""},
       {R"({"spec": {"resources": {"requests": {"storage": "7Gi"}}}})",
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"},
       {R"({"spec": {"volumeName": "pv2"}})", kFrozen},
       {R"({"spec": {"volumeAttributesClassName": null}})",
        "spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden"},
       {R"({"spec": {"volumeAttributesClassName": ""}})",
        "spec.volumeAttributesClassName: Forbidden: update from non-nil value to an empty string "
        "is forbidden"}});
  const auto classless = MergePatch(kClaim, R"({"spec": {"storageClassName": null}})");
  CheckUpdates<corev1::PersistentVolumeClaim>(*classless,
                                              {{R"({"spec": {"storageClassName": "any"}})", ""}});
  CheckStatusUpdates<corev1::PersistentVolumeClaim>(
      kClaim, {{R"({"status": {"phase": "Bound", "allocatedResources": {"storage": "1Gi"},
                  "allocatedResourceStatuses": {"storage": "NodeResizePending"}}})",
                ""},
               {R"({"status": {"allocatedResources": {"cpu": "1"}}})",
                "status.allocatedResources: Unsupported value: \"cpu\": supported values: "
                "\"storage\""}});
}

TEST_CASE("AStorageClassSaysHowVolumesAreMade") {
  const char base[] = R"({"metadata": {"name": "low-latency"}, "provisioner": "csi.example.com",
      "parameters": {"guaranteedReadWriteLatency": "true"}, "mountOptions": ["discard"]})";
  const auto made = Patched<storagev1::StorageClass>(base, "{}");
  CHECK(made.reclaim_policy() == "Delete");
  CHECK(made.volume_binding_mode() == "Immediate");
  CheckCreates<storagev1::StorageClass>(
      base,
      {{"{}", ""},
       {R"({"provisioner": null})", "provisioner: Required value"},
       {R"({"provisioner": "A/"})",
        "provisioner: Invalid value: \"a/\": name part must be "
        "non-empty; provisioner: Invalid value: \"a/\": name part must "
        "consist of alphanumeric characters, '-', '_' or '.', and must "
        "start and end with an alphanumeric character (e.g. 'MyName',  "
        "or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
       {R"({"parameters": {"": "x"}})", "parameters: Invalid value: \"\": field can not be empty."},
       {R"({"reclaimPolicy": "Recycle", "volumeBindingMode": "Later"})",
        "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"; "
        "volumeBindingMode: Unsupported value: \"Later\": supported values: \"Immediate\", "
        "\"WaitForFirstConsumer\""},
       {R"({"allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["a", "a"]},
                                   {"key": "zone", "values": []}]}]})",
        "allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: \"a\"; "
        "allowedTopologies[0].matchLabelExpressions[1].values: Required value; "
        "allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: \"zone\""}});
  CheckUpdates<storagev1::StorageClass>(
      base,
      {{R"({"allowVolumeExpansion": true, "mountOptions": null})", ""},
       {R"({"provisioner": "b", "parameters": null, "reclaimPolicy": "Retain",
                  "volumeBindingMode": "WaitForFirstConsumer"})",
        "parameters: Forbidden: updates to parameters are forbidden.; provisioner: Forbidden: "
        "updates to provisioner are forbidden.; reclaimPolicy: Invalid value: \"Retain\": "
        "field is immutable; volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": "
        "field is immutable"}});
}

TEST_CASE("ADriverSaysWhatItNeeds") {
  const char base[] = R"({"metadata": {"name": "csi.example.com"}, "spec": {}})";
  const auto made = Patched<storagev1::CSIDriver>(base, "{}");
  CHECK(made.spec().attach_required());
  CHECK(made.spec().fs_group_policy() == "ReadWriteOnceWithFSType");
  CHECK(made.spec().volume_lifecycle_modes(0) == "Persistent");
  CheckCreates<storagev1::CSIDriver>(
      base,
      {{"{}", ""},
       {R"({"spec": {"fsGroupPolicy": "x", "volumeLifecycleModes": ["Eternal"]}})",
        "spec.fsGroupPolicy: Unsupported value: \"x\": supported values: \"File\", \"None\", "
        "\"ReadWriteOnceWithFSType\"; spec.volumeLifecycleModes: Unsupported value: \"Eternal\": "
        "supported values: \"Persistent\", \"Ephemeral\""},
       {R"({"spec": {"tokenRequests": [{"audience": "a", "expirationSeconds": 60},
                                       {"audience": "a"}]}})",
        "spec.tokenRequests[0].expirationSeconds: Invalid value: 60: may not specify a duration "
        "less than 10 minutes; spec.tokenRequests[1].audience: Duplicate value: \"a\""},
       {R"({"spec": {"nodeAllocatableUpdatePeriodSeconds": 5}})",
        "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 5: must be greater than or equal "
        "to 10 seconds"}});
  CheckUpdates<storagev1::CSIDriver>(
      base, {{R"({"spec": {"podInfoOnMount": true, "storageCapacity": true}})", ""},
             {R"({"spec": {"attachRequired": false, "volumeLifecycleModes": ["Ephemeral"]}})",
              "spec.attachedRequired: Invalid value: false: field is immutable; "
              "spec.volumeLifecycleModes: Invalid value: [\"Ephemeral\"]: field is immutable"}});
}

TEST_CASE("ANodeNamesItsDriversOnce") {
  const char base[] = R"({"metadata": {"name": "n"}, "spec": {"drivers": [{"name": "d",
      "nodeID": "id", "topologyKeys": ["zone"], "allocatable": {"count": 10}}]}})";
  CheckCreates<storagev1::CSINode>(
      base, {{"{}", ""},
             {R"({"spec": {"drivers": [{"name": "d", "nodeID": "", "allocatable": {"count": -1}},
                                       {"name": "d", "nodeID": "x",
                                        "topologyKeys": ["a", "a"]}]}})",
              "spec.drivers[0].nodeID: Required value; spec.drivers[0].allocatable.count: Invalid "
              "value: -1: must be greater than or equal to 0; spec.drivers[1]: Duplicate value: "
              "\"a\"; spec.drivers[1].name: Duplicate value: \"d\""}});
  CheckUpdates<storagev1::CSINode>(
      base, {{R"({"spec": {"drivers": [{"name": "d", "nodeID": "id", "topologyKeys": ["zone"],
                                        "allocatable": {"count": 5}}]}})",
              ""},
             {R"({"spec": {"drivers": []}})", ""},
             {R"({"spec": {"drivers": [{"name": "d", "nodeID": "other"}]}})",
              "spec.drivers: Invalid value: {\"name\":\"d\",\"nodeID\":\"other\",\"topologyKeys\":"
              "null}: field is immutable"}});
}

TEST_CASE("RoomIsToldByClassAndTopology") {
  const char base[] = R"({"metadata": {"name": "c", "namespace": "n"}, "storageClassName": "s",
      "capacity": "1Ti", "nodeTopology": {"matchLabels": {"zone": "a"}}})";
  CheckCreates<storagev1::CSIStorageCapacity>(
      base, {{"{}", ""},
             {R"({"capacity": "-1"})",
              "capacity: Invalid value: \"-1\": must be greater than or equal to 0"}});
  CheckUpdates<storagev1::CSIStorageCapacity>(
      base, {{R"({"capacity": "2Ti"})", ""},
             {R"({"storageClassName": "t", "nodeTopology": {"matchLabels": {"zone": "b"}}})",
              "nodeTopology: Invalid value: {\"matchLabels\":{\"zone\":\"b\"}}: field is "
              "immutable; storageClassName: Invalid value: \"t\": field is immutable"}});
}

TEST_CASE("AnAttachmentIsOfOneVolume") {
  const char base[] = R"({"metadata": {"name": "a"}, "spec": {"attacher": "csi.example.com",
      "nodeName": "n", "source": {"persistentVolumeName": "pv"}}})";
  CheckCreates<storagev1::VolumeAttachment>(
      base,
      {{"{}", ""},
       {R"({"spec": {"source": {"persistentVolumeName": null}}})",
        "spec.source: Required value: must specify exactly one of inlineVolumeSpec and "
        "persistentVolumeName"},
       {R"({"spec": {"source": {"persistentVolumeName": null, "inlineVolumeSpec": {
             "capacity": {"storage": "1"}, "accessModes": ["ReadWriteOnce"],
             "storageClassName": "s", "csi": {"driver": "d", "volumeHandle": "h"}}}}})",
        "spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of "
        "inline volumes; spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be "
        "specified in the context of inline volumes"}});
  CheckUpdates<storagev1::VolumeAttachment>(
      base, {{R"({"spec": {"nodeName": "m"}})",
              "spec: Invalid value: {\"attacher\":\"csi.example.com\",\"source\":{"
              "\"persistentVolumeName\":\"pv\"},\"nodeName\":\"m\"}: field is immutable"}});
  CheckStatusUpdates<storagev1::VolumeAttachment>(
      base, {{R"({"status": {"attached": true, "attachmentMetadata": {"a": "b"}}})", ""},
             {R"({"status": {"attachError": {"errorCode": -1}}})",
              "status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, "
              "inclusive"}});
}

TEST_CASE("AClassOfAttributesStaysAsItIs") {
  const char base[] = R"({"metadata": {"name": "silver"}, "driverName": "csi.example.com",
      "parameters": {"iops": "300"}})";
  CheckCreates<storagev1::VolumeAttributesClass>(
      base, {{"{}", ""},
             {R"({"driverName": null, "parameters": null})",
              "driverName: Required value; parameters: Required value: must contain at least one "
              "key/value pair"}});
  CheckUpdates<storagev1::VolumeAttributesClass>(
      base, {{R"({"driverName": "x", "parameters": {"iops": "1"}})",
              "driverName: Forbidden: updates to driverName are forbidden.; parameters: Forbidden: "
              "updates to parameters are forbidden."}});
}

}  // namespace
}  // namespace skiff::api
