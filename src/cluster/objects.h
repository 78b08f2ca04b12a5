// Cluster's object calls over the in-process Client: apply, create, get, list, delete, wait.
//
// Threads: any but the loop's; calls block.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/client.h"
#include "skiff/cluster.h"

namespace skiff::cluster {

// kInvalidArgument quotes the selector that cannot be read.
absl::Status CheckSelectors(const ListQuery& query, const api::ResourceInfo& resource);

class Objects {
 public:
  // Answers come on `loop`. Both outlive it.
  Objects(client::Client* client, Executor* loop) : client_(client), loop_(loop) {}

  absl::StatusOr<std::vector<Applied>> Apply(const std::string& manifest,
                                             const std::string& name_space);
  absl::StatusOr<std::string> Create(const std::string& manifest, const std::string& name_space);
  absl::StatusOr<api::ObjectPtr> Get(const ObjectRef& object);
  absl::StatusOr<client::ListResult> List(const ListQuery& query);
  // As a List object.
  absl::StatusOr<std::string> ListJson(const ListQuery& query);
  // Replaces the one object of a manifest, or of its parts the one of that subresource ("status").
  absl::StatusOr<std::string> Update(const std::string& manifest, const std::string& name_space,
                                     const std::string& subresource);
  absl::Status Delete(const ObjectRef& object, std::optional<int64_t> grace_period_seconds);
  absl::Status Wait(const ObjectRef& object, const std::string& condition, absl::Duration timeout);
  // Until `holds` is true of the object. `what` names it in the error.
  absl::Status WaitUntil(const ObjectRef& object, std::function<bool(const api::Object&)> holds,
                         const std::string& what, absl::Duration timeout);

  // Ends every wait, those to come as well, with `why`.
  void EndWaits(const absl::Status& why);

 private:
  // One call that waits.
  struct Waiter {
    Mutex mutex;
    CondVar changed;
    bool done ABSL_GUARDED_BY(mutex) = false;
    absl::Status result ABSL_GUARDED_BY(mutex);

    void Finish(absl::Status status) {
      MutexLock lock(&mutex);
      if (!std::exchange(done, true)) result = std::move(status);
      changed.NotifyAll();
    }
  };
  class Waiting;
  struct Watched {
    bool gone;
    api::ObjectPtr object;
  };
  absl::Status WatchUntil(const api::ResourceInfo& resource, const ObjectRef& object,
                          std::function<std::optional<absl::Status>(const Watched&)> look,
                          std::function<std::string()> describe, const std::string& what,
                          absl::Duration timeout, bool may_come);
  absl::StatusOr<api::ObjectPtr> Find(const api::ResourceInfo& resource,
                                      const std::string& name_space, const std::string& name);
  absl::StatusOr<client::WriteResult> Commit(client::Write write);
  absl::StatusOr<Applied> ApplyOne(const std::string& json, const std::string& name_space);
  absl::StatusOr<std::string> CreateOne(const std::string& json, const std::string& name_space);
  absl::StatusOr<std::string> UpdateOne(const std::string& json, const std::string& name_space,
                                        const std::string& subresource);
  absl::StatusOr<Applied::Outcome> Bring(const api::ObjectPtr& live, const std::string& applied);

  client::Client* const client_;
  Executor* const loop_;
  Mutex mutex_;
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);  // Not OK once EndWaits was called.
  std::set<Waiter*> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skiff::cluster
