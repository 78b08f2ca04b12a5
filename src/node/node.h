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
#include "network/bridge.h"
#include "node/pod_plan.h"
#include "node/pod_spec.h"
#include "node/prober.h"
#include "runtime/runtime.h"

namespace skiff::node {

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
  network::Bridge* bridge = nullptr;  // Null: pods have no addresses of their own.
};

class Node final : public client::NodeApi {
 public:
  // Everything given outlives it.
  Node(NodeOptions options, client::Client* client, UvExecutor* loop, WorkPool* pool, Logger logger,
       Metrics* metrics);
  ~Node() override;

  // Takes over the pods that the runtimes have, registers the node, begins.
  void Start();
  // Ends; with `remove_pods`, stops and removes every pod of this machine first (SIGTERM, and after
  // at most 5 seconds SIGKILL). Blocks.
  absl::Status Stop(bool remove_pods);

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
    bool busy = false;     // An action is under way.
    bool dirty = false;    // Something changed meanwhile.
    bool writing = false;  // A status is under way.
    bool removed = false;  // Nothing of it is left here.
    Executor::TimerId wake = 0;
    std::map<std::string, bool> ready;
    std::map<std::string, bool> started;
    std::map<std::string, std::unique_ptr<Prober>> probers;
    std::map<std::string, int> seen_ends;  // Attempt whose end was counted.
  };
  using PodPtr = std::shared_ptr<Pod>;

  struct LogFollower {
    std::string container;
    int attempt;
    std::function<void()> ended;
  };

  void StartOnLoop();
  void Register();
  void RenewLease();
  void ReportNode(const api::ObjectPtr& current);
  void OnPod(const api::ObjectPtr& before, const api::ObjectPtr& now);
  void AdoptFound();
  void OnRuntimeChange(const std::string& uid);
  void Sync(const std::string& uid);
  void Act(const std::string& uid, const PodPlan& plan);
  void StartSandbox(const std::string& uid);
  void StartContainer(const std::string& uid, const PodPlan& plan);
  void RunAction(const std::string& uid, std::function<absl::Status()> work,
                 std::function<void(absl::Status)> then);
  void OnStartResult(const std::string& uid, const PodPlan& plan, const absl::Status& status);
  void CountEnds(Pod& pod);
  void UpdateProbers(const std::string& uid, Pod& pod);
  void WriteStatus(const std::string& uid);
  void FinishRemoval(const std::string& uid);
  PodPlaces PlacesOf(const std::string& uid, const Pod& pod) const;
  PodPtr Find(const std::string& uid) const;
  void FetchReferences(const api::ObjectPtr& pod, std::function<void(References)> done);
  runtime::Runtime* RuntimeFor(const corev1::Pod& pod) const;
  absl::Status RemoveAllPods();
  void EndFollowers(const std::string& uid, const Pod& pod);

  const NodeOptions options_;
  client::Client* const client_;
  UvExecutor* const loop_;
  WorkPool* const pool_;
  const Logger logger_;
  client::EventRecorder events_;
  client::Informer pods_informer_;
  client::Informer node_informer_;
  std::map<std::string, PodPtr> pods_;                         // By uid.
  std::map<std::string, std::vector<LogFollower>> followers_;  // By pod uid.
  Executor::TimerId lease_timer_ = 0;
  bool running_ = false;
  bool found_ = false;
  int actions_ = 0;             // On the pool now.
  std::function<void()> idle_;  // Called when actions_ is 0 and the node is stopping.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// A Node object's description of this machine.
void DescribeMachine(const NodeOptions& options, absl::Time now, corev1::Node* node);

}  // namespace skiff::node
