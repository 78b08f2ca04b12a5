// One probe of one container, asked again and again (core/v1 Probe). Thresholds turn single answers
// into an opinion.
//
// Threads: the loop's; the probe itself runs on the pool.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/types.h"
#include "base/executor.h"
#include "runtime/runtime.h"

namespace skiff::node {

// Asks once. OK: success. The message of a failure is what kubelet's would be. Blocks at most the
// probe's time-out.
absl::Status RunProbe(const corev1::Probe& probe, const corev1::Container& container,
                      const std::string& pod_ip, runtime::Runtime* runtime,
                      const std::string& pod_uid);

class Prober {
 public:
  // `opinion` is told of every change: whether the probe holds it healthy, and why not.
  Prober(Executor* loop, WorkPool* pool, corev1::Probe probe, std::function<absl::Status()> ask,
         bool initially, std::function<void(bool healthy, const std::string& why)> opinion);
  ~Prober();

 private:
  void Schedule(absl::Duration delay);
  void Ask();
  void OnAnswer(const absl::Status& answer);

  Executor* const loop_;
  WorkPool* const pool_;
  const corev1::Probe probe_;
  const std::function<absl::Status()> ask_;
  const std::function<void(bool, const std::string&)> opinion_;
  bool healthy_;
  int successes_ = 0;
  int failures_ = 0;
  Executor::TimerId timer_ = 0;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiff::node
