// A node in virtual time: the real API server over an in-memory store, and a node agent over the
// fake runtime. Pods do what their annotations say (runtime/fake/fake_runtime.h).
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/time.h"
#include "apiserver/rest/server.h"
#include "base/sim_executor.h"
#include "network/simulated_network.h"
#include "node/node.h"
#include "runtime/fake/fake_runtime.h"
#include "store/store.h"
#include "tests/api/from_json.h"
#include "tests/commit_now.h"

namespace skiff::node {

// The fake runtime under a name for which the node makes real volumes.
class DiskRuntime final : public runtime::Runtime {
 public:
  explicit DiskRuntime(runtime::FakeRuntime* fake) : fake_(fake) {}
  absl::string_view name() const override { return "process"; }
  void SetListener(runtime::PodChanged listener) override { fake_->SetListener(listener); }
  absl::StatusOr<std::vector<runtime::PodState>> List() override { return fake_->List(); }
  absl::StatusOr<runtime::PodState> StartPod(const runtime::PodSpec& pod) override {
    return fake_->StartPod(pod);
  }
  absl::StatusOr<runtime::ContainerState> StartContainer(
      const std::string& uid, const runtime::ContainerSpec& container) override {
    last = container;
    return fake_->StartContainer(uid, container);
  }
  absl::Status SignalContainer(const std::string& uid, const std::string& name,
                               int signal) override {
    return fake_->SignalContainer(uid, name, signal);
  }
  absl::Status KillContainer(const std::string& uid, const std::string& name) override {
    return fake_->KillContainer(uid, name);
  }
  absl::StatusOr<runtime::PodState> State(const std::string& uid) override {
    return fake_->State(uid);
  }
  absl::StatusOr<runtime::Usage> PodUsage(const std::string& uid) override {
    return fake_->PodUsage(uid);
  }
  absl::StatusOr<ExecResult> Exec(const std::string& uid, const std::string& name,
                                  const std::vector<std::string>& argv,
                                  absl::Duration timeout) override {
    return fake_->Exec(uid, name, argv, timeout);
  }
  absl::Status StopPod(const std::string& uid) override { return fake_->StopPod(uid); }
  absl::Status RemovePod(const std::string& uid) override { return fake_->RemovePod(uid); }

  runtime::ContainerSpec last;  // What was last asked to start.

 private:
  runtime::FakeRuntime* const fake_;
};

class NodeWorld {
 public:
  explicit NodeWorld(uint64_t seed = 7) : sim_(seed), loop_(sim_.NewLoop()) {
    auto store = store::Store::Open({}, loop_.get(), &sim_.pool(), Logger(), &metrics_);
    REQUIRE(store.ok());
    store_ = *std::move(store);
    server_ = std::make_unique<apiserver::Server>(store_.get(), &sim_.clock(), Rng(seed));
    server_->Bootstrap(loop_.get(), [](absl::StatusOr<uint64_t> done) { REQUIRE(done.ok()); });
    sim_.RunDue();
    char dir[] = "/tmp/skiff-node-test.XXXXXX";
    REQUIRE(mkdtemp(dir) != nullptr);
    dir_ = dir;
    runtime_ = std::make_unique<runtime::FakeRuntime>(loop_.get());
    disk_runtime_ = std::make_unique<DiskRuntime>(runtime_.get());
    StartNode();
  }
  ~NodeWorld() {
    node_.reset();
    runtime_.reset();
    server_.reset();
    store_->Close();
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  void StartNode() {
    NodeOptions options;
    options.name = "n1";
    options.state_dir = dir_;
    options.host_ip = "10.0.0.1";
    options.cpu_millis = 4000;
    options.memory_bytes = int64_t{8} << 30;
    options.default_runtime = "fake";
    options.runtimes["fake"] = runtime_.get();
    options.networks["fake"] = &network_;
    if (on_disk_) {
      options.default_runtime = "process";
      options.runtimes = {{"process", disk_runtime_.get()}};
    }
    node_ = std::make_unique<Node>(options, server_.get(), loop_.get(), &sim_.pool(), Logger(),
                                   &metrics_);
    node_->Start();
    Pass(absl::Milliseconds(50));
  }
  // From now on pods have volumes on disk.
  void UseDisk() {
    on_disk_ = true;
    KillNode();
    StartNode();
  }
  DiskRuntime& disk_runtime() { return *disk_runtime_; }
  const std::string& dir() const { return dir_; }
  // The manager ends without a word.
  void KillNode() { node_.reset(); }
  // The machine restarts: nothing of any pod is left.
  void LoseMachine() {
    node_.reset();
    runtime_ = std::make_unique<runtime::FakeRuntime>(loop_.get());
  }

  absl::StatusOr<client::WriteResult> Commit(client::Write write) {
    return CommitNow(server_.get(), &sim_, loop_.get(), std::move(write));
  }
  // A pod bound to the node. `annotations` and `spec` are the insides of JSON objects.
  std::string Run(const std::string& name, const std::string& annotations,
                  const std::string& spec) {
    auto pod = std::make_unique<corev1::Pod>(api::FromJson<corev1::Pod>(
        R"({"metadata":{"name":")" + name + R"(","namespace":"default","annotations":{)" +
        annotations + R"(}},"spec":{"nodeName":"n1",)" + spec + "}}"));
    const auto made = Commit(client::Write::Create(std::move(pod)));
    INFO(made.status());
    REQUIRE(made.ok());
    Pass(absl::Milliseconds(50));
    return made->objects.at(0)->meta().uid();
  }
  // Makes a ConfigMap with one entry, or changes it.
  void Put(const std::string& name, const std::string& key, const std::string& value) {
    auto map = std::make_unique<corev1::ConfigMap>();
    map->mutable_metadata()->set_name(name);
    map->mutable_metadata()->set_namespace_("default");
    (*map->mutable_data())[key] = value;
    const bool exists = server_->GetNow(api::ResourceOf<corev1::ConfigMap>(), "default", name).ok();
    REQUIRE(Commit(exists ? client::Write::Update(std::move(map))
                          : client::Write::Create(std::move(map)))
                .ok());
    Pass(absl::Milliseconds(50));
  }
  void Delete(const std::string& name, std::optional<int64_t> grace = std::nullopt) {
    client::Write write = client::Write::Delete(*Get(name));
    write.grace_period_seconds = grace;
    REQUIRE(Commit(std::move(write)).ok());
    Pass(absl::Milliseconds(50));
  }

  api::ObjectPtr Get(const std::string& name) const {
    const auto found = server_->GetNow(api::ResourceOf<corev1::Pod>(), "default", name);
    return found.ok() ? *found : nullptr;
  }
  corev1::PodStatus Status(const std::string& name) const {
    const api::ObjectPtr pod = Get(name);
    REQUIRE(pod != nullptr);
    return pod->As<corev1::Pod>().status();
  }
  corev1::ContainerStatus Main(const std::string& name) const {
    const corev1::PodStatus status = Status(name);
    REQUIRE(status.container_statuses_size() > 0);
    return status.container_statuses(0);
  }
  // The messages of events with that reason, in order of their names.
  std::vector<std::string> Events(const std::string& reason) const {
    const auto list = server_->ListNow(api::ResourceOf<corev1::Event>(), {}, false);
    REQUIRE(list.ok());
    std::vector<std::string> out;
    for (const api::ObjectPtr& event : list->items) {
      const auto& typed = event->As<corev1::Event>();
      if (typed.reason() == reason) out.push_back(typed.message());
    }
    return out;
  }
  void Pass(absl::Duration time) { sim_.RunFor(time); }
  runtime::FakeRuntime& runtime() { return *runtime_; }
  apiserver::Server& server() { return *server_; }
  absl::Time now() const { return sim_.clock().Now(); }
  Node& node() { return *node_; }

 private:
  Simulation sim_;
  std::unique_ptr<Executor> loop_;
  Metrics metrics_;
  std::string dir_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::Server> server_;
  network::SimulatedNetwork network_{"10.128.0.0/24"};
  std::unique_ptr<runtime::FakeRuntime> runtime_;
  std::unique_ptr<DiskRuntime> disk_runtime_;
  bool on_disk_ = false;
  std::unique_ptr<Node> node_;
};

}  // namespace skiff::node
