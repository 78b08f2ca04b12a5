// The nodes of a cluster that run in this process: their agents, runtimes, images and networks.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "client/client.h"
#include "client/node_api.h"
#include "cluster/custom_runtime.h"
#include "cluster/gated_client.h"
#include "cluster/loops.h"
#include "network/bridge.h"
#include "network/simulated_network.h"
#include "node/node.h"
#include "runtime/fake/fake_runtime.h"
#include "runtime/image/image_store.h"
#include "runtime/linux/sandbox_runtime.h"
#include "skiff/cluster.h"

namespace skiff::cluster {

struct LocalNodesOptions {
  int count = 1;
  RuntimeKind runtime = RuntimeKind::kLinux;
  std::string home;  // Of the whole cluster.
  // What each node has; 0: what the machine has.
  int64_t cpu_millis = 0;
  int64_t memory_bytes = 0;
  std::vector<CustomRuntime> custom_runtimes;
};

class LocalNodes final : public client::NodeDirectory {
 public:
  // Blocks on the kernel. Nothing is left behind by a failure.
  static absl::StatusOr<std::unique_ptr<LocalNodes>> Start(LocalNodesOptions options,
                                                           client::Client* client, Loops* loops,
                                                           std::shared_ptr<LogSink> sink,
                                                           Metrics* metrics);
  ~LocalNodes() override;

  // Ends the agents; with `remove_pods`, removes everything they made in the kernel. Blocks.
  // Idempotent.
  absl::Status Stop(bool remove_pods);

  client::NodeApi* Find(absl::string_view node_name) override;
  std::vector<std::string> names() const;
  runtime::ImageStore* images() { return images_.get(); }
  Executor* loop() { return loop_.get(); }

  // Faults, of nodes with simulated pods. kNotFound: no such node; kFailedPrecondition: it is dead,
  // or alive already.
  // The plug is pulled: the node and all that ran on it is gone, and tells nobody.
  absl::Status Kill(const std::string& name);
  // It comes back, and begins anew what is bound to it.
  absl::Status Restart(const std::string& name);
  // Nothing gets from it to the API server and back while it is cut.
  absl::Status Cut(const std::string& name, bool cut);
  absl::Status SetFull(const std::string& name, bool full);
  absl::Status SetPressure(const std::string& name, const std::string& condition, bool holds);
  // Ends a running container; `container` empty: the pod's first.
  absl::Status Crash(const std::string& name, const std::string& pod_uid,
                     const std::string& container, int exit_code);

  // On the loop. Whether nothing is left to do, on those that live and are reachable.
  bool Settled() const;
  // What each of them is at, for people.
  struct View {
    std::string name;
    bool alive = true;
    bool reachable = true;
    bool settled = true;
    std::vector<std::string> running;  // Containers, as "pod/container".
  };
  std::vector<View> Inspect() const;
  // Live and reachable ones, with the timer of their next heartbeat.
  std::map<std::string, Executor::TimerId> Heartbeats() const;
  void SkipHeartbeats(absl::Duration time);

  // What simulated nodes are at, for Resume to go on from.
  struct State {
    bool alive = true;
    bool cut = false;
    node::NodeMemory memory;
    runtime::FakeRuntime::Saved pods;
    network::SimulatedNetwork::Leases addresses;
  };
  // Ends all agents without a word. Resume starts others, where those, or what is given, left off.
  // Block.
  std::vector<State> Pause();
  void Resume(const std::vector<State>& states);

 private:
  struct One {
    std::string name;
    std::unique_ptr<GatedClient> client;
    std::unique_ptr<runtime::SandboxRuntime> linux_runtime;
    std::unique_ptr<runtime::SandboxRuntime> process_runtime;
    std::unique_ptr<runtime::FakeRuntime> fake_runtime;
    std::vector<std::unique_ptr<HostedRuntime>> custom_runtimes;
    std::unique_ptr<network::Bridge> bridge;
    // Of simulated pods: on its disk, so to say, for it outlives the node's being killed.
    std::unique_ptr<network::SimulatedNetwork> simulated_network;
    std::unique_ptr<node::Node> node;  // Null: killed.
  };

  LocalNodes() = default;
  absl::Status Add(int index);
  absl::Status AddReal(One* one, node::NodeOptions* node, int index, const std::string& dir);
  node::NodeOptions Describe(int index) const;
  void StartNode(One* one, node::NodeOptions options);
  absl::StatusOr<One*> Named(const std::string& name);
  // The same, if it lives.
  absl::StatusOr<One*> Living(const std::string& name);

  LocalNodesOptions options_;
  client::Client* client_ = nullptr;
  Loops* loops_ = nullptr;
  std::shared_ptr<LogSink> sink_;
  Metrics* metrics_ = nullptr;
  std::unique_ptr<runtime::ImageStore> images_;
  // What was killed or paused, kept until nothing can answer to it any more; loops first.
  std::vector<std::unique_ptr<Loop>> old_loops_;
  std::vector<One> old_nodes_;
  std::unique_ptr<Loop> loop_;  // One for all of them: what blocks is on the pool.
  mutable Mutex mutex_;         // Of `node` in each: others ask for them.
  std::vector<One> nodes_;
  int pod_network_ = 0;  // The second octet of every pod's address.
  bool stopped_ = false;
};

}  // namespace skiff::cluster
