/* Opening and closing. */
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

TEST(EveryCodeHasItsName) {
#define HAS_NAME(name, number, text) CHECK(strcmp(skiff_code_name(number), #name) == 0);
  SKIFF_CODES(HAS_NAME)
#undef HAS_NAME
  CHECK(skiff_code_name((skiff_code)13) == NULL);
  CHECK(skiff_code_name((skiff_code)-1) == NULL);
  int a = 0, b = 0, c = 0;
  CHECK(sscanf(skiff_version(), "%d.%d.%d", &a, &b, &c) == 3);
}

TEST(AClusterOpensServesAndCloses) {
  skiff_options* options = skiff_options_new();
  REQUIRE(options != NULL);
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_listen(options, "127.0.0.1:0");
  skiff_cluster* cluster = NULL;
  OK(skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  CHECK(options == NULL);
  CHECK(strncmp(skiff_cluster_url(cluster), "https://127.0.0.1:", 18) == 0);
  CHECK(strstr(skiff_cluster_kubeconfig(cluster), skiff_cluster_url(cluster)) != NULL);
  char* node = NULL;
  OK(skiff_get(cluster, "node", NULL, "node-0", &node, &error));
  CHECK(strstr(node, "\"kind\":\"Node\"") != NULL);
  skiff_string_free(node);
  OK(skiff_cluster_close(&cluster, 1, &error));
  CHECK(cluster == NULL);
  OK(skiff_cluster_close(&cluster, 1, &error));
}

TEST(AClusterThatServesNowhereHasNoUrl) {
  skiff_cluster* cluster = open_fake(0);
  CHECK(strcmp(skiff_cluster_url(cluster), "") == 0);
  OK(skiff_cluster_close(&cluster, 0, &error));
}

static void refused(void (*set)(skiff_options*), skiff_code code, const char* words) {
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  set(options);
  skiff_cluster* cluster = NULL;
  FAILS(code, words, skiff_cluster_open(options, &cluster, &error));
  CHECK(cluster == NULL);
  skiff_options_free(&options);
}

static void no_runtime(skiff_options* o) { skiff_options_set_runtime(o, "docker"); }
static void too_many(skiff_options* o) { skiff_options_set_nodes(o, 1001); }
static void too_few(skiff_options* o) { skiff_options_set_nodes(o, -1); }
static void below_a_file(skiff_options* o) { skiff_options_set_data_dir(o, "/dev/null/below"); }
static void too_long(skiff_options* o) {
  char path[400] = "/tmp/";
  memset(path + 5, 'x', sizeof path - 6);
  skiff_options_set_data_dir(o, path);
}
static void not_ours(skiff_options* o) { skiff_options_set_listen(o, "192.0.2.1:1"); }
static void no_port(skiff_options* o) { skiff_options_set_listen(o, "127.0.0.1:http"); }
static void no_host(skiff_options* o) { skiff_options_set_listen(o, "nowhere.invalid:1"); }

TEST(OptionsAreRefusedByName) {
  refused(no_runtime, SKIFF_INVALID, "option runtime: \"docker\"");
  refused(too_many, SKIFF_INVALID, "option nodes: 1001");
  refused(too_few, SKIFF_INVALID, "option nodes: -1");
  refused(no_port, SKIFF_INVALID, "127.0.0.1:http");
  refused(no_host, SKIFF_INVALID, "nowhere.invalid");
  refused(below_a_file, SKIFF_INVALID, "/dev/null/below");
  refused(too_long, SKIFF_INVALID, "too long");
  refused(not_ours, SKIFF_CONFLICT, "192.0.2.1:1");
}

TEST(AnAddressServesOneCluster) {
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_listen(options, "127.0.0.1:0");
  skiff_cluster* first = NULL;
  skiff_cluster* second = NULL;
  OK(skiff_cluster_open(options, &first, &error));
  skiff_options_set_listen(options, skiff_cluster_url(first) + strlen("https://"));
  FAILS(SKIFF_CONFLICT, "in use", skiff_cluster_open(options, &second, &error));
  OK(skiff_cluster_close(&first, 1, &error));
  OK(skiff_cluster_open(options, &second, &error));
  OK(skiff_cluster_close(&second, 1, &error));
  skiff_options_free(&options);
}

TEST(ADataDirectoryServesOneClusterAndKeepsItsObjects) {
  char dir[] = "/tmp/skiff-capi-XXXXXX";
  REQUIRE(mkdtemp(dir) != NULL);
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_nodes(options, 0);
  skiff_options_set_data_dir(options, dir);
  skiff_cluster* first = NULL;
  skiff_cluster* second = NULL;
  OK(skiff_cluster_open(options, &first, &error));
  FAILS(SKIFF_CONFLICT, "in use", skiff_cluster_open(options, &second, &error));
  CHECK(second == NULL);
  OK(skiff_apply(first, "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept}}", NULL, NULL,
                 &error));
  OK(skiff_cluster_close(&first, 1, &error));
  OK(skiff_cluster_open(options, &second, &error));
  char* object = NULL;
  OK(skiff_get(second, "cm", NULL, "kept", &object, &error));
  skiff_string_free(object);
  OK(skiff_cluster_close(&second, 1, &error));
  skiff_options_free(&options);
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", dir);
  CHECK(system(command) == 0);
}

TEST(ClustersInOneProcessDoNotMeet) {
  enum { COUNT = 8 };
  skiff_cluster* clusters[COUNT];
  for (int i = 0; i < COUNT; ++i) clusters[i] = open_fake(1);
  OK(skiff_apply(clusters[0], "{apiVersion: v1, kind: ConfigMap, metadata: {name: mine}}", NULL,
                 NULL, &error));
  for (int i = 1; i < COUNT; ++i) {
    char* object = NULL;
    FAILS(SKIFF_NOT_FOUND, "mine", skiff_get(clusters[i], "cm", NULL, "mine", &object, &error));
    CHECK(object == NULL);
  }
  for (int i = 0; i < COUNT; ++i) OK(skiff_cluster_close(&clusters[i], 1, &error));
}

/* What a host would notice if a library changed it. */
typedef struct host_state {
  void (*handlers[NSIG])(int);
  sigset_t blocked;
  mode_t mask;
  char directory[4096];
  char locale[64];
} host_state;

static void look_at_host(host_state* state) {
  memset(state, 0, sizeof *state);
  for (int i = 1; i < NSIG; ++i) {
    struct sigaction action;
    if (sigaction(i, NULL, &action) == 0) state->handlers[i] = action.sa_handler;
  }
  pthread_sigmask(SIG_SETMASK, NULL, &state->blocked);
  state->mask = umask(0);
  umask(state->mask);
  CHECK(getcwd(state->directory, sizeof state->directory) != NULL);
  snprintf(state->locale, sizeof state->locale, "%s", setlocale(LC_ALL, NULL));
}

TEST(TheHostsSignalsAndStreamsAreItsOwn) {
  char path[] = "/tmp/skiff-capi-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  unlink(path);
  fflush(NULL);
  const int out = dup(STDOUT_FILENO);
  const int err = dup(STDERR_FILENO);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  host_state before, during;
  look_at_host(&before);
  skiff_cluster* cluster = open_fake(2);
  skiff_error* error = NULL;
  const skiff_code code = skiff_apply(cluster, "{", NULL, NULL, &error);
  look_at_host(&during);
  skiff_error_free(&error);
  skiff_cluster_close(&cluster, 1, NULL);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  close(out);
  close(err);
  CHECK(code == SKIFF_INVALID);
  CHECK(memcmp(&before, &during, sizeof before) == 0);
  CHECK(lseek(file, 0, SEEK_END) == 0);
  close(file);
}

TEST(AHundredClustersLaterTheProcessIsAsItWas) {
  skiff_cluster* cluster = open_fake(1);
  OK(skiff_cluster_close(&cluster, 1, &error));
  const long threads = count_entries("/proc/self/task");
  const long files = count_entries("/proc/self/fd");
  for (int i = 0; i < 100; ++i) {
    cluster = open_fake(1);
    skiff_watch* watch = NULL;
    OK(skiff_watch_open(cluster, "cm", NULL, NULL, NULL, &watch, &error));
    OK(skiff_apply(cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}", NULL, NULL,
                   &error));
    OK(skiff_cluster_close(&cluster, 1, &error));
    skiff_watch_free(&watch);
  }
  CHECK(count_entries("/proc/self/task") == threads);
  CHECK(count_entries("/proc/self/fd") == files);
}

typedef struct waiter {
  skiff_cluster* cluster;
  _Atomic pid_t thread;
  skiff_code code;
} waiter;

static void* wait_for_ever(void* context) {
  waiter* self = context;
  self->thread = gettid();
  self->code = skiff_wait(self->cluster, "node", NULL, "node-0", "condition=Never", -1, NULL);
  return NULL;
}

/* Until the thread sleeps, which it does nowhere but inside the call. */
static void await_inside(waiter* self) {
  while (self->thread == 0) sched_yield();
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)self->thread);
  for (char state = 'R'; state != 'S'; sched_yield()) {
    FILE* file = fopen(path, "r");
    REQUIRE(file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
    fclose(file);
  }
}

TEST(ClosingEndsTheWaitsOfOtherThreads) {
  skiff_cluster* cluster = open_fake(1);
  pthread_t threads[3];
  waiter waiters[3];
  for (int i = 0; i < 3; ++i) {
    waiters[i] = (waiter){cluster, 0, SKIFF_OK};
    REQUIRE(pthread_create(&threads[i], NULL, wait_for_ever, &waiters[i]) == 0);
  }
  for (int i = 0; i < 3; ++i) await_inside(&waiters[i]);
  OK(skiff_cluster_close(&cluster, 1, &error));
  for (int i = 0; i < 3; ++i) {
    pthread_join(threads[i], NULL);
    CHECK(waiters[i].code == SKIFF_UNAVAILABLE);
  }
}

TEST(TheHostIsChecked) {
  char* json = NULL;
  OK(skiff_check_host(&json, &error));
  CHECK(json[0] == '[');
  CHECK(strstr(json, "\"name\":") != NULL);
  CHECK(strstr(json, "\"remedy\":") != NULL);
  skiff_string_free(json);
}
