// A client whose calls happen on a loop, wherever they are made: so that what comes from the host
// takes its place among the loop's tasks. Where answers take virtual time, it lets that pass.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/executor.h"
#include "base/mutex.h"
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
    if (loop_->InLoop()) {
      return inner_->StartWatch(resource, std::move(options), reply_on, std::move(sink));
    }
    auto relay = std::make_shared<Relay>();
    relay->reply_on = reply_on;
    relay->sink = std::move(sink);
    loop_->Post([this, &resource, options = std::move(options), relay]() mutable {
      if (relay->Closed()) return;
      relay->inner = inner_->StartWatch(
          resource, std::move(options), loop_,
          {[relay](std::vector<client::WatchEvent> events) {
             relay->Pass([events = std::move(events)](const client::WatchSink& to) mutable {
               to.on_events(std::move(events));
             });
           },
           [relay](absl::Status why) {
             relay->Pass([why = std::move(why)](const client::WatchSink& to) {
               const auto on_end = to.on_end;  // It may destroy the watch.
               on_end(why);
             });
             relay->inner.reset();
           }});
    });
    return std::make_unique<RelayedWatch>(std::move(relay), loop_);
  }
  void Commit(std::vector<client::Write> writes, Executor* reply_on,
              client::Callback<client::WriteResult> done) override {
    On([this, writes = std::move(writes), reply_on, done = std::move(done)]() mutable {
      inner_->Commit(std::move(writes), reply_on, Passing(std::move(done)));
    });
  }

 private:
  // A watch between the loop and another one.
  struct Relay : std::enable_shared_from_this<Relay> {
    Executor* reply_on;
    client::WatchSink sink;                // Called there.
    std::unique_ptr<client::Watch> inner;  // The loop's.
    Mutex mutex;
    bool closed ABSL_GUARDED_BY(mutex) = false;  // From then on there may be no reply_on.

    bool Closed() {
      MutexLock lock(&mutex);
      return closed;
    }
    void Pass(absl::AnyInvocable<void(const client::WatchSink& to)> call) {
      MutexLock lock(&mutex);
      if (closed) return;
      reply_on->Post([self = shared_from_this(), call = std::move(call)]() mutable {
        if (!self->Closed()) call(self->sink);
      });
    }
  };
  class RelayedWatch final : public client::Watch {
   public:
    RelayedWatch(std::shared_ptr<Relay> relay, Executor* loop)
        : relay_(std::move(relay)), loop_(loop) {}
    ~RelayedWatch() override {
      {
        MutexLock lock(&relay_->mutex);
        relay_->closed = true;
      }
      loop_->Post([relay = std::move(relay_)] { relay->inner.reset(); });
    }

   private:
    std::shared_ptr<Relay> relay_;
    Executor* const loop_;
  };

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
