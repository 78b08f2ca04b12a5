// Runs reconciles: a queue of keys, one worker a key, the whole plan as one
// transaction, and no second look at a key before the view shows what its own
// last plan wrote.
//
// Threads: the executor's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "controllers/plan.h"

namespace skiff::controllers {

// One informer a resource, shared by every controller of a loop.
class InformerSet {
 public:
  InformerSet(client::Client* client, Executor* executor);
  client::Informer& Of(const api::ResourceInfo& resource) { return *informers_.at(&resource); }
  template <typename T>
  client::Informer& Of() {
    return Of(api::ResourceOf<T>());
  }
  void Start();
  void Stop();
  // Every view is current. No plan is made while one is not: absence would not
  // mean gone.
  bool current() const;
  void ForEach(const std::function<void(client::Informer&)>& visit);

 private:
  // In the order of api::Resources().
  std::vector<std::unique_ptr<client::Informer>> ordered_;
  std::map<const api::ResourceInfo*, client::Informer*> informers_;
};

class Runner {
 public:
  using Reconcile = std::function<Plan(const std::string& key)>;

  // `metrics` may be null; else it gets skiff_controller_reconciles_total and
  // _errors_total.
  Runner(std::string name, client::Client* client, Executor* executor, InformerSet* informers,
         Logger logger, Metrics* metrics, Reconcile reconcile);
  ~Runner();

  void Enqueue(const std::string& key);
  // Looks again at keys that waited for the view. After every event of an
  // informer.
  void Pump();
  // Takes the queue up, for it may have waited until the views were complete.
  void Kick() {
    if (!queue_.empty()) Schedule();
  }
  void Stop() { stopped_ = true; }
  // See ControllerManager.
  bool Settled(absl::Duration within) const {
    return queue_.empty() && in_flight_.empty() && waiting_.empty() && !TriesAgainSoon() &&
           NextWake() > executor_->clock().Now() + within;
  }
  absl::Time NextWake() const;

  // What it is at, for people.
  struct View {
    std::string name;
    std::vector<std::string> queued;     // To be looked at.
    std::vector<std::string> in_flight;  // Their plans are being committed.
    std::vector<std::string> waiting;    // For the view to show what they wrote.
    std::map<std::string, int> failures;
    absl::Time next_wake;
    uint64_t reconciles = 0;
    std::string last_key;                  // Of the last plan that wanted writes,
    std::vector<std::string> last_writes;  // and these: "create pods default/web".
  };
  View Inspect() const;

  // The timer that wakes `key`, if there is one and it is no back-off; and that it was put off.
  Executor::TimerId WakeOf(const std::string& key) const;
  void Skipped(const std::string& key, absl::Duration time);

 private:
  void Schedule();
  void Process();
  bool ViewReached(const std::string& key);
  void OnCommitted(const std::string& key, std::vector<EventNote> events,
                   absl::StatusOr<client::WriteResult> result);
  void DropForbidden(Plan* plan) const;
  void NotePlan(const std::string& key, const Plan& plan);
  void TellFailed(const std::vector<EventNote>& events, const absl::Status& status);
  void WakeLater(const std::string& key, absl::Duration delay);
  bool TriesAgainSoon() const;

  const std::string name_;
  client::Client* const client_;
  Executor* const executor_;
  InformerSet* const informers_;
  const Logger logger_;
  const Reconcile reconcile_;
  prometheus::Counter* reconciles_ = nullptr;
  prometheus::Counter* errors_ = nullptr;
  client::EventRecorder events_;
  std::set<std::string> queue_;
  std::set<std::string> in_flight_;
  std::set<std::string> waiting_;
  // What the view must show before the key is looked at again: a revision by
  // resource.
  std::map<std::string, std::map<const api::ResourceInfo*, uint64_t>> written_;
  std::map<std::string, int> failures_;
  struct Wake {
    Executor::TimerId timer;
    absl::Duration at;  // By the loop's monotonic clock.
  };
  std::map<std::string, Wake> wakes_;
  uint64_t count_ = 0;
  std::string last_key_;
  std::vector<std::string> last_writes_;
  bool scheduled_ = false;
  bool stopped_ = false;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiff::controllers
