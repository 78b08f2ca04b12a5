/* What a backend needs most: run a Job, get its end, read what it said. */
#include <poll.h>
#include <pthread.h>

#include "check.h"

static int holds(const char* text, const char* words) { return strstr(text, words) != NULL; }

/* The name of the job's one pod, from a result of skiff_wait_job. */
static void pod_of(const char* result, char pod[64]) {
  const char* at = strstr(result, "\"pod\":\"");
  REQUIRE(at != NULL);
  REQUIRE(sscanf(at, "\"pod\":\"%63[^\"]\"", pod) == 1);
}

static char* run_job(skiff_cluster* cluster, const char* name, const char* output, int exit_code) {
  char* result = NULL;
  OK(skiff_create(cluster, job_manifest(name, output, exit_code), NULL, NULL, &error));
  OK(skiff_wait_job(cluster, NULL, name, SOON_MS, &result, &error));
  return result;
}

TEST(AJobThatCompletesAndOneThatFailsAreBothResults) {
  skiff_cluster* cluster = open_fake(1);
  char* result = run_job(cluster, "good", "done", 0);
  CHECK(holds(result, "\"succeeded\":true"));
  CHECK(holds(result, "\"reason\":\"CompletionsReached\""));
  CHECK(holds(result, "\"container\":\"work\",\"exitCode\":0,\"reason\":\"Completed\""));
  skiff_string_free(result);
  OK(skiff_wait_job(cluster, NULL, "good", 0, &result, &error));
  skiff_string_free(result);

  result = run_job(cluster, "bad", "oh", 3);
  CHECK(holds(result, "\"succeeded\":false"));
  CHECK(holds(result, "\"reason\":\"BackoffLimitExceeded\""));
  CHECK(holds(result, "\"exitCode\":3,\"reason\":\"Error\""));
  skiff_string_free(result);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(AJobThatIsRemovedAsSoonAsItEndsHasAResult) {
  skiff_cluster* cluster = open_fake(1);
  for (int i = 0; i < 10; ++i) {
    char manifest[1200];
    char name[32];
    snprintf(name, sizeof name, "brief-%d", i);
    snprintf(manifest, sizeof manifest, "%s  ttlSecondsAfterFinished: 0\n",
             job_manifest(name, "", 4));
    OK(skiff_create(cluster, manifest, NULL, NULL, &error));
    char* result = NULL;
    skiff_error* error = NULL;
    const skiff_code code = skiff_wait_job(cluster, NULL, name, SOON_MS, &result, &error);
    /* It may be gone before the wait begins, but not get lost in it. */
    CHECK(code == SKIFF_OK || code == SKIFF_NOT_FOUND);
    if (code == SKIFF_OK) CHECK(holds(result, "BackoffLimitExceeded"));
    skiff_error_free(&error);
    skiff_string_free(result);
  }
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(AJobThatDoesNotEndOrIsNotThereSaysSo) {
  skiff_cluster* cluster = open_fake(0); /* No node: its pod never runs. */
  char* result = NULL;
  OK(skiff_create(cluster, job_manifest("stuck", "", 0), NULL, NULL, &error));
  FAILS(SKIFF_TIMEOUT, "stuck", skiff_wait_job(cluster, NULL, "stuck", 0, &result, &error));
  FAILS(SKIFF_TIMEOUT, "stuck", skiff_wait_job(cluster, NULL, "stuck", 20, &result, &error));
  FAILS(SKIFF_NOT_FOUND, "absent", skiff_wait_job(cluster, NULL, "absent", -1, &result, &error));
  CHECK(result == NULL);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(LogsAreReadFromAByteOffset) {
  skiff_cluster* cluster = open_fake(1);
  char pod[64];
  char* result = run_job(cluster, "talk", "hello", 0);
  pod_of(result, pod);
  skiff_string_free(result);
  char* data = NULL;
  size_t size = 0;
  OK(skiff_logs(cluster, NULL, pod, NULL, 0, &data, &size, &error));
  CHECK(size == 6 && strcmp(data, "hello\n") == 0);
  skiff_string_free(data);
  OK(skiff_logs(cluster, "default", pod, "work", 3, &data, NULL, &error));
  CHECK(strcmp(data, "lo\n") == 0);
  skiff_string_free(data);
  OK(skiff_logs(cluster, NULL, pod, "", 1000, &data, &size, &error));
  CHECK(size == 0);
  skiff_string_free(data);
  data = NULL;
  FAILS(SKIFF_INVALID, "offset_bytes",
        skiff_logs(cluster, NULL, pod, NULL, -1, &data, &size, &error));
  FAILS(SKIFF_NOT_FOUND, "nobody",
        skiff_logs(cluster, NULL, "nobody", NULL, 0, &data, &size, &error));
  FAILS(SKIFF_INVALID, "nothing",
        skiff_logs(cluster, NULL, pod, "nothing", 0, &data, &size, &error));
  CHECK(data == NULL);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

typedef struct followed {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  char text[64];
  size_t size;
  int ends;
  skiff_code code;
} followed;

static void on_data(void* context, const char* data, size_t size) {
  followed* all = context;
  pthread_mutex_lock(&all->mutex);
  memcpy(all->text + all->size, data, size);
  all->size += size;
  pthread_mutex_unlock(&all->mutex);
}

static void on_end(void* context, skiff_code code, const char* message) {
  followed* all = context;
  (void)message;
  pthread_mutex_lock(&all->mutex);
  all->code = code;
  ++all->ends;
  pthread_cond_signal(&all->changed);
  pthread_mutex_unlock(&all->mutex);
}

TEST(LogsAreFollowedFromAnOffsetToTheirEnd) {
  skiff_cluster* cluster = open_fake(1);
  char pod[64];
  char* result = run_job(cluster, "talk", "hello", 0);
  pod_of(result, pod);
  skiff_string_free(result);
  followed all = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, "", 0, 0, SKIFF_INTERNAL};
  skiff_log_stream* stream = NULL;
  OK(skiff_logs_follow(cluster, NULL, pod, NULL, 2, on_data, on_end, &all, &stream, &error));
  CHECK(skiff_log_stream_fd(stream) == -1);
  pthread_mutex_lock(&all.mutex);
  while (all.ends == 0) pthread_cond_wait(&all.changed, &all.mutex);
  pthread_mutex_unlock(&all.mutex);
  skiff_log_stream_free(&stream);
  CHECK(stream == NULL);
  CHECK(all.ends == 1 && all.code == SKIFF_OK);
  CHECK(all.size == 4 && memcmp(all.text, "llo\n", 4) == 0);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(LogsAreFollowedFromAForeignEventLoop) {
  skiff_cluster* cluster = open_fake(1);
  char pod[64];
  char* result = run_job(cluster, "talk", "hello", 0);
  pod_of(result, pod);
  skiff_string_free(result);
  skiff_log_stream* stream = NULL;
  OK(skiff_logs_open(cluster, NULL, pod, NULL, 1, &stream, &error));
  char text[64] = "";
  for (char* data = NULL;; skiff_string_free(data)) {
    struct pollfd ready = {skiff_log_stream_fd(stream), POLLIN, 0};
    REQUIRE(poll(&ready, 1, SOON_MS) == 1);
    size_t size = 0;
    OK(skiff_log_stream_next(stream, 0, &data, &size, &error));
    if (data == NULL) break;
    CHECK(size > 0);
    strncat(text, data, size);
  }
  CHECK(strcmp(text, "ello\n") == 0);
  skiff_log_stream_free(&stream);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(ClosingEndsALogStreamAndSaysSo) {
  skiff_cluster* cluster = open_fake(1);
  OK(skiff_create(cluster,
                  "apiVersion: v1\nkind: Pod\nmetadata: {name: calm}\n"
                  "spec: {containers: [{name: c, image: c:v1}]}\n",
                  NULL, NULL, &error));
  OK(skiff_wait(cluster, "pod", NULL, "calm", "condition=Ready", SOON_MS, &error));
  skiff_log_stream* stream = NULL;
  OK(skiff_logs_open(cluster, NULL, "calm", NULL, 0, &stream, &error));
  char* data = NULL;
  size_t size = 0;
  FAILS(SKIFF_TIMEOUT, "in time", skiff_log_stream_next(stream, 0, &data, &size, &error));
  OK(skiff_cluster_close(&cluster, 1, &error));
  FAILS(SKIFF_UNAVAILABLE, "closed", skiff_log_stream_next(stream, -1, &data, &size, &error));
  CHECK(data == NULL);
  skiff_log_stream_free(&stream);
}
