// A client whose calls happen on a loop, wherever they are made: so that what comes from the host
// takes its place among the loop's tasks. Where answers take virtual time, it lets that pass.
//
// Threads: any; StartWatch on the loop only.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "client/client.h"
#include "cluster/virtual_time.h"

namespace skiff::cluster {

class DrivenClient final : public client::Client {
 public:
  // What is given outlives it, and it the loop's tasks. `passing`, if not null, is moved on until
  // each answer has come.
  DrivenClient(client::Client* inner, Executor* loop, VirtualTime* passing = nullptr)
      : inner_(inner), loop_(loop), passing_(passing) {}

  void Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
           Executor* reply_on, client::Callback<api::ObjectPtr> done) override {
    On([this, &resource, name_space = std::move(name_space), name = std::move(name), reply_on,
        done = std::move(done)]() mutable {
      inner_->Get(resource, std::move(name_space), std::move(name), reply_on,
                  Passing(std::move(done)));
    });
  }
  void List(const api::ResourceInfo& resource, client::ListOptions options, Executor* reply_on,
            client::Callback<client::ListResult> done) override {
    On([this, &resource, options = std::move(options), reply_on, done = std::move(done)]() mutable {
      inner_->List(resource, std::move(options), reply_on, Passing(std::move(done)));
    });
  }
  std::unique_ptr<client::Watch> StartWatch(const api::ResourceInfo& resource,
                                            client::WatchOptions options, Executor* reply_on,
                                            client::WatchSink sink) override {
    return inner_->StartWatch(resource, std::move(options), reply_on, std::move(sink));
  }
  void Commit(std::vector<client::Write> writes, Executor* reply_on,
              client::Callback<client::WriteResult> done) override {
    On([this, writes = std::move(writes), reply_on, done = std::move(done)]() mutable {
      inner_->Commit(std::move(writes), reply_on, Passing(std::move(done)));
    });
  }

 private:
  // In the task that asks: time must not pass before it is asked.
  template <typename T>
  client::Callback<T> Passing(client::Callback<T> done) {
    return passing_ == nullptr ? std::move(done) : passing_->Passing(std::move(done));
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
