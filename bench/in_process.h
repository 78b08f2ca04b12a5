// A store in this process, as a cluster has it: its loop, a pool for its disk, no network.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/metrics.h"
#include "base/uv_executor.h"
#include "bench/load.h"
#include "store/store.h"

namespace skiff::bench {

class InProcess {
 public:
  static absl::StatusOr<std::unique_ptr<InProcess>> Open(const std::string& dir);
  ~InProcess();

  store::Store* store() { return store_.get(); }
  // A ConfigMap of this name. On the store's loop or elsewhere.
  void Put(const std::string& name, const std::string& value, Done done,
           const std::string& name_space = "default");
  // Runs it on the store's loop, where its requests are answered.
  absl::StatusOr<Figures> Run(int clients, ClosedLoop::Limits limits, Request request);

 private:
  InProcess() : loop_("bench-store"), pool_(2) {}
  Metrics metrics_;
  UvExecutor loop_;
  ThreadPool pool_;
  std::unique_ptr<store::Store> store_;
};

// Of the ConfigMap of this name.
std::string MapKey(const std::string& name, const std::string& name_space = "default");

}  // namespace skiff::bench
