// The node agent: runs the pods that are bound to its node and reports on them. Decisions are pure
// (pod_plan.h, pod_status.h); here they are carried out, one action a pod at a time, each safe to
// repeat.
//
// Threads: Start, Stop and NodeApi from any but the loop's; the rest on the loop, but for actions,
// which run on the pool.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "base/uv_executor.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "client/node_api.h"
#include "network/pod_network.h"
#include "node/handlers.h"
#include "node/pod_plan.h"
#include "node/pod_spec.h"
#include "node/prober.h"
#include "runtime/runtime.h"

namespace skiff::node {

// What a node knows and its pods' objects do not say: so that another one may go on in its place.
struct NodeMemory {
  absl::Duration until_lease;  // Before it is to say again that it lives.
  struct OfPod {
    PodMemory memory;
    std::map<std::string, int> seen_ends;
  };
  std::map<std::string, OfPod> pods;  // By uid.
  std::set<std::string> pressures;
  bool full = false;
};

struct NodeOptions {
  std::string name;
  std::string state_dir;
  std::string host_ip = "127.0.0.1";
  std::string pod_cidr;
  int64_t cpu_millis = 0;
  int64_t memory_bytes = 0;
  int64_t max_pods = 110;
  std::map<std::string, runtime::Runtime*> runtimes;  // By the handler of a RuntimeClass.
  std::string default_runtime = "linux";
  // By the runtime whose pods have addresses of their own.
  std::map<std::string, network::PodNetwork*> networks;
  // Whom pods with dnsPolicy ClusterFirst ask; empty: there is no cluster DNS, and they ask whom
  // the node asks.
  std::vector<std::string> cluster_dns;
  std::string cluster_domain = "cluster.local";
  int64_t log_max_bytes = 10 << 20;  // A container's log that is larger is rotated,
  int log_max_files = 5;             // and that many files of it are kept.
  // Goes on from there, without a word to the API: nothing has changed.
  std::optional<NodeMemory> memory;
};

class Node final : public client::NodeApi {
 public:
  // Everything given outlives it. On another executor than libuv's (a simulation) everything works
  // but following a log, which ends at what there is.
  Node(NodeOptions options, client::Client* client, UvExecutor* loop, WorkPool* pool, Logger logger,
       Metrics* metrics);
  Node(NodeOptions options, client::Client* client, Executor* loop, WorkPool* pool, Logger logger,
       Metrics* metrics);
  ~Node() override;

  // Takes over the pods that the runtimes have, registers the node, begins.
  void Start();
  // Ends; with `remove_pods`, stops and removes every pod of this machine first (SIGTERM, and after
  // at most 5 seconds SIGKILL). Blocks.
  absl::Status Stop(bool remove_pods);

  // Nothing is left to do now: its views are complete, no action and no write is under way. On the
  // loop.
  bool Settled() const;
  // The containers that run, as "namespace/pod/container". On the loop.
  std::vector<std::string> Running() const;
  // When it will say that it lives; 0 once stopped. On the loop.
  Executor::TimerId heartbeat() const { return lease_timer_; }
  // Time was passed over in which it would only have said so.
  void SkipHeartbeats(absl::Duration time) { lease_due_ += time; }
  // For another node to go on from. On the loop.
  NodeMemory Memory() const;
  // Faults for tests, on the loop. A condition of the node that is to hold: MemoryPressure,
  // DiskPressure or PIDPressure.
  void SetPressure(const std::string& condition, bool holds);
  // All of what it has for pods is taken, or is free again.
  void SetFull(bool full);

  void StreamLogs(const std::string& pod_namespace, const std::string& pod_name,
                  client::LogOptions options, Executor* reply_on, client::LogSink sink,
                  absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<client::LogStream>>) &&>
                      started) override;

 private:
  struct Pod {
    api::ObjectPtr object;  // Null: the API does not have it any more.
    runtime::Runtime* runtime = nullptr;
    std::optional<runtime::PodState> state;
    PodMemory memory;
    std::string ip;
    bool busy = false;           // An action is under way,
    bool paused = false;         // or a pause before the next.
    bool dirty = false;          // The runtime spoke since its state was read.
    bool writing = false;        // A status is under way.
    bool removed = false;        // Nothing of it is left here but its address,
    bool detached = false;       // and not that either.
    bool stale_volumes = false;  // What its volumes show has changed.
    Executor::TimerId wake = 0;
    std::map<std::string, bool> ready;
    std::map<std::string, std::unique_ptr<Prober>> probers;
    std::map<std::string, int> seen_ends;  // Attempt whose end was counted.
  };
  using PodPtr = std::shared_ptr<Pod>;

  // A ConfigMap or Secret, and the pods that have it as a volume.
  struct Followed {
    std::unique_ptr<client::Informer> informer;
    std::set<std::string> pods;  // Uids.
  };

  struct LogFollower {
    std::string container;
    int attempt;
    std::function<void()> ended;
  };

  void StartOnLoop();
  void Register();
  void RenewLease();
  void RenewLeaseAfter(absl::Duration time);
  void ReportNode(const api::ObjectPtr& current);
  void ReportAgain();
  void Describe(corev1::Node* node) const;
  void OnPod(const api::ObjectPtr& before, const api::ObjectPtr& now);
  void AdoptFound();
  void OnRuntimeChange(const std::string& uid);
  void Look(const std::string& uid);
  void Sync(const std::string& uid);
  void Act(const std::string& uid, const PodPlan& plan);
  void StartSandbox(const std::string& uid);
  void StartContainer(const std::string& uid, const PodPlan& plan);
  void PreStop(const std::string& uid, const PodPlan& plan);
  void StopContainer(const std::string& uid, const PodPlan& plan);
  void Release(const std::string& uid);
  void Remove(const std::string& uid);
  void GiveBackAddress(const std::string& uid);
  void RetainAddresses();
  network::PodNetwork* NetworkOf(const runtime::Runtime& runtime) const;  // Null: none.
  void OnStartResult(const std::string& uid, const PodPlan& plan, const absl::Status& status);
  // Containers that were on their way in `before` and have started since.
  void NoteStarts(const std::string& uid, const std::optional<runtime::PodState>& before);
  void OnStarted(const std::string& uid, const corev1::Container& container);
  void OnStartFailure(const std::string& uid, const PodPlan& plan, const absl::Status& status);
  void PostStart(const std::string& uid, const corev1::Container& container);
  void OnPostStart(const std::string& uid, const std::string& name, const absl::Status& status);
  void RunHookOf(const std::string& uid, const corev1::Container& container,
                 const corev1::LifecycleHandler& hook, absl::Duration timeout,
                 std::function<void(absl::Status)> then);
  void Stopping(const std::string& uid, const std::string& name, int64_t grace_seconds,
                const std::string& why);
  void RunAction(const std::string& uid, std::function<absl::Status()> work,
                 std::function<void(absl::Status)> then);
  void Pause(const std::string& uid, absl::Duration time);
  void CountEnds(Pod& pod);
  void UpdateProbers(const std::string& uid, Pod& pod);
  void Probe(const std::string& uid, Pod& pod, const corev1::Container& container);
  void StartProber(const std::string& uid, Pod& pod, const std::string& key, ProbeKind kind,
                   const corev1::Probe& probe, const corev1::Container& container);
  void OnOpinion(const std::string& uid, const std::string& name, ProbeKind kind,
                 int64_t grace_seconds, bool healthy);
  void WriteStatus(const std::string& uid);
  void FinishRemoval(const std::string& uid);
  void Say(const Pod& pod, absl::string_view type, absl::string_view reason,
           const std::string& message, const std::string& container = "");
  std::string VolumesDir(const std::string& uid) const;
  PodPlaces PlacesOf(const std::string& uid, const Pod& pod) const;
  PodPtr Find(const std::string& uid) const;
  HandlerTarget TargetOf(const std::string& uid, const Pod& pod,
                         const corev1::Container& container) const;
  void FetchReferences(const api::ObjectPtr& pod, std::vector<std::string> names,
                       std::function<void(References)> done);
  void FollowVolumes(const std::string& uid, const Pod& pod);
  void UnfollowVolumes(const std::string& uid);
  void RefreshVolumes(const std::string& uid);
  void FetchServices(const std::string& uid, std::function<void(Variables)> done);
  void LaunchContainer(const std::string& uid, const PodPlan& plan, const References& references,
                       Variables services);
  runtime::Runtime* RuntimeFor(const corev1::Pod& pod) const;
  absl::Status RemoveAllPods();
  void ReportEnds();
  void LastWord();
  void RotateLogs();
  void EndFollowers(const std::string& uid, const Pod& pod);

  // The pool, for work that Stop waits for: it uses runtimes, which end after the node.
  class CountedPool final : public WorkPool {
   public:
    // Work that waits for containers (probes, hooks) has threads of its own, from when there is
    // any: it must not hold up what starts and stops pods.
    CountedPool(Node* node, bool waits) : node_(node), waits_(waits) {}
    void Run(Executor::Task work) override;

   private:
    Node* const node_;
    const bool waits_;
    std::unique_ptr<ThreadPool> own_;
  };

  Node(NodeOptions options, client::Client* client, Executor* loop, UvExecutor* uv_loop,
       WorkPool* pool, Logger logger);

  const NodeOptions options_;
  client::Client* const client_;
  Executor* const loop_;
  UvExecutor* const uv_loop_;  // The same; null if it is another kind.
  WorkPool* const shared_pool_;
  const Logger logger_;
  client::EventRecorder events_;
  client::Informer pods_informer_;
  client::Informer node_informer_;
  std::map<std::string, PodPtr> pods_;                         // By uid.
  std::map<std::string, std::vector<LogFollower>> followers_;  // By pod uid.
  std::map<std::string, Followed> followed_;                   // By "NAMESPACE/configmaps/NAME".
  Executor::TimerId lease_timer_ = 0;
  absl::Duration lease_due_;  // By the loop's monotonic clock.
  std::set<std::string> pressures_;
  bool full_ = false;
  bool running_ = false;
  bool found_ = false;
  bool retain_ = false;         // All that the runtimes have is known; the API's pods are not yet.
  int actions_ = 0;             // On the pool now.
  int reports_ = 0;             // Writes of its own object that are under way.
  std::function<void()> idle_;  // Called when actions_ is 0 and the node is stopping.
  std::function<void()> written_;  // Likewise when no status is under way.
  CountedPool pool_{this, /*waits=*/false};
  CountedPool waiting_pool_{this, /*waits=*/true};
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// A Node object's description of this machine.
void DescribeMachine(const NodeOptions& options, absl::Time now, corev1::Node* node);

}  // namespace skiff::node
