#include "node/prober.h"

#include <algorithm>

namespace skiff::node {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr int kMostEarly = 10;

absl::Duration PeriodOf(const corev1::Probe& probe) {
  return absl::Seconds(std::max(probe.period_seconds(), 1));
}

}  // namespace

Prober::Prober(Executor* loop, WorkPool* pool, ProbeKind kind, corev1::Probe probe,
               std::function<absl::Status()> ask, Listener listener)
    : loop_(loop),
      pool_(pool),
      kind_(kind),
      probe_(std::move(probe)),
      ask_(std::move(ask)),
      listener_(std::move(listener)),
      healthy_(kind == ProbeKind::kLiveness) {
  const absl::Duration delay = absl::Seconds(probe_.initial_delay_seconds());
  due_ = loop_->clock().Monotonic() + delay;
  Schedule(delay);
}

Prober::~Prober() {
  *alive_ = false;
  if (timer_ != 0) loop_->Cancel(timer_);
}

void Prober::Schedule(absl::Duration delay) {
  timer_ = loop_->PostAfter(delay, [this] {
    timer_ = 0;
    Ask();
  });
}

void Prober::Ask() {
  const absl::Duration now = loop_->clock().Monotonic();
  counts_ = now >= due_;
  if (counts_) {
    due_ = now + PeriodOf(probe_);
    early_ = 0;
  }
  pool_->Run([this, loop = loop_, ask = ask_, alive = alive_] {
    absl::Status answer = ask();
    loop->Post([this, alive, answer = std::move(answer)] {
      if (*alive) OnAnswer(answer);
    });
  });
}

void Prober::OnAnswer(const absl::Status& answer) {
  const std::string why(answer.message());
  const bool before = healthy_;
  bool tell = false;
  if (answer.ok()) {
    failures_ = 0;
    ++successes_;
    if (!healthy_ && successes_ >= std::max(probe_.success_threshold(), 1)) {
      healthy_ = tell = true;
      done_ = kind_ == ProbeKind::kStartup;
    }
  } else {
    successes_ = 0;
    if (counts_) {
      ++failures_;
      if (failures_ == std::max(probe_.failure_threshold(), 1)) {
        healthy_ = false;
        tell = true;
      }
    }
  }
  if (!done_) {
    absl::Duration pause = std::max(due_ - loop_->clock().Monotonic(), absl::ZeroDuration());
    const bool hurries = kind_ != ProbeKind::kLiveness && !before && !healthy_ && !answer.ok();
    if (hurries && early_ < kMostEarly) pause = std::min(pause, kFirstPause * ++early_);
    Schedule(pause);
  }
  // Last, for the listener may end this prober.
  const Listener listener = listener_;
  const bool healthy = healthy_;
  const bool failed = !answer.ok() && counts_;
  const std::shared_ptr<bool> alive = alive_;
  if (failed && listener.failed) listener.failed(why);
  if (tell && *alive) listener.opinion(healthy, why);
}

}  // namespace skiff::node
