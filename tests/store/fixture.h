// Stores, objects and children for the tests of this room.
#pragma once

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/notification.h"
#include "base/sim_executor.h"
#include "base/uv_executor.h"
#include "store/store.h"
#include "tests/temp_dir.h"

namespace skiff::store {

inline std::string MapKey(const std::string& name, const std::string& name_space = "default") {
  return Key(api::ResourceOf<corev1::ConfigMap>(), name_space, name);
}

inline api::MessagePtr Map(const std::string& name, const std::string& value,
                           const std::string& name_space = "default") {
  auto map = std::make_unique<corev1::ConfigMap>();
  map->mutable_metadata()->set_name(name);
  map->mutable_metadata()->set_namespace_(name_space);
  (*map->mutable_data())["value"] = value;
  return map;
}

inline std::string ValueOf(const api::ObjectPtr& object) {
  return object == nullptr ? "(none)" : object->As<corev1::ConfigMap>().data().at("value");
}

inline Txn PutTxn(const std::string& name, const std::string& value,
                  const std::string& name_space = "default") {
  Txn txn;
  txn.ops.push_back(Op::Put(MapKey(name, name_space), Map(name, value, name_space)));
  return txn;
}

inline Txn DeleteTxn(const std::string& name) {
  Txn txn;
  txn.ops.push_back(Op::Delete(MapKey(name)));
  return txn;
}

inline StoreOptions In(const std::string& dir) {
  StoreOptions options;
  options.data_dir = dir;
  return options;
}

// A store in a simulation: every test that need not be on threads.
class SimStore {
 public:
  explicit SimStore(StoreOptions options = {}) {
    auto opened = Store::Open(std::move(options), loop.get(), &sim.pool(), Logger(), &metrics);
    INFO(opened.status());
    REQUIRE(opened.ok());
    store = *std::move(opened);
  }
  ~SimStore() {
    store.reset();
    sim.RunDue();
  }

  absl::StatusOr<TxnResult> Commit(Txn txn) {
    std::optional<absl::StatusOr<TxnResult>> out;
    store->Commit(std::move(txn),
                  [&](absl::StatusOr<TxnResult> result) { out = std::move(result); });
    REQUIRE(sim.RunDue());
    REQUIRE(out.has_value());
    return *std::move(out);
  }
  // The revision.
  uint64_t Put(const std::string& name, const std::string& value,
               const std::string& name_space = "default") {
    const auto result = Commit(PutTxn(name, value, name_space));
    REQUIRE(result.ok());
    REQUIRE(result->applied);
    return result->revision;
  }
  std::string Value(const std::string& name) {
    return ValueOf(store->snapshot()->Get(MapKey(name)));
  }

  Simulation sim{1};
  std::unique_ptr<Executor> loop = sim.NewLoop();
  Metrics metrics;
  std::unique_ptr<Store> store;
};

inline absl::Status OpenStatus(const std::string& dir) {
  Simulation sim(1);
  const auto loop = sim.NewLoop();
  Metrics metrics;
  return Store::Open(In(dir), loop.get(), &sim.pool(), Logger(), &metrics).status();
}

// A store as in production: a loop and a pool of threads.
class LiveStore {
 public:
  explicit LiveStore(const std::string& dir) {
    StoreOptions options;
    options.data_dir = dir;
    auto opened = Store::Open(std::move(options), &loop, &pool, Logger(), &metrics);
    INFO(opened.status());
    REQUIRE(opened.ok());
    store = *std::move(opened);
  }
  ~LiveStore() { store->Close(); }

  absl::StatusOr<TxnResult> Commit(Txn txn) {
    std::optional<absl::StatusOr<TxnResult>> out;
    Notification answered;
    store->Commit(std::move(txn), [&](absl::StatusOr<TxnResult> result) {
      out = std::move(result);
      answered.Notify();
    });
    answered.WaitForNotification();
    return *std::move(out);
  }

  Metrics metrics;
  ThreadPool pool{2};
  UvExecutor loop{"store-test"};
  std::unique_ptr<Store> store;
};

// What a watch saw.
struct Seen {
  std::vector<std::string> events;  // "+name=value@revision", "-name@revision"
  std::vector<absl::Status> ends;
  size_t batches = 0;

  WatchSink Sink() {
    return {[this](std::shared_ptr<const std::vector<Event>> batch) {
              ++batches;
              CHECK(!batch->empty());
              for (const Event& event : *batch) events.push_back(Text(event));
            },
            [this](absl::Status status) { ends.push_back(std::move(status)); }};
  }
  static std::string Text(const Event& event) {
    const std::string name = event.object->meta().name();
    CHECK(event.object->revision() == event.revision);
    if (event.type == Event::Type::kDelete) return absl::StrCat("-", name, "@", event.revision);
    return absl::StrCat("+", name, "=", ValueOf(event.object), "@", event.revision);
  }
};

// Runs the hidden test case `name` of this program in a process of its own, with `argument` in
// SKIFF_TEST_ARGUMENT. Such cases stand in files that are no *_test.cc: CTest runs a file by its
// tag, which picks hidden cases as well.
class Child {
 public:
  Child(const std::string& name, const std::string& argument) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const std::string variable = "SKIFF_TEST_ARGUMENT=" + argument;
    char self[] = "/proc/self/exe";
    std::vector<std::string> arguments = {self, name};
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], 3);
      if (ends[0] != 3) close(ends[0]);
      if (ends[1] != 3) close(ends[1]);
      char* argv[] = {self, arguments[1].data(), nullptr};
      char* environment[] = {const_cast<char*>(variable.c_str()), nullptr};
      execve(self, argv, environment);
      _exit(127);
    }
    REQUIRE(pid_ > 0);
    close(ends[1]);
    output_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) Kill();
    close(output_);
  }

  // Read end of what the child writes to descriptor 3.
  int output() const { return output_; }
  void Kill() {
    kill(pid_, SIGKILL);
    Wait();
  }
  // The exit code; -1 if a signal ended it.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

// For the hidden case itself. Run without its parent it ends here, before it touches anything.
inline std::string ChildArgument() {
  const char* value = getenv("SKIFF_TEST_ARGUMENT");
  REQUIRE(value != nullptr);
  return value;
}

}  // namespace skiff::store
