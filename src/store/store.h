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

struct StoreOptions {
  std::string data_dir;             // Empty: in memory, nothing survives.
  int64_t history_events = 10'000;  // How many events a watch may resume over.
  absl::Duration history_time = absl::Minutes(10);
};

class Store {
 public:
  // Opens or creates. Blocks on disk. kFailedPrecondition: the directory is in use by another
  // process or written by another format; kPermissionDenied, kResourceExhausted (disk full),
  // kDataLoss: as they say, naming the path.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const StoreOptions& options,
                                                     Executor* executor, WorkPool* pool,
                                                     Logger logger, Metrics* metrics);
  virtual ~Store() = default;

  // Ends watches, fails what is not yet being written with kUnavailable, closes files. Blocks.
  // Idempotent; the destructor does it where it was not done. Not to be destroyed from its own
  // callbacks.
  virtual void Close() = 0;

  // `done` is called once: when the transaction is durable and applied, or refused by a
  // precondition (applied == false), or could not be written (kResourceExhausted when the disk is
  // full; kUnavailable when closing, then possibly from within this call; kInvalidArgument when an
  // object is not of the kind that its key names).
  virtual void Commit(Txn txn, absl::AnyInvocable<void(absl::StatusOr<TxnResult>) &&> done) = 0;

  // The latest applied state. Lock-free.
  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;

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
