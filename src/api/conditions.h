// Conditions, of whatever kind of object: they are found and set in one way.
//
//   api::SetCondition("Ready", "False", "NotReady", "it has gone", now,
//                     pod->mutable_status()->mutable_conditions());
//
// Threads: any.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "api/time.h"
#include "api/types.h"

namespace skiff::api {

// Null if there is none of that type. `conditions`: those of an object's status.
template <typename Conditions>
auto FindCondition(Conditions& conditions, absl::string_view type)
    -> decltype(&*conditions.begin()) {
  for (auto& condition : conditions) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

// The one of that type, added if there was none, so that it says this. The time of its last
// transition is `now` if it had another status.
template <typename Conditions>
auto SetCondition(absl::string_view type, absl::string_view status, absl::string_view reason,
                  absl::string_view message, absl::Time now, Conditions* conditions)
    -> decltype(conditions->Add()) {
  auto* condition = FindCondition(*conditions, type);
  if (condition == nullptr) condition = conditions->Add();
  if (condition->status() != status) {
    *condition->mutable_last_transition_time() = MakeTime(now);
  }
  condition->set_type(std::string(type));
  condition->set_status(std::string(status));
  condition->clear_reason();
  condition->clear_message();
  if (!reason.empty()) condition->set_reason(std::string(reason));
  if (!message.empty()) condition->set_message(std::string(message));
  return condition;
}

inline bool IsPodReady(const corev1::Pod& pod) {
  const auto* ready = FindCondition(pod.status().conditions(), "Ready");
  return ready != nullptr && ready->status() == "True";
}

}  // namespace skiff::api
