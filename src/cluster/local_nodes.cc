#include "cluster/local_nodes.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "cluster/images.h"

namespace skiff::cluster {
namespace {

// Names things of this cluster on the machine: short, and the same at every start over the same
// home.
uint64_t HashOf(const std::string& text) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

// Pods of one cluster live in 10.N.0.0/16. N is kept; the first choice is one that no link of the
// machine has, so that clusters on one machine do not meet.
absl::StatusOr<int> ChoosePodNetwork(const std::string& home) {
  const std::string path = home + "/pod-network";
  int chosen = 0;
  if (std::ifstream(path) >> chosen) return chosen;
  std::set<int> taken;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return ErrnoStatus(errno, "list the machine's addresses");
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    const uint32_t address =
        ntohl(reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr.s_addr);
    if (address >> 24 == 10) taken.insert(static_cast<int>(address >> 16 & 0xff));
  }
  freeifaddrs(list);
  taken.insert(96);  // Services.
  for (int i = 0; i < 128; ++i) {
    chosen = 100 + static_cast<int>((HashOf(home) + static_cast<uint64_t>(i)) % 128);
    if (taken.contains(chosen)) continue;
    std::ofstream(path) << chosen;
    return chosen;
  }
  return absl::ResourceExhaustedError("no network 10.N.0.0/16 is free for pods on this machine");
}

int64_t MachineMemory() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

// Whether containers are made here, by the kernel.
bool IsReal(RuntimeKind kind) {
  return kind == RuntimeKind::kLinux || kind == RuntimeKind::kProcess;
}

std::string DefaultRuntime(const LocalNodesOptions& options) {
  switch (options.runtime) {
    case RuntimeKind::kLinux:
      return "linux";
    case RuntimeKind::kProcess:
      return "process";
    case RuntimeKind::kFake:
      return "fake";
    case RuntimeKind::kCustom:
      return options.custom_runtimes.at(0).name;
  }
  return "linux";
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalNodes>> LocalNodes::Start(const LocalNodesOptions& options,
                                                              client::Client* client,
                                                              WorkPool* pool,
                                                              std::shared_ptr<LogSink> sink,
                                                              Metrics* metrics) {
  std::unique_ptr<LocalNodes> out(new LocalNodes());
  SKIFF_ASSIGN_OR_RETURN(out->images_, OpenImages(options.home));
  out->loop_ = std::make_unique<UvExecutor>("skiff-node");
  if (options.count > 0 && IsReal(options.runtime)) {
    SKIFF_ASSIGN_OR_RETURN(out->pod_network_, ChoosePodNetwork(options.home));
  }
  for (int i = 0; i < options.count; ++i) {
    const absl::Status added = out->Add(i, options, client, pool, sink, metrics);
    if (!added.ok()) {
      out->Stop(/*remove_pods=*/true).IgnoreError();
      return added;
    }
  }
  return out;
}

absl::Status LocalNodes::Add(int index, const LocalNodesOptions& options, client::Client* client,
                             WorkPool* pool, std::shared_ptr<LogSink> sink, Metrics* metrics) {
  One& one = nodes_.emplace_back();
  one.name = absl::StrCat("node-", index);
  const std::string dir = absl::StrCat(options.home, "/nodes/", one.name);
  const uint64_t hash = HashOf(options.home);
  const Logger logger(sink, one.name);
  node::NodeOptions node;
  node.name = one.name;
  node.state_dir = dir;
  node.cpu_millis = sysconf(_SC_NPROCESSORS_ONLN) * 1000;
  node.memory_bytes = MachineMemory();
  node.default_runtime = DefaultRuntime(options);
  one.fake_runtime = std::make_unique<runtime::FakeRuntime>(loop_.get());
  node.runtimes["fake"] = one.fake_runtime.get();
  for (const CustomRuntime& custom : options.custom_runtimes) {
    one.custom_runtimes.push_back(std::make_unique<HostedRuntime>(custom, one.name, loop_.get()));
    node.runtimes[custom.name] = one.custom_runtimes.back().get();
  }
  if (IsReal(options.runtime)) {
    runtime::SandboxOptions sandbox;
    sandbox.instance = absl::StrFormat("%08x-%d", hash & 0xffffffff, index);
    sandbox.loop = loop_.get();
    sandbox.pool = pool;
    sandbox.logger = logger;
    sandbox.state_dir = dir + "/linux";
    sandbox.images = images_.get();
    SKIFF_ASSIGN_OR_RETURN(one.linux_runtime, runtime::SandboxRuntime::Open(sandbox));
    sandbox.state_dir = dir + "/process";
    sandbox.images = nullptr;
    SKIFF_ASSIGN_OR_RETURN(one.process_runtime, runtime::SandboxRuntime::Open(sandbox));
    network::BridgeOptions bridge;
    bridge.name = absl::StrFormat("s%05xn%d", hash & 0xfffff, index);
    bridge.subnet = absl::StrFormat("10.%d.%d.0/24", pod_network_, index % 256);
    bridge.lease_dir = dir + "/leases";
    SKIFF_ASSIGN_OR_RETURN(one.bridge, network::Bridge::Open(bridge));
    node.runtimes["linux"] = one.linux_runtime.get();
    node.runtimes["process"] = one.process_runtime.get();
    node.bridge = one.bridge.get();
    node.pod_cidr = bridge.subnet;
    node.host_ip = one.bridge->gateway();
  }
  one.node =
      std::make_unique<node::Node>(std::move(node), client, loop_.get(), pool, logger, metrics);
  one.node->Start();
  return absl::OkStatus();
}

LocalNodes::~LocalNodes() { Stop(/*remove_pods=*/false).IgnoreError(); }

absl::Status LocalNodes::Stop(bool remove_pods) {
  if (std::exchange(stopped_, true)) return absl::OkStatus();
  absl::Status result;
  for (One& one : nodes_) {
    if (one.node != nullptr) result.Update(one.node->Stop(remove_pods));
    if (remove_pods && one.bridge != nullptr) result.Update(one.bridge->Remove());
  }
  for (One& one : nodes_) {
    // The runtimes let go of their handles while the loop still turns.
    one.linux_runtime.reset();
    one.process_runtime.reset();
  }
  loop_->Stop();
  for (One& one : nodes_) one.node.reset();
  return result;
}

client::NodeApi* LocalNodes::Find(absl::string_view node_name) {
  for (One& one : nodes_) {
    if (one.name == node_name) return one.node.get();
  }
  return nullptr;
}

std::vector<std::string> LocalNodes::names() const {
  std::vector<std::string> out;
  for (const One& one : nodes_) out.push_back(one.name);
  return out;
}

}  // namespace skiff::cluster
