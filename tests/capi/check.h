/* A very small test kit in C: TEST registers a case, CHECK counts what does not hold, main runs all
 * cases (or those whose name contains the first argument). */
#ifndef SKIFF_TESTS_CAPI_CHECK_H
#define SKIFF_TESTS_CAPI_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capi/skiff.h"

typedef struct test_case {
  const char* name;
  void (*run)(void);
  struct test_case* next;
} test_case;

extern test_case* test_cases;
extern int test_failures;

#define TEST(name)                                                 \
  static void name(void);                                          \
  static test_case case_##name = {#name, name, NULL};              \
  __attribute__((constructor)) static void register_##name(void) { \
    case_##name.next = test_cases;                                 \
    test_cases = &case_##name;                                     \
  }                                                                \
  static void name(void)

#define CHECK(holds)                                                             \
  do {                                                                           \
    if (!(holds)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
      ++test_failures;                                                           \
    }                                                                            \
  } while (0)

/* Ends the program: for what the rest of the case cannot do without. */
#define REQUIRE(holds)                                                           \
  do {                                                                           \
    if (!(holds)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
      exit(1);                                                                   \
    }                                                                            \
  } while (0)

/* The call (its last argument is &error) must return SKIFF_OK. */
#define OK(call)                                                                                \
  do {                                                                                          \
    skiff_error* error = NULL;                                                                  \
    const skiff_code code_ = (call);                                                            \
    if (code_ != SKIFF_OK) {                                                                    \
      fprintf(stderr, "%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call, skiff_code_name(code_), \
              skiff_error_message(error));                                                      \
      exit(1);                                                                                  \
    }                                                                                           \
    CHECK(error == NULL);                                                                       \
  } while (0)

/* The call (its last argument is &error) must fail with the code, and its message hold the words.
 */
#define FAILS(code, words, call)                                                                \
  do {                                                                                          \
    skiff_error* error = NULL;                                                                  \
    const skiff_code code_ = (call);                                                            \
    const char* said_ = skiff_error_message(error);                                             \
    if (code_ != (code) || skiff_error_code(error) != (code) || strstr(said_, words) == NULL || \
        skiff_error_status_json(error)[0] != '{') {                                             \
      fprintf(stderr, "%s:%d: %s: got %s \"%s\", want %s with \"%s\"\n", __FILE__, __LINE__,    \
              #call, skiff_code_name(code_), said_, skiff_code_name(code), words);              \
      ++test_failures;                                                                          \
    }                                                                                           \
    skiff_error_free(&error);                                                                   \
    CHECK(error == NULL);                                                                       \
  } while (0)

/* A generous bound for what ought to come at once. */
enum { SOON_MS = 60000 };

/* A cluster in memory with simulated pods. */
skiff_cluster* open_fake(int nodes);

/* The manifest of a Job named `name` whose one simulated container says `output` and ends at once.
 * In a buffer of its own until the next call. */
const char* job_manifest(const char* name, const char* output, int exit_code);

/* How many entries a directory has. */
long count_entries(const char* dir);

#endif /* SKIFF_TESTS_CAPI_CHECK_H */
