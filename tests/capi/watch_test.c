/* Watches, with callbacks and with an eventfd. */
#include <poll.h>
#include <pthread.h>

#include "check.h"

typedef struct seen {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int count;
  skiff_event_type types[16];
  char last[4096];
  int ends;
  skiff_code code;
} seen;

static seen nothing_seen(void) {
  const seen all = {
      PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, {SKIFF_ADDED}, "", 0, SKIFF_OK};
  return all;
}

static void on_event(void* context, skiff_event_type type, const char* object) {
  seen* all = context;
  pthread_mutex_lock(&all->mutex);
  if (all->count < 16) all->types[all->count] = type;
  ++all->count;
  snprintf(all->last, sizeof all->last, "%s", object);
  pthread_cond_signal(&all->changed);
  pthread_mutex_unlock(&all->mutex);
}

static void on_end(void* context, skiff_code code, const char* message) {
  seen* all = context;
  pthread_mutex_lock(&all->mutex);
  all->code = code;
  ++all->ends;
  snprintf(all->last, sizeof all->last, "%s", message);
  pthread_mutex_unlock(&all->mutex);
}

static void await_count(seen* all, int count) {
  pthread_mutex_lock(&all->mutex);
  while (all->count < count) pthread_cond_wait(&all->changed, &all->mutex);
  pthread_mutex_unlock(&all->mutex);
}

static void apply(skiff_cluster* cluster, const char* name, const char* value) {
  char manifest[256];
  snprintf(
      manifest, sizeof manifest,
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, labels: {app: x}}, data: {k: %s}}",
      name, value);
  OK(skiff_apply(cluster, manifest, NULL, NULL, &error));
}

TEST(AWatchWithCallbacksBeginsWithWhatIsThereAndTellsEveryChange) {
  skiff_cluster* cluster = open_fake(0);
  apply(cluster, "a", "one");
  seen all = nothing_seen();
  skiff_watch* watch = NULL;
  OK(skiff_watch_start(cluster, "cm", "default", "app=x", NULL, on_event, on_end, &all, &watch,
                       &error));
  CHECK(skiff_watch_fd(watch) == -1);
  await_count(&all, 1);
  apply(cluster, "a", "two");
  await_count(&all, 2);
  OK(skiff_apply(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}", NULL, NULL,
                 &error));
  OK(skiff_delete(cluster, "cm", NULL, "a", -1, &error));
  await_count(&all, 3);
  skiff_watch_free(&watch);
  CHECK(watch == NULL);
  CHECK(all.count == 3 && all.ends == 0);
  CHECK(all.types[0] == SKIFF_ADDED && all.types[1] == SKIFF_MODIFIED);
  CHECK(all.types[2] == SKIFF_DELETED);
  CHECK(strstr(all.last, "\"k\":\"two\"") != NULL);
  apply(cluster, "a", "three");
  CHECK(all.count == 3);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

typedef struct caller {
  skiff_cluster* cluster;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  skiff_code code; /* SKIFF_OK: not called yet. */
} caller;

static void call_back(void* context, skiff_event_type type, const char* object) {
  caller* self = context;
  char* got = NULL;
  (void)type;
  (void)object;
  pthread_mutex_lock(&self->mutex);
  self->code = skiff_get(self->cluster, "namespace", NULL, "default", &got, NULL);
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

TEST(ACallFromACallbackIsRefused) {
  caller self = {open_fake(0), PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, SKIFF_OK};
  skiff_watch* watch = NULL;
  OK(skiff_watch_start(self.cluster, "namespaces", NULL, NULL, NULL, call_back, NULL, &self, &watch,
                       &error));
  pthread_mutex_lock(&self.mutex);
  while (self.code == SKIFF_OK) pthread_cond_wait(&self.changed, &self.mutex);
  CHECK(self.code == SKIFF_INVALID);
  pthread_mutex_unlock(&self.mutex);
  skiff_watch_free(&watch);
  OK(skiff_cluster_close(&self.cluster, 1, &error));
}

TEST(AWatchForForeignLoopsIsReadableWhileEventsWait) {
  skiff_cluster* cluster = open_fake(0);
  skiff_watch* watch = NULL;
  OK(skiff_watch_open(cluster, "cm", NULL, "app=x", NULL, &watch, &error));
  struct pollfd ready = {skiff_watch_fd(watch), POLLIN, 0};
  REQUIRE(ready.fd >= 0);
  CHECK(poll(&ready, 1, 0) == 0);
  skiff_event_type type = SKIFF_DELETED;
  char* object = NULL;
  FAILS(SKIFF_TIMEOUT, "in time", skiff_watch_next(watch, 0, &type, &object, &error));
  FAILS(SKIFF_TIMEOUT, "in time", skiff_watch_next(watch, 10, &type, &object, &error));
  apply(cluster, "a", "one");
  apply(cluster, "b", "one");
  for (int i = 0; i < 2; ++i) {
    REQUIRE(poll(&ready, 1, SOON_MS) == 1);
    OK(skiff_watch_next(watch, SOON_MS, &type, &object, &error));
    CHECK(type == SKIFF_ADDED);
    CHECK(strstr(object, i == 0 ? "\"name\":\"a\"" : "\"name\":\"b\"") != NULL);
    skiff_string_free(object);
  }
  CHECK(poll(&ready, 1, 0) == 0);
  skiff_watch_free(&watch);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(ManyEventsQueueInOrder) {
  enum { COUNT = 500 };
  skiff_cluster* cluster = open_fake(0);
  skiff_watch* watch = NULL;
  OK(skiff_watch_open(cluster, "cm", NULL, NULL, NULL, &watch, &error));
  char text[32];
  for (int i = 0; i < COUNT; ++i) {
    snprintf(text, sizeof text, "v%d", i);
    apply(cluster, "counter", text);
  }
  for (int i = 0; i < COUNT; ++i) {
    skiff_event_type type = SKIFF_DELETED;
    char* object = NULL;
    OK(skiff_watch_next(watch, SOON_MS, &type, &object, &error));
    CHECK(type == (i == 0 ? SKIFF_ADDED : SKIFF_MODIFIED));
    snprintf(text, sizeof text, "\"k\":\"v%d\"", i);
    CHECK(strstr(object, text) != NULL);
    skiff_string_free(object);
  }
  skiff_watch_free(&watch);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(ClosingEndsWatchesAndSaysSo) {
  skiff_cluster* cluster = open_fake(0);
  seen all = nothing_seen();
  skiff_watch* called = NULL;
  skiff_watch* polled = NULL;
  skiff_watch* silent = NULL;
  OK(skiff_watch_start(cluster, "cm", NULL, NULL, NULL, on_event, on_end, &all, &called, &error));
  OK(skiff_watch_start(cluster, "cm", NULL, NULL, NULL, on_event, NULL, &all, &silent, &error));
  OK(skiff_watch_open(cluster, "cm", NULL, NULL, NULL, &polled, &error));
  apply(cluster, "a", "one");
  await_count(&all, 2);
  struct pollfd ready = {skiff_watch_fd(polled), POLLIN, 0};
  REQUIRE(poll(&ready, 1, SOON_MS) == 1);
  OK(skiff_cluster_close(&cluster, 1, &error));
  CHECK(all.ends == 1 && all.code == SKIFF_UNAVAILABLE);
  CHECK(strcmp(all.last, "the cluster is closed") == 0);
  skiff_event_type type = SKIFF_DELETED;
  char* object = NULL;
  OK(skiff_watch_next(polled, 0, &type, &object, &error)); /* What had come is not lost. */
  skiff_string_free(object);
  for (int i = 0; i < 2; ++i) {
    CHECK(poll(&ready, 1, 0) == 1);
    FAILS(SKIFF_UNAVAILABLE, "closed", skiff_watch_next(polled, -1, &type, &object, &error));
  }
  skiff_watch_free(&called);
  skiff_watch_free(&polled);
  skiff_watch_free(&silent);
}

static void* next_event(void* watch) {
  skiff_event_type type = SKIFF_ADDED;
  char* object = NULL;
  return (void*)(intptr_t)skiff_watch_next(watch, -1, &type, &object, NULL);
}

TEST(ClosingWakesAThreadThatWaitsForAnEvent) {
  skiff_cluster* cluster = open_fake(0);
  skiff_watch* watch = NULL;
  OK(skiff_watch_open(cluster, "cm", NULL, NULL, NULL, &watch, &error));
  pthread_t thread;
  REQUIRE(pthread_create(&thread, NULL, next_event, watch) == 0);
  OK(skiff_cluster_close(&cluster, 1, &error));
  void* code = NULL;
  pthread_join(thread, &code);
  CHECK((intptr_t)code == SKIFF_UNAVAILABLE);
  skiff_watch_free(&watch);
}

TEST(AWatchWithABadSelectorEndsOrIsRefusedByName) {
  skiff_cluster* cluster = open_fake(0);
  skiff_watch* watch = NULL;
  FAILS(SKIFF_INVALID, "a in", skiff_watch_open(cluster, "cm", NULL, "a in", NULL, &watch, &error));
  FAILS(SKIFF_NOT_FOUND, "widgets",
        skiff_watch_open(cluster, "widgets", NULL, NULL, NULL, &watch, &error));
  CHECK(watch == NULL);
  OK(skiff_cluster_close(&cluster, 1, &error));
}
