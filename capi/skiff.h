/* Skiff's C interface: Kubernetes as a library.
 *
 *   skiff_options *options = skiff_options_new();
 *   skiff_options_set_data_dir(options, "/var/lib/app");
 *   skiff_cluster *cluster = NULL;
 *   skiff_error *error = NULL;
 *   if (skiff_cluster_open(options, &cluster, &error) != SKIFF_OK) {
 *     fprintf(stderr, "%s\n", skiff_error_message(error));
 *     skiff_error_free(&error);
 *   }
 *   skiff_options_free(&options);
 *   …
 *   skiff_cluster_close(&cluster, 1, NULL);
 *
 * Rules that hold for every function:
 * - It returns a skiff_code; SKIFF_OK is 0. Outputs and `error` are written only as said: outputs
 * on SKIFF_OK, `*error` on failure (pass NULL if you do not want it; free it with
 * skiff_error_free).
 * - Strings are UTF-8 and end with a zero byte. Strings that come in are copied; strings that go
 * out belong to the caller, who frees them with skiff_string_free, unless they are `const`, which
 * live as long as the thing they were asked of.
 * - Objects go in as YAML or JSON and come out as JSON, in the form of the Kubernetes API v1.35.
 * - A kind may be written as kubectl takes it: "pod", "pods", "po", "Deployment",
 * "deployments.apps". `name_space` NULL is "default" where one object is meant, and all namespaces
 * where many are.
 * - Any thread may call, any number at once; calls block until they have their answer. None may be
 * made from a callback. Durations are in milliseconds; negative means no limit.
 * - The library never exits the process, installs no signal handler, and writes nothing to standard
 *   streams unless skiff_options_set_verbosity asks for it.
 */
#ifndef SKIFF_H
#define SKIFF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SKIFF_API __attribute__((visibility("default")))
#else
#define SKIFF_API
#endif

/* Every code, its number and its meaning. Bindings make their exceptions from this list. Codes are
 * never renumbered. */
#define SKIFF_CODES(X)                                                      \
  X(OK, 0, "success")                                                       \
  X(INVALID, 1, "the input is malformed or fails validation")               \
  X(NOT_FOUND, 2, "there is no such object, file or kind")                  \
  X(ALREADY_EXISTS, 3, "an object of that name exists")                     \
  X(CONFLICT, 4, "the object has changed, or a precondition does not hold") \
  X(FORBIDDEN, 5, "not allowed, by admission or by the host's rights")      \
  X(UNAVAILABLE, 6, "the cluster is closing or cannot serve now")           \
  X(TIMEOUT, 7, "the time limit passed first")                              \
  X(EXHAUSTED, 8, "out of disk, memory or another resource")                \
  X(EXPIRED, 9, "history no longer reaches back that far")                  \
  X(DATA_LOSS, 10, "stored data is damaged")                                \
  X(UNSUPPORTED, 11, "this host or build cannot do it")                     \
  X(INTERNAL, 12, "a defect in Skiff")

typedef enum skiff_code {
#define SKIFF_CODE_ENUM(name, number, text) SKIFF_##name = number,
  SKIFF_CODES(SKIFF_CODE_ENUM)
#undef SKIFF_CODE_ENUM
} skiff_code;

typedef struct skiff_error skiff_error;
typedef struct skiff_options skiff_options;
typedef struct skiff_cluster skiff_cluster;
typedef struct skiff_watch skiff_watch;
typedef struct skiff_log_stream skiff_log_stream;

/* --- version, strings, errors ------------------------------------------------------------------
 */

/* "0.1.0". Static. */
SKIFF_API const char* skiff_version(void);
/* The name of a code, "NOT_FOUND", or NULL for an unknown number. Static. */
SKIFF_API const char* skiff_code_name(skiff_code code);
/* Frees a string that a function gave out. NULL is ignored. */
SKIFF_API void skiff_string_free(char* string);

SKIFF_API skiff_code skiff_error_code(const skiff_error* error);
/* A sentence that names the thing and the fix. Lives as long as `error`. */
SKIFF_API const char* skiff_error_message(const skiff_error* error);
/* The metav1.Status object in JSON: reason, details, causes. Lives as long as `error`. */
SKIFF_API const char* skiff_error_status_json(const skiff_error* error);
/* Frees and sets to NULL. NULL and *NULL are ignored. */
SKIFF_API void skiff_error_free(skiff_error** error);

/* --- opening and closing ------------------------------------------------------------------------
 */

/* Defaults: in memory, one node, the linux runtime, no listener, silent. NULL only without memory.
 */
SKIFF_API skiff_options* skiff_options_new(void);
/* Where everything is kept, made if missing. NULL or "": in memory. */
SKIFF_API void skiff_options_set_data_dir(skiff_options* options, const char* path);
/* How many nodes run in this process, 0 to 1000; 0 is a control plane only. */
SKIFF_API void skiff_options_set_nodes(skiff_options* options, int nodes);
/* What runs pods that name no runtimeClassName: "linux" (containers; root), "process" (programs of
 * this machine; root) or "fake" (simulated). Checked by skiff_cluster_open. */
SKIFF_API void skiff_options_set_runtime(skiff_options* options, const char* runtime);
/* Serve the API over HTTP at "HOST:PORT"; port 0 takes a free one. NULL or "": nowhere. */
SKIFF_API void skiff_options_set_listen(skiff_options* options, const char* address);
/* Log lines on standard error: 0 none (the default), 1 errors, 2 warnings, 3 information, 4 all. */
SKIFF_API void skiff_options_set_verbosity(skiff_options* options, int verbosity);
/* Frees and sets to NULL. */
SKIFF_API void skiff_options_free(skiff_options** options);

/* Opens a cluster and waits until it serves and its nodes are ready. `options` may be NULL
 * (defaults) and may be freed afterwards. INVALID: an option, by name; UNAVAILABLE or CONFLICT: the
 * data directory is in use; FORBIDDEN: no rights to it, or no root for real pods; UNSUPPORTED: the
 * kernel lacks something (see skiff_check_host). A failure leaves nothing behind. Blocks on disk
 * and kernel. */
SKIFF_API skiff_code skiff_cluster_open(const skiff_options* options, skiff_cluster** cluster,
                                        skiff_error** error);

/* Closes the cluster and sets *cluster to NULL, whatever it returns: joins its threads, closes its
 * descriptors. `stop_pods` not 0: stops every pod and removes every namespace, link, mount and
 * cgroup; 0: pods go on, and the next open of the same data directory finds them (in memory, they
 * are always stopped). Free its watches and log streams first. NULL and *NULL are ignored. */
SKIFF_API skiff_code skiff_cluster_close(skiff_cluster** cluster, int stop_pods,
                                         skiff_error** error);

/* "http://127.0.0.1:40123", or "" if it serves nowhere. Lives as long as the cluster. */
SKIFF_API const char* skiff_cluster_url(const skiff_cluster* cluster);
/* A kubeconfig for it, in YAML. Lives as long as the cluster. */
SKIFF_API const char* skiff_cluster_kubeconfig(const skiff_cluster* cluster);

/* What this host's kernel and rights allow, as JSON: [{"name","ok","detail","remedy"}]. Needs no
 * cluster and changes nothing. */
SKIFF_API skiff_code skiff_check_host(char** json, skiff_error** error);

/* Loads an image file or directory (OCI layout, `docker save` archive) for every node of this
 * cluster. `references` (may be NULL) gets a JSON array of the names it has now. NOT_FOUND: no such
 * file; INVALID: not an image, truncated, or it tries to leave its root; nothing of it stays. */
SKIFF_API skiff_code skiff_image_load(skiff_cluster* cluster, const char* path, char** references,
                                      skiff_error** error);

/* --- objects -------------------------------------------------------------------------------------
 */

/* Creates, or brings to the given state, every object of a YAML stream or JSON text, as `kubectl
 * apply` does. Objects without a namespace go to `name_space`. `applied` (may be NULL) gets a JSON
 * array of
 * {"kind","namespace","name","outcome"}, outcome being created, configured or unchanged. Stops at
 * the first error, which names the object; INVALID carries line and column where the text is
 * malformed. */
SKIFF_API skiff_code skiff_apply(skiff_cluster* cluster, const char* manifest,
                                 const char* name_space, char** applied, skiff_error** error);

/* Creates one object; `created` (may be NULL) gets it as stored. ALREADY_EXISTS. */
SKIFF_API skiff_code skiff_create(skiff_cluster* cluster, const char* manifest,
                                  const char* name_space, char** created, skiff_error** error);

/* NOT_FOUND if there is none. */
SKIFF_API skiff_code skiff_get(skiff_cluster* cluster, const char* kind, const char* name_space,
                               const char* name, char** object, skiff_error** error);

/* A List object. Selectors as kubectl's -l and --field-selector; NULL selects all. */
SKIFF_API skiff_code skiff_list(skiff_cluster* cluster, const char* kind, const char* name_space,
                                const char* label_selector, const char* field_selector, char** list,
                                skiff_error** error);

/* SKIFF_OK as well if it is gone already. `grace_period_ms` negative: the object's own; whole
 * seconds count. Does not wait until the object is gone: skiff_wait with "delete" does. */
SKIFF_API skiff_code skiff_delete(skiff_cluster* cluster, const char* kind, const char* name_space,
                                  const char* name, int64_t grace_period_ms, skiff_error** error);

/* Waits for "condition=Ready", "condition=Ready=False", "delete" or
 * "jsonpath={.status.phase}=Running". TIMEOUT says what it was like instead. */
SKIFF_API skiff_code skiff_wait(skiff_cluster* cluster, const char* kind, const char* name_space,
                                const char* name, const char* condition, int64_t timeout_ms,
                                skiff_error** error);

/* Waits until a Job has completed or failed: both are results, and SKIFF_OK. `result` gets
 * {"succeeded","reason","message","containers":[{"pod","container","exitCode","reason","message"}]}.
 */
SKIFF_API skiff_code skiff_wait_job(skiff_cluster* cluster, const char* name_space,
                                    const char* name, int64_t timeout_ms, char** result,
                                    skiff_error** error);

/* --- watching ------------------------------------------------------------------------------------
 */

typedef enum skiff_event_type {
  SKIFF_ADDED = 0,
  SKIFF_MODIFIED = 1,
  SKIFF_DELETED = 2
} skiff_event_type;

/* Called for each event, one at a time, on a thread of the cluster; must not block or call Skiff.
 * `object` lives during the call. */
typedef void (*skiff_event_fn)(void* context, skiff_event_type type, const char* object);
/* Called once when a watch or stream ends by itself, with why; no event follows. `message` lives
 * during the call. Not called when the caller frees it. */
typedef void (*skiff_end_fn)(void* context, skiff_code code, const char* message);

/* Every change of what the selectors choose, beginning with ADDED for what is there. It lists again
 * by itself when history is gone, and never ends silently. `on_end` may be NULL. */
SKIFF_API skiff_code skiff_watch_start(skiff_cluster* cluster, const char* kind,
                                       const char* name_space, const char* label_selector,
                                       const char* field_selector, skiff_event_fn on_event,
                                       skiff_end_fn on_end, void* context, skiff_watch** watch,
                                       skiff_error** error);

/* The same for foreign event loops: events queue up and skiff_watch_fd becomes readable. */
SKIFF_API skiff_code skiff_watch_open(skiff_cluster* cluster, const char* kind,
                                      const char* name_space, const char* label_selector,
                                      const char* field_selector, skiff_watch** watch,
                                      skiff_error** error);
/* An eventfd(2), readable while events wait or the watch has ended. Poll it; do not read or close
 * it. -1 for a watch with callbacks. */
SKIFF_API int skiff_watch_fd(const skiff_watch* watch);
/* Takes the next event, waiting at most `timeout_ms` (0: not at all). `*object` is the caller's.
 * TIMEOUT: none came. Any other code: the watch has ended, and `error` says why. */
SKIFF_API skiff_code skiff_watch_next(skiff_watch* watch, int64_t timeout_ms,
                                      skiff_event_type* type, char** object, skiff_error** error);
/* Ends the watch, frees it and sets *watch to NULL. No callback runs after it returns. Not from a
 * callback. NULL and *NULL are ignored. */
SKIFF_API void skiff_watch_free(skiff_watch** watch);

/* --- logs ----------------------------------------------------------------------------------------
 */

/* A container's output from `offset_bytes` on, as far as it is there. `container` NULL: the pod's
 * only one. `*data` is the caller's (skiff_string_free); `*size` its length, for it may hold zero
 * bytes. */
SKIFF_API skiff_code skiff_logs(skiff_cluster* cluster, const char* name_space, const char* pod,
                                const char* container, int64_t offset_bytes, char** data,
                                size_t* size, skiff_error** error);

/* `data` lives during the call. Threads as skiff_event_fn. */
typedef void (*skiff_data_fn)(void* context, const char* data, size_t size);

/* Follows a container's output from `offset_bytes` on until the container ends (`on_end` with
 * SKIFF_OK) or the stream breaks (any other code): count the bytes to resume where it broke. */
SKIFF_API skiff_code skiff_logs_follow(skiff_cluster* cluster, const char* name_space,
                                       const char* pod, const char* container, int64_t offset_bytes,
                                       skiff_data_fn on_data, skiff_end_fn on_end, void* context,
                                       skiff_log_stream** stream, skiff_error** error);
/* As skiff_watch_free. */
SKIFF_API void skiff_log_stream_free(skiff_log_stream** stream);

#ifdef __cplusplus
}
#endif

#endif /* SKIFF_H */
