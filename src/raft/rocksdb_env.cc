#include "raft/rocksdb_env.h"

#include <stdio.h>
#include <unistd.h>

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

rocksdb::Status FromStatus(const absl::Status& status) {
  if (status.ok()) return rocksdb::Status::OK();
  return Passing(rocksdb::Status::IOError(std::string(status.message())));
}

class ThreadedEnv final : public OwnedEnv {
 public:
  ThreadedEnv() : OwnedEnv(rocksdb::Env::Default()) {}
  ~ThreadedEnv() override {
    if (lock_ != nullptr) target()->UnlockFile(lock_).PermitUncheckedError();
    if (spare_ != nullptr) unlink(spare_path_.c_str());
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
    if (number != 0) return NewRecordFile(path, number, absl::EndsWith(name, ".log"), file);
    return Passing(EnvWrapper::NewWritableFile(path, file, options));
  }
  rocksdb::Status DeleteFile(const std::string& path) override {
    const absl::string_view name = absl::string_view(path).substr(path.rfind('/') + 1);
    if (!absl::EndsWith(name, ".log")) return EnvWrapper::DeleteFile(path);
    MutexLock lock(&logs_mutex_);
    rocksdb::Status listed = OpenList(path);
    if (listed.ok()) listed = FromStatus(logs_->Remove(FileNumber(name)));
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
    spare_path_ = dir + "/next.log.new";
    return target()->LockFile(lock_path_, &lock_);
  }
  rocksdb::Status PrepareLog() override {
    MutexLock lock(&logs_mutex_);
    if (spare_ != nullptr) return rocksdb::Status::OK();
    return Passing(MakeChunkedFile(spare_path_, spare_path_, kWalChunk, &spare_));
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

  rocksdb::Status NewRecordFile(const std::string& path, uint64_t number, bool log,
                                std::unique_ptr<rocksdb::WritableFile>* file) {
    MutexLock lock(&logs_mutex_);
    if (log && spare_ != nullptr && rename(spare_path_.c_str(), path.c_str()) == 0) {
      *file = std::move(spare_);
    } else {
      const uint64_t chunk = log ? kWalChunk : kManifestChunk;
      const rocksdb::Status made = NewChunkedFile(path, chunk, file);
      if (!made.ok()) return Passing(made);
    }
    const rocksdb::Status open = OpenList(path);
    if (!open.ok()) return open;
    return FromStatus(log ? logs_->Add(number) : logs_->NoteManifest(number));
  }

  // Of the directory of `path`, when it is first needed: then that has been looked through.
  rocksdb::Status OpenList(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(logs_mutex_) {
    if (logs_ != nullptr) return rocksdb::Status::OK();
    auto list = WalList::Open(path.substr(0, path.rfind('/')), /*manifest=*/0);
    if (list.ok()) logs_ = *std::move(list);
    return FromStatus(list.status());
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
  std::string spare_path_;
  Mutex logs_mutex_;
  std::unique_ptr<WalList> logs_ ABSL_GUARDED_BY(logs_mutex_);
  std::unique_ptr<rocksdb::WritableFile> spare_ ABSL_GUARDED_BY(logs_mutex_);
  mutable Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  // Last: destroyed first, which joins the threads.
  std::unique_ptr<ThreadPool> pools_[TOTAL];
};

}  // namespace

std::unique_ptr<OwnedEnv> NewOwnedEnv() { return std::make_unique<ThreadedEnv>(); }

}  // namespace skiff::raft
