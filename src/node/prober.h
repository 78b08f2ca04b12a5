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

namespace skiff::node {

enum class ProbeKind { kStartup, kReadiness, kLiveness };

class Prober {
 public:
  // A startup or readiness probe begins without success, a liveness probe with it. Between its
  // periods the former are asked more often until they first succeed, so that a server is used as
  // soon as it serves; only what is asked at the periods counts as a failure. A startup probe that
  // has succeeded asks no more.
  struct Listener {
    std::function<void(const std::string& why)> failed;                 // A failure that counts.
    std::function<void(bool healthy, const std::string& why)> opinion;  // A threshold was reached.
  };
  Prober(Executor* loop, WorkPool* pool, ProbeKind kind, corev1::Probe probe,
         std::function<absl::Status()> ask, Listener listener);
  ~Prober();

 private:
  void Schedule(absl::Duration delay);
  void Ask();
  void OnAnswer(const absl::Status& answer);

  Executor* const loop_;
  WorkPool* const pool_;
  const ProbeKind kind_;
  const corev1::Probe probe_;
  const std::function<absl::Status()> ask_;
  const Listener listener_;
  bool healthy_;
  bool done_ = false;
  absl::Duration due_;  // When the next asking that counts is.
  bool counts_ = true;  // The one under way does.
  int successes_ = 0;
  int failures_ = 0;
  int early_ = 0;  // Askings between periods, for their pauses.
  Executor::TimerId timer_ = 0;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skiff::node
