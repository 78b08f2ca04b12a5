#include "raft/rocksdb_env.h"

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "base/mutex.h"
#include "base/uv_executor.h"
#include "raft/chunked_file.h"
#include "raft/wal_list.h"

namespace skiff::raft {
namespace {

// To RocksDB an error of a file is final, unless it is for want of space. Want of descriptors
// passes, too.
rocksdb::Status Passing(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (!status.IsIOError() || !absl::StrContains(text, kTooManyFiles)) return status;
  return rocksdb::Status::NoSpace(text);
}

class ThreadedEnv final : public OwnedEnv {
 public:
  ThreadedEnv() : OwnedEnv(rocksdb::Env::Default()) {}
  ~ThreadedEnv() override {
    if (lock_ != nullptr) target()->UnlockFile(lock_).PermitUncheckedError();
  }
  const char* Name() const override { return "skiff"; }

  void Schedule(void (*function)(void*), void* argument, Priority priority, void* tag,
                void (*unscheduled)(void*)) override {
    MutexLock lock(&mutex_);
    // A flush must not wait behind a compaction: each priority has a thread of its own, made when
    // first needed.
    auto& pool = pools_[priority];
    if (pool == nullptr) pool = std::make_unique<ThreadPool>(1);
    const uint64_t id = next_++;
    jobs_.push_back({id, priority, tag, function, argument, unscheduled});
    pool->Run([this, id] { RunJob(id); });
  }

  int UnSchedule(void* tag, Priority priority) override {
    std::vector<Job> dropped;
    {
      MutexLock lock(&mutex_);
      const auto wanted = [&](const Job& job) {
        return job.tag == tag && job.priority == priority;
      };
      std::copy_if(jobs_.begin(), jobs_.end(), std::back_inserter(dropped), wanted);
      std::erase_if(jobs_, wanted);
    }
    for (const Job& job : dropped) {
      if (job.unscheduled != nullptr) job.unscheduled(job.argument);
    }
    return static_cast<int>(dropped.size());
  }

  unsigned int GetThreadPoolQueueLen(Priority priority) const override {
    MutexLock lock(&mutex_);
    return static_cast<unsigned int>(std::count_if(
        jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.priority == priority; }));
  }

  // Without it RocksDB does not poll a full disk for space on a thread of its own, during which
  // nobody else may tell it that there is some; the next write does.
  rocksdb::Status GetFreeSpace(const std::string&, uint64_t*) override {
    return rocksdb::Status::NotSupported();
  }

  rocksdb::Status NewWritableFile(const std::string& path,
                                  std::unique_ptr<rocksdb::WritableFile>* file,
                                  const rocksdb::EnvOptions& options) override {
    const absl::string_view name = absl::string_view(path).substr(path.rfind('/') + 1);
    const uint64_t number = FileNumber(name);
    if (number != 0) {
      const bool log = absl::EndsWith(name, ".log");
      const rocksdb::Status made = NewChunkedFile(path, log ? kWalChunk : kManifestChunk, file);
      if (!made.ok()) return Passing(made);
      MutexLock lock(&logs_mutex_);
      if (!log) manifest_ = number;
      return ListLogs(path, /*without=*/"");
    }
    return Passing(EnvWrapper::NewWritableFile(path, file, options));
  }
  rocksdb::Status DeleteFile(const std::string& path) override {
    const absl::string_view name = absl::string_view(path).substr(path.rfind('/') + 1);
    if (!absl::EndsWith(name, ".log")) return EnvWrapper::DeleteFile(path);
    MutexLock lock(&logs_mutex_);
    const rocksdb::Status listed = ListLogs(path, /*without=*/name);
    return listed.ok() ? EnvWrapper::DeleteFile(path) : listed;
  }
  rocksdb::Status NewSequentialFile(const std::string& path,
                                    std::unique_ptr<rocksdb::SequentialFile>* file,
                                    const rocksdb::EnvOptions& options) override {
    return Passing(EnvWrapper::NewSequentialFile(path, file, options));
  }
  rocksdb::Status NewRandomAccessFile(const std::string& path,
                                      std::unique_ptr<rocksdb::RandomAccessFile>* file,
                                      const rocksdb::EnvOptions& options) override {
    return Passing(EnvWrapper::NewRandomAccessFile(path, file, options));
  }
  rocksdb::Status NewDirectory(const std::string& path,
                               std::unique_ptr<rocksdb::Directory>* directory) override {
    return Passing(EnvWrapper::NewDirectory(path, directory));
  }

  rocksdb::Status LockAhead(const std::string& dir) override {
    lock_path_ = dir + "/LOCK";
    return target()->LockFile(lock_path_, &lock_);
  }
  rocksdb::Status LockFile(const std::string& path, rocksdb::FileLock** lock) override {
    if (lock_ == nullptr || path != lock_path_) return target()->LockFile(path, lock);
    *lock = std::exchange(lock_, nullptr);
    return rocksdb::Status::OK();
  }

  void SetBackgroundThreads(int, Priority) override {}
  int GetBackgroundThreads(Priority) override { return 1; }
  void IncBackgroundThreadsIfNeeded(int, Priority) override {}

 private:
  struct Job {
    uint64_t id;
    Priority priority;
    void* tag;
    void (*function)(void*);
    void* argument;
    void (*unscheduled)(void*);
  };

  // Which logs there are in the directory of `path`, but for the one called `without`.
  rocksdb::Status ListLogs(const std::string& path, absl::string_view without)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(logs_mutex_) {
    const absl::Status listed = WriteWalList(path.substr(0, path.rfind('/')), manifest_, without);
    return listed.ok() ? rocksdb::Status::OK()
                       : Passing(rocksdb::Status::IOError(std::string(listed.message())));
  }

  void RunJob(uint64_t id) {
    Job job;
    {
      MutexLock lock(&mutex_);
      const auto it = std::find_if(jobs_.begin(), jobs_.end(),
                                   [&](const Job& candidate) { return candidate.id == id; });
      if (it == jobs_.end()) return;  // Unscheduled.
      job = *it;
      jobs_.erase(it);
    }
    job.function(job.argument);
  }

  std::string lock_path_;
  rocksdb::FileLock* lock_ = nullptr;  // Until DB::Open takes it.
  Mutex logs_mutex_;
  uint64_t manifest_ ABSL_GUARDED_BY(logs_mutex_) = 0;  // The last one made.
  mutable Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  // Last: destroyed first, which joins the threads.
  std::unique_ptr<ThreadPool> pools_[TOTAL];
};

}  // namespace

std::unique_ptr<OwnedEnv> NewOwnedEnv() { return std::make_unique<ThreadedEnv>(); }

}  // namespace skiff::raft
