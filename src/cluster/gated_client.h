// A client that can be cut off from the cluster, as a node behind a broken network: calls fail with
// kUnavailable, open watches end with it, until the way is free again.
//
// Threads: as client::Client; Cut from any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "client/client.h"

namespace skiff::cluster {

class GatedClient final : public client::Client {
 public:
  // `inner` outlives it. Its watches must not.
  explicit GatedClient(client::Client* inner) : inner_(inner) {}

  void Cut(bool cut);
  bool cut() const {
    MutexLock lock(&mutex_);
    return cut_;
  }

  void Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
           Executor* reply_on, client::Callback<api::ObjectPtr> done) override;
  void List(const api::ResourceInfo& resource, client::ListOptions options, Executor* reply_on,
            client::Callback<client::ListResult> done) override;
  std::unique_ptr<client::Watch> StartWatch(const api::ResourceInfo& resource,
                                            client::WatchOptions options, Executor* reply_on,
                                            client::WatchSink sink) override;
  void Commit(std::vector<client::Write> writes, Executor* reply_on,
              client::Callback<client::WriteResult> done) override;

 private:
  struct Sink;
  class Handle;

  client::Client* const inner_;
  mutable Mutex mutex_;
  bool cut_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<Sink>> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skiff::cluster
