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
 * Rules that hold for every function, unless it says otherwise:
 *
 * Results. A function that can fail returns a skiff_code; SKIFF_OK is 0. Outputs are written only
 * on SKIFF_OK, `*error` only on failure: set it to NULL before, free it with skiff_error_free
 * after. `error` may always be NULL, if you do not want it. No other output may be, unless
 * it says so. Besides the codes named below, any function may return INVALID (an argument is NULL
 * that must not be, or text is not UTF-8; the message names it), UNAVAILABLE (the cluster is
 * closing), EXHAUSTED (no memory or descriptor is free; `*error` may then stay as it was) and
 * INTERNAL. A failure changes nothing, unless it says so.
 *
 * Text is UTF-8 and ends with a zero byte. What comes in is copied and need not outlive the call.
 * `char **` outputs belong to the caller, who frees them with skiff_string_free; `const char *`
 * results live as long as the thing they were asked of.
 *
 * Objects go in as YAML or JSON and come out as JSON, in the form of the Kubernetes API v1.35. A
 * kind may be written as kubectl takes it: "pod", "pods", "po", "Deployment", "deployments.apps";
 * NOT_FOUND if it is none. `name_space` NULL or "" is "default" where one object is meant, and all
 * namespaces where many are; for kinds that have no namespace it is ignored.
 *
 * Durations are in milliseconds; negative means no limit.
 *
 * Threads. Any thread may call, any number at once, also on one cluster; only freeing or closing a
 * handle must come after every other use of it has begun and, but for skiff_cluster_close, ended.
 * Calls block until they have their answer: reads for microseconds, writes until they are on disk,
 * waits as long as they are told. Callbacks come on a thread of the cluster, one at a time; they
 * must not block, throw or longjmp out. They may call the skiff_error_* functions and
 * skiff_string_free; calls that need an answer of the cluster are INVALID there, and closing it or
 * freeing its handles there is not defined. Those that extend the cluster say what they may do.
 *
 * The library never exits the process, installs no signal or exit handler, keeps no state outside
 * its handles, and writes nothing to standard streams unless skiff_options_set_verbosity asks.
 * Handles do not survive fork(2): a child may only exec or exit.
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
typedef struct skiff_saved skiff_saved;

/* ---- version, strings, errors ---------------------------------------------------------------- */

/* The version of the library, "0.1.0". Never NULL; static. Does not block. */
SKIFF_API const char* skiff_version(void);

/* The name of a code, "NOT_FOUND"; NULL for a number that is none. Static. Does not block. */
SKIFF_API const char* skiff_code_name(skiff_code code);

/* Frees a string that a function gave out. NULL is ignored. */
SKIFF_API void skiff_string_free(char* string);

/* Which code the failed call returned; SKIFF_OK if `error` is NULL. */
SKIFF_API skiff_code skiff_error_code(const skiff_error* error);

/* A sentence for people that names the object, the field and the fix; "" if `error` is NULL. Lives
 * as long as `error`. */
SKIFF_API const char* skiff_error_message(const skiff_error* error);

/* The metav1.Status object that the API would answer with, in JSON: "reason", "details" with
 * "causes" that name fields, "code" as in HTTP; "" if `error` is NULL. Lives as long as `error`. */
SKIFF_API const char* skiff_error_status_json(const skiff_error* error);

/* Frees *error and sets it to NULL. NULL and *NULL are ignored. */
SKIFF_API void skiff_error_free(skiff_error** error);

/* ---- opening and closing --------------------------------------------------------------------- */

/* Options with their defaults: in memory, one node, the linux runtime, no listener, silent. The
 * caller's, until skiff_options_free. NULL only without memory. One thread at a time may use it.
 * The setters below ignore a NULL `options`, take any value, and leave judging it to
 * skiff_cluster_open; they do not block. */
SKIFF_API skiff_options* skiff_options_new(void);

/* Where everything is kept: a directory, made if missing (its parents as well), for one cluster at
 * a time. NULL or "": in memory, and nothing outlives the cluster. Bytes, as the file system takes
 * them. */
SKIFF_API void skiff_options_set_data_dir(skiff_options* options, const char* path);

/* How many nodes run in this process, 0 to 1000; 0 is a control plane only. */
SKIFF_API void skiff_options_set_nodes(skiff_options* options, int nodes);

/* What runs pods that name no runtimeClassName: "linux" (containers from images; needs root),
 * "process" (programs of this machine, no image; needs root), "fake" (simulated; needs nothing), or
 * one of skiff_options_add_runtime. NULL: the default. */
SKIFF_API void skiff_options_set_runtime(skiff_options* options, const char* runtime);

/* Serve the API over HTTP at "HOST:PORT"; port 0 takes a free one, which skiff_cluster_url tells.
 * NULL or "": nowhere. */
SKIFF_API void skiff_options_set_listen(skiff_options* options, const char* address);

/* Log lines on standard error: 0 none (the default), 1 errors, 2 warnings, 3 information, 4 all.
 * Numbers outside count as the nearest. */
SKIFF_API void skiff_options_set_verbosity(skiff_options* options, int verbosity);

/* One member of a control plane that several processes share; needs a data directory. `name`: a DNS
 * label, among the members; NULL or "": none, a cluster of its own, and the rest is ignored.
 * `listen`: "IP:PORT" for the other members, who prove who they are by certificates. `advertise`:
 * "HOST:PORT" where they reach it; NULL or "": at `listen`. `token`: what skiff_member_add gave for
 * it, at its first start; NULL or "": it begins a cluster, or goes on with what its data directory
 * says. */
SKIFF_API void skiff_options_set_member(skiff_options* options, const char* name,
                                        const char* listen, const char* advertise,
                                        const char* token);

/* Frees *options and sets it to NULL. NULL and *NULL are ignored. */
SKIFF_API void skiff_options_free(skiff_options** options);

/* Opens a cluster and waits until it serves and its nodes are ready. `options` may be NULL (the
 * defaults) and may be freed afterwards. `*cluster` is the caller's, until skiff_cluster_close.
 * INVALID: an option, by name, or a path or address that cannot be one. CONFLICT: the directory or
 * the address is in use, or the address is none of this machine's. FORBIDDEN: no rights to the
 * directory or the address, or no root for real pods. UNSUPPORTED: the kernel lacks something
 * (skiff_check_host tells what). EXHAUSTED: the disk is full.
 * DATA_LOSS: what the directory holds is damaged. TIMEOUT: a node was not ready in 30 seconds. A
 * failure leaves nothing running. Blocks on disk and kernel. */
SKIFF_API skiff_code skiff_cluster_open(const skiff_options* options, skiff_cluster** cluster,
                                        skiff_error** error);

/* Closes the cluster, frees it and sets *cluster to NULL, whatever it returns but CONFLICT. Calls
 * that other threads have in it, waits too, return UNAVAILABLE; a write among them may have been
 * done, or be done yet by other members. None may begin once this has. Its watches and log streams
 * end with UNAVAILABLE, and are still to be freed, at any time. Then its threads are joined and its
 * descriptors closed: the process is as it was before.
 * `stop_pods` not 0: stops every pod (its grace period is honoured up to 5 seconds) and removes
 * every namespace, link, mount and cgroup of it. 0: pods go on, and the next open of the same data
 * directory finds them; in memory, they are always stopped. NULL and *NULL are ignored, with
 * SKIFF_OK. Any failure says what could not be removed; all else has been. Blocks until all is
 * done. From a callback of the cluster it is CONFLICT, and *cluster stays as it was. */
SKIFF_API skiff_code skiff_cluster_close(skiff_cluster** cluster, int stop_pods,
                                         skiff_error** error);

/* Where the API is served, "http://127.0.0.1:40123"; "" if nowhere, or if `cluster` is NULL. Lives
 * as long as the cluster. Does not block. */
SKIFF_API const char* skiff_cluster_url(const skiff_cluster* cluster);

/* A kubeconfig for it, in YAML, whose server is skiff_cluster_url; "" if `cluster` is NULL. Lives
 * as long as the cluster. Does not block. */
SKIFF_API const char* skiff_cluster_kubeconfig(const skiff_cluster* cluster);

/* What this host's kernel and rights allow. `*json` gets an array of {"name","ok","detail",
 * "remedy"}: what is checked, whether it is so, what was found, and what to do if not ("" if ok).
 * A check that fails is a result, not an error. Needs no cluster; changes nothing. Blocks on the
 * kernel, briefly. */
SKIFF_API skiff_code skiff_check_host(char** json, skiff_error** error);

/* Loads the images of a file or directory (an OCI layout or a `docker save` archive, plain or
 * compressed) for every node of this cluster. `path` is bytes, as the file system takes them.
 * `references` (may be NULL) gets a JSON array of the names that now stand for them. NOT_FOUND: no
 * such file. INVALID: not an image, truncated, or it tries to leave its root; nothing of it stays.
 * EXHAUSTED: the disk is full. Blocks on disk. */
SKIFF_API skiff_code skiff_image_load(skiff_cluster* cluster, const char* path, char** references,
                                      skiff_error** error);

/* ---- objects ----------------------------------------------------------------------------------
 */

/* Creates, or brings to the given state, every object of a YAML stream or JSON text, as `kubectl
 * apply` does. Objects that name no namespace go to `name_space`. `applied` (may be NULL) gets a
 * JSON array of {"kind","namespace","name","outcome"}, outcome being created, configured or
 * unchanged.
 * It stops at the first error, which names the object; objects before it stay applied, and applying
 * again is safe. INVALID: the text is malformed (with line and column), a field is unknown, or a
 * value is not allowed (with the field's path). NOT_FOUND: no such kind or namespace. FORBIDDEN:
 * admission refuses it. CONFLICT: it kept changing meanwhile; try again. Blocks on disk. */
SKIFF_API skiff_code skiff_apply(skiff_cluster* cluster, const char* manifest,
                                 const char* name_space, char** applied, skiff_error** error);

/* Creates the one object of a manifest (metadata.generateName works). `created` (may be NULL) gets
 * it as stored. ALREADY_EXISTS: one of that name is there, as it was. INVALID, NOT_FOUND and
 * FORBIDDEN as skiff_apply; INVALID also if there is not exactly one object. Blocks on disk. */
SKIFF_API skiff_code skiff_create(skiff_cluster* cluster, const char* manifest,
                                  const char* name_space, char** created, skiff_error** error);

/* `*object` gets the object as it is now. NOT_FOUND: there is none. */
SKIFF_API skiff_code skiff_get(skiff_cluster* cluster, const char* kind, const char* name_space,
                               const char* name, char** object, skiff_error** error);

/* `*list` gets a List object whose "items" are those that both selectors choose, at one moment, in
 * order of namespace and name. Selectors are written as kubectl's -l and --field-selector
 * ("app=web,tier!=db", "status.phase=Running"); NULL or "" chooses all. INVALID: a selector. */
SKIFF_API skiff_code skiff_list(skiff_cluster* cluster, const char* kind, const char* name_space,
                                const char* label_selector, const char* field_selector, char** list,
                                skiff_error** error);

/* Begins to delete an object, and what it owns after it. SKIFF_OK as well if it is gone already, so
 * it may be repeated. `grace_period_ms`: what a pod is given to end, in whole seconds, rounded up;
 * 0: at once; negative: the pod's own. Does not wait until the object is gone: skiff_wait with
 * "delete" does. FORBIDDEN: it is protected. Blocks on disk. */
SKIFF_API skiff_code skiff_delete(skiff_cluster* cluster, const char* kind, const char* name_space,
                                  const char* name, int64_t grace_period_ms, skiff_error** error);

/* Waits until an object is so: "condition=Ready", "condition=Ready=False", "create", "delete",
 * "jsonpath={.status.phase}=Running" or "jsonpath={.status.podIP}" (any value). Looks first: with a
 * `timeout_ms` of 0 it tells whether it is so now. TIMEOUT: the message says what it is like
 * instead. NOT_FOUND: there is none, or it went away (but for "create" and "delete"). INVALID:
 * `condition`. Blocks for at most `timeout_ms`. */
SKIFF_API skiff_code skiff_wait(skiff_cluster* cluster, const char* kind, const char* name_space,
                                const char* name, const char* condition, int64_t timeout_ms,
                                skiff_error** error);

/* Waits until a Job has completed or failed: both are results, and SKIFF_OK. Looks first, as
 * skiff_wait does. `*result` gets {"succeeded","reason","message","containers":[{"pod","container",
 * "exitCode","reason","message"}]}: reason and message of the Job's last condition, and every
 * container that has ended in those of its pods that still exist, the oldest pod first. TIMEOUT and
 * NOT_FOUND as skiff_wait; the Job goes on. Blocks for at most `timeout_ms`. */
SKIFF_API skiff_code skiff_wait_job(skiff_cluster* cluster, const char* name_space,
                                    const char* name, int64_t timeout_ms, char** result,
                                    skiff_error** error);

/* ---- watching ---------------------------------------------------------------------------------
 */

typedef enum skiff_event_type {
  SKIFF_ADDED = 0,
  SKIFF_MODIFIED = 1,
  SKIFF_DELETED = 2
} skiff_event_type;

/* Called for each event. `context` is what was given with it; `object`, the object in JSON (the
 * last state of one that was deleted), lives during the call. */
typedef void (*skiff_event_fn)(void* context, skiff_event_type type, const char* object);

/* Called once when a watch or stream has ended by itself or with its cluster, with why; nothing
 * follows it. `message` lives during the call. Not called when the caller frees the handle. The
 * handle is still to be freed. */
typedef void (*skiff_end_fn)(void* context, skiff_code code, const char* message);

/* Watches what the selectors choose (as skiff_list has them): first an ADDED for each that is
 * there, then every change, in order. When history is gone or the stream breaks it lists again by
 * itself and reports the differences; it never ends silently. `on_end` may be NULL; `context` is
 * passed on and never looked at. `*watch` is the caller's, until skiff_watch_free. Events may come
 * before this returns, which is when it has seen what is there: no change after that is missed. */
SKIFF_API skiff_code skiff_watch_start(skiff_cluster* cluster, const char* kind,
                                       const char* name_space, const char* label_selector,
                                       const char* field_selector, skiff_event_fn on_event,
                                       skiff_end_fn on_end, void* context, skiff_watch** watch,
                                       skiff_error** error);

/* The same for foreign event loops and for threads that would rather wait: events queue up, in
 * memory and without limit, until skiff_watch_next takes them. */
SKIFF_API skiff_code skiff_watch_open(skiff_cluster* cluster, const char* kind,
                                      const char* name_space, const char* label_selector,
                                      const char* field_selector, skiff_watch** watch,
                                      skiff_error** error);

/* An eventfd(2), readable while events wait or the watch has ended. Poll it; do not read, write or
 * close it: it is the watch's, and goes with it. -1 for a watch with callbacks, or NULL. */
SKIFF_API int skiff_watch_fd(const skiff_watch* watch);

/* Takes the next event, waiting at most `timeout_ms` (0: not at all). `*object` is the caller's.
 * TIMEOUT: none came. Any other code: the watch has ended, every later call says so again, and
 * `error` says why. INVALID for a watch with callbacks. One thread at a time gets each event. */
SKIFF_API skiff_code skiff_watch_next(skiff_watch* watch, int64_t timeout_ms,
                                      skiff_event_type* type, char** object, skiff_error** error);

/* Ends the watch, frees it and sets *watch to NULL. No callback runs after it returns. It may
 * outlive its cluster. Not from a callback, nor while a thread is in skiff_watch_next. NULL and
 * *NULL are ignored. */
SKIFF_API void skiff_watch_free(skiff_watch** watch);

/* ---- logs -------------------------------------------------------------------------------------
 */

/* What a container has written so far, standard output and error together, from byte `offset_bytes`
 * of it on (past the end: nothing). `container` NULL or "": the pod's only one. `*data` is the
 * caller's (skiff_string_free); `size` (may be NULL) gets its length in bytes, for it may hold zero
 * bytes and need not be UTF-8; a zero byte follows it. NOT_FOUND: no such pod or container.
 * INVALID: a negative offset, or a pod of several containers and none is named. CONFLICT: the pod
 * is on no node yet. UNAVAILABLE: its node cannot be reached. Blocks on disk. */
SKIFF_API skiff_code skiff_logs(skiff_cluster* cluster, const char* name_space, const char* pod,
                                const char* container, int64_t offset_bytes, char** data,
                                size_t* size, skiff_error** error);

/* Called with output as it comes; `data`, `size` bytes, lives during the call. */
typedef void (*skiff_data_fn)(void* context, const char* data, size_t size);

/* Follows a container's output from `offset_bytes` on until the container ends (`on_end` with
 * SKIFF_OK) or the stream breaks (`on_end` with any other code): count the bytes to resume where it
 * broke. `on_end` may be NULL. `*stream` is the caller's, until skiff_log_stream_free. Codes as
 * skiff_logs. Data may come before this returns. */
SKIFF_API skiff_code skiff_logs_follow(skiff_cluster* cluster, const char* name_space,
                                       const char* pod, const char* container, int64_t offset_bytes,
                                       skiff_data_fn on_data, skiff_end_fn on_end, void* context,
                                       skiff_log_stream** stream, skiff_error** error);

/* The same for foreign event loops, as skiff_watch_open. */
SKIFF_API skiff_code skiff_logs_open(skiff_cluster* cluster, const char* name_space,
                                     const char* pod, const char* container, int64_t offset_bytes,
                                     skiff_log_stream** stream, skiff_error** error);

/* As skiff_watch_fd. */
SKIFF_API int skiff_log_stream_fd(const skiff_log_stream* stream);

/* Takes the next piece of output, waiting at most `timeout_ms` (0: not at all). `*data` is the
 * caller's and `*size` its length in bytes, at least 1; SKIFF_OK with `*data` NULL: the container
 * has ended and all of its output was taken. TIMEOUT: none came. Any other code: the stream broke,
 * and `error` says why. INVALID for a stream with callbacks. */
SKIFF_API skiff_code skiff_log_stream_next(skiff_log_stream* stream, int64_t timeout_ms,
                                           char** data, size_t* size, skiff_error** error);

/* Ends the stream, frees it and sets *stream to NULL, as skiff_watch_free does. */
SKIFF_API void skiff_log_stream_free(skiff_log_stream** stream);

/* ---- members and snapshots --------------------------------------------------------------------
 * Any member serves everything; a majority must be up for writes. Changes of the members may be
 * asked of any: it has the one that leads do them, and waits a few seconds for what is in their way
 * (an earlier change, a new leader). CONFLICT: it still is; or the cluster was opened without
 * skiff_options_set_member and is alone. UNAVAILABLE: no majority answers, and nothing was done.
 * TIMEOUT: it may yet be done. Where one cluster has all members (skiff_options_set_members) they
 * are called member-0, member-1 and so on, and the one that leads answers; leadership can be handed
 * on, other changes are a CONFLICT. */

/* `*json` gets an array, in order of names, of {"id","name","address","voter","leader","self",
 * "active","behind"}: a member that is no voter is a learner, which gets everything and counts for
 * nothing; active: heard of lately, and behind: how many log entries it lacks, are known to the
 * leader only. CONFLICT: it is alone. */
SKIFF_API skiff_code skiff_members(skiff_cluster* cluster, char** json, skiff_error** error);

/* Takes in a member, as a learner. `*token` gets the text with which it joins
 * (skiff_options_set_member): a secret, for it holds the key of the cluster's authority.
 * ALREADY_EXISTS: the name or the address ("HOST:PORT") is taken. INVALID: one of them. Blocks
 * until a majority has it on disk. */
SKIFF_API skiff_code skiff_member_add(skiff_cluster* cluster, const char* name, const char* address,
                                      char** token, skiff_error** error);

/* Makes a learner a voter, once it has caught up; SKIFF_OK as well if it is one. CONFLICT: it still
 * has not caught up, try again later. NOT_FOUND: no such member. Blocks as skiff_member_add. */
SKIFF_API skiff_code skiff_member_promote(skiff_cluster* cluster, const char* name,
                                          skiff_error** error);

/* Takes a member out, for good. NOT_FOUND: no such member. Blocks as skiff_member_add. */
SKIFF_API skiff_code skiff_member_remove(skiff_cluster* cluster, const char* name,
                                         skiff_error** error);

/* Makes a member the leader. NOT_FOUND: no such member, or it is no voter. UNAVAILABLE: it has not
 * taken over, as it is down or lacks too much. Blocks until it leads. */
SKIFF_API skiff_code skiff_member_lead(skiff_cluster* cluster, const char* name,
                                       skiff_error** error);

/* Saves every object, as of one revision that shows all that was acknowledged, into a file that is
 * there whole or not at all. Not what nodes keep (images, volumes). Any cluster, any member.
 * `summary` (may be NULL) gets {"revision","objects","bytes"}. `path` is bytes, as the file system
 * takes them. FORBIDDEN, NOT_FOUND, EXHAUSTED: the file cannot be written. Blocks on disk. */
SKIFF_API skiff_code skiff_snapshot_save(skiff_cluster* cluster, const char* path, char** summary,
                                         skiff_error** error);

/* The same of a data directory that no process has open: of a member whose majority is lost, all
 * that it knows, acknowledged or not. NOT_FOUND: nothing is there. CONFLICT: it is in use.
 * DATA_LOSS: what it holds is damaged. Blocks on disk. */
SKIFF_API skiff_code skiff_snapshot_save_offline(const char* data_dir, const char* path,
                                                 char** summary, skiff_error** error);

/* Makes the data directory of `options`, which is new, that of a cluster with what a snapshot
 * holds; if the options have a member, it is the first of a control plane of several. Other options
 * are ignored. skiff_cluster_open goes on from there. `summary` (may be NULL) as
 * skiff_snapshot_save. NOT_FOUND: no such file. INVALID: it is no snapshot, or an option.
 * DATA_LOSS: it is damaged, and where. CONFLICT: the directory is not empty. Blocks on disk. */
SKIFF_API skiff_code skiff_snapshot_restore(const char* path, const skiff_options* options,
                                            char** summary, skiff_error** error);

/* ---- test harnesses ---------------------------------------------------------------------------
 * Clusters whose time, order and mishaps are the test's to choose. On a virtual clock time stands
 * still but in skiff_advance, skiff_settle and skiff_assert_idle; whatever is due at one instant
 * happens at once; and the same calls, one after the other, with the same seed give the same
 * history. Time-outs of skiff_wait and skiff_wait_job are of real time all the same, for what they
 * wait for may be done by other threads of the program. */

/* "real" or "virtual"; NULL: real. A virtual clock needs the runtime fake, or one of your own. Its
 * nodes have 4 CPUs and 8 GiB each, whatever the machine has. */
SKIFF_API void skiff_options_set_clock(skiff_options* options, const char* clock);

/* What everything that is drawn on a virtual clock comes from. Without it a seed is drawn;
 * skiff_cluster_seed tells it, and so does the message of every time-out. A real clock takes none
 * (INVALID). */
SKIFF_API void skiff_options_set_seed(skiff_options* options, uint64_t seed);

/* How many members the control plane has, all in this process: 1 to 7. Several keep what they store
 * in memory (no data directory), each on a disk and a network of its own that go wrong when told to
 * (skiff_inject_fault). On a virtual clock they need the runtime fake and cannot listen, and calls
 * take the virtual time of their answers. */
SKIFF_API void skiff_options_set_members(skiff_options* options, int members);

/* Not 0: on a virtual clock, what is due at the same instant in several loops, events among it,
 * happens in an order of the seed's. */
SKIFF_API void skiff_options_set_permute_order(skiff_options* options, int permute);

/* Controllers that are not to run, with commas between: deployment-controller,
 * disruption-controller, event-ttl, garbage-collector, job-controller, namespace-controller,
 * node-controller, pod-garbage-collector, replicaset-controller. NULL or "": all run. */
SKIFF_API void skiff_options_set_controllers_off(skiff_options* options, const char* names);

/* The seed of a virtual clock; 0 for a real one, or NULL. Does not block. */
SKIFF_API uint64_t skiff_cluster_seed(const skiff_cluster* cluster);

/* What the cluster's clock shows, in milliseconds since 1970 UTC; 0 for NULL. Does not block. */
SKIFF_API int64_t skiff_cluster_now_ms(const skiff_cluster* cluster);

/* Lets virtual time pass, and happen what is due in it; stretches in which nodes would only say
 * that they live are passed over. INVALID: `ms` is negative or above 100 years. CONFLICT: the clock
 * is real. TIMEOUT: something is done again and again at one instant, without end, as by a
 * controller that writes whenever it is called. */
SKIFF_API skiff_code skiff_advance(skiff_cluster* cluster, int64_t ms, skiff_error** error);

/* Waits until nothing is left to do: every queue of controllers, scheduler and nodes is empty,
 * nothing is in flight, and every loop has seen what the store had. What is to happen later (a
 * back-off, a deadline, the end of a simulated container) does not count; nodes that are killed or
 * cut off neither; but a binding that failed is tried again first. On a virtual clock time passes
 * only as far as it must, at most `timeout_ms`. TIMEOUT: the message says who is busy, after that
 * long or, on a virtual clock, once 200,000 tasks have run without its moving on. */
SKIFF_API skiff_code skiff_settle(skiff_cluster* cluster, int64_t timeout_ms, skiff_error** error);

/* Whether a settled cluster does nothing for `ms` of its own time: no write, no reconcile, the
 * heartbeats of nodes aside. CONFLICT: the message says what moved, or that it has not settled. */
SKIFF_API skiff_code skiff_assert_idle(skiff_cluster* cluster, int64_t ms, skiff_error** error);

/* Breaks something. `fault` is an object in JSON with "kind" and what that takes:
 *   "killNode", "restartNode"  "node": the plug is pulled, its pods are gone without a word; it
 *                              starts again, neither full nor pressed, and begins anew what is
 *                              bound to it
 *   "partitionNode", "fillNode"  "node", "on" (true; false ends it): nothing gets from it to the
 *                              API and back; all that it has for pods is taken
 *   "pressNode"                the same, "condition": MemoryPressure, DiskPressure or PIDPressure
 *   "crashContainer"           "namespace", "name" of the pod, "container" (its first), "exitCode"
 *                              (1): it ends
 *   "failWrites"               "count" (1), "verb" (create, update, delete), "objectKind",
 *                              "namespace" and "name" (* stands for any characters), "error"
 *                              (InternalError, Conflict, Forbidden, ServiceUnavailable, Timeout,
 *                              TooManyRequests), "message": the next so many that match fail; what
 *                              is left out matches all. A deletion that must wait is an update
 *   "slowDisk", "failDisk"     "delayMs": every write takes that much longer; "on": every write
 *                              fails as if the disk were full (EXHAUSTED), reads go on
 *   "healWrites"               writes fail no more, and are as fast as they can be
 * With several members, of which "member" names one, from 0:
 *   "killMember", "restartMember"  its power fails, what its disk has not confirmed is gone; it
 *                              starts again with what its disk has
 *   "partitionMember"          "on": nothing gets from it to the others and to clients, or back
 *   "network"                  "loss", "duplicate" (shares of 1), "delayMs": messages between
 *                              members are lost, arrive twice, take up to that long
 *   "slowDisk", "failDisk"     of its disk; without "member" of all of them
 * Faults of nodes need simulated pods. NOT_FOUND: no such node or pod. CONFLICT: it is dead
 * already, or nothing of it runs. INVALID: `fault`. */
SKIFF_API skiff_code skiff_inject_fault(skiff_cluster* cluster, const char* fault,
                                        skiff_error** error);

/* The whole cluster as it is now, to come back to as often as wanted: objects, nodes and their
 * simulated pods, faults, a virtual clock. From it the cluster goes on in the same way each time,
 * and as it does after this call. Files (logs of simulated pods) stay. `*saved` is the caller's,
 * until skiff_saved_free; it may outlive the cluster. Several members start again over what their
 * disks held: this and skiff_restore take the milliseconds of their time in which the one that led
 * leads again. CONFLICT: only a cluster in memory with the runtime fake, without runtimes of the
 * program's own, can be saved. */
SKIFF_API skiff_code skiff_save(skiff_cluster* cluster, skiff_saved** saved, skiff_error** error);

/* Back to it. What was begun since ends; open watches list again by themselves and report the
 * differences. CONFLICT as skiff_save. INVALID: what was saved has another number of members. */
SKIFF_API skiff_code skiff_restore(skiff_cluster* cluster, const skiff_saved* saved,
                                   skiff_error** error);

/* Frees *saved and sets it to NULL. NULL and *NULL are ignored. */
SKIFF_API void skiff_saved_free(skiff_saved** saved);

/* `*json` gets what every loop is at: {"time","clock","seed","revision","controllers":[{"name",
 * "queueDepth","queued","inFlight","waitingForView","failures","nextWake","reconciles","lastPlan":
 * {"key","writes"}}],"views":{RESOURCE:REVISION},"scheduler":{"queueDepth","queued","inFlight",
 * "viewRevision","nodes","pending":[{"pod","why"}]},"nodes":[{"name","alive","reachable","settled",
 * "running"}]}; with several members, controllers and scheduler of the one that leads, and
 * "members":[{"alive","reachable","leads","revision"}], the latter 0 of one that was killed. The
 * seed is a string. "lastPlan" is null until it has written something; of a controller of the
 * program's it has what its last call wrote. */
SKIFF_API skiff_code skiff_inspect(skiff_cluster* cluster, char** json, skiff_error** error);

/* ---- extending --------------------------------------------------------------------------------
 * Controllers, admission and runtimes of the program's own, as callbacks. They are added to options
 * before a cluster is opened with them, and called until skiff_cluster_close returns.
 *
 * The setters are as those above. Names are a controller's, hook's or runtime's own: what is wrong
 * with one, skiff_cluster_open says with INVALID and its name (NOT_FOUND for a kind that is none).
 * `context` is passed on and never looked at; `destroy` (may be NULL) is called with it once, when
 * neither the options nor any cluster opened with them will call back again, on the thread that
 * freed the last of them; at once if `options` is NULL.
 *
 * A callback that returns a skiff_code may set `*error`, which is NULL when it comes, to an error
 * that it has made (skiff_error_new) or got from another function; the library frees it. None may
 * close the cluster, throw or longjmp out. */

typedef void (*skiff_destroy_fn)(void* context);

/* An error for a callback to return. `message` is a sentence for people, "" if NULL. `code` is
 * one of the codes but OK; any other number counts as INTERNAL. NULL only without memory. The
 * caller's, until it is returned or freed with skiff_error_free. */
SKIFF_API skiff_error* skiff_error_new(skiff_code code, const char* message);

/* The cluster as a controller's callback sees it; lives during the call, for its thread. */
typedef struct skiff_controller skiff_controller;

/* Brings the cluster to what one object of the controller's kind says; it finds out itself what is
 * to be done. `name_space` is "" for cluster-wide kinds; both live during the call. Called when the
 * object, or one that it owns, has appeared, changed or gone, and at the start for each that is
 * there; calls may be merged, and repeated. `*requeue_after_ms` comes as -1; set to more than
 * 0, it asks for another call after that long; 0 asks for none, and less is an error. Any code but
 * OK is logged and the call made again, after 5 ms, 10 ms, 20 ms … up to a minute. On a thread of
 * the controller's own, one call at a time; it may block. On a virtual clock calls come on the
 * cluster's one thread, so that everything waits for them. */
typedef skiff_code (*skiff_reconcile_fn)(void* context, skiff_controller* controller,
                                         const char* name_space, const char* name,
                                         int64_t* requeue_after_ms, skiff_error** error);

/* Adds a controller for objects of a kind that `label_selector` (NULL or "": all) chooses. `owns`
 * (may be NULL) lists further kinds, "deployments,services": changes of their objects wake the one
 * that their controlling ownerReference names. `name` stands in logs, metrics and events. */
SKIFF_API void skiff_options_add_controller(skiff_options* options, const char* name,
                                            const char* kind, const char* label_selector,
                                            const char* owns, skiff_reconcile_fn reconcile,
                                            void* context, skiff_destroy_fn destroy);

/* For callbacks of controllers: as skiff_get, skiff_list, skiff_apply, skiff_create and
 * skiff_delete. Reads are of the latest state. UNAVAILABLE once the cluster closes. */
SKIFF_API skiff_code skiff_controller_get(skiff_controller* controller, const char* kind,
                                          const char* name_space, const char* name, char** object,
                                          skiff_error** error);
SKIFF_API skiff_code skiff_controller_list(skiff_controller* controller, const char* kind,
                                           const char* name_space, const char* label_selector,
                                           const char* field_selector, char** list,
                                           skiff_error** error);
SKIFF_API skiff_code skiff_controller_apply(skiff_controller* controller, const char* manifest,
                                            const char* name_space, char** applied,
                                            skiff_error** error);
SKIFF_API skiff_code skiff_controller_create(skiff_controller* controller, const char* manifest,
                                             const char* name_space, char** created,
                                             skiff_error** error);
SKIFF_API skiff_code skiff_controller_delete(skiff_controller* controller, const char* kind,
                                             const char* name_space, const char* name,
                                             int64_t grace_period_ms, skiff_error** error);

/* Replaces the one object of a manifest, or its status alone. `updated` (may be NULL) gets it as
 * stored. CONFLICT: its metadata.resourceVersion, if it has one, is not the latest. NOT_FOUND,
 * INVALID and FORBIDDEN as skiff_apply. Blocks on disk. */
SKIFF_API skiff_code skiff_controller_update(skiff_controller* controller, const char* manifest,
                                             const char* name_space, char** updated,
                                             skiff_error** error);
SKIFF_API skiff_code skiff_controller_update_status(skiff_controller* controller,
                                                    const char* manifest, const char* name_space,
                                                    char** updated, skiff_error** error);

/* Records an Event about an object, of `type` "Normal" or "Warning". NOT_FOUND: there is no such
 * object. SKIFF_OK does not mean that it is stored. */
SKIFF_API skiff_code skiff_controller_record_event(skiff_controller* controller, const char* kind,
                                                   const char* name_space, const char* name,
                                                   const char* type, const char* reason,
                                                   const char* message, skiff_error** error);

/* The cluster's clock, in milliseconds since 1970; 0 if `controller` is NULL. */
SKIFF_API int64_t skiff_controller_now_ms(const skiff_controller* controller);

/* A write that an admission hook is asked about, and its answer; lives during the call. */
typedef struct skiff_admission skiff_admission;

/* SKIFF_OK lets the write pass. FORBIDDEN refuses it, with the error's message: who writes gets
 * FORBIDDEN, `admission webhook "NAME" denied the request: MESSAGE`. Any other code is a hook that
 * fails, which lets nothing pass: who writes gets INTERNAL. On any thread, several calls at once,
 * in the midst of a write: it must be quick and must not call the cluster (INVALID). A write that
 * meets another is reviewed again. */
typedef skiff_code (*skiff_review_fn)(void* context, skiff_admission* admission,
                                      skiff_error** error);

/* Adds a hook that sees every write of the kinds ("configmaps,deployments"; at least one), whoever
 * makes it. `verbs` is "CREATE,UPDATE", say; NULL or "": CREATE, UPDATE and DELETE. Hooks with
 * `mutating` not 0 come first, may change the object, and see no deletes; the others see what will
 * be stored. Updates of a status, bindings and finalizations pass without, and so does what the
 * cluster makes for itself when it is opened for the first time. */
SKIFF_API void skiff_options_add_admission(skiff_options* options, const char* name,
                                           const char* kinds, const char* verbs, int mutating,
                                           skiff_review_fn review, void* context,
                                           skiff_destroy_fn destroy);

/* What is to be done: "CREATE", "UPDATE" or "DELETE"; to what: its kind ("Deployment"), namespace
 * and name; what is to be stored ("" for a DELETE) and what is stored ("" for a CREATE), in JSON.
 * "" if `admission` is NULL. They live during the callback and do not block. */
SKIFF_API const char* skiff_admission_verb(const skiff_admission* admission);
SKIFF_API const char* skiff_admission_kind(const skiff_admission* admission);
SKIFF_API const char* skiff_admission_namespace(const skiff_admission* admission);
SKIFF_API const char* skiff_admission_name(const skiff_admission* admission);
SKIFF_API const char* skiff_admission_object(const skiff_admission* admission);
SKIFF_API const char* skiff_admission_old_object(const skiff_admission* admission);
/* Not 0: nothing will be stored. */
SKIFF_API int skiff_admission_dry_run(const skiff_admission* admission);

/* From a mutating hook: what is to be stored instead, in JSON. Kind, namespace and name must be the
 * same; what the server keeps in metadata, and the status, stay as they were. What else is wrong
 * with it, who writes is told. */
SKIFF_API skiff_code skiff_admission_set_object(skiff_admission* admission, const char* object,
                                                skiff_error** error);

/* One start of a container, for whoever runs it to report on. Any thread, at any time until it is
 * freed, also when its cluster is closed. */
typedef struct skiff_container skiff_container;

/* Begins to run a container; that it runs, and how it ends, the functions below are told.
 * `container` is the callback's, whatever it returns, until skiff_container_free. INVALID: it
 * cannot start, and counts as having ended with exit code 128; any other code but OK: not now, it
 * is tried again with a back-off. On threads of the cluster, several calls at once, but never two
 * about one pod; it must not call the cluster (INVALID), and delays other pods while it blocks. */
typedef skiff_code (*skiff_container_start_fn)(void* context, skiff_container* container,
                                               skiff_error** error);

/* The container of that start (skiff_container_id) shall end: soon, while its grace period runs;
 * with `force` not 0, at once, and it counts as killed whatever is reported. Not called once it was
 * reported to have ended; only by force while it was not reported to run. Threads as above. */
typedef void (*skiff_container_stop_fn)(void* context, const char* id, int force);

/* Adds what runs the pods whose runtimeClassName is `name`, a DNS label: the RuntimeClass is made
 * with the cluster. Given to skiff_options_set_runtime, the name makes it what runs pods that name
 * none. Containers are started in the order that Kubernetes prescribes, and again as restartPolicy
 * says. Pods have the address of their node; probes and hooks that execute a command fail. Pods do
 * not outlive the cluster: with a data directory, the next one starts them again. */
SKIFF_API void skiff_options_add_runtime(skiff_options* options, const char* name,
                                         skiff_container_start_fn start,
                                         skiff_container_stop_fn stop, void* context,
                                         skiff_destroy_fn destroy);

/* What names this start, "NAME://…"; its node; its pod, {"uid","name","namespace","hostname",
 * "annotations":{…}}; and the container, {"name","attempt","image","command":[…],"args":[…],
 * "env":[{"name","value"}],"workingDir","mounts":[{"source","target","readOnly"}],
 * "resources":{"cpuMillis","memoryBytes"}} with all references followed, sources being directories
 * of this machine. "" if `container` is NULL. They live as long as `container`. */
SKIFF_API const char* skiff_container_id(const skiff_container* container);
SKIFF_API const char* skiff_container_node(const skiff_container* container);
SKIFF_API const char* skiff_container_pod(const skiff_container* container);
SKIFF_API const char* skiff_container_spec(const skiff_container* container);

/* Reports: it runs now; it has ended, with a termination message (may be NULL); it has written
 * `size` bytes more. Ignored once it has ended or its cluster is closed. They do not block. Output
 * is INVALID if `data` is NULL and `size` is not 0. */
SKIFF_API skiff_code skiff_container_running(skiff_container* container, skiff_error** error);
SKIFF_API skiff_code skiff_container_exited(skiff_container* container, int exit_code,
                                            const char* message, skiff_error** error);
SKIFF_API skiff_code skiff_container_write_log(skiff_container* container, const char* data,
                                               size_t size, skiff_error** error);

/* Frees *container and sets it to NULL; the container goes on. NULL and *NULL are ignored. */
SKIFF_API void skiff_container_free(skiff_container** container);

#ifdef __cplusplus
}
#endif

#endif /* SKIFF_H */
