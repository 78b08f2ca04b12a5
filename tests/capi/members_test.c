/* Three members of one control plane in this process, and snapshots in files. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char directory[] = "/tmp/skiff-capi-members-XXXXXX";
static char address[3][32];
static skiff_cluster* cluster[3];
static const char* const kNames[] = {"a", "b", "c"};

static const char* in_directory(const char* name) {
  static char path[4][128];
  static int next = 0;
  char* out = path[next++ % 4];
  snprintf(out, sizeof(path[0]), "%s/%s", directory, name);
  return out;
}

/* Taken all at once, so that they differ. */
static void take_addresses(void) {
  int fds[3];
  for (int i = 0; i < 3; ++i) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(any);
    fds[i] = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(bind(fds[i], (struct sockaddr*)&any, size) == 0);
    REQUIRE(getsockname(fds[i], (struct sockaddr*)&any, &size) == 0);
    snprintf(address[i], sizeof(address[i]), "127.0.0.1:%d", ntohs(any.sin_port));
  }
  for (int i = 0; i < 3; ++i) close(fds[i]);
}

static skiff_options* options_of(int i, const char* name, const char* token) {
  skiff_options* options = skiff_options_new();
  skiff_options_set_data_dir(options, in_directory(name));
  skiff_options_set_runtime(options, "fake");
  skiff_options_set_nodes(options, 0);
  skiff_options_set_member(options, name, address[i], NULL, token);
  return options;
}

static skiff_cluster* open_member(int i, const char* name, const char* token) {
  skiff_options* options = options_of(i, name, token);
  skiff_cluster* out = NULL;
  OK(skiff_cluster_open(options, &out, &error));
  skiff_options_free(&options);
  return out;
}

static int leads(int i) {
  char* json = NULL;
  char want[64];
  OK(skiff_members(cluster[i], &json, &error));
  snprintf(want, sizeof(want), "\"leader\":true,\"self\":true");
  const int out = strstr(json, want) != NULL;
  skiff_string_free(json);
  return out;
}

static void open_three(void) {
  cluster[0] = open_member(0, kNames[0], NULL);
  for (int i = 1; i < 3; ++i) {
    char* token = NULL;
    OK(skiff_member_add(cluster[i - 1], kNames[i], address[i], &token, &error));
    cluster[i] = open_member(i, kNames[i], token);
    skiff_string_free(token);
    OK(skiff_member_promote(cluster[i], kNames[i], &error));
  }
}

static const char kMap[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"kept\"}}";

static void restore(void) {
  skiff_options* options = options_of(0, "d", NULL);
  char* summary = NULL;
  OK(skiff_snapshot_restore(in_directory("state"), options, &summary, &error));
  CHECK(strstr(summary, "\"revision\":") != NULL);
  skiff_string_free(summary);
  FAILS(SKIFF_CONFLICT, "not empty",
        skiff_snapshot_restore(in_directory("state"), options, NULL, &error));
  skiff_cluster* one = NULL;
  OK(skiff_cluster_open(options, &one, &error));
  skiff_options_free(&options);
  char* object = NULL;
  OK(skiff_get(one, "configmap", NULL, "kept", &object, &error));
  skiff_string_free(object);
  OK(skiff_cluster_close(&one, 1, &error));
}

TEST(ThreeMembersAreOneCluster) {
  REQUIRE(mkdtemp(directory) != NULL);
  take_addresses();
  open_three();
  OK(skiff_create(cluster[2], kMap, NULL, NULL, &error));
  char* object = NULL;
  OK(skiff_get(cluster[1], "configmap", NULL, "kept", &object, &error));
  skiff_string_free(object);
  char* token = NULL;
  FAILS(SKIFF_ALREADY_EXISTS, "\"b\"",
        skiff_member_add(cluster[0], "b", "127.0.0.1:1", &token, &error));
  FAILS(SKIFF_INVALID, "DNS label",
        skiff_member_add(cluster[0], "B b", "127.0.0.1:1", &token, &error));
  FAILS(SKIFF_NOT_FOUND, "\"z\"", skiff_member_promote(cluster[0], "z", &error));
  OK(skiff_member_lead(cluster[2], "b", &error));
  CHECK(leads(1));
  OK(skiff_member_remove(cluster[0], "c", &error));
  char* summary = NULL;
  OK(skiff_snapshot_save(cluster[0], in_directory("state"), &summary, &error));
  CHECK(strstr(summary, "\"objects\":") != NULL);
  skiff_string_free(summary);
  FAILS(SKIFF_CONFLICT, "",
        skiff_snapshot_save_offline(in_directory("a"), in_directory("state2"), NULL, &error));
  for (int i = 0; i < 3; ++i) OK(skiff_cluster_close(&cluster[i], 1, &error));
  OK(skiff_snapshot_save_offline(in_directory("b"), in_directory("state"), NULL, &error));
  restore();
  char command[128];
  snprintf(command, sizeof(command), "rm -rf %s", directory);
  CHECK(system(command) == 0);
}

TEST(AClusterOfItsOwnHasNoMembers) {
  skiff_cluster* one = open_fake(0);
  char* out = NULL;
  FAILS(SKIFF_CONFLICT, "one member", skiff_members(one, &out, &error));
  FAILS(SKIFF_CONFLICT, "one member", skiff_member_add(one, "b", "127.0.0.1:1", &out, &error));
  OK(skiff_cluster_close(&one, 1, &error));
}

TEST(HostileArgumentsOfMembersAreCodes) {
  skiff_cluster* one = open_fake(0);
  char* out = NULL;
  static const char kBad[] = "\xff\xfe";
  skiff_options_set_member(NULL, "a", "x", "x", "x");
  FAILS(SKIFF_INVALID, "`cluster`", skiff_members(NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`json`", skiff_members(one, NULL, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_member_add(NULL, "a", "x", &out, &error));
  FAILS(SKIFF_INVALID, "`name`", skiff_member_add(one, kBad, "x", &out, &error));
  FAILS(SKIFF_INVALID, "`address`", skiff_member_add(one, "a", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`token`", skiff_member_add(one, "a", "x", NULL, &error));
  FAILS(SKIFF_INVALID, "`name`", skiff_member_promote(one, NULL, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_member_remove(NULL, "a", &error));
  FAILS(SKIFF_INVALID, "`name`", skiff_member_lead(one, kBad, &error));
  FAILS(SKIFF_INVALID, "`cluster`", skiff_snapshot_save(NULL, "x", &out, &error));
  FAILS(SKIFF_INVALID, "`path`", skiff_snapshot_save(one, NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`data_dir`", skiff_snapshot_save_offline(NULL, "x", &out, &error));
  FAILS(SKIFF_INVALID, "`path`", skiff_snapshot_save_offline("x", NULL, &out, &error));
  FAILS(SKIFF_INVALID, "`options`", skiff_snapshot_restore("x", NULL, &out, &error));
  skiff_options* options = skiff_options_new();
  FAILS(SKIFF_INVALID, "`path`", skiff_snapshot_restore(NULL, options, &out, &error));
  FAILS(SKIFF_INVALID, "data_dir", skiff_snapshot_restore("x", options, &out, &error));
  skiff_options_set_member(options, "a", kBad, NULL, NULL);
  FAILS(SKIFF_INVALID, "`listen`", skiff_snapshot_restore("x", options, &out, &error));
  skiff_cluster* two = NULL;
  FAILS(SKIFF_INVALID, "`listen`", skiff_cluster_open(options, &two, &error));
  skiff_options_free(&options);
  OK(skiff_cluster_close(&one, 1, &error));
}
