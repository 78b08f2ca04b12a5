#include "store/disk_writer.h"

#include <utility>

namespace skiff::store {

void DiskWriter::Run(Job job, Done done, absl::Duration delay) {
  auto task = std::make_shared<Task>();
  task->job = std::move(job);
  task->done = std::move(done);
  task->delay = delay;
  queue_.push_back(std::move(task));
  if (queue_.size() == 1) Start();
}

void DiskWriter::Start() {
  const std::shared_ptr<Task> task = queue_.front();
  if (task->delay <= absl::ZeroDuration()) return Execute(task);
  executor_->PostAfter(task->delay / 2, [this, task, alive = alive_] {
    if (*alive && !task->started) Execute(task);
  });
}

void DiskWriter::Execute(const std::shared_ptr<Task>& task) {
  task->started = true;
  pool_->Run([this, task, alive = alive_, executor = executor_] {
    task->result = task->job();
    auto complete = [this, task, alive] {
      if (*alive && !queue_.empty() && queue_.front() == task) Complete(task);
    };
    if (task->delay > absl::ZeroDuration()) {
      executor->PostAfter(task->delay / 2, std::move(complete));
    } else {
      executor->Post(std::move(complete));
    }
    task->ran.Notify();  // Last: whoever waits for it may destroy everything but the task.
  });
}

void DiskWriter::Complete(const std::shared_ptr<Task>& task) {
  queue_.pop_front();
  if (!queue_.empty()) Start();
  std::move(task->done)(std::move(task->result));
}

void DiskWriter::Finish() {
  while (!queue_.empty()) {
    const std::shared_ptr<Task> task = queue_.front();
    if (!task->started) Execute(task);
    task->ran.WaitForNotification();
    if (!queue_.empty() && queue_.front() == task) Complete(task);
  }
  *alive_ = false;
}

}  // namespace skiff::store
