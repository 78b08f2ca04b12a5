/* Controllers, admission and runtimes of the program's own. */
#include <pthread.h>

#include "check.h"

/* What callbacks have seen; a test waits on it. */
typedef struct seen {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int calls;
  int destroyed;
  char text[4096];
  skiff_container* containers[8];
  int count;
} seen;

static seen nothing_seen(void) {
  seen all;
  memset(&all, 0, sizeof all);
  pthread_mutex_init(&all.mutex, NULL);
  pthread_cond_init(&all.changed, NULL);
  return all;
}

static void destroy(void* context) { ++((seen*)context)->destroyed; }

static void note(seen* all, const char* text) {
  pthread_mutex_lock(&all->mutex);
  ++all->calls;
  strncat(all->text, text, sizeof all->text - strlen(all->text) - 1);
  pthread_cond_broadcast(&all->changed);
  pthread_mutex_unlock(&all->mutex);
}

static skiff_cluster* open_with(skiff_options** options, int nodes) {
  skiff_options_set_nodes(*options, nodes);
  skiff_cluster* cluster = NULL;
  OK(skiff_cluster_open(*options, &cluster, &error));
  skiff_options_free(options);
  return cluster;
}

static skiff_options* fake_options(void) {
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_nodes(options, 0);
  return options;
}

/* ---- controllers ---- */

/* Copies what the ConfigMap says to another that it owns. */
static skiff_code reconcile(void* context, skiff_controller* controller, const char* name_space,
                            const char* name, int64_t* requeue_after_ms, skiff_error** error) {
  seen* all = context;
  CHECK(*requeue_after_ms == -1);
  CHECK(error != NULL && *error == NULL);
  CHECK(skiff_controller_now_ms(controller) > 1000000000000);
  char* object = NULL;
  const skiff_code got =
      skiff_controller_get(controller, "configmaps", name_space, name, &object, error);
  if (got == SKIFF_NOT_FOUND) {
    note(all, "gone;");
    return SKIFF_OK; /* *error is the library's to free. */
  }
  if (got != SKIFF_OK) return got;
  const char* uid = strstr(object, "\"uid\":\"");
  REQUIRE(uid != NULL);
  char manifest[1024];
  snprintf(manifest, sizeof manifest,
           "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s-copy, ownerReferences: "
           "[{apiVersion: v1, kind: ConfigMap, controller: true, name: %s, uid: %.36s}]}}",
           name, name, uid + strlen("\"uid\":\""));
  skiff_string_free(object);
  char* applied = NULL;
  const skiff_code code = skiff_controller_apply(controller, manifest, name_space, &applied, error);
  if (code != SKIFF_OK) return code;
  const int created = strstr(applied, "created") != NULL;
  skiff_string_free(applied);
  if (!created) {
    note(all, "there;");
    return SKIFF_OK;
  }
  char* list = NULL;
  OK(skiff_controller_list(controller, "configmaps", name_space, "copy=yes", NULL, &list, &error));
  CHECK(strstr(list, "ConfigMapList") != NULL);
  skiff_string_free(list);
  OK(skiff_controller_record_event(controller, "configmaps", name_space, name, "Normal", "Copied",
                                   "it was copied", &error));
  note(all, "made;");
  *requeue_after_ms = 1;
  return SKIFF_OK;
}

static void await_text(seen* all, const char* text) {
  pthread_mutex_lock(&all->mutex);
  while (strstr(all->text, text) == NULL) pthread_cond_wait(&all->changed, &all->mutex);
  pthread_mutex_unlock(&all->mutex);
}

static skiff_cluster* to_close = NULL;

static skiff_code close_it(void* context, skiff_controller* controller, const char* name_space,
                           const char* name, int64_t* requeue_after_ms, skiff_error** error) {
  (void)controller, (void)name_space, (void)name, (void)requeue_after_ms;
  CHECK(skiff_cluster_close(&to_close, 1, error) == SKIFF_CONFLICT);
  note(context, skiff_error_message(*error));
  return SKIFF_OK;
}

TEST(ACallbackCannotCloseItsCluster) {
  for (int is_virtual = 0; is_virtual < 2; ++is_virtual) {
    seen all = nothing_seen();
    skiff_options* options = fake_options();
    if (is_virtual) skiff_options_set_clock(options, "virtual");
    skiff_options_add_controller(options, "closer", "configmaps", NULL, NULL, close_it, &all, NULL);
    to_close = open_with(&options, 0);
    OK(skiff_apply(to_close, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", NULL, NULL,
                   &error));
    await_text(&all, "a callback of the cluster must not close it");
    REQUIRE(to_close != NULL);
    OK(skiff_settle(to_close, SOON_MS, &error));
    OK(skiff_cluster_close(&to_close, 1, &error));
    CHECK(to_close == NULL);
  }
}

TEST(AControllerReconcilesWhatItWatchesAndOwns) {
  seen all = nothing_seen();
  skiff_options* options = fake_options();
  skiff_options_add_controller(options, "copier", "configmaps", "copy=yes", "configmaps", reconcile,
                               &all, destroy);
  skiff_cluster* cluster = open_with(&options, 0);
  CHECK(all.destroyed == 0);
  OK(skiff_apply(cluster,
                 "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {copy: 'yes'}}}",
                 NULL, NULL, &error));
  OK(skiff_wait(cluster, "configmaps", NULL, "a-copy", "create", SOON_MS, &error));
  await_text(&all, "made;there;"); /* It asked for another call. */
  OK(skiff_delete(cluster, "configmaps", NULL, "a-copy", -1, &error));
  OK(skiff_wait(cluster, "configmaps", NULL, "a-copy", "create", SOON_MS, &error));
  await_text(&all, ";made;");
  OK(skiff_delete(cluster, "configmaps", NULL, "a", -1, &error));
  await_text(&all, "gone;");
  OK(skiff_cluster_close(&cluster, 1, &error));
  CHECK(all.destroyed == 1);
}

static skiff_code fails_at_first(void* context, skiff_controller* controller,
                                 const char* name_space, const char* name,
                                 int64_t* requeue_after_ms, skiff_error** error) {
  seen* all = context;
  (void)name_space;
  (void)name;
  (void)requeue_after_ms;
  note(all, "x");
  if (all->calls == 1) return SKIFF_TIMEOUT;
  if (all->calls == 2) {
    *error = skiff_error_new(SKIFF_CONFLICT, "again");
    return SKIFF_CONFLICT;
  }
  if (all->calls == 3) {
    /* A failed write, handed on as it is. */
    return skiff_controller_update_status(controller, "{kind: Nonsense}", NULL, NULL, error);
  }
  return SKIFF_OK;
}

TEST(AFailedReconcileIsTriedAgain) {
  seen all = nothing_seen();
  skiff_options* options = fake_options();
  skiff_options_add_controller(options, "c", "configmaps", NULL, NULL, fails_at_first, &all, NULL);
  skiff_cluster* cluster = open_with(&options, 0);
  OK(skiff_apply(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", NULL, NULL,
                 &error));
  await_text(&all, "xxxx");
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(AnErrorOfOnesOwnHasCodeMessageAndStatus) {
  skiff_error* error = skiff_error_new(SKIFF_NOT_FOUND, "no shop");
  CHECK(skiff_error_code(error) == SKIFF_NOT_FOUND);
  CHECK(strcmp(skiff_error_message(error), "no shop") == 0);
  CHECK(strstr(skiff_error_status_json(error), "NotFound") != NULL);
  skiff_error_free(&error);
  for (int code = 1; skiff_code_name((skiff_code)code) != NULL; ++code) {
    error = skiff_error_new((skiff_code)code, NULL);
    CHECK(skiff_error_code(error) == (skiff_code)code);
    skiff_error_free(&error);
  }
  error = skiff_error_new((skiff_code)77, "x");
  CHECK(skiff_error_code(error) == SKIFF_INTERNAL);
  skiff_error_free(&error);
  error = skiff_error_new(SKIFF_OK, "x");
  CHECK(skiff_error_code(error) == SKIFF_INTERNAL);
  skiff_error_free(&error);
}

/* ---- admission ---- */

static skiff_cluster* reviewed; /* What the hook below tries to call. */

static skiff_code review(void* context, skiff_admission* admission, skiff_error** error) {
  seen* all = context;
  char text[256];
  snprintf(text, sizeof text, "%s %s %s/%s %d%d;", skiff_admission_verb(admission),
           skiff_admission_kind(admission), skiff_admission_namespace(admission),
           skiff_admission_name(admission), skiff_admission_object(admission)[0] == '{',
           skiff_admission_old_object(admission)[0] == '{');
  note(all, text);
  CHECK(skiff_admission_dry_run(admission) == 0);
  const char* name = skiff_admission_name(admission);
  if (strcmp(name, "denied") == 0) {
    *error = skiff_error_new(SKIFF_FORBIDDEN, "not that name");
    return SKIFF_FORBIDDEN;
  }
  if (strcmp(name, "silent") == 0) return SKIFF_FORBIDDEN;
  if (strcmp(name, "broken") == 0) return SKIFF_UNAVAILABLE;
  if (strcmp(name, "caller") == 0) {
    return skiff_delete(reviewed, "configmaps", NULL, "x", -1, error);
  }
  return SKIFF_OK;
}

static skiff_code label(void* context, skiff_admission* admission, skiff_error** error) {
  (void)context;
  FAILS(SKIFF_INVALID, "`object`", skiff_admission_set_object(admission, NULL, &error));
  char object[512];
  snprintf(object, sizeof object,
           "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
           "\"namespace\":\"%s\",\"labels\":{\"team\":\"blue\"}}}",
           skiff_admission_name(admission), skiff_admission_namespace(admission));
  return skiff_admission_set_object(admission, object, error);
}

TEST(AdmissionHooksRefuseAndChangeWrites) {
  seen all = nothing_seen();
  skiff_options* options = fake_options();
  skiff_options_add_admission(options, "checks", "configmaps", NULL, 0, review, &all, destroy);
  skiff_options_add_admission(options, "labels", "cm", "CREATE", 1, label, NULL, NULL);
  skiff_cluster* cluster = open_with(&options, 0);
  reviewed = cluster;
  char* object = NULL;
  OK(skiff_create(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: fine}}", NULL,
                  &object, &error));
  CHECK(strstr(object, "\"team\":\"blue\"") != NULL);
  skiff_string_free(object);
  OK(skiff_delete(cluster, "configmaps", NULL, "fine", -1, &error));
  CHECK(strcmp(all.text, "CREATE ConfigMap default/fine 10;DELETE ConfigMap default/fine 01;") ==
        0);
  FAILS(SKIFF_FORBIDDEN, "admission webhook \"checks\" denied the request: not that name",
        skiff_create(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: denied}}", NULL,
                     NULL, &error));
  FAILS(SKIFF_FORBIDDEN, "admission webhook \"checks\" denied the request without explanation",
        skiff_create(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: silent}}", NULL,
                     NULL, &error));
  FAILS(SKIFF_INTERNAL, "failed calling webhook \"checks\": it returned code 6",
        skiff_create(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: broken}}", NULL,
                     NULL, &error));
  FAILS(SKIFF_INTERNAL, "a callback of the cluster must not call it",
        skiff_create(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: caller}}", NULL,
                     NULL, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
  CHECK(all.destroyed == 1);
}

/* ---- runtimes ---- */

static skiff_code start(void* context, skiff_container* container, skiff_error** error) {
  seen* all = context;
  CHECK(strncmp(skiff_container_id(container), "vm://", 5) == 0);
  CHECK(strcmp(skiff_container_node(container), "node-0") == 0);
  CHECK(strstr(skiff_container_spec(container), "\"name\":\"main\"") != NULL);
  if (strstr(skiff_container_pod(container), "\"name\":\"broken\"") != NULL) {
    skiff_container_free(&container);
    CHECK(container == NULL);
    *error = skiff_error_new(SKIFF_INVALID, "no such machine");
    return SKIFF_INVALID;
  }
  pthread_mutex_lock(&all->mutex);
  all->containers[all->count++] = container;
  pthread_cond_broadcast(&all->changed);
  pthread_mutex_unlock(&all->mutex);
  return SKIFF_OK;
}

static void stop(void* context, const char* id, int force) {
  seen* all = context;
  note(all, force ? "force;" : "stop;");
  for (int i = 0; i < all->count && !force; ++i) {
    if (strcmp(skiff_container_id(all->containers[i]), id) != 0) continue;
    OK(skiff_container_exited(all->containers[i], 0, NULL, &error));
  }
}

static skiff_container* await_container(seen* all, int count) {
  pthread_mutex_lock(&all->mutex);
  while (all->count < count) pthread_cond_wait(&all->changed, &all->mutex);
  skiff_container* container = all->containers[count - 1];
  pthread_mutex_unlock(&all->mutex);
  return container;
}

static const char* pod(const char* name) {
  static char manifest[256];
  snprintf(manifest, sizeof manifest,
           "{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {restartPolicy: Never, "
           "containers: [{name: main, image: 'x:v1'}]}}",
           name);
  return manifest;
}

TEST(ARuntimeRunsPodsAndReportsOnThem) {
  seen all = nothing_seen();
  skiff_options* options = fake_options();
  skiff_options_add_runtime(options, "vm", start, stop, &all, destroy);
  skiff_options_set_runtime(options, "vm");
  skiff_cluster* cluster = open_with(&options, 1);
  OK(skiff_apply(cluster, pod("one"), NULL, NULL, &error));
  skiff_container* one = await_container(&all, 1);
  OK(skiff_container_running(one, &error));
  OK(skiff_wait(cluster, "pods", NULL, "one", "condition=Ready", SOON_MS, &error));
  OK(skiff_container_write_log(one, "hello\n", 6, &error));
  OK(skiff_container_write_log(one, NULL, 0, &error));
  FAILS(SKIFF_INVALID, "`data`", skiff_container_write_log(one, NULL, 1, &error));
  char* data = NULL;
  OK(skiff_logs(cluster, NULL, "one", NULL, 0, &data, NULL, &error));
  CHECK(strcmp(data, "hello\n") == 0);
  skiff_string_free(data);
  OK(skiff_container_exited(one, 3, "broke", &error));
  OK(skiff_wait(cluster, "pods", NULL, "one", "jsonpath={.status.phase}=Failed", SOON_MS, &error));

  OK(skiff_apply(cluster, pod("broken"), NULL, NULL, &error));
  OK(skiff_wait(cluster, "pods", NULL, "broken",
                "jsonpath={.status.containerStatuses[0].state.terminated.reason}=StartError",
                SOON_MS, &error));

  OK(skiff_apply(cluster, pod("two"), NULL, NULL, &error));
  skiff_container* two = await_container(&all, 2);
  OK(skiff_container_running(two, &error));
  OK(skiff_wait(cluster, "pods", NULL, "two", "condition=Ready", SOON_MS, &error));
  OK(skiff_delete(cluster, "pods", NULL, "two", -1, &error));
  OK(skiff_wait(cluster, "pods", NULL, "two", "delete", SOON_MS, &error));
  CHECK(strcmp(all.text, "stop;") == 0);

  OK(skiff_cluster_close(&cluster, 1, &error));
  CHECK(all.destroyed == 1);
  OK(skiff_container_exited(one, 0, NULL, &error)); /* Nobody is there to hear it. */
  skiff_container_free(&one);
  skiff_container_free(&two);
}

/* ---- what is refused ---- */

TEST(WhatCannotBeIsSaidWhenTheClusterIsOpened) {
  seen all = nothing_seen();
  skiff_cluster* cluster = NULL;
  skiff_options* options = fake_options();
  skiff_options_add_controller(options, NULL, "configmaps", NULL, NULL, reconcile, &all, destroy);
  FAILS(SKIFF_INVALID, "a controller has no name", skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  CHECK(all.destroyed == 1);
  options = fake_options();
  skiff_options_add_controller(options, "c", "shops", NULL, NULL, reconcile, &all, destroy);
  FAILS(SKIFF_NOT_FOUND, "controller \"c\"", skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  options = fake_options();
  skiff_options_add_controller(options, "\xff", "pods", NULL, NULL, reconcile, NULL, NULL);
  FAILS(SKIFF_INVALID, "not UTF-8", skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  options = fake_options();
  skiff_options_add_controller(options, "c", "pods", NULL, NULL, NULL, NULL, NULL);
  FAILS(SKIFF_INVALID, "no callback", skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  options = fake_options();
  skiff_options_add_admission(options, "h", "pods", "CREATE,PATCH", 0, review, NULL, NULL);
  FAILS(SKIFF_INVALID, "\"PATCH\" is not one of", skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  options = fake_options();
  skiff_options_add_admission(options, "h", NULL, NULL, 0, review, NULL, NULL);
  FAILS(SKIFF_INVALID, "names no kinds", skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  options = fake_options();
  skiff_options_add_runtime(options, "vm", start, NULL, NULL, NULL);
  FAILS(SKIFF_INVALID, "runtime \"vm\"", skiff_cluster_open(options, &cluster, &error));
  skiff_options_set_runtime(options, "other");
  FAILS(SKIFF_INVALID, "linux, process, fake, vm", skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  all.destroyed = 0;
  skiff_options_add_controller(NULL, "c", "pods", NULL, NULL, reconcile, &all, destroy);
  skiff_options_add_admission(NULL, "h", "pods", NULL, 0, review, &all, destroy);
  skiff_options_add_runtime(NULL, "vm", start, stop, &all, destroy);
  CHECK(all.destroyed == 3);
}

TEST(NullHandlesOfCallbacksAreInvalidOrEmpty) {
  char* out = NULL;
  skiff_container* none = NULL;
  FAILS(SKIFF_INVALID, "`controller`", skiff_controller_get(NULL, "x", NULL, "x", &out, &error));
  FAILS(SKIFF_INVALID, "`controller`",
        skiff_controller_list(NULL, "x", NULL, NULL, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`controller`", skiff_controller_apply(NULL, "x", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`controller`", skiff_controller_create(NULL, "x", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`controller`", skiff_controller_update(NULL, "x", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`controller`",
        skiff_controller_update_status(NULL, "x", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`controller`", skiff_controller_delete(NULL, "x", NULL, "x", 0, &error));
  FAILS(SKIFF_INVALID, "`controller`",
        skiff_controller_record_event(NULL, "x", NULL, "x", "x", "x", "x", &error));
  CHECK(skiff_controller_now_ms(NULL) == 0);
  FAILS(SKIFF_INVALID, "`admission`", skiff_admission_set_object(NULL, "x", &error));
  CHECK(strcmp(skiff_admission_verb(NULL), "") == 0);
  CHECK(strcmp(skiff_admission_object(NULL), "") == 0);
  CHECK(skiff_admission_dry_run(NULL) == 0);
  FAILS(SKIFF_INVALID, "`container`", skiff_container_running(NULL, &error));
  FAILS(SKIFF_INVALID, "`container`", skiff_container_exited(NULL, 0, NULL, &error));
  FAILS(SKIFF_INVALID, "`container`", skiff_container_write_log(NULL, "x", 1, &error));
  CHECK(strcmp(skiff_container_id(NULL), "") == 0);
  skiff_container_free(&none);
  skiff_container_free(NULL);
}
