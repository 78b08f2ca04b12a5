// What a controller wants: the result of a pure reconcile.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/client.h"

namespace skiff::controllers {

struct EventNote {
  api::ObjectPtr about;
  std::string type;     // Normal, Warning
  std::string reason;
  std::string message;
};

struct Plan {
  std::vector<client::Write> writes;  // Committed as one transaction: all or none.
  std::vector<EventNote> events;      // Told once the writes are done.
  absl::Time wake_at = absl::InfiniteFuture();

  void WakeAt(absl::Time when) { wake_at = std::min(wake_at, when); }
};

// The ownerReference with controller: true; null if there is none.
const metav1::OwnerReference* ControllerOf(const api::Object& object);
metav1::OwnerReference MakeControllerRef(const api::Object& owner);

bool IsPodReady(const corev1::Pod& pod);
// Ready for at least that long.
bool IsPodAvailable(const corev1::Pod& pod, int32_t min_ready_seconds, absl::Time now);
bool IsPodActive(const corev1::Pod& pod);  // Neither finished nor being deleted.

}  // namespace skiff::controllers
