/* Whatever the caller gets wrong, short of a dangling handle, is a code. */
#include "check.h"

static const char kBad[] = "\xff\xfe";

TEST(NullOptionsAndHandlesAreIgnored) {
  skiff_options_set_data_dir(NULL, "x");
  skiff_options_set_nodes(NULL, 1);
  skiff_options_set_runtime(NULL, "x");
  skiff_options_set_listen(NULL, "x");
  skiff_options_set_verbosity(NULL, 1);
  skiff_options_free(NULL);
  skiff_error_free(NULL);
  skiff_watch_free(NULL);
  skiff_log_stream_free(NULL);
  skiff_string_free(NULL);
  skiff_options* options = NULL;
  skiff_error* none = NULL;
  skiff_watch* watch = NULL;
  skiff_log_stream* stream = NULL;
  skiff_options_free(&options);
  skiff_error_free(&none);
  skiff_watch_free(&watch);
  skiff_log_stream_free(&stream);
  OK(skiff_cluster_close(NULL, 1, &error));
  CHECK(skiff_error_code(NULL) == SKIFF_OK);
  CHECK(strcmp(skiff_error_message(NULL), "") == 0);
  CHECK(strcmp(skiff_error_status_json(NULL), "") == 0);
  CHECK(strcmp(skiff_cluster_url(NULL), "") == 0);
  CHECK(strcmp(skiff_cluster_kubeconfig(NULL), "") == 0);
  CHECK(skiff_watch_fd(NULL) == -1);
  CHECK(skiff_log_stream_fd(NULL) == -1);
  options = skiff_options_new();
  skiff_options_set_data_dir(options, NULL);
  skiff_options_set_runtime(options, NULL);
  skiff_options_set_listen(options, NULL);
  skiff_options_set_verbosity(options, -1000);
  skiff_options_set_verbosity(options, 0);
  skiff_options_set_nodes(options, 0);
  FAILS(SKIFF_INVALID, "`cluster`", skiff_cluster_open(options, NULL, &error));
  FAILS(SKIFF_INVALID, "`json`", skiff_check_host(NULL, &error));
  skiff_options_free(&options);
}

TEST(ANullClusterIsInvalid) {
  char* out = NULL;
  size_t size = 0;
  skiff_watch* watch = NULL;
  skiff_log_stream* stream = NULL;
  FAILS(SKIFF_INVALID, "`cluster`", skiff_image_load(NULL, "x", &out, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_apply(NULL, "x", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_create(NULL, "x", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_get(NULL, "x", NULL, "x", &out, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_list(NULL, "x", NULL, NULL, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_delete(NULL, "x", NULL, "x", 0, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_wait(NULL, "x", NULL, "x", "delete", 0, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_wait_job(NULL, NULL, "x", 0, &out, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_watch_open(NULL, "x", NULL, NULL, NULL, &watch, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_logs(NULL, NULL, "x", NULL, 0, &out, &size, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_logs_open(NULL, NULL, "x", NULL, 0, &stream, &error));
}

static void on_event(void* context, skiff_event_type type, const char* object) {
  (void)context;
  (void)type;
  (void)object;
}
static void on_data(void* context, const char* data, size_t size) {
  (void)context;
  (void)data;
  (void)size;
}

TEST(EveryOtherNullIsInvalidByName) {
  skiff_cluster* c = open_fake(0);
  char* out = NULL;
  size_t size = 0;
  skiff_watch* watch = NULL;
  skiff_log_stream* stream = NULL;
  skiff_event_type type = SKIFF_ADDED;
  FAILS(SKIFF_INVALID, "`path`", skiff_image_load(c, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`manifest`", skiff_apply(c, NULL, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`manifest`", skiff_create(c, NULL, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`kind`", skiff_get(c, NULL, NULL, "x", &out, &error));
  FAILS(SKIFF_INVALID, "`name`", skiff_get(c, "cm", NULL, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`object`", skiff_get(c, "cm", NULL, "x", NULL, &error));
  FAILS(SKIFF_INVALID, "`kind`", skiff_list(c, NULL, NULL, NULL, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`list`", skiff_list(c, "cm", NULL, NULL, NULL, NULL, &error));
  FAILS(SKIFF_INVALID, "`kind`", skiff_delete(c, NULL, NULL, "x", 0, &error));
  FAILS(SKIFF_INVALID, "`name`", skiff_delete(c, "cm", NULL, NULL, 0, &error));
  FAILS(SKIFF_INVALID, "`condition`", skiff_wait(c, "cm", NULL, "x", NULL, 0, &error));
  FAILS(SKIFF_INVALID, "`name`", skiff_wait(c, "cm", NULL, NULL, "delete", 0, &error));
  FAILS(SKIFF_INVALID, "`name`", skiff_wait_job(c, NULL, NULL, 0, &out, &error));
  FAILS(SKIFF_INVALID, "`result`", skiff_wait_job(c, NULL, "x", 0, NULL, &error));
  FAILS(SKIFF_INVALID, "`kind`", skiff_watch_open(c, NULL, NULL, NULL, NULL, &watch, &error));
  FAILS(SKIFF_INVALID, "`watch`", skiff_watch_open(c, "cm", NULL, NULL, NULL, NULL, &error));
  FAILS(SKIFF_INVALID, "`on_event`",
        skiff_watch_start(c, "cm", NULL, NULL, NULL, NULL, NULL, NULL, &watch, &error));
  FAILS(SKIFF_INVALID, "`watch`",
        skiff_watch_start(c, "cm", NULL, NULL, NULL, on_event, NULL, NULL, NULL, &error));
  FAILS(SKIFF_INVALID, "`watch`", skiff_watch_next(NULL, 0, &type, &out, &error));
  FAILS(SKIFF_INVALID, "`pod`", skiff_logs(c, NULL, NULL, NULL, 0, &out, &size, &error));
  FAILS(SKIFF_INVALID, "`data`", skiff_logs(c, NULL, "x", NULL, 0, NULL, &size, &error));
  FAILS(SKIFF_INVALID, "`on_data`",
        skiff_logs_follow(c, NULL, "x", NULL, 0, NULL, NULL, NULL, &stream, &error));
  FAILS(SKIFF_INVALID, "`stream`",
        skiff_logs_follow(c, NULL, "x", NULL, 0, on_data, NULL, NULL, NULL, &error));
  FAILS(SKIFF_INVALID, "`stream`", skiff_logs_open(c, NULL, "x", NULL, 0, NULL, &error));
  FAILS(SKIFF_INVALID, "`stream`", skiff_log_stream_next(NULL, 0, &out, &size, &error));
  OK(skiff_watch_open(c, "cm", NULL, NULL, NULL, &watch, &error));
  FAILS(SKIFF_INVALID, "`type`", skiff_watch_next(watch, 0, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`object`", skiff_watch_next(watch, 0, &type, NULL, &error));
  skiff_watch_free(&watch);
  OK(skiff_watch_start(c, "cm", NULL, NULL, NULL, on_event, NULL, NULL, &watch, &error));
  FAILS(SKIFF_INVALID, "callbacks", skiff_watch_next(watch, 0, &type, &out, &error));
  skiff_watch_free(&watch);
  CHECK(out == NULL && watch == NULL && stream == NULL);
  OK(skiff_cluster_close(&c, 1, &error));
}

TEST(TextThatIsNotUtf8IsInvalid) {
  skiff_cluster* c = open_fake(0);
  char* out = NULL;
  skiff_watch* watch = NULL;
  FAILS(SKIFF_INVALID, "`manifest`", skiff_apply(c, kBad, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`name_space`", skiff_apply(c, "", kBad, &out, &error));
  FAILS(SKIFF_INVALID, "`kind`", skiff_get(c, kBad, NULL, "x", &out, &error));
  FAILS(SKIFF_INVALID, "`name`", skiff_get(c, "cm", NULL, kBad, &out, &error));
  FAILS(SKIFF_INVALID, "`label_selector`", skiff_list(c, "cm", NULL, kBad, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`field_selector`", skiff_list(c, "cm", NULL, NULL, kBad, &out, &error));
  FAILS(SKIFF_INVALID, "`condition`", skiff_wait(c, "cm", NULL, "x", kBad, 0, &error));
  FAILS(SKIFF_INVALID, "`name_space`", skiff_watch_open(c, "cm", kBad, NULL, NULL, &watch, &error));
  FAILS(SKIFF_INVALID, "`pod`", skiff_logs(c, NULL, kBad, NULL, 0, &out, NULL, &error));
  FAILS(SKIFF_NOT_FOUND, "??", skiff_image_load(c, kBad, &out, &error));
  OK(skiff_cluster_close(&c, 1, &error));
}

TEST(OddNamesFindNothingAndHurtNothing) {
  static const char* const names[] = {"",          ".",
                                      "..",        "/",
                                      "a/b",       "../kube-system/x",
                                      "%s%n",      " ",
                                      "a,b=c",     "metadata.name=x",
                                      "\n",        "\xf0\x9f\x98\x80",
                                      "{\"a\":1}", "'\"",
                                      "a\tb"};
  skiff_cluster* c = open_fake(0);
  char* huge = malloc(1 << 20);
  memset(huge, 'a', 1 << 20);
  huge[(1 << 20) - 1] = '\0';
  for (size_t i = 0; i <= sizeof names / sizeof *names; ++i) {
    const char* name = i < sizeof names / sizeof *names ? names[i] : huge;
    char* out = NULL;
    skiff_code code = skiff_get(c, "cm", NULL, name, &out, NULL);
    CHECK(code == SKIFF_NOT_FOUND || code == SKIFF_INVALID);
    code = skiff_get(c, name, NULL, "x", &out, NULL);
    CHECK(code == SKIFF_NOT_FOUND || code == SKIFF_INVALID);
    if (*name != '\0') {
      code = skiff_get(c, "cm", name, "x", &out, NULL);
      CHECK(code == SKIFF_NOT_FOUND || code == SKIFF_INVALID);
    }
    code = skiff_delete(c, "cm", NULL, name, -1, NULL);
    CHECK(code == SKIFF_OK || code == SKIFF_INVALID);
    code = skiff_wait(c, "cm", NULL, name, "create", 0, NULL);
    CHECK(code == SKIFF_TIMEOUT);
    code = skiff_wait(c, "cm", NULL, "x", name, 0, NULL);
    CHECK(code == SKIFF_INVALID);
    code = skiff_logs(c, NULL, name, NULL, 0, &out, NULL, NULL);
    CHECK(code == SKIFF_NOT_FOUND || code == SKIFF_INVALID);
    CHECK(out == NULL);
  }
  free(huge);
  OK(skiff_cluster_close(&c, 1, &error));
}

TEST(OddManifestsAreInvalid) {
  static const char* const texts[] = {
      "{",
      "}",
      "[",
      "]",
      "\"",
      "'",
      "&a [*a]",
      "*a",
      "- - - -",
      "? ?",
      "!!binary x",
      "%YAML 9.9\n---",
      "a: b: c",
      "\t",
      "null",
      "true",
      "42",
      "[]",
      "\"text\"",
      "{}",
      "{apiVersion: v1}",
      "{kind: Pod}",
      "{apiVersion: 1, kind: 2}",
      "{apiVersion: v1, kind: Pod, metadata: []}",
      "{apiVersion: v1, kind: Pod, metadata: {name: 5}}",
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, labels: {a: {}}}}",
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: [1]}}",
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: 'no such'}}",
      "{apiVersion: v9, kind: ConfigMap, metadata: {name: x}}",
      "{apiVersion: '', kind: '', metadata: {name: x}}",
      "{apiVersion: v1, kind: List, items: {}}",
      "{apiVersion: v1, kind: List, items: [1]}"};
  skiff_cluster* c = open_fake(0);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    for (int create = 0; create < 2; ++create) {
      skiff_error* error = NULL;
      const skiff_code code = create ? skiff_create(c, texts[i], NULL, NULL, &error)
                                     : skiff_apply(c, texts[i], NULL, NULL, &error);
      const int empty = strcmp(texts[i], "null") == 0 || strcmp(texts[i], "%YAML 9.9\n---") == 0;
      if (code != SKIFF_INVALID && code != SKIFF_NOT_FOUND && !(empty && code == SKIFF_OK)) {
        fprintf(stderr, "%s: %s %s\n", texts[i], skiff_code_name(code), skiff_error_message(error));
        ++test_failures;
      }
      if (code != SKIFF_OK) CHECK(skiff_error_message(error)[0] != '\0');
      skiff_error_free(&error);
    }
  }
  /* Deep nesting and aliases that multiply. */
  const size_t depth = 200000;
  char* deep = malloc(depth + 1);
  memset(deep, '[', depth);
  deep[depth] = '\0';
  FAILS(SKIFF_INVALID, "", skiff_apply(c, deep, NULL, NULL, &error));
  memset(deep, '-', depth);
  for (size_t i = 1; i < depth; i += 2) deep[i] = ' ';
  FAILS(SKIFF_INVALID, "", skiff_apply(c, deep, NULL, NULL, &error));
  free(deep);
  FAILS(SKIFF_INVALID, "",
        skiff_apply(c,
                    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                    "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                    "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                    "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n"
                    "i: &i [*h,*h,*h,*h,*h,*h,*h,*h,*h]\nj: &j [*i,*i,*i,*i,*i,*i,*i,*i,*i]\n",
                    NULL, NULL, &error));
  OK(skiff_cluster_close(&c, 1, &error));
}

TEST(ExtremeNumbersAreTaken) {
  skiff_cluster* c = open_fake(1);
  char* out = NULL;
  OK(skiff_wait(c, "node", NULL, "node-0", "condition=Ready", INT64_MAX, &error));
  OK(skiff_wait(c, "node", NULL, "node-0", "condition=Ready", INT64_MIN, &error));
  OK(skiff_create(c, job_manifest("far", "text", 0), NULL, NULL, &error));
  OK(skiff_wait_job(c, NULL, "far", INT64_MAX, &out, &error));
  char pod[64];
  REQUIRE(sscanf(strstr(out, "\"pod\":"), "\"pod\":\"%63[^\"]\"", pod) == 1);
  skiff_string_free(out);
  size_t size = 1;
  OK(skiff_logs(c, NULL, pod, NULL, INT64_MAX, &out, &size, &error));
  CHECK(size == 0);
  skiff_string_free(out);
  out = NULL;
  FAILS(SKIFF_INVALID, "offset", skiff_logs(c, NULL, pod, NULL, INT64_MIN, &out, &size, &error));
  OK(skiff_delete(c, "pod", NULL, pod, INT64_MAX, &error));
  OK(skiff_delete(c, "pod", NULL, pod, 0, &error));
  OK(skiff_cluster_close(&c, 1, &error));
}
