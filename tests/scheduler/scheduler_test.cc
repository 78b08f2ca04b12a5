// The scheduler over the real API server, in virtual time.
#include "scheduler/scheduler.h"

#include <catch2/catch.hpp>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "apiserver/rest/server.h"
#include "base/sim_executor.h"
#include "store/store.h"

namespace skiff::scheduler {
namespace {

class World {
 public:
  World() : loop_(sim_.NewLoop()) {
    auto store = store::Store::Open({}, loop_.get(), &sim_.pool(), Logger(), &metrics_);
    REQUIRE(store.ok());
    store_ = *std::move(store);
    server_ = std::make_unique<apiserver::Server>(store_.get(), &sim_.clock(), Rng(7));
    server_->Bootstrap(loop_.get(), [](absl::StatusOr<uint64_t> done) { REQUIRE(done.ok()); });
    sim_.RunDue();
    scheduler_ = std::make_unique<Scheduler>(
        server_.get(), loop_.get(),
        [this](const api::Object& pod, absl::string_view, absl::string_view reason,
               const std::string& message) {
          told_.push_back(absl::StrCat(pod.meta().name(), " ", reason, ": ", message));
        },
        Logger(), &metrics_);
    CHECK_FALSE(scheduler_->Settled());
    scheduler_->Start();
    Settle();
  }
  ~World() {
    scheduler_->Stop();
    scheduler_.reset();
    server_.reset();
    store_->Close();
    store_.reset();
  }

  void Settle() {
    for (int i = 0; i < 100; ++i) {
      sim_.RunFor(absl::Milliseconds(20));
      if (scheduler_->Settled()) return;
    }
    FAIL("the scheduler does not settle");
  }
  void Commit(client::Write write) {
    std::vector<client::Write> writes;
    writes.push_back(std::move(write));
    absl::Status status = absl::UnknownError("no answer");
    server_->Commit(std::move(writes), loop_.get(),
                    [&](absl::StatusOr<client::WriteResult> result) { status = result.status(); });
    sim_.RunDue();
    INFO(status);
    REQUIRE(status.ok());
    Settle();
  }
  void AddNode(const std::string& name, const std::string& cpu) {
    auto node = std::make_unique<corev1::Node>();
    node->mutable_metadata()->set_name(name);
    (*node->mutable_metadata()->mutable_labels())["kubernetes.io/hostname"] = name;
    auto& allocatable = *node->mutable_status()->mutable_allocatable();
    allocatable["cpu"].set_string(cpu);
    allocatable["pods"].set_string("110");
    const auto status = node->status();
    Commit(client::Write::Create(std::move(node)));
    auto changed =
        server_->GetNow(api::ResourceOf<corev1::Node>(), "", name).value()->CopyAs<corev1::Node>();
    *changed->mutable_status() = status;
    Commit(client::Write::Update(std::move(changed), "status"));
  }
  std::unique_ptr<corev1::Pod> MakePod(const std::string& name, const std::string& cpu) {
    auto pod = std::make_unique<corev1::Pod>();
    pod->mutable_metadata()->set_name(name);
    pod->mutable_metadata()->set_namespace_("default");
    (*pod->mutable_metadata()->mutable_labels())["app"] = name;
    auto* container = pod->mutable_spec()->add_containers();
    container->set_name("c");
    container->set_image("x");
    (*container->mutable_resources()->mutable_requests())["cpu"].set_string(cpu);
    return pod;
  }
  api::ObjectPtr Pod(const std::string& name) {
    return server_->GetNow(api::ResourceOf<corev1::Pod>(), "default", name).value();
  }
  std::string NodeOf(const std::string& name) {
    return Pod(name)->As<corev1::Pod>().spec().node_name();
  }
  bool Told(const std::string& what) const {
    return std::find(told_.begin(), told_.end(), what) != told_.end();
  }
  const std::vector<std::string>& told() const { return told_; }

 private:
  Simulation sim_{7};
  std::unique_ptr<Executor> loop_;
  Metrics metrics_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::Server> server_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::string> told_;
};

TEST_CASE("APodThatFitsNowhereSaysWhyAndWaits") {
  World world;
  world.Commit(client::Write::Create(world.MakePod("a", "2")));
  CHECK(world.Told("a FailedScheduling: no nodes available to schedule pods"));
  world.AddNode("small", "1");
  CHECK(world.NodeOf("a").empty());
  const std::string why =
      "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 "
      "Preemption is not helpful for scheduling.";
  CHECK(world.Told("a FailedScheduling: " + why));
  const auto& condition = world.Pod("a")->As<corev1::Pod>().status().conditions(0);
  CHECK(condition.type() == "PodScheduled");
  CHECK(condition.reason() == "Unschedulable");
  CHECK(condition.message() == why);
  world.AddNode("large", "4");
  CHECK(world.NodeOf("a") == "large");
  CHECK(world.Told("a Scheduled: Successfully assigned default/a to large"));
}

TEST_CASE("APodThatWantsANeighbourWaitsForIt") {
  World world;
  world.AddNode("n1", "1");
  world.AddNode("n2", "4");
  auto pod = world.MakePod("web", "1");
  auto* term = pod->mutable_spec()
                   ->mutable_affinity()
                   ->mutable_pod_affinity()
                   ->add_required_during_scheduling_ignored_during_execution();
  term->set_topology_key("kubernetes.io/hostname");
  (*term->mutable_label_selector()->mutable_match_labels())["app"] = "db";
  world.Commit(client::Write::Create(std::move(pod)));
  CHECK(world.NodeOf("web").empty());
  CHECK(
      world.Told("web FailedScheduling: 0/2 nodes are available: 2 node(s) didn't match pod "
                 "affinity rules. preemption: 0/2 nodes are available: 2 Preemption is not "
                 "helpful for scheduling."));
  world.Commit(client::Write::Create(world.MakePod("db", "2")));
  CHECK(world.NodeOf("db") == "n2");
  CHECK(world.NodeOf("web") == "n2");
}

TEST_CASE("APodThatKeepsOthersAwayIsHeardByThemToo") {
  World world;
  world.AddNode("n1", "4");
  auto pod = world.MakePod("alone", "1");
  auto* term = pod->mutable_spec()
                   ->mutable_affinity()
                   ->mutable_pod_anti_affinity()
                   ->add_required_during_scheduling_ignored_during_execution();
  term->set_topology_key("kubernetes.io/hostname");
  (*term->mutable_label_selector()->mutable_match_labels())["app"] = "loud";
  world.Commit(client::Write::Create(std::move(pod)));
  world.Commit(client::Write::Create(world.MakePod("loud", "1")));
  world.Commit(client::Write::Create(world.MakePod("quiet", "1")));
  CHECK(world.NodeOf("alone") == "n1");
  CHECK(world.NodeOf("loud").empty());
  CHECK(world.NodeOf("quiet") == "n1");
  client::Write gone = client::Write::Delete(*world.Pod("alone"));
  gone.grace_period_seconds = 0;
  world.Commit(std::move(gone));
  CHECK(world.NodeOf("loud") == "n1");
}

TEST_CASE("ARuleThatCannotBeJudgedIsNotIgnored") {
  World world;
  world.AddNode("n1", "4");
  auto pod = world.MakePod("web", "1");
  auto* term = pod->mutable_spec()
                   ->mutable_affinity()
                   ->mutable_pod_anti_affinity()
                   ->add_required_during_scheduling_ignored_during_execution();
  term->set_topology_key("kubernetes.io/hostname");
  (*term->mutable_label_selector()->mutable_match_labels())["app"] = "db";
  (*term->mutable_namespace_selector()->mutable_match_labels())["team"] = "x";
  world.Commit(client::Write::Create(std::move(pod)));
  CHECK(world.NodeOf("web").empty());
  REQUIRE(world.told().size() == 1);
  CHECK(absl::StrContains(world.told()[0], "namespaceSelector is not supported by this scheduler"));
}

}  // namespace
}  // namespace skiff::scheduler
