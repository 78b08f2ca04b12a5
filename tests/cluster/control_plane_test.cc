#include "cluster/control_plane.h"

#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "base/notification.h"

namespace skiff::cluster {
namespace {

// When it was told that the member cannot begin to lead.
class Warnings final : public LogSink {
 public:
  void Write(LogLevel, absl::string_view, absl::string_view message) override {
    if (!absl::StrContains(message, "cannot begin to lead")) return;
    MutexLock lock(&mutex_);
    times_.push_back(SystemClock().Monotonic());
    changed_.NotifyAll();
  }
  std::vector<absl::Duration> Await(size_t count) {
    MutexLock lock(&mutex_);
    changed_.Await(&mutex_, [&] { return times_.size() >= count; });
    return times_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<absl::Duration> times_;
};

TEST_CASE("AMemberThatCannotBeginToLeadTriesAgainAfterAPause") {
  ThreadLoops loops(2);
  Metrics metrics;
  WriteFaults faults;
  faults.Set({.full = true});
  auto sink = std::make_shared<Warnings>();
  ControlPlaneOptions options;
  options.faults = &faults;
  options.meet = [](Loop*) {
    auto alone = std::make_unique<store::Membership>();
    alone->initial.voters = {alone->id};
    return alone;
  };
  auto plane = ControlPlane::Open(std::move(options), &loops, sink, &metrics);
  REQUIRE(plane.ok());
  const auto times = sink->Await(3);
  for (size_t i = 1; i < times.size(); ++i) CHECK(times[i] - times[i - 1] > absl::Milliseconds(50));
  faults.Set({});
  while (true) {
    MutexLock lock(&(*plane)->steady());
    if ((*plane)->running()) break;
  }
  (*plane)->Stop();
}

}  // namespace
}  // namespace skiff::cluster
