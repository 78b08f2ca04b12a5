// All controllers of a control plane, on one loop, over one set of informers.
//
// Threads: the executor's.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "controllers/disruption.h"
#include "controllers/job.h"
#include "controllers/node_lifecycle.h"
#include "controllers/runner.h"

namespace skiff::controllers {

class ControllerManager {
 public:
  // Everything given outlives it. `off` names controllers that are not to run:
  // replicaset-controller, deployment-controller, disruption-controller, job-controller,
  // garbage-collector, namespace-controller, node-controller,
  // pod-garbage-collector, event-ttl; other names mean nothing.
  ControllerManager(client::Client* client, Executor* executor, Logger logger, Metrics* metrics,
                    const std::set<std::string>& off = {});
  ~ControllerManager();
  static const std::set<std::string>& Names();

  void Start();
  void Stop();

  // Nothing is left to do, and nothing will be for as long as `within` unless somebody else changes
  // the cluster: every queue is empty, nothing is in flight, the views are complete and show what
  // was written, and no key is to be looked at again by then, be it after a back-off (of a job's
  // pods, of a commit that failed) or at a time that a plan has named (a deadline, minReadySeconds,
  // ttlSecondsAfterFinished, the silence of a node, the age of an event). With zero: nothing left
  // to do now. Events may still be on their way: nothing depends on them.
  //
  //   while (!manager.Settled(absl::Seconds(15))) simulation.RunFor(absl::Milliseconds(20));
  bool Settled(absl::Duration within) const;
  // When a key is to be looked at again although nothing happens; InfiniteFuture if none is. A test
  // may let its clock jump there.
  absl::Time NextWake() const;

  // What each controller is at, for people.
  std::vector<Runner::View> Inspect() const;
  // How far each view has come, by "group/resource".
  std::map<std::string, uint64_t> ViewRevisions();
  // The timers that would find these nodes silent; and that time was passed over in which they were
  // heard.
  std::set<Executor::TimerId> SilenceTimers(const std::set<std::string>& nodes) const;
  void SkipSilence(const std::set<std::string>& nodes, absl::Duration time);

 private:
  Runner* Add(const std::string& name, Runner::Reconcile reconcile);
  void AddReplicaSets();
  void AddDeployments();
  void AddJobs();
  void OnJobPod(const api::ObjectPtr& pod, Runner* runner);
  void AddGarbageCollector();
  void NoteGone(const std::string& uid);
  void AddNamespaces();
  void AddNodes();
  void AddPodGc();
  void ForgetNode(const api::Object& pod);
  void AddEvents();
  void AddDisruptions();
  absl::StatusOr<Scaled> ScaleOf(const api::Object& controlled);
  NodeObserved Observe(const api::ObjectPtr& node);
  // Calls `enqueue` with the key of the controlling owner of that kind, for
  // both states of the object.
  void OnDependents(const api::ResourceInfo& of, const api::ResourceInfo& owner, Runner* runner);
  // Calls `enqueue` with every owner that may take on what nobody controls.
  template <typename Owner>
  void OnStrays(const api::ResourceInfo& of, Runner* runner);
  void OnOwn(const api::ResourceInfo& resource, Runner* runner);

  client::Client* const client_;
  Executor* const executor_;
  const Logger logger_;
  Metrics* const metrics_;
  InformerSet informers_;
  std::vector<std::unique_ptr<Runner>> runners_;
  // The job controller's, by the job's uid: failures of pods that were being deleted.
  std::map<std::string, LostFailures> lost_failures_;
  // The node controller's, by the node's name: when it last gave a sign of life, and since when its
  // taints have been seen.
  struct NodeMemory {
    absl::Duration heard;
    std::optional<absl::Duration> suspected;  // When its silence was first noticed.
    std::map<std::string, absl::Time> taints;
  };
  std::map<std::string, NodeMemory> nodes_;
  int ready_nodes_ = 0;
  Runner* node_runner_ = nullptr;  // Null: switched off.
  // The pod collector's: since when a node that pods name has not been there.
  std::map<std::string, absl::Time> missing_nodes_;
  // The garbage collector's: who has which uid. Keys are
  // "group/resource|namespace/name".
  std::map<std::string, std::string> by_uid_;
  // The latest uids that it has seen go, and the order in which they did.
  std::set<std::string> gone_;
  std::deque<std::string> gone_order_;
};

}  // namespace skiff::controllers
