// A client whose calls happen on a loop, wherever they are made: so that what comes from the host
// takes its place among the loop's tasks. Where answers take virtual time, it lets that pass.
//
// Threads: any; StartWatch on the loop only.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "base/executor.h"
#include "client/client.h"
#include "cluster/virtual_time.h"

namespace skiff::cluster {

class DrivenClient final : public client::Client {
 public:
  // What is given outlives it. `passing`, if not null, is moved on until each answer has come.
  DrivenClient(client::Client* inner, Executor* loop, VirtualTime* passing = nullptr)
      : inner_(inner), loop_(loop), passing_(passing) {}

  void Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
           Executor* reply_on, client::Callback<api::ObjectPtr> done) override {
    done = Passing(std::move(done));
    On([inner = inner_, &resource, name_space = std::move(name_space), name = std::move(name),
        reply_on, done = std::move(done)]() mutable {
      inner->Get(resource, std::move(name_space), std::move(name), reply_on, std::move(done));
    });
  }
  void List(const api::ResourceInfo& resource, client::ListOptions options, Executor* reply_on,
            client::Callback<client::ListResult> done) override {
    done = Passing(std::move(done));
    On([inner = inner_, &resource, options = std::move(options), reply_on,
        done = std::move(done)]() mutable {
      inner->List(resource, std::move(options), reply_on, std::move(done));
    });
  }
  std::unique_ptr<client::Watch> StartWatch(const api::ResourceInfo& resource,
                                            client::WatchOptions options, Executor* reply_on,
                                            client::WatchSink sink) override {
    return inner_->StartWatch(resource, std::move(options), reply_on, std::move(sink));
  }
  void Commit(std::vector<client::Write> writes, Executor* reply_on,
              client::Callback<client::WriteResult> done) override {
    done = Passing(std::move(done));
    On([inner = inner_, writes = std::move(writes), reply_on, done = std::move(done)]() mutable {
      inner->Commit(std::move(writes), reply_on, std::move(done));
    });
  }

 private:
  // Lets time pass until it is called, or dropped.
  template <typename T>
  client::Callback<T> Passing(client::Callback<T> done) {
    if (passing_ == nullptr) return done;
    auto over = std::make_shared<std::atomic<bool>>(false);
    auto mark = absl::MakeCleanup([over] { *over = true; });
    loop_->Post([passing = passing_, over] { passing->PassUntil(over); });
    return [done = std::move(done), mark = std::move(mark)](absl::StatusOr<T> result) mutable {
      std::move(done)(std::move(result));
      std::move(mark).Invoke();
    };
  }

  void On(Executor::Task task) {
    if (loop_->InLoop()) return std::move(task)();
    loop_->Post(std::move(task));
  }

  client::Client* const inner_;
  Executor* const loop_;
  VirtualTime* const passing_;
};

}  // namespace skiff::cluster
