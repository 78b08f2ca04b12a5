/* Clusters as test harnesses. */
#include "check.h"

static int holds(const char* text, const char* words) { return strstr(text, words) != NULL; }

static skiff_cluster* open_virtual(uint64_t seed) {
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_clock(options, "virtual");
  skiff_options_set_seed(options, seed);
  skiff_options_set_permute_order(options, 1);
  skiff_cluster* cluster = NULL;
  OK(skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  CHECK(skiff_cluster_seed(cluster) == seed);
  return cluster;
}

static const char kDeployment[] =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n"
    "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n"
    "    spec: {containers: [{name: web, image: web}]}\n";

TEST(TimeIsTheTestsToAdvance) {
  skiff_cluster* cluster = open_virtual(18446744073709551615u);
  const int64_t begin = skiff_cluster_now_ms(cluster);
  OK(skiff_apply(cluster, kDeployment, NULL, NULL, &error));
  OK(skiff_settle(cluster, SOON_MS, &error));
  OK(skiff_wait(cluster, "deployment", NULL, "web", "condition=Available", 0, &error));
  CHECK(skiff_cluster_now_ms(cluster) == begin);
  OK(skiff_assert_idle(cluster, 60 * 1000, &error));
  CHECK(skiff_cluster_now_ms(cluster) == begin + 60 * 1000);
  OK(skiff_advance(cluster, 3600 * 1000, &error));
  CHECK(skiff_cluster_now_ms(cluster) == begin + 3660 * 1000);
  FAILS(SKIFF_INVALID, "100 years", skiff_advance(cluster, -1, &error));
  FAILS(SKIFF_TIMEOUT, "seed 18446744073709551615",
        skiff_wait(cluster, "deployment", NULL, "web", "condition=Ready", 0, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(FaultsAreTextsThatAreChecked) {
  skiff_cluster* cluster = open_virtual(1);
  OK(skiff_inject_fault(cluster, "{\"kind\":\"fillNode\",\"node\":\"node-0\"}", &error));
  OK(skiff_apply(cluster, kDeployment, NULL, NULL, &error));
  OK(skiff_settle(cluster, SOON_MS, &error));
  char* json = NULL;
  OK(skiff_inspect(cluster, &json, &error));
  CHECK(holds(json, "\"why\":\"0/1 nodes are available"));
  CHECK(holds(json, "\"clock\":\"virtual\",\"seed\":\"1\""));
  skiff_string_free(json);
  OK(skiff_inject_fault(cluster, "{\"kind\":\"fillNode\",\"node\":\"node-0\",\"on\":false}",
                        &error));
  OK(skiff_settle(cluster, SOON_MS, &error));
  OK(skiff_wait(cluster, "deployment", NULL, "web", "condition=Available", 0, &error));
  OK(skiff_inject_fault(cluster,
                        "{\"kind\":\"failWrites\",\"count\":2,\"verb\":\"create\","
                        "\"objectKind\":\"configmap\",\"error\":\"Conflict\"}",
                        &error));
  const char* map = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\"}}";
  FAILS(SKIFF_CONFLICT, "a fault was injected", skiff_create(cluster, map, NULL, NULL, &error));
  OK(skiff_inject_fault(cluster, "{\"kind\":\"healWrites\"}", &error));
  OK(skiff_create(cluster, map, NULL, NULL, &error));
  FAILS(SKIFF_INVALID, "killNode", skiff_inject_fault(cluster, "{\"kind\":\"smite\"}", &error));
  FAILS(SKIFF_INVALID, "kind", skiff_inject_fault(cluster, "[]", &error));
  FAILS(SKIFF_INVALID, "exitCode",
        skiff_inject_fault(cluster, "{\"kind\":\"crashContainer\",\"exitCode\":\"1\"}", &error));
  FAILS(SKIFF_INVALID, "colour",
        skiff_inject_fault(cluster, "{\"kind\":\"killNode\",\"colour\":1}", &error));
  FAILS(SKIFF_NOT_FOUND, "node-7",
        skiff_inject_fault(cluster, "{\"kind\":\"killNode\",\"node\":\"node-7\"}", &error));
  FAILS(SKIFF_INVALID, "fault", skiff_inject_fault(cluster, NULL, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(EveryFaultOfNodesAndDisksHappens) {
  static const char kPod[] =
      "apiVersion: v1\nkind: Pod\nmetadata: {name: lone}\nspec:\n  restartPolicy: Never\n"
      "  containers: [{name: main, image: x}]\n";
  static const struct {
    const char* fault;
    const char* kind;
    const char* name;
    const char* condition;
  } kFaults[] = {
      {"{\"kind\":\"crashContainer\",\"name\":\"lone\",\"exitCode\":3}", "pod", "lone",
       "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}=3"},
      {"{\"kind\":\"pressNode\",\"node\":\"node-0\",\"condition\":\"PIDPressure\"}", "node",
       "node-0", "condition=PIDPressure"},
      {"{\"kind\":\"pressNode\",\"node\":\"node-0\",\"condition\":\"PIDPressure\",\"on\":false}",
       "node", "node-0", "condition=PIDPressure=False"},
      {"{\"kind\":\"partitionNode\",\"node\":\"node-0\"}", "node", "node-0",
       "condition=Ready=Unknown"},
      {"{\"kind\":\"partitionNode\",\"node\":\"node-0\",\"on\":false}", "node", "node-0",
       "condition=Ready"},
      {"{\"kind\":\"killNode\",\"node\":\"node-0\"}", "node", "node-0", "condition=Ready=Unknown"},
      {"{\"kind\":\"restartNode\",\"node\":\"node-0\"}", "node", "node-0", "condition=Ready"},
  };
  skiff_cluster* cluster = open_virtual(3);
  OK(skiff_apply(cluster, kPod, NULL, NULL, &error));
  OK(skiff_settle(cluster, SOON_MS, &error));
  for (size_t i = 0; i < sizeof(kFaults) / sizeof(kFaults[0]); ++i) {
    OK(skiff_inject_fault(cluster, kFaults[i].fault, &error));
    OK(skiff_advance(cluster, 120 * 1000, &error));
    OK(skiff_wait(cluster, kFaults[i].kind, NULL, kFaults[i].name, kFaults[i].condition, 0,
                  &error));
  }
  OK(skiff_inject_fault(cluster, "{\"kind\":\"failDisk\"}", &error));
  FAILS(SKIFF_EXHAUSTED, "", skiff_apply(cluster, kDeployment, NULL, NULL, &error));
  OK(skiff_inject_fault(cluster, "{\"kind\":\"failDisk\",\"on\":false}", &error));
  OK(skiff_apply(cluster, kDeployment, NULL, NULL, &error));
  OK(skiff_inject_fault(cluster, "{\"kind\":\"slowDisk\",\"delayMs\":2000}", &error));
  const int64_t begin = skiff_cluster_now_ms(cluster);
  OK(skiff_inject_fault(cluster, kFaults[1].fault, &error));
  OK(skiff_settle(cluster, 600 * 1000, &error));
  CHECK(skiff_cluster_now_ms(cluster) >= begin + 2000);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(AClusterIsSavedAndRestored) {
  skiff_cluster* cluster = open_virtual(2);
  skiff_saved* saved = NULL;
  OK(skiff_save(cluster, &saved, &error));
  char* first = NULL;
  for (int i = 0; i < 3; ++i) {
    OK(skiff_apply(cluster, kDeployment, NULL, NULL, &error));
    OK(skiff_settle(cluster, SOON_MS, &error));
    char* pods = NULL;
    OK(skiff_list(cluster, "pods", NULL, NULL, NULL, &pods, &error));
    CHECK(holds(pods, "\"phase\":\"Running\""));
    CHECK(first == NULL || strcmp(first, pods) == 0);
    if (first == NULL) {
      first = pods;
    } else {
      skiff_string_free(pods);
    }
    OK(skiff_restore(cluster, saved, &error));
    FAILS(SKIFF_NOT_FOUND, "web", skiff_get(cluster, "deployment", NULL, "web", &pods, &error));
  }
  skiff_string_free(first);
  FAILS(SKIFF_INVALID, "saved", skiff_restore(cluster, NULL, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
  skiff_saved_free(&saved);
  skiff_saved_free(&saved);
  skiff_saved_free(NULL);
}

TEST(AClusterOutlivesItsMembers) {
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_members(options, 3);
  skiff_options_set_members(NULL, 3);
  skiff_cluster* cluster = NULL;
  skiff_options_set_clock(options, "virtual");
  skiff_options_set_listen(options, "127.0.0.1:0");
  FAILS(SKIFF_INVALID, "option listen", skiff_cluster_open(options, &cluster, &error));
  skiff_options_set_listen(options, NULL);
  OK(skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  OK(skiff_apply(cluster, kDeployment, NULL, NULL, &error));
  OK(skiff_inject_fault(cluster, "{\"kind\":\"killMember\",\"member\":0}", &error));
  OK(skiff_inject_fault(cluster, "{\"kind\":\"slowDisk\",\"member\":1,\"delayMs\":50}", &error));
  OK(skiff_inject_fault(cluster, "{\"kind\":\"network\",\"loss\":0.01,\"duplicate\":0.1}", &error));
  OK(skiff_settle(cluster, SOON_MS, &error));
  OK(skiff_wait(cluster, "deployment", NULL, "web", "condition=Available", 0, &error));
  OK(skiff_inject_fault(cluster, "{\"kind\":\"restartMember\",\"member\":0}", &error));
  OK(skiff_inject_fault(cluster, "{\"kind\":\"partitionMember\",\"member\":2}", &error));
  FAILS(SKIFF_NOT_FOUND, "member 3",
        skiff_inject_fault(cluster, "{\"kind\":\"killMember\",\"member\":3}", &error));
  FAILS(SKIFF_INVALID, "loss",
        skiff_inject_fault(cluster, "{\"kind\":\"network\",\"loss\":\"all\"}", &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(SeveralMembersAreSavedListedAndWrittenToInVain) {
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_clock(options, "virtual");
  skiff_options_set_members(options, 3);
  skiff_cluster* cluster = NULL;
  OK(skiff_cluster_open(options, &cluster, &error));
  skiff_saved* saved = NULL;
  OK(skiff_save(cluster, &saved, &error));
  OK(skiff_inject_fault(cluster,
                        "{\"kind\":\"failWrites\",\"verb\":\"create\","
                        "\"objectKind\":\"deployment\",\"error\":\"Forbidden\"}",
                        &error));
  FAILS(SKIFF_FORBIDDEN, "", skiff_apply(cluster, kDeployment, NULL, NULL, &error));
  OK(skiff_apply(cluster, kDeployment, NULL, NULL, &error));
  OK(skiff_settle(cluster, SOON_MS, &error));
  char* json = NULL;
  OK(skiff_members(cluster, &json, &error));
  CHECK(strstr(json, "\"name\":\"member-2\"") != NULL);
  CHECK(strstr(json, "\"leader\":true") != NULL);
  skiff_string_free(json);
  FAILS(SKIFF_CONFLICT, "simulated", skiff_member_remove(cluster, "member-2", &error));
  char path[] = "/tmp/skiff-capi-harness-XXXXXX";
  REQUIRE(mkdtemp(path) != NULL);
  char file[64];
  snprintf(file, sizeof(file), "%s/state", path);
  OK(skiff_snapshot_save(cluster, file, NULL, &error));
  CHECK(remove(file) == 0 && remove(path) == 0);
  OK(skiff_restore(cluster, saved, &error));
  FAILS(SKIFF_NOT_FOUND, "web", skiff_get(cluster, "deployment", NULL, "web", &json, &error));
  skiff_options_set_members(options, 1);
  skiff_cluster* one = NULL;
  OK(skiff_cluster_open(options, &one, &error));
  FAILS(SKIFF_INVALID, "members", skiff_restore(one, saved, &error));
  skiff_options_free(&options);
  skiff_saved_free(&saved);
  OK(skiff_cluster_close(&one, 1, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(WhatNeedsAVirtualClockSaysSo) {
  skiff_cluster* cluster = open_fake(1);
  CHECK(skiff_cluster_seed(cluster) == 0);
  CHECK(skiff_cluster_seed(NULL) == 0 && skiff_cluster_now_ms(NULL) == 0);
  CHECK(skiff_cluster_now_ms(cluster) > 1500000000000);
  FAILS(SKIFF_CONFLICT, "virtual clock", skiff_advance(cluster, 1, &error));
  OK(skiff_settle(cluster, SOON_MS, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
  skiff_options* options = skiff_options_new();
  skiff_options_set_clock(options, "virtual");
  skiff_options_set_nodes(options, 0);
  FAILS(SKIFF_INVALID, "option clock", skiff_cluster_open(options, &cluster, &error));
  skiff_options_set_clock(options, "sundial");
  FAILS(SKIFF_INVALID, "sundial", skiff_cluster_open(options, &cluster, &error));
  skiff_options_set_clock(options, NULL);
  skiff_options_set_controllers_off(options, "job-controller, butler");
  FAILS(SKIFF_INVALID, "butler", skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
}
