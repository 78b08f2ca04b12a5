// All controllers of a control plane, on one loop, over one set of informers.
//
// Threads: the executor's.
#pragma once

#include <memory>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "controllers/runner.h"

namespace skiff::controllers {

class ControllerManager {
 public:
  // Everything given outlives it.
  ControllerManager(client::Client* client, Executor* executor, Logger logger, Metrics* metrics);
  ~ControllerManager();

  void Start();
  void Stop();

  // Every queue is empty, nothing is in flight, and the views show what was written.
  bool Settled() const;

 private:
  Runner* Add(const std::string& name, Runner::Reconcile reconcile);
  void AddReplicaSets();
  void AddDeployments();
  void AddJobs();
  void AddGarbageCollector();
  void AddNamespaces();
  void AddNodes();
  // Calls `enqueue` with the key of the controlling owner of that kind, for both states of the
  // object.
  void OnDependents(const api::ResourceInfo& of, const api::ResourceInfo& owner, Runner* runner);
  // Calls `enqueue` with every owner that may take on what nobody controls.
  template <typename Owner>
  void OnStrays(const api::ResourceInfo& of, Runner* runner);
  void OnOwn(const api::ResourceInfo& resource, Runner* runner);

  client::Client* const client_;
  Executor* const executor_;
  const Logger logger_;
  InformerSet informers_;
  std::vector<std::unique_ptr<Runner>> runners_;
  // The garbage collector's: who has which uid. Keys are "group/resource|namespace/name".
  std::map<std::string, std::string> by_uid_;
};

}  // namespace skiff::controllers
