#include "base/uv_executor.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

#include "base/status.h"

namespace skiff {
namespace {

// Threads of a library must not take the host's signals.
std::thread SpawnWithoutSignals(std::string name, absl::AnyInvocable<void()> body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([name = std::move(name), body = std::move(body)]() mutable {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    body();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

UvExecutor::UvExecutor(std::string name) : name_(std::move(name)), rng_(Rng::FromSystem()) {
  SKIFF_CHECK(uv_loop_init(&loop_) == 0);
  wake_.data = this;
  again_.data = this;
  timer_.data = this;
  SKIFF_CHECK(uv_async_init(&loop_, &wake_, [](uv_async_t* handle) {
                static_cast<UvExecutor*>(handle->data)->Drain();
              }) == 0);
  SKIFF_CHECK(uv_idle_init(&loop_, &again_) == 0);
  SKIFF_CHECK(uv_timer_init(&loop_, &timer_) == 0);
  thread_ = SpawnWithoutSignals(name_, [this] { Run(); });
}

UvExecutor::~UvExecutor() { Stop(); }

void UvExecutor::Run() {
  uv_run(&loop_, UV_RUN_DEFAULT);
  SKIFF_CHECK(uv_loop_close(&loop_) == 0);
}

void UvExecutor::Stop() {
  if (!thread_.joinable()) return;
  SKIFF_CHECK(!InLoop());
  Post([this] {
    stopping_ = true;
    // Users close their own handles before they stop the loop; what they left is closed here so
    // that no descriptor outlives it.
    uv_walk(
        &loop_,
        [](uv_handle_t* handle, void*) {
          if (!uv_is_closing(handle)) uv_close(handle, nullptr);
        },
        nullptr);
  });
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
  }
  thread_.join();
  std::vector<Task> tasks;
  std::map<std::pair<absl::Duration, TimerId>, Task> timers;
  MutexLock lock(&mutex_);
  tasks.swap(tasks_);
  timers.swap(timers_);
  deadlines_.clear();
}

void UvExecutor::Post(Task task) {
  MutexLock lock(&mutex_);
  if (stopped_) return;
  const bool first = tasks_.empty();
  tasks_.push_back(std::move(task));
  if (first && !awake_) uv_async_send(&wake_);
}

void UvExecutor::Drain() {
  std::vector<Task> tasks;
  {
    MutexLock lock(&mutex_);
    tasks.swap(tasks_);
    awake_ = true;
  }
  for (Task& task : tasks) {
    std::move(task)();
    task = nullptr;
  }
  if (stopping_) return;
  ArmTimer();
  MutexLock lock(&mutex_);
  awake_ = !tasks_.empty();
  if (awake_) {
    uv_idle_start(&again_,
                  [](uv_idle_t* handle) { static_cast<UvExecutor*>(handle->data)->Drain(); });
  } else {
    uv_idle_stop(&again_);
  }
}

Executor::TimerId UvExecutor::PostAfter(absl::Duration delay, Task task) {
  const absl::Duration deadline = clock_.Monotonic() + std::max(delay, absl::ZeroDuration());
  MutexLock lock(&mutex_);
  if (stopped_) return 0;
  const TimerId id = next_timer_++;
  const auto it = timers_.emplace(std::make_pair(deadline, id), std::move(task)).first;
  deadlines_[id] = deadline;
  // Only a timer that has become the earliest changes when the loop must wake.
  if (it == timers_.begin()) uv_async_send(&wake_);
  return id;
}

void UvExecutor::Cancel(TimerId timer) {
  Task dropped;  // Destroyed without the lock: a task may own anything.
  MutexLock lock(&mutex_);
  const auto it = deadlines_.find(timer);
  if (it == deadlines_.end()) return;
  const auto entry = timers_.find({it->second, timer});
  dropped = std::move(entry->second);
  timers_.erase(entry);
  deadlines_.erase(it);
}

void UvExecutor::ArmTimer() {
  absl::Duration next;
  {
    MutexLock lock(&mutex_);
    if (timers_.empty()) {
      uv_timer_stop(&timer_);
      return;
    }
    next = timers_.begin()->first.first;
  }
  const absl::Duration wait = std::max(next - clock_.Monotonic(), absl::ZeroDuration());
  uv_update_time(&loop_);
  uv_timer_start(
      &timer_, [](uv_timer_t* handle) { static_cast<UvExecutor*>(handle->data)->FireTimers(); },
      absl::ToInt64Milliseconds(wait + absl::Milliseconds(1) - absl::Nanoseconds(1)), 0);
}

void UvExecutor::FireTimers() {
  const absl::Duration now = clock_.Monotonic();
  while (!stopping_) {
    Task task;
    {
      MutexLock lock(&mutex_);
      if (timers_.empty() || timers_.begin()->first.first > now) break;
      deadlines_.erase(timers_.begin()->first.second);
      task = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
    }
    std::move(task)();
  }
  if (!stopping_) ArmTimer();
}

bool UvExecutor::InLoop() const { return std::this_thread::get_id() == thread_.get_id(); }

ThreadPool::ThreadPool(int threads) {
  for (int i = 0; i < threads; ++i) {
    threads_.push_back(SpawnWithoutSignals("skiff-work", [this] { Loop(); }));
  }
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Run(Executor::Task work) {
  MutexLock lock(&mutex_);
  queue_.push_back(std::move(work));
  changed_.NotifyOne();
}

void ThreadPool::Loop() {
  while (true) {
    Executor::Task work;
    {
      MutexLock lock(&mutex_);
      changed_.Await(
          &mutex_, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.erase(queue_.begin());
    }
    std::move(work)();
  }
}

}  // namespace skiff
