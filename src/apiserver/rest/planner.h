// One write, or several that belong together, against one snapshot: checked, completed and turned
// into a store transaction whose preconditions make it void if the snapshot was outdated.
//
//   Planner planner(env, snapshot);
//   SKIFF_RETURN_IF_ERROR(planner.Add(write));
//   store->Commit(planner.TakeTxn(), …);
//
// Threads: one at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "apiserver/rest/strategy.h"
#include "client/client.h"
#include "store/store.h"

namespace skiff::apiserver {

class Planner {
 public:
  // `previews`: writes see what the ones before them staged, and outcomes have a preview. What one
  // write that is really made does not need.
  Planner(Env env, std::shared_ptr<const store::Snapshot> snapshot, bool previews);

  // kNotFound, kAlreadyExists, kAborted (Conflict), kInvalidArgument, kPermissionDenied: as
  // Kubernetes answers; a write that makes no sense at all (of no resource, of an object of another
  // kind, on a path that the resource does not have) is kInvalidArgument. After an error the
  // planner is of no further use.
  absl::Status Add(client::Write write);

  store::Txn TakeTxn();

  // What became of each write, in order: where in the transaction's ops its object is, or the
  // object itself where nothing needed to be written. `removed`: it is gone with this transaction.
  struct Outcome {
    int op = -1;
    api::ObjectPtr unchanged;
    api::ObjectPtr preview;  // What would be stored, without its revision: the answer of a dry run.
                             // Of what is removed, its last state.
    bool removed = false;
  };
  std::vector<Outcome> TakeOutcomes() { return std::move(outcomes_); }

 private:
  absl::Status Create(client::Write write);
  absl::Status Update(client::Write write);
  // `object` is what the write makes of `old`.
  absl::Status UpdateMain(const api::ObjectPtr& old, const std::string& key, api::MessagePtr object,
                          const client::Write& write);
  absl::Status UpdateStatus(const api::ObjectPtr& old, const std::string& key,
                            api::MessagePtr object, const client::Write& write);
  // The approval path of a certificate request.
  absl::Status Approve(const api::ObjectPtr& old, const std::string& key, api::MessagePtr object,
                       const client::Write& write);
  absl::Status UpdateScale(const api::ObjectPtr& old, const std::string& key,
                           const client::Write& write);
  absl::Status Finalize(const api::ObjectPtr& old, const std::string& key,
                        const client::Write& write);
  absl::Status Bind(client::Write write);
  absl::Status Delete(client::Write write);
  // `changed`: the pod with what is to be different in it besides.
  absl::Status DeletePod(const api::ObjectPtr& pod, const std::string& key,
                         const client::Write& write, std::unique_ptr<corev1::Pod> changed);
  absl::Status Evict(client::Write write);
  // Of the budget that counts the pod, if there is one.
  absl::Status SpendBudget(const corev1::Pod& pod);

  AdmissionRequest RequestOf(AdmissionRequest::Operation operation,
                             const api::ResourceInfo& resource, const metav1::ObjectMeta& meta,
                             const google::protobuf::Message* old) const;
  absl::Status DeleteOther(const api::ObjectPtr& object, const std::string& key,
                           const client::Write& write);
  absl::StatusOr<api::ObjectPtr> Current(const client::Write& write, const std::string& key);
  absl::Status CheckNamespace(const api::ResourceInfo& resource, const std::string& name_space,
                              const std::string& name);
  api::ObjectPtr Find(const std::string& key) const;
  void Guard(const std::string& key, const api::ObjectPtr& old);
  void Put(const std::string& key, const api::ObjectPtr& old, api::MessagePtr object);
  void Remove(const std::string& key, const api::ObjectPtr& old);
  void KeepAsIs(const api::ObjectPtr& old);
  int AddOp(const std::string& key, const api::ObjectPtr& old, store::Op op);
  void MarkDeleted(const api::ObjectPtr& old, const std::string& key, api::MessagePtr object,
                   int64_t grace_seconds);
  void AddDefaultServiceAccount(const std::string& name_space);
  // `old`: null for a new one.
  void GuardClaims(const google::protobuf::Message& now, const google::protobuf::Message* old);

  Env env_;
  const std::shared_ptr<const store::Snapshot> snapshot_;
  const bool previews_;
  const std::function<api::ObjectPtr(const api::ResourceInfo&, absl::string_view,
                                     absl::string_view)>
      find_;
  const std::function<void(const api::ResourceInfo&, absl::string_view,
                           absl::FunctionRef<void(const api::ObjectPtr&)>)>
      list_;
  store::Txn txn_;
  std::vector<Outcome> outcomes_;
  std::map<std::string, api::ObjectPtr> staged_;  // By this transaction; null: deleted.
  std::map<std::string, int> updates_;  // The op that changes an object that was there before.
};

}  // namespace skiff::apiserver
