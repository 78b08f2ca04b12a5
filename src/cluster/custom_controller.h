// Controllers of the host's own: what they watch, the queue of what they are to look at, and the
// calls of their callbacks.
//
// Threads: the loop's, but for the callback, which runs in the worker.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/metrics.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "cluster/gate.h"
#include "cluster/objects.h"
#include "controllers/runner.h"
#include "skiff/extend.h"

namespace skiff::cluster {

class CustomController {
 public:
  // What it is made with: checked, and its kinds found.
  struct Definition {
    Controller controller;
    const api::ResourceInfo* resource = nullptr;
    std::vector<const api::ResourceInfo*> owned;
  };
  // kInvalidArgument, or kNotFound for a kind; names the controller.
  static absl::StatusOr<Definition> Check(const Controller& controller);

  // Everything given outlives it. `objects` answers the callback's calls; `worker` runs it: a
  // thread of its own, for it blocks, or on a virtual clock the caller's. Once `closing` is true,
  // its calls are turned away. While it runs it is inside `calls`, and not called once that is
  // shut.
  CustomController(Definition definition, client::Client* client, Executor* loop, WorkPool* worker,
                   Objects* objects, const std::atomic<bool>* closing, Gate* calls, Logger logger,
                   Metrics* metrics);
  ~CustomController();

  // Whether this thread is in a callback of one that works on those.
  static bool Calling(const Objects* objects);

  void Start();
  // No call begins after it; one may be under way until the worker has ended.
  void Stop();

  const std::string& name() const { return definition_.controller.name; }
  uint64_t reconciles() const { return count_; }
  // See controllers::ControllerManager.
  bool Settled(absl::Duration within) const;
  absl::Time NextWake() const;
  // What it is at, for people.
  controllers::Runner::View Inspect() const;

 private:
  class Face;
  void OnOwner(const api::ObjectPtr& before, const api::ObjectPtr& now);
  void OnOwned(const api::ObjectPtr& before, const api::ObjectPtr& now);
  void Enqueue(const std::string& key);
  void Schedule();
  void Process();
  // What a callback wrote: the object as it was stored, or a reference to it.
  struct Wrote {
    const char* verb;
    ObjectRef object;
    std::string json;
  };
  struct Done {
    absl::StatusOr<ReconcileResult> result;
    std::vector<Wrote> wrote;
  };
  static std::string Named(const Wrote& wrote);
  Done Call(const std::string& key);
  void OnDone(const std::string& key, Done done);
  void WakeLater(const std::string& key, absl::Duration delay);
  bool current() const;

  const Definition definition_;
  Executor* const loop_;
  WorkPool* const worker_;
  Objects* const objects_;
  const std::atomic<bool>* const closing_;
  Gate* const calls_;
  const Logger logger_;
  prometheus::Counter* reconciles_ = nullptr;
  prometheus::Counter* errors_ = nullptr;
  client::EventRecorder events_;
  client::Informer primary_;
  std::vector<std::unique_ptr<client::Informer>> owned_;
  std::deque<std::string> order_;  // Keys to be looked at, each once.
  std::set<std::string> queued_;
  std::optional<std::string> calling_;  // The key that the callback looks at.
  uint64_t count_ = 0;                  // Of calls.
  std::map<std::string, int> failures_;
  std::string last_key_;           // Of the last call that wrote something,
  std::vector<Wrote> last_wrote_;  // and that.
  struct Wake {
    Executor::TimerId timer;
    absl::Duration at;  // By the loop's monotonic clock.
  };
  std::map<std::string, Wake> wakes_;
  bool scheduled_ = false;
  bool stopped_ = true;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiff::cluster
