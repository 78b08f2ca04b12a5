// The one view of the cluster that every loop uses: controllers, scheduler, nodes, the C API. In
// one process it is a direct call into apiserver/rest with the same semantics as the wire
// (defaulting, admission, validation), handing out the shared immutable objects themselves.
//
// Threads: any. Callbacks run on the executor named by the caller, in order per watch; none runs
// after the handle (Watch) is destroyed on that executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "api/object.h"
#include "base/executor.h"

namespace skiff::client {

template <typename T>
using Callback = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;

struct ListOptions {
  std::string name_space;      // Empty: all namespaces.
  std::string label_selector;  // "app=web,tier in (a,b)"
  std::string field_selector;  // "spec.nodeName=n1"
  int64_t limit = 0;           // 0: all.
  std::string continue_token;
  uint64_t revision = 0;  // List at least as new as this; 0: the latest.
};

struct ListResult {
  std::vector<api::ObjectPtr> items;
  uint64_t revision = 0;       // Of the snapshot: watch from here.
  std::string continue_token;  // Empty on the last page.
  int64_t remaining = 0;
};

enum class EventType { kAdded, kModified, kDeleted, kBookmark };

struct WatchEvent {
  EventType type;
  api::ObjectPtr
      object;  // Deleted: the last state, with the revision of the deletion. Null for kBookmark.
  uint64_t revision;
};

struct WatchOptions {
  std::string name_space;
  std::string label_selector;
  std::string field_selector;
  uint64_t after_revision =
      0;  // Events later than this one. 0: from now, after synthetic kAdded of what is there.
};

struct WatchSink {
  // A batch, in revision order.
  std::function<void(std::vector<WatchEvent>)> on_events;
  // The watch is over, with the reason: kOutOfRange (410 Expired) means list again.
  std::function<void(absl::Status)> on_end;
};

// Destroying it ends the watch.
class Watch {
 public:
  virtual ~Watch() = default;
};

struct Write {
  enum class Verb { kCreate, kUpdate, kDelete };
  Verb verb = Verb::kCreate;
  const api::ResourceInfo* resource = nullptr;
  std::string name_space;
  std::string name;
  // "", "status", "scale", "finalize", "approval"; to create: "binding", "eviction".
  std::string subresource;
  // Create, update: what to write, or what the subresource speaks of (a Scale, a Binding, an
  // Eviction). resourceVersion in it, if set, is a precondition.
  api::MessagePtr object;
  // Update, delete: preconditions, unchecked where empty or 0.
  std::string uid;
  uint64_t if_revision = 0;
  // Delete.
  std::optional<int64_t> grace_period_seconds;
  std::string propagation_policy;  // "", "Orphan", "Background", "Foreground".
  // Create, update: who writes, and so owns the fields that change (api/managed_fields.h).
  std::string manager;

  static Write Create(api::MessagePtr object);
  static Write Update(api::MessagePtr object, std::string subresource = "");
  static Write Delete(
      const api::Object& object);  // Of this very object: its uid is a precondition.
};

// The same writes, all by that manager.
std::vector<Write> By(absl::string_view manager, std::vector<Write> writes);

struct WriteResult {
  uint64_t revision = 0;  // Of the one transaction that holds all of them.
  std::vector<api::ObjectPtr>
      objects;  // As stored, in the order of the writes; the last state for deletes.
};

class Client {
 public:
  virtual ~Client() = default;

  virtual void Get(const api::ResourceInfo& resource, std::string name_space, std::string name,
                   Executor* reply_on, Callback<api::ObjectPtr> done) = 0;
  virtual void List(const api::ResourceInfo& resource, ListOptions options, Executor* reply_on,
                    Callback<ListResult> done) = 0;
  virtual std::unique_ptr<Watch> StartWatch(const api::ResourceInfo& resource, WatchOptions options,
                                            Executor* reply_on, WatchSink sink) = 0;

  // All of `writes` in one conditional transaction: all happen or none does. The error is the first
  // write's that failed, and says which. Durable when `done` is called.
  virtual void Commit(std::vector<Write> writes, Executor* reply_on,
                      Callback<WriteResult> done) = 0;
};

}  // namespace skiff::client
