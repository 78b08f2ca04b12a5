// Rules of the kinds that make pods: sets, controllers and cron jobs.
#include "tests/api/rules.h"

namespace skiff::api {
namespace {

const std::string kTemplate = R"("template": {"metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "a", "image": "x:1"}]}})";

const PatchedObject& StatefulSet() {
  static const PatchedObject set("apps/v1", "StatefulSet",
                                 R"({
      "metadata": {"name": "web", "namespace": "ns"}, "spec": {"serviceName": "web",
      "selector": {"matchLabels": {"app": "web"}}, )" +
                                     kTemplate + "}}");
  return set;
}

const PatchedObject& DaemonSet() {
  static const PatchedObject set("apps/v1", "DaemonSet",
                                 R"({
      "metadata": {"name": "web", "namespace": "ns"}, "spec": {
      "selector": {"matchLabels": {"app": "web"}}, )" +
                                     kTemplate + "}}");
  return set;
}

const PatchedObject& Controller() {
  static const PatchedObject controller("v1", "ReplicationController",
                                        R"({
      "metadata": {"name": "web", "namespace": "ns"}, "spec": {)" +
                                            kTemplate + "}}");
  return controller;
}

const PatchedObject& CronJob() {
  static const PatchedObject job("batch/v1", "CronJob", R"({
      "metadata": {"name": "nightly", "namespace": "ns"}, "spec": {"schedule": "0 3 * * *",
      "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never",
          "containers": [{"name": "a", "image": "x:1"}]}}}}}})");
  return job;
}

TEST_CASE("GoodSetsAndCronJobsHaveNoErrors") {
  CHECK(StatefulSet().Created() == "");
  CHECK(DaemonSet().Created() == "");
  CHECK(Controller().Created() == "");
  CHECK(CronJob().Created() == "");
  CHECK(PatchedObject("v1", "PodTemplate",
                      R"({"metadata": {"name": "t", "namespace": "ns"}, )" + kTemplate + "}")
            .Created() == "");
}

TEST_CASE("StatefulSetFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"podManagementPolicy": "Random"}})",
       "spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"},
      {R"({"spec": {"updateStrategy": {"type": "Maybe"}}})",
       "spec.updateStrategy: Invalid value: {\"Type\":\"Maybe\",\"RollingUpdate\":null}: must be "
       "'RollingUpdate' or 'OnDelete'"},
      {R"({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}}})",
       "spec.updateStrategy.rollingUpdate: Invalid value: "
       "{\"Partition\":1,\"MaxUnavailable\":null}: only allowed for updateStrategy "
       "'RollingUpdate'"},
      {R"({"spec": {"updateStrategy": {"rollingUpdate": {"partition": -1}}}})",
       "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or "
       "equal to 0"},
      {R"({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}})",
       "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0"},
      {R"({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "101%"}}}})",
       "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be "
       "greater than 100%"},
      {R"({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Keep"}}})",
       "spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: \"Keep\": "
       "supported values: \"Retain\", \"Delete\""},
      {R"({"spec": {"replicas": -1}})",
       "spec.replicas: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"ordinals": {"start": -1}}})",
       "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"selector": null}})", "spec.selector: Required value"},
      {R"({"spec": {"selector": {"matchLabels": null}}})",
       "spec.selector: Invalid value: {}: empty selector is invalid for statefulset"},
      {R"({"spec": {"template": {"metadata": {"labels": {"app": "other"}}}}})",
       "spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not "
       "match template `labels`"},
      {R"({"spec": {"template": {"spec": {"restartPolicy": "Never"}}}})",
       "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: "
       "\"Always\""},
      {R"({"spec": {"template": {"spec": {"activeDeadlineSeconds": 5}}}})",
       "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet "
       "is not Supported"},
      {R"({"spec": {"template": {"spec": {"containers": []}}}})",
       "spec.template.spec.containers: Required value"},
  };
  CheckCreates(StatefulSet(), rows);
  CHECK(StatefulSet()
            .Created(R"({"metadata": {"name": "a.b"}})")
            .find("metadata.name: Invalid value: \"a.b\": must not contain dots") == 0);
  CHECK(StatefulSet()
            .Created(R"({"spec": {"serviceName": "Not_A_Label"}})")
            .find("spec.serviceName: Invalid value: \"Not_A_Label\": a lowercase RFC 1123 label") ==
        0);
}

TEST_CASE("AClaimTemplateIsAVolumeOfThePods") {
  const char* const mounts = R"({"spec": {
      "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
          "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
      "template": {"spec": {"containers": [{"name": "a", "image": "x:1",
          "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}}}})";
  CHECK(StatefulSet().Created(mounts) == "");
  CHECK(StatefulSet().Created(R"({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "x:1",
             "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}}}})") ==
        "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"data\"");
}

TEST_CASE("AClaimTemplateIsAGoodClaim") {
  const char* const bare = R"({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "d"}}]}})";
  CHECK(StatefulSet().Created(bare) ==
        "spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is "
        "required; spec.volumeClaimTemplates[0].spec.resources[storage]: Required value");
  CHECK(StatefulSet().Updated(R"({"spec": {"replicas": 3}})", bare) == "");
}

TEST_CASE("AStatefulSetKeepsWhatItsPodsAreKnownBy") {
  const std::string forbidden =
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
      "'template', 'updateStrategy', 'revisionHistoryLimit', "
      "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  for (const char* patch :
       {R"({"spec": {"serviceName": "other"}})", R"({"spec": {"podManagementPolicy": "Parallel"}})",
        R"({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}}}}]}})",
        R"({"spec": {"selector": {"matchLabels": {"app": "web", "x": null},
                                 "matchExpressions": [{"key": "app", "operator": "Exists"}]}}})"}) {
    INFO(patch);
    CHECK(StatefulSet().Updated(patch) == forbidden);
  }
  CHECK(StatefulSet().Updated(R"({"spec": {"replicas": 3, "minReadySeconds": 5,
      "revisionHistoryLimit": 2, "ordinals": {"start": 1},
      "updateStrategy": {"type": "OnDelete", "rollingUpdate": null},
      "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"},
      "template": {"spec": {"terminationGracePeriodSeconds": 5}}}})") == "");
  // A template that was stored under looser rules does not hold up other changes.
  CHECK(StatefulSet().Updated(R"({"spec": {"replicas": 3}})",
                              R"({"spec": {"template": {"spec": {"containers": []}}}})") == "");
  CHECK(StatefulSet().Updated(R"({"spec": {"template": {"spec": {"containers": []}}}})") ==
        "spec.template.spec.containers: Required value");
}

TEST_CASE("AStatefulSetsStatusAddsUp") {
  const char* const old = R"({"status": {"collisionCount": 2}})";
  CHECK(StatefulSet().StatusUpdated(R"({"status": {"replicas": 3, "readyReplicas": 2,
      "availableReplicas": 2, "currentReplicas": 3, "updatedReplicas": 3}})",
                                    old) == "");
  CHECK(StatefulSet().StatusUpdated(R"({"status": {"replicas": 1, "readyReplicas": 1,
      "availableReplicas": 2, "currentReplicas": -1, "collisionCount": 1}})",
                                    old) ==
        "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0; "
        "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas; "
        "status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas; "
        "status.collisionCount: Invalid value: 1: cannot be decremented");
}

TEST_CASE("DaemonSetFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"updateStrategy": {"type": "Maybe"}}})",
       "spec.updateStrategy: Unsupported value: {\"Type\":\"Maybe\",\"RollingUpdate\":null}: "
       "supported values: \"RollingUpdate\", \"OnDelete\""},
      {R"({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}})",
       "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when "
       "maxSurge is 0"},
      {R"({"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}})",
       "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when "
       "maxUnavailable is non-zero"},
      {R"({"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}})",
       ""},
      {R"({"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "110%"}}}})",
       "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: \"110%\": must not be "
       "greater than 100%"},
      {R"({"spec": {"selector": {"matchLabels": {"app": "x"}}}})",
       "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match "
       "template `labels`"},
      {R"({"spec": {"selector": null}})",
       "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match "
       "template `labels`"},
      {R"({"spec": {"selector": {"matchLabels": null}}})",
       "spec.selector: Invalid value: {}: empty selector is invalid for daemonset"},
      {R"({"spec": {"minReadySeconds": -1}})",
       "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"revisionHistoryLimit": -1}})",
       "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}})",
       "spec.template.spec.restartPolicy: Unsupported value: \"OnFailure\": supported values: "
       "\"Always\""},
      {R"({"spec": {"template": {"spec": {"activeDeadlineSeconds": 5}}}})",
       "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is "
       "not Supported"},
  };
  CheckCreates(DaemonSet(), rows);
  CHECK(DaemonSet().Updated(R"({"spec": {"template": {"metadata": {"labels": {"x": "y"}}},
      "selector": {"matchLabels": {"x": "y"}}}})") ==
        "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\",\"x\":\"y\"}}: field is "
        "immutable");
  CHECK(DaemonSet().StatusUpdated(R"({"status": {"numberReady": -1}})") ==
        "status.numberReady: Invalid value: -1: must be greater than or equal to 0");
}

TEST_CASE("ARevisionsDataIsAnObjectAndStays") {
  const PatchedObject revision("apps/v1", "ControllerRevision", R"({
      "metadata": {"name": "web-1", "namespace": "ns"}, "data": {"a": 1}, "revision": 1})");
  CHECK(revision.Created() == "");
  CHECK(revision.Created(R"({"data": null})") == "data: Required value: data is mandatory");
  CHECK(revision.Created(R"({"revision": -1})") ==
        "revision: Invalid value: -1: must be greater than or equal to 0");
  CHECK(revision.Updated(R"({"revision": 2})") == "");
  CHECK(revision.Updated(R"({"data": {"a": 2}})") ==
        "data: Invalid value: {\"a\":2}: field is immutable");
}

TEST_CASE("ReplicationControllerFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"replicas": -1}})",
       "spec.replicas: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"minReadySeconds": -1}})",
       "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"selector": {"app": "other"}}})",
       "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match "
       "template `labels`"},
      {R"({"spec": {"template": {"metadata": null}}})", "spec.selector: Required value"},
      {R"({"spec": {"selector": {"app": "web"}, "template": null}})",
       "spec.template: Required value"},
      {R"({"spec": {"template": {"spec": {"restartPolicy": "Never"}}}})",
       "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: "
       "\"Always\""},
      {R"({"spec": {"template": {"spec": {"activeDeadlineSeconds": 5}}}})",
       "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in "
       "ReplicationController is not Supported"},
  };
  CheckCreates(Controller(), rows);
  CHECK(Controller().StatusUpdated(R"({"status": {"replicas": 1, "readyReplicas": 2}})") ==
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas");
  CHECK(Controller().StatusUpdated(R"({"status": {"replicas": 1, "availableReplicas": 1}})") ==
        "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas");
}

TEST_CASE("CronJobFaultsNameTheirField") {
  const RuleRow rows[] = {
      {R"({"spec": {"schedule": ""}})", "spec.schedule: Required value"},
      {R"({"spec": {"schedule": "* * * *"}})",
       "spec.schedule: Invalid value: \"* * * *\": expected exactly 5 fields, found 4: [* * * *]"},
      {R"({"spec": {"schedule": "TZ=UTC 0 * * * *"}})",
       "spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": cannot use TZ or CRON_TZ in schedule, "
       "use timeZone field instead"},
      {R"({"spec": {"schedule": "CRON_TZ=Mars/Olympus 0 * * * *"}})",
       "spec.schedule: Invalid value: \"CRON_TZ=Mars/Olympus 0 * * * *\": provided bad location "
       "Mars/Olympus: unknown time zone Mars/Olympus; "
       "spec.schedule: Invalid value: \"CRON_TZ=Mars/Olympus 0 * * * *\": cannot use TZ or CRON_TZ "
       "in schedule, use timeZone field instead"},
      {R"({"spec": {"timeZone": "UTC"}})", ""},
      {R"({"spec": {"timeZone": ""}})",
       "spec.timeZone: Invalid value: \"\": timeZone must be nil or non-empty string"},
      {R"({"spec": {"timeZone": "Mars/Olympus"}})",
       "spec.timeZone: Invalid value: \"Mars/Olympus\": unknown time zone Mars/Olympus"},
      {R"({"spec": {"timeZone": "../etc/passwd"}})",
       "spec.timeZone: Invalid value: \"../etc/passwd\": unknown time zone ../etc/passwd"},
      {R"({"spec": {"timeZone": "Local"}})",
       "spec.timeZone: Invalid value: \"Local\": timeZone must be an explicit time zone as defined "
       "in https://www.iana.org/time-zones"},
      {R"({"spec": {"concurrencyPolicy": "Wait"}})",
       "spec.concurrencyPolicy: Unsupported value: \"Wait\": supported values: \"Allow\", "
       "\"Forbid\", \"Replace\""},
      {R"({"spec": {"startingDeadlineSeconds": -1}})",
       "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"successfulJobsHistoryLimit": -1, "failedJobsHistoryLimit": -2}})",
       "spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0; "
       "spec.failedJobsHistoryLimit: Invalid value: -2: must be greater than or equal to 0"},
      {R"({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": null}}}}}})",
       "spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "
       "\"OnFailure\", \"Never\""},
      {R"({"spec": {"jobTemplate": {"spec": {"parallelism": -1}}}})",
       "spec.jobTemplate.spec.parallelism: Invalid value: -1: must be greater than or equal to 0"},
      {R"({"spec": {"jobTemplate": {"spec": {"selector": {"matchLabels": {"a": "b"}}}}}})",
       "spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` "
       "will be auto-generated"},
      {R"({"spec": {"jobTemplate": {"spec": {"manualSelector": true}}}})",
       "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", "
       "\"false\""},
      {R"({"metadata": {"name": "a23456789-a23456789-a23456789-a23456789-a23456789-123"}})",
       "metadata.name: Invalid value: \"a23456789-a23456789-a23456789-a23456789-a23456789-123\": "
       "must be no more than 52 characters"},
  };
  CheckCreates(CronJob(), rows);
}

TEST_CASE("AScheduleWithAZoneOfOldStaysChangeable") {
  const char* const old = R"({"spec": {"schedule": "TZ=UTC 0 3 * * *"}})";
  CHECK(CronJob().Updated(R"({"spec": {"suspend": true}})", old) == "");
  CHECK(CronJob().Updated(R"({"spec": {"timeZone": "UTC"}})", old) ==
        "spec.schedule: Invalid value: \"TZ=UTC 0 3 * * *\": cannot use both timeZone field and TZ "
        "or CRON_TZ in schedule");
  CHECK(CronJob().Updated(R"({"spec": {"suspend": true}})",
                          R"({"spec": {"timeZone": "Mars/Olympus"}})") == "");
}

}  // namespace
}  // namespace skiff::api
