// A whole cluster on one thread in virtual time: store, API server, controllers, scheduler, and
// nodes with the fake runtime, whose pods do what their annotations say. The same seed gives the
// same history.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apiserver/rest/server.h"
#include "base/sim_executor.h"
#include "client/event_recorder.h"
#include "controllers/controllers.h"
#include "controllers/plan.h"
#include "node/node.h"
#include "runtime/fake/fake_runtime.h"
#include "scheduler/scheduler.h"
#include "store/store.h"
#include "tests/api/from_json.h"
#include "tests/commit_now.h"

namespace skiff {

class SimCluster {
 public:
  SimCluster(uint64_t seed, int nodes)
      : sim_(seed),
        loop_(sim_.NewLoop()),
        control_loop_(sim_.NewLoop()),
        scheduler_loop_(sim_.NewLoop()),
        node_loop_(sim_.NewLoop()) {
    sim_.PermuteTies(true);
    auto store = store::Store::Open({}, loop_.get(), &sim_.pool(), Logger(), &metrics_);
    REQUIRE(store.ok());
    store_ = *std::move(store);
    server_ = std::make_unique<apiserver::Server>(store_.get(), &sim_.clock(), Rng(seed));
    server_->Bootstrap(loop_.get(), [](absl::StatusOr<uint64_t> done) { REQUIRE(done.ok()); });
    sim_.RunDue();
    controllers_ = std::make_unique<controllers::ControllerManager>(
        server_.get(), control_loop_.get(), Logger(), &metrics_);
    controllers_->Start();
    events_ =
        std::make_unique<client::EventRecorder>(server_.get(), scheduler_loop_.get(), "scheduler");
    scheduler_ = std::make_unique<scheduler::Scheduler>(
        server_.get(), scheduler_loop_.get(),
        [this](const api::Object& pod, absl::string_view type, absl::string_view reason,
               const std::string& message) { events_->Record(pod, type, reason, message); },
        Logger(), &metrics_);
    scheduler_->Start();
    char dir[] = "/tmp/skiff-sim.XXXXXX";
    REQUIRE(mkdtemp(dir) != nullptr);
    dir_ = dir;
    machines_.resize(nodes);
    for (int i = 0; i < nodes; ++i) StartMachine(i);
    Pass(absl::Seconds(1));
  }
  ~SimCluster() {
    machines_.clear();
    scheduler_->Stop();
    controllers_->Stop();
    scheduler_.reset();
    controllers_.reset();
    events_.reset();
    server_.reset();
    store_->Close();
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  static std::string NodeName(int machine) { return absl::StrCat("n", machine); }
  void StartMachine(int index) {
    Machine& machine = machines_[index];
    machine.runtime = std::make_unique<runtime::FakeRuntime>(node_loop_.get());
    node::NodeOptions options;
    options.name = NodeName(index);
    options.state_dir = absl::StrCat(dir_, "/", options.name);
    std::filesystem::create_directories(options.state_dir);
    options.host_ip = absl::StrCat("10.0.0.", index + 1);
    options.cpu_millis = 4000;
    options.memory_bytes = int64_t{8} << 30;
    options.default_runtime = "fake";
    options.runtimes["fake"] = machine.runtime.get();
    machine.node = std::make_unique<node::Node>(options, server_.get(), node_loop_.get(),
                                                &sim_.pool(), Logger(), &metrics_);
    machine.node->Start();
  }
  // The plug is pulled: the machine, and all that ran on it, is gone without a word.
  void LoseMachine(int index) {
    machines_[index].node.reset();
    machines_[index].runtime.reset();
    std::filesystem::remove_all(absl::StrCat(dir_, "/", NodeName(index)));
  }

  absl::StatusOr<client::WriteResult> Commit(client::Write write) {
    return CommitNow(server_.get(), &sim_, loop_.get(), std::move(write));
  }
  template <typename T>
  void Create(const std::string& json) {
    const auto made = Commit(client::Write::Create(std::make_unique<T>(api::FromJson<T>(json))));
    INFO(made.status());
    REQUIRE(made.ok());
  }
  // Of what is there now; a race with somebody else is tried again.
  template <typename T>
  void Edit(const std::string& name, const std::function<void(T*)>& change) {
    for (int i = 0; i < 20; ++i) {
      auto object = Get<T>(name)->template CopyAs<T>();
      change(object.get());
      if (Commit(client::Write::Update(std::move(object))).ok()) return;
    }
    FAIL("every update of " << name << " is refused");
  }
  template <typename T>
  void Delete(const std::string& name) {
    client::Write write = client::Write::Delete(*Get<T>(name));
    write.propagation_policy = "Background";
    REQUIRE(Commit(std::move(write)).ok());
  }
  template <typename T>
  api::ObjectPtr Get(const std::string& name) const {
    const auto found = server_->GetNow(api::ResourceOf<T>(),
                                       api::ResourceOf<T>().namespaced ? "default" : "", name);
    return found.ok() ? *found : nullptr;
  }
  template <typename T>
  std::vector<api::ObjectPtr> All() const {
    const auto list = server_->ListNow(api::ResourceOf<T>(), {}, false);
    REQUIRE(list.ok());
    return list->items;
  }

  void Pass(absl::Duration time) { sim_.RunFor(time); }
  // Until `holds`, looking every 50 ms.
  bool Await(const std::function<bool()>& holds, absl::Duration limit) {
    for (absl::Duration passed; passed < limit; passed += absl::Milliseconds(50)) {
      if (holds()) return true;
      Pass(absl::Milliseconds(50));
    }
    return holds();
  }
  Rng& rng() { return sim_.rng(); }
  absl::Time now() const { return sim_.clock().Now(); }
  uint64_t revision() const { return server_->revision(); }
  // Nothing is left to do for controllers and scheduler, for as long as `within`.
  bool Settled(absl::Duration within) const {
    return controllers_->Settled(within) && scheduler_->Settled();
  }

 private:
  struct Machine {
    std::unique_ptr<runtime::FakeRuntime> runtime;
    std::unique_ptr<node::Node> node;
  };

  Simulation sim_;
  std::unique_ptr<Executor> loop_;  // The store's.
  std::unique_ptr<Executor> control_loop_;
  std::unique_ptr<Executor> scheduler_loop_;
  std::unique_ptr<Executor> node_loop_;
  Metrics metrics_;
  std::string dir_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::Server> server_;
  std::unique_ptr<controllers::ControllerManager> controllers_;
  std::unique_ptr<client::EventRecorder> events_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::vector<Machine> machines_;
};

}  // namespace skiff
