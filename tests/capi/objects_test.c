/* Objects go in as YAML or JSON and come out as JSON. */
#include "check.h"

static const char kYaml[] =
    "apiVersion: v1\n"
    "kind: ConfigMap\n"
    "metadata: {name: one, labels: {app: x}}\n"
    "---\n"
    "apiVersion: v1\n"
    "kind: ConfigMap\n"
    "metadata: {name: two}\n"
    "data: {k: v}\n";

static int holds(const char* text, const char* words) { return strstr(text, words) != NULL; }

TEST(AYamlStreamIsAppliedAndAppliedAgain) {
  skiff_cluster* cluster = open_fake(0);
  char* applied = NULL;
  OK(skiff_apply(cluster, kYaml, NULL, &applied, &error));
  CHECK(strcmp(applied,
               "[{\"kind\":\"ConfigMap\",\"namespace\":\"default\",\"name\":\"one\",\"outcome\":"
               "\"created\"},{\"kind\":\"ConfigMap\",\"namespace\":\"default\",\"name\":\"two\","
               "\"outcome\":\"created\"}]") == 0);
  skiff_string_free(applied);
  OK(skiff_apply(cluster, kYaml, NULL, &applied, &error));
  CHECK(holds(applied, "unchanged") && !holds(applied, "created"));
  skiff_string_free(applied);
  OK(skiff_apply(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: two}, data: {k: w}}",
                 NULL, &applied, &error));
  CHECK(holds(applied, "configured"));
  skiff_string_free(applied);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(JsonIsAppliedAndNothingNeedBeAskedBack) {
  skiff_cluster* cluster = open_fake(0);
  OK(skiff_apply(cluster,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"j\"},"
                 "\"data\":{\"text\":\"\\u00e9 \\ud83d\\ude00\"}}",
                 NULL, NULL, &error));
  char* object = NULL;
  OK(skiff_get(cluster, "configmaps", NULL, "j", &object, &error));
  CHECK(holds(object, "\"text\":\"\xc3\xa9 \xf0\x9f\x98\x80\""));
  skiff_string_free(object);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(AListIsAppliedItemByItem) {
  skiff_cluster* cluster = open_fake(0);
  char* applied = NULL;
  OK(skiff_apply(cluster,
                 "apiVersion: v1\nkind: List\nitems:\n"
                 "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
                 "- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n",
                 NULL, &applied, &error));
  CHECK(holds(applied, "\"name\":\"a\"") && holds(applied, "\"name\":\"b\""));
  skiff_string_free(applied);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(AMalformedTextIsRefusedWithLineAndColumn) {
  skiff_cluster* cluster = open_fake(0);
  FAILS(SKIFF_INVALID, "line 3, column 1",
        skiff_apply(cluster, "a: b\nc: [\n", NULL, NULL, &error));
  FAILS(SKIFF_INVALID, "line 2, column 9",
        skiff_apply(cluster, "{\"apiVersion\": \"v1\",\n \"kind\" \"Pod\"}", NULL, NULL, &error));
  FAILS(SKIFF_INVALID, "line",
        skiff_create(cluster, "{\"apiVersion\": \"v1\",\n \"kind\": ", NULL, NULL, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(AnErrorNamesTheObjectAndTheFieldAndLeavesTheOutputs) {
  skiff_cluster* cluster = open_fake(0);
  char* out = (char*)"untouched";
  FAILS(SKIFF_INVALID, "ConfigMap \"two\": strict decoding error: unknown field \"dta\"",
        skiff_apply(cluster,
                    "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n---\n"
                    "{apiVersion: v1, kind: ConfigMap, metadata: {name: two}, dta: {}}",
                    NULL, &out, &error));
  FAILS(SKIFF_INVALID, "ConfigMap \"made-\": ",
        skiff_create(cluster,
                     "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: made-}, data: 1}",
                     NULL, &out, &error));
  FAILS(SKIFF_INVALID, "unknown field \"dta\"",
        skiff_apply(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, dta: {}}",
                    NULL, &out, &error));
  FAILS(SKIFF_INVALID, "metadata.name",
        skiff_create(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: X_Y}}", NULL,
                     &out, &error));
  FAILS(SKIFF_NOT_FOUND, "nowhere",
        skiff_create(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}", "nowhere",
                     &out, &error));
  FAILS(SKIFF_NOT_FOUND, "widgets", skiff_get(cluster, "widgets", NULL, "x", &out, &error));
  FAILS(SKIFF_NOT_FOUND, "\"x\"", skiff_get(cluster, "cm", NULL, "x", &out, &error));
  FAILS(SKIFF_INVALID, "a in", skiff_list(cluster, "cm", NULL, "a in", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "spec.nothing",
        skiff_list(cluster, "cm", NULL, NULL, "spec.nothing=1", &out, &error));
  CHECK(strcmp(out, "untouched") == 0);
  skiff_error* error = NULL;
  CHECK(skiff_create(cluster, "{apiVersion: v1, kind: Pod, metadata: {name: x}}", NULL, NULL,
                     &error) == SKIFF_INVALID);
  CHECK(holds(skiff_error_status_json(error), "\"causes\":["));
  CHECK(holds(skiff_error_status_json(error), "\"field\":\"spec.containers\""));
  skiff_error_free(&error);
  CHECK(skiff_get(cluster, "cm", NULL, "x", &out, NULL) == SKIFF_NOT_FOUND);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(WhatIsCreatedComesBackAndIsNotCreatedTwice) {
  skiff_cluster* cluster = open_fake(0);
  const char* manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: once}}";
  char* created = NULL;
  OK(skiff_create(cluster, manifest, NULL, &created, &error));
  CHECK(holds(created, "\"resourceVersion\":"));
  skiff_string_free(created);
  FAILS(SKIFF_ALREADY_EXISTS, "once", skiff_create(cluster, manifest, NULL, NULL, &error));
  OK(skiff_create(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: made-}}",
                  NULL, &created, &error));
  CHECK(holds(created, "\"name\":\"made-"));
  skiff_string_free(created);
  FAILS(SKIFF_INVALID, "exactly one", skiff_create(cluster, kYaml, NULL, NULL, &error));
  FAILS(SKIFF_INVALID, "exactly one", skiff_create(cluster, "", NULL, NULL, &error));
  OK(skiff_apply(cluster, "", NULL, NULL, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(ListsAreChosenBySelectorsAndNamespaces) {
  skiff_cluster* cluster = open_fake(0);
  OK(skiff_apply(cluster, "{apiVersion: v1, kind: Namespace, metadata: {name: other}}", NULL, NULL,
                 &error));
  OK(skiff_apply(cluster, kYaml, NULL, NULL, &error));
  OK(skiff_apply(cluster, kYaml, "other", NULL, &error));
  char* list = NULL;
  OK(skiff_list(cluster, "cm", "other", "app=x", NULL, &list, &error));
  CHECK(holds(list, "\"kind\":\"ConfigMapList\""));
  CHECK(holds(list, "\"name\":\"one\"") && !holds(list, "\"name\":\"two\""));
  CHECK(!holds(list, "\"namespace\":\"default\""));
  skiff_string_free(list);
  OK(skiff_list(cluster, "cm", NULL, NULL, "metadata.name=two", &list, &error));
  CHECK(holds(list, "\"namespace\":\"default\"") && holds(list, "\"namespace\":\"other\""));
  CHECK(!holds(list, "\"name\":\"one\""));
  skiff_string_free(list);
  OK(skiff_list(cluster, "Secret", "", "", "", &list, &error));
  CHECK(holds(list, "\"items\":[]"));
  skiff_string_free(list);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(DeletingMayBeRepeated) {
  skiff_cluster* cluster = open_fake(0);
  OK(skiff_apply(cluster, kYaml, NULL, NULL, &error));
  OK(skiff_delete(cluster, "cm", NULL, "one", -1, &error));
  OK(skiff_delete(cluster, "cm", NULL, "one", -1, &error));
  OK(skiff_delete(cluster, "cm", NULL, "never-was", 0, &error));
  OK(skiff_wait(cluster, "cm", NULL, "one", "delete", SOON_MS, &error));
  FAILS(SKIFF_NOT_FOUND, "widgets", skiff_delete(cluster, "widgets", NULL, "x", 0, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(WaitingLooksFirstAndSaysWhatItIsLikeInstead) {
  skiff_cluster* cluster = open_fake(1);
  OK(skiff_wait(cluster, "node", NULL, "node-0", "condition=Ready", 0, &error));
  OK(skiff_wait(cluster, "node", NULL, "node-0", "jsonpath={.metadata.name}=node-0", 0, &error));
  FAILS(SKIFF_TIMEOUT, "node-0",
        skiff_wait(cluster, "node", NULL, "node-0", "condition=Ready=False", 0, &error));
  FAILS(SKIFF_TIMEOUT, "True",
        skiff_wait(cluster, "node", NULL, "node-0", "condition=Ready=False", 20, &error));
  FAILS(SKIFF_NOT_FOUND, "absent",
        skiff_wait(cluster, "cm", NULL, "absent", "condition=Ready", SOON_MS, &error));
  FAILS(SKIFF_TIMEOUT, "absent", skiff_wait(cluster, "cm", NULL, "absent", "create", 0, &error));
  FAILS(SKIFF_INVALID, "soon", skiff_wait(cluster, "cm", NULL, "x", "soon", SOON_MS, &error));
  FAILS(SKIFF_INVALID, "jsonpath",
        skiff_wait(cluster, "cm", NULL, "x", "jsonpath={", SOON_MS, &error));
  OK(skiff_apply(cluster,
                 "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
                 "spec:\n  replicas: 3\n  selector: {matchLabels: {app: web}}\n"
                 "  template:\n    metadata: {labels: {app: web}}\n"
                 "    spec: {containers: [{name: web, image: web:v1}]}\n",
                 NULL, NULL, &error));
  OK(skiff_wait(cluster, "deploy", NULL, "web", "condition=Available", SOON_MS, &error));
  OK(skiff_delete(cluster, "deploy", NULL, "web", 0, &error));
  OK(skiff_wait(cluster, "deploy", NULL, "web", "delete", SOON_MS, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
}
