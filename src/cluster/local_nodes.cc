#include "cluster/local_nodes.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "cluster/control_plane.h"
#include "cluster/images.h"
#include "cluster/pod_network.h"

namespace skiff::cluster {
namespace {

// Names things of this cluster on the machine: short, and the same at every start over the same
// home.
uint64_t HashOf(const std::string& text) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

// Of simulated pods, which no machine's links know.
std::string SimulatedSubnet(int index) {
  return absl::StrFormat("10.%d.%d.0/24", 128 + index / 256, index % 256);
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

absl::StatusOr<std::unique_ptr<LocalNodes>> LocalNodes::Start(LocalNodesOptions options,
                                                              client::Client* client, Loops* loops,
                                                              std::shared_ptr<LogSink> sink,
                                                              Metrics* metrics) {
  std::unique_ptr<LocalNodes> out(new LocalNodes());
  out->options_ = std::move(options);
  out->client_ = client;
  out->loops_ = loops;
  out->sink_ = std::move(sink);
  out->metrics_ = metrics;
  SKIFF_ASSIGN_OR_RETURN(out->images_, OpenImages(out->options_.home));
  out->loop_ = loops->New("skiff-node");
  if (out->options_.count > 0 && IsReal(out->options_.runtime)) {
    SKIFF_ASSIGN_OR_RETURN(out->pod_network_,
                           PodNetworkOf(out->options_.home, HashOf(out->options_.home)));
  }
  for (int i = 0; i < out->options_.count; ++i) {
    const absl::Status added = out->Add(i);
    if (!added.ok()) {
      out->Stop(/*remove_pods=*/true).IgnoreError();
      return added;
    }
  }
  return out;
}

node::NodeOptions LocalNodes::Describe(int index) const {
  node::NodeOptions node;
  node.name = absl::StrCat("node-", index);
  node.state_dir = absl::StrCat(options_.home, "/nodes/", node.name);
  node.cpu_millis =
      options_.cpu_millis > 0 ? options_.cpu_millis : sysconf(_SC_NPROCESSORS_ONLN) * 1000;
  node.memory_bytes = options_.memory_bytes > 0 ? options_.memory_bytes : MachineMemory();
  node.default_runtime = DefaultRuntime(options_);
  if (!IsReal(options_.runtime)) node.pod_cidr = SimulatedSubnet(index);
  return node;
}

absl::Status LocalNodes::Add(int index) {
  One& one = nodes_.emplace_back();
  node::NodeOptions node = Describe(index);
  one.name = node.name;
  one.client = std::make_unique<GatedClient>(client_);
  one.fake_runtime = std::make_unique<runtime::FakeRuntime>(loop_.get());
  for (const CustomRuntime& custom : options_.custom_runtimes) {
    one.custom_runtimes.push_back(std::make_unique<HostedRuntime>(custom, one.name, loop_.get()));
  }
  if (IsReal(options_.runtime)) {
    SKIFF_RETURN_IF_ERROR(AddReal(&one, &node, index, node.state_dir));
  } else {
    one.simulated_network = std::make_unique<network::SimulatedNetwork>(node.pod_cidr);
  }
  StartNode(&one, std::move(node));
  return absl::OkStatus();
}

absl::Status LocalNodes::AddReal(One* one, node::NodeOptions* node, int index,
                                 const std::string& dir) {
  const uint64_t hash = HashOf(options_.home);
  runtime::SandboxOptions sandbox;
  sandbox.instance = absl::StrFormat("%08x-%d", hash & 0xffffffff, index);
  sandbox.loop = loop_->uv();
  sandbox.pool = loops_->pool();
  sandbox.logger = Logger(sink_, one->name);
  sandbox.state_dir = dir + "/linux";
  sandbox.images = images_.get();
  SKIFF_ASSIGN_OR_RETURN(one->linux_runtime, runtime::SandboxRuntime::Open(sandbox));
  sandbox.state_dir = dir + "/process";
  sandbox.images = nullptr;
  SKIFF_ASSIGN_OR_RETURN(one->process_runtime, runtime::SandboxRuntime::Open(sandbox));
  network::BridgeOptions bridge;
  bridge.name = absl::StrFormat("s%05xn%d", hash & 0xfffff, index);
  bridge.subnet = absl::StrFormat("10.%d.%d.0/24", pod_network_, index % 256);
  bridge.lease_dir = dir + "/leases";
  SKIFF_ASSIGN_OR_RETURN(one->bridge, network::Bridge::Open(bridge));
  node->runtimes["linux"] = one->linux_runtime.get();
  node->runtimes["process"] = one->process_runtime.get();
  node->networks["linux"] = one->bridge.get();
  node->pod_cidr = bridge.subnet;
  node->host_ip = one->bridge->gateway();
  return absl::OkStatus();
}

// Its runtimes are there.
void LocalNodes::StartNode(One* one, node::NodeOptions options) {
  options.runtimes["fake"] = one->fake_runtime.get();
  if (one->simulated_network != nullptr) {
    options.networks["fake"] = one->simulated_network.get();
  }
  for (const auto& custom : one->custom_runtimes) {
    options.runtimes[std::string(custom->name())] = custom.get();
  }
  const Logger logger(sink_, one->name);
  client::Client* client = one->client.get();
  auto node = loop_->uv() != nullptr
                  ? std::make_unique<node::Node>(std::move(options), client, loop_->uv(),
                                                 loops_->pool(), logger, metrics_)
                  : std::make_unique<node::Node>(std::move(options), client, loop_.get(),
                                                 loops_->pool(), logger, metrics_);
  node->Start();
  MutexLock lock(&mutex_);
  one->node = std::move(node);
}

LocalNodes::~LocalNodes() { Stop(/*remove_pods=*/false).IgnoreError(); }

absl::Status LocalNodes::Stop(bool remove_pods) {
  if (std::exchange(stopped_, true)) return absl::OkStatus();
  absl::Status result;
  // In virtual time nothing would come to an end; simulated pods go with their runtime.
  const bool end_pods = remove_pods && loop_->uv() != nullptr;
  for (One& one : nodes_) {
    if (one.node != nullptr) result.Update(one.node->Stop(end_pods));
    if (remove_pods && one.bridge != nullptr) result.Update(one.bridge->Remove());
  }
  for (One& one : nodes_) {
    // The runtimes let go of their handles while the loop still turns.
    one.linux_runtime.reset();
    one.process_runtime.reset();
  }
  loop_->Stop();
  for (One& one : nodes_) one.node.reset();
  old_nodes_.clear();
  return result;
}

absl::StatusOr<LocalNodes::One*> LocalNodes::Named(const std::string& name) {
  for (One& one : nodes_) {
    if (one.name != name) continue;
    if (IsReal(options_.runtime)) {
      return absl::FailedPreconditionError(
          absl::StrCat("node \"", name, "\" runs real pods; faults of nodes need runtime: fake"));
    }
    return &one;
  }
  return absl::NotFoundError(absl::StrCat("no node \"", name, "\" runs here"));
}

absl::StatusOr<LocalNodes::One*> LocalNodes::Living(const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(One * one, Named(name));
  if (one->node != nullptr) return one;
  return absl::FailedPreconditionError(
      absl::StrCat("node \"", name, "\" was killed; restart it first"));
}

absl::Status LocalNodes::Kill(const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(One * one, Living(name));
  SKIFF_RETURN_IF_ERROR(one->node->Stop(/*remove_pods=*/false));
  One gone;
  gone.client = std::make_unique<GatedClient>(client_);
  gone.client->Cut(one->client->cut());
  {
    MutexLock lock(&mutex_);
    gone.node = std::move(one->node);
  }
  std::swap(gone.client, one->client);
  gone.fake_runtime = std::move(one->fake_runtime);
  gone.custom_runtimes = std::move(one->custom_runtimes);
  one->custom_runtimes.clear();
  old_nodes_.push_back(std::move(gone));
  return absl::OkStatus();
}

absl::Status LocalNodes::Restart(const std::string& name) {
  SKIFF_ASSIGN_OR_RETURN(One * one, Named(name));
  if (one->node != nullptr) SKIFF_RETURN_IF_ERROR(Kill(name));
  one->fake_runtime = std::make_unique<runtime::FakeRuntime>(loop_.get());
  for (const CustomRuntime& custom : options_.custom_runtimes) {
    one->custom_runtimes.push_back(std::make_unique<HostedRuntime>(custom, name, loop_.get()));
  }
  StartNode(one, Describe(static_cast<int>(one - nodes_.data())));
  return absl::OkStatus();
}

absl::Status LocalNodes::Cut(const std::string& name, bool cut) {
  SKIFF_ASSIGN_OR_RETURN(One * one, Named(name));
  RunOn(loop_.get(), [&] { one->client->Cut(cut); });
  return absl::OkStatus();
}

absl::Status LocalNodes::SetFull(const std::string& name, bool full) {
  SKIFF_ASSIGN_OR_RETURN(One * one, Living(name));
  RunOn(loop_.get(), [&] { one->node->SetFull(full); });
  return absl::OkStatus();
}

absl::Status LocalNodes::SetPressure(const std::string& name, const std::string& condition,
                                     bool holds) {
  if (condition != "MemoryPressure" && condition != "DiskPressure" && condition != "PIDPressure") {
    return absl::InvalidArgumentError(
        absl::StrCat("fault condition: \"", condition,
                     "\" is not one of MemoryPressure, DiskPressure, PIDPressure"));
  }
  SKIFF_ASSIGN_OR_RETURN(One * one, Living(name));
  RunOn(loop_.get(), [&] { one->node->SetPressure(condition, holds); });
  return absl::OkStatus();
}

absl::Status LocalNodes::Crash(const std::string& name, const std::string& pod_uid,
                               const std::string& container, int exit_code) {
  SKIFF_ASSIGN_OR_RETURN(One * one, Living(name));
  absl::Status result;
  RunOn(loop_.get(), [&] {
    const auto state = one->fake_runtime->State(pod_uid);
    if (!state.ok()) {
      result = state.status();
      return;
    }
    const bool none = container.empty() && state->containers.empty();
    result =
        none ? absl::FailedPreconditionError("no container of the pod runs")
             : one->fake_runtime->Crash(
                   pod_uid, container.empty() ? state->containers[0].name : container, exit_code);
  });
  return result;
}

bool LocalNodes::Settled() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const One& one) {
    return one.node == nullptr || one.client->cut() || one.node->Settled();
  });
}

std::vector<LocalNodes::View> LocalNodes::Inspect() const {
  std::vector<View> out;
  for (const One& one : nodes_) {
    View& view = out.emplace_back();
    view.name = one.name;
    view.alive = one.node != nullptr;
    view.reachable = !one.client->cut();
    view.settled = one.node == nullptr || one.node->Settled();
    if (one.node != nullptr) view.running = one.node->Running();
  }
  return out;
}

std::map<std::string, Executor::TimerId> LocalNodes::Heartbeats() const {
  std::map<std::string, Executor::TimerId> out;
  for (const One& one : nodes_) {
    if (one.node != nullptr && !one.client->cut()) out[one.name] = one.node->heartbeat();
  }
  return out;
}

void LocalNodes::SkipHeartbeats(absl::Duration time) {
  for (const One& one : nodes_) {
    if (one.node != nullptr && !one.client->cut()) one.node->SkipHeartbeats(time);
  }
}

std::vector<LocalNodes::State> LocalNodes::Pause() {
  std::vector<State> states(nodes_.size());
  RunOn(loop_.get(), [&] {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const One& one = nodes_[i];
      State& state = states[i];
      state.alive = one.node != nullptr;
      state.cut = one.client->cut();
      state.addresses = one.simulated_network->Save();
      if (one.node == nullptr) continue;
      state.memory = one.node->Memory();
      state.pods = one.fake_runtime->Save();
    }
  });
  for (One& one : nodes_) {
    if (one.node != nullptr) one.node->Stop(/*remove_pods=*/false).IgnoreError();
  }
  loop_->Stop();
  // What was there before the last pause is forgotten by all.
  old_nodes_.clear();
  old_loops_.clear();
  MutexLock lock(&mutex_);
  old_loops_.push_back(std::move(loop_));
  old_nodes_ = std::exchange(nodes_, {});
  return states;
}

void LocalNodes::Resume(const std::vector<State>& states) {
  loop_ = loops_->New("skiff-node");
  {
    MutexLock lock(&mutex_);
    nodes_.resize(states.size());
  }
  for (size_t i = 0; i < states.size(); ++i) {
    One& one = nodes_[i];
    node::NodeOptions options = Describe(static_cast<int>(i));
    one.name = options.name;
    one.client = std::make_unique<GatedClient>(client_);
    one.client->Cut(states[i].cut);
    one.simulated_network = std::make_unique<network::SimulatedNetwork>(options.pod_cidr);
    one.simulated_network->Restore(states[i].addresses);
    if (!states[i].alive) continue;
    one.fake_runtime = std::make_unique<runtime::FakeRuntime>(loop_.get());
    one.fake_runtime->Restore(states[i].pods);
    options.memory = states[i].memory;
    StartNode(&one, std::move(options));
  }
}

client::NodeApi* LocalNodes::Find(absl::string_view node_name) {
  MutexLock lock(&mutex_);
  for (One& one : nodes_) {
    if (one.name == node_name) return one.node.get();
  }
  return nullptr;
}

std::vector<std::string> LocalNodes::names() const {
  MutexLock lock(&mutex_);
  std::vector<std::string> out;
  for (const One& one : nodes_) out.push_back(one.name);
  return out;
}

}  // namespace skiff::cluster
