// Binds pods to nodes: watches both, keeps the node table, places what is pending in order of
// priority and age, and commits bindings in batches.
//
// Threads: Start and Stop from any thread but the loop's; everything else happens on the loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "client/client.h"
#include "scheduler/node_table.h"

namespace skiff::scheduler {

// How the scheduler tells about a pod: `type` is Normal or Warning.
using RecordEvent = std::function<void(const api::Object& pod, absl::string_view type,
                                       absl::string_view reason, const std::string& message)>;

class Scheduler {
 public:
  // Everything given outlives it. `record` is called on the loop.
  Scheduler(client::Client* client, Executor* loop, RecordEvent record, Logger logger,
            Metrics* metrics);
  ~Scheduler();

  // Both on the loop.
  void Start();
  void Stop();

  // Nothing is left to do, and nothing will be unless somebody else changes the cluster: the views
  // are complete, every pod is bound or was found to fit nowhere, nothing is in flight, and no
  // binding that failed is to be tried again. On the loop.
  bool Settled() const;
  // The newest revision of pods it has seen. On the loop.
  uint64_t view_revision() const { return view_revision_; }
  // What it is at, for people. On the loop.
  struct View {
    std::vector<std::string> queued;  // Pods, as "namespace/name"; also those to be tried again.
    int in_flight = 0;
    std::map<std::string, std::string> pending;  // Why they are on no node, where it is known.
    uint64_t nodes = 0;
  };
  View Inspect() const;

 private:
  struct Pod {
    api::ObjectPtr object;
    PodInfo info;
    std::string node;            // Accounted to it; empty: to none.
    bool assumed = false;        // Placed here, the binding not yet seen in the watch.
    uint64_t order = 0;          // Of its first sight.
    std::string why_not;         // The last reason it could not be placed.
    int failed_bindings = 0;     // In a row.
    std::string failed_because;  // The last of them.
    bool concerned = false;      // Has rules about its neighbours.
  };
  using QueueKey = std::tuple<int32_t, uint64_t, std::string>;  // -priority, order, pod key

  void WatchNodes();
  void WatchPods();
  void OnNodes(std::vector<client::WatchEvent> events);
  void OnPods(std::vector<client::WatchEvent> events);
  void OnPod(const client::WatchEvent& event);
  void Restart(absl::Status why);
  void Account(Pod& pod, const std::string& node);
  void Release(Pod& pod);
  void Enqueue(const std::string& key);
  void RetryUnschedulable();
  // Those that wait for other pods rather than for nodes.
  void RetryConcerned();
  void Retry(const std::string& key, int failures);
  Placement Place(const Pod& pod);
  void PostPass();
  void Pass();
  void Bind(std::vector<std::string> keys);
  void OnBound(const std::vector<std::string>& keys, absl::Status status);
  void ReportUnschedulable(Pod& pod, const std::string& message);

  client::Client* const client_;
  Executor* const loop_;
  const RecordEvent record_;
  const Logger logger_;
  prometheus::Counter& bound_;
  prometheus::Counter& unschedulable_attempts_;

  NodeTable table_;
  std::map<std::string, Pod> pods_;
  std::map<std::string, std::set<std::string>> waiting_for_node_;  // Bound to a node not yet seen.
  std::set<QueueKey> queue_;
  std::set<std::string> unschedulable_;
  std::set<std::string> concerned_;  // Of these, the ones with rules about their neighbours.
  std::set<std::string> repellers_;  // Pods that keep others away.
  std::set<std::string> retries_;    // Whose bindings failed, and wait for another attempt.
  bool nodes_seen_ = false;
  bool pods_seen_ = false;
  uint64_t next_order_ = 0;
  uint64_t view_revision_ = 0;
  int in_flight_ = 0;
  bool pass_posted_ = false;
  bool running_ = false;
  Executor::TimerId restart_ = 0;
  std::unique_ptr<client::Watch> node_watch_;
  std::unique_ptr<client::Watch> pod_watch_;
  // Callbacks of commits check it: they may come after Stop.
  std::shared_ptr<bool> alive_;
};

}  // namespace skiff::scheduler
