// What a program adds to its own cluster: controllers, admission and runtimes, as callbacks. They
// are given to Cluster::Open and work until Cluster::Close returns.
//
//   skiff::ClusterOptions options;
//   options.extensions.controllers.push_back(
//       {.name = "shops", .kind = "configmaps", .label_selector = "shop", .owns = {"deployments"},
//        .reconcile = [](skiff::ControllerClient& client, const skiff::ReconcileRequest& shop)
//            -> absl::StatusOr<skiff::ReconcileResult> {
//          auto object = client.Get({"configmaps", shop.name_space, shop.name});
//          if (absl::IsNotFound(object.status())) return skiff::ReconcileResult{};
//          …
//        }});
//
// Threads: each callback says on which it comes. An exception that leaves one is an error of that
// call, as if it had returned kInternal with its text. None may close the cluster
// (kFailedPrecondition). A controller may call another cluster, whatever its clock, unless that
// one's controllers call back: the two would wait for each other.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "skiff/types.h"

namespace skiff {

// ---- controllers --------------------------------------------------------------------------------

// The cluster as a controller's callback sees it: the same calls in real and in virtual time. Reads
// are of the latest state, not of a cache. Objects and errors are those of Cluster's methods of the
// same names. To be used during the callback and on its thread only; once the cluster closes, every
// call is kUnavailable.
class ControllerClient {
 public:
  virtual ~ControllerClient() = default;
  virtual absl::StatusOr<std::string> Get(const ObjectRef& object) = 0;
  virtual absl::StatusOr<std::string> List(const ListQuery& query) = 0;
  virtual absl::StatusOr<std::vector<Applied>> Apply(const std::string& manifest,
                                                     const std::string& name_space = "default") = 0;
  virtual absl::StatusOr<std::string> Create(const std::string& manifest,
                                             const std::string& name_space = "default") = 0;
  // Replaces one object, or with UpdateStatus its status alone; returns it as stored. kAborted
  // (Conflict): its metadata.resourceVersion, if it has one, is not the latest.
  virtual absl::StatusOr<std::string> Update(const std::string& manifest,
                                             const std::string& name_space = "default") = 0;
  virtual absl::StatusOr<std::string> UpdateStatus(const std::string& manifest,
                                                   const std::string& name_space = "default") = 0;
  virtual absl::Status Delete(const ObjectRef& object,
                              std::optional<int64_t> grace_period_seconds = std::nullopt) = 0;
  // An Event about an object, as `kubectl describe` shows it; `type` is "Normal" or "Warning". Its
  // source is the controller's name. Best effort but for what it returns: kNotFound.
  virtual absl::Status RecordEvent(const ObjectRef& about, const std::string& type,
                                   const std::string& reason, const std::string& message) = 0;
  // The cluster's clock.
  virtual absl::Time Now() const = 0;
};

struct ReconcileRequest {
  std::string name_space;  // Empty for cluster-wide kinds.
  std::string name;
};

struct ReconcileResult {
  // Look again after that long although nothing happens; not if it is 0. Less is an error.
  std::optional<absl::Duration> requeue_after;
};

// A loop that brings the cluster to what objects of one kind say. `reconcile` is called with the
// name of an object when it, or an object of a kind in `owns` whose controlling ownerReference
// names it, has appeared, changed or gone; and at the start with every one that is there. It finds
// out itself what is to be done; calls may be merged, and repeated.
//
// Threads: its own, one call at a time; it may block. A failed call is logged and made again, after
// 5 ms, 10 ms, 20 ms … up to a minute. On a virtual clock calls come on the cluster's one thread,
// so that everything waits for them; back-offs are of virtual time, and the cluster is settled only
// when no call is due.
struct Controller {
  std::string name;               // "shop-controller": in logs, metrics and events. Unique.
  std::string kind;               // As ObjectRef has it.
  std::string label_selector;     // Of objects of that kind; empty: all.
  std::vector<std::string> owns;  // Kinds.
  std::function<absl::StatusOr<ReconcileResult>(ControllerClient&, const ReconcileRequest&)>
      reconcile;
};

// ---- admission ----------------------------------------------------------------------------------

enum class AdmissionVerb { kCreate, kUpdate, kDelete };

struct AdmissionReview {
  AdmissionVerb verb;
  std::string kind;  // "Deployment"
  std::string name_space;
  std::string name;
  std::string object_json;      // What is to be stored; empty for a delete.
  std::string old_object_json;  // What is stored; empty for a create.
  bool dry_run = false;
};

struct AdmissionVerdict {
  bool allowed = true;
  std::string message;  // Why not.
  // Of a mutating hook that allows it: what is to be stored instead. Its kind, namespace and name
  // must be the same; what the server keeps in metadata, and the status, stay as they were.
  std::optional<std::string> object_json;
};

// Sees every write of the kinds, whoever makes it, before it is stored; mutating hooks in their
// order first, then, after defaults and validation, the others. A refusal answers 403 Forbidden:
// `admission webhook "NAME" denied the request: MESSAGE`. An error answers 500: a hook that fails
// lets nothing pass. As in Kubernetes, updates of a status, bindings and finalizations pass
// without; and so does what the cluster makes for itself when it is opened for the first time.
//
// Threads: any, several calls at once, in the midst of a write. It must be quick, must not call the
// cluster (kInvalidArgument), and must not count calls: a write that meets another is reviewed
// again.
struct AdmissionHook {
  std::string name;                  // "no-latest.example.com". Unique.
  std::vector<std::string> kinds;    // At least one.
  std::vector<AdmissionVerb> verbs;  // Empty: all. Mutating hooks see no deletes.
  bool mutating = false;
  std::function<absl::StatusOr<AdmissionVerdict>(const AdmissionReview&)> review;
};

// ---- runtimes -----------------------------------------------------------------------------------

// One start of a container, for whoever runs it to report on. Threads: any; calls do not block, and
// are ignored once the container has ended or its cluster is closed.
class ContainerRun {
 public:
  virtual ~ContainerRun() = default;
  // It runs now: the pod may become Running and Ready.
  virtual void Running() = 0;
  // It has ended. `message` is its termination message.
  virtual void Exited(int exit_code, const std::string& message = "") = 0;
  // More output of it, in pieces of any size.
  virtual void WriteLog(const std::string& data) = 0;
};

struct ContainerStart {
  std::string id;    // "vm://…": names this start of this container.
  std::string node;  // "node-0"
  // {"uid","name","namespace","hostname","annotations":{…}}
  std::string pod_json;
  // {"name","attempt","image","command":[…],"args":[…],"env":[{"name","value"}],"workingDir",
  // "mounts":[{"source","target","readOnly"}],"resources":{"cpuMillis","memoryBytes"}}: after all
  // references were followed; sources are directories of this machine.
  std::string container_json;
};

// What runs pods whose runtimeClassName is its name; the RuntimeClass is made with the cluster.
// Containers are started in the order that Kubernetes prescribes, and again as restartPolicy says.
// Pods have the address of their node; probes and hooks that execute a command fail. Pods do not
// outlive the cluster: with a data directory, the next one starts them again.
//
// Threads: of the cluster, several calls at once, but never two about one pod. They must not call
// the cluster (kInvalidArgument); one that blocks delays other pods.
struct CustomRuntime {
  std::string name;  // A DNS label that is none of linux, process, fake. Unique.
  // Begins to run a container; that it runs, and how it ends, `run` is told, at any time from now
  // on. kFailedPrecondition: it cannot start (it counts as having ended with exit code 128); any
  // other error is tried again with a back-off.
  std::function<absl::Status(const ContainerStart& start, std::shared_ptr<ContainerRun> run)> start;
  // The container shall end: soon, while its grace period runs; with `force`, at once, and whatever
  // is reported, it counts as killed. Not called once it was reported to have ended; only by force
  // while it was not reported to run.
  std::function<void(const std::string& id, bool force)> stop;
};

struct Extensions {
  std::vector<Controller> controllers;
  std::vector<AdmissionHook> admission;
  std::vector<CustomRuntime> runtimes;
};

}  // namespace skiff
