#include "controllers/event_ttl.h"

#include <algorithm>

#include "api/time.h"

namespace skiff::controllers {
namespace {

constexpr absl::Duration kKept = absl::Hours(1);

}  // namespace

Plan ReconcileEvent(const api::ObjectPtr& event, absl::Time now) {
  const auto& typed = event->As<corev1::Event>();
  absl::Time last = api::ToAbsl(typed.metadata().creation_timestamp());
  if (typed.has_last_timestamp()) last = std::max(last, api::ToAbsl(typed.last_timestamp()));
  if (typed.series().has_last_observed_time()) {
    last = std::max(last, api::ToAbsl(typed.series().last_observed_time()));
  }
  Plan plan;
  if (now < last + kKept) {
    plan.WakeAt(last + kKept);
  } else {
    plan.writes.push_back(client::Write::Delete(*event));
  }
  return plan;
}

}  // namespace skiff::controllers
