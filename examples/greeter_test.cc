// A controller as a plain client, which watches and applies from a thread of its own, and its
// tests.
//
// It keeps a Deployment for every ConfigMap that has the label "greeting". The tests run it in
// virtual time against failures that would be hard to come by elsewhere.
//
//   c++ -std=c++20 examples/greeter_test.cc -Iinclude -Lbuild -lskiff -Wl,-rpath,build
//       $(pkg-config --libs absl_status absl_statusor absl_time) -o greeter_test && ./greeter_test
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "skiff/testing.h"

namespace {

const absl::Duration kSoon = absl::Seconds(30);

// The name of an object: enough of a JSON reader for this example.
std::string NameOf(const std::string& json) {
  const size_t at = json.find("\"name\":\"") + 8;
  return json.substr(at, json.find('"', at) - at);
}

class Greeter {
 public:
  explicit Greeter(skiff::Cluster* cluster) : cluster_(cluster), worker_([this] { Work(); }) {
    watch_ = skiff::testing::Must(cluster->Watch(
        {"configmaps", "default", "greeting", ""},
        [this](const skiff::WatchEvent& event) {
          if (event.type != skiff::WatchEvent::Type::kDeleted) Enqueue(NameOf(event.object_json));
        },
        [](const absl::Status&) {}));
  }
  ~Greeter() {
    watch_.reset();
    Enqueue("");
    worker_.join();
  }

 private:
  // A watch must not block: what it saw is dealt with by the worker.
  void Enqueue(std::string name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(name));
    changed_.notify_one();
  }

  void Work() {
    while (true) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return !queue_.empty(); });
      const std::string name = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      if (name.empty()) return;
      if (!Reconcile(name).ok()) Enqueue(name);
    }
  }

  absl::Status Reconcile(const std::string& name) {
    return cluster_
        ->Apply(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":")" + name +
                R"("},"spec":{"replicas":2,"selector":{"matchLabels":{"greets":")" + name +
                R"("}},"template":{"metadata":{"labels":{"greets":")" + name +
                R"("}},"spec":{"containers":[{"name":"greeter","image":"greeter:v1"}]}}}})")
        .status();
  }

  skiff::Cluster* const cluster_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  std::thread worker_;
  std::unique_ptr<skiff::Subscription> watch_;
};

struct TwoNodes {
  static skiff::ClusterOptions Options() {
    skiff::ClusterOptions options = skiff::testing::VirtualOptions();
    options.nodes = 2;
    return options;
  }
  static void Prepare(skiff::Cluster&) {}
};

class Greetings : public skiff::testing::ClusterFixture<TwoNodes> {
 protected:
  void Greet(const std::string& name) {
    Must(cluster().Create(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name +
                          R"(","labels":{"greeting":"yes"}}})"));
  }
  // The greeter is a thread: for what it does, real time is waited.
  void Await(const std::string& name) {
    Must(cluster().Wait({"deployment", "default", name}, "create", kSoon));
    Must(cluster().Wait({"deployment", "default", name}, "condition=Available", kSoon));
  }

  Greeter greeter_{&cluster()};
};

}  // namespace

TEST_CASE_METHOD(Greetings, "EveryConfigMapWithTheLabelGetsItsDeployment") {
  Greet("hello");
  Await("hello");
  Must(cluster().Settle(kSoon));
  Must(cluster().AssertIdle(absl::Minutes(10)));
}

TEST_CASE_METHOD(Greetings, "AWriteThatFailsIsMadeUpFor") {
  Must(cluster().InjectFault(skiff::Fault::FailWrites(2, "create", "deployments")));
  Greet("again");
  Await("again");
}

TEST_CASE_METHOD(Greetings, "GreetingsGoOnWhenANodeDies") {
  Greet("hello");
  Await("hello");
  Must(cluster().InjectFault(skiff::Fault::KillNode("node-0")));
  Must(cluster().Advance(absl::Minutes(10)));
  Must(cluster().Wait({"deployment", "default", "hello"}, "jsonpath={.status.readyReplicas}=2",
                      kSoon));
}
