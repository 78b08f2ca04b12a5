// Where the loops of a cluster run and what time it is there: each loop on a thread of its own in
// real time, or all of them on one in virtual time (virtual_time.h).
//
// Threads: any.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "base/uv_executor.h"

namespace skiff::cluster {

class Loop : public Executor {
 public:
  // As UvExecutor::Stop: from another thread; later posts are destroyed without running.
  virtual void Stop() = 0;
  // The libuv loop that it is; null if it is none.
  virtual UvExecutor* uv() { return nullptr; }
};

class Loops {
 public:
  virtual ~Loops() = default;
  // `name` is its thread's, if it has one. Loops end before what made them.
  virtual std::unique_ptr<Loop> New(const std::string& name) = 0;
  virtual WorkPool* pool() = 0;
  virtual const Clock& clock() const = 0;
  virtual Rng NewRng() = 0;
};

// That this process may open as many files as a cluster in real time takes when it starts: loops
// that find no descriptor end the process. kResourceExhausted.
absl::Status CheckDescriptors();

class ThreadLoops final : public Loops {
 public:
  explicit ThreadLoops(int pool_threads) : pool_(pool_threads) {}
  std::unique_ptr<Loop> New(const std::string& name) override {
    return std::make_unique<Thread>(name);
  }
  WorkPool* pool() override { return &pool_; }
  const Clock& clock() const override { return clock_; }
  Rng NewRng() override { return Rng::FromSystem(); }

 private:
  class Thread final : public Loop {
   public:
    explicit Thread(const std::string& name) : uv_(name) {}
    void Post(Task task) override { uv_.Post(std::move(task)); }
    TimerId PostAfter(absl::Duration delay, Task task) override {
      return uv_.PostAfter(delay, std::move(task));
    }
    void Cancel(TimerId timer) override { uv_.Cancel(timer); }
    bool InLoop() const override { return uv_.InLoop(); }
    const Clock& clock() const override { return uv_.clock(); }
    Rng& rng() override { return uv_.rng(); }
    void Stop() override { uv_.Stop(); }
    UvExecutor* uv() override { return &uv_; }

   private:
    UvExecutor uv_;
  };

  ThreadPool pool_;
  SystemClock clock_;
};

}  // namespace skiff::cluster
