// The API server without a wire: what create, update, patch, delete, list and watch mean. It is the
// Client of everything in the process, and what apiserver/http calls for everything outside.
//
//   Server server(store.get(), &clock, Rng::FromSystem());
//   server.Bootstrap(loop, [](absl::StatusOr<uint64_t> revision) { … });
//
// Errors are those of api/errors.h, with Kubernetes' reason and details as payload.
//
// Threads: any. Answers come on the executor that the caller names, never from within the call.
// Nothing here blocks. The store must be closed before the server goes: until then writes are on
// their way.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "apiserver/rest/planner.h"
#include "base/mutex.h"
#include "client/client.h"
#include "store/store.h"

namespace skiff::apiserver {

enum class PatchType { kJson, kMerge, kStrategic, kApply };

// What to do with fields that the schema does not have: Kubernetes' fieldValidation.
enum class FieldValidation { kIgnore, kWarn, kStrict };

struct WriteOptions {
  bool dry_run = false;
  bool owners_settled = false;  // Env has it.
  // Makes the write, a lone one, once more when others got in between and it is planned again; on
  // any thread, until `done` is called. Null: it is copied before each plan.
  std::function<absl::StatusOr<client::Write>()> again = nullptr;
};

struct Written {
  uint64_t revision = 0;
  struct Item {
    api::ObjectPtr object;  // As stored; of what was removed, its last state.
    bool removed = false;
  };
  std::vector<Item> items;  // In the order of the writes.
};

struct PatchRequest {
  const api::ResourceInfo* resource = nullptr;
  std::string name_space;
  std::string name;
  std::string subresource;  // "", "status", "scale"
  PatchType type = PatchType::kStrategic;
  std::string body;     // JSON
  std::string manager;  // Who patches; of an apply, never empty.
  bool force = false;   // Of an apply: takes what others own.
  // Asked before an apply creates what is not there; null: it may.
  std::function<absl::Status()> may_create = nullptr;
  FieldValidation validation = FieldValidation::kStrict;
  bool dry_run = false;
};

// A deletion of all that a list selects.
struct DeleteCollectionRequest {
  const api::ResourceInfo* resource = nullptr;
  client::ListOptions list;  // name_space and selectors.
  std::optional<int64_t> grace_period_seconds;
  std::string propagation_policy;
  bool dry_run = false;
};

struct Patched {
  api::ObjectPtr object;
  std::vector<std::string> warnings;
  bool created = false;  // By an apply.
};

class Server final : public client::Client {
 public:
  // `store` and `clock` outlive it. `rng` makes names and uids. `plugins`: what writes pass, in
  // order.
  Server(store::Store* store, const Clock* clock, Rng rng,
         AdmissionPlugins plugins = DefaultAdmission());

  // Makes what every cluster has: the default namespaces and their accounts, the `kubernetes`
  // service, the runtime classes. Does nothing where it exists already. `done` gets a revision that
  // has it all.
  void Bootstrap(Executor* reply_on, client::Callback<uint64_t> done);

  // client::Client
  void Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
           Executor* reply_on, client::Callback<api::ObjectPtr> done) override;
  void List(const api::ResourceInfo& resource, client::ListOptions options, Executor* reply_on,
            client::Callback<client::ListResult> done) override;
  std::unique_ptr<client::Watch> StartWatch(const api::ResourceInfo& resource,
                                            client::WatchOptions options, Executor* reply_on,
                                            client::WatchSink sink) override;
  void Commit(std::vector<client::Write> writes, Executor* reply_on,
              client::Callback<client::WriteResult> done) override;

  // The same with what only the wire knows. GetNow and ListNow answer at once, from the latest
  // snapshot: kNotFound; kInvalidArgument for selectors and tokens that are none; kOutOfRange (410
  // Expired) for a revision or token whose history is gone; kDeadlineExceeded for a revision that
  // is yet to come.
  absl::StatusOr<api::ObjectPtr> GetNow(const api::ResourceInfo& resource,
                                        absl::string_view name_space, absl::string_view name) const;
  // `exact`: at `options.revision` and no later.
  absl::StatusOr<client::ListResult> ListNow(const api::ResourceInfo& resource,
                                             const client::ListOptions& options, bool exact);
  void Write(std::vector<client::Write> writes, WriteOptions options, Executor* reply_on,
             client::Callback<Written> done);
  // Made anew on the newer state when others write in between, unless the patch itself names a
  // resourceVersion: then kAborted (Conflict). An apply of what is not there creates it, and one
  // that would change what others own is kAborted as well, with a cause a field.
  void Patch(PatchRequest request, Executor* reply_on, client::Callback<Patched> done);
  // Some at a time, in the order of their keys. What others delete meanwhile is no error; what they
  // create meanwhile stays. `done` gets the objects as a single Delete would answer them.
  void DeleteCollection(DeleteCollectionRequest request, Executor* reply_on,
                        client::Callback<Written> done);

  uint64_t revision() const { return store_->snapshot()->revision(); }

  // Calls `then` when GetNow, ListNow and StartWatch show all that any member has acknowledged; at
  // once, from within the call, where there are no others. What answers on an executor waits for
  // this by itself. kUnavailable: no majority of the members answers.
  void Fresh(Executor* reply_on, absl::AnyInvocable<void(absl::Status) &&> then);

  // A revision such that a watch of this member has been handed all up to it, when `then` is called
  // on `reply_on`; 0 if no majority answers.
  void Delivered(Executor* reply_on, std::function<void(uint64_t revision)> then);

  // The store was put back to an earlier state: what was remembered beside it is forgotten, and
  // names and uids come from `rng`.
  void StartOver(Rng rng);

 private:
  struct Attempt;
  struct Sweep;
  struct Pinned {
    std::shared_ptr<const store::Snapshot> snapshot;
    absl::Time until;
  };
  Env MakeEnv();
  absl::StatusOr<std::string> AllocateClusterIp(const store::Snapshot& snapshot);
  absl::StatusOr<int32_t> AllocateNodePort(const store::Snapshot& snapshot);
  void Try(std::shared_ptr<Attempt> attempt);
  void OnCommitted(const std::shared_ptr<Attempt>& attempt,
                   const std::vector<Planner::Outcome>& outcomes,
                   absl::StatusOr<store::TxnResult> result);
  absl::Status WhyLost(const Attempt& attempt) const;
  void PatchAgain(PatchRequest request, int tries, Executor* reply_on,
                  client::Callback<Patched> done);
  void ApplyAgain(PatchRequest request, int tries, Executor* reply_on,
                  client::Callback<Patched> done);
  void SweepOn(std::shared_ptr<Sweep> sweep);
  void Pin(std::shared_ptr<const store::Snapshot> snapshot);
  absl::StatusOr<std::shared_ptr<const store::Snapshot>> SnapshotAt(uint64_t revision);
  absl::StatusOr<std::shared_ptr<const store::Snapshot>> SnapshotFor(
      const client::ListOptions& options, bool exact, std::string* after, int64_t* remaining);

  store::Store* const store_;
  const Clock* const clock_;
  const AdmissionPlugins plugins_;

  Mutex mutex_;
  Rng rng_ ABSL_GUARDED_BY(mutex_);
  // Handed out lately: a snapshot may not show them yet.
  std::deque<std::string> recent_ips_ ABSL_GUARDED_BY(mutex_);
  std::deque<int32_t> recent_ports_ ABSL_GUARDED_BY(mutex_);
  // Snapshots that paginated lists go on from, for a while.
  std::deque<Pinned> pinned_ ABSL_GUARDED_BY(mutex_);
};

// The object that a patch makes of `current`, decoded. `warnings` gets the unknown fields where the
// validation is kWarn. kInvalidArgument: a malformed patch or a strict error.
absl::StatusOr<api::MessagePtr> ApplyPatch(const google::protobuf::Message& current,
                                           absl::string_view kind, absl::string_view api_version,
                                           const PatchRequest& request,
                                           std::vector<std::string>* warnings);

}  // namespace skiff::apiserver
