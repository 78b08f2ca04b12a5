// A client whose calls happen on a loop, wherever they are made: so that what comes from the host
// takes its place among the loop's tasks.
//
// Threads: any; StartWatch on the loop only.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "client/client.h"

namespace skiff::cluster {

class DrivenClient final : public client::Client {
 public:
  // Both outlive it.
  DrivenClient(client::Client* inner, Executor* loop) : inner_(inner), loop_(loop) {}

  void Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
           Executor* reply_on, client::Callback<api::ObjectPtr> done) override {
    On([inner = inner_, &resource, name_space = std::move(name_space), name = std::move(name),
        reply_on, done = std::move(done)]() mutable {
      inner->Get(resource, std::move(name_space), std::move(name), reply_on, std::move(done));
    });
  }
  void List(const api::ResourceInfo& resource, client::ListOptions options, Executor* reply_on,
            client::Callback<client::ListResult> done) override {
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
    On([inner = inner_, writes = std::move(writes), reply_on, done = std::move(done)]() mutable {
      inner->Commit(std::move(writes), reply_on, std::move(done));
    });
  }

 private:
  void On(Executor::Task task) {
    if (loop_->InLoop()) return std::move(task)();
    loop_->Post(std::move(task));
  }

  client::Client* const inner_;
  Executor* const loop_;
};

}  // namespace skiff::cluster
