#include "check.h"

#include <dirent.h>

test_case* test_cases;
int test_failures;

skiff_cluster* open_fake(int nodes) {
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_nodes(options, nodes);
  skiff_cluster* cluster = NULL;
  OK(skiff_cluster_open(options, &cluster, &error));
  skiff_options_free(&options);
  return cluster;
}

const char* job_manifest(const char* name, const char* output, int exit_code) {
  static char manifest[1024];
  snprintf(manifest, sizeof manifest,
           "apiVersion: batch/v1\n"
           "kind: Job\n"
           "metadata: {name: %s}\n"
           "spec:\n"
           "  backoffLimit: 0\n"
           "  template:\n"
           "    metadata:\n"
           "      annotations:\n"
           "        fake.skiff.dev/run-seconds: '0'\n"
           "        fake.skiff.dev/output: '%s'\n"
           "        fake.skiff.dev/exit-code: '%d'\n"
           "    spec: {restartPolicy: Never, containers: [{name: work, image: work:v1}]}\n",
           name, output, exit_code);
  return manifest;
}

long count_entries(const char* dir) {
  DIR* open = opendir(dir);
  REQUIRE(open != NULL);
  long count = 0;
  while (readdir(open) != NULL) ++count;
  closedir(open);
  return count;
}

int main(int argc, char** argv) {
  int ran = 0;
  for (test_case* one = test_cases; one != NULL; one = one->next) {
    if (argc > 1 && strstr(one->name, argv[1]) == NULL) continue;
    const int before = test_failures;
    one->run();
    ++ran;
    printf("%s %s\n", test_failures == before ? "ok  " : "FAIL", one->name);
    fflush(stdout);
  }
  if (ran == 0) fprintf(stderr, "no case of that name\n");
  return ran > 0 && test_failures == 0 ? 0 : 1;
}
