#include "cluster/open_streams.h"

#include <atomic>

#include "base/status.h"

namespace skiff::cluster {

class OpenStreams::Stream {
 public:
  explicit Stream(OnEnd on_end) : on_end_(std::move(on_end)) {}

  void Hold(std::unique_ptr<Subscription> subscription) {
    MutexLock lock(&mutex_);
    subscription_ = std::move(subscription);
  }

  // The stream's own end, on its loop: the lock is not taken, for Stop waits for the loop under it.
  void End(absl::Status why) {
    if (!ended_.exchange(true) && on_end_) on_end_(std::move(why));
  }

  // With `why`, the host is told. Whoever comes second waits until no callback runs.
  void Stop(const absl::Status* why) {
    MutexLock lock(&mutex_);
    if (subscription_ == nullptr) return;
    subscription_.reset();
    if (why != nullptr) End(*why);
  }

 private:
  const OnEnd on_end_;
  std::atomic<bool> ended_ = false;
  Mutex mutex_;
  std::unique_ptr<Subscription> subscription_ ABSL_GUARDED_BY(mutex_);
};

class OpenStreams::Handle final : public Subscription {
 public:
  explicit Handle(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~Handle() override { stream_->Stop(nullptr); }

 private:
  const std::shared_ptr<Stream> stream_;
};

absl::StatusOr<std::unique_ptr<Subscription>> OpenStreams::Open(
    OnEnd on_end, absl::FunctionRef<absl::StatusOr<std::unique_ptr<Subscription>>(OnEnd)> start) {
  auto stream = std::make_shared<Stream>(std::move(on_end));
  SKIFF_ASSIGN_OR_RETURN(auto subscription,
                         start([stream](absl::Status why) { stream->End(std::move(why)); }));
  stream->Hold(std::move(subscription));
  {
    MutexLock lock(&mutex_);
    std::erase_if(open_, [](const std::weak_ptr<Stream>& one) { return one.expired(); });
    open_.push_back(stream);
  }
  return std::make_unique<Handle>(std::move(stream));
}

void OpenStreams::EndAll(const absl::Status& why) {
  std::vector<std::weak_ptr<Stream>> all;
  {
    MutexLock lock(&mutex_);
    all.swap(open_);
  }
  for (const std::weak_ptr<Stream>& one : all) {
    if (const auto stream = one.lock()) stream->Stop(&why);
  }
}

}  // namespace skiff::cluster
