// The nodes of a cluster that run in this process: their agents, runtimes, images and networks.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "base/uv_executor.h"
#include "client/client.h"
#include "client/node_api.h"
#include "cluster/custom_runtime.h"
#include "network/bridge.h"
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
  std::vector<CustomRuntime> custom_runtimes;
};

class LocalNodes final : public client::NodeDirectory {
 public:
  // Blocks on the kernel. Nothing is left behind by a failure.
  static absl::StatusOr<std::unique_ptr<LocalNodes>> Start(const LocalNodesOptions& options,
                                                           client::Client* client, WorkPool* pool,
                                                           std::shared_ptr<LogSink> sink,
                                                           Metrics* metrics);
  ~LocalNodes() override;

  // Ends the agents; with `remove_pods`, removes everything they made in the kernel. Blocks.
  // Idempotent.
  absl::Status Stop(bool remove_pods);

  client::NodeApi* Find(absl::string_view node_name) override;
  std::vector<std::string> names() const;
  runtime::ImageStore* images() { return images_.get(); }

 private:
  struct One {
    std::string name;
    std::unique_ptr<runtime::SandboxRuntime> linux_runtime;
    std::unique_ptr<runtime::SandboxRuntime> process_runtime;
    std::unique_ptr<runtime::FakeRuntime> fake_runtime;
    std::vector<std::unique_ptr<HostedRuntime>> custom_runtimes;
    std::unique_ptr<network::Bridge> bridge;
    std::unique_ptr<node::Node> node;
  };

  LocalNodes() = default;
  absl::Status Add(int index, const LocalNodesOptions& options, client::Client* client,
                   WorkPool* pool, std::shared_ptr<LogSink> sink, Metrics* metrics);

  std::unique_ptr<runtime::ImageStore> images_;
  std::unique_ptr<UvExecutor> loop_;  // One for all of them: what blocks is on the pool.
  std::vector<One> nodes_;
  int pod_network_ = 0;  // The second octet of every pod's address.
  bool stopped_ = false;
};

}  // namespace skiff::cluster
