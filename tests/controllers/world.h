// A cluster without nodes in virtual time: the real API server over an
// in-memory store, and the controllers. Tests play the node: they say which
// pods run, are ready or have ended.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/time.h"
#include "apiserver/rest/server.h"
#include "base/sim_executor.h"
#include "controllers/controllers.h"
#include "store/store.h"
#include "tests/commit_now.h"

namespace skiff::controllers {

class World {
 public:
  explicit World(uint64_t seed = 7, const std::set<std::string>& off = {})
      : sim_(seed), loop_(sim_.NewLoop()) {
    auto store = store::Store::Open({}, loop_.get(), &sim_.pool(), Logger(), &metrics_);
    REQUIRE(store.ok());
    store_ = *std::move(store);
    server_ = std::make_unique<apiserver::Server>(store_.get(), &sim_.clock(), Rng(seed));
    server_->Bootstrap(loop_.get(), [](absl::StatusOr<uint64_t> done) { REQUIRE(done.ok()); });
    sim_.RunDue();
    manager_ =
        std::make_unique<ControllerManager>(server_.get(), loop_.get(), Logger(), &metrics_, off);
    manager_->Start();
    Settle();
  }
  ~World() {
    manager_->Stop();
    manager_.reset();
    server_.reset();
    store_->Close();
    store_.reset();
  }

  absl::StatusOr<client::WriteResult> Commit(client::Write write) {
    return CommitNow(server_.get(), &sim_, loop_.get(), std::move(write));
  }
  api::ObjectPtr Create(api::MessagePtr object) {
    const auto result = Commit(client::Write::Create(std::move(object)));
    INFO(result.status());
    REQUIRE(result.ok());
    return result->objects.at(0);
  }
  void Update(api::MessagePtr object, const std::string& subresource = "") {
    const auto result = Commit(client::Write::Update(std::move(object), subresource));
    INFO(result.status());
    REQUIRE(result.ok());
  }
  void Delete(const api::Object& object, const std::string& policy = "Background") {
    client::Write write = client::Write::Delete(object);
    write.propagation_policy = policy;
    REQUIRE(Commit(std::move(write)).ok());
  }

  // Until the controllers have nothing left to do now. What waits for a time
  // still waits.
  void Settle() {
    for (int i = 0; i < 500; ++i) {
      sim_.RunFor(absl::Milliseconds(20));
      if (manager_->Settled(absl::ZeroDuration())) return;
    }
    FAIL("the controllers do not settle");
  }
  void Pass(absl::Duration time) {
    sim_.RunFor(time);
    Settle();
  }

  template <typename T>
  api::ObjectPtr Get(const std::string& name, const std::string& name_space = "default") const {
    const auto found = server_->GetNow(api::ResourceOf<T>(), name_space, name);
    return found.ok() ? *found : nullptr;
  }
  template <typename T>
  std::vector<api::ObjectPtr> All(const std::string& name_space = "default") const {
    client::ListOptions options;
    options.name_space = name_space;
    const auto list = server_->ListNow(api::ResourceOf<T>(), options, false);
    REQUIRE(list.ok());
    return list->items;
  }

  void Become(const api::ObjectPtr& pod, const std::string& phase, bool ready) {
    auto changed = pod->CopyAs<corev1::Pod>();
    changed->mutable_status()->set_phase(phase);
    corev1::PodCondition* condition = nullptr;
    for (auto& each : *changed->mutable_status()->mutable_conditions()) {
      if (each.type() == "Ready") condition = &each;
    }
    if (condition == nullptr) condition = changed->mutable_status()->add_conditions();
    condition->set_type("Ready");
    condition->set_status(ready ? "True" : "False");
    *condition->mutable_last_transition_time() = api::MakeTime(now());
    Update(std::move(changed), "status");
  }
  // As the scheduler does.
  void Bind(const api::ObjectPtr& pod, const std::string& node = "n1") {
    auto binding = std::make_unique<corev1::Binding>();
    binding->mutable_metadata()->set_name(pod->meta().name());
    binding->mutable_metadata()->set_namespace_(pod->meta().namespace_());
    binding->mutable_target()->set_kind("Node");
    binding->mutable_target()->set_name(node);
    client::Write write;
    write.verb = client::Write::Verb::kCreate;
    write.resource = &api::ResourceOf<corev1::Pod>();
    write.name_space = pod->meta().namespace_();
    write.name = pod->meta().name();
    write.subresource = "binding";
    write.object = std::move(binding);
    REQUIRE(Commit(std::move(write)).ok());
  }
  // A container of the pod ends with that code, and the pod with it.
  // `ahead`: by how much its node's clock is.
  void Exit(const api::ObjectPtr& pod, int code, const std::string& container = "c",
            absl::Duration ahead = absl::ZeroDuration()) {
    auto changed = pod->CopyAs<corev1::Pod>();
    changed->mutable_status()->set_phase(code == 0 ? "Succeeded" : "Failed");
    auto* status = changed->mutable_status()->add_container_statuses();
    status->set_name(container);
    auto* terminated = status->mutable_state()->mutable_terminated();
    terminated->set_exit_code(code);
    *terminated->mutable_finished_at() = api::MakeTime(now() + ahead);
    Update(std::move(changed), "status");
  }
  // The node has stopped what was to be deleted: the pod is over, and may go.
  void FinishDeletion(const std::string& name, int code = 143) {
    Exit(Get<corev1::Pod>(name), code);
    client::Write write = client::Write::Delete(*Get<corev1::Pod>(name));
    write.grace_period_seconds = 0;
    REQUIRE(Commit(std::move(write)).ok());
  }
  // One step of the nodes: every pod that does not run yet runs and is ready.
  // Whether there was one.
  bool RunPods() {
    bool any = false;
    for (const api::ObjectPtr& pod : All<corev1::Pod>()) {
      if (pod->As<corev1::Pod>().status().phase() != "Pending") continue;
      Become(pod, "Running", true);
      any = true;
    }
    Settle();
    return any;
  }

  absl::Time now() const { return sim_.clock().Now(); }
  const ControllerManager& manager() const { return *manager_; }
  apiserver::Server* server() { return server_.get(); }
  std::string metrics() const { return metrics_.Text(); }
  uint64_t revision() const { return server_->revision(); }

 private:
  Simulation sim_;
  std::unique_ptr<Executor> loop_;
  Metrics metrics_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::Server> server_;
  std::unique_ptr<ControllerManager> manager_;
};

inline std::unique_ptr<appsv1::Deployment> WebDeployment(int replicas, const std::string& image) {
  auto out = std::make_unique<appsv1::Deployment>();
  out->mutable_metadata()->set_name("web");
  out->mutable_metadata()->set_namespace_("default");
  out->mutable_spec()->set_replicas(replicas);
  (*out->mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "web";
  auto* from = out->mutable_spec()->mutable_template_();
  (*from->mutable_metadata()->mutable_labels())["app"] = "web";
  auto* container = from->mutable_spec()->add_containers();
  container->set_name("c");
  container->set_image(image);
  return out;
}

inline std::unique_ptr<batchv1::Job> WorkJob(int completions, int parallelism) {
  auto out = std::make_unique<batchv1::Job>();
  out->mutable_metadata()->set_name("work");
  out->mutable_metadata()->set_namespace_("default");
  out->mutable_spec()->set_completions(completions);
  out->mutable_spec()->set_parallelism(parallelism);
  auto* spec = out->mutable_spec()->mutable_template_()->mutable_spec();
  spec->set_restart_policy("Never");
  auto* container = spec->add_containers();
  container->set_name("c");
  container->set_image("x");
  return out;
}

}  // namespace skiff::controllers
