// The replicated object store. Every write is a transaction in the Raft log, applied in log order;
// each applied transaction that changes something takes the next revision, which clients see as
// resourceVersion. Reads come from an immutable snapshot and never wait.
//
//   Txn txn;
//   txn.preconditions.push_back(Precondition::Absent(key));
//   txn.ops.push_back(Op::Put(key, std::move(pod)));
//   store->Commit(std::move(txn), [](absl::StatusOr<TxnResult> result) { … });
//
// Keys are "<group>/<resource>/<namespace>/<name>" with empty parts kept ("/pods/default/web",
// "/nodes//n1", "apps/deployments/default/web"); they order by group, resource, namespace, name.
//
// Threads: every method from any thread. Commit's callback and watch sinks run on the store's loop
// and must not block it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/object.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/metrics.h"
#include "raft/storage.h"
#include "raft/transport.h"
#include "raft/types.h"

namespace skiff::store {

std::string Key(const api::ResourceInfo& resource, absl::string_view name_space,
                absl::string_view name);
// The prefix of every key of a resource, or of a resource in one namespace (ends in '/').
std::string Prefix(const api::ResourceInfo& resource, absl::string_view name_space = "");

struct Precondition {
  enum class Kind { kAbsent, kExists, kRevision };
  Kind kind;
  std::string key;
  uint64_t revision = 0;  // kRevision: the object's own, as last written.

  static Precondition Absent(std::string key);
  static Precondition Exists(std::string key);
  static Precondition AtRevision(std::string key, uint64_t revision);
};

struct Op {
  std::string key;
  api::MessagePtr object;  // Null deletes. Its resourceVersion is ignored and set when applied.

  static Op Put(std::string key, api::MessagePtr object);
  static Op Delete(std::string key);
};

struct Txn {
  std::vector<Precondition> preconditions;
  std::vector<Op> ops;
};

struct TxnResult {
  bool applied = false;
  size_t failed_precondition = 0;  // Index of the first that did not hold, if not applied.
  uint64_t revision = 0;           // Of this transaction; of the store if not applied.
  std::vector<api::ObjectPtr>
      objects;  // By op: the new object, or the deleted one's last state
                // (with the revision of its deletion); null if it was absent.
};

// The state at one revision. Holding it keeps its objects alive; nothing in it changes.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual uint64_t revision() const = 0;
  virtual api::ObjectPtr Get(absl::string_view key) const = 0;  // Null if absent.
  // Calls `visit(key, object)` in key order for keys that start with `prefix` and are greater than
  // `after` (if not empty), until it returns false.
  virtual void Scan(
      absl::string_view prefix, absl::string_view after,
      absl::FunctionRef<bool(absl::string_view key, const api::ObjectPtr& object)> visit) const = 0;
  // How many keys start with `prefix`, in O(log n).
  virtual size_t Count(absl::string_view prefix) const = 0;
};

struct Event {
  enum class Type { kPut, kDelete };
  Type type;
  std::string key;
  uint64_t revision;
  api::ObjectPtr object;    // kDelete: the last state, with resourceVersion = revision.
  api::ObjectPtr previous;  // Null when it was created.
};

struct WatchSink {
  // Events of one or more whole transactions, in revision order; never an empty batch.
  std::function<void(std::shared_ptr<const std::vector<Event>> events)> on_events;
  // The store is closing or the watcher fell too far behind (kOutOfRange). The last call.
  std::function<void(absl::Status)> on_end;
};

class Watch {
 public:
  virtual ~Watch() = default;  // Ends it. A sink that is running on the loop may still finish.
};

// One member of a cluster whose members keep the same objects by one Raft log.
struct Membership {
  raft::MemberId id = 1;
  // Who takes part when the data directory is new; the same for all that begin together. A member
  // that joins names no voters, but notes where those are from whom it will hear who they are; it
  // must be added as a learner, and if its data directory is lost it stays out for good (Standing).
  raft::Config initial;
  // How messages travel. Null: there are no others.
  std::unique_ptr<raft::Transport> transport;
  // The unit of elections: a heartbeat each, and a new leader is sought after 6 to 12 without one.
  absl::Duration tick = absl::Milliseconds(50);
  // It stands for election as it starts, rather than when it has missed a leader for long enough:
  // only where all have ended, so that none of them can lead.
  bool stands = false;
};

struct StoreOptions {
  std::string data_dir;  // Empty: in memory, nothing survives.
  // How far back a watch may resume; whichever is reached first. It is what the log on disk holds,
  // so it survives a restart.
  int64_t history_events = 10'000;
  absl::Duration history_time = absl::Minutes(10);
  int64_t history_bytes = 64 << 20;
  // Instead of a data directory: where to keep everything.
  std::unique_ptr<raft::Storage> storage;
  // Null: the only member.
  std::unique_ptr<Membership> membership;
};

// What is to be of the members, all at once.
struct MemberChange {
  std::map<raft::MemberId, std::string> add;  // Learners, and their notes (member_note.h).
  // Learners that have caught up become voters. Nobody is one from the start: only of a learner is
  // it certain that it has promised nothing (raft::Standing).
  std::set<raft::MemberId> promote;
  std::set<raft::MemberId> remove;
};

// A member as another sees it.
struct MemberStatus {
  raft::MemberId id = 0;
  std::string note;  // As it was added with.
  bool voter = false;
  bool learner = false;
  // Known to the leader alone.
  std::optional<raft::Index> match;  // Up to where it has the log.
  bool active = false;               // Heard of lately.
};

struct StoreStatus {
  raft::MemberId id = 0;
  raft::MemberId leader = 0;  // 0: none is known.
  raft::Term term = 0;
  raft::Index commit = 0;
  raft::Index applied = 0;
  raft::Index first = 0;  // Of the log.
  uint64_t revision = 0;
  uint32_t version = 0;  // Of what the log may hold (raft::Config::version).
  int64_t disk_bytes = 0;
  absl::Status disk;  // How the last write went.
  // kFailedPrecondition: the member takes part no more, and never will again; why, and what to do.
  // Reads and writes are answered with the same text, as kUnavailable.
  absl::Status expelled;
  std::vector<MemberStatus> members;
};

class Store {
 public:
  // Opens or creates. Blocks on disk. kFailedPrecondition: the directory is in use by another
  // process, written by another format, or the store of another member; kPermissionDenied,
  // kResourceExhausted (disk full), kDataLoss: as they say, naming the path.
  static absl::StatusOr<std::unique_ptr<Store>> Open(StoreOptions options, Executor* executor,
                                                     WorkPool* pool, Logger logger,
                                                     Metrics* metrics);
  virtual ~Store() = default;

  // Ends watches, fails what is not yet being written with kUnavailable, closes files. Blocks.
  // Idempotent; the destructor does it where it was not done. Not to be destroyed from its own
  // callbacks.
  virtual void Close() = 0;

  // `done` is called once: when the transaction is durable and applied, or refused by a
  // precondition (applied == false), or could not be written (kResourceExhausted when the disk is
  // full, or, as a TooManyRequests that says when to try again, when 64 MiB of writes wait to be
  // confirmed; kUnavailable when closing, then possibly from within this call, or when no leader
  // could be found: it was not done; kDeadlineExceeded: no majority answered in time, and it may
  // yet be done; kInvalidArgument when an object is not of the kind that its key names).
  virtual void Commit(Txn txn, absl::AnyInvocable<void(absl::StatusOr<TxnResult>) &&> done) = 0;

  // The latest applied state. Lock-free.
  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;

  // Calls `done` once the snapshot shows every write that was acknowledged, by whichever member,
  // before this call. kUnavailable: no majority answers, or the store closes.
  virtual void Barrier(absl::AnyInvocable<void(absl::Status) &&> done) = 0;
  // Whether this member is the only one, so that every snapshot shows every acknowledged write.
  virtual bool alone() const = 0;

  // Calls `listener` with whether this member leads: at once, and whenever it changes. While it
  // leads, its snapshot shows all that earlier leaders acknowledged. On the loop; set it once.
  virtual void OnLeadership(std::function<void(bool leads)> listener) = 0;

  // When the store closes: nothing, but `disk` says so.
  virtual void Status(absl::AnyInvocable<void(StoreStatus) &&> done) = 0;
  // Has the members changed by the one that leads, whichever this is; `done` when it is committed
  // and this member knows. A change that is so already is done. What is in its way for a moment
  // (another change, a new leader, a learner that catches up) is waited for; kFailedPrecondition:
  // it stays there. kAlreadyExists: a name or address is taken; kNotFound; kInvalidArgument: nobody
  // would vote. kUnavailable, kDeadlineExceeded: as for Commit.
  virtual void ChangeMembers(MemberChange change,
                             absl::AnyInvocable<void(absl::Status) &&> done) = 0;
  // Makes `to` the leader; `done` when this member knows that it leads. kNotFound: no such voter;
  // kUnavailable: it has not taken over; otherwise as ChangeMembers.
  virtual void TransferLeadership(raft::MemberId to,
                                  absl::AnyInvocable<void(absl::Status) &&> done) = 0;

  // Back to one of its snapshots: history begins there, and every watch ends with kOutOfRange. Only
  // in memory, and of the only member. On the loop.
  virtual void Restore(const std::shared_ptr<const Snapshot>& saved) = 0;

  // The state at a revision that is still within history: for paginated lists. kOutOfRange
  // otherwise.
  virtual absl::StatusOr<std::shared_ptr<const Snapshot>> SnapshotAt(uint64_t revision) const = 0;

  // Every event under `prefix` with a revision greater than `after`, without gap or repeat.
  // kOutOfRange (Expired) if history no longer reaches back to it; kInvalidArgument if it is in the
  // future.
  virtual absl::StatusOr<std::unique_ptr<Watch>> StartWatch(std::string prefix, uint64_t after,
                                                            WatchSink sink) = 0;
};

}  // namespace skiff::store
