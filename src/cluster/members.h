// The members of this control plane: who they are, how more come and how they go.
//
// Threads: any but the store's loop; every call blocks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/uv_executor.h"
#include "cluster/member_group.h"
#include "cluster/member_identity.h"
#include "skiff/members.h"
#include "store/store.h"

namespace skiff::cluster {

// Where in a data directory its objects are, and whether it has any.
std::string StoreOf(const std::string& dir);
bool HasStore(const std::string& dir);
// kFailedPrecondition: it is half restored; or it is a member's, and not to be opened as one.
absl::Status CheckDirectory(const std::string& dir, bool member);

// Who this member is, by its data directory or, at its first start, by `options`.
// kInvalidArgument: an option; kFailedPrecondition: the directory is another member's, or has lost
// its store or who it is of.
absl::StatusOr<MemberIdentity> IdentifyMember(const MemberOptions& options, const std::string& dir,
                                              absl::Time now, const Logger& logger);
// It has its store: from now on that must be there.
absl::Status BeginLife(MemberIdentity* identity, const std::string& dir);

// What its store needs to meet the others. Listens.
absl::StatusOr<std::unique_ptr<store::Membership>> MeetMembers(const MemberIdentity& identity,
                                                               const std::string& listen,
                                                               UvExecutor* loop, WorkPool* pool,
                                                               Logger logger, Metrics* metrics);

// Any member does: it has the one that leads do what is asked.
class Members {
 public:
  // Both outlive it. No `self`: it is the only one, and there can be no others
  // (kFailedPrecondition).
  Members(std::optional<MemberIdentity> self, store::Store* store, const Clock* clock)
      : self_(std::move(self)), store_(store), clock_(clock) {}
  // Of simulated ones, of which the leading one is asked. None can be added: they are who they are.
  Members(MemberGroup* group, VirtualTime* time)
      : clock_(&time->clock()), group_(group), time_(time) {}

  absl::StatusOr<std::vector<MemberInfo>> List();
  // A learner, and the token with which it joins. kAlreadyExists: the name or address is taken.
  absl::StatusOr<std::string> Add(const std::string& name, const std::string& address);
  // kFailedPrecondition: it has not caught up.
  absl::Status Promote(const std::string& name);
  absl::Status Remove(const std::string& name);
  // Makes it the leader. kUnavailable: it has not taken over.
  absl::Status Lead(const std::string& name);
  // kUnavailable: no majority answers.
  absl::StatusOr<SnapshotInfo> SaveSnapshot(const std::string& path);

 private:
  absl::StatusOr<store::StoreStatus> Status();
  // As Status, and it shows what was done through any member.
  absl::StatusOr<store::StoreStatus> FreshStatus();
  absl::StatusOr<raft::MemberId> Find(const std::string& name);
  absl::Status Change(store::MemberChange change);
  // Calls `start` with the store and what to answer to; blocks until it was. kUnavailable: no
  // member can be reached.
  template <typename T, typename Start>
  absl::StatusOr<T> Ask(Start start);
  template <typename Start>
  absl::Status AskStatus(Start start);

  const std::optional<MemberIdentity> self_;
  store::Store* const store_ = nullptr;
  const Clock* const clock_;
  MemberGroup* const group_ = nullptr;
  VirtualTime* const time_ = nullptr;
};

}  // namespace skiff::cluster
