// Skiff's C++ face: a program that opens a Cluster *is* a Kubernetes cluster.
//
//   auto cluster = skiff::Cluster::Open({.data_dir = "/var/lib/app"});
//   (*cluster)->LoadImage("web.tar");
//   (*cluster)->Apply(manifest_yaml);
//   (*cluster)->Wait({.kind = "Deployment", .name = "web"}, "condition=Available",
//   absl::Minutes(1));
//
// Objects go in as YAML or JSON and come out as JSON, in the form of the Kubernetes API v1.35.
//
// Threads: every method may be called from any thread of the host and blocks the caller until it
// has its answer, except where it says otherwise; none may be called from a callback of Watch or
// Logs. Several clusters live in one process without meeting. A Cluster never exits, forks the
// host's state, installs a signal handler or writes to standard streams.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "skiff/extend.h"
#include "skiff/faults.h"
#include "skiff/members.h"
#include "skiff/types.h"

namespace skiff {

enum class RuntimeKind {
  kLinux,    // Containers from images; needs root.
  kProcess,  // Programs of this machine; needs root.
  kFake,     // Simulated pods.
  kCustom,   // The first of extensions.runtimes.
};

// A virtual clock stands still but in Cluster::Advance, Settle and AssertIdle; whatever is due at
// one instant happens at once. Needs the fake runtime, or one of the host's own.
enum class ClockKind { kReal, kVirtual };

enum class LogVerbosity { kSilent, kError, kWarning, kInfo, kDebug };

struct ClusterOptions {
  // Where everything is kept: store, images, running pods. Made if missing. Empty: the store is in
  // memory, and what real pods need is in a temporary directory that Close removes.
  std::string data_dir;
  // How many nodes run here; 0 is a control plane only.
  int nodes = 1;
  // What runs pods that name no runtimeClassName.
  RuntimeKind runtime = RuntimeKind::kLinux;
  // One member of a control plane that several processes share; needs a data directory.
  std::optional<MemberOptions> member;
  // Where the API is served, "HOST:PORT"; port 0 takes a free one. With TLS, by certificates of an
  // authority that is made by the first start and kept in the data directory; "http://HOST:PORT"
  // is without, and whoever reaches it is the admin: its host must be one of this machine alone.
  // Empty: nowhere.
  std::string listen;
  // Of users known by a bearer token, besides those with certificates: a file of lines
  // `TOKEN,USER,UID,"GROUP,GROUP"`, read at the start. Empty: none.
  std::string token_auth_file;
  // Where log lines go: standard error, or nowhere.
  LogVerbosity verbosity = LogVerbosity::kSilent;
  // Controllers, admission and runtimes of the program's own: see extend.h.
  Extensions extensions;

  // For test harnesses.
  // On a virtual clock the same calls, one after the other, with the same seed give the same
  // history: uids, names, revisions, order. Nodes then have 4 CPUs and 8 GiB, whatever the machine
  // has.
  ClockKind clock = ClockKind::kReal;
  std::optional<uint64_t> seed;  // None: one is drawn; Cluster::seed tells it, and errors do.
  // Of the control plane, all in this process: 1 to 7. Several keep what they store in memory (no
  // data directory), each on a disk and a network of its own that go wrong when told to (faults.h).
  // On a virtual clock they need the runtime fake and cannot listen, and calls take the virtual
  // time that a majority takes to answer.
  int members = 1;
  // On a virtual clock: what is due at the same instant in several loops, events among it, happens
  // in an order of the seed's.
  bool permute_order = false;
  // Controllers that are not to run: deployment-controller, disruption-controller,
  // event-ttl, garbage-collector, job-controller, namespace-controller, node-controller,
  // pod-garbage-collector, replicaset-controller.
  std::set<std::string> controllers_off;
};

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted };
  Type type;
  std::string object_json;
};

// Ends the watch or stream when it is destroyed; no callback runs after that. It may outlive its
// cluster, which ends it when it closes. Not to be destroyed from a callback.
class SKIFF_EXPORT Subscription {
 public:
  virtual ~Subscription() = default;
};

struct LogQuery {
  std::string name_space = "default";
  std::string pod;
  std::string container;  // Empty: the pod's only one.
  bool follow = false;
  bool previous = false;
  std::optional<int64_t> tail_lines;
  int64_t offset_bytes = 0;  // Where in the container's output to begin: resumes after a break.
};

struct ContainerResult {
  std::string pod;
  std::string container;
  int exit_code = 0;
  std::string reason;   // "Completed", "Error", "OOMKilled", "StartError", …
  std::string message;  // The termination message.
};

struct JobResult {
  bool succeeded = false;
  std::string reason;  // The terminal condition's: "CompletionsReached", "BackoffLimitExceeded"…
  std::string message;
  std::vector<ContainerResult>
      containers;  // Of every pod of the job that still exists, oldest first.
};

struct HostCheck {
  std::string name;
  bool ok = false;
  std::string detail;
  std::string remedy;  // Empty if ok.
};

// What this host's kernel and rights allow. Needs no cluster; changes nothing. Blocks on the
// kernel.
SKIFF_EXPORT std::vector<HostCheck> CheckHost();

class SKIFF_EXPORT Cluster {
 public:
  // Opens and waits until the cluster serves and its nodes are ready. kFailedPrecondition: the data
  // directory is in use; kPermissionDenied: no rights, for it or (real pods) no root; each error
  // names the thing and the remedy. Nothing is left behind by a failure.
  static absl::StatusOr<std::unique_ptr<Cluster>> Open(ClusterOptions options);
  // As Close, leaving pods running if there is a data directory.
  virtual ~Cluster() = default;

  // Stops serving, joins every thread, closes every descriptor. Calls under way on other threads
  // return kUnavailable, as every later one does; a write among them may have been done, or be done
  // yet by other members. Open watches and streams end with it. With
  // `stop_pods`, every pod is stopped (its grace period is honoured up to 5 seconds) and every
  // namespace, link, mount and cgroup removed; without, pods go on and the next Open of the same
  // data directory finds them. Idempotent. kFailedPrecondition: from a callback of the cluster,
  // which stays as it was; every other failure says what could not be removed.
  virtual absl::Status Close(bool stop_pods) = 0;

  // "http://127.0.0.1:6443", or empty if it serves nowhere.
  virtual std::string url() const = 0;
  // A kubeconfig for it, in YAML.
  virtual std::string kubeconfig() const = 0;

  // Loads an image file (OCI layout, `docker save`) for all nodes here; returns its references.
  virtual absl::StatusOr<std::vector<std::string>> LoadImage(const std::string& path) = 0;

  // Creates or brings to the given state every object of a YAML stream or JSON text, as `kubectl
  // apply` does (three-way, by the annotation kubectl.kubernetes.io/last-applied-configuration).
  // Objects without a namespace go to `name_space`. Stops at the first error, which names the
  // object.
  virtual absl::StatusOr<std::vector<Applied>> Apply(const std::string& manifest,
                                                     const std::string& name_space = "default") = 0;

  // Creates one object (generateName works); returns it as stored. kAlreadyExists.
  virtual absl::StatusOr<std::string> Create(const std::string& manifest,
                                             const std::string& name_space = "default") = 0;

  // kNotFound if there is none.
  virtual absl::StatusOr<std::string> Get(const ObjectRef& object) = 0;
  // A List object.
  virtual absl::StatusOr<std::string> List(const ListQuery& query) = 0;
  // OK as well if it is gone already. Does not wait for finalizers or grace periods.
  virtual absl::Status Delete(const ObjectRef& object,
                              std::optional<int64_t> grace_period_seconds = std::nullopt) = 0;

  // Waits for "condition=Ready", "condition=Ready=False", "delete", or
  // "create", "jsonpath={.status.phase}=Running". Looks first, so a zero timeout tells whether it
  // is so now. kDeadlineExceeded says what it is like instead; kNotFound if there is none when it
  // begins (except for "create" and "delete").
  virtual absl::Status Wait(const ObjectRef& object, const std::string& condition,
                            absl::Duration timeout) = 0;

  // Every change of what the query selects, beginning with kAdded for what is there. It lists again
  // by itself when history is gone (then reports only the differences) and never ends silently:
  // `on_end` is called once, with why. Callbacks come one at a time, on a thread of the cluster;
  // they must not block. Returns when it has seen what is there, or could not: no change after that
  // is missed, be it that something comes and goes at once. From a callback it returns at once.
  virtual absl::StatusOr<std::unique_ptr<Subscription>> Watch(
      const ListQuery& query, std::function<void(WatchEvent)> on_event,
      std::function<void(absl::Status)> on_end) = 0;

  // A container's output. `on_end` OK: complete. Threads as Watch.
  virtual absl::StatusOr<std::unique_ptr<Subscription>> FollowLogs(
      const LogQuery& query, std::function<void(std::string)> on_data,
      std::function<void(absl::Status)> on_end) = 0;
  // All of it that is there (follow is ignored).
  virtual absl::StatusOr<std::string> Logs(const LogQuery& query) = 0;

  // Waits until the job has failed or completed; both are results. kDeadlineExceeded.
  virtual absl::StatusOr<JobResult> WaitJob(const ObjectRef& job, absl::Duration timeout) = 0;

  // ---- for test harnesses ----
  // Time-outs of Wait and WaitJob are of real time, also on a virtual clock: what they wait for may
  // be done by other threads of the host.

  // What the cluster's clock shows; once it is closed, the machine's.
  virtual absl::Time Now() const = 0;
  // Of a virtual clock; else 0.
  virtual uint64_t seed() const = 0;

  // Lets virtual time pass, and happen what is due in it. Stretches in which nodes would only say
  // that they live are passed over: a week of an idle cluster takes milliseconds.
  // kFailedPrecondition: the clock is real. kDeadlineExceeded: something is done again and again at
  // one instant, without end, as by a controller that writes whenever it is called.
  virtual absl::Status Advance(absl::Duration duration) = 0;

  // Waits until nothing is left to do: every queue of controllers, scheduler and nodes is empty,
  // nothing is in flight, and every loop has seen what the store had. What is to happen later (a
  // back-off, a deadline, the end of a simulated container) does not count; nodes that are killed
  // or cut off neither; but a binding that failed is tried again first. On a virtual clock time
  // passes only as far as it must, at most `timeout`. kDeadlineExceeded says who is busy: after
  // that long, or, on a virtual clock, once 200,000 tasks have run without its moving on.
  virtual absl::Status Settle(absl::Duration timeout) = 0;

  // Whether a settled cluster does nothing for that long, of its own time: no write, no reconcile,
  // heartbeats of nodes aside. kFailedPrecondition says what moved, or that it has not settled.
  virtual absl::Status AssertIdle(absl::Duration span) = 0;

  // Breaks something, see faults.h. Faults of nodes need simulated pods. kNotFound: no such node or
  // pod. kFailedPrecondition: it is dead already, nothing of it runs. kInvalidArgument: the fault.
  virtual absl::Status InjectFault(const Fault& fault) = 0;

  // The whole cluster as it is now, to come back to as often as wanted: objects, nodes and their
  // simulated pods, faults, and a virtual clock. From a saved state the cluster goes on in the same
  // way each time, and as it did after Save. Restoring ends what was begun since; open watches list
  // again by themselves. Files (logs of simulated pods) stay. Several members start again over what
  // their disks held: both calls take the milliseconds of their time in which the one that led
  // leads again. kFailedPrecondition: only a cluster in memory with the fake runtime, without
  // runtimes of the host's own, can be saved. kInvalidArgument: what was saved has another number
  // of members.
  virtual absl::StatusOr<std::shared_ptr<const SavedCluster>> Save() = 0;
  virtual absl::Status Restore(const std::shared_ptr<const SavedCluster>& saved) = 0;

  // What every loop is at, in JSON: {"time","clock","seed","revision","controllers":[{"name",
  // "queueDepth","queued","inFlight","waitingForView","failures","nextWake","reconciles",
  // "lastPlan":{"key","writes"}}],"views":{RESOURCE:REVISION},"scheduler":{"queueDepth","queued",
  // "inFlight","viewRevision","nodes","pending":[{"pod","why"}]},"nodes":[{"name","alive",
  // "reachable","settled","running"}]}; with several members the controllers and scheduler of the
  // one that leads, and "members":[{"alive","reachable","leads","revision"}], the
  // latter 0 of one that was killed. "lastPlan" is null until it has written something; of a
  // controller of the host's it has what its last call wrote.
  virtual absl::StatusOr<std::string> Inspect() = 0;

  // The members of the control plane, where there are several (kFailedPrecondition otherwise).
  // Changes may be asked of any: it has the one that leads do them, and waits a few seconds for
  // what is in their way (an earlier change, a new leader). kUnavailable: no majority answers, and
  // it was not done; kDeadlineExceeded: it may yet be done. Where all of them are in this process
  // (ClusterOptions::members) they are called member-0, member-1..., the one that leads answers,
  // and leadership can be handed on; other changes are kFailedPrecondition.
  virtual absl::StatusOr<std::vector<MemberInfo>> Members() = 0;
  // Takes in a member, as a learner; returns the token with which it joins: a secret, for it holds
  // the key of the cluster's authority. kAlreadyExists: the name or address is taken.
  virtual absl::StatusOr<std::string> AddMember(const std::string& name,
                                                const std::string& address) = 0;
  // Makes a learner a voter once it has caught up (kFailedPrecondition: it still has not).
  virtual absl::Status PromoteMember(const std::string& name) = 0;
  virtual absl::Status RemoveMember(const std::string& name) = 0;
  // Makes a voter (kNotFound) the leader. kUnavailable: it has not taken over.
  virtual absl::Status LeadMember(const std::string& name) = 0;

  // Saves every object, as of one revision that shows all that was acknowledged, into a file that
  // is there whole or not at all. Not what nodes keep (images, volumes). Any cluster.
  virtual absl::StatusOr<SnapshotInfo> SaveSnapshot(const std::string& path) = 0;
  // What a data directory holds that no process has open: of a member whose majority is lost, all
  // that it knows, acknowledged or not.
  static absl::StatusOr<SnapshotInfo> SaveOffline(const std::string& data_dir,
                                                  const std::string& path);
  // Makes `data_dir`, which is new, that of a cluster with what a snapshot holds. With `member`, it
  // is the first of a control plane of several. kDataLoss: the file is damaged, and where.
  static absl::StatusOr<SnapshotInfo> RestoreSnapshot(
      const std::string& path, const std::string& data_dir,
      const std::optional<MemberOptions>& member = std::nullopt);
};

}  // namespace skiff
