/* A C program that is a cluster: opens one in memory with simulated pods, applies a manifest,
 * waits, and prints what it has.
 *
 *   cc examples/embed.c -Icapi -Lbuild -lskiff -Wl,-rpath,build -o embed && ./embed */
#include <stdio.h>

#include "skiff.h"

static const char kManifest[] =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {name: web}\n"
    "spec:\n"
    "  replicas: 3\n"
    "  selector: {matchLabels: {app: web}}\n"
    "  template:\n"
    "    metadata: {labels: {app: web}}\n"
    "    spec: {containers: [{name: web, image: web:v1}]}\n";

static int fail(skiff_error** error) {
  fprintf(stderr, "embed: %s\n", skiff_error_message(*error));
  skiff_error_free(error);
  return 1;
}

int main(void) {
  skiff_error* error = NULL;
  skiff_cluster* cluster = NULL;
  skiff_options* options = skiff_options_new();
  skiff_options_set_runtime(options, "fake");
  skiff_code code = skiff_cluster_open(options, &cluster, &error);
  skiff_options_free(&options);
  if (code != SKIFF_OK) return fail(&error);
  char* list = NULL;
  if (skiff_apply(cluster, kManifest, NULL, NULL, &error) != SKIFF_OK ||
      skiff_wait(cluster, "deployment", NULL, "web", "condition=Available", 10000, &error) !=
          SKIFF_OK ||
      skiff_list(cluster, "pods", NULL, "app=web", NULL, &list, &error) != SKIFF_OK) {
    skiff_cluster_close(&cluster, 1, NULL);
    return fail(&error);
  }
  printf("%s\n", list);
  skiff_string_free(list);
  return skiff_cluster_close(&cluster, 1, NULL) == SKIFF_OK ? 0 : 1;
}
