#include "api/conditions.h"

#include <catch2/catch.hpp>

namespace skiff::api {
namespace {

const absl::Time kThen = absl::FromUnixSeconds(1'800'000'000);

TEST_CASE("AConditionIsAddedOnceAndItsTimeIsThatOfItsStatus") {
  corev1::PodStatus status;
  auto* all = status.mutable_conditions();
  CHECK(FindCondition(*all, "Ready") == nullptr);
  const struct {
    const char* status;
    const char* reason;
    int64_t at;  // When it came to that status, in seconds after kThen.
  } rows[] = {{"False", "Starting", 0}, {"False", "Slow", 0}, {"True", "", 2}, {"True", "", 2}};
  for (int i = 0; i < 4; ++i) {
    auto* set = SetCondition("Ready", rows[i].status, rows[i].reason, rows[i].reason,
                             kThen + absl::Seconds(i), all);
    CHECK(set == FindCondition(*all, "Ready"));
    CHECK(set->status() == rows[i].status);
    CHECK(set->reason() == rows[i].reason);
    CHECK(set->has_message() == (i < 2));
    CHECK(ToAbsl(set->last_transition_time()) == kThen + absl::Seconds(rows[i].at));
  }
  SetCondition("Initialized", "True", "", "", kThen, all);
  CHECK(all->size() == 2);
}

TEST_CASE("APodIsReadyIfItsConditionSaysSo") {
  corev1::Pod pod;
  CHECK_FALSE(IsPodReady(pod));
  auto* all = pod.mutable_status()->mutable_conditions();
  SetCondition("ContainersReady", "True", "", "", kThen, all);
  CHECK_FALSE(IsPodReady(pod));
  SetCondition("Ready", "True", "", "", kThen, all);
  CHECK(IsPodReady(pod));
  SetCondition("Ready", "Unknown", "", "", kThen, all);
  CHECK_FALSE(IsPodReady(pod));
}

}  // namespace
}  // namespace skiff::api
